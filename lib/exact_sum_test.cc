// SPDX-License-Identifier: Apache-2.0

#include "exact_sum.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>

#include "wide_pair.h"

namespace assay::internal {
namespace {

double ValueOf(ExactSum& sum) {
  std::int64_t exponent;
  const ScalarPair value = sum.Value(&exponent);
  return RoundWide(ASSAY_F64, WidePair(value, exponent));
}

TEST(ExactSumTest, KeepsWhatLargeTermsThatCancelWouldDrown) {
  ExactSum sum;
  sum.Add(0x1.fffffffffffffp1023);
  sum.Add(0x1p-1074);
  sum.AddProduct(0x1p1023, 0x1p1023);
  sum.Add(-0x1.fffffffffffffp1023);
  sum.AddProduct(-0x1p1023, 0x1p1023);
  EXPECT_EQ(ValueOf(sum), 0x1p-1074);
  sum.Add(-0x1p-1074);
  EXPECT_EQ(ValueOf(sum), 0);
}

TEST(ExactSumTest, MultipliesExactly) {
  // (1 + 2^-52)^2 = 1 + 2^-51 + 2^-104
  ExactSum sum;
  sum.AddProduct(1 + 0x1p-52, -(1 + 0x1p-52), 3);
  sum.Add(1 + 0x1p-51, 3);
  EXPECT_EQ(ValueOf(sum), -3 * 0x1p-104);
  sum.Negate();
  EXPECT_EQ(ValueOf(sum), 3 * 0x1p-104);
  sum.Clear();
  EXPECT_EQ(ValueOf(sum), 0);
}

// Four times a number of 96 bits, at every place in a digit: the sum has a digit more than its terms.
TEST(ExactSumTest, CarriesIntoADigitThatNoTermHas) {
  for (int exponent = 0; exponent < 32; ++exponent) {
    ExactSum sum;
    for (int i = 0; i < 4; ++i) sum.Add(std::ldexp(0x1.fffffffffffffp52, exponent), std::uint64_t{1} << 43);
    EXPECT_EQ(ValueOf(sum), std::ldexp(0x1.fffffffffffffp97, exponent)) << exponent;
  }
}

// Against 128-bit integers, with signs that make borrows run through many digits.
TEST(ExactSumTest, AgreesWithIntegers) {
  __extension__ using Wide = __int128;
  std::uint64_t state = 1;
  for (int round = 0; round < 2000; ++round) {
    ExactSum sum;
    Wide want = 0;
    for (int i = 0; i < 9; ++i) {
      state = state * 6364136223846793005 + 1442695040888963407;
      const auto m = static_cast<std::int64_t>(state) >> (11 + static_cast<int>(state >> 60) * 2);
      const int shift = static_cast<int>(state % 50);
      sum.Add(std::ldexp(static_cast<double>(m), shift));
      want += Wide{m} << shift;
      if (i == 4) ValueOf(sum);  // carries in between change nothing
    }
    const auto high = static_cast<double>(static_cast<std::int64_t>(want >> 50));
    const auto low = static_cast<double>(static_cast<std::int64_t>(want & ((Wide{1} << 50) - 1)));
    EXPECT_EQ(ValueOf(sum), std::ldexp(high, 50) + low) << round;
  }
}

}  // namespace
}  // namespace assay::internal
