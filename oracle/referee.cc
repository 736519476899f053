// SPDX-License-Identifier: Apache-2.0
//
// The referee: the formulas as on paper, z = x / T + bias, m = max z, e = exp(z - m), s = sum e, p = e / s,
// log p = (z - m) - log s, lse = m + log s, in MPFR through Boost.Multiprecision numbers of fixed precision; repeated
// with more digits until every entry is decided.
//
// Error, at precision P bits, u = 2^-P, every operation rounded to nearest (relative error <= u); ~ marks what is
// computed. P >= 133, so products of the terms below stay under 2^-12 of them and the constants, rounded up, cover
// them.
//  1. A = |x| / T + |bias| of an entry, rounded up. |z~ - z| <= u (2 |x| / T + |bias|) 1.01 <= 2.1 u A.
//  2. d~ = z~ - m~ of an entry i, where r attains the maximum: |d~ - d| <= u E, E = 4 (A_i + A_r). Where the contract
//  has
//     decided that z_i = z_r, d = 0 and E = 0 are used.
//  3. d~ < kTail = -2^17 and u E <= -d~ / 2: then d < -2^16 and 0 < exp(d) < 2^kTailLog2. Such an entry is left out of
//     the sum, so that MPFR never underflows. Any other entry needs u E <= 2^-20, or this rung decides nothing.
//  4. e~ = exp(d~) is correctly rounded: e = e~ (1 + eps), |eps| <= 1.01 u (E + 1).
//  5. With S = s - 1, the sum over all but one r: c e~ for c copies adds u, the n terms, all positive, n u, in any
//  order:
//     S = S~ (1 + sigma) + tau, |sigma| <= u (1.1 max E + 1.1 n + 4), 0 <= tau < 2^48 2^kTailLog2 < 2^kTauLog2.
//  6. p~ = e~ / (1 + S~): |p / p~ - 1| <= u (2 E + 2 max E + 2 n + 16), which has room for tau < 2^-20 u.
//  7. L~ = log1p(S~): as S / ((1 + S) log(1 + S)) <= 1, L = L~ (1 + lambda) + tau', |lambda| <= u C, 0 <= tau' <= tau,
//     C = 2 max E + 2 n + 16. This keeps log p of the maximum right near 0.
//  8. log p~ = d~ - L~ and lse~ = m~ + L~: off by at most u (E + C L~ + 2 |result~|) + tau, and for lse 3 A_r in place
//  of E.
// What no precision decides, because tau or L is too small to see: p <= 1/k for each of k equal maxima (s >= k),
// log p < d, lse > m, where d and m are rational and known exactly (exact_order.h).

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "oracle/exact_order.h"
#include "oracle/mpfr_real.h"
#include "oracle/tiers.h"

namespace assay::oracle {
namespace {

constexpr double kTail = -0x1p17;
constexpr std::int64_t kTailLog2 = -90000;
constexpr long kTauLog2 = kTailLog2 + 48;

Argument ArgumentOf(const Terms& terms, std::size_t i) { return {terms.x[i], terms.BiasOf(i)}; }

// A, with room for its own roundings.
long double SizeOf(const Argument& a, double temperature) {
  return (std::fabs(static_cast<long double>(a.x)) / temperature + std::fabs(a.bias)) * (1 + 0x1p-60L);
}

// One rung of the ladder on one row.
template <unsigned kDigits>
class Rung {
 public:
  Rung(const Terms& terms, Quantity quantity) : terms_(terms), quantity_(quantity) {}

  // Fills the entries of `out` that are not yet `decided`; true once all of them are.
  bool operator()(std::span<Exact> out, std::vector<bool>& decided) {
    if (!Sum()) return false;
    if (quantity_ != Quantity::kSoftmax) log_sum_ = log1p(rest_);
    bool all_decided = true;
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (decided[i]) continue;
      const std::optional<Exact> result = quantity_ == Quantity::kSoftmax      ? Share(i)
                                          : quantity_ == Quantity::kLogSoftmax ? LogShare(i)
                                                                               : LogSum();
      decided[i] = result.has_value();
      if (result) out[i] = *result;
      all_decided = all_decided && result.has_value();
    }
    return all_decided;
  }

 private:
  using Number = Real<kDigits>;

  static mpfr_srcptr Raw(const Number& x) { return x.backend().data(); }
  static long double RoundedUp(const Number& x) { return mpfr_get_ld(Raw(x), MPFR_RNDA); }

  // Steps 1 to 5. False if this precision is too low for them.
  bool Sum() {
    const std::size_t n = terms_.size();
    const long precision = Precision(Raw(max_));
    const Number temperature(terms_.temperature);
    const Number planted = 1 + Number(Planted(Tier::kReferee));
    const auto z = [&](std::size_t i) -> Number { return Number(terms_.x[i]) / temperature + terms_.BiasOf(i); };
    max_ = z(terms_.max);
    const long double max_size = SizeOf(ArgumentOf(terms_, terms_.max), terms_.temperature);

    d_.assign(n, Number(0));
    e_.assign(n, Number(1));
    error_.assign(n, 0);
    rest_ = 0;
    for (std::size_t i = 0; i < n; ++i) {
      if (terms_.is_max[i] != 0) continue;
      d_[i] = z(i) - max_;
      error_[i] = 4 * (SizeOf(ArgumentOf(terms_, i), terms_.temperature) + max_size);
      if (d_[i] < kTail && 2 * error_[i] <= std::ldexp(-RoundedUp(d_[i]), static_cast<int>(precision) - 1)) {
        e_[i] = 0;
        continue;
      }
      if (error_[i] > std::ldexp(1.0L, static_cast<int>(precision) - 20)) return false;
      max_error_ = std::max(max_error_, error_[i]);
      e_[i] = exp(d_[i]);
      if (planted != 1) e_[i] *= planted;
      rest_ += terms_.CountOf(i) == 1 ? e_[i] : Number(e_[i] * terms_.CountOf(i));
    }
    rest_ = rest_ * terms_.repeat + (terms_.maxima - 1);
    sum_ = 1 + rest_;
    return true;
  }

  std::optional<Exact> Share(std::size_t i) {
    if (e_[i] == 0) return RoundEnclosure({Dyadic{}, PowerOfTwo(kTailLog2)}, false, terms_.format);
    const Number p = e_[i] / sum_;
    Interval value =
        enclose_.Relative(Raw(p), 2 * error_[i] + 2 * max_error_ + 2 * static_cast<long double>(terms_.size()) + 16);
    if (terms_.is_max[i] != 0) {
      const Dyadic share = Reciprocal(terms_.maxima).hi;
      if (Less(share, value.hi)) value.hi = share;
    }
    return RoundEnclosure(value, false, terms_.format);
  }

  // u (... + C L + 2 |result|) + tau of step 8.
  Number LogError(long double leading, const Number& result) {
    const long double c = 2 * max_error_ + 2 * static_cast<long double>(terms_.size()) + 16;
    const long double units = (leading + c * RoundedUp(log_sum_) + 2 * std::fabs(RoundedUp(result))) * (1 + 0x1p-50L);
    return ldexp(Number(units), -Precision(Raw(result))) + ldexp(Number(1), kTauLog2);
  }

  std::optional<Exact> LogShare(std::size_t i) {
    const Number magnitude = log_sum_ - d_[i];
    const Number error = LogError(error_[i], magnitude);
    Interval value = enclose_.Absolute(Raw(magnitude), Raw(error));
    std::optional<Exact> result = RoundEnclosure(value, true, terms_.format);
    if (result || terms_.is_max[i] != 0) return result;
    const SignedInterval d = DifferenceOfZ(ArgumentOf(terms_, i), ArgumentOf(terms_, terms_.max), terms_.temperature);
    if (Less(value.lo, d.magnitude.lo)) value.lo = d.magnitude.lo;
    return RoundEnclosure(value, true, terms_.format);
  }

  std::optional<Exact> LogSum() {
    const Number lse = max_ + log_sum_;
    const Number error = LogError(3 * SizeOf(ArgumentOf(terms_, terms_.max), terms_.temperature), lse);
    const SignedInterval max = ZOf(ArgumentOf(terms_, terms_.max), terms_.temperature);
    const bool negative = max.sign < 0 && lse < 0;
    const Number magnitude = abs(lse);
    if (max.sign < 0 && magnitude <= error) return std::nullopt;  // the sign is in doubt
    Interval value = enclose_.Absolute(Raw(magnitude), Raw(error));
    if (max.sign > 0 && Less(value.lo, max.magnitude.lo)) value.lo = max.magnitude.lo;
    if (negative && Less(max.magnitude.hi, value.hi)) value.hi = max.magnitude.hi;
    return RoundEnclosure(value, negative, terms_.format);
  }

  const Terms& terms_;
  const Quantity quantity_;
  Number max_, sum_, log_sum_;
  Number rest_;                     // S
  std::vector<Number> d_;           // z - m; 0 at the maxima
  std::vector<Number> e_;           // 1 at the maxima, 0 in the tail
  std::vector<long double> error_;  // E
  long double max_error_ = 0;       // over the entries that are summed
  Enclose enclose_;
};

template <unsigned kDigits>
bool RunRung(const Terms& terms, Quantity quantity, std::span<Exact> out, std::vector<bool>& decided) {
  return Rung<kDigits>(terms, quantity)(out, decided);
}

}  // namespace

void RefereeTerms(const Terms& terms, Quantity quantity, std::span<Exact> out, int rungs) {
  FreeCacheAtThreadExit();
  using RungFunction = bool (*)(const Terms&, Quantity, std::span<Exact>, std::vector<bool>&);
  constexpr RungFunction kLadder[kRungs] = {RunRung<40>,  RunRung<80>,  RunRung<160>,
                                            RunRung<320>, RunRung<640>, RunRung<2560>};
  constexpr long kBits[kRungs] = {133, 266, 532, 1063, 2126, 8504};
  std::vector<bool> decided(out.size(), false);
  for (int rung = 0; rung < rungs; ++rung) {
    if (kLadder[rung](terms, quantity, out, decided)) return;
  }
  ThrowUndecided(Tier::kReferee, kBits[rungs - 1], Describe(terms));
}

}  // namespace assay::oracle
