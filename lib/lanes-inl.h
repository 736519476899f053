// SPDX-License-Identifier: Apache-2.0
//
// Numbers of any type as double lanes, and back: the vector forms of number.h. At most 8 lanes, whatever the target, so
// that sums over lanes can be fixed. Compiled once per target.

#if defined(ASSAY_LIB_LANES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_LANES_INL_H_
#undef ASSAY_LIB_LANES_INL_H_
#else
#define ASSAY_LIB_LANES_INL_H_
#endif

#include <cstddef>
#include <cstdint>
#include <limits>

#include "assay/assay.h"
#include "hwy/highway.h"
#include "number.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Doubles = hn::CappedTag<double, 8>;
using DoubleVec = hn::Vec<Doubles>;
using DoubleMask = hn::Mask<Doubles>;
using Floats = hn::Rebind<float, Doubles>;  // as many lanes as Doubles
using FloatVec = hn::Vec<Floats>;
using Words = hn::Rebind<uint32_t, Doubles>;

inline constexpr size_t kMaxLanes = 8;
inline constexpr double kInf = std::numeric_limits<double>::infinity();

HWY_INLINE size_t Lanes() { return hn::Lanes(Doubles()); }

// Rounded to f32. Not DemoteTo: Highway 1.0.3's SCALAR and EMU128 make the largest finite number of what lies beyond.
HWY_INLINE FloatVec Narrow(DoubleVec value) {
#if HWY_TARGET == HWY_SCALAR
  return FloatVec(static_cast<float>(value.raw));
#elif HWY_TARGET == HWY_EMU128
  HWY_ALIGN double wide[kMaxLanes];
  HWY_ALIGN float narrow[kMaxLanes] = {};
  hn::Store(value, Doubles(), wide);
  for (size_t i = 0; i < Lanes(); ++i) narrow[i] = static_cast<float>(wide[i]);
  return hn::Load(Floats(), narrow);
#else
  return hn::DemoteTo(Floats(), value);
#endif
}

// The largest lane. Not MaxOfLanes: Highway 1.0.3's EMU128 starts from the lowest finite number, so that its maximum of
// lanes of -inf is finite.
HWY_INLINE double LargestLane(DoubleVec v) {
#if HWY_TARGET == HWY_EMU128
  HWY_ALIGN double lanes[kMaxLanes];
  hn::Store(v, Doubles(), lanes);
  double largest = lanes[0];
  for (size_t i = 1; i < Lanes(); ++i) largest = lanes[i] > largest ? lanes[i] : largest;
  return largest;
#else
  return hn::GetLane(hn::MaxOfLanes(Doubles(), v));
#endif
}

// f32 of the 16 bits of an f16 in each word, exactly: the number scaled by 2^-112 has f32's bits but for their place.
HWY_INLINE FloatVec FloatsOfHalves(hn::Vec<Words> bits) {
  const Words d32;
  const Floats df;
  const auto magnitude = hn::ShiftLeft<13>(hn::And(bits, hn::Set(d32, 0x7FFFu)));
  const auto sign = hn::ShiftLeft<16>(hn::And(bits, hn::Set(d32, 0x8000u)));
  const auto scaled = hn::Mul(hn::BitCast(df, magnitude), hn::Set(df, 0x1p112f));
  const auto special = hn::Or(magnitude, hn::Set(d32, 0x7F800000u));  // infinity or NaN
  const auto is_special = hn::Ge(scaled, hn::Set(df, 0x1p16f));
  return hn::BitCast(df, hn::Or(hn::BitCast(d32, hn::IfThenElse(is_special, hn::BitCast(df, special), scaled)), sign));
}

// Lanes() numbers in memory.
HWY_INLINE DoubleVec LoadNumbers(int32_t dtype, const void* data) {
  const Doubles d;
  const Floats df;
  const Words d32;
  const hn::Rebind<uint16_t, Doubles> d16;
  if (dtype == ASSAY_F32) return hn::PromoteTo(d, hn::LoadU(df, static_cast<const float*>(data)));
  if (dtype == ASSAY_F64) return hn::LoadU(d, static_cast<const double*>(data));
  const auto words = hn::PromoteTo(d32, hn::LoadU(d16, static_cast<const uint16_t*>(data)));
  if (dtype == ASSAY_F16) return hn::PromoteTo(d, FloatsOfHalves(words));
  return hn::PromoteTo(d, hn::BitCast(df, hn::ShiftLeft<16>(words)));
}

// Rounded once to the type, to nearest even; infinite beyond its largest. NaN stays NaN.
HWY_INLINE DoubleVec RoundNumbers(int32_t dtype, DoubleVec value) {
  const Doubles d;
  const hn::RebindToUnsigned<Doubles> du;
  if (dtype == ASSAY_F64) return value;
  if (dtype == ASSAY_F32) return hn::PromoteTo(d, Narrow(value));
  // Adding 1.5 * 2^52 ulp leaves whole ulps of the type.
  const auto exponent = hn::BitCast(d, hn::And(hn::BitCast(du, value), hn::Set(du, uint64_t{0x7FF} << 52)));
  const double least = dtype == ASSAY_F16 ? 0x1p-14 : 0x1p-126;
  const double shift = dtype == ASSAY_F16 ? 0x1.8p42 : 0x1.8p45;  // 1.5 * 2^(53 - precision)
  const DoubleVec magic = hn::Mul(hn::Max(exponent, hn::Set(d, least)), hn::Set(d, shift));
  const DoubleVec rounded = hn::Sub(hn::Add(value, magic), magic);
  const auto beyond = hn::Gt(hn::Abs(rounded), hn::Set(d, internal::MaxFiniteOf(dtype)));
  const DoubleVec infinite = hn::CopySign(hn::Set(d, kInf), value);
  // Where magic overflowed, value is beyond too; NaN compares false.
  const auto huge = hn::Ge(hn::Abs(value), hn::Set(d, 0x1p900));
  return hn::IfThenElse(hn::Or(beyond, huge), infinite, hn::IfThenElse(hn::Eq(value, value), rounded, value));
}

// Writes Lanes() numbers that the type holds; a NaN becomes the canonical one, a zero +0.
HWY_INLINE void StoreNumbers(int32_t dtype, DoubleVec value, void* data) {
  const Doubles d;
  const Floats df;
  const Words d32;
  const hn::RebindToUnsigned<Doubles> du;
  value = hn::Add(value, hn::Zero(d));
  const auto canonical = hn::BitCast(d, hn::Set(du, uint64_t{0x7FF8} << 48));
  value = hn::IfThenElse(hn::Eq(value, value), value, canonical);
  if (dtype == ASSAY_F64) return hn::StoreU(value, d, static_cast<double*>(data));
  const FloatVec narrow = Narrow(value);
  if (dtype == ASSAY_F32) return hn::StoreU(narrow, df, static_cast<float*>(data));
  auto bits = hn::BitCast(d32, narrow);
  if (dtype == ASSAY_BF16) {
    bits = hn::ShiftRight<16>(bits);
  } else {
    // The reverse of FloatsOfHalves.
    const auto sign = hn::ShiftRight<16>(hn::And(bits, hn::Set(d32, 0x80000000u)));
    const auto scaled = hn::BitCast(d32, hn::Mul(hn::Abs(narrow), hn::Set(df, 0x1p-112f)));
    const auto special = hn::ShiftRight<13>(hn::And(bits, hn::Set(d32, 0x7FFFFFFFu)));  // of infinity and NaN
    const auto finite = hn::Lt(hn::Abs(narrow), hn::Set(df, 0x1p16f));
    const auto half = hn::IfThenElse(finite, hn::BitCast(df, hn::ShiftRight<13>(scaled)),
                                     hn::BitCast(df, hn::And(special, hn::Set(d32, 0x7E00u))));
    bits = hn::Or(hn::And(hn::BitCast(d32, half), hn::Set(d32, 0x7FFFu)), sign);
  }
  HWY_ALIGN uint32_t wide[kMaxLanes];
  hn::Store(bits, d32, wide);
  for (size_t i = 0; i < Lanes(); ++i) static_cast<uint16_t*>(data)[i] = static_cast<uint16_t>(wide[i]);
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // include guard
