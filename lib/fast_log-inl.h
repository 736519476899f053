// SPDX-License-Identifier: Apache-2.0
//
// Logarithms of row sums for the fast tier, in double lanes, to about 2^-43: far beyond what an f32 can show.
// Compiled once per target.

#if defined(ASSAY_LIB_FAST_LOG_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_FAST_LOG_INL_H_
#undef ASSAY_LIB_FAST_LOG_INL_H_
#else
#define ASSAY_LIB_FAST_LOG_INL_H_
#endif

#include "lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

inline constexpr double kLn2 = 0x1.62e42fefa39efp-1;

// log(x) for positive normal x. Error: bounds::kFastLogRelative.
//
// Method   x = 2^k m, m in [sqrt(1/2), sqrt(2)); log(m) = 2 artanh(s), s = (m - 1) / (m + 1), |s| < 0.172, by its
// series.
HWY_INLINE DoubleVec Log(DoubleVec x) {
  const Doubles d;
  const hn::RebindToUnsigned<Doubles> du;
  const hn::RebindToSigned<Doubles> di;
  const auto root_half = hn::Set(du, uint64_t{0x3FE6A09E667F3BCD});
  const auto above = hn::Sub(hn::BitCast(du, x), root_half);
  const auto k = hn::ShiftRight<52>(hn::BitCast(di, above));
  const auto fraction = hn::And(above, hn::Set(du, (uint64_t{1} << 52) - 1));
  const DoubleVec m = hn::BitCast(d, hn::Add(fraction, root_half));
  const DoubleVec one = hn::Set(d, 1.0);
  const DoubleVec s = hn::Div(hn::Sub(m, one), hn::Add(m, one));
  const DoubleVec s2 = hn::Mul(s, s);
  DoubleVec series = hn::Set(d, 2.0 / 15);
  for (int i = 13; i >= 3; i -= 2) series = hn::MulAdd(series, s2, hn::Set(d, 2.0 / i));
  const DoubleVec log_m = hn::MulAdd(hn::Mul(series, s2), s, hn::Add(s, s));
  return hn::MulAdd(hn::ConvertTo(d, k), hn::Set(d, kLn2), log_m);
}

// log(1 + w) for w >= 0, of the same relative error: what 1 + w loses is given back.
HWY_INLINE DoubleVec Log1p(DoubleVec w) {
  const Doubles d;
  const DoubleVec one = hn::Set(d, 1.0);
  const DoubleVec sum = hn::Add(one, w);
  const DoubleVec lost = hn::Sub(w, hn::Sub(sum, one));
  return hn::Add(Log(sum), hn::Div(lost, sum));
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // include guard
