// SPDX-License-Identifier: Apache-2.0
//
// f64 results of a row from double-double: within 0.5 + 2^-30 ULP, since bounds::kDifferenceError and what the sums add
// to it are below 2^-84, that is 2^-31 ULP. Only logsumexp can cancel to less: ExactRow decides then. Compiled once per
// target.

#if defined(ASSAY_LIB_EXACT_DOUBLES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_EXACT_DOUBLES_INL_H_
#undef ASSAY_LIB_EXACT_DOUBLES_INL_H_
#else
#define ASSAY_LIB_EXACT_DOUBLES_INL_H_
#endif

#include <cmath>

#include "accurate_row-inl.h"
#include "row-inl.h"
#include "scaled_store-inl.h"
#include "wide_pair.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The softmax of the vector at entry j.
HWY_INLINE DoubleVec SoftmaxDoubles(const AccurateRow& row, size_t j) {
  DoubleVec hi, lo, relative;
  row.SoftmaxLifted(j, hi, lo, relative);
  return RoundScaledPairs(hi, lo, -internal::kLift);
}

HWY_NOINLINE inline DoubleVec LogSoftmaxOfEach(const AccurateRow& row, size_t j, DoubleVec hi) {
  const Doubles d;
  HWY_ALIGN double lanes[kMaxLanes];
  hn::Store(hi, d, lanes);
  for (size_t i = 0; i < Lanes() && j + i < row.size(); ++i) {
    internal::WidePair error;
    if (lanes[i] > -kInf) lanes[i] = internal::RoundWide(ASSAY_F64, row.LogSoftmaxAt(j + i, &error));
  }
  return hn::Load(d, lanes);
}

// The log_softmax of the vector at entry j.
HWY_INLINE DoubleVec LogSoftmaxDoubles(const AccurateRow& row, size_t j) {
  const Doubles d;
  DoubleVec hi, lo, error;
  row.LogSoftmax(j, hi, lo, error);
  const bool has_reference = row.reference() >= j && row.reference() < j + Lanes();
  const DoubleMask far = hn::And(hn::Lt(hi, hn::Set(d, -0x1p980)), hn::Gt(hi, hn::Set(d, -kInf)));
  if (HWY_UNLIKELY(has_reference || !hn::AllFalse(d, far))) return LogSoftmaxOfEach(row, j, hi);
  return hi;
}

inline double LogSumExpDouble(AccurateRow& row) {
  internal::WidePair error;
  const internal::WidePair value = row.LogSumExp(&error);
  const double low = internal::RoundWide(ASSAY_F64, value - error);
  const double high = internal::RoundWide(ASSAY_F64, value + error);
  return low == high ? low : row.exact().Nearest(ASSAY_LOGSUMEXP, 0, low, high);
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // include guard
