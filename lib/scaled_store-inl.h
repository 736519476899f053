// SPDX-License-Identifier: Apache-2.0
//
// 2^exponent (hi + lo) as f64 lanes, rounded once where it is subnormal as well. Compiled once per target.

#if defined(ASSAY_LIB_SCALED_STORE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_SCALED_STORE_INL_H_
#undef ASSAY_LIB_SCALED_STORE_INL_H_
#else
#define ASSAY_LIB_SCALED_STORE_INL_H_
#endif

#include <cmath>

#include "lanes-inl.h"
#include "wide_pair.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// For -1020 < exponent < 0 and |lo| <= ulp(hi) / 2.
HWY_INLINE DoubleVec RoundScaledPairs(DoubleVec hi, DoubleVec lo, int exponent) {
  const Doubles d;
  const DoubleVec scale = hn::Set(d, std::ldexp(1.0, exponent));
  // Above, hi * scale is exact.
  const DoubleMask small =
      hn::And(hn::Lt(hn::Abs(hi), hn::Set(d, std::ldexp(1.0, -1020 - exponent))), hn::Gt(hn::Abs(hi), hn::Zero(d)));
  if (HWY_LIKELY(hn::AllFalse(d, small))) return hn::Mul(hi, scale);
  HWY_ALIGN double lanes[2][kMaxLanes];
  hn::Store(hn::IfThenElseZero(small, hi), d, lanes[0]);
  hn::Store(hn::IfThenElseZero(small, lo), d, lanes[1]);
  for (size_t i = 0; i < Lanes(); ++i) {
    lanes[0][i] = internal::RoundWide(ASSAY_F64, internal::WidePair(lanes[0][i], lanes[1][i], exponent));
  }
  return hn::IfThenElse(small, hn::Load(d, lanes[0]), hn::Mul(hi, scale));
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // include guard
