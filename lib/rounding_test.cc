// SPDX-License-Identifier: Apache-2.0

#include "rounding.h"

#include <gtest/gtest.h>

#include <cmath>

#include "wide_pair.h"

namespace assay::internal {
namespace {

double RoundToFloat(ScalarPair a) { return RoundWide(ASSAY_F32, WidePair(a.hi, a.lo)); }

TEST(RoundWideTest, SeesOnWhichSideOfAMidpointTheSumLies) {
  const double midpoint = 1 + 0x1p-24;  // between 1 and 1 + 2^-23, even is 1
  EXPECT_EQ(RoundToFloat({midpoint, 0}), 1.0);
  EXPECT_EQ(RoundToFloat({midpoint, 0x1p-80}), 1.0 + 0x1p-23);
  EXPECT_EQ(RoundToFloat({midpoint, -0x1p-80}), 1.0);
  const double odd_midpoint = 1 + 3 * 0x1p-24;  // between 1 + 2^-23 and 1 + 2^-22, even is the upper
  EXPECT_EQ(RoundToFloat({odd_midpoint, 0}), 1.0 + 0x1p-22);
  EXPECT_EQ(RoundToFloat({odd_midpoint, -0x1p-80}), 1.0 + 0x1p-23);
  EXPECT_EQ(RoundToFloat({1.0, -0x1p-54}), 1.0);
  EXPECT_EQ(RoundToFloat({1 - 0x1p-25, 0}), 1.0);  // tie between 1 - 2^-24 and 1
  EXPECT_EQ(RoundToFloat({1 - 0x1p-25, -0x1p-100}), 1 - 0x1p-24);
}

TEST(RoundWideTest, RoundsSubnormalsOnce) {
  EXPECT_EQ(RoundToFloat({0x1p-150, 0}), 0.0);
  EXPECT_EQ(RoundToFloat({0x1p-150, 0x1p-260}), 0x1p-149);
  EXPECT_EQ(RoundToFloat({0x1.8p-149, 0}), 0x1p-148);
  EXPECT_EQ(RoundToFloat({0x1.8p-149, -0x1p-250}), 0x1p-149);
  EXPECT_EQ(RoundToFloat({0, 0}), 0.0);
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

TEST(RoundWideTest, RoundsASubnormalDoubleOnce) {
  // 3.5 units and a little on either side of it, then the tie.
  EXPECT_EQ(RoundWide(ASSAY_F64, WidePair({3.5, 0x1p-60}, -1074)), 4 * 0x1p-1074);
  EXPECT_EQ(RoundWide(ASSAY_F64, WidePair({3.5, -0x1p-60}, -1074)), 3 * 0x1p-1074);
  EXPECT_EQ(RoundWide(ASSAY_F64, WidePair({2.5, 0}, -1074)), 2 * 0x1p-1074);
  EXPECT_EQ(RoundWide(ASSAY_F64, WidePair({-2.5, -0x1p-60}, -1074)), -3 * 0x1p-1074);
  // The product of these two, rounded to 53 bits, is a tie that only its low half decides.
  const WidePair product = WidePair(0x0.f323bb6868f46p-1022) * WidePair(0x1.c9ac49b1e325ap-4);
  EXPECT_EQ(RoundWide(ASSAY_F64, product), 0x0.1b2ae6b8d7165p-1022);
}

TEST(WidePairTest, GoesBeyondTheRangeOfDoubleAndBack) {
  const WidePair huge = WidePair(0x1p1000) * WidePair(0x1p1000) * WidePair(3);
  EXPECT_EQ(RoundWide(ASSAY_F64, huge), HUGE_VAL);
  EXPECT_EQ(RoundWide(ASSAY_F64, huge / WidePair(0x1p1000) / WidePair(0x1p1000)), 3);
  EXPECT_EQ(RoundWide(ASSAY_F64, huge - huge), 0);
  EXPECT_EQ(RoundWide(ASSAY_F64, WidePair(1) / huge * huge), 1);
}

}  // namespace
}  // namespace assay::internal
