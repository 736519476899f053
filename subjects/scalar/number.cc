// SPDX-License-Identifier: Apache-2.0
//
// f32 and f64 are the machine's; the two of 16 bits are integers times a power of two, by hand.

#include "subjects/scalar/number.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace assay::subjects {
namespace {

// A binary format of 16 bits: sign, exponent, `fraction` bits; the smallest subnormal is 2^min_log2.
struct Half {
  int fraction;
  int min_log2;

  constexpr std::uint16_t Infinity() const { return static_cast<std::uint16_t>(0x7FFF >> fraction << fraction); }
  constexpr std::uint16_t Nan() const { return static_cast<std::uint16_t>(Infinity() | 1 << (fraction - 1)); }
};
constexpr Half kF16 = {10, -24};
constexpr Half kBF16 = {7, -133};

double Decode(const Half& half, std::uint16_t bits) {
  const double sign = (bits & 0x8000) != 0 ? -1 : 1;
  const int magnitude = bits & 0x7FFF;
  if (magnitude > half.Infinity()) return std::nan("");
  if (magnitude == half.Infinity()) return sign * HUGE_VAL;
  const int exponent = magnitude >> half.fraction;
  const int fraction = magnitude & ((1 << half.fraction) - 1);
  if (exponent == 0) return sign * std::ldexp(fraction, half.min_log2);
  return sign * std::ldexp(fraction + (1 << half.fraction), half.min_log2 + exponent - 1);
}

std::uint16_t Encode(const Half& half, long double value) {
  if (std::isnan(value)) return half.Nan();
  const long double magnitude = std::fabs(value);
  std::uint16_t bits = half.Infinity();
  if (magnitude < std::ldexp(1.0L, 200)) {
    int exponent = 0;
    std::frexp(magnitude, &exponent);
    // The unit in the last place is 2^ulp_log2; a whole number of units stands after rounding, and a carry out of the
    // fraction goes into the exponent by itself.
    const int ulp_log2 = magnitude == 0 ? half.min_log2 : std::max(exponent - 1 - half.fraction, half.min_log2);
    const auto units = static_cast<int>(std::nearbyint(std::ldexp(magnitude, -ulp_log2)));
    const int all = ((ulp_log2 - half.min_log2) << half.fraction) + units;
    bits = static_cast<std::uint16_t>(std::min<int>(all, half.Infinity()));
  }
  if (bits == 0) return 0;
  return static_cast<std::uint16_t>(bits | (std::signbit(value) ? 0x8000 : 0));
}

template <class T>
T At(const void* data, std::ptrdiff_t at) {
  T value;
  std::memcpy(&value, static_cast<const T*>(data) + at, sizeof value);
  return value;
}

template <class T>
void Put(void* data, std::ptrdiff_t at, T value) {
  std::memcpy(static_cast<T*>(data) + at, &value, sizeof value);
}

}  // namespace

std::size_t BytesOf(assay_dtype dtype) { return dtype == ASSAY_F64 ? 8 : dtype == ASSAY_F32 ? 4 : 2; }

double LoadNumber(assay_dtype dtype, const void* data, std::ptrdiff_t at) {
  switch (dtype) {
    case ASSAY_F32:
      return static_cast<double>(At<float>(data, at));
    case ASSAY_F64:
      return At<double>(data, at);
    case ASSAY_F16:
      return Decode(kF16, At<std::uint16_t>(data, at));
    case ASSAY_BF16:
      return Decode(kBF16, At<std::uint16_t>(data, at));
  }
  return 0;
}

void StoreNumber(assay_dtype dtype, void* data, std::ptrdiff_t at, long double value) {
  switch (dtype) {
    case ASSAY_F32: {
      const auto rounded = static_cast<float>(value);
      const std::uint32_t bits = std::isnan(value) ? 0x7FC00000 : std::bit_cast<std::uint32_t>(rounded);
      return Put<std::uint32_t>(data, at, rounded == 0 ? 0 : bits);
    }
    case ASSAY_F64: {
      const auto rounded = static_cast<double>(value);
      const std::uint64_t bits = std::isnan(value) ? 0x7FF8000000000000 : std::bit_cast<std::uint64_t>(rounded);
      return Put<std::uint64_t>(data, at, rounded == 0 ? 0 : bits);
    }
    case ASSAY_F16:
      return Put<std::uint16_t>(data, at, Encode(kF16, value));
    case ASSAY_BF16:
      return Put<std::uint16_t>(data, at, Encode(kBF16, value));
  }
}

double RoundNumber(assay_dtype dtype, long double value) {
  double bits = 0;  // room for any of them
  StoreNumber(dtype, &bits, 0, value);
  return LoadNumber(dtype, &bits, 0);
}

}  // namespace assay::subjects
