// SPDX-License-Identifier: Apache-2.0
//
// What `assay claims` measures of attention, on subjects whose errors are known.

#include "cli/attention_claims.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>

#include "cli/report_attention.h"
#include "properties/attention_testing.h"

namespace assay::cli {
namespace {

using properties::AttentionOracle;
using subjects::Array;
using subjects::Case;
using subjects::Role;

// On the shapes of 16 keys.
AttentionTable MeasureShort(std::unique_ptr<subjects::Subject> subject, assay_op op = ASSAY_ATTENTION) {
  ClaimsOptions options;
  options.max_cols = 16;
  Progress progress;
  return MeasureAttention({{"it", subject.get()}}, op, ASSAY_F32, options, progress);
}

// Every number of `result` off by so many u W.
std::unique_ptr<AttentionOracle> OffBy(double units, Role result, const assay_attention_claim& claim) {
  auto subject = std::make_unique<AttentionOracle>(
      AttentionOracle::Ask(), [units, result](const Case& c, Role role, Array* values) {
        if (role != result) return;
        for (const properties::ExactOutput& truth : properties::AttentionTruth(c, oracle::Tier::kBulk)) {
          if (truth.role != role) continue;
          for (std::size_t i = 0; i < values->size(); ++i) {
            values->Set(i, (*values)[i] + units * 0x1p-24 * truth.weight[i]);
          }
        }
      });
  subject->Claim(claim);
  return subject;
}

assay_attention_claim OfTerms(double units) { return {ASSAY_CLAIM_BOUND, 0, 0.5, units * 0x1p-24, 0, 0, 0}; }

const AttentionGroup& GroupOf(const AttentionTable& table, Role result) {
  return *std::find_if(table.groups.begin(), table.groups.end(), [&](const auto& g) { return g.result == result; });
}

TEST(DrawAttentionClaimCaseTest, ScoresHaveTheSpread) {
  const AttentionShape shape{2, 64, 128, 64, false};
  for (const double spread : kSpreads) {
    const Case c = DrawAttentionClaimCase(shape, spread, ASSAY_ATTENTION, ASSAY_F32, 1, oracle::Tier::kBulk);
    double squares = 0;
    for (std::size_t i = 0; i < 64; ++i) {
      for (std::size_t j = 0; j < 128; ++j) {
        double score = 0;
        for (std::size_t d = 0; d < 64; ++d) score += c.q[64 * i + d] * c.k[64 * j + d] / 8;
        squares += score * score;
      }
    }
    EXPECT_NEAR(std::sqrt(squares / (64 * 128)), spread, 0.1 * spread);
  }
}

TEST(DrawAttentionClaimCaseTest, SeedsAndSpreadsDrawOtherNumbersOfTheSameCase) {
  const AttentionShape shape{1, 4, 8, 16, true};
  const auto draw = [&](double spread, std::uint64_t seed) {
    return DrawAttentionClaimCase(shape, spread, ASSAY_ATTENTION_BACKWARD, ASSAY_BF16, seed, oracle::Tier::kBulk);
  };
  EXPECT_TRUE(subjects::SameBits(draw(1, 1), draw(1, 1)));
  EXPECT_FALSE(draw(1, 1).k == draw(1, 2).k);
  EXPECT_FALSE(draw(1, 1).k == draw(16, 1).k);
  EXPECT_NO_THROW(subjects::Validate(draw(16, 1)));
}

TEST(MeasureAttentionTest, NearestNumbersShowTheErrorsOfCorrectRounding) {
  for (const assay_op op : {ASSAY_ATTENTION, ASSAY_ATTENTION_BACKWARD}) {
    const AttentionTable table = MeasureShort(std::make_unique<AttentionOracle>(), op);
    EXPECT_EQ(table.groups.size(), op == ASSAY_ATTENTION ? 4U : 6U);  // d of 64 and 128, by result
    EXPECT_TRUE(table.Holds("it"));
    for (const AttentionGroup& group : table.groups) {
      ASSERT_EQ(group.lines.size(), 1U);
      for (std::size_t spread = 0; spread < kNumSpreads; ++spread) {
        const AttentionErrors& errors = group.lines.front().at[spread];
        EXPECT_EQ(errors.largest, group.nearest.at[spread].largest);
        EXPECT_EQ(errors.Rms(), group.nearest.at[spread].Rms());
        EXPECT_LE(errors.largest, 1);  // half an ulp is u of the number above it at most, and W is not below that
        EXPECT_GT(errors.largest, 0);
        EXPECT_LE(errors.worst_share, 1);
        EXPECT_GT(errors.worst_share, 0.9);
      }
    }
  }
}

TEST(MeasureAttentionTest, ErrorsAreInUnitsOfTheTerms) {
  for (const auto& [result, op] :
       {std::pair(Role::kLse, ASSAY_ATTENTION), std::pair(Role::kDv, ASSAY_ATTENTION_BACKWARD)}) {
    const AttentionTable table = MeasureShort(OffBy(6, result, OfTerms(12)), op);
    EXPECT_TRUE(table.Holds("it"));
    const auto& at = GroupOf(table, result).lines.front().at;
    for (const AttentionErrors& errors : at) {
      EXPECT_NEAR(errors.largest, 7, 1);  // rounded twice
      EXPECT_NEAR(errors.Rms(), 6, 1);
    }
    EXPECT_NEAR(at[0].worst_share, 0.55, 0.06);
  }
}

TEST(MeasureAttentionTest, AClaimThatIsBrokenDoesNotHold) {
  const AttentionTable table = MeasureShort(OffBy(6, Role::kLse, OfTerms(3)));
  EXPECT_FALSE(table.Holds("it"));
  EXPECT_GT(GroupOf(table, Role::kLse).lines.front().at[0].broken, 0U);
  EXPECT_GT(GroupOf(table, Role::kLse).lines.front().at[0].worst_share, 1);
  EXPECT_EQ(GroupOf(table, Role::kOut).lines.front().at[0].broken, 0U);
}

TEST(MeasureAttentionTest, ANaNIsInfinitelyWrong) {
  auto subject = std::make_unique<AttentionOracle>(
      AttentionOracle::Ask(), [](const Case&, Role, Array* values) { values->Set(5, std::nan("")); });
  const AttentionTable table = MeasureShort(std::move(subject));
  EXPECT_FALSE(table.Holds("it"));
  EXPECT_TRUE(std::isinf(GroupOf(table, Role::kOut).lines.front().at[1].largest));
}

TEST(MeasureAttentionTest, ACallThatFailsIsSaid) {
  struct Crashing : AttentionOracle {
    subjects::RunResult Run(const Case&, const subjects::RunOptions&) override {
      subjects::RunResult result;
      result.outcome = subjects::Outcome::kCrashed;
      result.detail = "SIGSEGV somewhere";
      return result;
    }
  };
  const AttentionTable table = MeasureShort(std::make_unique<Crashing>());
  EXPECT_FALSE(table.Holds("it"));
  EXPECT_NE(AttentionClaimsText(table).find("SIGSEGV somewhere"), std::string::npos);
  EXPECT_NE(AttentionClaimsMarkdown(table).find("SIGSEGV somewhere"), std::string::npos);
}

TEST(MeasureAttentionTest, WhoHasNoLseIsMeasuredWithout) {
  struct WithoutLse : AttentionOracle {
    WithoutLse() : declared_(AttentionOracle::info()) {
      declared_.For(ASSAY_ATTENTION).features &= ~std::uint64_t{ASSAY_FEATURE_LSE};
    }
    const subjects::SubjectInfo& info() const override { return declared_; }
    subjects::SubjectInfo declared_;
  };
  const AttentionTable table = MeasureShort(std::make_unique<WithoutLse>());
  ASSERT_EQ(table.groups.size(), 2U);
  for (const AttentionGroup& group : table.groups) EXPECT_EQ(group.result, Role::kOut);
}

AttentionTable KnownTable() {
  AttentionTable table;
  table.subjects = {"ours", "peer", "worse"};
  table.claims = {"1 ULP", "none", "none"};
  AttentionGroup group;
  group.shape = {2, 128, 256, 64, true};
  const auto errors = [](double largest, double rms, double share) {
    AttentionErrors e;
    e.largest = largest;
    e.sum_of_squares = 4 * rms * rms;
    e.results = 4;
    e.worst_share = share;
    e.broken = share > 1 ? 1 : 0;
    return e;
  };
  group.nearest = {"nearest", false, {errors(0.5, 0.25, 0), errors(0.5, 0.25, 0), errors(0.5, 0.25, 0)}, ""};
  group.lines = {{"ours", false, {errors(2, 0.5, 0.25), errors(20, 2, 0.5), errors(1234, 100, 1.5)}, ""},
                 {"peer", true, {errors(4, 2, 0.125), errors(10, 2, 0.125), errors(5000, 50, 0.125)}, ""},
                 {"worse", true, {errors(8, 1, 0.125), errors(80, 8, 0.125), errors(2468, 200, 0.125)}, ""}};
  table.groups = {group};
  return table;
}

TEST(AttentionClaimsTextTest, ShowsSharesOfTheBoundAndOfTheBestPeer) {
  EXPECT_EQ(*KnownTable().groups[0].BestPeer(0, LargestOf), 4);
  EXPECT_EQ(*KnownTable().groups[0].BestPeer(2, LargestOf), 2468);
  const std::string text = AttentionClaimsText(KnownTable());
  for (
      const char* part :
      {"out, 2 heads 128x256 d 64, causal\n",
       "  nearest                      4 |      0.5  0.12    0.25  0.25        |      0.5  0.05    0.25  0.12        |",
       "  ours                         4 |        2  0.50     0.5  0.50  0.250 |       20  2.00       2  1.00  0.500 | "
       "1.23e+03  0.50     100  2.00  1.500\n"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\nin\n" << text;
  }
  const std::string md = AttentionClaimsMarkdown(KnownTable());
  for (const char* part :
       {"- `ours` claims 1 ULP\n", "| out | 2 heads 128x256 d 64, causal | nearest | 4 | 0.5 | 0.12 | 0.25 | 0.25 |  |",
        "| out | 2 heads 128x256 d 64, causal | `ours` | 4 | 2 | 0.50 | 0.5 | 0.50 | 0.250 | 20 | 2.00 | 2 | 1.00 "
        "| "}) {
    EXPECT_NE(md.find(part), std::string::npos) << part << "\nin\n" << md;
  }
}

TEST(AttentionRowsOfTest, TakesAllShapesOfAResultTogether) {
  AttentionTable table = KnownTable();
  table.groups.push_back(table.groups[0]);
  AttentionErrors& longer = table.groups[1].lines[0].at[1];
  longer.largest = 200;
  longer.results = 12;
  longer.sum_of_squares = 12 * 36;  // with 4 of 2 * 2: 448 of 16
  longer.worst_share = 0.75;
  table.groups[1].nearest.at[1].largest = 0.75;
  const auto rows = AttentionRowsOf(table, [](const std::string& name) { return "kind of " + name; });
  ASSERT_EQ(rows.size(), 9U);  // three subjects at three spreads
  const reports::AttentionRow& row = rows[1];
  EXPECT_EQ(row.subject, "ours");
  EXPECT_EQ(row.kind, "kind of ours");
  EXPECT_EQ(row.op, "attention");
  EXPECT_EQ(row.result, "out");
  EXPECT_EQ(row.spread, 16);
  EXPECT_EQ(row.results, 16U);
  EXPECT_EQ(row.largest, 200);
  EXPECT_EQ(row.rms, std::sqrt(28.0));
  EXPECT_EQ(row.nearest, 0.75);
  EXPECT_EQ(row.share, 0.75);
  EXPECT_EQ(row.claim, "1 ULP");
  EXPECT_TRUE(row.holds);
  EXPECT_FALSE(rows[2].holds);
  table.groups[1].lines[1].failure = "exit(3)";
  EXPECT_EQ(AttentionRowsOf(table, [](const std::string&) { return ""; })[4].failure, "exit(3)");
  EXPECT_FALSE(AttentionRowsOf(table, [](const std::string&) { return ""; })[4].holds);
}

TEST(AttentionClaimsTextTest, WithoutPeersSaysNothingOfThem) {
  AttentionTable table = KnownTable();
  table.groups[0].lines.resize(1);
  EXPECT_FALSE(table.groups[0].BestPeer(0, LargestOf).has_value());
  EXPECT_NE(AttentionClaimsMarkdown(table).find("| 2 |  | 0.5 |  | 0.250 | 20 |"), std::string::npos);
}

}  // namespace
}  // namespace assay::cli
