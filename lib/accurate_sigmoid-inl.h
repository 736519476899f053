// SPDX-License-Identifier: Apache-2.0
//
// Sigmoid in double-double lanes: e / (1 + e) or 1 / (1 + e) with e = exp(-|z|), so that both tails are relative.
// Same bits on every target. Compiled once per target.

#if defined(ASSAY_LIB_ACCURATE_SIGMOID_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_ACCURATE_SIGMOID_INL_H_
#undef ASSAY_LIB_ACCURATE_SIGMOID_INL_H_
#else
#define ASSAY_LIB_ACCURATE_SIGMOID_INL_H_
#endif

#include <cmath>

#include "dd-inl.h"
#include "error_bounds.h"
#include "exp-inl.h"
#include "log_pair.h"
#include "scaled_difference-inl.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// 1 / a for 2^-400 < a < 2^400, relative error below 2^-100: as internal::Reciprocal.
HWY_INLINE void ReciprocalPairs(DoubleVec a, DoubleVec a_lo, DoubleVec& HWY_RESTRICT hi, DoubleVec& HWY_RESTRICT lo) {
  const Doubles d;
  const DoubleVec one = hn::Set(d, 1.0);
  const DoubleVec quotient = hn::Div(one, a);
  DoubleVec product, error;
  TwoProduct(d, quotient, a, product, error);
  const DoubleVec rest = hn::Sub(hn::Sub(hn::Sub(one, product), error), hn::Mul(quotient, a_lo));
  FastTwoSum(quotient, hn::Mul(rest, quotient), hi, lo);
}

class AccurateSigmoid {
 public:
  HWY_INLINE explicit AccurateSigmoid(double temperature) : temperature_(temperature), z_(temperature) {}

  // 2^kLift sigmoid(x / T + b), and a bound on its relative error; 0 where the value is
  // exact. +0 for something below e^-1000, hi = 2^kLift for something as close to 1.
  HWY_NOINLINE void Lifted(DoubleVec x, DoubleVec b, bool has_bias, DoubleVec& HWY_RESTRICT hi,
                           DoubleVec& HWY_RESTRICT lo, DoubleVec& HWY_RESTRICT relative) const {
    const Doubles d;
    const DoubleVec zero = hn::Zero(d);
    const DoubleVec inf = hn::Set(d, kInf);
    const DoubleVec top = hn::Set(d, internal::kLifted);
    const DoubleMask finite = hn::And(hn::Lt(hn::Abs(x), inf), hn::Lt(hn::Abs(b), inf));
    DoubleVec z, z_lo, e, e_lo, sum, sum_lo, inverse, inverse_lo;
    z_.Of(hn::IfThenElseZero(finite, x), hn::IfThenElseZero(finite, b), has_bias, z, z_lo, relative);
    const DoubleMask negative = hn::Lt(z, zero);
    z_lo = hn::IfThenElse(negative, z_lo, hn::Neg(z_lo));
    z = hn::Neg(hn::Abs(z));
    const DoubleMask seen = hn::Ge(z, hn::Set(d, -1000.0));
    ExpAccurateScaled(d, hn::IfThenElseZero(seen, z), hn::IfThenElseZero(seen, z_lo), internal::kLift, e, e_lo);
    e = hn::IfThenElseZero(seen, e);
    e_lo = hn::IfThenElseZero(seen, e_lo);
    const DoubleVec unlift = hn::Set(d, internal::kUnlift);
    AddPairs(hn::Set(d, 1.0), zero, hn::Mul(e, unlift), hn::Mul(e_lo, unlift), sum, sum_lo);
    ReciprocalPairs(sum, sum_lo, inverse, inverse_lo);
    MultiplyPairs(d, hn::IfThenElse(negative, e, top), hn::IfThenElseZero(negative, e_lo), inverse, inverse_lo, hi, lo);
    relative = hn::Add(relative, hn::Set(d, bounds::kExpScaledRelative + 0x1p-97));

    const DoubleMask is_nan = hn::Or(hn::IsNaN(x), hn::IsNaN(b));
    const DoubleMask below = hn::Or(hn::Eq(x, hn::Neg(inf)), hn::Eq(b, hn::Neg(inf)));
    const DoubleMask above = hn::Or(hn::Eq(x, inf), hn::Eq(b, inf));
    DoubleVec special = hn::IfThenElse(above, top, zero);
    DoubleMask is_special = hn::Not(finite);
    if (temperature_ == 0) {
      const DoubleMask decided = hn::And(finite, hn::Ne(x, zero));
      special = hn::IfThenElse(hn::And(decided, hn::Gt(x, zero)), top, special);
      is_special = hn::Or(is_special, decided);
    }
    // -inf in either one rules, then NaN.
    special = hn::IfThenElse(is_nan, hn::Add(x, b), special);
    special = hn::IfThenZeroElse(below, special);
    hi = hn::IfThenElse(is_special, special, hi);
    lo = hn::IfThenZeroElse(is_special, lo);
    relative = hn::IfThenZeroElse(is_special, relative);
  }

 private:
  double temperature_;
  ScaledDifference z_;
};

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // include guard
