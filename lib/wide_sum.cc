// SPDX-License-Identifier: Apache-2.0
//
// Error of ExpOfMinus, in units u of the fixed point, s = Squarings(words):
//   d = |sum| / divisor is cut to at most 2 u below (the sum's bits below a unit, the quotient); d < 2^12.
//   r = d / 2^q < 2^-s, q <= s + 12: cut again, at most 1 u + 2 u in all.
//   Taylor: each term is cut by at most 2 u, its share of r's error is below 2^-s; at most 2^7 terms, what follows the
//   last is below a unit: exp(-r) is off by less than 2^9 u.
//   A squaring of v, 1/2 <= v <= 1, doubles the relative error (its square is far below a unit) and cuts off 1 u of a
//   number above 1/4, 4 u relative; the shift back above 1/2 is exact. After q of them: below 2^q (2^10 + 4) u.
// Below 2^(s + 12 + 11) u, which is LostBits less a bit.

#include "wide_sum.h"

#include <bit>
#include <cmath>
#include <cstring>

namespace assay::internal::wide {

Dyadic DyadicOf(double value) {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  const int biased = static_cast<int>(bits >> 52 & 0x7FF);
  const std::uint64_t fraction = bits & ((std::uint64_t{1} << 52) - 1);
  const bool negative = bits >> 63 != 0;
  if (biased == 0) return {negative, fraction, -1074};
  return {negative, fraction | std::uint64_t{1} << 52, biased - 1075};
}

void ProductSum::Add(const Dyadic& a, const Dyadic& b) {
  const Word128 product = Word128{a.mantissa} * b.mantissa;
  if (product == 0) return;
  std::uint64_t* const part = parts_[a.negative != b.negative ? 1 : 0];
  const int at = a.exponent + b.exponent - kUnitExponent;
  int word = at / 64;
  const int bit = at % 64;
  const std::uint64_t placed[3] = {static_cast<std::uint64_t>(product << bit),
                                   static_cast<std::uint64_t>((product << bit) >> 64),
                                   bit == 0 ? 0 : static_cast<std::uint64_t>((product >> 64) >> (64 - bit))};
  bool carry = false;
  for (int i = 0; i < 3 || carry; ++i, ++word) {
    if (word == kWords) break;  // the third word of the largest products, 0
    const Word128 sum = Word128{part[word]} + (i < 3 ? placed[i] : 0) + (carry ? 1 : 0);
    part[word] = static_cast<std::uint64_t>(sum);
    carry = (sum >> 64) != 0;
  }
  if (word > top_) top_ = word;
}

int ProductSum::Finish() {
  const int sign = Compare(parts_[0], parts_[1], top_);
  if (sign >= 0) {
    Subtract(parts_[0], parts_[1], top_);
  } else {
    Subtract(parts_[1], parts_[0], top_);
    std::memcpy(parts_[0], parts_[1], sizeof(parts_[0]));
  }
  return sign;
}

std::uint64_t ProductSum::BitsFrom(int bit) const {
  if (bit <= -64 || bit >= 64 * top_) return 0;
  if (bit < 0) return parts_[0][0] << -bit;
  const int word = bit / 64;
  const int part = bit % 64;
  const std::uint64_t low = parts_[0][word] >> part;
  return part == 0 || word + 1 == top_ ? low : low | parts_[0][word + 1] << (64 - part);
}

double RoughQuotient(const ProductSum& sum, const Dyadic& divisor) {
  const int length = sum.BitLength();
  if (length == 0) return 0;
  const auto top = static_cast<double>(sum.BitsFrom(length - 64));
  const int exponent = length - 64 + ProductSum::kUnitExponent - divisor.exponent;
  const double quotient = top / static_cast<double>(divisor.mantissa);  // in [2^9, 2^64]
  if (exponent > 60) return HUGE_VAL;
  return exponent < -1070 ? 0 : std::ldexp(quotient, exponent);
}

void ExpOfMinus(const ProductSum& sum, const Dyadic& divisor, int words, Exponential* result) {
  const int fraction_bits = 64 * (words - 1);
  // d: the sum in units times the divisor's power of two, over its mantissa.
  std::uint64_t d[kMaxWords + 1];
  const int shift = fraction_bits + ProductSum::kUnitExponent - divisor.exponent;
  for (int i = 0; i <= words; ++i) d[i] = sum.BitsFrom(64 * i - shift);
  Divide(d, words + 1, divisor.mantissa);

  // r = d / 2^squarings < 2^-Squarings(words).
  const int magnitude = BitLength(d, words) - fraction_bits;
  const int squarings = magnitude + Squarings(words) > 0 ? magnitude + Squarings(words) : 0;
  ShiftRight(d, words, squarings);
  std::uint64_t term[kMaxWords] = {};
  std::uint64_t* const v = result->mantissa;
  std::memset(v, 0, static_cast<std::size_t>(words) * sizeof(std::uint64_t));
  term[words - 1] = 1;
  v[words - 1] = 1;
  for (std::uint64_t k = 1; BitLength(term, words) != 0; ++k) {
    MultiplyFixed(term, d, words, term);
    Divide(term, words, k);
    if (k % 2 == 1) {
      Subtract(v, term, words);
    } else {
      Add(v, term, words);
    }
  }
  int exponent = 0;
  for (int i = 0; i < squarings; ++i) {
    SquareFixed(v, words, v);
    exponent *= 2;
    if (v[words - 1] == 0 && v[words - 2] >> 63 == 0) {
      ShiftLeft(v, words, 1);
      ++exponent;
    }
  }
  result->words = words;
  result->exponent = exponent;
}

}  // namespace assay::internal::wide
