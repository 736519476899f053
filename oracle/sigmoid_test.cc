// SPDX-License-Identifier: Apache-2.0
//
// Sigmoid: special values, limits of the temperature, the exact half and the ends of (0, 1). On both tiers.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "oracle/oracle.h"

namespace assay::oracle {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
using Values = std::vector<double>;

class SigmoidContract : public testing::TestWithParam<Tier> {
 protected:
  static Exact Of(double x, double bias = 0, double temperature = 1, Format format = Format::kF32) {
    const Values logits = {x}, biases = {bias};
    return Sigmoid({.logits = logits, .bias = biases, .temperature = temperature, .format = format}, GetParam())[0];
  }
};

TEST_P(SigmoidContract, SpecialValuesAreEntryByEntry) {
  const Values x = {kInf, -kInf, kNaN, 0, -0.0};
  const auto y = Sigmoid({.logits = x}, GetParam());
  EXPECT_EQ(y[0].nearest, 1);
  EXPECT_EQ(y[0].width_ulp, 0);
  EXPECT_EQ(y[1].nearest, 0);
  EXPECT_FALSE(std::signbit(y[1].nearest));
  EXPECT_TRUE(std::isnan(y[2].nearest));
  EXPECT_EQ(y[3].nearest, 0.5);
  EXPECT_EQ(y[3].width_ulp, 0);
  EXPECT_EQ(y[4].nearest, 0.5);
  EXPECT_EQ(Of(3, -kInf).nearest, 0);
  EXPECT_EQ(Of(3, kInf).nearest, 1);
  EXPECT_TRUE(std::isnan(Of(3, kNaN).nearest));
  EXPECT_EQ(Of(kNaN, -kInf).nearest, 0) << "invisible";
  EXPECT_TRUE(Sigmoid({.logits = {}}, GetParam()).empty());
}

TEST_P(SigmoidContract, TheLimitsOfTheTemperature) {
  EXPECT_EQ(Of(5e-324, -100, 0).nearest, 1);
  EXPECT_EQ(Of(-5e-324, 100, 0).nearest, 0);
  EXPECT_EQ(Of(0, 0, 0).nearest, 0.5);
  EXPECT_EQ(Of(-0.0, 1, 0).nearest, Of(1).nearest);
  EXPECT_EQ(Of(17, 1, kInf).nearest, Of(1).nearest);
  EXPECT_EQ(Of(kInf, 1, kInf).nearest, 1);
  EXPECT_THROW(Of(0, 0, -1), std::invalid_argument);
  EXPECT_THROW(Of(0, 0, kNaN), std::invalid_argument);
}

TEST_P(SigmoidContract, IsHalfExactlyWhereLogitAndBiasCancelAndOnTheRightSideBesideIt) {
  EXPECT_EQ(Of(3e300, -1e300, 3).width_ulp, 0) << "3e300 is three times 1e300";
  EXPECT_EQ(Of(3e300, -1e300, 3).remainder_ulp, 0);
  for (const Format format : {Format::kF32, Format::kF64, Format::kF16, Format::kBF16}) {
    const double ulp = Of(0, 0, 1, format).ulp;
    EXPECT_EQ(Of(5e-324, 0, 1e308, format).ulp, ulp);
    EXPECT_EQ(Of(5e-324, 0, 1e308, format).nearest, 0.5);
    EXPECT_GE(Of(5e-324, 0, 1e308, format).remainder_ulp, 0);
    EXPECT_EQ(Of(-5e-324, 0, 1e308, format).ulp, ulp / 2) << "just below 1/2";
    EXPECT_EQ(Of(0.1, -0.1, std::nextafter(1, 2), format).ulp, ulp / 2);
    EXPECT_EQ(Of(1e300, -1e300, std::nextafter(1, 0), format).nearest, 1);
  }
}

TEST_P(SigmoidContract, StaysInsideTheOpenInterval) {
  for (const double z : {200.0, 1e6, 1e300}) {
    EXPECT_EQ(Of(z).nearest, 1);
    EXPECT_EQ(Of(z).ulp, 0x1p-24) << "below 1";
    EXPECT_LE(Of(z).remainder_ulp, 0);
    EXPECT_EQ(Of(-z).nearest, 0);
    EXPECT_EQ(Of(-z).ulp, 0x1p-149);
    EXPECT_GE(Of(-z).remainder_ulp, 0);
  }
  EXPECT_EQ(Of(1e308, 0, 5e-324).nearest, 1);
  EXPECT_EQ(Of(-1e308, 0, 5e-324).nearest, 0);
  EXPECT_EQ(Of(-700, 0, 1, Format::kF64).nearest, std::exp(-700));
  EXPECT_EQ(Of(-745, 0, 1, Format::kF64).nearest, 0x1p-1074);
  EXPECT_EQ(Of(-103, 0, 1).nearest, 0x1p-149);
}

TEST_P(SigmoidContract, IsTheShareOfTwoEntries) {
  for (double z = -110; z < 110; z += 1.37) {
    const Values pair = {z, 0};
    const Exact share = Softmax({.logits = pair, .temperature = 0.9}, GetParam())[0];
    const Exact sigmoid = Of(z, 0, 0.9);
    EXPECT_EQ(sigmoid.nearest, share.nearest) << z;
    EXPECT_LE(std::fabs(sigmoid.remainder_ulp - share.remainder_ulp), sigmoid.width_ulp + share.width_ulp) << z;
  }
}

TEST_P(SigmoidContract, RefusesAMaskAndABiasOfAnotherLength) {
  const Values x = {1, 2}, bias = {1};
  const std::vector<std::uint8_t> mask = {1, 1};
  EXPECT_THROW(Sigmoid({.logits = x, .mask = mask}, GetParam()), std::invalid_argument);
  EXPECT_THROW(Sigmoid({.logits = x, .bias = bias}, GetParam()), std::invalid_argument);
}

INSTANTIATE_TEST_SUITE_P(Tiers, SigmoidContract, testing::Values(Tier::kReferee, Tier::kBulk),
                         [](const auto& tier_info) { return std::string(TierName(tier_info.param)); });

}  // namespace
}  // namespace assay::oracle
