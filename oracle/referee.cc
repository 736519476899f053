// SPDX-License-Identifier: Apache-2.0
//
// The referee: softmax as written on paper, z = x / T, m = max z, p = exp(z - m) / sum exp(z - m), in MPFR through
// Boost.Multiprecision numbers of fixed precision; repeated with twice the digits until every entry is decided.
//
// Error, at precision P bits, u = 2^-P, every operation rounded to nearest (relative error <= u); ~ marks what is
// computed. P >= 133 and n < 2^48, so products of the terms below stay under 2^-40 of them and the constants, rounded
// up, cover them.
//  1. z~ = z (1 + u), so |z~ - z| <= 1.01 u |z~|. Rounding is monotonic: max z~ is the rounded max z.
//  2. d~ = z~ - m~: |d~ - d| <= 5 u A, A = max(|z~|, |m~|). It is 0, exactly, for the entries that attain the maximum.
//  3. Two different f32 are at least 2^-24 of the larger one apart, hence |d| >= 2^-24 A (1 - 2u): d~ has a relative
//     error of at most 2^28 u < 2^-100, even where |z| reaches 2^1202 (T = 2^-1074).
//  4. d~ < kTail = -2^16: then d < -65535 and 0 < exp(d) < 2^kTailLog2. Such an entry is left out of the sum and has
//     0 < p < 2^kTailLog2, so MPFR never underflows. Every other entry has A < 2^41 by 3.
//  5. e~ = exp(d~) is correctly rounded: e = e~ (1 + eps), |eps| <= 1.01 (5 u A + u) <= u (6 A + 2); eps = 0 at the
//     maximum.
//  6. s~, the sum of n positive terms in any order, is off by at most 1.01 n u; the terms left out, n 2^kTailLog2 < u:
//     s = s~ (1 + sigma), |sigma| <= u (7 max A + 2 n + 4) over the entries kept.
//  7. p~ = e~ / s~: |p / p~ - 1| <= u (8 A + 8 max A + 3 n + 16).
// Besides: s >= k for k equal maxima, hence p <= 1/k for each of them.

#include <mpfr.h>

#include <algorithm>
#include <boost/multiprecision/mpfr.hpp>
#include <cmath>
#include <optional>
#include <vector>

#include "oracle/round.h"
#include "oracle/tiers.h"

namespace assay::oracle {
namespace {

static_assert(GMP_NUMB_BITS == 64);

constexpr double kTail = -65536;
constexpr std::int64_t kTailLog2 = -90000;

// Constants MPFR has cached for this thread go when the thread does.
struct FreeCacheAtExit {
  ~FreeCacheAtExit() { mpfr_free_cache(); }
};

Dyadic ToDyadic(mpfr_srcptr x) {
  if (mpfr_sgn(x) <= 0) return {};
  const auto* limbs = static_cast<const mp_limb_t*>(mpfr_custom_get_significand(x));
  return {limbs[1], limbs[0], mpfr_get_exp(x) - 128};
}

// [p (1 - c u), p (1 + c u)], u = 2^-precision of p.
class Enclose {
 public:
  Enclose() { mpfr_inits2(128, error_, end_, static_cast<mpfr_ptr>(nullptr)); }
  ~Enclose() { mpfr_clears(error_, end_, static_cast<mpfr_ptr>(nullptr)); }
  Enclose(const Enclose&) = delete;
  Enclose& operator=(const Enclose&) = delete;

  Interval operator()(mpfr_srcptr p, double c) {
    Interval value;
    mpfr_mul_d(error_, p, c, MPFR_RNDU);
    mpfr_mul_2si(error_, error_, -mpfr_get_prec(p), MPFR_RNDU);
    mpfr_sub(end_, p, error_, MPFR_RNDD);
    value.lo = ToDyadic(end_);
    mpfr_add(end_, p, error_, MPFR_RNDU);
    value.hi = ToDyadic(end_);
    return value;
  }

 private:
  mpfr_t error_;
  mpfr_t end_;
};

// One rung of the ladder. Fills the entries of `out` that are not yet `decided`; true once all of them are.
template <unsigned kDigits>
bool Rung(std::span<const float> x, double temperature, std::span<Exact> out, std::vector<bool>& decided) {
  namespace mp = boost::multiprecision;
  using Real = mp::number<mp::mpfr_float_backend<kDigits>, mp::et_off>;
  const std::size_t n = x.size();
  const Real t(temperature);
  const double planted = Planted(Tier::kReferee);

  std::vector<Real> z(n);
  for (std::size_t i = 0; i < n; ++i) z[i] = Real(x[i]) / t;
  const Real m = *std::max_element(z.begin(), z.end());

  std::vector<Real> e(n);
  std::vector<double> magnitude(n);  // A of the argument; -1 marks an entry of the tail.
  double max_magnitude = 0;
  std::uint64_t maxima = 0;
  Real s(0);
  for (std::size_t i = 0; i < n; ++i) {
    const Real d = z[i] - m;
    if (d < kTail) {
      magnitude[i] = -1;
      continue;
    }
    e[i] = exp(d);
    if (d == 0) {
      ++maxima;
    } else {
      const Real a = std::max<Real>(abs(z[i]), abs(m));
      magnitude[i] = mpfr_get_d(a.backend().data(), MPFR_RNDU);
      max_magnitude = std::max(max_magnitude, magnitude[i]);
      if (planted != 0) e[i] *= 1 + Real(planted);
    }
    s += e[i];
  }

  const Dyadic share = Reciprocal(maxima).hi;
  const std::optional<Exact> tail = RoundEnclosure({Dyadic{}, PowerOfTwo(kTailLog2)});
  Enclose enclose;
  bool all_decided = true;
  for (std::size_t i = 0; i < n; ++i) {
    if (decided[i]) continue;
    std::optional<Exact> result = tail;
    if (magnitude[i] >= 0) {
      const Real p = e[i] / s;
      const double c = 8 * magnitude[i] + 8 * max_magnitude + 3 * static_cast<double>(n) + 16;
      Interval value = enclose(p.backend().data(), c);
      if (z[i] == m && Less(share, value.hi)) value.hi = share;
      result = RoundEnclosure(value);
    }
    decided[i] = result.has_value();
    if (result) out[i] = *result;
    all_decided = all_decided && result.has_value();
  }
  return all_decided;
}

}  // namespace

void RefereeRow(std::span<const float> x, double temperature, std::span<Exact> out, int rungs) {
  static thread_local const FreeCacheAtExit free_cache_at_exit;
  static_cast<void>(free_cache_at_exit);
  using RungFunction = bool (*)(std::span<const float>, double, std::span<Exact>, std::vector<bool>&);
  constexpr RungFunction kLadder[kRungs] = {Rung<40>, Rung<80>, Rung<160>, Rung<320>, Rung<640>, Rung<1280>};
  std::vector<bool> decided(x.size(), false);
  for (int rung = 0; rung < rungs; ++rung) {
    if (kLadder[rung](x, temperature, out, decided)) return;
  }
  const double bits_per_digit = 3.32;
  ThrowUndecided(Tier::kReferee, x, temperature, static_cast<long>(bits_per_digit * std::ldexp(40, rungs - 1)));
}

}  // namespace assay::oracle
