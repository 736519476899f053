// SPDX-License-Identifier: Apache-2.0
//
// Every error bound of the library, once. Comments and tests use these names.

#pragma once

#include <cstddef>

#include "assay/assay.h"

namespace assay::bounds {

// ---- What the library promises ---------------------------------------------------------------------------------

// Unit roundoff of a type.
constexpr double UnitRoundoff(assay_dtype dtype) {
  return dtype == ASSAY_F64 ? 0x1p-53 : dtype == ASSAY_F32 ? 0x1p-24 : dtype == ASSAY_F16 ? 0x1p-11 : 0x1p-8;
}

constexpr bool IsActivation(assay_op op) {
  return op == ASSAY_SOFTMAX || op == ASSAY_LOG_SOFTMAX || op == ASSAY_LOGSUMEXP || op == ASSAY_SIGMOID;
}

// Every claim, once: the tier table of DESIGN's row contract.
constexpr assay_claim ClaimOf(assay_tier tier, assay_op op, assay_dtype dtype) {
  const bool exact = tier == ASSAY_TIER_EXACT;
  if (IsActivation(op)) {
    if (!exact) return {ASSAY_CLAIM_BOUND, 0, 4, 0};
    if (dtype == ASSAY_F64) return {ASSAY_CLAIM_BOUND, 0, 0.5 + 0x1p-30, 0};
    return {ASSAY_CLAIM_CORRECTLY_ROUNDED, 0, 0.5, 0};
  }
  return {ASSAY_CLAIM_BOUND, 0, 0.5, exact ? 0x1p-50 : 8 * UnitRoundoff(dtype)};
}

// ---- Why it keeps them ------------------------------------------------------------------------------------------

inline constexpr double kU = 0x1p-53;  // unit roundoff of double

// Exp in exp-inl.h against exp(z) of the double z it is given, relative, -700 <= z <= 0:
//   table entry                            1    u   (nearest double of 2^(j/16))
//   last addition, power + power * q       1    u   (result < 2^(16/16): half an ulp is at most u of it)
//   product power * q, |q| < 2^-5.5        0.03 u
//   q: Taylor remainder r^8/8!, |r| < 0.0217: 2^-59.5   0.02 u; its roundings 2^-5.5 * 3 u: 0.07 u
//   r: one rounding of a number below 0.0217: 0.02 u
// Sum 2.2 u; seen over every f32 in [-104, 0]: see README (nightly command).
inline constexpr double kExpRelative = 2.25 * kU;

// z = (x - max) / T against the real quotient, relative: x - max in double, 1/T, their product, one rounding each.
inline constexpr double kExponentRelative = 3.02 * kU;

// The sum of all exp(z): chains of at most 7 + 4 rounded additions, 2 that join four chains, then pairs, exact to u
// for n <= 2^33, and one rounding of their sum; the exponentials' own error; and the share of each z's error,
// sum p_j |z_j| <= log n, at most 23 for n <= 2^33 (28 leaves room).
inline constexpr double kSumRelative = 15 * kU + kExpRelative + 28 * kExponentRelative;
// The same where T = 1, so that only x - max can have been rounded.
inline constexpr double kSumRelativeUnitTemperature = 15 * kU + kExpRelative + 28 * 1.01 * kU;

// exp(z) / sum: both errors, 1 / sum, the product, and the two roundings of the test's own p -+ delta.
inline constexpr double kProbabilityRelative = kSumRelative + kExpRelative + 4.1 * kU;
inline constexpr double kProbabilityRelativeUnitTemperature = kSumRelativeUnitTemperature + kExpRelative + 4.1 * kU;

// ExpAccurate in exp-inl.h against exp(z), relative, -600 <= z <= 0; below, where no f32 share can tell the value from
// 0, its low part becomes subnormal and loses digits.
inline constexpr double kExpAccurateRelative = 0x1p-96;

// Double-double quotients of a row of n, relative: z = (x - max) / T with 1/T and the product good to 2^-99, times
// |z| <= 104: 2^-92, for the entry and for the sum; both exponentials; 1 / sum and the product; n additions of 2^-101.
constexpr double AccurateRelative(std::size_t n) { return 0x1p-90 + static_cast<double>(n) * 0x1p-100; }

// T below kHardmaxBelow gives the same bits as T = 0, T above kUniformAbove the same as T = +inf, because
//   two unequal f32 differ by at least 2^-149: below 2^-300 every exponent but the maximum's is under -2^151, so
//     the shares are 0 and 1/k - tiny; 1/k is never halfway between two f32 (that needs k = 2^150);
//   two finite f32 differ by less than 2^129: above 2^200 every share is 1/k times 1 +- 2^-70, while a rounding
//     boundary is at least 2^-25/k away from 1/k, relative, and k < 2^44.
inline constexpr double kHardmaxBelow = 0x1p-300;
inline constexpr double kUniformAbove = 0x1p+200;

}  // namespace assay::bounds
