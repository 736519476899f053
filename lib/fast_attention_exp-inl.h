// SPDX-License-Identifier: Apache-2.0
//
// The shares of attention in the fast tier: as FloatExp of fast_exp-inl.h, but 0 where a share is too small, as scores
// have no lower limit. Compiled once per target.
//
// Error    bounds::kFastExpRelative.

#if defined(ASSAY_LIB_FAST_ATTENTION_EXP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_FAST_ATTENTION_EXP_INL_H_
#undef ASSAY_LIB_FAST_ATTENTION_EXP_INL_H_
#else
#define ASSAY_LIB_FAST_ATTENTION_EXP_INL_H_
#endif

#include "fast_exp-inl.h"

#if ASSAY_FLOAT_LANES

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Shares are 2^kShareOffset times too large, so that small ones are normal numbers.
inline constexpr int kShareOffset = 60;
// How far, in powers of two, a score may lie above its query's reference, and below before its share counts as nothing.
inline constexpr double kMostAbove = 12;
inline constexpr double kMostBelow = kShareOffset - FloatExp::kMinPower;  // 185

// 2^kShareOffset exp(unit * x) in f32 lanes, unit > 0; 0 below -kMostBelow powers of two; x <= kMostAbove of them.
class ShareExp {
 public:
  HWY_INLINE explicit ShareExp(const ExpScale& scale) {
    const SingleWords du;
    high_ = hn::Set(Singles(), scale.high);
    low_ = hn::Set(Singles(), scale.low);
    least_ = hn::Set(Singles(), static_cast<float>(-kMostBelow * scale.unit));
    power_ =
        hn::BitCast(Singles(), hn::Add(hn::LoadU(du, kPowerBits.data()), hn::Set(du, uint32_t{kShareOffset} << 23)));
    residue_ = hn::LoadU(Singles(), PowerTable::kResidue);
  }

  // NaN gives NaN.
  HWY_INLINE SingleVec operator()(SingleVec x) const {
    const Singles d;
    const SingleWords du;
    const SingleVec magic = hn::Set(d, 0x1.8p23f);
    const float* c = PowerTable::kCoefficients;
    const SingleVec shifted = hn::MulAdd(x, high_, magic);
    const SingleVec n = hn::Sub(shifted, magic);
    const SingleVec q = hn::MulAdd(x, low_, hn::MulSub(x, high_, n));
#if HWY_TARGET <= HWY_AVX3
    SingleVec p = hn::MulAdd(hn::Set(d, c[2]), q, hn::Set(d, c[1]));
#else
    SingleVec p = hn::MulAdd(hn::Set(d, c[3]), q, hn::Set(d, c[2]));
    p = hn::MulAdd(p, q, hn::Set(d, c[1]));
#endif
    p = hn::MulAdd(p, q, hn::Set(d, c[0]));
    const auto bits = hn::BitCast(du, shifted);
    const SingleVec rest = hn::MulAdd(p, q, LookUp(residue_, bits));
    const SingleVec entry =
        hn::BitCast(d, hn::Add(hn::BitCast(du, LookUp(power_, bits)), hn::ShiftLeft<kExponentShift>(bits)));
    return hn::IfThenZeroElse(hn::Lt(x, least_), hn::MulAdd(entry, rest, entry));
  }

 private:
  SingleVec high_;
  SingleVec low_;
  SingleVec least_;
  SingleVec power_;
  SingleVec residue_;
};

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // ASSAY_FLOAT_LANES

#endif  // include guard
