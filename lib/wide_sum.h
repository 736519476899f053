// SPDX-License-Identifier: Apache-2.0
//
// Sums of doubles and of products of two, exact whatever their exponents; and a sum divided by a double, through exp.

#pragma once

#include <cstdint>

#include "wide_words.h"

namespace assay::internal::wide {

// (-1)^negative * mantissa * 2^exponent, mantissa < 2^54: a double, or a midpoint of two.
struct Dyadic {
  bool negative = false;
  std::uint64_t mantissa = 0;
  int exponent = 0;

  Dyadic operator-() const { return {!negative, mantissa, exponent}; }
};

// Of a finite double.
Dyadic DyadicOf(double value);

// Products of two numbers of the form above lie in [2^-2149, 2^2049), and the sums hold few of them.
class ProductSum {
 public:
  static constexpr int kWords = 66;
  static constexpr int kUnitExponent = -2150;

  void Add(const Dyadic& a) { Add(a, {false, 1, 0}); }
  void Add(const Dyadic& a, const Dyadic& b);

  // After the last Add, and once: leaves |sum| in here, and gives the sum's sign.
  int Finish();

  // |sum| in units of 2^kUnitExponent.
  int BitLength() const { return wide::BitLength(parts_[0], top_); }
  // The 64 bits of it that begin at that bit, which may be negative.
  std::uint64_t BitsFrom(int bit) const;

 private:
  std::uint64_t parts_[2][kWords] = {};  // sums of the positive and of the negative terms
  int top_ = 0;                          // words from here on are 0
};

// |sum| / divisor to within 2^-50 of itself; above 2^60 maybe HUGE_VAL, below 2^-1000 maybe 0. divisor > 0.
double RoughQuotient(const ProductSum& sum, const Dyadic& divisor);

// exp(-|sum| / divisor) = mantissa * 2^-exponent, mantissa in [1/2, 1] as fixed point of `words` words.
struct Exponential {
  int words;
  int exponent;
  std::uint64_t mantissa[kMaxWords];
};

// The error of `mantissa` is below 2^LostBits(words) units.
constexpr int Squarings(int words) { return words < 16 ? 8 + 2 * words : 40; }
constexpr int LostBits(int words) { return Squarings(words) + 24; }

// For |sum| / divisor < 4000, words >= 2.
void ExpOfMinus(const ProductSum& sum, const Dyadic& divisor, int words, Exponential* result);

}  // namespace assay::internal::wide
