// SPDX-License-Identifier: Apache-2.0
//
// The types of keys and values that decoding reads, two vectors of f32 at a time. Compiled once per target.

#if defined(ASSAY_LIB_FAST_DECODE_TYPES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_FAST_DECODE_TYPES_INL_H_
#undef ASSAY_LIB_FAST_DECODE_TYPES_INL_H_
#else
#define ASSAY_LIB_FAST_DECODE_TYPES_INL_H_
#endif

#include <bit>

#include "fast_exp-inl.h"

#if ASSAY_FLOAT_LANES

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Two vectors of f32.
struct Two {
  SingleVec a;
  SingleVec b;
};

// Numbers of a type, two vectors of f32 at a time: number e of a row is lane PlaceOf(e) of what is loaded. Larger keeps
// the largest size, which SizeOf gives, NaN or more than any number where one is not finite. kWide: scores are summed
// in double; what is rounded to 16 bits in the end does not need it.
struct OfFloats {
  using Number = float;
  using Most = SingleVec;
  static constexpr bool kWide = true;
  // Into L2, a chunk ahead: read from L3, 1 x 4096 takes 0.6 to 0.7 of the time without.
  static HWY_INLINE void Prefetch(const float* from, ptrdiff_t chunk) {
    __builtin_prefetch(from + chunk, 0, 2);
    __builtin_prefetch(from + chunk + 16, 0, 2);
  }
  static size_t PlaceOf(size_t e) { return e; }
  static HWY_INLINE Two Load(const float* from) {
    const Singles d;
    return {hn::LoadU(d, from), hn::LoadU(d, from + hn::Lanes(d))};
  }
  static HWY_INLINE Most None() { return hn::Zero(Singles()); }
  static HWY_INLINE Most Larger(Most most, const float*, const Two& x) {
    return hn::Max(hn::Max(most, hn::Abs(x.a)), hn::Abs(x.b));
  }
  static double SizeOf(Most most) { return static_cast<double>(hn::GetLane(hn::MaxOfLanes(Singles(), most))); }
};
struct OfHalves {
  using Number = uint16_t;
  using Most = SingleVec;
  static constexpr bool kWide = false;
  static HWY_INLINE void Prefetch(const uint16_t* from, ptrdiff_t chunk) { __builtin_prefetch(from + chunk, 0, 2); }
  static size_t PlaceOf(size_t e) { return e; }
  static HWY_INLINE Two Load(const uint16_t* from) {
    const hn::Rebind<uint16_t, Singles> d16;
    const hn::Rebind<hwy::float16_t, Singles> half;
    const auto load = [&](const uint16_t* at)
                          ASSAY_LAMBDA { return hn::PromoteTo(Singles(), hn::BitCast(half, hn::LoadU(d16, at))); };
    return {load(from), load(from + hn::Lanes(Singles()))};
  }
  static HWY_INLINE Most None() { return OfFloats::None(); }
  static HWY_INLINE Most Larger(Most most, const uint16_t*, const Two& x) { return OfFloats::Larger(most, nullptr, x); }
  static double SizeOf(Most most) { return OfFloats::SizeOf(most); }
};
// Words of two numbers: the even ones of a row, then the odd ones.
struct OfBrainFloats {
  using Number = uint16_t;
  using Pairs = hn::ScalableTag<uint16_t>;
  using Most = hn::Vec<Pairs>;
  static constexpr bool kWide = false;
  static HWY_INLINE void Prefetch(const uint16_t* from, ptrdiff_t chunk) { __builtin_prefetch(from + chunk, 0, 2); }
  static size_t PlaceOf(size_t e) {
    const size_t lanes = hn::Lanes(Singles());
    return e / (2 * lanes) * (2 * lanes) + e % 2 * lanes + e % (2 * lanes) / 2;
  }
  static HWY_INLINE Two Load(const uint16_t* from) {
    const Singles d;
    const SingleWords words;
    const auto x = hn::BitCast(words, hn::LoadU(Pairs(), from));
    return {hn::BitCast(d, hn::ShiftLeft<16>(x)), hn::BitCast(d, hn::And(x, hn::Set(words, 0xFFFF0000u)))};
  }
  static HWY_INLINE Most None() { return hn::Zero(Pairs()); }
  static HWY_INLINE Most Larger(Most most, const uint16_t* from, const Two&) {
    return hn::Max(most, hn::And(hn::LoadU(Pairs(), from), hn::Set(Pairs(), uint16_t{0x7FFF})));
  }
  static double SizeOf(Most most) {
    HWY_ALIGN uint16_t sizes[HWY_LANES(uint16_t)];
    hn::Store(most, Pairs(), sizes);
    uint16_t largest = 0;
    for (size_t i = 0; i < hn::Lanes(Pairs()); ++i) largest = HWY_MAX(largest, sizes[i]);
    return static_cast<double>(std::bit_cast<float>(static_cast<uint32_t>(largest) << 16));
  }
};

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // ASSAY_FLOAT_LANES

#endif  // include guard
