// SPDX-License-Identifier: Apache-2.0
//
// The rounding step by itself, on values made by hand, in every format and of both signs.

#include "oracle/round.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

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

constexpr double kInf = std::numeric_limits<double>::infinity();

class RoundEnclosureTest : public testing::TestWithParam<Format> {
 protected:
  static FormatShape Shape() { return ShapeOf(GetParam()); }
  static std::optional<Exact> Round(const Interval& value, bool negative = false) {
    return RoundEnclosure(value, negative, GetParam());
  }
  static int UlpLog2(int binade) { return std::max(binade - (Shape().precision - 1), Shape().min_ulp_log2); }
  static double Largest() { return std::ldexp(2 - std::ldexp(1, 1 - Shape().precision), Shape().max_binade); }
  // Number i of the format, from 0 up; as its bits, for formats as IEEE 754 lays them out.
  static double Number(std::uint64_t i) {
    const int bits = Shape().precision - 1;
    const auto fraction = static_cast<double>(i & ((std::uint64_t{1} << bits) - 1));
    const auto exponent = static_cast<int>(i >> bits);
    if (exponent == 0) return std::ldexp(fraction, Shape().min_ulp_log2);
    return std::ldexp(std::ldexp(1, bits) + fraction, Shape().min_ulp_log2 + exponent - 1);
  }
  static std::uint64_t Finite() {  // how many numbers from 0 up
    return static_cast<std::uint64_t>(Shape().max_binade - Shape().min_ulp_log2 - (Shape().precision - 1) + 2)
           << (Shape().precision - 1);
  }
  // All numbers of the format that have a successor; where they are more than 2^16, the ends and a sample.
  static std::vector<std::uint64_t> Some() {
    std::vector<std::uint64_t> numbers;
    const std::uint64_t last = Finite() - 2;
    const bool all = last < 1 << 16;
    std::mt19937_64 random(1);
    for (std::uint64_t i = 0; i <= (all ? last : 200); ++i) numbers.push_back(i);
    for (std::uint64_t i = 0; !all && i < 20000; ++i) numbers.push_back(i < 100 ? last - i : random() % last);
    return numbers;
  }
};

void ExpectExactly(const std::optional<Exact>& got, double want) {
  ASSERT_TRUE(got) << std::hexfloat << want;
  EXPECT_EQ(got->nearest, want);
  EXPECT_EQ(std::signbit(got->nearest), want < 0) << "zero is +0";
  EXPECT_EQ(got->remainder_ulp, 0);
  EXPECT_EQ(got->width_ulp, 0);
  EXPECT_TRUE(got->certain);
}

TEST_P(RoundEnclosureTest, ANumberOfTheFormatRoundsToItselfExactly) {
  EXPECT_EQ(Number(Finite() - 1), Largest());
  for (const std::uint64_t i : Some()) {
    ExpectExactly(Round(Point(Number(i))), Number(i));
    ExpectExactly(Round(Point(Number(i)), true), -Number(i));
  }
  ExpectExactly(Round(Point(Largest())), Largest());
}

TEST_P(RoundEnclosureTest, UlpIsThatOfTheExactValueOnEitherSideOfAPowerOfTwo) {
  for (int e = Shape().min_ulp_log2; e <= Shape().max_binade; ++e) {
    const double power = std::ldexp(1.0, e);
    const auto below = Round(JustBelow(power));
    const auto at = Round(Point(power));
    const auto above = Round(JustAbove(power), true);
    ASSERT_TRUE(below && at && above) << e;
    EXPECT_EQ(below->nearest, power);
    EXPECT_EQ(below->ulp, std::ldexp(1, UlpLog2(e - 1)));
    EXPECT_LE(below->remainder_ulp, 0);
    EXPECT_EQ(at->ulp, std::ldexp(1, UlpLog2(e)));
    EXPECT_EQ(above->nearest, -power);
    EXPECT_EQ(above->ulp, std::ldexp(1, UlpLog2(e)));
    EXPECT_LE(above->remainder_ulp, 0) << "of a negative value";
    const bool one_ulp = UlpLog2(e - 1) == UlpLog2(e);
    EXPECT_EQ(Round(Around(power)).has_value(), one_ulp) << "elsewhere the ulp is in doubt";
  }
}

TEST_P(RoundEnclosureTest, AMidpointTiesToEvenAndItsNeighboursDoNot) {
  for (const std::uint64_t i : Some()) {
    const double low = Number(i);
    const double high = Number(i + 1);
    // In f64 not a double; one more bit of the 128.
    Dyadic middle = Of(low);
    if (low == 0) {
      middle = PowerOfTwo(Shape().min_ulp_log2 - 1);
    } else {
      const int half_ulp = UlpLog2(std::ilogb(low)) - 1;
      middle.high |= std::uint64_t{1} << (half_ulp - static_cast<int>(middle.exponent) - 64);
    }
    const auto tie = Round({middle, middle});
    const auto below = Round({Below(middle), middle}, true);
    const auto above = Round({middle, Above(middle)});
    ASSERT_TRUE(tie && below && above) << std::hexfloat << low;
    EXPECT_EQ(tie->nearest, i % 2 == 0 ? low : high);
    EXPECT_EQ(tie->remainder_ulp, i % 2 == 0 ? 0.5 : -0.5);
    EXPECT_EQ(tie->width_ulp, 0);
    EXPECT_EQ(below->nearest, -low);
    EXPECT_EQ(above->nearest, high);
    EXPECT_NEAR(below->remainder_ulp, -0.5, 0x1p-50);
    EXPECT_NEAR(above->remainder_ulp, -0.5, 0x1p-50);
    EXPECT_FALSE(Round({Below(middle), Above(middle)})) << "two candidates";
  }
}

TEST_P(RoundEnclosureTest, UncertainGivesEitherCandidateButNoWideEnclosure) {
  const Dyadic middle = Of(1 + std::ldexp(1, -std::min(Shape().precision, 52)));
  if (GetParam() != Format::kF64) {
    const auto either = RoundUncertain({Below(middle), Above(middle)}, false, GetParam());
    ASSERT_TRUE(either);
    EXPECT_FALSE(either->certain);
    EXPECT_EQ(std::fabs(either->remainder_ulp), 0.5);
    EXPECT_TRUE(RoundUncertain({middle, middle}, false, GetParam())->certain);
  }
  const auto power = RoundUncertain(Around(1), true, GetParam());
  ASSERT_TRUE(power);
  EXPECT_FALSE(power->certain) << "which ulp?";
  EXPECT_EQ(power->nearest, -1);
  EXPECT_FALSE(RoundUncertain({Of(1), Of(1.5)}, false, GetParam()));
  EXPECT_FALSE(RoundUncertain({Dyadic{}, PowerOfTwo(5000)}, false, GetParam()));
}

TEST_P(RoundEnclosureTest, HalfOfTheLeastSubnormalTiesToZero) {
  const int least = Shape().min_ulp_log2;
  const Dyadic half = PowerOfTwo(least - 1);
  EXPECT_EQ(Round({half, half})->nearest, 0);
  EXPECT_EQ(Round({half, half})->remainder_ulp, 0.5);
  EXPECT_EQ(Round({Below(half), half})->nearest, 0);
  EXPECT_EQ(Round({half, Above(half)})->nearest, std::ldexp(1, least));
  const auto negative = Round({half, half}, true);
  EXPECT_FALSE(std::signbit(negative->nearest)) << "zero is +0";
  EXPECT_EQ(negative->remainder_ulp, -0.5);
}

TEST_P(RoundEnclosureTest, AnUnderflownValueIsZeroWithATinyRemainder) {
  for (const bool is_negative : {false, true}) {
    const auto exact = Round({Dyadic{}, PowerOfTwo(-90000)}, is_negative);
    ASSERT_TRUE(exact);
    EXPECT_EQ(exact->nearest, 0);
    EXPECT_FALSE(std::signbit(exact->nearest));
    EXPECT_EQ(exact->ulp, std::ldexp(1, Shape().min_ulp_log2));
    EXPECT_LE(std::fabs(exact->remainder_ulp), 0x1p-63);
    EXPECT_LE(exact->width_ulp, 0x1p-63);
  }
}

TEST_P(RoundEnclosureTest, AWideEnclosureIsUndecidedAndANarrowOneStatesItsWidth) {
  const Dyadic x = Of(1.125);
  const auto plus = [x](int log2) {  // x + 2^log2 ulp; the significand counts 2^-127
    const int bit = log2 + 127 - (Shape().precision - 1);
    return Dyadic{x.high + (bit >= 64 ? std::uint64_t{1} << (bit - 64) : 0),
                  x.low + (bit < 64 ? std::uint64_t{1} << bit : 0), x.exponent};
  };
  EXPECT_FALSE(Round({x, plus(kMaxWidthLog2 + 1)}));
  EXPECT_TRUE(Round({x, plus(kMaxWidthLog2)}));
  const auto exact = Round({x, plus(-45)});
  ASSERT_TRUE(exact);
  EXPECT_GE(exact->width_ulp, 0x1p-45);
  EXPECT_LE(exact->width_ulp, 0x1.1p-45);
}

TEST_P(RoundEnclosureTest, StaysTotalBeyondTheLargestNumber) {
  const Dyadic largest = Of(Largest());
  Dyadic tie = largest;  // half an ulp above
  tie.high |= std::uint64_t{1} << (63 - Shape().precision);
  EXPECT_EQ(Round({Below(tie), tie})->nearest, Largest());
  EXPECT_EQ(Round({tie, tie})->nearest, kInf);
  EXPECT_EQ(Round({tie, tie})->remainder_ulp, 0);
  EXPECT_EQ(Round({tie, Above(tie)}, true)->nearest, -kInf);
  EXPECT_FALSE(Round({Below(tie), Above(tie)}));
  EXPECT_EQ(Round({PowerOfTwo(5000), PowerOfTwo(9000)})->nearest, kInf) << "however wide";
  EXPECT_FALSE(Round({largest, PowerOfTwo(9000)}));
}

TEST_P(RoundEnclosureTest, RefusesAnEmptyEnclosure) {
  EXPECT_THROW(Round({Of(1.0), Of(0.5)}), std::logic_error);
  EXPECT_THROW(Round({Of(1.0), Dyadic{}}), std::logic_error);
}

TEST_P(RoundEnclosureTest, AroundZeroIsZeroOnlyWhereBothEndsAreCloser) {
  const int least = Shape().min_ulp_log2;
  const auto zero = RoundAroundZero(PowerOfTwo(least - 60), GetParam());
  ASSERT_TRUE(zero);
  EXPECT_EQ(zero->nearest, 0);
  EXPECT_EQ(zero->ulp, std::ldexp(1, least));
  EXPECT_GE(zero->width_ulp, 0x1p-59);
  EXPECT_LE(zero->width_ulp, 0x1p-57);
  EXPECT_LE(RoundAroundZero(Below(PowerOfTwo(least + kMaxWidthLog2)), GetParam())->width_ulp, 0x1p-40);
  EXPECT_FALSE(RoundAroundZero(PowerOfTwo(least + kMaxWidthLog2), GetParam()));
  EXPECT_EQ(RoundAroundZero({}, GetParam())->width_ulp, 0);
}

INSTANTIATE_TEST_SUITE_P(Formats, RoundEnclosureTest,
                         testing::Values(Format::kF32, Format::kF64, Format::kF16, Format::kBF16),
                         [](const auto& format) { return std::string(FormatName(format.param)); });

TEST(RoundToFloatTest, AgreesWithTheConversionOfDoublesToFloat) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 200000; ++i) {
    // Any double in (2^-152, 2^2): exponent uniform.
    const double x =
        std::ldexp(1 + std::ldexp(static_cast<double>(random() >> 12), -52), static_cast<int>(random() % 154) - 152);
    const auto exact = RoundEnclosure(Point(x), false, Format::kF32);
    ASSERT_TRUE(exact);
    EXPECT_EQ(exact->nearest, static_cast<float>(x)) << std::hexfloat << x;
    EXPECT_EQ(exact->nearest + exact->remainder_ulp * exact->ulp, x) << std::hexfloat << x;
  }
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
    const auto exact = RoundEnclosure(Reciprocal(k), false, Format::kF32);
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
