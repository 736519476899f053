// SPDX-License-Identifier: Apache-2.0
//
// sigmoid of one row, entry by entry, correctly rounded, any type of up to 32 bits. Compiled once per target.

#if defined(ASSAY_LIB_EXACT_SIGMOID_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_EXACT_SIGMOID_INL_H_
#undef ASSAY_LIB_EXACT_SIGMOID_INL_H_
#else
#define ASSAY_LIB_EXACT_SIGMOID_INL_H_
#endif

#include "error_bounds.h"
#include "exact_ladder-inl.h"
#include "exp-inl.h"
#include "row-inl.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// With e = exp(-|z|): 1 / (1 + e) for z >= 0, e / (1 + e) below, so that both tails keep their digits.
HWY_NOINLINE inline void SigmoidRow(const internal::Request& request, const internal::RowPlaces& places) {
  const Doubles d;
  const Values logits(places.logits, request.args.dtype, request.args.cols, -kInf);
  const Values bias(places.bias, request.args.dtype, request.args.cols, 0);
  const Out out(request, places);
  const double temperature = request.args.temperature;
  const bool by_sign = temperature < bounds::kHardmaxBelow;  // z is the bias at x = 0, else beyond all bounds
  const DoubleVec inverse = hn::Set(d, by_sign ? 0 : 1 / temperature);
  const double slope = (temperature == 1 ? 0 : 2.02 * bounds::kU);
  const double rounding = bias.present() ? bounds::kU : 0;
  const DoubleVec one = hn::Set(d, 1.0), zero = hn::Zero(d), infinity = hn::Set(d, kInf);
  Ladder ladder(request, places);
  for (size_t j = 0; j < logits.size(); j += Lanes()) {
    const DoubleVec x = logits.Load(j);
    const DoubleVec b = bias.Load(j);
    const DoubleMask low = hn::Or(hn::Eq(x, hn::Neg(infinity)), hn::Eq(b, hn::Neg(infinity)));
    const DoubleMask nan = hn::Not(hn::And(hn::Eq(x, x), hn::Eq(b, b)));  // Ne is false for NaN on AVX
    const DoubleMask high = hn::Or(hn::Eq(x, infinity), hn::Eq(b, infinity));
    const DoubleMask special = hn::Or(low, hn::Or(nan, high));
    const DoubleVec x_part = hn::IfThenZeroElse(special, hn::Mul(x, inverse));
    DoubleVec z = hn::IfThenZeroElse(special, hn::Add(x_part, b));
    if (by_sign) {
      const DoubleVec beyond = hn::CopySign(hn::Set(d, 1e300), x);
      z = hn::IfThenElse(hn::Or(special, hn::Eq(x, zero)), z, beyond);
    }
    DoubleVec z_error = hn::MulAdd(hn::Abs(x_part), hn::Set(d, slope), hn::Mul(hn::Abs(z), hn::Set(d, rounding)));
    // Exp stops at -700: what lies beyond is 0 or 1 whatever z is.
    z_error = hn::IfThenZeroElse(hn::Gt(hn::Sub(hn::Abs(z), z_error), hn::Set(d, 701.0)), z_error);
    const DoubleVec e = Exp(d, hn::Neg(hn::Abs(z)));
    const DoubleVec inverse_sum = hn::Div(one, hn::Add(one, e));
    const DoubleVec p = hn::IfThenElse(hn::Lt(z, zero), hn::Mul(e, inverse_sum), inverse_sum);
    // d log p / d log e is between 0 and 1, and so is d log p / d z.
    DoubleVec delta = hn::MulAdd(p, hn::Add(hn::Set(d, bounds::kSigmoidRelative), hn::Mul(z_error, hn::Set(d, 1.01))),
                                 hn::Set(d, bounds::kResultSlack));
    delta = hn::IfThenElse(hn::Gt(z_error, hn::Set(d, 0x1p-8)), infinity, delta);
    delta = hn::IfThenZeroElse(special, delta);
    DoubleVec result = ladder.NearestLanes(p, delta, j);
    result = hn::IfThenElse(high, one, result);
    result = hn::IfThenElse(nan, hn::Set(d, std::numeric_limits<double>::quiet_NaN()), result);
    out.Store(hn::IfThenZeroElse(low, result), j);
  }
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // include guard
