// SPDX-License-Identifier: Apache-2.0
//
// The integers below ExactRow: words, exact sums, exponentials, and the order of a type's numbers.

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <limits>

#include "ordered.h"
#include "wide_sum.h"
#include "wide_words.h"

namespace assay::internal {
namespace {

using wide::Dyadic;
using wide::DyadicOf;
using wide::ProductSum;

constexpr double kInf = std::numeric_limits<double>::infinity();

// SplitMix64 (Steele, Lea & Flood 2014).
std::uint64_t Next(std::uint64_t& state) {
  std::uint64_t z = (state += 0x9E3779B97F4A7C15);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

// All kinds of words, so that carries run far.
std::uint64_t RandomWord(std::uint64_t& state) {
  const std::uint64_t kind = Next(state) % 4;
  return kind == 0 ? 0 : kind == 1 ? ~std::uint64_t{0} : Next(state);
}

TEST(WideWordsTest, SquaresAsItMultiplies) {
  std::uint64_t state = 1;
  for (int words = 2; words <= wide::kMaxWords; ++words) {
    for (int repeat = 0; repeat < 20; ++repeat) {
      std::uint64_t a[wide::kMaxWords], product[wide::kMaxWords], square[wide::kMaxWords];
      for (int i = 0; i < words; ++i) a[i] = RandomWord(state);
      a[words - 1] = Next(state) % 2;
      wide::MultiplyFixed(a, a, words, product);
      wide::SquareFixed(a, words, square);
      ASSERT_EQ(wide::Compare(product, square, words), 0) << words;
    }
  }
}

TEST(WideWordsTest, DividesAndShiftsBackWhatItMultiplied) {
  std::uint64_t state = 2;
  for (int repeat = 0; repeat < 2000; ++repeat) {
    const int words = 2 + static_cast<int>(Next(state) % 20);
    std::uint64_t a[24] = {}, b[24];
    for (int i = 0; i + 2 < words; ++i) a[i] = RandomWord(state);
    std::memcpy(b, a, sizeof(a));
    const std::uint64_t factor = (Next(state) >> Next(state) % 63) | 1;
    ASSERT_EQ(wide::Multiply(b, words, factor), 0u);
    const int bits = static_cast<int>(Next(state) % 64);
    wide::ShiftLeft(b, words, bits);
    EXPECT_GE(wide::BitLength(b, words), wide::BitLength(a, words) == 0 ? 0 : wide::BitLength(a, words) + bits);
    wide::ShiftRight(b, words, bits);
    wide::Divide(b, words, factor);
    ASSERT_EQ(wide::Compare(a, b, words), 0) << factor;
    // a + x - x, and floor((a factor + factor - 1) / factor) = a.
    std::uint64_t x[24];
    for (int i = 0; i < words; ++i) x[i] = RandomWord(state);
    const bool carry = wide::Add(b, x, words);
    ASSERT_EQ(wide::Subtract(b, x, words), carry);
    ASSERT_EQ(wide::Compare(a, b, words), 0);
    wide::Multiply(b, words, factor);
    const std::uint64_t rest[24] = {factor - 1};
    wide::Add(b, rest, words);
    wide::Divide(b, words, factor);
    ASSERT_EQ(wide::Compare(a, b, words), 0);
  }
}

TEST(ProductSumTest, KeepsEveryBitOfTheSmallestAndTheLargest) {
  const double max = std::numeric_limits<double>::max();
  const double least = std::numeric_limits<double>::denorm_min();
  ProductSum sum;
  sum.Add(DyadicOf(max), DyadicOf(max));
  sum.Add(DyadicOf(max), DyadicOf(max));
  sum.Add(DyadicOf(least), DyadicOf(-least));
  sum.Add(DyadicOf(max), DyadicOf(-max));
  sum.Add(-DyadicOf(max), DyadicOf(max));
  EXPECT_EQ(sum.Finish(), -1);
  EXPECT_EQ(sum.BitLength(), 1 - 2 * 1074 - ProductSum::kUnitExponent);
  EXPECT_EQ(sum.BitsFrom(sum.BitLength() - 64), std::uint64_t{1} << 63);
  ProductSum none;
  none.Add(DyadicOf(-max), DyadicOf(least));
  none.Add(DyadicOf(max), DyadicOf(least));
  EXPECT_EQ(none.Finish(), 0);
  EXPECT_EQ(none.BitLength(), 0);
}

TEST(ProductSumTest, GivesRoughQuotients) {
  std::uint64_t state = 3;
  for (int repeat = 0; repeat < 2000; ++repeat) {
    const double a = std::ldexp(static_cast<double>(Next(state) >> 11 | 1), static_cast<int>(Next(state) % 900) - 500);
    const double b = std::ldexp(static_cast<double>(Next(state) >> 11 | 1), static_cast<int>(Next(state) % 20) - 40);
    ProductSum sum;
    sum.Add(DyadicOf(a));
    ASSERT_EQ(sum.Finish(), 1);
    const double want = a / b;
    const double got = wide::RoughQuotient(sum, DyadicOf(b));
    if (want < 0x1p+59) {
      EXPECT_NEAR(got, want, 0x1p-50 * want) << a << b;
    } else {
      EXPECT_GT(got, 0x1p+58);
    }
  }
  ProductSum tiny;
  tiny.Add(DyadicOf(0x1p-1074));
  tiny.Finish();
  EXPECT_LT(wide::RoughQuotient(tiny, DyadicOf(0x1p+1000)), 0x1p-999);
}

// exp(-a / b).
wide::Exponential ExpOf(double a, double b, int words) {
  ProductSum sum;
  sum.Add(DyadicOf(a));
  sum.Finish();
  wide::Exponential e;
  wide::ExpOfMinus(sum, DyadicOf(b), words, &e);
  return e;
}

// 192 bits of exp(-a / b) * 2^exponent, from the Taylor series in Python's exact fractions, cut after 2^-300.
TEST(WideExpTest, GivesKnownDigits) {
  struct Known {
    double a, b;
    int exponent;
    std::uint64_t digits[3];
  };
  const Known known[] = {
      {1, 1, 1, {0xb5300b556ad8ee66, 0x75bd8f0520a9f21b, 0xbc5ab1b16779be35}},
      {1, 3, 0, {0xa86a1feb960e6212, 0xc5984c9c50ebe4c9, 0xb76e989179752689}},
      {100, 7, 20, {0x55620816857e3092, 0xb7b1c486cb4298df, 0xa7bd14643c25f59c}},
  };
  for (const Known& k : known) {
    for (int words = 2; words <= 66; ++words) {
      wide::Exponential e = ExpOf(k.a, k.b, words);
      ASSERT_EQ(e.exponent, k.exponent) << words;
      // As many words below the integer part as both have.
      const int shared = words - 1 < 3 ? words - 1 : 3;
      std::uint64_t want[4] = {};
      std::memcpy(want, k.digits + (3 - shared), sizeof(std::uint64_t) * static_cast<std::size_t>(shared));
      std::uint64_t* const got = e.mantissa + (words - 1 - shared);
      const int sign = wide::Compare(got, want, shared + 1);
      wide::Subtract(sign < 0 ? want : got, sign < 0 ? got : want, shared + 1);
      const int distance = wide::BitLength(sign < 0 ? want : got, shared + 1);
      EXPECT_LE(distance, shared < words - 1 ? 1 : wide::LostBits(words)) << k.a << '/' << k.b << ' ' << words;
    }
  }
}

TEST(WideExpTest, TurnsSumsIntoProductsWithinItsBoundAtEveryWidth) {
  std::uint64_t state = 4;
  for (int words = 2; words <= wide::kMaxWords; ++words) {
    int worst = 0;
    for (int repeat = 0; repeat < 10; ++repeat) {
      const int scale = static_cast<int>(Next(state) % 60) - 50;  // up to 2^10
      const double a = std::ldexp(static_cast<double>(Next(state) >> 12), scale - 52);
      const double b = std::ldexp(static_cast<double>(Next(state) >> 12), scale - 52);  // a + b exact
      const double divisor = 0.7 + static_cast<double>(Next(state) % 7);
      wide::Exponential left = ExpOf(a, divisor, words);
      const wide::Exponential other = ExpOf(b, divisor, words);
      wide::Exponential right = ExpOf(a + b, divisor, words);
      wide::MultiplyFixed(left.mantissa, other.mantissa, words, left.mantissa);
      left.exponent += other.exponent;
      ASSERT_LE(std::abs(left.exponent - right.exponent), 1);
      if (left.exponent > right.exponent) wide::ShiftRight(left.mantissa, words, 1);
      if (left.exponent < right.exponent) wide::ShiftLeft(left.mantissa, words, 1);
      const int sign = wide::Compare(left.mantissa, right.mantissa, words);
      wide::Subtract(sign < 0 ? right.mantissa : left.mantissa, sign < 0 ? left.mantissa : right.mantissa, words);
      worst = std::max(worst, wide::BitLength(sign < 0 ? right.mantissa : left.mantissa, words));
    }
    // Three errors, of which the product of mantissas doubles none.
    EXPECT_LE(worst, wide::LostBits(words) + 2) << words;
  }
}

// Every neighbour, and what rounds to it, by doubles: exact for the narrow types.
TEST(OrderedTest, PlacesAndMidpointsAreThoseOfTheNumbers) {
  std::uint64_t state = 5;
  for (const std::int32_t dtype : {ASSAY_F32, ASSAY_F16, ASSAY_BF16}) {
    const std::int64_t infinity = PlaceOfInfinity(dtype);
    EXPECT_EQ(NumberAt(dtype, infinity - 1), MaxFiniteOf(dtype));
    EXPECT_EQ(NumberAt(dtype, -infinity), -kInf);
    EXPECT_EQ(PlaceInOrder(dtype, -kInf), -infinity);
    const std::int64_t step = dtype == ASSAY_F32 ? 3001 : 1;
    for (std::int64_t place = -infinity; place < infinity; place += step) {
      const double low = NumberAt(dtype, place);
      const double high = NumberAt(dtype, place + 1);
      ASSERT_EQ(PlaceInOrder(dtype, low), place);
      ASSERT_LT(low, high);
      const Dyadic m = MidpointAbove(dtype, place);
      const double midpoint = std::ldexp(static_cast<double>(m.mantissa), m.exponent) * (m.negative ? -1 : 1);
      if (place > -infinity && place + 1 < infinity) {
        ASSERT_EQ(midpoint, 0.5 * low + 0.5 * high);
      }
      // A tie goes to the even place, everything nearer to its own.
      ASSERT_EQ(PlaceInOrder(dtype, midpoint), place % 2 == 0 ? place : place + 1);
      ASSERT_EQ(PlaceInOrder(dtype, std::nextafter(midpoint, -kInf)), place);
      ASSERT_EQ(PlaceInOrder(dtype, std::nextafter(midpoint, kInf)), place + 1);
    }
  }
  for (int repeat = 0; repeat < 10000; ++repeat) {
    const std::int64_t place =
        static_cast<std::int64_t>(Next(state) % (std::uint64_t{0x7FF} << 52)) * (Next(state) % 2 == 0 ? 1 : -1);
    const double number = std::bit_cast<double>(std::abs(place)) * (place < 0 ? -1 : 1);
    ASSERT_EQ(NumberAt(ASSAY_F64, place), number);
    ASSERT_EQ(PlaceInOrder(ASSAY_F64, number), place);
  }
  EXPECT_EQ(MidpointAbove(ASSAY_F64, 0).exponent, -1075);
  EXPECT_EQ(MidpointAbove(ASSAY_F64, PlaceOfInfinity(ASSAY_F64) - 1).mantissa, (std::uint64_t{1} << 54) - 1);
}

// What a row costs at worst: an exponential for each entry, at the widths that a tuned one asks for.
TEST(WideExpTest, CostsWhatThisPrints) {
  for (const int words : {4, 8, 16, 32, wide::kMaxWords}) {
    constexpr int kRepeats = 20;
    const std::clock_t start = std::clock();  // of this process: others may be busy
    std::uint64_t sink = 0;
    for (int i = 0; i < kRepeats; ++i) sink += ExpOf(1 + i, 3, words).mantissa[0];
    const double spent = 1e6 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    std::printf("exponential of %2d words: %6.1f us (%d)\n", words, spent / kRepeats, sink != 0);
  }
}

}  // namespace
}  // namespace assay::internal
