// SPDX-License-Identifier: Apache-2.0
//
// The formulas of the three gradients for the exact tier: which entries live, what a row sums, what a result is made
// of; in double lanes, and in scalars of any exponent. Compiled once per target.

#if defined(ASSAY_LIB_GRADIENT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_GRADIENT_INL_H_
#undef ASSAY_LIB_GRADIENT_INL_H_
#else
#define ASSAY_LIB_GRADIENT_INL_H_
#endif

#include <cmath>

#include "exp-inl.h"
#include "gradient_range.h"
#include "lanes-inl.h"
#include "wide_pair.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using internal::WidePair;

// exp(z) for |z| <= kScaledExpReach.
inline WidePair ExpScaled(double z) {
  const Doubles d;
  const double steps = std::nearbyint(z * (constants::kStepsPerUnit / 16));
  // Fewer than 2^14 steps of ln 2: exact products with its first two parts, which have 38 bits.
  const double high = z - steps * (16 * constants::kStep1);
  DoubleVec r, r_lo, e, e_lo;
  TwoSum(hn::Set(d, high), hn::Set(d, -steps * (16 * constants::kStep2)), r, r_lo);
  r_lo = hn::Sub(r_lo, hn::Set(d, steps * (16 * constants::kStep3)));
  ExpAccurate(d, r, r_lo, e, e_lo);
  return WidePair(hn::GetLane(e), hn::GetLane(e_lo), static_cast<std::int64_t>(steps));
}

// exp(z) - 1 for |z| <= 1, relative error below 2^-54.
inline WidePair Expm1Scaled(double z) {
  // The first term left out is z^3 / 24 of the result, where 1 - 2^-40 would cost 56 of 96 bits.
  if (std::fabs(z) < 0x1p-40) return WidePair(z) + WidePair(z) * WidePair(z) * WidePair(0.5 + z / 6);
  return ExpScaled(z) - WidePair(1);
}

// Below it results of f64 may have been rounded to a subnormal more than once.
inline constexpr double kTinyResult = 0x1p-1000;

HWY_INLINE DoubleMask IsTinyButNotZero(DoubleVec result) {
  const Doubles d;
  return hn::AndNot(hn::Eq(result, hn::Zero(d)), hn::Lt(hn::Abs(result), hn::Set(d, kTinyResult)));
}

// dx = p (dy - sum p dy) / T.
struct OfSoftmax {
  static constexpr bool kSumsProducts = true;
  static constexpr bool kNeedsCount = false;
  static constexpr bool kNeedsRange = false;
  static constexpr double kPast = 0;

  // Not Ne: Highway 1.0.3's is false for NaN on AVX2 and AVX-512. NaN lives, to make the row NaN.
  static HWY_INLINE DoubleMask Live(DoubleVec p) { return hn::Not(hn::Eq(p, hn::Zero(Doubles()))); }
  static bool Live(double p) { return p != 0; }
  // 0, or NaN where a live entry makes the row NaN.
  static HWY_INLINE DoubleVec Special(DoubleVec p) { return hn::Mul(p, hn::Zero(Doubles())); }
  static WidePair Subtrahend(WidePair sum, double) { return sum; }
  static double Subtrahend(double sum, double) { return sum; }
  static bool InRange(const internal::Moments& row, double t, bool f64) {
    return !f64 || internal::SoftmaxInRange(row, t);
  }
  // A 0 may be an underflow where p is small.
  static HWY_INLINE DoubleMask IsTiny(DoubleVec p, DoubleVec result) {
    return hn::Or(IsTinyButNotZero(result), hn::Lt(hn::Abs(p), hn::Set(Doubles(), 0x1p-800)));
  }
  static HWY_INLINE DoubleVec Gradient(DoubleVec p, DoubleVec dy, DoubleVec sum, DoubleVec t) {
    return hn::Mul(p, hn::Div(hn::Sub(dy, sum), t));
  }
  static WidePair Gradient(double p, WidePair dy, WidePair sum, WidePair t) { return WidePair(p) * (dy - sum) / t; }
};

// dx = (dy - exp(log p) sum dy) / T.
struct OfLogSoftmax {
  static constexpr bool kSumsProducts = false;
  static constexpr bool kNeedsCount = false;
  static constexpr bool kNeedsRange = true;
  static constexpr double kPast = -kInf;

  static HWY_INLINE DoubleMask Live(DoubleVec log_p) { return hn::Not(hn::Eq(log_p, hn::Set(Doubles(), -kInf))); }
  static bool Live(double log_p) { return log_p != -kInf; }
  static HWY_INLINE DoubleVec Special(DoubleVec log_p) { return hn::Mul(log_p, hn::Zero(Doubles())); }
  static WidePair Subtrahend(WidePair sum, double) { return sum; }
  static double Subtrahend(double sum, double) { return sum; }
  static bool InRange(const internal::Moments& row, double t, bool f64) {
    return f64 ? internal::LogSoftmaxInRange(row, t) : internal::LogSoftmaxFloatInRange(row, t);
  }
  static HWY_INLINE DoubleMask IsTiny(DoubleVec, DoubleVec result) { return IsTinyButNotZero(result); }
  static HWY_INLINE DoubleVec Gradient(DoubleVec log_p, DoubleVec dy, DoubleVec sum, DoubleVec t) {
    const Doubles d;
    const DoubleVec reach = hn::Set(d, internal::kLaneExpReach);
    const DoubleVec p = ExpUnfused(d, hn::Min(hn::Max(log_p, hn::Neg(reach)), reach));
    return hn::Div(hn::Sub(dy, hn::Mul(p, sum)), t);
  }
  static WidePair Gradient(double log_p, WidePair dy, WidePair sum, WidePair t) {
    const double z = std::fmin(std::fmax(log_p, -internal::kScaledExpReach), internal::kScaledExpReach);
    // Near 0 the terms may cancel to their last bits, and a tiny T makes much of what is left.
    if (std::fabs(z) <= 1) return ((dy - sum) - Expm1Scaled(z) * sum) / t;
    return (dy - ExpScaled(z) * sum) / t;
  }
};

// dx = (dy - mean of dy over p > 0) / T.
struct OfSparsemax {
  static constexpr bool kSumsProducts = false;
  static constexpr bool kNeedsCount = true;
  static constexpr bool kNeedsRange = false;
  static constexpr double kPast = 0;

  static HWY_INLINE DoubleMask Live(DoubleVec p) { return hn::Not(hn::Le(p, hn::Zero(Doubles()))); }
  static bool Live(double p) { return !(p <= 0); }
  static HWY_INLINE DoubleVec Special(DoubleVec p) { return hn::IfThenZeroElse(hn::Eq(p, p), p); }
  static WidePair Subtrahend(WidePair sum, double count) { return sum / WidePair(count); }
  static double Subtrahend(double sum, double count) { return sum / count; }
  static bool InRange(const internal::Moments& row, double t, bool f64) {
    return !f64 || internal::SparsemaxInRange(row, t);
  }
  static HWY_INLINE DoubleMask IsTiny(DoubleVec, DoubleVec result) { return IsTinyButNotZero(result); }
  static HWY_INLINE DoubleVec Gradient(DoubleVec, DoubleVec dy, DoubleVec mean, DoubleVec t) {
    return hn::Div(hn::Sub(dy, mean), t);
  }
  static WidePair Gradient(double, WidePair dy, WidePair mean, WidePair t) { return (dy - mean) / t; }
};

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // include guard
