// SPDX-License-Identifier: Apache-2.0
//
// The ladders of precision: climbed when needed, and an honest "undecided" at their end.

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <string>

#include "oracle/oracle.h"
#include "oracle/tiers.h"

namespace assay::oracle {
namespace {

// 1/4 +- second-order terms of about 2^-2200: the share of the zeros is 1 / (2 + 2 cosh(1e-31 / 1e300)).
constexpr std::array<double, 4> kNearQuarter = {0, 0, 0x1.039d66p-103, -0x1.039d66p-103};
constexpr std::array<std::uint8_t, 4> kThird = {0, 0, 1, 0};
constexpr double kTemperature = 1e300;

class LadderTest : public testing::TestWithParam<Tier> {
 protected:
  static void Run(const Terms& terms, Quantity quantity, std::span<Exact> out, int rungs) {
    (GetParam() == Tier::kReferee ? RefereeTerms : BulkTerms)(terms, quantity, out, rungs);
  }
};

TEST_P(LadderTest, ShortOfTheNeededPrecisionARowIsUndecidedAndNamed) {
  std::array<Exact, 4> out;
  const Terms terms = {.x = kNearQuarter, .temperature = kTemperature, .is_max = kThird, .max = 2};
  for (int rungs = 1; rungs < kRungs; ++rungs) {
    try {
      Run(terms, Quantity::kSoftmax, out, rungs);
      FAIL() << "decided on rung " << rungs;
    } catch (const Undecided& e) {
      const std::string what = e.what();
      EXPECT_NE(what.find(TierName(GetParam())), std::string::npos) << what;
      EXPECT_NE(what.find("0x1.7e43c8800759cp+996"), std::string::npos) << "the temperature, in " << what;
      EXPECT_NE(what.find("0x1.039d66p-103"), std::string::npos) << "a logit, in " << what;
    }
  }
}

TEST_P(LadderTest, TheLastRungDecidesSecondOrderDifferencesAtHugeTemperatures) {
  std::array<Exact, 4> out;
  const Terms terms = {.x = kNearQuarter, .temperature = kTemperature, .is_max = kThird, .max = 2};
  Run(terms, Quantity::kSoftmax, out, kRungs);
  for (const Exact& e : out) EXPECT_EQ(e.nearest, 0.25);
  EXPECT_EQ(out[0].ulp, 0x1p-26);
  EXPECT_EQ(out[1].ulp, 0x1p-26);
  EXPECT_EQ(out[2].ulp, 0x1p-25);
  EXPECT_EQ(out[3].ulp, 0x1p-26);
}

// The farthest that doubles reach: (2^-1074 / 2^1023)^2 = 2^-4194.
TEST_P(LadderTest, TheLastRungDecidesTheSmallestSecondOrderDifferenceOfDoubles) {
  const std::array<double, 4> x = {0, 0, 0x1p-1074, -0x1p-1074};
  std::array<Exact, 4> out;
  const Terms terms = {
      .x = x, .temperature = 0x1.fffffffffffffp1023, .format = Format::kF64, .is_max = kThird, .max = 2};
  Run(terms, Quantity::kSoftmax, out, kRungs);
  EXPECT_EQ(out[0].ulp, 0x1p-55);
  EXPECT_EQ(out[2].ulp, 0x1p-54);
  EXPECT_EQ(out[3].ulp, 0x1p-55);
}

TEST_P(LadderTest, ARungDecidesOrdinaryRowsAlone) {
  const std::array<double, 5> x = {1, 2, 3.5, -70, -90};
  const std::array<double, 5> bias = {0.1, 3, 0, -0.7, 1e-3};
  const std::array<std::uint8_t, 5> is_max = {0, 1, 0, 0, 0};
  for (const Format format : {Format::kF32, Format::kF64, Format::kF16, Format::kBF16}) {
    const Terms terms = {.x = x, .bias = bias, .temperature = 0.9, .format = format, .is_max = is_max, .max = 1};
    std::array<Exact, 5> out;
    EXPECT_NO_THROW(Run(terms, Quantity::kSoftmax, out, 1)) << FormatName(format);
    EXPECT_NO_THROW(Run(terms, Quantity::kLogSoftmax, out, 1)) << FormatName(format);
    EXPECT_NO_THROW(Run(terms, Quantity::kLogSumExp, {out.data(), 1}, 1)) << FormatName(format);
  }
}

// z = 0, 0, 1/3 + 1/2, the first two as differences of numbers near 2^997: they take some 1100 bits.
TEST_P(LadderTest, CancellationBetweenLogitAndBiasClimbsTheLadder) {
  const std::array<double, 3> x = {3e300, -3e300, 1};
  const std::array<double, 3> bias = {-1e300, 1e300, 0.5};
  const std::array<std::uint8_t, 3> is_max = {0, 0, 1};
  const Terms terms = {.x = x, .bias = bias, .temperature = 3, .is_max = is_max, .max = 2};
  std::array<Exact, 3> out;
  EXPECT_THROW(Run(terms, Quantity::kSoftmax, out, 3), Undecided);
  Run(terms, Quantity::kSoftmax, out, kRungs);
  const std::array<double, 3> plain = {0, 0, 2.5};
  const auto want = Softmax({.logits = plain, .temperature = 3}, GetParam());
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(out[i].nearest, want[i].nearest);
    EXPECT_LE(std::fabs(out[i].remainder_ulp - want[i].remainder_ulp), out[i].width_ulp + want[i].width_ulp);
  }
}

INSTANTIATE_TEST_SUITE_P(Tiers, LadderTest, testing::Values(Tier::kReferee, Tier::kBulk),
                         [](const auto& tier_info) { return std::string(TierName(tier_info.param)); });

}  // namespace
}  // namespace assay::oracle
