// SPDX-License-Identifier: Apache-2.0
//
// The ladders behind gradients and losses: short of the needed precision a tier says that it is undecided, at the last
// rung it decides.

#include <gtest/gtest.h>

#include <cmath>
#include <optional>
#include <string>

#include "oracle/loss_tiers.h"

namespace assay::oracle {
namespace {

class LossLadderTest : public testing::TestWithParam<Tier> {
 protected:
  static bool Log(const LiveGradient& row, std::span<Exact> out, int rungs) {
    return (GetParam() == Tier::kReferee ? referee::LogSoftmaxBackward : bulk::LogSoftmaxBackward)(row, out, rungs);
  }
  static bool LossGradient(const LiveLoss& loss, double upstream, std::span<Exact> out, int rungs) {
    const auto tier = GetParam() == Tier::kReferee ? referee::LossGradient : bulk::LossGradient;
    return tier(loss, upstream, 1, Format::kF64, out, rungs);
  }
  static std::optional<Exact> Loss(const LiveLoss& loss, int rungs) {
    return (GetParam() == Tier::kReferee ? referee::Loss : bulk::Loss)({&loss, 1}, 1, Format::kF64, rungs);
  }
};

TEST_P(LossLadderTest, AThousandBitsOfCancellationNeedTheUpperRungs) {
  // 3 - 3 exp(-2^-1000) = 3 2^-1000 (1 - ...).
  const LiveGradient row = {{-0x1p-1000, -1}, {3, 0}, 1, Format::kF64};
  std::vector<Exact> out(2);
  for (int rungs = 1; rungs <= 3; ++rungs) EXPECT_FALSE(Log(row, out, rungs)) << rungs;
  ASSERT_TRUE(Log(row, out, kRungs));
  EXPECT_EQ(out[0].nearest, 0x3p-1000);
  EXPECT_TRUE(out[0].certain);
}

TEST_P(LossLadderTest, SharesThatDifferFromTheirTargetsByNextToNothingNeedTheUpperRungs) {
  // d = 2^-900: p - 1/4 is d/4 to first order, and where that cancels far below the least f64.
  const double t = 0x1p800;
  const LiveLoss loss = {{{0, 0, 0x1p-100, -0x1p-100}, {}, t}, {0, 0, 0, 1}, {}, 1};
  std::vector<Exact> out(4);
  for (int rungs = 1; rungs <= 3; ++rungs) EXPECT_FALSE(LossGradient(loss, t, out, rungs)) << rungs;
  ASSERT_TRUE(LossGradient(loss, t, out, kRungs));
  EXPECT_EQ(out[0].nearest, 0);
  EXPECT_EQ(out[1].nearest, 0);
  EXPECT_EQ(out[2].nearest, 0x1p-902);
  EXPECT_EQ(out[3].nearest, -0x1p-902);
  for (const Exact& e : out) EXPECT_TRUE(e.certain);
}

TEST_P(LossLadderTest, OneRungDecidesOrdinaryRows) {
  const LiveGradient row = {{-1, -2, -.5}, {3, 1, -2}, .9, Format::kF64};
  const LiveLoss loss = {{{1, 2, 3.5, -70}, {}, .9}, {0, 1, 0, 0}, {}, .1};
  std::vector<Exact> out(4);
  EXPECT_TRUE(Log(row, std::span(out).first(3), 1));
  EXPECT_TRUE(LossGradient(loss, 1, out, 1));
  EXPECT_TRUE(Loss(loss, 1).has_value());
}

TEST_P(LossLadderTest, TheLastRungHasThousandsOfBits) {
  const auto bits = GetParam() == Tier::kReferee ? referee::PrecisionBits : bulk::PrecisionBits;
  EXPECT_GE(bits(1), 128);
  EXPECT_GE(bits(kRungs), 8192);
}

INSTANTIATE_TEST_SUITE_P(Tiers, LossLadderTest, testing::Values(Tier::kReferee, Tier::kBulk),
                         [](const auto& tier_info) { return std::string(TierName(tier_info.param)); });

}  // namespace
}  // namespace assay::oracle
