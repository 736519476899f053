// SPDX-License-Identifier: Apache-2.0
//
// The rounding step by itself, on values made by hand. Float bits b and b + 1 are neighbours, which gives midpoints.

#include "oracle/round.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

namespace assay::oracle {
namespace {

// |x| of a finite double, exactly.
Dyadic Of(double x) {
  if (x == 0) return {};
  int e = 0;
  const double m = std::frexp(x, &e);  // in [1/2, 1)
  return {static_cast<std::uint64_t>(std::ldexp(m, 64)), 0, e - 128};
}

Interval Point(double x) { return {Of(x), Of(x)}; }

// The neighbours among 128-bit numbers.
Dyadic Above(Dyadic x) {
  if (++x.low == 0) ++x.high;
  return x;
}
Dyadic Below(Dyadic x) {
  if (x.high == std::uint64_t{1} << 63 && x.low == 0) return {~std::uint64_t{0}, ~std::uint64_t{0}, x.exponent - 1};
  if (x.low-- == 0) --x.high;
  return x;
}
Interval JustAbove(double x) { return {Of(x), Above(Of(x))}; }
Interval JustBelow(double x) { return {Below(Of(x)), Of(x)}; }
Interval Around(double x) { return {Below(Of(x)), Above(Of(x))}; }

TEST(RoundEnclosureTest, AFloatRoundsToItselfExactly) {
  for (const double x : {0.0, 0x1p-149, 0x1p-126, 0x1.fffffep-1, 1.0, 0x1.000002p0, 0x1.fffffep127}) {
    const auto exact = RoundEnclosure(Point(x));
    ASSERT_TRUE(exact) << x;
    EXPECT_EQ(exact->nearest, x);
    EXPECT_EQ(exact->remainder_ulp, 0);
    EXPECT_EQ(exact->width_ulp, 0);
  }
}

TEST(RoundEnclosureTest, UlpIsThatOfTheExactValueOnEitherSideOfAPowerOfTwo) {
  for (int e = -125; e <= 127; ++e) {
    const double power = std::ldexp(1.0, e);
    const double ulp = std::ldexp(1.0, e - 23);
    const auto below = RoundEnclosure(JustBelow(power));
    const auto at = RoundEnclosure(Point(power));
    const auto above = RoundEnclosure(JustAbove(power));
    ASSERT_TRUE(below && at && above) << e;
    EXPECT_EQ(below->nearest, power);
    EXPECT_EQ(below->ulp, ulp / 2);
    EXPECT_LE(below->remainder_ulp, 0);
    EXPECT_EQ(at->ulp, ulp);
    EXPECT_EQ(above->nearest, power);
    EXPECT_EQ(above->ulp, ulp);
    EXPECT_GE(above->remainder_ulp, 0);
    EXPECT_FALSE(RoundEnclosure(Around(power))) << "the ulp is in doubt";
  }
}

TEST(RoundEnclosureTest, TheUlpIsNeverBelowTheLeastSubnormal) {
  for (const double power : {0x1p-126, 0x1p-127, 0x1p-140, 0x1p-149}) {
    const auto exact = RoundEnclosure(Around(power));
    ASSERT_TRUE(exact) << power;
    EXPECT_EQ(exact->nearest, power);
    EXPECT_EQ(exact->ulp, 0x1p-149);
  }
}

TEST(RoundEnclosureTest, AMidpointTiesToEvenAndItsNeighboursDoNot) {
  std::mt19937 random(1);
  for (unsigned i = 0; i < 20000; ++i) {
    const auto bits = static_cast<std::uint32_t>(i < 100 ? i : random() % 0x3F800000);
    const double low = std::bit_cast<float>(bits);
    const double high = std::bit_cast<float>(bits + 1);
    const double middle = (low + high) / 2;  // exact in double
    const auto tie = RoundEnclosure(Point(middle));
    const auto below = RoundEnclosure(JustBelow(middle));
    const auto above = RoundEnclosure(JustAbove(middle));
    ASSERT_TRUE(tie && below && above) << std::hexfloat << middle;
    EXPECT_EQ(tie->nearest, bits % 2 == 0 ? low : high);
    EXPECT_EQ(std::fabs(tie->remainder_ulp), 0.5);
    EXPECT_EQ(tie->width_ulp, 0);
    EXPECT_EQ(below->nearest, low);
    EXPECT_EQ(above->nearest, high);
    EXPECT_NEAR(below->remainder_ulp, 0.5, 0x1p-50);
    EXPECT_NEAR(above->remainder_ulp, -0.5, 0x1p-50);
    EXPECT_FALSE(RoundEnclosure(Around(middle))) << "two candidates";
  }
}

TEST(RoundEnclosureTest, HalfOfTheLeastSubnormalTiesToZero) {
  EXPECT_EQ(RoundEnclosure(Point(0x1p-150))->nearest, 0);
  EXPECT_EQ(RoundEnclosure(Point(0x1p-150))->remainder_ulp, 0.5);
  EXPECT_EQ(RoundEnclosure(JustBelow(0x1p-150))->nearest, 0);
  EXPECT_EQ(RoundEnclosure(JustAbove(0x1p-150))->nearest, 0x1p-149);
  EXPECT_EQ(RoundEnclosure(Point(0x1.8p-149))->nearest, 0x1p-148);
  EXPECT_EQ(RoundEnclosure(Point(0x1.4p-147))->nearest, 0x1.4p-147);
}

TEST(RoundEnclosureTest, AnUnderflownValueIsZeroWithATinyRemainder) {
  const auto exact = RoundEnclosure({Dyadic{}, PowerOfTwo(-90000)});
  ASSERT_TRUE(exact);
  EXPECT_EQ(exact->nearest, 0);
  EXPECT_FALSE(std::signbit(exact->nearest));
  EXPECT_EQ(exact->ulp, 0x1p-149);
  EXPECT_LE(exact->remainder_ulp, 0x1p-63);
  EXPECT_LE(exact->width_ulp, 0x1p-63);
}

TEST(RoundEnclosureTest, AWideEnclosureIsUndecidedAndANarrowOneStatesItsWidth) {
  const Dyadic x = Of(0x1.2345678p-3);
  const auto plus = [x](int ulp_log2) {  // x + 2^ulp_log2 ulp; an ulp is 2^104 units of the 128-bit significand
    return Dyadic{x.high + (ulp_log2 + 104 >= 64 ? std::uint64_t{1} << (ulp_log2 + 40) : 0),
                  x.low + (ulp_log2 + 104 < 64 ? std::uint64_t{1} << (ulp_log2 + 104) : 0), x.exponent};
  };
  EXPECT_FALSE(RoundEnclosure({x, plus(kMaxWidthLog2 + 1)}));
  EXPECT_TRUE(RoundEnclosure({x, plus(kMaxWidthLog2)}));
  const auto exact = RoundEnclosure({x, plus(-45)});
  ASSERT_TRUE(exact);
  EXPECT_GE(exact->width_ulp, 0x1p-45);
  EXPECT_LE(exact->width_ulp, 0x1.1p-45);
}

TEST(RoundEnclosureTest, AgreesWithTheConversionOfDoublesToFloat) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 200000; ++i) {
    // Any double in (2^-152, 2^2): exponent uniform.
    const double x =
        std::ldexp(1 + std::ldexp(static_cast<double>(random() >> 12), -52), static_cast<int>(random() % 154) - 152);
    const auto exact = RoundEnclosure(Point(x));
    ASSERT_TRUE(exact);
    EXPECT_EQ(exact->nearest, static_cast<float>(x)) << std::hexfloat << x;
    EXPECT_EQ(exact->nearest + exact->remainder_ulp * exact->ulp, x) << std::hexfloat << x;
  }
}

TEST(RoundEnclosureTest, StaysTotalBeyondTheLargestFloat) {
  EXPECT_EQ(RoundEnclosure(Point(0x1.fffffefp127))->nearest, 0x1.fffffep127);
  EXPECT_EQ(RoundEnclosure(Point(0x1.ffffffp127))->nearest, std::numeric_limits<double>::infinity());
  EXPECT_EQ(RoundEnclosure(Point(0x1p1000))->nearest, std::numeric_limits<double>::infinity());
}

TEST(RoundEnclosureTest, RefusesAnEmptyEnclosure) {
  EXPECT_THROW(RoundEnclosure({Of(1.0), Of(0.5)}), std::logic_error);
  EXPECT_THROW(RoundEnclosure({Of(1.0), Dyadic{}}), std::logic_error);
}

TEST(ReciprocalTest, IsExactForPowersOfTwo) {
  for (int e = 0; e < 64; ++e) {
    const Interval value = Reciprocal(std::uint64_t{1} << e);
    EXPECT_EQ(value.lo, PowerOfTwo(-e));
    EXPECT_EQ(value.hi, PowerOfTwo(-e));
  }
}

TEST(ReciprocalTest, EnclosesTheQuotientAndRoundsAsDivisionDoes) {
  std::mt19937_64 random(3);
  for (int i = 1; i < 20000; ++i) {
    const std::uint64_t k = i < 10000 ? static_cast<std::uint64_t>(i) : random() >> (random() % 60) | 1;
    const auto exact = RoundEnclosure(Reciprocal(k));
    ASSERT_TRUE(exact) << k;
    if (k >> 53 != 0) continue;
    // The double quotient lies within 2^-53 of 1/k, which is farther than that from every midpoint for k < 2^28.
    if (k >> 28 == 0) {
      EXPECT_EQ(exact->nearest, static_cast<float>(1.0 / static_cast<double>(k))) << k;
    }
    EXPECT_NEAR(exact->nearest + exact->remainder_ulp * exact->ulp, 1.0 / static_cast<double>(k),
                0x1p-52 / static_cast<double>(k));
  }
  EXPECT_THROW(Reciprocal(0), std::invalid_argument);
}

}  // namespace
}  // namespace assay::oracle
