// SPDX-License-Identifier: Apache-2.0
//
// The bulk tier: Arb balls (Johansson 2017), whose radii are rigorous by construction, so that no error argument is
// needed here; repeated at a higher precision until every entry is decided. Another route than the referee's:
// differences first, d = (x - x_r) / T + (bias - bias_r) with r the maximum, one reciprocal of T and of the sum,
// entries too small to matter left out by a bound. What no precision decides is decided as in referee.cc.

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "oracle/arb_real.h"
#include "oracle/exact_order.h"
#include "oracle/tiers.h"

namespace assay::oracle {
namespace {

// 96 bits decide all but about one entry in 2^60 of ordinary rows of f32; for f64 they are too few. 96 + 8 guard bits
// are two limbs, and so are 128 bits; Arb keeps those without allocation. The last rung is README.md's.
constexpr slong kLadder[kRungs] = {96, 192, 384, 768, 2048, 8192};
constexpr slong kFirstOfF64 = 128;

slong PrecisionOf(int rung, Format format) { return rung == 0 && format == Format::kF64 ? kFirstOfF64 : kLadder[rung]; }

// Arb numbers of this thread, so that an element costs no allocation.
struct Scratch {
  static Scratch& OfThread() {
    FlintCleanupAtThreadExit();
    static thread_local Scratch scratch;
    return scratch;
  }

  Balls exps, differences;
  Ball inverse_t, max_x, max_bias, rest, value, other;
  Float end;
};

// a - b; `b_ball` is b. In double where that is exact, as it is for most pairs of f32: the error of a double sum is
// itself a double (Knuth 1969, 4.2.2), and it is 0 here.
void SetDifference(arb_ptr result, double a, double b, arb_srcptr b_ball, slong precision) {
  const double sum = a - b;
  const double b_part = a - sum;
  const double error = (a - (sum + b_part)) + (b_part - b);
  if (error == 0) {
    arb_set_d(result, sum);
  } else {
    arb_set_d(result, a);
    arb_sub(result, result, b_ball, precision);
  }
}

// One rung of the ladder on one row.
class Rung {
 public:
  Rung(const Terms& terms, Quantity quantity, slong precision)
      : terms_(terms),
        quantity_(quantity),
        precision_(precision),
        tail_log2_(ShapeOf(terms.format).min_ulp_log2 - 161 - precision),
        tail_start_(0.71 * static_cast<double>(tail_log2_)),
        tail_start_x_(tail_start_ * terms.temperature) {}

  // Fills the entries of `out` that are not yet `decided`; true once all of them are. An empty `decided` means that
  // none is; it is made only when the first entry is in doubt.
  bool operator()(std::span<Exact> out, std::vector<bool>& decided) {
    if (!Sum()) return false;
    if (quantity_ == Quantity::kSoftmax) {
      arb_add_ui(scratch_.rest, scratch_.rest, 1, precision_);
      arb_inv(scratch_.rest, scratch_.rest, precision_);
    } else {
      arb_log1p(scratch_.rest, scratch_.rest, precision_);
    }
    const std::optional<Exact> of_max = OfMaximum();
    bool all_decided = true;
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (!decided.empty() && decided[i]) continue;
      const std::optional<Exact> result = quantity_ == Quantity::kLogSumExp    ? LogSum()
                                          : terms_.is_max[i] != 0              ? of_max
                                          : quantity_ == Quantity::kLogSoftmax ? LogShare(i)
                                                                               : Share(i);
      if (result) {
        out[i] = *result;
        if (!decided.empty()) decided[i] = true;
        continue;
      }
      if (decided.empty()) {
        decided.assign(out.size(), false);
        std::fill_n(decided.begin(), i, true);
      }
      all_decided = false;
    }
    return all_decided;
  }

 private:
  Argument ArgumentOf(std::size_t i) const { return {terms_.x[i], terms_.BiasOf(i)}; }

  // Whether exp(d) < 2^tail_log2_ for certain: ln 2 < 0.71 / (1 + 2^-6), and the double product and difference are off
  // by less than 2^-8 of themselves, that much only where T is subnormal. An infinite bound leaves nothing out.
  bool InTail(std::size_t i) const {
    if (terms_.bias.empty()) return terms_.x[i] - terms_.x[terms_.max] < tail_start_x_;
    const Approximate d = ApproximateDifference(ArgumentOf(i), ArgumentOf(terms_.max), terms_.temperature);
    return d.value + d.error < tail_start_;
  }

  void SetD(arb_ptr d, std::size_t i) {
    SetDifference(d, terms_.x[i], terms_.x[terms_.max], scratch_.max_x, precision_);
    if (terms_.temperature != 1) arb_mul(d, d, scratch_.inverse_t, precision_);
    if (terms_.bias.empty()) return;
    SetDifference(scratch_.other, terms_.bias[i], terms_.bias[terms_.max], scratch_.max_bias, precision_);
    arb_add(d, d, scratch_.other, precision_);
  }

  // rest = the sum of exp(d) over all but one maximum. False if this precision is too low for that.
  bool Sum() {
    const std::size_t n = terms_.size();
    const double planted = Planted(Tier::kBulk);
    const bool keep_d = quantity_ == Quantity::kLogSoftmax;
    exps_ = scratch_.exps.AtLeast(n);
    if (keep_d) differences_ = scratch_.differences.AtLeast(n);
    arb_set_d(scratch_.inverse_t, terms_.temperature);
    arb_inv(scratch_.inverse_t, scratch_.inverse_t, precision_);
    arb_set_d(scratch_.max_x, terms_.x[terms_.max]);
    arb_set_d(scratch_.max_bias, terms_.BiasOf(terms_.max));

    arb_ptr rest = scratch_.rest;
    arb_zero(rest);
    std::uint64_t tail_count = 0;
    for (std::size_t i = 0; i < n; ++i) {
      if (terms_.is_max[i] != 0) continue;
      arb_ptr d = keep_d ? differences_ + i : static_cast<arb_ptr>(scratch_.value);
      if (InTail(i)) {
        tail_count += terms_.CountOf(i);
        if (keep_d) SetD(d, i);
        continue;
      }
      SetD(d, i);
      if (mag_cmp_2exp_si(arb_radref(d), -8) > 0) return false;
      arb_exp(exps_ + i, d, precision_);
      if (planted != 0) {
        arb_set_d(scratch_.other, planted);
        arb_add_ui(scratch_.other, scratch_.other, 1, precision_);
        arb_mul(exps_ + i, exps_ + i, scratch_.other, precision_);
      }
      if (terms_.count.empty()) {
        arb_add(rest, rest, exps_ + i, precision_);
      } else {
        arb_addmul_ui(rest, exps_ + i, terms_.count[i], precision_);
      }
    }
    if (terms_.repeat != 1) arb_mul_ui(rest, rest, terms_.repeat, precision_);
    arb_add_ui(rest, rest, terms_.maxima - 1, precision_);
    if (tail_count > 0) {
      // The tail lies in (0, tail_count repeat 2^tail_log2).
      mag_t tail;
      mag_init(tail);
      mag_set_ui(tail, tail_count * terms_.repeat);
      mag_mul_2exp_si(tail, tail, tail_log2_);
      arb_add_error_mag(rest, tail);
      mag_clear(tail);
    }
    return true;
  }

  // `rest` holds 1 / s from here on, or log s.
  std::optional<Exact> OfMaximum() {
    Interval value;
    if (quantity_ == Quantity::kLogSumExp) return std::nullopt;
    if (quantity_ == Quantity::kLogSoftmax) {
      if (!ToInterval(scratch_.rest, false, scratch_.end, value)) return std::nullopt;
      return RoundEnclosure(value, true, terms_.format);
    }
    if (!ToInterval(scratch_.rest, false, scratch_.end, value)) return std::nullopt;
    // The sum is at least the number of maxima, so that each has at most this share.
    const Dyadic share = Reciprocal(terms_.maxima).hi;
    if (Less(share, value.hi)) value.hi = share;
    return RoundEnclosure(value, false, terms_.format);
  }

  std::optional<Exact> Share(std::size_t i) {
    if (InTail(i)) return RoundEnclosure({Dyadic{}, PowerOfTwo(tail_log2_)}, false, terms_.format);
    arb_mul(scratch_.value, exps_ + i, scratch_.rest, precision_);
    Interval value;
    if (!ToInterval(scratch_.value, false, scratch_.end, value)) return std::nullopt;
    return RoundEnclosure(value, false, terms_.format);
  }

  std::optional<Exact> LogShare(std::size_t i) {
    arb_sub(scratch_.value, differences_ + i, scratch_.rest, precision_);
    Interval value;
    if (!ToInterval(scratch_.value, true, scratch_.end, value)) return std::nullopt;
    if (const auto result = RoundEnclosure(value, true, terms_.format)) return result;
    const SignedInterval d = DifferenceOfZ(ArgumentOf(i), ArgumentOf(terms_.max), terms_.temperature);
    if (Less(value.lo, d.magnitude.lo)) value.lo = d.magnitude.lo;
    return RoundEnclosure(value, true, terms_.format);
  }

  std::optional<Exact> LogSum() {
    arb_ptr lse = scratch_.value;
    arb_mul(lse, scratch_.max_x, scratch_.inverse_t, precision_);
    arb_add(lse, lse, scratch_.max_bias, precision_);
    arb_add(lse, lse, scratch_.rest, precision_);
    const SignedInterval max = ZOf(ArgumentOf(terms_.max), terms_.temperature);
    const bool negative = max.sign < 0 && arb_is_positive(lse) == 0;
    if (negative && arb_is_negative(lse) == 0) return std::nullopt;  // the sign is in doubt
    Interval value;
    if (!ToInterval(lse, negative, scratch_.end, value)) return std::nullopt;
    if (max.sign > 0 && Less(value.lo, max.magnitude.lo)) value.lo = max.magnitude.lo;
    if (negative && Less(max.magnitude.hi, value.hi)) value.hi = max.magnitude.hi;
    return RoundEnclosure(value, negative, terms_.format);
  }

  const Terms& terms_;
  const Quantity quantity_;
  const slong precision_;
  // exp(d) below 2^tail_log2_ is left out: of no weight in the sum (48 bits of copies), in the result, or beside it.
  const std::int64_t tail_log2_;
  const double tail_start_;
  const double tail_start_x_;
  Scratch& scratch_ = Scratch::OfThread();
  arb_ptr exps_ = nullptr;
  arb_ptr differences_ = nullptr;
};

}  // namespace

void BulkTerms(const Terms& terms, Quantity quantity, std::span<Exact> out, int rungs) {
  std::vector<bool> decided;
  for (int rung = 0; rung < rungs; ++rung) {
    if (Rung(terms, quantity, PrecisionOf(rung, terms.format))(out, decided)) return;
  }
  ThrowUndecided(Tier::kBulk, PrecisionOf(rungs - 1, terms.format), Describe(terms));
}

}  // namespace assay::oracle
