// SPDX-License-Identifier: Apache-2.0
//
// Scalar ends of the row algorithms: sums and reciprocals of double-doubles. All of it needs round-to-nearest and
// -ffp-contract=off.

#pragma once

#include <cmath>

namespace assay::internal {

struct ScalarPair {
  double hi;
  double lo;
};

// Relative error below 2^-101 (Joldes, Muller & Popescu 2017, algorithm 6).
inline ScalarPair Add(ScalarPair a, ScalarPair b) {
  const auto two_sum = [](double x, double y) {
    const double sum = x + y;
    const double y_part = sum - x;
    return ScalarPair{sum, (x - (sum - y_part)) + (y - y_part)};
  };
  const ScalarPair high = two_sum(a.hi, b.hi);
  const ScalarPair low = two_sum(a.lo, b.lo);
  const ScalarPair first = two_sum(high.hi, high.lo + low.hi);
  return two_sum(first.hi, first.lo + low.lo);
}

// 1 / a for 2^-400 < a < 2^400, relative error below 2^-100. std::fma is exact with or without the instruction.
inline ScalarPair Reciprocal(ScalarPair a) {
  const double hi = 1.0 / a.hi;
  const double rest = std::fma(-hi, a.hi, 1.0) - hi * a.lo;  // 1 - hi * a, below 2^-52
  const double lo = rest * hi;
  const double sum = hi + lo;
  return {sum, lo - (sum - hi)};
}

}  // namespace assay::internal
