// SPDX-License-Identifier: Apache-2.0
//
// The ladders behind attention: short of the needed precision a tier says that it is undecided, at the last rung it
// decides, or says that the nearest number is not certain.

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "oracle/attention_tiers.h"

namespace assay::oracle {
namespace {

class AttentionLadderTest : public testing::TestWithParam<Tier> {
 protected:
  // One query, scale 1, all keys visible.
  struct Result {
    bool decided = false;
    Exact out;
    Exact lse;
  };
  static Result Run(const std::vector<double>& scores, const std::vector<double>& v, int rungs, double softcap = 0) {
    const std::vector<double> q = {1};
    AttentionHead head;
    head.seq_q = head.head_dim = head.value_dim = 1;
    head.seq_kv = head.length = scores.size();
    head.q = q;
    head.k = scores;
    head.v = v;
    head.scale = 1;
    head.softcap = softcap;
    head.format = head.lse_format = Format::kF64;
    const Scores exact(head);
    const std::uint8_t skip = 0;
    AttentionTerms terms;
    terms.head = &head;
    terms.scores = &exact;
    terms.skip = {&skip, 1};
    std::vector<const ScoreKey*> keys;
    for (std::size_t j = 0; j < scores.size(); ++j) {
      terms.keys.push_back(j);
      keys.push_back(&exact.key(0, j));
    }
    terms.groups = GroupsOf(keys);
    Result result;
    const auto row = GetParam() == Tier::kReferee ? referee::AttentionRow : bulk::AttentionRow;
    result.decided = row(terms, {&result.out, 1}, result.lse, rungs);
    return result;
  }
};

TEST_P(AttentionLadderTest, OneRungDecidesOrdinaryRows) {
  EXPECT_TRUE(Run({1, 2.5, -3}, {1, -2, 0.3}, 1).decided);
  EXPECT_TRUE(Run({1, 2.5, -3}, {1, -2, 0.3}, 1, 2).decided);
}

TEST_P(AttentionLadderTest, AThousandBitsOfCancellationNeedTheUpperRungs) {
  // Values 1 and -1 whose scores differ by 2^-1000: out = tanh(2^-1001) = 2^-1001 (1 - ...).
  const std::vector<double> scores = {0x1p-1000, 0};
  // The scores' difference is exact, and the exponential next to 1 is not: rungs below 1000 bits cannot tell.
  for (int rungs = 1; rungs <= 3; ++rungs) EXPECT_FALSE(Run(scores, {1, -1}, rungs).decided) << rungs;
  const Result got = Run(scores, {1, -1}, kRungs);
  ASSERT_TRUE(got.decided);
  EXPECT_EQ(got.out.nearest, 0x1p-1001);
  EXPECT_TRUE(got.out.certain);
}

TEST_P(AttentionLadderTest, ASaturatedSoftcapBesideATieIsNotCertain) {
  // tanh(1e5) and tanh(2e5) differ by exp(-2e5): beyond 8192 bits. The mean of the values is a midpoint.
  const Result got = Run({1e5, 2e5}, {1, 1 + 0x1p-52}, kRungs, 1);
  ASSERT_TRUE(got.decided);
  EXPECT_FALSE(got.out.certain);
  EXPECT_LE(std::fabs(got.out.nearest - 1 + got.out.remainder_ulp * got.out.ulp - 0x1p-53), 0x1p-52 * 0x1p-40);
  EXPECT_LE(got.out.width_ulp, 0x1p-40);
  // Elsewhere it is.
  EXPECT_TRUE(Run({1e5, 2e5}, {1, 2}, kRungs, 1).out.certain);
}

INSTANTIATE_TEST_SUITE_P(Tiers, AttentionLadderTest, testing::Values(Tier::kReferee, Tier::kBulk),
                         [](const auto& tier_info) { return std::string(TierName(tier_info.param)); });

}  // namespace
}  // namespace assay::oracle
