// SPDX-License-Identifier: Apache-2.0
//
// The numbers of a type in order: 0 has place 0, its neighbours +-1, and so on to the infinities. Places of positive
// numbers are their bits, so a place is even where the last bit of its number is 0.

#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "number.h"
#include "wide_sum.h"

namespace assay::internal {

// Exponent of the smallest subnormal.
constexpr int LeastExponentOf(std::int32_t dtype) { return MinExponentOf(dtype) - PrecisionOf(dtype) + 1; }

constexpr std::int64_t PlaceOfInfinity(std::int32_t dtype) {
  return static_cast<std::int64_t>(3 - 2 * MinExponentOf(dtype)) << (PrecisionOf(dtype) - 1);
}

// The magnitude of the number at a place that is not an infinity's, as mantissa * 2^exponent in the type's own units.
inline wide::Dyadic MagnitudeAt(std::int32_t dtype, std::int64_t place) {
  const auto bits = static_cast<std::uint64_t>(place < 0 ? -place : place);
  const std::uint64_t hidden = std::uint64_t{1} << (PrecisionOf(dtype) - 1);
  const auto field = static_cast<int>(bits / hidden);
  const std::uint64_t fraction = bits % hidden;
  if (field == 0) return {false, fraction, LeastExponentOf(dtype)};
  return {false, fraction + hidden, LeastExponentOf(dtype) + field - 1};
}

// Of the number nearest to value, which is not NaN.
inline std::int64_t PlaceInOrder(std::int32_t dtype, double value) {
  const double magnitude = std::fabs(RoundNumber(dtype, value));
  std::int64_t place = PlaceOfInfinity(dtype);
  if (magnitude < std::numeric_limits<double>::infinity()) {
    int exponent;
    std::frexp(magnitude, &exponent);  // magnitude in [2^(exponent-1), 2^exponent)
    const int field = magnitude == 0 || exponent <= MinExponentOf(dtype) ? 0 : exponent - MinExponentOf(dtype);
    const int unit = LeastExponentOf(dtype) + (field == 0 ? 0 : field - 1);
    place = static_cast<std::int64_t>(std::ldexp(magnitude, -unit));
    if (field > 1) place += static_cast<std::int64_t>(field - 1) << (PrecisionOf(dtype) - 1);
  }
  return value < 0 ? -place : place;
}

inline double NumberAt(std::int32_t dtype, std::int64_t place) {
  double magnitude = std::numeric_limits<double>::infinity();
  if (place != PlaceOfInfinity(dtype) && place != -PlaceOfInfinity(dtype)) {
    const wide::Dyadic number = MagnitudeAt(dtype, place);
    magnitude = std::ldexp(static_cast<double>(number.mantissa), number.exponent);
  }
  return place < 0 ? -magnitude : magnitude;
}

// Halfway between the numbers at `place` and place + 1; next to an infinity, where rounding to it begins.
inline wide::Dyadic MidpointAbove(std::int32_t dtype, std::int64_t place) {
  const wide::Dyadic inner = MagnitudeAt(dtype, place < 0 ? place + 1 : place);  // the one nearer to 0
  return {place < 0, 2 * inner.mantissa + 1, inner.exponent - 1};
}

}  // namespace assay::internal
