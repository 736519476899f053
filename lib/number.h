// SPDX-License-Identifier: Apache-2.0
//
// One number of any type in memory, as a double and back. The vector forms are in row-inl.h.

#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "assay/assay.h"

namespace assay::internal {

// Significant bits, and the exponent of the smallest normal number.
constexpr int PrecisionOf(std::int32_t dtype) {
  return dtype == ASSAY_F64 ? 53 : dtype == ASSAY_F32 ? 24 : dtype == ASSAY_F16 ? 11 : 8;
}
constexpr int MinExponentOf(std::int32_t dtype) { return dtype == ASSAY_F64 ? -1022 : dtype == ASSAY_F16 ? -14 : -126; }
constexpr double MaxFiniteOf(std::int32_t dtype) {
  return dtype == ASSAY_F64   ? 0x1.fffffffffffffp1023
         : dtype == ASSAY_F32 ? 0x1.fffffep127
         : dtype == ASSAY_F16 ? 0x1.ffcp15
                              : 0x1.fep127;
}

inline double HalfToDouble(std::uint16_t bits) {
  const int exponent = (bits >> 10) & 31;
  const int mantissa = bits & 1023;
  const double magnitude = exponent == 31  ? (mantissa == 0 ? HUGE_VAL : std::nan(""))
                           : exponent == 0 ? mantissa * 0x1p-24
                                           : std::ldexp(1024 + mantissa, exponent - 25);
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

// Entry `at` of data.
inline double LoadNumber(std::int32_t dtype, const void* data, std::ptrdiff_t at) {
  switch (dtype) {
    case ASSAY_F32:
      return static_cast<double>(static_cast<const float*>(data)[at]);
    case ASSAY_F64:
      return static_cast<const double*>(data)[at];
    case ASSAY_F16:
      return HalfToDouble(static_cast<const std::uint16_t*>(data)[at]);
    default:
      return static_cast<double>(
          std::bit_cast<float>(static_cast<std::uint32_t>(static_cast<const std::uint16_t*>(data)[at]) << 16));
  }
}

// value rounded once to the type, to nearest even, as a double (infinite where it rounds beyond the largest).
inline double RoundNumber(std::int32_t dtype, double value) {
  if (dtype == ASSAY_F64 || value == 0 || !std::isfinite(value)) return value;
  if (dtype == ASSAY_F32) return static_cast<double>(static_cast<float>(value));
  int exponent;
  std::frexp(value, &exponent);  // |value| in [2^(exponent-1), 2^exponent)
  const int lowest =
      (exponent - 1 < MinExponentOf(dtype) ? MinExponentOf(dtype) : exponent - 1) - PrecisionOf(dtype) + 1;
  const double rounded = std::ldexp(std::nearbyint(std::ldexp(value, -lowest)), lowest);
  return std::fabs(rounded) > MaxFiniteOf(dtype) ? std::copysign(HUGE_VAL, value) : rounded;
}

// Rounds once; a NaN becomes the canonical one, a zero +0.
inline void StoreNumber(std::int32_t dtype, void* data, std::ptrdiff_t at, double value) {
  const double rounded = RoundNumber(dtype, value) + 0.0;
  const bool nan = std::isnan(rounded);
  switch (dtype) {
    case ASSAY_F32:
      static_cast<float*>(data)[at] = nan ? std::bit_cast<float>(0x7FC00000u) : static_cast<float>(rounded);
      return;
    case ASSAY_F64:
      static_cast<double*>(data)[at] = nan ? std::bit_cast<double>(std::uint64_t{0x7FF8} << 48) : rounded;
      return;
    case ASSAY_BF16:
      static_cast<std::uint16_t*>(data)[at] =
          nan ? std::uint16_t{0x7FC0}
              : static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(static_cast<float>(rounded)) >> 16);
      return;
    default: {
      std::uint16_t bits = 0x7E00;
      if (!nan) {
        const double magnitude = std::fabs(rounded);
        if (std::isinf(rounded)) {
          bits = 0x7C00;
        } else if (magnitude < 0x1p-14) {
          bits = static_cast<std::uint16_t>(magnitude * 0x1p24);
        } else {
          bits = static_cast<std::uint16_t>((std::bit_cast<std::uint64_t>(magnitude) >> 42) - ((1023 - 15) << 10));
        }
        if (std::signbit(rounded)) bits |= 0x8000;
      }
      static_cast<std::uint16_t*>(data)[at] = bits;
    }
  }
}

}  // namespace assay::internal
