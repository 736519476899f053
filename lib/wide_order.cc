// SPDX-License-Identifier: Apache-2.0

#include "wide_order.h"

#include <bit>
#include <cstring>

namespace assay::internal::wide {
namespace {

// Of a - b, which are off by less than 2^error_bits units in all; changes both.
Order OrderOf(std::uint64_t* a, std::uint64_t* b, int words, int error_bits) {
  const int sign = Compare(a, b, words);
  std::uint64_t* const more = sign < 0 ? b : a;
  Subtract(more, sign < 0 ? a : b, words);
  return {sign, BitLength(more, words) > error_bits};
}

// A sum of up to `count` exponentials of that many words is off by less than 2^this units: each exponential by
// LostBits, and 2 for what is shifted out of it or, below a unit, left out.
int SumErrorBits(std::size_t count, int words) { return static_cast<int>(std::bit_width(count)) + LostBits(words) + 1; }

}  // namespace

Order OrderOfShare(const Exponential& e, const Dyadic& midpoint, const std::uint64_t* sum, std::size_t count) {
  const int words = e.words;
  // midpoint = m * 2^-scale, m in [2^53, 2^54).
  const int normal = 54 - static_cast<int>(std::bit_width(midpoint.mantissa));
  const std::uint64_t m = midpoint.mantissa << normal;
  const int shift = normal - midpoint.exponent - e.exponent;
  // mantissa * 2^shift against m * sum; mantissa in [1/2, 1], sum in [1, 2^count_bits).
  const auto count_bits = static_cast<int>(std::bit_width(count));
  if (shift < 53) return {-1, true};
  if (shift > 54 + count_bits) return {1, true};
  std::uint64_t left[kMaxWords + 1];
  std::uint64_t right[kMaxWords + 1];
  std::memcpy(left, e.mantissa, static_cast<std::size_t>(words) * sizeof(std::uint64_t));
  left[words] = 0;
  ShiftLeft(left, words + 1, shift);
  std::memcpy(right, sum, static_cast<std::size_t>(words) * sizeof(std::uint64_t));
  right[words] = Multiply(right, words, m);
  // 2^(shift + LostBits) and 2^(54 + SumErrorBits).
  return OrderOf(left, right, words + 1, 55 + SumErrorBits(count, words));
}

Order OrderOfInverse(const Exponential& e, const std::uint64_t* sum, std::size_t count) {
  const int words = e.words;
  // 1 against sum * e, times 2^exponent.
  std::uint64_t product[kMaxWords + 1];
  std::uint64_t one[kMaxWords + 1] = {};
  MultiplyFixed(sum, e.mantissa, words, product);
  product[words] = 0;
  one[words - 1 + e.exponent / 64] = std::uint64_t{1} << (e.exponent % 64);
  // The sum's own error, and it times the exponential's, and the product's.
  return OrderOf(one, product, words + 1, SumErrorBits(count, words) + 1);
}

}  // namespace assay::internal::wide
