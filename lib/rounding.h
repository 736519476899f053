// SPDX-License-Identifier: Apache-2.0
//
// Scalar ends of the row algorithms: sums and reciprocals of double-doubles, and roundings that must be exact.
// All of it needs round-to-nearest and -ffp-contract=off.

#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

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

// The f32 nearest to hi + lo >= 0, ties to even. Rounding hi alone would round twice; rounded to odd instead, it still
// tells on which side of a midpoint the sum lies (Boldo & Melquiond 2008), subnormal results included.
inline float RoundToFloat(ScalarPair a) {
  auto bits = std::bit_cast<std::uint64_t>(a.hi);
  if (a.lo != 0 && a.hi != 0) {
    if (a.lo < 0) --bits;
    bits |= 1;
  }
  return static_cast<float>(std::bit_cast<double>(bits));
}

// The floats next to a non-negative finite one; there is none below 0.
inline float NextFloat(float x) { return std::bit_cast<float>(std::bit_cast<std::uint32_t>(x) + 1); }
inline float PreviousFloat(float x) { return std::bit_cast<float>(std::bit_cast<std::uint32_t>(x) - 1); }

// 1 / count rounded to f32, count >= 1: 26 quotient bits and what is left over decide.
inline float ReciprocalOf(std::uint64_t count) {
  __extension__ using Wide = unsigned __int128;
  const int shift = static_cast<int>(std::bit_width(count)) + 25;
  const Wide dividend = Wide{1} << shift;
  const auto quotient = static_cast<std::uint64_t>(dividend / count);  // 26 or 27 bits, exact in a double
  const double sticky = dividend % count != 0 ? 0.5 : 0.0;
  return static_cast<float>(std::ldexp(static_cast<double>(quotient) + sticky, -shift));
}

}  // namespace assay::internal
