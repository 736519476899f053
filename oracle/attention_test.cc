// SPDX-License-Identifier: Apache-2.0
//
// Attention against closed forms and values worked by hand, on both tiers.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "oracle/attention_cases.h"

namespace assay::oracle {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr Format kFormats[] = {Format::kF32, Format::kF64, Format::kF16, Format::kBF16};

using Doubles = std::vector<double>;

// A single query of dimension 1 with q = 1 and scale 1, so that k are the scores.
OwnedHead ByScores(const Doubles& scores, const Doubles& v, Format format = Format::kF32) {
  OwnedHead owned;
  owned.q = {1};
  owned.k = scores;
  owned.v = v;
  AttentionHead& head = owned.head;
  head.seq_q = head.head_dim = 1;
  head.seq_kv = head.length = scores.size();
  head.value_dim = scores.empty() ? 1 : v.size() / scores.size();
  head.scale = 1;
  head.format = head.lse_format = format;
  return owned;
}

void ExpectExactly(const Exact& got, double want) {
  EXPECT_EQ(got.nearest, want);
  EXPECT_EQ(got.remainder_ulp, 0);
  EXPECT_EQ(got.width_ulp, 0);
  EXPECT_TRUE(got.certain);
  EXPECT_FALSE(got.nearest == 0 && std::signbit(got.nearest));
}

void ExpectSame(const Exact& got, const Exact& want) {
  EXPECT_EQ(got.nearest, want.nearest);
  EXPECT_EQ(got.ulp, want.ulp);
  EXPECT_LE(std::fabs(got.remainder_ulp - want.remainder_ulp), got.width_ulp + want.width_ulp);
  EXPECT_LE(got.width_ulp, 0x1p-40);
  EXPECT_TRUE(got.certain);
}

class AttentionTest : public testing::TestWithParam<Tier> {
 protected:
  static AttentionResult Run(const OwnedHead& owned) { return Attention(owned.View(), GetParam()); }
};

TEST_P(AttentionTest, EqualScoresGiveTheMeanTiesIncluded) {
  // 1 + 2^-24 lies between 1 and 1 + 2^-23: to even.
  const auto tie = Run(ByScores({3, 3}, {1, 1 + 0x1p-23}));
  EXPECT_EQ(tie.out[0].nearest, 1);
  EXPECT_EQ(tie.out[0].remainder_ulp, 0.5);
  EXPECT_EQ(tie.out[0].width_ulp, 0);
  EXPECT_TRUE(tie.out[0].certain);
  EXPECT_EQ(Run(ByScores({3, 3}, {1 + 0x1p-23, 1 + 0x1p-22})).out[0].nearest, 1 + 0x1p-22);
  for (const Format f : kFormats) {
    ExpectExactly(Run(ByScores({-7, -7, -7, -7}, {1, 2, 3, 4}, f)).out[0], 2.5);
    ExpectExactly(Run(ByScores({5, 5}, {1, -1}, f)).out[0], 0);
  }
  // 1/3, from the share of three equal keys.
  const Doubles z = {0, 0, 0};
  ExpectSame(Run(ByScores(z, {1, 0, 0})).out[0], Softmax({.logits = z}, GetParam())[0]);
}

TEST_P(AttentionTest, TwoGroupsOfEqualMeansGiveTheMean) {
  ExpectExactly(Run(ByScores({1, 2, 1, 2}, {0, 2, 6, 4})).out[0], 3);
  // The scale 1/sqrt(2) is irrational; the scores 3/sqrt(2) and 5/sqrt(2) - 1 are not equal, the means are.
  OwnedHead owned = ByScores({3, 3, 5, 5}, {0, 2, -3, 5});
  owned.head.scale = std::nullopt;
  owned.head.head_dim = 2;
  owned.q = {1, 0};
  owned.k = {3, 9, 3, 8, 5, 7, 5, 6};
  owned.bias = {0, 0, -1, -1};
  ExpectExactly(Run(owned).out[0], 1);
}

TEST_P(AttentionTest, AColumnOfEqualValuesGivesThatValue) {
  const auto got = Run(ByScores({1, 2.5, -40}, {0.1, 7, 0.1, 8, 0.1, 9}, Format::kF64));
  ExpectExactly(got.out[0], 0.1);
  EXPECT_NE(got.out[1].remainder_ulp, 0);
}

TEST_P(AttentionTest, ASingleKeyGivesItsValuesAndItsScore) {
  for (const Format f : kFormats) {
    const auto got = Run(ByScores({-2.5}, {0.5, -3, 0}, f));
    ExpectExactly(got.out[0], 0.5);
    ExpectExactly(got.out[1], -3);
    ExpectExactly(got.out[2], 0);
    ExpectExactly(got.lse[0], -2.5);
  }
  // A tie of the score: 1 + 2^-24 in f32.
  const auto tie = Run(ByScores({1 + 0x1p-24}, {1}));
  EXPECT_EQ(tie.lse[0].nearest, 1);
  EXPECT_EQ(tie.lse[0].remainder_ulp, 0.5);
  // 1/sqrt(9): 3.75 / 3.
  OwnedHead ninth = ByScores({3.75}, {1});
  ninth.head.scale = std::nullopt;
  ninth.head.head_dim = 9;
  ninth.q = {1, 0, 0, 0, 0, 0, 0, 0, 0};
  ninth.k = {3.75, 1, 1, 1, 1, 1, 1, 1, 1};
  ExpectExactly(Run(ninth).lse[0], 1.25);
  ninth.bias = {-1.25};
  ExpectExactly(Run(ninth).lse[0], 0);
}

TEST_P(AttentionTest, OneHotValuesGiveTheSharesOfSoftmax) {
  const Doubles z = {0.25, -1, 3, 2.5, -80, 3};
  Doubles v(36);
  for (std::size_t j = 0; j < 6; ++j) v[7 * j] = 1;
  for (const Format f : kFormats) {
    const auto got = Run(ByScores(z, v, f));
    const auto want = Softmax({.logits = z, .format = f}, GetParam());
    for (std::size_t j = 0; j < 6; ++j) ExpectSame(got.out[j], want[j]);
    ExpectSame(got.lse[0], LogSumExp({.logits = z, .format = f}, GetParam()));
  }
}

TEST_P(AttentionTest, TwoKeysGiveTheLogistic) {
  const Doubles d = {1.375};
  const auto want = Sigmoid({.logits = d, .format = Format::kF64}, GetParam())[0];
  ExpectSame(Run(ByScores({2, 0.625}, {1, 0}, Format::kF64)).out[0], want);
}

TEST_P(AttentionTest, ASinkIsAKeyOfValueZero) {
  OwnedHead with = ByScores({1, -0.5, 2}, {3, -1, 0.25, 8, 1, 2}, Format::kF64);
  with.head.sink = 1.5;
  const OwnedHead as_key = ByScores({1, -0.5, 2, 1.5}, {3, -1, 0.25, 8, 1, 2, 0, 0}, Format::kF64);
  const auto got = Run(with);
  const auto want = Run(as_key);
  for (std::size_t e = 0; e < 2; ++e) ExpectSame(got.out[e], want.out[e]);
  ExpectSame(got.lse[0], want.lse[0]);
  // Half of the mass in the sink: exactly half of the value.
  OwnedHead half = ByScores({2}, {3});
  half.head.sink = 2;
  ExpectExactly(Run(half).out[0], 1.5);
}

TEST_P(AttentionTest, TheDefaultScaleIsARealNumber) {
  // Two scores that differ by 2 / sqrt(2) = sqrt(2): the double scale 2^-0.5 would give another remainder.
  OwnedHead owned = ByScores({1, -1}, {1, 0}, Format::kF64);
  owned.head.scale = std::nullopt;
  owned.head.head_dim = 2;
  owned.q = {1, 0};
  owned.k = {1, 5, -1, 5};
  const auto got = Run(owned).out[0];
  // 1 / (1 + exp(-sqrt(2))), digits by mpmath.
  EXPECT_EQ(got.nearest, 0.8044296825069569);
}

TEST_P(AttentionTest, SoftcapBendsTheScoreBeforeTheBias) {
  // 3 tanh(2 / 3) - 1.
  OwnedHead owned = ByScores({2}, {1}, Format::kF64);
  owned.head.softcap = 3;
  owned.bias = {-1};
  EXPECT_NEAR(Run(owned).lse[0].nearest, 3 * std::tanh(2.0 / 3) - 1, 1e-15);
  // Saturated: just below the cap, a power of two, whose ulp below is the smaller one.
  owned = ByScores({1e30}, {1});
  owned.head.softcap = 4;
  const auto got = Run(owned).lse[0];
  EXPECT_EQ(got.nearest, 4);
  EXPECT_EQ(got.ulp, 0x1p-22);
  EXPECT_TRUE(got.certain);
  // An infinite score is the cap itself.
  owned.k = {-kInf};
  ExpectExactly(Run(owned).lse[0], -4);
}

TEST_P(AttentionTest, ATailBeyondEveryPrecisionIsDecidedByItsSign) {
  // exp(-1e38) away from 1: above or below, and on which side of a tie.
  EXPECT_EQ(Run(ByScores({0, -1e38}, {1, 2})).out[0].ulp, 0x1p-23);
  EXPECT_EQ(Run(ByScores({0, -1e38}, {1, -2})).out[0].ulp, 0x1p-24);
  EXPECT_EQ(Run(ByScores({5, 5, -1e300}, {1, 1 + 0x1p-23, 2})).out[0].nearest, 1 + 0x1p-23);
  EXPECT_EQ(Run(ByScores({5, 5, -1e300}, {1, 1 + 0x1p-23, -2})).out[0].nearest, 1);
  // The nearer tail wins, wherever the farther one pulls.
  const auto got = Run(ByScores({5, 5, -1e200, -1e300}, {1, 1 + 0x1p-23, 1.5, -1e9}));
  EXPECT_EQ(got.out[0].nearest, 1 + 0x1p-23);
  EXPECT_TRUE(got.out[0].certain);
  EXPECT_EQ(got.lse[0].nearest, 5.6931472f);
}

TEST_P(AttentionTest, ScoresBeyondTheRangeOfDoubles) {
  OwnedHead owned = ByScores({1e308, 0.5e308}, {1, 2}, Format::kF64);
  owned.q = {1e300};
  owned.head.scale = 1e300;
  const auto got = Run(owned);
  EXPECT_EQ(got.out[0].nearest, 1);
  EXPECT_EQ(got.lse[0].nearest, kInf);
  EXPECT_EQ(got.scores[0], kInf);
  // And cancelled by the scale: 1e308 1e300 1e-308 ...
  owned.head.scale = 0x1p-1021;
  owned.q = {0x1p1000};
  owned.k = {0x1p21, 0};
  EXPECT_EQ(Run(owned).lse[0].nearest, std::log(1 + std::exp(1.0)));
}

TEST_P(AttentionTest, ABiasThatCancelsALargeScoreLeavesTheRest) {
  // 2^1000 / sqrt(2) minus its nearest double, or the next one above: about 2^946 above or below 0.
  OwnedHead owned = ByScores({0x1p1000, 0}, {1, 2}, Format::kF64);
  owned.head.scale = std::nullopt;
  owned.head.head_dim = 2;
  owned.q = {1, 0};
  owned.k = {0x1p1000, 3, 0, 5};
  const double quotient = std::ldexp(std::sqrt(0.5), 1000);
  const double below = std::nextafter(quotient, 0);
  const double above = std::nextafter(quotient, kInf);
  owned.bias = {-below, 0};
  EXPECT_EQ(Run(owned).out[0].nearest, 1);
  owned.bias = {-above, 0};
  const auto got = Run(owned);
  EXPECT_EQ(got.out[0].nearest, 2);
  EXPECT_EQ(got.out[0].ulp, 0x1p-52);  // below 2
  EXPECT_TRUE(got.out[0].certain);
}

TEST_P(AttentionTest, MagnitudesComeFromAbove) {
  const auto got = Run(ByScores({3, 3, 1}, {1, -2, 4}));
  const double e = std::exp(-2.0);
  const double want = (3 + 4 * e) / (2 + e);
  EXPECT_GE(got.weight[0], want * (1 - 0x1p-50));
  EXPECT_LE(got.weight[0], want * (1 + 0x1p-30));
  EXPECT_GE(got.scores[0], 3);
  EXPECT_LE(got.scores[0], 3 * (1 + 0x1p-30));
}

TEST_P(AttentionTest, NoQueriesKeysOrDimensions) {
  OwnedHead none = ByScores({}, {});
  EXPECT_EQ(Run(none).lse[0].nearest, -kInf);
  ExpectExactly(Run(none).out[0], 0);
  none.head.sink = 0.75;
  ExpectExactly(Run(none).lse[0], 0.75);
  ExpectExactly(Run(none).out[0], 0);
  // Without dimensions every score is 0.
  OwnedHead flat = ByScores({0, 0}, {1, 2});
  flat.q.clear();
  flat.k.clear();
  flat.head.head_dim = 0;
  flat.head.scale = std::nullopt;
  ExpectExactly(Run(flat).out[0], 1.5);
  OwnedHead lse_only = ByScores({0, 0}, {});
  lse_only.head.value_dim = 0;
  EXPECT_TRUE(Run(lse_only).out.empty());
  EXPECT_EQ(Run(lse_only).lse[0].nearest, std::log(2.0f));
}

INSTANTIATE_TEST_SUITE_P(Tiers, AttentionTest, testing::Values(Tier::kReferee, Tier::kBulk),
                         [](const auto& tier_info) { return std::string(TierName(tier_info.param)); });

}  // namespace
}  // namespace assay::oracle
