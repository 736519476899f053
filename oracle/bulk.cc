// SPDX-License-Identifier: Apache-2.0
//
// The bulk tier: softmax in Arb balls (Johansson 2017), whose radii are rigorous by construction, so that no error
// argument is needed here; repeated at a higher precision until every entry is decided. Another route than the
// referee's: differences first, one reciprocal of T and of the sum, entries too small to matter left out by a bound.

#include <arb.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <stdexcept>
#include <vector>

#include "oracle/round.h"
#include "oracle/tiers.h"

namespace assay::oracle {
namespace {

static_assert(FLINT_BITS == 64);

// 96 bits decide all but about one entry in 2^60 of ordinary rows; 96 + 8 guard bits are two limbs, which Arb keeps
// without allocation.
constexpr slong kLadder[kRungs] = {96, 192, 384, 768, 1536, 4096};

// Below this many (z - max), at precision P, exp(z - max) is left out: with P >= 96 it is less than 2^TailLog2(P).
double TailStart(slong precision) { return -static_cast<double>(precision) - 204; }
slong TailLog2(slong precision) { return -precision - 310; }

// Arb numbers of this thread, so that an element costs no allocation. Goes, with FLINT's caches, when the thread does.
class Scratch {
 public:
  Scratch() {
    for (arb_ptr x : {t_, max_, sum_, value_}) arb_init(x);
    arf_init(end_);
  }
  ~Scratch() {
    for (arb_struct& x : exps_) arb_clear(&x);
    for (arb_ptr x : {t_, max_, sum_, value_}) arb_clear(x);
    arf_clear(end_);
    flint_cleanup();
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  static Scratch& OfThread() {
    static thread_local Scratch scratch;
    return scratch;
  }

  arb_ptr exps(std::size_t n) {
    const std::size_t old = exps_.size();
    if (n > old) {
      // Arb numbers own memory by pointer and may be moved bitwise.
      exps_.resize(n);
      for (std::size_t i = old; i < n; ++i) arb_init(&exps_[i]);
    }
    return exps_.data();
  }
  arb_ptr t() { return t_; }
  arb_ptr max() { return max_; }
  arb_ptr sum() { return sum_; }
  arb_ptr value() { return value_; }
  arf_ptr end() { return end_; }

 private:
  std::vector<arb_struct> exps_;
  arb_t t_, max_, sum_, value_;
  arf_t end_;
};

// x has at most 128 bits; anything not positive gives 0.
Dyadic ToDyadic(arf_srcptr x) {
  if (arf_sgn(x) <= 0) return {};
  mp_srcptr limbs;
  mp_size_t size;
  ARF_GET_MPN_READONLY(limbs, size, x);
  return {limbs[size - 1], size > 1 ? limbs[size - 2] : 0, ARF_EXP(x) - 128};
}

Interval ToInterval(arb_srcptr x, arf_ptr scratch) {
  Interval value;
  arb_get_lbound_arf(scratch, x, 128);
  value.lo = ToDyadic(scratch);
  arb_get_ubound_arf(scratch, x, 128);
  value.hi = ToDyadic(scratch);
  return value;
}

// a - b; `b_ball` is b. In double where that is exact, as it is for most pairs of f32: the error of a double sum is
// itself a double (Knuth 1969, 4.2.2), and it is 0 here.
void SetDifference(arb_ptr result, float a, float b, arb_srcptr b_ball, slong precision) {
  const double x = double{a};
  const double y = -double{b};
  const double sum = x + y;
  const double y_part = sum - x;
  const double error = (x - (sum - y_part)) + (y - y_part);
  if (error == 0) {
    arb_set_d(result, sum);
  } else {
    arb_set_d(result, x);
    arb_sub(result, result, b_ball, precision);
  }
}

// One rung of the ladder. Fills the entries of `out` that are not yet `decided`; true once all of them are. An empty
// `decided` means that none is; it is made only when the first entry is in doubt.
bool Rung(std::span<const float> x, double temperature, slong precision, std::span<Exact> out,
          std::vector<bool>& decided) {
  Scratch& scratch = Scratch::OfThread();
  const std::size_t n = x.size();
  const float max = *std::max_element(x.begin(), x.end());
  const double planted = Planted(Tier::kBulk);

  arb_set_d(scratch.t(), temperature);
  arb_inv(scratch.t(), scratch.t(), precision);
  arb_set_d(scratch.max(), double{max});
  arb_zero(scratch.sum());
  arb_ptr exps = scratch.exps(n);
  arb_ptr value = scratch.value();

  // In double both sides are off by less than 2^-8 of themselves, that much only where temperature is subnormal; the
  // margin of TailStart over TailLog2 is wider. A limit of -inf leaves nothing out.
  const double tail_limit = TailStart(precision) * temperature;
  const auto in_tail = [=](float xi) { return double{xi} - double{max} < tail_limit; };
  std::uint64_t maxima = 0;
  slong tail_count = 0;
  for (std::size_t i = 0; i < n; ++i) {
    if (in_tail(x[i])) {
      ++tail_count;
      continue;
    }
    if (x[i] == max) {
      ++maxima;
      arb_one(exps + i);
    } else {
      SetDifference(value, x[i], max, scratch.max(), precision);
      if (temperature != 1) arb_mul(value, value, scratch.t(), precision);
      arb_exp(exps + i, value, precision);
      if (planted != 0) {
        arb_set_d(value, planted);
        arb_add_ui(value, value, 1, precision);
        arb_mul(exps + i, exps + i, value, precision);
      }
    }
    arb_add(scratch.sum(), scratch.sum(), exps + i, precision);
  }
  if (tail_count > 0) {
    // The tail lies in (0, tail_count 2^TailLog2).
    mag_t tail;
    mag_init(tail);
    mag_set_ui(tail, static_cast<ulong>(tail_count));
    mag_mul_2exp_si(tail, tail, TailLog2(precision));
    arb_add_error_mag(scratch.sum(), tail);
    mag_clear(tail);
  }

  arb_inv(scratch.sum(), scratch.sum(), precision);
  // The sum is at least the number of maxima, so that each has at most this share.
  const Dyadic share = Reciprocal(maxima).hi;
  const std::optional<Exact> tail = RoundEnclosure({Dyadic{}, PowerOfTwo(TailLog2(precision))});
  bool all_decided = true;
  for (std::size_t i = 0; i < n; ++i) {
    if (!decided.empty() && decided[i]) continue;
    std::optional<Exact> result = tail;
    if (!in_tail(x[i])) {
      arb_mul(value, exps + i, scratch.sum(), precision);
      Interval interval = ToInterval(value, scratch.end());
      if (x[i] == max && Less(share, interval.hi)) interval.hi = share;
      result = RoundEnclosure(interval);
    }
    if (result) {
      out[i] = *result;
      if (!decided.empty()) decided[i] = true;
      continue;
    }
    if (decided.empty()) {
      decided.assign(n, false);
      std::fill_n(decided.begin(), i, true);
    }
    all_decided = false;
  }
  return all_decided;
}

}  // namespace

void BulkRow(std::span<const float> x, double temperature, std::span<Exact> out, int rungs) {
  std::vector<bool> decided;
  for (int rung = 0; rung < rungs; ++rung) {
    if (Rung(x, temperature, kLadder[rung], out, decided)) return;
  }
  ThrowUndecided(Tier::kBulk, x, temperature, kLadder[rungs - 1]);
}

double ExpRelativeError(double x, double got, double got_lo) {
  if (std::isnan(x) || std::isnan(got)) {
    return std::isnan(x) && std::isnan(got) ? 0 : std::numeric_limits<double>::infinity();
  }
  if (std::isinf(x) || std::isinf(got)) {
    const bool right = got == (x > 0 ? x : 0) && std::isinf(x);
    return right ? 0 : std::numeric_limits<double>::infinity();
  }
  if (got == 0) return 1;
  // A double needs less than the sum of two; the exhaustive test asks a billion times.
  const slong precision = got_lo == 0 ? 128 : 192;
  Scratch& scratch = Scratch::OfThread();
  // (got + got_lo) * exp(-x) - 1, without a division.
  arb_ptr value = scratch.value();
  arb_set_d(scratch.t(), got);
  if (got_lo != 0) {
    arb_set_d(value, got_lo);
    arb_add(scratch.t(), scratch.t(), value, precision);
  }
  arb_set_d(value, -x);
  arb_exp(value, value, precision);
  arb_mul(value, value, scratch.t(), precision);
  arb_sub_ui(value, value, 1, precision);
  arb_abs(value, value);
  arb_get_ubound_arf(scratch.end(), value, precision);
  return arf_get_d(scratch.end(), ARF_RND_UP);
}

}  // namespace assay::oracle
