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

// Adds a vector of terms to the sums hi + lo in memory, one for each lane.
HWY_INLINE void AddToLanes(DoubleVec term, double* HWY_RESTRICT hi, double* HWY_RESTRICT lo) {
  const Doubles d;
  DoubleVec sum, error;
  TwoSum(hn::Load(d, hi), term, sum, error);
  hn::Store(sum, d, hi);
  hn::Store(hn::Add(hn::Load(d, lo), error), d, lo);
}
// The same for double-double terms.
HWY_INLINE void AddToLanes(DoubleVec term_hi, DoubleVec term_lo, double* HWY_RESTRICT hi, double* HWY_RESTRICT lo) {
  const Doubles d;
  DoubleVec sum, sum_lo;
  AddPairs(hn::Load(d, hi), hn::Load(d, lo), term_hi, term_lo, sum, sum_lo);
  hn::Store(sum, d, hi);
  hn::Store(sum_lo, d, lo);
}

// The sum over the virtual lanes hi[0] + lo[0], hi[stride] + lo[stride] ...
HWY_INLINE internal::ScalarPair SumOfLaneSums(const double* HWY_RESTRICT hi, const double* HWY_RESTRICT lo,
                                              size_t stride) {
  internal::ScalarPair total{0, 0};
  for (size_t i = 0; i < kMaxLanes; ++i) total = internal::Add(total, {hi[i * stride], lo[i * stride]});
  return total;
}

class LaneSum {
 public:
  // Adds the terms of the entries j, j + 1 ...; j is a multiple of Lanes(). Relative error after n terms:
  // u + n^2 u^2 of the sum of |terms|.
  HWY_INLINE void Add(DoubleVec term, size_t j) { AddToLanes(term, hi_ + j % kMaxLanes, lo_ + j % kMaxLanes); }
  // The same for a double-double term.
  HWY_INLINE void Add(DoubleVec term_hi, DoubleVec term_lo, size_t j) {
    AddToLanes(term_hi, term_lo, hi_ + j % kMaxLanes, lo_ + j % kMaxLanes);
  }

  HWY_INLINE internal::ScalarPair Total() const { return SumOfLaneSums(hi_, lo_, 1); }

 private:
  HWY_ALIGN double hi_[kMaxLanes] = {};
  HWY_ALIGN double lo_[kMaxLanes] = {};
};

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // include guard
