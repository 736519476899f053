// SPDX-License-Identifier: Apache-2.0
//
// The gradients of attention against closed forms, the other operations of the oracle and central differences of its
// forward, on both tiers.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "oracle/attention_cases.h"

namespace assay::oracle {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

using Doubles = std::vector<double>;

// One head of one query with q = (1), scale 1, upstream 1 and values of dimension 1.
OwnedBackward ByScores(const Doubles& scores, const Doubles& v, double saved_out, double saved_lse) {
  OwnedBackward owned;
  OwnedHead& head = owned.heads.emplace_back();
  head.q = {1};
  head.k = scores;
  head.v = v;
  head.head.seq_q = head.head.head_dim = head.head.value_dim = 1;
  head.head.seq_kv = head.head.length = scores.size();
  head.head.scale = 1;
  head.head.format = Format::kF64;
  head.bias = Doubles(scores.size());
  owned.saved_out = {{saved_out}};
  owned.saved_lse = {{saved_lse}};
  owned.upstream = {{1}};
  return owned;
}

void ExpectExactly(const Exact& got, double want) {
  EXPECT_EQ(got.nearest, want);
  EXPECT_EQ(got.remainder_ulp, 0);
  EXPECT_EQ(got.width_ulp, 0);
  EXPECT_TRUE(got.certain);
  EXPECT_FALSE(got.nearest == 0 && std::signbit(got.nearest));
}

double ValueOf(const Exact& e) { return e.nearest + e.remainder_ulp * e.ulp; }

// A magnitude: from above, good to 2^-30.
void ExpectMagnitude(double got, double want) {
  EXPECT_GE(got, want);
  EXPECT_LE(got, want * (1 + 0x1p-30));
}

class AttentionBackwardTest : public testing::TestWithParam<Tier> {
 protected:
  static AttentionGradients Run(const OwnedBackward& owned) { return AttentionBackward(owned.View(), GetParam()); }
};

TEST_P(AttentionBackwardTest, SharesOfOneAreRational) {
  // p = exp(0) = 1 for both keys; g = v - 2: 1 and 3. dq = 1 * 5 + 3 * 5, dk = g q, dv = p.
  OwnedBackward owned = ByScores({5, 5}, {3, 5}, 2, 5);
  const auto got = Run(owned);
  ExpectExactly(got.dbias[0].exact[0], 1);
  ExpectExactly(got.dbias[0].exact[1], 3);
  ExpectExactly(got.dq[0].exact[0], 20);
  ExpectExactly(got.dk.exact[0], 1);
  ExpectExactly(got.dk.exact[1], 3);
  ExpectExactly(got.dv.exact[0], 1);
  // |upstream| (|v| + |saved_out|) |k|: 5 * 5 + 7 * 5.
  ExpectMagnitude(got.dq[0].weight[0], 60);
  ExpectMagnitude(got.dk.weight[1], 7);
  ExpectMagnitude(got.dv.weight[1], 1);
  ExpectMagnitude(got.dbias[0].weight[0], 5);
  ExpectMagnitude(got.dq[0].scores[0], 5);
}

TEST_P(AttentionBackwardTest, EqualExponentsCancelExactly) {
  // g = p (1, -1), p = exp(-1/4) irrational: dq = p (3 - 3) = 0.
  const auto got = Run(ByScores({3, 3}, {1, -1}, 0, 3.25));
  ExpectExactly(got.dq[0].exact[0], 0);
  EXPECT_EQ(got.dbias[0].exact[0].nearest, std::exp(-0.25));
  // A value equal to the saved output gives no gradient at all.
  ExpectExactly(Run(ByScores({3, 1}, {1, 7}, 1, 4)).dbias[0].exact[0], 0);
}

TEST_P(AttentionBackwardTest, TheGradientOfValuesAreTheShares) {
  const auto got = Run(ByScores({1, -2, 0.5}, {1, 2, 3}, 1, 1.5));
  const Doubles scores = {1, -2, 0.5};
  for (std::size_t j = 0; j < 3; ++j) {
    const double want = std::exp(scores[j] - 1.5);
    EXPECT_NEAR(got.dv.exact[j].nearest, want, 2e-16 * want);
    EXPECT_LE(got.dv.exact[j].width_ulp, 0x1p-40);
  }
}

TEST_P(AttentionBackwardTest, TheDefaultScaleMultipliesAsARealNumber) {
  OwnedBackward owned = ByScores({0}, {3}, 2, 0);
  owned.heads[0].head.scale = std::nullopt;
  owned.heads[0].head.head_dim = 2;
  owned.heads[0].q = {0, 0};
  owned.heads[0].k = {1, 3};
  const auto got = Run(owned);
  // g = 1: dq = (1, 3) / sqrt(2); digits by mpmath.
  EXPECT_EQ(got.dq[0].exact[0].nearest, 0.70710678118654757);
  EXPECT_NE(got.dq[0].exact[0].remainder_ulp, 0);
  EXPECT_EQ(got.dq[0].exact[1].nearest, 2.1213203435596424);
  ExpectExactly(got.dk.exact[0], 0);
  owned.heads[0].head.head_dim = 9;
  owned.heads[0].q = Doubles(9);
  owned.heads[0].k = {1, 3, 0, 0, 0, 0, 0, 0, 0};
  EXPECT_EQ(Run(owned).dq[0].exact[0].nearest, 1.0 / 3);
  ExpectExactly(Run(owned).dq[0].exact[1], 1);
}

TEST_P(AttentionBackwardTest, ASoftcapBrakesByItsSlope) {
  OwnedBackward owned = ByScores({2}, {3}, 2, 0);
  owned.heads[0].head.softcap = 1.5;
  const auto got = Run(owned);
  const double tanh = std::tanh(2 / 1.5);
  const double g = std::exp(1.5 * tanh);
  EXPECT_NEAR(got.dbias[0].exact[0].nearest, g, 1e-15 * g);
  EXPECT_NEAR(got.dk.exact[0].nearest, g * (1 - tanh * tanh), 1e-15 * g);
  EXPECT_NEAR(got.dq[0].exact[0].nearest, 2 * g * (1 - tanh * tanh), 2e-15 * g);
}

TEST_P(AttentionBackwardTest, AGroupAddsItsHeads) {
  OwnedBackward owned = ByScores({5, 5}, {3, 5}, 2, 5);
  OwnedBackward other = ByScores({5, 5}, {3, 5}, 4, 5);
  owned.heads.push_back(other.heads[0]);
  owned.saved_out.push_back({4});
  owned.saved_lse.push_back({5});
  owned.upstream.push_back({10});
  const auto got = Run(owned);
  ExpectExactly(got.dq[1].exact[0], -50 + 50);
  ExpectExactly(got.dk.exact[0], 1 - 10);
  ExpectExactly(got.dv.exact[1], 1 + 10);
  ASSERT_EQ(got.dbias.size(), 2u);
  ExpectExactly(got.dbias[1].exact[1], 10);
}

TEST_P(AttentionBackwardTest, InvisiblePairsContributeNothing) {
  OwnedBackward owned = ByScores({5, kNaN, 5}, {3, kInf, 5}, 2, 5);
  owned.heads[0].mask = {1, 0, 1};
  const auto got = Run(owned);
  ExpectExactly(got.dq[0].exact[0], 20);
  ExpectExactly(got.dk.exact[1], 0);
  ExpectExactly(got.dv.exact[1], 0);
  ExpectExactly(got.dbias[0].exact[1], 0);
  for (const auto* gradient : {&got.dq[0], &got.dk, &got.dv, &got.dbias[0]}) {
    for (const auto unchecked : gradient->unchecked) EXPECT_EQ(unchecked, 0);
  }
  EXPECT_EQ(got.dk.scores[1], 0);
  // A row that saw nothing.
  owned = ByScores({5, 5}, {3, 5}, 2, -kInf);
  owned.upstream[0][0] = kNaN;
  ExpectExactly(Run(owned).dq[0].exact[0], 0);
  ExpectExactly(Run(owned).dv.exact[0], 0);
  EXPECT_EQ(Run(owned).dv.unchecked[0], 0);
}

TEST_P(AttentionBackwardTest, WhatANaNReachesIsUnchecked) {
  using Flags = std::vector<std::uint8_t>;
  // A value: all that needs its row's g, but no dv.
  OwnedBackward owned = ByScores({5, 5}, {3, kNaN}, 2, 5);
  auto got = Run(owned);
  EXPECT_EQ(got.dq[0].unchecked, (Flags{1}));
  EXPECT_EQ(got.dbias[0].unchecked, (Flags{0, 1}));
  EXPECT_EQ(got.dk.unchecked, (Flags{0, 1}));
  EXPECT_EQ(got.dv.unchecked, (Flags{0, 0}));
  ExpectExactly(got.dbias[0].exact[0], 1);
  ExpectExactly(got.dv.exact[1], 1);
  // A key.
  owned = ByScores({5, kInf}, {3, 5}, 2, 5);
  got = Run(owned);
  EXPECT_EQ(got.dq[0].unchecked, (Flags{1}));
  EXPECT_EQ(got.dk.unchecked, (Flags{0, 1}));
  EXPECT_EQ(got.dv.unchecked, (Flags{0, 1}));
  // The saved LSE, or the upstream gradient: everything of the row.
  for (const double lse : {kNaN, kInf}) EXPECT_EQ(Run(ByScores({5, 5}, {3, 5}, 2, lse)).dv.unchecked, (Flags{1, 1}));
  owned = ByScores({5, 5}, {3, 5}, 2, 5);
  owned.upstream[0][0] = -kInf;
  EXPECT_EQ(Run(owned).dv.unchecked, (Flags{1, 1}));
  EXPECT_EQ(Run(owned).dk.unchecked, (Flags{1, 1}));
}

TEST_P(AttentionBackwardTest, SharesBeyondEveryFormat) {
  // A saved LSE that is off by 1e30: exp(1e30) and exp(-1e30).
  auto got = Run(ByScores({1e38, 1e38}, {3, 5}, 2, 1e38 - 1e30));
  EXPECT_EQ(got.dv.exact[0].nearest, kInf);
  EXPECT_EQ(got.dq[0].exact[0].nearest, kInf);
  EXPECT_EQ(got.dv.weight[0], kInf);
  got = Run(ByScores({1e38, 1e38}, {3, 1}, 2, 1e38 + 1e30));
  EXPECT_EQ(got.dv.exact[0].nearest, 0);
  EXPECT_EQ(got.dbias[0].exact[1].nearest, 0);
  ExpectExactly(got.dq[0].exact[0], 0);
}

// The gradient of L = sum of upstream times out is a limit of differences of the forward. With f64 results the forward
// is good to 2^-92, and the difference over 2 h to h^2.
TEST_P(AttentionBackwardTest, CentralDifferencesOfTheForward) {
  for (const double softcap : {0.0, 1.25}) {
    OwnedBackward owned;
    OwnedHead& head = owned.heads.emplace_back();
    head.head.seq_q = 2;
    head.head.seq_kv = head.head.length = 3;
    head.head.head_dim = head.head.value_dim = 2;
    head.head.softcap = softcap;
    head.head.format = head.head.lse_format = Format::kF64;
    head.head.causal = true;
    head.q = {0.5, -1, 2, 0.25};
    head.k = {1, 0.5, -0.75, 2, 0.5, 1};
    head.v = {1, -2, 0.5, 3, -1, 0.25};
    head.bias = {0.5, 0, -1, 0.25, 1, 0};
    owned.upstream = {{1, 0.5, -2, 1}};
    const AttentionResult forward = Attention(head.View(), GetParam());
    owned.saved_out.emplace_back();
    owned.saved_lse.emplace_back();
    for (const Exact& e : forward.out) owned.saved_out[0].push_back(e.nearest);
    for (const Exact& e : forward.lse) owned.saved_lse[0].push_back(e.nearest);
    const AttentionGradients got = Run(owned);

    constexpr double kStep = 0x1p-15;
    const auto check = [&](Doubles& input, const AttentionGradient& gradient) {
      for (std::size_t n = 0; n < input.size(); ++n) {
        const double x = input[n];
        input[n] = x + kStep;
        const auto above = Attention(head.View(), GetParam());
        input[n] = x - kStep;
        const auto below = Attention(head.View(), GetParam());
        input[n] = x;
        long double difference = 0;
        for (std::size_t o = 0; o < above.out.size(); ++o) {
          difference +=
              owned.upstream[0][o] *
              (static_cast<long double>(above.out[o].nearest) - below.out[o].nearest +
               (above.out[o].remainder_ulp * above.out[o].ulp - below.out[o].remainder_ulp * below.out[o].ulp));
        }
        EXPECT_NEAR(ValueOf(gradient.exact[n]), static_cast<double>(difference / (2 * kStep)), 1e-8) << n;
      }
    };
    check(head.q, got.dq[0]);
    check(head.k, got.dk);
    check(head.v, got.dv);
    check(head.bias, got.dbias[0]);
  }
}

TEST_P(AttentionBackwardTest, HeadsOfAGroupMustBeAlike) {
  OwnedBackward owned = ByScores({5, 5}, {3, 5}, 2, 5);
  owned.heads.push_back(owned.heads[0]);
  owned.heads[1].head.scale = 2;
  owned.saved_out.push_back({4});
  owned.saved_lse.push_back({5});
  owned.upstream.push_back({10});
  EXPECT_THROW(Run(owned), std::invalid_argument);
  EXPECT_TRUE(AttentionBackward({}, GetParam()).dk.exact.empty());
}

INSTANTIATE_TEST_SUITE_P(Tiers, AttentionBackwardTest, testing::Values(Tier::kReferee, Tier::kBulk),
                         [](const auto& tier_info) { return std::string(TierName(tier_info.param)); });

}  // namespace
}  // namespace assay::oracle
