// SPDX-License-Identifier: Apache-2.0
//
// The first step of the exact tier's ladder: a row's exponents d_j = z_j - z_r relative to a reference entry r, in
// double lanes, with what bounds their error. Any type, stride, mask, bias and T. Compiled once per target.

#if defined(ASSAY_LIB_EXACT_EXPONENTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_EXACT_EXPONENTS_INL_H_
#undef ASSAY_LIB_EXACT_EXPONENTS_INL_H_
#else
#define ASSAY_LIB_EXACT_EXPONENTS_INL_H_
#endif

#include "accurate_row-inl.h"
#include "error_bounds.h"
#include "exact_log.h"
#include "exp-inl.h"
#include "lane_sum-inl.h"
#include "row-inl.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

struct RowScan {
  RowKind kind;
  double max_logit;  // of a finite row
};

HWY_INLINE RowScan ScanRow(const Row& row) {
  const Doubles d;
  const DoubleVec infinity = hn::Set(d, kInf);
  DoubleVec max = hn::Neg(infinity);
  DoubleMask finite = hn::Eq(max, max);
  DoubleVec x, b;
  for (size_t j = 0; j < row.size(); j += Lanes()) {
    row.Load(j, x, b);
    finite = hn::And(finite, hn::And(hn::Lt(x, infinity), hn::Lt(b, infinity)));  // false for NaN
    max = hn::IfThenElse(hn::Gt(x, max), x, max);
  }
  if (HWY_LIKELY(hn::AllTrue(d, finite))) {
    const double max_logit = LargestLane(max);
    return {max_logit == -kInf ? RowKind::kEmpty : RowKind::kFinite, max_logit};
  }
  double one_x, one_b;
  for (size_t j = 0; j < row.size(); ++j) {
    if (row.At(j, one_x, one_b) && (one_x != one_x || one_b != one_b)) return {RowKind::kNaN, 0};
  }
  return {RowKind::kInfinite, 0};
}

// 1 / T, and 0 in both limits: T < bounds::kHardmaxBelow counts as T = 0.
HWY_INLINE double InverseTemperature(double temperature) {
  return temperature < bounds::kHardmaxBelow ? 0 : 1 / temperature;
}

// (x - x_r) / T + (b - b_r), and |x - x_r| / T + |b - b_r|; -inf and 0 where not live.
HWY_INLINE void ExponentOf(DoubleVec x, DoubleVec x_r, DoubleVec b, DoubleVec b_r, double inverse, DoubleMask live,
                           DoubleVec& HWY_RESTRICT d, DoubleVec& HWY_RESTRICT size) {
  const Doubles tag;
  const DoubleVec x_part = hn::Mul(hn::Sub(x, x_r), hn::Set(tag, inverse));
  const DoubleVec b_part = hn::Sub(b, b_r);
  d = hn::IfThenElse(live, hn::Add(x_part, b_part), hn::Set(tag, -kInf));
  size = hn::IfThenElseZero(live, hn::Add(hn::Abs(x_part), hn::Abs(b_part)));
}

// z_r of a reference in double, with a bound of its error.
HWY_INLINE double ReferenceOf(double x_r, double b_r, double inverse, bool has_bias, double* error) {
  const double reference = x_r * inverse + b_r;
  *error = (inverse == 1 ? 0 : 2.02 * bounds::kU) * std::fabs(x_r * inverse) +
           (has_bias ? bounds::kU * std::fabs(reference) : 0);
  return reference;
}
// |x_r| / T + |b_r|, and up to what the differences to that entry need no better one.
HWY_INLINE double MagnitudeOf(double x_r, double b_r, double inverse) {
  return std::fabs(x_r * inverse) + std::fabs(b_r);
}
inline constexpr double kLargestReference = 0x1p40;

class Exponents {
 public:
  // Of a finite row.
  HWY_INLINE Exponents(const Row& row, double temperature, double max_logit)
      : row_(&row),
        inverse_(InverseTemperature(temperature)),
        max_logit_(max_logit),
        largest_only_(temperature < bounds::kHardmaxBelow),
        plain_(inverse_ > 0 && !row.has_bias()),
        reference_x_(max_logit) {
    if (!row.has_bias()) return;
    // First from z itself, which may cancel, then from the differences to that entry.
    reference_x_ = 0;
    FindReference();
    if (!(MagnitudeOf(reference_x_, reference_b_, inverse_) <= kLargestReference)) FindReference();
  }

  // d_j, and the size |x_j - x_r| / T + |b_j - b_r| that bounds its error: |error| <= bounds::kExponentRelative * size.
  // Where invisible, past the end, or at T = 0 less than the largest logit: -inf and 0.
  HWY_INLINE void Load(size_t j, DoubleVec& HWY_RESTRICT d, DoubleVec& HWY_RESTRICT size) const {
    const Doubles tag;
    if (plain_) {
      d = hn::Mul(hn::Sub(row_->Load(j), hn::Set(tag, reference_x_)), hn::Set(tag, inverse_));
      size = hn::IfThenZeroElse(hn::Eq(d, hn::Set(tag, -kInf)), hn::Abs(d));
      return;
    }
    DoubleVec x, b;
    row_->Load(j, x, b);
    LoadAt(x, b, d, size);
  }

  HWY_INLINE double Reference(double* error) const {
    return ReferenceOf(reference_x_, reference_b_, inverse_, row_->has_bias(), error);
  }
  HWY_INLINE bool largest_only() const { return largest_only_; }

 private:
  HWY_INLINE void LoadAt(DoubleVec x, DoubleVec b, DoubleVec& HWY_RESTRICT d, DoubleVec& HWY_RESTRICT size) const {
    const Doubles tag;
    const DoubleMask live = largest_only_ ? hn::Eq(x, hn::Set(tag, max_logit_)) : hn::Gt(x, hn::Set(tag, -kInf));
    ExponentOf(x, hn::Set(tag, reference_x_), b, hn::Set(tag, reference_b_), inverse_, live, d, size);
  }

  // Makes the entry with the largest d_j the reference.
  HWY_NOINLINE void FindReference() {
    const Doubles tag;
    DoubleVec best = hn::Set(tag, -kInf), best_x = best, best_b = best;
    DoubleVec x, b, d, size;
    for (size_t j = 0; j < row_->size(); j += Lanes()) {
      row_->Load(j, x, b);
      LoadAt(x, b, d, size);
      const DoubleMask better = hn::Gt(d, best);
      best = hn::IfThenElse(better, d, best);
      best_x = hn::IfThenElse(better, x, best_x);
      best_b = hn::IfThenElse(better, b, best_b);
    }
    HWY_ALIGN double lanes[3][kMaxLanes];
    hn::Store(best, tag, lanes[0]);
    hn::Store(best_x, tag, lanes[1]);
    hn::Store(best_b, tag, lanes[2]);
    size_t at = 0;
    for (size_t i = 1; i < Lanes(); ++i) {
      if (lanes[0][i] > lanes[0][at]) at = i;
    }
    reference_x_ = lanes[1][at];
    reference_b_ = lanes[2][at];
  }

  const Row* row_;
  double inverse_;
  double max_logit_;
  bool largest_only_;
  bool plain_;
  double reference_x_;
  double reference_b_ = 0;
};

// The sum of exp(d_j) without the reference entry, whose exp is 1.
struct RestOfSum {
  double value;
  double error;  // bound of |error|
  bool coarse;   // the exponents cancel so much that neither is worth anything
};

// exp(d) where the entry can be live, else 0: exp(-700) n is far below what a result of 32 bits can see.
HWY_INLINE DoubleVec ExpOrZero(DoubleVec d, DoubleVec size) {
  const Doubles tag;
  const DoubleVec highest = hn::MulAdd(size, hn::Set(tag, bounds::kExponentRelative), d);
  return hn::IfThenElseZero(hn::Gt(highest, hn::Set(tag, -700.0)), Exp(tag, d));
}

// weight, reach and top: of all entries the sum of exp(d) times size, the largest size of those that count, the largest
// d.
HWY_INLINE RestOfSum RestOf(double value, double weight, double reach, double top, size_t n) {
  // Beyond either, exp(error) - 1 <= 1.01 error and exp(d) would not hold.
  return {value, bounds::RestError(value, weight, n), !(reach < 0x1p40) || !(top < 1)};
}

// kept: null, or where the exponentials of whole vectors go.
HWY_INLINE RestOfSum SumRest(const Exponents& exponents, size_t n, double* HWY_RESTRICT kept) {
  const Doubles tag;
  const DoubleVec zero = hn::Zero(tag);
  DoubleVec sum = zero, sum_lo = zero, weighted = zero, reach = zero, top = zero, next, error, d, size;
  size_t maxima = 0;
  for (size_t j = 0; j < n; j += Lanes()) {
    exponents.Load(j, d, size);
    const DoubleVec e = ExpOrZero(d, size);
    if (kept != nullptr) hn::Store(e, tag, kept + j);
    const DoubleMask equal = hn::Eq(d, zero);
    maxima += hn::CountTrue(tag, equal);
    TwoSum(sum, hn::IfThenZeroElse(equal, e), next, error);
    sum = next;
    sum_lo = hn::Add(sum_lo, error);
    weighted = hn::MulAdd(e, size, weighted);
    const DoubleMask live = hn::Gt(e, zero);
    reach = hn::Max(reach, hn::IfThenElseZero(live, size));
    top = hn::Max(top, d);
  }
  HWY_ALIGN double lanes[2][kMaxLanes];
  hn::Store(sum, tag, lanes[0]);
  hn::Store(sum_lo, tag, lanes[1]);
  internal::ScalarPair total = {static_cast<double>(maxima) - 1, 0};
  for (size_t i = 0; i < Lanes(); ++i) total = internal::Add(total, {lanes[0][i], lanes[1][i]});
  const double weight = hn::GetLane(hn::SumOfLanes(tag, weighted));
  return RestOf(total.hi, weight, LargestLane(reach), LargestLane(top), n);
}

// A share p = exp(d) / sum within +- the result.
HWY_INLINE DoubleVec ShareDelta(DoubleVec p, DoubleVec size, DoubleVec relative) {
  const Doubles tag;
  const DoubleVec slope = hn::Set(tag, 1.01 * bounds::kExponentRelative);
  return hn::MulAdd(p, hn::MulAdd(size, slope, relative), hn::Set(tag, bounds::kResultSlack));
}

// log of the sum of exp(d_j), and a bound of its error.
struct LogOfSum {
  double value;
  double error;
};

HWY_INLINE LogOfSum LogSum(const RestOfSum& rest) {
  if (rest.coarse) return {0, kInf};
  const double value = internal::LogOnePlus(rest.value);
  return {value, bounds::LogError(rest.value, rest.error, value)};
}

// log p = d - log_sum, known to +- error, within +- the result: one rounding in log p, and one in each end of the
// enclosure.
HWY_INLINE DoubleVec LogShareDelta(DoubleVec log_p, DoubleVec size, DoubleVec error) {
  const Doubles tag;
  const DoubleVec roundings = hn::Mul(hn::Abs(log_p), hn::Set(tag, 2.02 * bounds::kU));
  return hn::Add(hn::MulAdd(size, hn::Set(tag, bounds::kExponentRelative), error), roundings);
}

// logsumexp, and a bound of its error.
HWY_INLINE LogOfSum LogSumExpOf(double reference, double reference_error, LogOfSum log_sum) {
  const double lse = reference + log_sum.value;
  return {lse, reference_error + log_sum.error + 2.02 * bounds::kU * std::fabs(lse)};
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // include guard
