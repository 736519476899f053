// SPDX-License-Identifier: Apache-2.0
//
// Quotients of pairs that are exact, and exponentials against long double. The error of ExpScalarPair to its full bound
// is ci/scalar_exp_test.cc's, which has the oracle.

#include "scalar_exp.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "error_bounds.h"

namespace assay::internal {
namespace {

TEST(ScalarExpTest, StaysNearTheExponential) {
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> uniform(-700, 0);
  for (int i = 0; i < 100000; ++i) {
    const double z = i % 2 == 0 ? uniform(random) : uniform(random) * 0x1p-8;
    const long double exact = std::exp(static_cast<long double>(z));
    EXPECT_LE(std::fabs(static_cast<long double>(ExpScalar(z)) / exact - 1), bounds::kExpRelative + 0x1p-62) << z;
    const ScalarPair pair = ExpScalarPair({z, 0});
    EXPECT_LE(std::fabs((static_cast<long double>(pair.hi) + pair.lo) / exact - 1), 0x1p-61L) << z;
  }
  EXPECT_EQ(ExpScalar(0), 1);
  EXPECT_EQ(ExpScalarPair({0, 0}).hi, 1);
  EXPECT_EQ(ExpScalarPair({0, 0}).lo, 0);
  EXPECT_EQ(ExpScalar(-HUGE_VAL), 0);
  EXPECT_EQ(ExpScalarPair({-HUGE_VAL, 0}).hi, 0);
}

// exp(hi + lo) = exp(hi) (1 + lo + ...): the low part of z counts.
TEST(ScalarExpTest, HearsTheLowPart) {
  for (const double z : {-1.0, -30.5, -600.0}) {
    const double lo = -std::ldexp(std::fabs(z), -54);
    const ScalarPair plain = ExpScalarPair({z, 0});
    const ScalarPair lower = ExpScalarPair({z, lo});
    const double change = (lower.hi - plain.hi) + (lower.lo - plain.lo);
    EXPECT_NEAR(change / (plain.hi * lo), 1, 1e-9) << z;
  }
}

// x - max = T (q - r), with so few bits that everything is exact and the quotient is the pair q - r.
TEST(ScalarExpTest, DividesPairsExactly) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 100000; ++i) {
    const int exponent = static_cast<int>(random() % 3000) - 1500;
    const double t = std::ldexp(static_cast<double>((random() >> 44) | 1), exponent);
    const double q = std::ldexp(static_cast<double>((random() >> 44) | 1), -20 - static_cast<int>(random() % 4));
    const double r = std::ldexp(static_cast<double>((random() >> 44) | 1), -95);
    const double max = t * q, x = t * r;
    // Neither an overflow nor anything lost among the subnormals.
    if (!(t >= 0x1p-1074 && max <= 0x1p1023 && x >= 0x1p-960 && t >= 0x1p-900)) continue;
    const ScalarPair got = ScaledDifferencePair(x, max, t);
    ASSERT_EQ(got.hi, -q) << t << " " << q;
    ASSERT_EQ(got.lo, r) << t << " " << q;
    ASSERT_NEAR(ScaledDifference(x, max, t) / -q, 1, 0x1p-51);
  }
}

TEST(ScalarExpTest, DividesAtTheEndsOfTheRange) {
  const double largest = 0x1.fffffffffffffp+1023, least = 0x1p-1074;
  EXPECT_EQ(ScaledDifference(-largest, largest, largest), -2);
  EXPECT_EQ(ScaledDifferencePair(-largest, largest, largest).hi, -2);
  EXPECT_EQ(ScaledDifferencePair(-largest, largest, largest).lo, 0);
  EXPECT_LT(ScaledDifference(-largest, largest, least), -1e300);
  EXPECT_LT(ScaledDifferencePair(-largest, largest, least).hi, -1e300);
  EXPECT_EQ(ScaledDifference(0, 3 * least, least), -3);
  // 10 / 3 of subnormals: hi is 10/3 rounded, lo the rest of it.
  const ScalarPair third = ScaledDifferencePair(0, 10 * least, 3 * least);
  EXPECT_EQ(third.hi, -10.0 / 3);
  EXPECT_NEAR(third.lo / (std::fma(10.0 / 3, 3.0, -10.0) / 3), 1, 1e-15);
  EXPECT_EQ(ScaledDifferencePair(5, 5, 1).hi, 0);
}

}  // namespace
}  // namespace assay::internal
