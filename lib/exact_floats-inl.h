// SPDX-License-Identifier: Apache-2.0
//
// The parts of exact_softmax_f32-inl.h: loads and stores of a row's last floats, exp(x / T) of f32 lanes in double, and
// the test whether a double's rounding to f32 is in doubt. Compiled once per target.

#if defined(ASSAY_LIB_EXACT_FLOATS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_EXACT_FLOATS_INL_H_
#undef ASSAY_LIB_EXACT_FLOATS_INL_H_
#else
#define ASSAY_LIB_EXACT_FLOATS_INL_H_
#endif

#include <bit>
#include <cmath>

#include "error_bounds.h"
#include "exp-inl.h"
#include "lanes-inl.h"
#include "rounding.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The last n % Lanes() floats of a row, from entry j on; lanes past the end are 0.
HWY_INLINE FloatVec LoadTail(const float* HWY_RESTRICT x, size_t j, size_t n) {
  const Floats df;
#if HWY_TARGET <= HWY_AVX3 && HWY_ARCH_X86
  return hn::MaskedLoad(hn::FirstN(df, n - j), df, x + j);  // touches nothing past the end
#else
  HWY_ALIGN float lanes[kMaxLanes] = {};
  for (size_t i = 0; i < Lanes() && j + i < n; ++i) lanes[i] = x[j + i];
  return hn::Load(df, lanes);
#endif
}

HWY_INLINE void StoreTail(FloatVec value, float* HWY_RESTRICT out, size_t j, size_t n) {
  const Floats df;
#if HWY_TARGET <= HWY_AVX3 && HWY_ARCH_X86
  hn::BlendedStore(value, hn::FirstN(df, n - j), df, out + j);
#else
  HWY_ALIGN float lanes[kMaxLanes];
  hn::Store(value, df, lanes);
  for (size_t i = 0; i < Lanes() && j + i < n; ++i) out[j + i] = lanes[i];
#endif
}

// exp(x / T) for f32 x with |x| <= largest(); the quotient is never rounded. kUnit: T = 1. kRough: two operations less,
// and more rows in doubt; needs FMA.
template <bool kUnit, bool kRough>
class ExpOfQuotient {
 public:
  // 2^-300 < T < 2^300.
  HWY_INLINE explicit ExpOfQuotient(double temperature)
      : inverse_(1 / temperature), steps_per_unit_(constants::kStepsPerUnit / temperature) {
    // T ln2/16 in two parts, the first of 38 bits: its product with the number of steps is exact.
    const double part1 = constants::kStep1 * temperature;
    const double part1_lo = std::fma(constants::kStep1, temperature, -part1);
    step1_ = std::bit_cast<double>(std::bit_cast<uint64_t>(part1) & ~uint64_t{0x7FFF});
    step2_ = (part1 - step1_) + (part1_lo + constants::kStepRest * temperature);
    const auto times = [&](double exponent) {  // rounded down
      return static_cast<float>(std::fmin(exponent * temperature, 0x1.fffffep127) * (1 - 0x1p-20));
    };
    largest_ = times(kRough ? bounds::kRoughLargestExponent : 690);
    largest_without_subnormals_ = times(34.5);
  }

  float largest() const { return largest_; }
  // 34.5 T: no share of n <= 2^24 is below e^-69 / n > 2^-126.
  float largest_without_subnormals() const { return largest_without_subnormals_; }

  HWY_INLINE DoubleVec operator()(FloatVec narrow) const {
    const Doubles d;
    const DoubleVec x = hn::PromoteTo(d, narrow);
    const DoubleVec shift = hn::Set(d, kRoundingShift);
    const DoubleVec shifted = hn::MulAdd(x, hn::Set(d, kUnit ? constants::kStepsPerUnit : steps_per_unit_), shift);
    const auto bits = hn::BitCast(hn::RebindToUnsigned<Doubles>(), shifted);
    const DoubleVec steps = hn::Sub(shifted, shift);
    DoubleVec rest;
    if (kRough) {
      rest = hn::NegMulAdd(steps, hn::Set(d, kUnit ? constants::kStep1 + constants::kStepRest : step1_ + step2_), x);
    } else {
      const DoubleVec high = hn::NegMulAdd(steps, hn::Set(d, kUnit ? constants::kStep1 : step1_), x);  // exact
      rest = hn::NegMulAdd(steps, hn::Set(d, kUnit ? constants::kStepRest : step2_), high);
    }
    return ExpOfStep < kRough ? 5 : 6 > (d, bits, kUnit ? rest : hn::Mul(rest, hn::Set(d, inverse_)));
  }

 private:
  double inverse_;
  double steps_per_unit_;  // 16 / (T ln 2)
  double step1_;
  double step2_;
  float largest_;
  float largest_without_subnormals_;
};

// Whether a rounding boundary of f32 lies within kReach, a power of two, of p >= 2^-126, in units of p's last place.
template <uint64_t kReach>
HWY_INLINE DoubleMask NearMidpoint(DoubleVec p) {
  const Doubles d;
  const hn::RebindToUnsigned<Doubles> du;
  // The low 29 bits are what f32 has not; 2^28 is the midpoint.
  constexpr uint64_t kFar = ((uint64_t{1} << 29) - 1) & ~(2 * kReach - 1);
  const auto distance = hn::Add(hn::BitCast(du, p), hn::Set(du, (uint64_t{1} << 28) + kReach));
#if HWY_TARGET <= HWY_AVX3 && HWY_ARCH_X86
  // One instruction, which Highway 1.0.3 has no name for.
  return DoubleMask{_mm512_testn_epi64_mask(distance.raw, hn::Set(du, kFar).raw)};
#else
  return hn::RebindMask(d, hn::Eq(hn::And(distance, hn::Set(du, kFar)), hn::Zero(du)));
#endif
}

// The same for any p >= 0, subnormal results included.
template <uint64_t kReach>
HWY_INLINE DoubleMask NearAnyMidpoint(DoubleVec p) {
  const Doubles d;
  const DoubleVec delta = hn::MulAdd(p, hn::Set(d, (kReach + 2.01) * bounds::kU), hn::Set(d, bounds::kResultSlack));
  const DoubleVec low = RoundNumbers(ASSAY_F32, hn::Sub(p, delta));
  return hn::Not(hn::Eq(low, RoundNumbers(ASSAY_F32, hn::Add(p, delta))));
}

// The lanes of all pairs, rounded once.
HWY_INLINE double SumOfPairs(DoubleVec hi, DoubleVec lo) {
  HWY_ALIGN double lanes[2][kMaxLanes];
  hn::Store(hi, Doubles(), lanes[0]);
  hn::Store(lo, Doubles(), lanes[1]);
  internal::ScalarPair total = {0, 0};
  for (size_t i = 0; i < Lanes(); ++i) total = internal::Add(total, {lanes[0][i], lanes[1][i]});
  return total.hi;
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // include guard
