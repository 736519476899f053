// SPDX-License-Identifier: Apache-2.0
//
// What bounds of attention are made of: the claim's formula by hand, the laws' own magnitudes against the oracle's, and
// places of keys and outputs.

#include <gtest/gtest.h>

#include <cmath>

#include "properties/attention_testing.h"

namespace assay::properties {
namespace {

// Two keys of scores 0 and log 3, values 8 and -4: shares 1/4 and 3/4.
Case TwoKeys(assay_dtype dtype) {
  Attention a;
  a.seq_kv = 2;
  Case c = subjects::MakeAttention(ASSAY_ATTENTION, dtype, a);
  Give(c, Role::kBias);
  c.bias.values.Set(1, std::log(3.0));
  c.v.values.Set(0, 8);
  c.v.values.Set(1, -4);
  return c;
}

subjects::SubjectInfo Claiming(const assay_attention_claim& claim) {
  subjects::SubjectInfo info;
  for (subjects::OpInfo& op : info.ops) op.attention_claims.fill(claim);
  return info;
}

TEST(AttentionBoundsTest, FollowTheFormulaOfTheClaim) {
  const Case c = TwoKeys(ASSAY_F64);
  const AttentionModel model(c);
  const auto info = Claiming({ASSAY_CLAIM_BOUND, 0, 1.5, 0x1p-20, 0x1p-21, 0x1p-22, 0x1p-23});
  const double scores = std::log(3.0);
  const double factor = 0x1p-20 + 2 * 0x1p-21 + (0x1p-22 + 0x1p-23) * scores;
  const Bound out = AttentionBounds(c, info, model, Role::kOut)[0];
  EXPECT_EQ(out.ulps, 1.5);
  EXPECT_NEAR(out.absolute, factor * (8 * 0.25 + 4 * 0.75), 1e-8 * factor);
  const Bound lse = AttentionBounds(c, info, model, Role::kLse)[0];
  EXPECT_NEAR(lse.absolute, factor * (1 + std::log(4.0)), 1e-8 * factor);
}

TEST(AttentionBoundsTest, AskNothingOfSharesWhereScoresMayBeAnything) {
  const Case c = TwoKeys(ASSAY_F32);
  const AttentionModel model(c);
  const auto info = Claiming({ASSAY_CLAIM_BOUND, 0, 1, 0, 0, 1, 0});
  EXPECT_NEAR(AttentionBounds(c, info, model, Role::kOut)[0].absolute, 5 + 8, 1e-6);
}

TEST(AttentionBoundsTest, TextbookIsAFewRoundingsOfTheWorkingPrecision) {
  for (const assay_dtype dtype : {ASSAY_F32, ASSAY_F16, ASSAY_F64}) {
    const Case c = TwoKeys(dtype);
    const AttentionModel model(c);
    const double u = dtype == ASSAY_F64 ? 0x1p-53 : 0x1p-24;
    for (const Role output : {Role::kOut, Role::kLse}) {
      const Bound bound = AttentionBounds(c, {}, model, output)[0];
      EXPECT_EQ(bound.ulps, 1);
      EXPECT_GT(bound.absolute, 20 * u);
      EXPECT_LT(bound.absolute, 500 * u);
    }
  }
}

TEST(AttentionBoundsTest, TextbookPromisesNothingWhereTheWorkingPrecisionEnds) {
  Case c = TwoKeys(ASSAY_F32);
  c.q.values.Set(0, 1e30);
  c.k.values.Set(0, 1e30);
  EXPECT_TRUE(std::isinf(AttentionBounds(c, {}, AttentionModel(c), Role::kOut)[0].absolute));
}

// Where the scores are sharp, the laws' own magnitudes are the oracle's, seen from above.
TEST(AttentionBoundsTest, TheLawsOwnMagnitudesAreTheOracles) {
  subjects::Random random(9, 1);
  int compared = 0;
  for (int k = 0; k < 300; ++k) {
    const Case c = FiniteAttention(AnyAttention(k % 2 == 0 ? ASSAY_ATTENTION : ASSAY_ATTENTION_BACKWARD, random));
    const AttentionModel model(c);
    for (const ExactOutput& truth : AttentionTruth(c, oracle::Tier::kBulk)) {
      const Magnitudes own = MagnitudesOf(c, model, truth.role);
      for (std::size_t i = 0; i < truth.exact.size(); ++i) {
        if (truth.said[i] != Said::kValue || !(own.scores[i] < 0x1p20) || !(own.weight[i] < 1e300)) continue;
        const std::string name = PlaceText(c, truth.role, i);
        ASSERT_NEAR(own.scores[i], truth.scores[i], 0x1p-25 * own.scores[i]) << name << ", case " << k;
        ASSERT_GE(own.weight[i] + 1e-300, truth.weight[i] * (1 - 0x1p-20)) << name << ", case " << k;
        ASSERT_LE(own.weight[i], truth.weight[i] * (1 + 0x1p-18) + 1e-300) << name << ", case " << k;
        ++compared;
      }
    }
  }
  EXPECT_GT(compared, 3000);
}

TEST(AttentionCaseTest, PlacesOfKeysAreWhatAQueryCanSee) {
  subjects::Random random(9, 2);
  for (int k = 0; k < 300; ++k) {
    const Case c = Valid(AnyAttention(ASSAY_ATTENTION, random));
    const Case masked = PlacesAsMask(c);
    ForEachPair(c, [&](std::size_t n, std::size_t h, std::size_t i, std::size_t j) {
      const KeyRange keys = KeysOf(c, n, i);
      EXPECT_TRUE(!CanSee(c, n, h, i, j) || (j >= keys.first && j < keys.end));
      EXPECT_EQ(CanSee(c, n, h, i, j), CanSee(masked, n, h, i, j));
    });
    if (c.attention.seq_q == 0) continue;
    const std::size_t last = c.attention.seq_q - 1;
    const Case prefix = PrefixOf(c, 0, last);
    const KeyRange keys = KeysOf(c, 0, last);
    ASSERT_EQ(prefix.attention.seq_kv, keys.end - keys.first);
    for (std::size_t j = keys.first; j < keys.end; ++j) {
      EXPECT_EQ(CanSee(c, 0, 0, last, j), CanSee(prefix, 0, 0, 0, j - keys.first));
    }
  }
}

}  // namespace
}  // namespace assay::properties
