// SPDX-License-Identifier: Apache-2.0
//
// The two exponentials of the exact tier, in double lanes and in double-double lanes, for arguments <= 0.
//
// Method   z = k ln2/16 + r, |r| <= ln2/32 (Cody & Waite 1980, ch. 6; the table: Tang 1989),
//          exp(z) = 2^floor(k/16) * 2^((k mod 16)/16) * exp(r), exp(r) by a minimax polynomial in double
//          (exp_polynomial.sollya), by Taylor's in double-double.
// Error    bounds::kExpRelative, bounds::kExpAccurateRelative; see error_bounds.h.
// FP       round-to-nearest, contraction off. Compiled once per target.

#if defined(ASSAY_LIB_EXP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_EXP_INL_H_
#undef ASSAY_LIB_EXP_INL_H_
#else
#define ASSAY_LIB_EXP_INL_H_
#endif

#include "dd-inl.h"
#include "exp_constants.h"
#include "exp_polynomial.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// 1.5 * 2^52: adding it leaves round(x) in the low bits of the mantissa, for |x| < 2^51.
inline constexpr double kRoundingShift = 0x1.8p52;

// z rounded to whole table steps: `steps` as a double and, in the low bits of `bits`, as an integer.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V RoundToSteps(D d, V z, hn::Vec<hn::RebindToUnsigned<D>>& bits) {
  const V shift = hn::Set(d, kRoundingShift);
  const V shifted = hn::MulAdd(z, hn::Set(d, constants::kStepsPerUnit), shift);
  bits = hn::BitCast(hn::RebindToUnsigned<D>(), shifted);
  return hn::Sub(shifted, shift);
}

// table[bits mod 16].
template <class D, class VU>
HWY_INLINE hn::Vec<D> Lookup16(D d, const double* HWY_RESTRICT table, VU bits) {
#if HWY_TARGET <= HWY_AVX3 && HWY_ARCH_X86
  // One two-register permute instead of a gather; Highway 1.0.3 has no name for it.
  return hn::Vec<D>{_mm512_permutex2var_pd(_mm512_loadu_pd(table), bits.raw, _mm512_loadu_pd(table + 8))};
#else
  const hn::RebindToUnsigned<D> du;
  const hn::RebindToSigned<D> di;
  return hn::GatherIndex(d, table, hn::BitCast(di, hn::And(bits, hn::Set(du, 15))));
#endif
}

// 2^floor(k/16) as bits to add to a double's exponent field, k in the low bits of `bits`.
template <class DU, class VU>
HWY_INLINE VU ExponentBits(DU du, VU bits) {
  return hn::ShiftLeft<48>(hn::AndNot(hn::Set(du, 15), bits));
}

// exp(k ln2/16 + r) for |r| <= ln2/32, k in the low bits of `bits`. kDegree: 6, or 5 for one operation less and
// bounds::kExpRoughRelative.
template <int kDegree = 6, class D, class VU, class V = hn::Vec<D>>
HWY_INLINE V ExpOfStep(D d, VU bits, V r) {
  const hn::RebindToUnsigned<D> du;
  // q = exp(r) - 1 = r + r^2 (1/2 + r/6 + ... + r^4/6!), Estrin's scheme.
  const double* HWY_RESTRICT c = kDegree == 6 ? constants::kExpPolynomial6 : constants::kExpPolynomial5;
  const V r2 = hn::Mul(r, r);
  const V c23 = hn::MulAdd(r, hn::Set(d, c[3]), hn::Set(d, c[2]));
  V c456 = hn::MulAdd(r, hn::Set(d, c[5]), hn::Set(d, c[4]));
  if (kDegree == 6) c456 = hn::MulAdd(r2, hn::Set(d, constants::kExpPolynomial6[6]), c456);
  const V q = hn::MulAdd(r2, hn::MulAdd(r2, c456, c23), r);
  const V power = Lookup16(d, constants::kPowerHi, bits);
  const V result = hn::MulAdd(power, q, power);
  return hn::BitCast(d, hn::Add(hn::BitCast(du, result), ExponentBits(du, bits)));
}

// exp(z) for z <= 0; arguments below -700 (-inf too) give about 2^-1010, which no f32 result can tell from 0.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Exp(D d, V z) {
  const hn::RebindToUnsigned<D> du;
  z = hn::Max(z, hn::Set(d, -700.0));
  hn::Vec<decltype(du)> bits;
  const V steps = RoundToSteps(d, z, bits);
  const V high = hn::NegMulAdd(steps, hn::Set(d, constants::kStep1), z);  // exact, fused or not
  const V r = hn::NegMulAdd(steps, hn::Set(d, constants::kStepRest), high);
  return ExpOfStep(d, bits, r);
}

// exp(z) for |z| <= 700 by the method of Exp, but without fused operations, so that the bits are the same on
// every target. Error: bounds::kExpUnfusedRelative.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V ExpUnfused(D d, V z) {
  const hn::RebindToUnsigned<D> du;
  const V shift = hn::Set(d, kRoundingShift);
  const V shifted = hn::Add(hn::Mul(z, hn::Set(d, constants::kStepsPerUnit)), shift);
  const auto bits = hn::BitCast(du, shifted);
  const V steps = hn::Sub(shifted, shift);
  const V high = hn::Sub(z, hn::Mul(steps, hn::Set(d, constants::kStep1)));  // exact
  const V r = hn::Sub(high, hn::Mul(steps, hn::Set(d, constants::kStepRest)));
  // q = exp(r) - 1 = r + r^2 (1/2! + ... + r^5/7!).
  const double* HWY_RESTRICT c = constants::kInverseFactorialHi;
  V tail = hn::Set(d, c[7]);
  for (int i = 6; i >= 2; --i) tail = hn::Add(hn::Mul(tail, r), hn::Set(d, c[i]));
  const V q = hn::Add(r, hn::Mul(hn::Mul(r, r), tail));
  const V power = Lookup16(d, constants::kPowerHi, bits);
  const V result = hn::Add(power, hn::Mul(power, q));
  return hn::BitCast(d, hn::Add(hn::BitCast(du, result), ExponentBits(du, bits)));
}

// 2^exponent exp(z) for a double-double z in [-1000, 1], exact but for bounds::kExpScaledRelative where the result's
// low part is normal; the same bits on every target.
template <class D, class V = hn::Vec<D>>
HWY_INLINE void ExpAccurateScaled(D d, V z_hi, V z_lo, int exponent, V& HWY_RESTRICT hi, V& HWY_RESTRICT lo) {
  const hn::RebindToUnsigned<D> du;
  hn::Vec<decltype(du)> bits;
  // Not RoundToSteps: a fused and an unfused product may choose neighbouring steps.
  const V shift = hn::Set(d, kRoundingShift);
  const V shifted = hn::Add(hn::Mul(z_hi, hn::Set(d, constants::kStepsPerUnit)), shift);
  bits = hn::BitCast(du, shifted);
  const V steps = hn::Sub(shifted, shift);
  const V high = hn::Sub(z_hi, hn::Mul(steps, hn::Set(d, constants::kStep1)));  // exact
  V r, r_lo;
  TwoSum(high, hn::Neg(hn::Mul(steps, hn::Set(d, constants::kStep2))), r, r_lo);
  const V rest = hn::Add(r_lo, hn::Sub(z_lo, hn::Mul(steps, hn::Set(d, constants::kStep3))));
  V r_hi;
  FastTwoSum(r, rest, r_hi, r_lo);
  // Terms from r^8/8! (below 2^-59 of the result) in double, the rest in pairs; the first left out, r^14/14!,
  // is below 2^-113.
  const double* HWY_RESTRICT c = constants::kInverseFactorialHi;
  const double* HWY_RESTRICT c_lo = constants::kInverseFactorialLo;
  V sum = hn::Set(d, c[13]);
  for (int i = 12; i >= 8; --i) sum = hn::Add(hn::Mul(sum, r_hi), hn::Set(d, c[i]));
  V sum_lo = hn::Zero(d);
  V product, product_lo;
  for (int i = 7; i >= 0; --i) {
    MultiplyPairs(d, sum, sum_lo, r_hi, r_lo, product, product_lo);
    AddPairs(hn::Set(d, c[i]), hn::Set(d, c_lo[i]), product, product_lo, sum, sum_lo);
  }
  MultiplyPairs(d, Lookup16(d, constants::kPowerHi, bits), Lookup16(d, constants::kPowerLo, bits), sum, sum_lo, product,
                product_lo);
  const auto one = hn::Set(du, static_cast<uint64_t>(1023 + exponent) << 52);
  const V scale = hn::BitCast(d, hn::Add(one, ExponentBits(du, bits)));
  hi = hn::Mul(product, scale);
  lo = hn::Mul(product_lo, scale);
}

// exp(z) for a double-double z in [-700, 0]: 2^floor(k/16) >= 2^-1011, both products are exact or far below what a sum
// can see.
template <class D, class V = hn::Vec<D>>
HWY_INLINE void ExpAccurate(D d, V z_hi, V z_lo, V& HWY_RESTRICT hi, V& HWY_RESTRICT lo) {
  ExpAccurateScaled(d, z_hi, z_lo, 0, hi, lo);
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // include guard
