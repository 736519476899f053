// SPDX-License-Identifier: Apache-2.0
//
// What the distance to the truth means, and ExpRelativeError against values known otherwise.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "oracle/oracle.h"

namespace assay::oracle {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
// An exact value of 0.5 - 2^-27: the nearest f32 is 0.5, from below, where the ulp is 2^-25.
constexpr Exact kBelowHalf = {0.5, 0x1p-25, -0.25, 0};

TEST(ErrUlpTest, CountsFromTheExactValueNotFromTheNearestFloat) {
  EXPECT_EQ(ErrUlp(0.5, kBelowHalf), 0.25);
  EXPECT_EQ(ErrUlp(0x1.fffffep-2, kBelowHalf), 0.75);
  EXPECT_EQ(ErrUlp(0.5 + 0x1p-24, kBelowHalf), 2.25);
  EXPECT_EQ(ErrUlp(0.5 - 0x1p-27, kBelowHalf), 0) << "got may be a double";
  EXPECT_EQ(ErrUlp(0, Exact{0x1p-149, 0x1p-149, 0.25, 0}), 1.25);
}

TEST(ErrUlpTest, WorksAtBothEndsOfDouble) {
  EXPECT_EQ(ErrUlp(0x1p-1073, Exact{0x1p-1074, 0x1p-1074, 0.25, 0}), 0.75);
  EXPECT_EQ(ErrUlp(-0x1p-1074, Exact{0, 0x1p-1074, -0.25, 0}), 0.75);
  EXPECT_EQ(ErrUlp(0x1.fffffffffffffp1023, Exact{0x1.ffffffffffffep1023, 0x1p971, 0, 0}), 1);
}

TEST(ErrUlpTest, NaNMatchesNaNAndAnInfinityItselfAlone) {
  const Exact nan = {kNaN, 0x1p-149, 0, 0};
  EXPECT_EQ(ErrUlp(kNaN, nan), 0);
  EXPECT_EQ(ErrUlp(kNaN, kBelowHalf), kInf);
  EXPECT_EQ(ErrUlp(0.5, nan), kInf);
  EXPECT_EQ(ErrUlp(kInf, nan), kInf);
  EXPECT_EQ(ErrUlp(kInf, kBelowHalf), kInf);
  EXPECT_EQ(ErrUlp(-kInf, kBelowHalf), kInf);
  const Exact minus_inf = {-kInf, 0x1p104, 0, 0};
  EXPECT_EQ(ErrUlp(-kInf, minus_inf), 0);
  EXPECT_EQ(ErrUlp(kInf, minus_inf), kInf);
  EXPECT_EQ(ErrUlp(-3e38, minus_inf), kInf);
  EXPECT_EQ(ErrUlp(kNaN, minus_inf), kInf);
}

TEST(IsNearestTest, WantsTheValueAndPlusZeroAndAnyNaN) {
  EXPECT_TRUE(IsNearest(0.5, kBelowHalf));
  EXPECT_FALSE(IsNearest(0x1.fffffep-2, kBelowHalf));
  const Exact zero = {0, 0x1p-149, 0, 0};
  EXPECT_TRUE(IsNearest(0.0, zero));
  EXPECT_FALSE(IsNearest(-0.0, zero));
  EXPECT_FALSE(IsNearest(0x1p-149, zero));
  const Exact nan = {kNaN, 0x1p-149, 0, 0};
  EXPECT_TRUE(IsNearest(kNaN, nan));
  EXPECT_TRUE(IsNearest(-kNaN, nan));
  EXPECT_FALSE(IsNearest(0, nan));
  EXPECT_FALSE(IsNearest(kNaN, zero));
  const Exact minus_inf = {-kInf, 0x1p104, 0, 0};
  EXPECT_TRUE(IsNearest(-kInf, minus_inf));
  EXPECT_FALSE(IsNearest(kInf, minus_inf));
}

TEST(ExpRelativeErrorTest, IsZeroOnlyWhereTheExponentialIsExact) {
  EXPECT_EQ(ExpRelativeError(0, 1), 0);
  EXPECT_EQ(ExpRelativeError(0, 1 + 0x1p-52), 0x1p-52);
  EXPECT_EQ(ExpRelativeError(0, 2), 1);
  EXPECT_EQ(ExpRelativeError(0, 0), 1);
  EXPECT_EQ(ExpRelativeError(-3, 0), 1);
}

TEST(ExpRelativeErrorTest, SeesTheHalfUlpOfTheDoubleE) {
  // e = 0x1.5bf0a8b145769 5355fb8ac404e7a79e3... (OEIS A001113 in base 16): the double falls short by 0x0.535...p-52.
  const double short_by = 0x0.5355fb8ac404ep-52 / 0x1.5bf0a8b145769p+1 * 2;
  EXPECT_NEAR(ExpRelativeError(1, 0x1.5bf0a8b145769p+1), short_by, short_by * 0x1p-40);
}

TEST(ExpRelativeErrorTest, IsSmallForTheSystemExponentialAndTotal) {
  for (double x = -104; x <= 0; x += 0.37) EXPECT_LE(ExpRelativeError(x, std::exp(x)), 0x1.2p-53) << x;
  EXPECT_EQ(ExpRelativeError(kNaN, kNaN), 0);
  EXPECT_EQ(ExpRelativeError(kNaN, 1), kInf);
  EXPECT_EQ(ExpRelativeError(1, kNaN), kInf);
  EXPECT_EQ(ExpRelativeError(-kInf, 0), 0);
  EXPECT_EQ(ExpRelativeError(-kInf, 1), kInf);
  EXPECT_EQ(ExpRelativeError(kInf, kInf), 0);
  EXPECT_EQ(ExpRelativeError(-1e308, 0), 1);
  EXPECT_GT(ExpRelativeError(-1e308, 1), 1e300);
  EXPECT_NEAR(ExpRelativeError(1e308, 1), 1, 0x1p-52) << "rounded up";
}

TEST(NamesTest, AreThoseOfTheReports) {
  EXPECT_STREQ(FormatName(Format::kF32), "f32");
  EXPECT_STREQ(FormatName(Format::kF64), "f64");
  EXPECT_STREQ(FormatName(Format::kF16), "f16");
  EXPECT_STREQ(FormatName(Format::kBF16), "bf16");
  EXPECT_STREQ(TierName(Tier::kReferee), "referee");
  EXPECT_STREQ(TierName(Tier::kBulk), "bulk");
}

}  // namespace
}  // namespace assay::oracle
