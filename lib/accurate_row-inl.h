// SPDX-License-Identifier: Apache-2.0
//
// A row in double-double lanes, of any type, temperature, bias and mask: everything as differences from one entry with
// (nearly) the largest z, the *reference*, so that nothing cancels. Each result comes with a bound on its error; what
// is too close to a midpoint for it is ExactRow's. Same bits on every target. Compiled once per target.

#if defined(ASSAY_LIB_ACCURATE_ROW_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_ACCURATE_ROW_INL_H_
#undef ASSAY_LIB_ACCURATE_ROW_INL_H_
#else
#define ASSAY_LIB_ACCURATE_ROW_INL_H_
#endif

#include <cmath>
#include <limits>

#include "dd-inl.h"
#include "error_bounds.h"
#include "exact_row.h"
#include "exp-inl.h"
#include "lane_sum-inl.h"
#include "log_pair.h"
#include "row-inl.h"
#include "scaled_difference-inl.h"
#include "wide_pair.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// What the visible entries of a row are.
enum class RowKind {
  kEmpty,     // none
  kNaN,       // one is NaN
  kInfinite,  // one is +inf, none NaN
  kFinite,
};
inline constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// A row of softmax or log_softmax that its kind fixes: true where that was so.
HWY_INLINE bool FillFixed(RowKind kind, const internal::Request& request, const Out& out) {
  if (HWY_LIKELY(kind == RowKind::kFinite)) return false;
  const double no_mass = request.op == ASSAY_LOG_SOFTMAX ? -kInf : 0;
  out.Fill(kind == RowKind::kEmpty && request.empty_row_is_zero ? no_mass : kNaN);
  return true;
}

// logsumexp of a row that is not finite.
HWY_INLINE double FixedLogSumExp(RowKind kind) {
  return kind == RowKind::kEmpty ? -kInf : kind == RowKind::kNaN ? kNaN : kInf;
}

// A reference whose z is less below the largest serves as well: no exponential is above e^0.5, and no other share is
// near 1.
inline constexpr double kNearlyLargest = 0.5;

// Reads the row in the constructor and in Sum(); afterwards each call reads only the entries it is asked for, so that
// results may overwrite them.
class AccurateRow {
 public:
  HWY_NOINLINE AccurateRow(const internal::Request& request, const internal::RowPlaces& places)
      : row_(request, places),
        exact_(places.logits, places.bias, places.mask, request.args.dtype, request.args.cols,
               request.args.temperature),
        temperature_(request.args.temperature),
        only_largest_(temperature_ == 0),
        has_limit_(temperature_ == 0 || std::isinf(temperature_)),
        difference_(temperature_) {
    Scan();
  }

  RowKind kind() const { return kind_; }
  size_t size() const { return row_.size(); }
  size_t visible() const { return visible_; }      // entries
  size_t reference() const { return reference_; }  // of a finite row; the largest z but for a difference below 1/2
  internal::ExactRow& exact() { return exact_; }   // of a finite row

  // Sums the exponentials of a finite row; everything below needs it.
  void Sum();

  // z_j - z_reference of the vector at entry j, with a bound on its error; -inf where invisible, and past the end.
  // Beyond 2^1000 only the sign counts.
  HWY_INLINE void Differences(size_t j, DoubleVec& HWY_RESTRICT hi, DoubleVec& HWY_RESTRICT lo,
                              DoubleVec& HWY_RESTRICT error) const {
    const Doubles d;
    DoubleVec x, b;
    const DoubleMask shown = Load(j, x, b);
    difference_.Of(x, b, row_.has_bias(), hi, lo, error);
    hi = hn::IfThenElse(shown, hi, hn::Set(d, -kInf));
    lo = hn::IfThenElseZero(shown, lo);
    error = hn::IfThenElseZero(shown, error);
  }

  // 2^kLift softmax, and a bound on its relative error. +0 where invisible; where z is 1000 below the reference, +0 for
  // something below e^-1000.
  HWY_NOINLINE void SoftmaxLifted(size_t j, DoubleVec& HWY_RESTRICT hi, DoubleVec& HWY_RESTRICT lo,
                                  DoubleVec& HWY_RESTRICT relative) const {
    const Doubles d;
    DoubleVec z, z_lo, e, e_lo;
    Differences(j, z, z_lo, relative);
    ExpLifted(z, z_lo, e, e_lo);
    MultiplyPairs(d, e, e_lo, hn::Set(d, inverse_sum_.hi), hn::Set(d, inverse_sum_.lo), hi, lo);
    relative = hn::Add(relative, hn::Set(d, sum_error_ + bounds::kExpScaledRelative + 0x1p-98));
  }
  // The same without the factor, for types whose smallest number is far above double's.
  HWY_INLINE void Softmax(size_t j, DoubleVec& HWY_RESTRICT hi, DoubleVec& HWY_RESTRICT lo,
                          DoubleVec& HWY_RESTRICT relative) const {
    const DoubleVec unlift = hn::Set(Doubles(), internal::kUnlift);
    DoubleVec lifted, lifted_lo;
    SoftmaxLifted(j, lifted, lifted_lo, relative);
    hi = hn::Mul(lifted, unlift);
    lo = hn::Mul(lifted_lo, unlift);
  }

  // log_softmax and a bound on its error, not relative. -inf where invisible. Beyond 2^1000 only the sign counts; of
  // the reference, see LogOfReferenceLifted.
  HWY_NOINLINE void LogSoftmax(size_t j, DoubleVec& HWY_RESTRICT hi, DoubleVec& HWY_RESTRICT lo,
                               DoubleVec& HWY_RESTRICT error) const {
    const Doubles d;
    const internal::ScalarPair log_sum = internal::TimesPowerOfTwo(log_sum_lifted_, -internal::kUnlift);
    DoubleVec z, z_lo;
    Differences(j, z, z_lo, error);
    AddPairs(z, z_lo, hn::Set(d, log_sum.hi), hn::Set(d, log_sum.lo), hi, lo);
    const DoubleMask finite = hn::Gt(hi, hn::Set(d, -kInf));
    hi = hn::IfThenElse(finite, hi, hn::Set(d, -kInf));
    lo = hn::IfThenElseZero(finite, lo);
    error = hn::Add(error, hn::Set(d, LogSumError() + 0x1p-1000));
    error = hn::IfThenElseZero(finite, hn::Add(error, hn::Mul(hn::Abs(hi), hn::Set(d, 0x1p-100))));
  }

  // exp of a difference to the reference, in full range; a share is that times InverseSum().
  internal::WidePair ExpAt(size_t j) const;
  internal::WidePair InverseSum() const { return internal::WidePair(inverse_sum_.hi, inverse_sum_.lo); }
  internal::WidePair LogSum() const {
    return internal::WidePair(log_sum_lifted_.hi, log_sum_lifted_.lo, -internal::kLift);
  }

  // -2^kLift log_softmax of the reference, log(1 + the others' share of it), and a bound on its relative error,
  // to which what is 1000 below the reference adds less than e^-999, absolute.
  internal::ScalarPair LogOfReferenceLifted() const { return log_sum_lifted_; }
  double LogSumRelative() const { return sum_error_ + bounds::kLogPairRelative; }
  double LogSumError() const { return LogSumRelative() * (log_sum_lifted_.hi * internal::kUnlift) + 0x1p-1000; }

  // z_j - z_reference in full range.
  internal::WidePair DifferenceAt(size_t j) const;
  // log_softmax of a living entry and logsumexp, in full range, with a bound on the error, not relative.
  internal::WidePair LogSoftmaxAt(size_t j, internal::WidePair* error) const;
  internal::WidePair LogSumExp(internal::WidePair* error) const;

  // Of one entry: x and b where it is visible and lives.
  HWY_INLINE bool At(size_t j, double& HWY_RESTRICT x, double& HWY_RESTRICT b) const {
    return row_.At(j, x, b) && (!only_largest_ || x == largest_);
  }

  // As Row::Load; at T = 0 all but the largest logits are invisible. Returns the lanes that are visible.
  HWY_NOINLINE DoubleMask Load(size_t j, DoubleVec& HWY_RESTRICT x, DoubleVec& HWY_RESTRICT b) const {
    const Doubles d;
    row_.Load(j, x, b);
    if (!only_largest_) return hn::Not(hn::Eq(x, hn::Set(d, -kInf)));
    return hn::Eq(x, hn::Set(d, largest_));
  }

 private:
  // 2^kLift exp(z), +0 for z < -1000.
  HWY_NOINLINE static void ExpLifted(DoubleVec z, DoubleVec z_lo, DoubleVec& HWY_RESTRICT hi,
                                     DoubleVec& HWY_RESTRICT lo) {
    const Doubles d;
    const DoubleMask seen = hn::Ge(z, hn::Set(d, -1000.0));
    DoubleVec e, e_lo;
    ExpAccurateScaled(d, hn::IfThenElseZero(seen, hn::Min(z, hn::Set(d, 1.0))), hn::IfThenElseZero(seen, z_lo),
                      internal::kLift, e, e_lo);
    hi = hn::IfThenElseZero(seen, e);
    lo = hn::IfThenElseZero(seen, e_lo);
  }

  // z in double, to find the reference; of a row without bias anything that orders it.
  HWY_INLINE DoubleVec RoughZ(DoubleVec x, DoubleVec b) const {
    const Doubles d;
    if (has_limit_) return b;
    return row_.has_bias() ? hn::Add(hn::Div(x, hn::Set(d, temperature_)), b) : x;
  }
  // (x - x0) / T + (b - b0).
  internal::WidePair WideDifference(double x, double x0, double b, double b0) const;

  void Scan();
  void FindReference(double highest_z);
  void MoveReference(double highest_difference);
  void SetReference(size_t reference);
  void SumDifferences();

  Row row_;
  internal::ExactRow exact_;
  double temperature_;
  bool only_largest_;       // T = 0
  bool has_limit_;          // z = b
  double largest_ = -kInf;  // logit
  ScaledDifference difference_;
  RowKind kind_ = RowKind::kEmpty;
  size_t visible_ = 0;
  size_t reference_ = 0;
  double highest_ = 0;     // difference to the reference
  double live_error_ = 0;  // of the differences that count in the sum
  double sum_error_ = 0;   // relative
  internal::ScalarPair inverse_sum_ = {1, 0};
  internal::ScalarPair log_sum_lifted_ = {0, 0};
};

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#include "accurate_row_passes-inl.h"

#endif  // include guard
