// SPDX-License-Identifier: Apache-2.0
//
// log(1 + x) in double, for the logarithms of sums: one a row.

#pragma once

#include <bit>
#include <cstdint>

#include "exp_constants.h"

namespace assay::internal {

// log(1 + x) for finite x >= 0; relative error below bounds::kLogOnePlusRelative, near 0 too.
//
// Method  1 + x = 2^k m with m in [1/sqrt 2, sqrt 2], log m = 2 atanh(s), s = (m - 1) / (m + 1), by its Taylor
//         polynomial; where k = 0, m - 1 is x itself.
// FP      round-to-nearest, contraction off.
inline double LogOnePlus(double x) {
  constexpr double kSqrt2 = 0x1.6a09e667f3bcdp+0;
  double above = x;  // m - 1
  double k = 0;
  if (x > kSqrt2 - 1) {
    const auto bits = std::bit_cast<std::uint64_t>(1 + x);
    double m = std::bit_cast<double>((bits & 0x000FFFFFFFFFFFFF) | 0x3FF0000000000000);
    k = static_cast<double>(static_cast<int>(bits >> 52) - 1023);
    if (m > kSqrt2) {
      m *= 0.5;
      k += 1;
    }
    above = m - 1;  // exact
  }
  const double s = above / (2 + above);
  const double t = s * s;  // below 0.0295
  double tail = 1.0 / 21;
  for (int i = 19; i >= 3; i -= 2) tail = tail * t + 1.0 / i;
  const double log_m = 2 * s + 2 * s * (t * tail);
  if (k == 0) return log_m;
  // ln 2 in two parts, 16 of the table's steps; the product with the first is exact.
  return k * (16 * constants::kStep1) + (k * (16 * constants::kStepRest) + log_m);
}

}  // namespace assay::internal
