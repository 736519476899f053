// SPDX-License-Identifier: Apache-2.0
//
// (x - x0) / T + (b - b0) in double-double lanes, for every finite x, b and every T: differences of 1e308, quotients of
// subnormals. Powers of two are kept apart, so that nothing over- or underflows on the way; lanes where the quotient
// and the bias cancel too far are computed exactly. Same bits on every target. Compiled once per target.

#if defined(ASSAY_LIB_SCALED_DIFFERENCE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_SCALED_DIFFERENCE_INL_H_
#undef ASSAY_LIB_SCALED_DIFFERENCE_INL_H_
#else
#define ASSAY_LIB_SCALED_DIFFERENCE_INL_H_
#endif

#include <algorithm>
#include <cmath>

#include "dd-inl.h"
#include "error_bounds.h"
#include "exact_difference.h"
#include "lanes-inl.h"
#include "rounding.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

class ScaledDifference {
 public:
  // For T = 0 and T = inf, where z = b, the quotient is 0.
  HWY_INLINE explicit ScaledDifference(double temperature) : temperature_(temperature) {
    if (temperature == 0 || std::isinf(temperature)) return;
    int exponent = 0;
    const double mantissa = 2 * std::frexp(temperature, &exponent);  // in [1, 2)
    --exponent;
    inverse_ = internal::Reciprocal({mantissa, 0});
    quotient_error_ = mantissa == 1 ? 0 : bounds::kQuotientRelative;
    small_ = Finish(-exponent - kRaise);
    large_ = Finish(-exponent - kLower);
  }

  HWY_INLINE void SetOrigin(double x0, double b0) {
    x0_ = x0;
    b0_ = b0;
  }
  double x0() const { return x0_; }
  double b0() const { return b0_; }

  // hi + lo with an absolute error below `error`, at most 2^-86 where |hi| < 1100 and 2^-86 |hi| where it is larger.
  // Beyond 2^990 only the sign counts. Lanes with an infinite x or b give anything.
  HWY_NOINLINE void Of(DoubleVec x, DoubleVec b, bool has_bias, DoubleVec& HWY_RESTRICT hi, DoubleVec& HWY_RESTRICT lo,
                       DoubleVec& HWY_RESTRICT error) const {
    const Doubles d;
    // Raised, no bit of a quotient is lost below; lowered, none above. A number lost by lowering lies 2^1300 below the
    // other one.
    const DoubleVec x0 = hn::Set(d, x0_);
    const DoubleMask large = hn::Gt(hn::Max(hn::Abs(x), hn::Abs(x0)), hn::Set(d, 0x1p300));
    const DoubleVec scale = hn::IfThenElse(large, hn::Set(d, 0x1p-100), hn::Set(d, 0x1p600));
    DoubleVec dx, dx_lo, q, q_lo;
    TwoSum(hn::Mul(x, scale), hn::Neg(hn::Mul(x0, scale)), dx, dx_lo);
    MultiplyPairs(d, dx, dx_lo, hn::Set(d, inverse_.hi), hn::Set(d, inverse_.lo), q, q_lo);
    const DoubleVec limit = hn::IfThenElse(large, hn::Set(d, large_.limit), hn::Set(d, small_.limit));
    const DoubleVec step1 = hn::IfThenElse(large, hn::Set(d, large_.step1), hn::Set(d, small_.step1));
    const DoubleVec step2 = hn::IfThenElse(large, hn::Set(d, large_.step2), hn::Set(d, small_.step2));
    const DoubleMask beyond = hn::Gt(hn::Abs(q), limit);
    q = hn::IfThenElse(beyond, hn::CopySign(limit, q), q);
    q_lo = hn::IfThenZeroElse(beyond, q_lo);
    q = hn::Mul(hn::Mul(q, step1), step2);
    q_lo = hn::Mul(hn::Mul(q_lo, step1), step2);
    const DoubleVec size = hn::Abs(q);
    error = hn::Add(hn::Mul(size, hn::IfThenElse(beyond, hn::Set(d, 0.25), hn::Set(d, quotient_error_))),
                    hn::Set(d, 0x1p-1000));
    if (!has_bias) {
      hi = q;
      lo = q_lo;
      return;
    }
    const DoubleVec quarter = hn::Set(d, 0.25);
    const DoubleVec most = hn::Set(d, 0x1p1000);
    DoubleVec db, db_lo;
    TwoSum(hn::Mul(b, quarter), hn::Neg(hn::Mul(hn::Set(d, b0_), quarter)), db, db_lo);
    db = hn::Mul(db, hn::Set(d, 4.0));  // at most twice infinity
    db_lo = hn::Mul(db_lo, hn::Set(d, 4.0));
    const DoubleMask far = hn::Gt(hn::Abs(db), most);
    db = hn::IfThenElse(far, hn::CopySign(most, db), db);
    db_lo = hn::IfThenZeroElse(far, db_lo);
    AddPairs(q, q_lo, db, db_lo, hi, lo);
    error = hn::Add(error, hn::Mul(hn::Abs(hi), hn::Set(d, 0x1p-101)));
    error = hn::Add(error, hn::IfThenElseZero(far, hn::Set(d, 0x1p998)));

    const DoubleVec result = hn::Abs(hi);
    const DoubleVec least = hn::Set(d, bounds::kDifferenceError);
    const DoubleVec allowed = hn::IfThenElse(hn::Lt(result, hn::Set(d, 1100.0)), least, hn::Mul(result, least));
    const DoubleMask sign_known = hn::And(hn::Gt(result, hn::Set(d, 0x1p990)), hn::Gt(result, error));
    const DoubleMask finite = hn::And(hn::Lt(hn::Abs(x), hn::Set(d, kInf)), hn::Lt(hn::Abs(b), hn::Set(d, kInf)));
    const DoubleMask lost = hn::And(finite, hn::AndNot(sign_known, hn::Gt(error, allowed)));
    if (HWY_UNLIKELY(!hn::AllFalse(d, lost))) Exactly(x, b, lost, hi, lo, error);
  }

 private:
  // The lanes of `lost` again.
  HWY_NOINLINE void Exactly(DoubleVec x, DoubleVec b, DoubleMask lost, DoubleVec& HWY_RESTRICT hi,
                            DoubleVec& HWY_RESTRICT lo, DoubleVec& HWY_RESTRICT error) const {
    const Doubles d;
    HWY_ALIGN double lanes[6][kMaxLanes];
    hn::Store(x, d, lanes[0]);
    hn::Store(b, d, lanes[1]);
    hn::Store(hn::IfThenElseZero(lost, hn::Set(d, 1.0)), d, lanes[2]);
    hn::Store(hi, d, lanes[3]);
    hn::Store(lo, d, lanes[4]);
    hn::Store(error, d, lanes[5]);
    const bool no_quotient = inverse_.hi == 0;
    for (size_t i = 0; i < Lanes(); ++i) {
      if (lanes[2][i] == 0) continue;
      internal::WidePair z = internal::ExactDifference(no_quotient ? 0 : lanes[0][i], no_quotient ? 0 : x0_,
                                                       lanes[1][i], b0_, no_quotient ? 1 : temperature_);
      if (z.e > kBeyond) z = internal::WidePair(std::copysign(0x1p1000, z.v.hi));
      const internal::ScalarPair pair = z.ToPair();
      lanes[3][i] = pair.hi;
      lanes[4][i] = pair.lo;
      lanes[5][i] = std::fabs(lanes[3][i]) * bounds::kExactDifferenceRelative + 0x1p-1000;
    }
    hi = hn::Load(d, lanes[3]);
    lo = hn::Load(d, lanes[4]);
    error = hn::Load(d, lanes[5]);
  }

  static constexpr int kRaise = 600;
  static constexpr int kLower = -100;
  static constexpr int kBeyond = 1000;

  // times 2^exponent in two steps, after a cut at 2^(kBeyond - exponent).
  struct Finishing {
    double step1 = 1;
    double step2 = 1;
    double limit = kInf;
  };
  HWY_INLINE static Finishing Finish(int exponent) {
    const int half = exponent / 2;
    return {std::ldexp(1.0, half), std::ldexp(1.0, exponent - half), std::ldexp(1.0, kBeyond - exponent)};
  }

  double temperature_;
  internal::ScalarPair inverse_ = {0, 0};
  double quotient_error_ = 0;
  Finishing small_;
  Finishing large_;
  double x0_ = 0;
  double b0_ = 0;
};

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // include guard
