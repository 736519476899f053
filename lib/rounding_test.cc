// SPDX-License-Identifier: Apache-2.0

#include "rounding.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>

namespace assay::internal {
namespace {

TEST(RoundToFloatTest, SeesOnWhichSideOfAMidpointTheSumLies) {
  const double midpoint = 1 + 0x1p-24;  // between 1 and 1 + 2^-23, even is 1
  EXPECT_EQ(RoundToFloat({midpoint, 0}), 1.0f);
  EXPECT_EQ(RoundToFloat({midpoint, 0x1p-80}), 1.0f + 0x1p-23f);
  EXPECT_EQ(RoundToFloat({midpoint, -0x1p-80}), 1.0f);
  const double odd_midpoint = 1 + 3 * 0x1p-24;  // between 1 + 2^-23 and 1 + 2^-22, even is the upper
  EXPECT_EQ(RoundToFloat({odd_midpoint, 0}), 1.0f + 0x1p-22f);
  EXPECT_EQ(RoundToFloat({odd_midpoint, -0x1p-80}), 1.0f + 0x1p-23f);
  EXPECT_EQ(RoundToFloat({1.0, -0x1p-54}), 1.0f);
  EXPECT_EQ(RoundToFloat({1 - 0x1p-25, 0}), 1.0f);  // tie between 1 - 2^-24 and 1
  EXPECT_EQ(RoundToFloat({1 - 0x1p-25, -0x1p-100}), 1 - 0x1p-24f);
}

TEST(RoundToFloatTest, RoundsSubnormalsOnce) {
  EXPECT_EQ(RoundToFloat({0x1p-150, 0}), 0.0f);
  EXPECT_EQ(RoundToFloat({0x1p-150, 0x1p-260}), 0x1p-149f);
  EXPECT_EQ(RoundToFloat({0x1.8p-149, 0}), 0x1p-148f);
  EXPECT_EQ(RoundToFloat({0x1.8p-149, -0x1p-250}), 0x1p-149f);
  EXPECT_EQ(RoundToFloat({0, 0}), 0.0f);
}

TEST(ReciprocalOfTest, IsTheNearestFloat) {
  // Exact comparison without division: |1/k - f| <= |1/k - neighbour|, all times k, in long double (64 bits hold
  // k * f for k < 2^40).
  for (const std::uint64_t base : {1ull, 3ull, 1000ull, 1ull << 24, 1ull << 25, (1ull << 33) + 7}) {
    for (std::uint64_t k = base; k < base + 2000; ++k) {
      const float got = ReciprocalOf(k);
      const auto distance = [k](float f) { return std::fabs(1.0L - static_cast<long double>(f) * k); };
      ASSERT_LE(distance(got), distance(std::nextafterf(got, 2))) << k;
      ASSERT_LE(distance(got), distance(std::nextafterf(got, 0))) << k;
    }
  }
}

TEST(ReciprocalTest, IsGoodToTwiceDoublePrecision) {
  for (const double a : {1.0, 3.0, 0.1, 1e60, 1e-80, 0x1.fffffffffffffp+10}) {
    const ScalarPair inverse = Reciprocal({a, 0});
    // 1 - a (hi + lo), exactly enough through fma.
    const double rest = std::fma(-a, inverse.hi, 1.0) - a * inverse.lo;
    EXPECT_LE(std::fabs(rest), 0x1p-100) << a;
  }
  EXPECT_EQ(Reciprocal({1.0, 0}).lo, 0.0);
}

}  // namespace
}  // namespace assay::internal
