// SPDX-License-Identifier: Apache-2.0
//
// The ladders of precision: climbed when needed, and an honest "undecided" at their end.

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "oracle/oracle.h"
#include "oracle/tiers.h"

namespace assay::oracle {
namespace {

// 1/4 +- second-order terms of about 2^-2200: the share of the zeros is 1 / (2 + 2 cosh(1e-31 / 1e300)).
constexpr std::array<float, 4> kNearQuarter = {0, 0, 1e-31F, -1e-31F};
constexpr double kTemperature = 1e300;

using TierFunction = void (*)(std::span<const float>, double, std::span<Exact>, int);

class LadderTest : public testing::TestWithParam<Tier> {
 protected:
  static void Run(std::span<const float> x, double temperature, std::span<Exact> out, int rungs) {
    (GetParam() == Tier::kReferee ? RefereeRow : BulkRow)(x, temperature, out, rungs);
  }
};

TEST_P(LadderTest, ShortOfTheNeededPrecisionARowIsUndecidedAndNamed) {
  std::array<Exact, 4> out;
  for (int rungs = 1; rungs < kRungs; ++rungs) {
    try {
      Run(kNearQuarter, kTemperature, out, rungs);
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
  Run(kNearQuarter, kTemperature, out, kRungs);
  for (const Exact& e : out) EXPECT_EQ(e.nearest, 0.25);
  EXPECT_EQ(out[0].ulp, 0x1p-26);
  EXPECT_EQ(out[1].ulp, 0x1p-26);
  EXPECT_EQ(out[2].ulp, 0x1p-25);
  EXPECT_EQ(out[3].ulp, 0x1p-26);
}

TEST_P(LadderTest, ARungDecidesOrdinaryRowsAlone) {
  constexpr std::array<float, 5> x = {1, 2, 3.5F, -70, -90};
  std::array<Exact, 5> out;
  EXPECT_NO_THROW(Run(x, 0.9, out, 1));
}

INSTANTIATE_TEST_SUITE_P(Tiers, LadderTest, testing::Values(Tier::kReferee, Tier::kBulk),
                         [](const auto& tier_info) { return std::string(TierName(tier_info.param)); });

}  // namespace
}  // namespace assay::oracle
