// SPDX-License-Identifier: Apache-2.0
//
// LaneSum: a sum whose bits do not depend on the target: entry j joins virtual lane j mod 8, every addition's error is
// summed apart, and the lanes are added in one fixed order. Compiled once per target.

#if defined(ASSAY_LIB_LANE_SUM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_LANE_SUM_INL_H_
#undef ASSAY_LIB_LANE_SUM_INL_H_
#else
#define ASSAY_LIB_LANE_SUM_INL_H_
#endif

#include "dd-inl.h"
#include "lanes-inl.h"
#include "rounding.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

class LaneSum {
 public:
  // Adds the terms of the entries j, j + 1 ...; j is a multiple of Lanes(). Relative error after n terms:
  // u + n^2 u^2 of the sum of |terms|.
  HWY_INLINE void Add(DoubleVec term, size_t j) {
    const Doubles d;
    double* const hi = hi_ + j % kMaxLanes;
    double* const lo = lo_ + j % kMaxLanes;
    DoubleVec sum, error;
    TwoSum(hn::Load(d, hi), term, sum, error);
    hn::Store(sum, d, hi);
    hn::Store(hn::Add(hn::Load(d, lo), error), d, lo);
  }
  // The same for a double-double term.
  HWY_INLINE void Add(DoubleVec term_hi, DoubleVec term_lo, size_t j) {
    const Doubles d;
    double* const hi = hi_ + j % kMaxLanes;
    double* const lo = lo_ + j % kMaxLanes;
    DoubleVec sum, sum_lo;
    AddPairs(hn::Load(d, hi), hn::Load(d, lo), term_hi, term_lo, sum, sum_lo);
    hn::Store(sum, d, hi);
    hn::Store(sum_lo, d, lo);
  }

  HWY_INLINE internal::ScalarPair Total() const {
    internal::ScalarPair total{0, 0};
    for (size_t i = 0; i < kMaxLanes; ++i) total = internal::Add(total, {hi_[i], lo_[i]});
    return total;
  }

 private:
  HWY_ALIGN double hi_[kMaxLanes] = {};
  HWY_ALIGN double lo_[kMaxLanes] = {};
};

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // include guard
