// SPDX-License-Identifier: Apache-2.0
//
// exp(z), z <= 0, of single doubles and double-doubles, and the quotients z = (x - max) / T that go into it, for
// functions whose decisions must be the same everywhere: no libm, no FMA but where it is exact. The lanes of the
// kernels are in exp-inl.h; the constants are the same.
//
// Error  ExpScalar      bounds::kExpRelative, by the argument written there (it counts no fused operation)
//        ExpScalarPair  bounds::kExpAccurateRelative for z >= -600
//        ScaledDifference, ScaledDifferencePair  below 2.01 u and 2^-98, relative; see there
// FP     round-to-nearest, -ffp-contract=off.

#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "exp_constants.h"
#include "rounding.h"

namespace assay::internal {

// Arguments below this give exactly 0: no sum that starts at 1 can tell.
inline constexpr double kExpScalarLeast = -700.0;

struct ExpSteps {
  double count;        // round(z * 16 / ln 2)
  std::uint64_t bits;  // the same in its low bits
};

inline ExpSteps StepsOf(double z) {
  constexpr double kShift = 0x1.8p52;  // adding it leaves the rounded integer in the low bits
  const double shifted = z * constants::kStepsPerUnit + kShift;
  return {shifted - kShift, std::bit_cast<std::uint64_t>(shifted)};
}

// 2^floor(count / 16), for count > -2^14.
inline double PowerOfSteps(ExpSteps steps) {
  return std::bit_cast<double>(std::bit_cast<std::uint64_t>(1.0) + ((steps.bits & ~std::uint64_t{15}) << 48));
}

// exp(z) for z <= 0.
inline double ExpScalar(double z) {
  if (!(z >= kExpScalarLeast)) return 0;
  const ExpSteps steps = StepsOf(z);
  const double r = (z - steps.count * constants::kStep1) - steps.count * constants::kStepRest;
  const double* c = constants::kInverseFactorialHi;
  const double r2 = r * r;
  const double tail = c[2] + r * c[3] + r2 * ((c[4] + r * c[5]) + r2 * (c[6] + r * c[7]));
  const double q = r + r2 * tail;
  const double power = constants::kPowerHi[steps.bits & 15];
  return (power + power * q) * PowerOfSteps(steps);
}

// a + b exactly (Knuth 1969, 4.2.2).
inline ScalarPair TwoSumScalar(double a, double b) {
  const double sum = a + b;
  const double b_part = sum - a;
  return {sum, (a - (sum - b_part)) + (b - b_part)};
}

// Relative error below 2^-100; the product of the high parts is exact (std::fma is, with or without the instruction).
inline ScalarPair MultiplyScalar(ScalarPair a, ScalarPair b) {
  const double product = a.hi * b.hi;
  const double error = std::fma(a.hi, b.hi, -product);
  const double low = error + (a.hi * b.lo + a.lo * b.hi);
  const double sum = product + low;
  return {sum, low - (sum - product)};
}

// exp(z) for a double-double z <= 0: 14 terms of the Taylor series, all in pairs.
inline ScalarPair ExpScalarPair(ScalarPair z) {
  if (!(z.hi >= kExpScalarLeast)) return {0, 0};
  const ExpSteps steps = StepsOf(z.hi);
  // Products of the step count with the first two parts are exact.
  ScalarPair r = TwoSumScalar(z.hi - steps.count * constants::kStep1, -(steps.count * constants::kStep2));
  r = TwoSumScalar(r.hi, r.lo + (z.lo - steps.count * constants::kStep3));
  ScalarPair sum = {constants::kInverseFactorialHi[14], constants::kInverseFactorialLo[14]};
  for (int i = 13; i >= 0; --i) {
    sum = Add({constants::kInverseFactorialHi[i], constants::kInverseFactorialLo[i]}, MultiplyScalar(sum, r));
  }
  const std::size_t j = steps.bits & 15;
  const ScalarPair result = MultiplyScalar({constants::kPowerHi[j], constants::kPowerLo[j]}, sum);
  const double scale = PowerOfSteps(steps);
  return {result.hi * scale, result.lo * scale};
}

// (x - max) / T for x <= max, both finite, 0 < T < inf; about as large as it comes (-inf included) where it is below
// kExpScalarLeast.
inline double ScaledDifference(double x, double max, double temperature) {
  const double difference = x - max;
  if (difference >= -0x1.fffffffffffffp+1023) return difference / temperature;
  // x - max overflows. Halves do not, and a T whose half is inexact is so small that exp gives 0 anyway.
  return (x * 0.5 - max * 0.5) / (temperature * 0.5);
}

// The same as a pair: the difference is exact, its quotient good to 2^-98.
inline ScalarPair ScaledDifferencePair(double x, double max, double temperature) {
  if (x - max < -0x1.fffffffffffffp+1023) {
    x *= 0.5;
    max *= 0.5;
    temperature *= 0.5;
  }
  ScalarPair difference = TwoSumScalar(x, -max);
  const double rough = difference.hi / temperature;
  if (!(rough >= 2 * kExpScalarLeast)) return {rough, 0};
  if (std::fabs(difference.hi) < 0x1p-400) {
    // So is T, or the quotient is too small to matter; scaled up, no remainder below becomes subnormal.
    difference = {difference.hi * 0x1p+500, difference.lo * 0x1p+500};
    temperature *= 0x1p+500;
    if (temperature > 0x1p+1000) return {rough, 0};
  }
  const double rest = std::fma(-rough, temperature, difference.hi) + difference.lo;
  const double low = rest / temperature;
  const double sum = rough + low;
  return {sum, low - (sum - rough)};
}

}  // namespace assay::internal
