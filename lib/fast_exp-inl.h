// SPDX-License-Identifier: Apache-2.0
//
// The fast tier's exponential in f32 lanes: exp((x - shift) / T) times a power of two, for targets with fused
// multiply-add and a permutation of whole vectors (AVX3, AVX2); ASSAY_FLOAT_LANES says whether this target is one.
//
// Method   (x - shift) * log2(e)/T = (n + q) / kSteps, |q| <= 1/2, with the factor in two f32 words, so that n + q has
// no
//          rounding to speak of at any T; 2^(n/kSteps) = (table entry) * 2^k with k added to the entry's exponent;
//          e = entry + entry * (q * polynomial(q) + what the entry lost when it was rounded).
// Source   table and polynomial: fast_exp_constants.sollya.
// Error    bounds::kFastExpRelative; fast_exp.gappa proves the evaluation's share.
// FP       round-to-nearest, contraction off; NaN in, NaN out. Compiled once per target.

#if defined(ASSAY_LIB_FAST_EXP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_FAST_EXP_INL_H_
#undef ASSAY_LIB_FAST_EXP_INL_H_
#else
#define ASSAY_LIB_FAST_EXP_INL_H_
#endif

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

#include "fast_exp_constants.h"
#include "hwy/highway.h"

#undef ASSAY_FLOAT_LANES
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
#define ASSAY_FLOAT_LANES 1
#else
#define ASSAY_FLOAT_LANES 0
#endif

// A lambda of these files: g++ 12 leaves some out of line, and then passes vectors through memory.
#undef ASSAY_LAMBDA
#define ASSAY_LAMBDA HWY_ATTR __attribute__((always_inline))

#if ASSAY_FLOAT_LANES

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Singles = hn::ScalableTag<float>;
using SingleVec = hn::Vec<Singles>;
using WideDoubles = hn::RepartitionToWide<Singles>;  // half as many lanes as Singles
using WideVec = hn::Vec<WideDoubles>;
using SingleMask = hn::Mask<Singles>;
using SingleWords = hn::RebindToUnsigned<Singles>;
inline constexpr double kLongestUnshifted = 1800;  // largest |x| log2(e) / T without a shift: x * low_ stays below 2^-9

struct One {
  SingleVec v;
};
struct Four {
  SingleVec v0;
  SingleVec v1;
  SingleVec v2;
  SingleVec v3;
};

// fn of each vector.
template <class Fn, class... Ones>
HWY_INLINE One Map(const Fn& fn, const One& x, const Ones&... rest) {
  return {fn(x.v, rest.v...)};
}
template <class Fn, class... Fours>
HWY_INLINE Four Map(const Fn& fn, const Four& x, const Fours&... rest) {
  return {fn(x.v0, rest.v0...), fn(x.v1, rest.v1...), fn(x.v2, rest.v2...), fn(x.v3, rest.v3...)};
}

// As many steps as one permutation can look up.
#if HWY_TARGET <= HWY_AVX3
using PowerTable = constants::SixteenSteps;
inline constexpr int kSteps = 16;
inline constexpr int kExponentShift = 19;  // from n to k = n / kSteps in an exponent field
#else
using PowerTable = constants::EightSteps;
inline constexpr int kSteps = 8;
inline constexpr int kExponentShift = 20;
#endif

// The powers less the index that a shifted n adds to them.
inline constexpr std::array<uint32_t, kSteps> kPowerBits = [] {
  std::array<uint32_t, kSteps> bits{};
  for (uint32_t i = 0; i < kSteps; ++i) {
    bits[i] = std::bit_cast<uint32_t>(PowerTable::kPower[i]) - (i << kExponentShift);
  }
  return bits;
}();

// table[index mod kSteps]; the hardware takes the low bits alone.
HWY_INLINE SingleVec LookUp(SingleVec table, hn::Vec<SingleWords> index) {
#if HWY_TARGET <= HWY_AVX3
  return SingleVec{_mm512_permutexvar_ps(index.raw, table.raw)};
#else
  return SingleVec{_mm256_permutevar8x32_ps(table.raw, index.raw)};
#endif
}

// log2(e) / T in table steps, as two words. In this range no product below overflows, and none that matters underflows.
struct ExpScale {
  double exact;  // log2(e) / T
  double unit;   // its inverse
  float high;
  float low;

  // A negative one for exp(-x / T).
  explicit ExpScale(double temperature)
      : exact(0x1.71547652b82fep0 / temperature), unit(0x1.62e42fefa39efp-1 * temperature) {
    high = static_cast<float>(exact * kSteps);
    low = static_cast<float>(exact * kSteps - static_cast<double>(high));
  }
  bool InRange() const { return exact > 0x1p-60 && exact < 0x1p60; }
  // Whether f32 lanes keep their bounds on such rows: sums are bounded for up to 2^30 entries
  // (bounds::kFastSumRelative).
  bool Serves(size_t n) const { return InRange() && n <= size_t{1} << 30; }
};

enum class Sides { kNone, kBelow, kAbove, kBoth };

// 2^exponent * exp((x - shift) / T) for all x between two limits; below and above as at the limit, so that the result
// is normal whatever x. x - shift must be exact where the result matters.
class FloatExp {
 public:
  static constexpr int kMinPower = -125;  // what the results lie between
  static constexpr int kMaxPower = 121;

  HWY_INLINE FloatExp(const ExpScale& scale, float shift, int exponent)
      : high_(hn::Set(Singles(), scale.high)),
        low_(hn::Set(Singles(), scale.low)),
        shift_(hn::Set(Singles(), shift)),
        least_(hn::Set(Singles(), LeastOf(scale, exponent))),
        most_(hn::Set(Singles(), static_cast<float>((kMaxPower - exponent) * scale.unit))) {
    const SingleWords du;
    power_ = hn::BitCast(Singles(),
                         hn::Add(hn::LoadU(du, kPowerBits.data()), hn::Set(du, static_cast<uint32_t>(exponent) << 23)));
    residue_ = hn::LoadU(Singles(), PowerTable::kResidue);
    if (scale.unit < 0) std::swap(least_, most_);
  }

  // The lower limit without a shift; and one for each lane instead, not below that of the constructor's exponent.
  static HWY_INLINE float LeastOf(const ExpScale& scale, int exponent) {
    return static_cast<float>((kMinPower - exponent) * scale.unit);
  }
  HWY_INLINE void LimitBelow(SingleVec least) { least_ = least; }

  // One or Four vectors. kShifted: there is a shift; kSides: where x may be beyond the limits. NaN gives NaN.
  template <bool kShifted, Sides kSides = Sides::kBoth, class Vecs>
  HWY_INLINE Vecs Power(Vecs x) const {
    const Singles d;
    const SingleWords du;
    const SingleVec magic = hn::Set(d, 0x1.8p23f);
    const float* c = PowerTable::kCoefficients;
    x = Map(
        [&](SingleVec v) ASSAY_LAMBDA {
          if constexpr (kShifted) v = hn::Sub(v, shift_);
          if constexpr (kSides == Sides::kBelow || kSides == Sides::kBoth)
            v = hn::Max(least_, v);  // of NaN and a number the second is taken
          if constexpr (kSides == Sides::kAbove || kSides == Sides::kBoth) v = hn::Min(most_, v);
          return v;
        },
        x);
    const Vecs shifted = Map([&](SingleVec v) ASSAY_LAMBDA { return hn::MulAdd(v, high_, magic); }, x);
    const Vecs n = Map([&](SingleVec s) ASSAY_LAMBDA { return hn::Sub(s, magic); }, shifted);
    Vecs q = Map([&](SingleVec v, SingleVec steps) ASSAY_LAMBDA { return hn::MulSub(v, high_, steps); }, x, n);
    q = Map([&](SingleVec v, SingleVec r) ASSAY_LAMBDA { return hn::MulAdd(v, low_, r); }, x, q);
#if HWY_TARGET <= HWY_AVX3
    Vecs p = Map([&](SingleVec r) ASSAY_LAMBDA { return hn::MulAdd(hn::Set(d, c[2]), r, hn::Set(d, c[1])); }, q);
#else
    Vecs p = Map([&](SingleVec r) ASSAY_LAMBDA { return hn::MulAdd(hn::Set(d, c[3]), r, hn::Set(d, c[2])); }, q);
    p = Map([&](SingleVec s, SingleVec r) ASSAY_LAMBDA { return hn::MulAdd(s, r, hn::Set(d, c[1])); }, p, q);
#endif
    p = Map([&](SingleVec s, SingleVec r) ASSAY_LAMBDA { return hn::MulAdd(s, r, hn::Set(d, c[0])); }, p, q);
    const Vecs residue = Map([&](SingleVec s) ASSAY_LAMBDA { return LookUp(residue_, hn::BitCast(du, s)); }, shifted);
    const Vecs rest =
        Map([&](SingleVec s, SingleVec r, SingleVec t) ASSAY_LAMBDA { return hn::MulAdd(s, r, t); }, p, q, residue);
    const Vecs entry = Map(
        [&](SingleVec s) ASSAY_LAMBDA {
          const auto bits = hn::BitCast(du, s);
          const auto power = hn::BitCast(du, LookUp(power_, bits));
          return hn::BitCast(d, hn::Add(power, hn::ShiftLeft<kExponentShift>(bits)));
        },
        shifted);
    return Map([&](SingleVec t, SingleVec r) ASSAY_LAMBDA { return hn::MulAdd(t, r, t); }, entry, rest);
  }

  // Where e is more than what stands for all that lies below.
  HWY_INLINE hn::Mask<Singles> Reaches(SingleVec x) const { return hn::Gt(x, hn::Add(least_, shift_)); }

 private:
  SingleVec high_;
  SingleVec low_;
  SingleVec shift_;
  SingleVec least_;
  SingleVec most_;
  SingleVec power_;
  SingleVec residue_;
};

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // ASSAY_FLOAT_LANES

#endif  // include guard
