// SPDX-License-Identifier: Apache-2.0
//
// The engine itself, on a law and a subject made for it: what it collects, what it gives up, and that the results of
// any number of shards merge into those of one run.

#include "properties/engine/engine.h"

#include <gtest/gtest.h>

#include <set>

#include "properties/engine/power.h"

namespace assay::properties {
namespace {

using subjects::Case;

// A kernel of softmax and sigmoid that answers zeros, crashes on three columns and hangs on five.
class Fragile : public subjects::Subject {
 public:
  Fragile() {
    for (const assay_op op : {ASSAY_SOFTMAX, ASSAY_SIGMOID}) {
      info_.For(op).implemented = true;
      info_.For(op).dtypes = 1 << ASSAY_F32 | 1 << ASSAY_F16;
      info_.For(op).features = ASSAY_FEATURES_ALL;
    }
  }
  const subjects::SubjectInfo& info() const override { return info_; }
  subjects::RunResult Run(const Case& c, const subjects::RunOptions&) override {
    ++calls;
    subjects::RunResult result;
    if (crashes && c.op == ASSAY_SOFTMAX && c.cols % 16 == 3) {
      result.outcome = subjects::Outcome::kCrashed;
      result.detail = "SIGSEGV reading " + std::to_string(calls) + " bytes past the end of logits";
    }
    return result;
  }
  bool crashes = true;
  int calls = 0;

 private:
  subjects::SubjectInfo info_;
};

Case Same(Case c) { return c; }

// Long rows are wrong, by as much as they are long; a crash is a violation like any other.
Judgement CheckLength(const Case& c, Context& context) {
  const subjects::RunResult result = context.subject.Run(c, {});
  if (result.outcome != subjects::Outcome::kReturned) {
    return {Verdict::kViolated, result.detail, 100, std::nullopt};
  }
  if (c.cols < 6) return {Verdict::kHolds, "", static_cast<double>(c.cols) / 6, std::nullopt};
  if (c.in_place) return {Verdict::kUndecided, "in place " + std::to_string(c.cols), 0, std::nullopt};
  return {Verdict::kViolated, "too long", static_cast<double>(c.cols), std::nullopt};
}
constexpr Property kShort = {
    "short", Group::kRow, Of(ASSAY_SOFTMAX) | Of(ASSAY_SIGMOID) | Of(ASSAY_LOGSUMEXP), "Rows are short.", "long rows",
    Same,    CheckLength};

EngineOptions Options(std::uint64_t cases) {
  EngineOptions options;
  options.seed = 20261121;
  options.cases = cases;
  return options;
}

void ExpectSameFindings(const PropertyResult& a, const PropertyResult& b) {
  ASSERT_EQ(a.findings.size(), b.findings.size());
  for (std::size_t i = 0; i < a.findings.size(); ++i) {
    const Finding& x = a.findings[i];
    const Finding& y = b.findings[i];
    EXPECT_EQ(x.index, y.index);
    EXPECT_TRUE(subjects::SameBits(x.minimal, y.minimal));
    EXPECT_TRUE(subjects::SameBits(x.worst, y.worst));
    EXPECT_EQ(x.minimal.origin, y.minimal.origin);
    EXPECT_EQ(x.worst_judgement.severity, y.worst_judgement.severity);
  }
  EXPECT_EQ(a.deaths.size(), b.deaths.size());
}

std::vector<PropertyResult> Shards(std::uint64_t num_shards, std::uint64_t cases, bool crashes) {
  std::vector<PropertyResult> shards;
  for (std::uint64_t shard = 0; shard < num_shards; ++shard) {
    Fragile subject;
    subject.crashes = crashes;
    EngineOptions options = Options(cases);
    options.shard = shard;
    options.num_shards = num_shards;
    shards.push_back(RunProperty(kShort, subject, options));
  }
  return shards;
}

TEST(EngineTest, AnyNumberOfShardsFindsWhatOneRunFinds) {
  for (const bool crashes : {false, true}) {
    const PropertyResult one = Shards(1, 300, crashes).front();
    EXPECT_GE(one.findings.size(), 3u);
    for (const std::uint64_t n : {2, 3, 7, 64, 400}) {
      PropertyResult merged;
      for (const PropertyResult& shard : Shards(n, 300, crashes)) merged = Merge(merged, shard);
      ExpectSameFindings(one, merged);
      EXPECT_EQ(merged.cases + merged.quarantined, 300u);
      if (crashes) continue;
      EXPECT_EQ(merged.cases, one.cases);
      EXPECT_EQ(merged.violated, one.violated);
      EXPECT_EQ(merged.doubt, one.doubt);
      EXPECT_EQ(merged.tallies, one.tallies);
    }
  }
}

TEST(EngineTest, MergingIsAssociativeAndCommutative) {
  const std::vector<PropertyResult> s = Shards(3, 300, true);
  const PropertyResult left = Merge(Merge(s[0], s[1]), s[2]);
  const PropertyResult right = Merge(s[0], Merge(s[1], s[2]));
  const PropertyResult turned = Merge(Merge(s[2], s[0]), s[1]);
  for (const PropertyResult& other : {right, turned}) {
    ExpectSameFindings(left, other);
    EXPECT_EQ(left.deaths, other.deaths);
    EXPECT_EQ(left.tallies, other.tallies);
    EXPECT_EQ(left.doubt, other.doubt);
    EXPECT_EQ(left.cases, other.cases);
  }
}

TEST(EngineTest, QuarantinesAnOperationThatKeepsCrashingTheSameWay) {
  Fragile subject;
  const PropertyResult result = RunProperty(kShort, subject, Options(1000));
  ASSERT_EQ(result.deaths.size(), kQuarantineAfter);
  for (const Death& death : result.deaths) {
    EXPECT_EQ(death.op, ASSAY_SOFTMAX);
    EXPECT_EQ(death.how, "SIGSEGV reading N bytes past the end of logits");
  }
  EXPECT_GT(result.quarantined, 0u);
  EXPECT_EQ(result.cases + result.quarantined, 1000u);
  std::uint64_t sigmoid = 0;
  for (const Tally& tally : result.tallies[ASSAY_SIGMOID]) sigmoid += tally.cases;
  EXPECT_EQ(sigmoid, 500u) << "the other operation goes on";
}

TEST(EngineTest, CollectsDistinctFindingsOfEveryOperationAndKeepsGoing) {
  Fragile subject;
  subject.crashes = false;
  const PropertyResult result = RunProperty(kShort, subject, Options(300));
  EXPECT_EQ(result.cases, 300u);
  EXPECT_GT(result.violated, 100u);
  EXPECT_EQ(result.holds + result.violated + result.undecided, 300u);
  std::size_t softmax = 0;
  for (const Finding& finding : result.findings) {
    softmax += finding.minimal.op == ASSAY_SOFTMAX ? 1 : 0;
    EXPECT_EQ(finding.minimal.cols, 6u) << "shrunk badly";
    EXPECT_EQ(finding.minimal_judgement.severity, 6);
    EXPECT_GE(finding.worst_judgement.severity, finding.minimal_judgement.severity);
    EXPECT_EQ(finding.minimal.property, "short");
  }
  EXPECT_LE(softmax, 2u);
  EXPECT_GE(softmax, 1u);
  EXPECT_LT(softmax, result.findings.size());
}

TEST(EngineTest, TalliesEveryOperationAndDtype) {
  Fragile subject;
  subject.crashes = false;
  const PropertyResult result = RunProperty(kShort, subject, Options(400));
  for (const assay_op op : {ASSAY_SOFTMAX, ASSAY_SIGMOID}) {
    for (const assay_dtype dtype : {ASSAY_F32, ASSAY_F16}) {
      const Tally& tally = result.tallies[op][dtype];
      EXPECT_EQ(tally.cases, 100u);
      EXPECT_GT(tally.holds, 0u);
      EXPECT_GE(tally.severity, 100);
    }
    EXPECT_EQ(result.tallies[op][ASSAY_F64].cases, 0u);
  }
}

TEST(EngineTest, SaysWhyNothingWasRun) {
  Fragile subject;
  EngineOptions options = Options(10);
  options.ops = Of(ASSAY_LOGSUMEXP);
  const PropertyResult result = RunProperty(kShort, subject, options);
  EXPECT_EQ(result.cases, 0u);
  EXPECT_FALSE(result.skip_reason.empty());
  EXPECT_EQ(subject.calls, 0);
}

TEST(EngineTest, ShrinksAViolationThatAnotherEngineFound) {
  Fragile subject;
  subject.crashes = false;
  Case c = subjects::MakeCase(ASSAY_SIGMOID, ASSAY_F16, 2, 21);
  c.temperature = 0.7;
  const Finding finding = Shrink(kShort, subject, Prepare(kShort, c, subject.info()), Options(1));
  EXPECT_EQ(finding.minimal_judgement.verdict, Verdict::kViolated);
  EXPECT_EQ(finding.minimal.rows, 1u);
  EXPECT_EQ(finding.minimal.cols, 6u);
  EXPECT_EQ(finding.minimal.temperature, 1);
}

TEST(EngineTest, StopsWhenItsTimeIsUp) {
  Fragile subject;
  subject.crashes = false;
  EngineOptions options = Options(1'000'000'000);
  options.seconds = 0.05;
  const PropertyResult result = RunProperty(kShort, subject, options);
  EXPECT_TRUE(result.ran_out_of_time);
  EXPECT_LT(result.cases, 1'000'000u);
}

TEST(PowerTest, IsTheNumberOfCasesThatShowsTheFaultNineteenTimesInTwenty) {
  Fragile subject;
  subject.crashes = false;
  const Power power = DetectionPower(kShort, subject, 1, 400);
  EXPECT_EQ(power.cases, 400u);
  EXPECT_GT(power.violated, 40u);
  const double missed = 1 - power.per_case;
  double all_missed = 1;
  for (std::uint64_t i = 0; i < power.for_95_percent; ++i) all_missed *= missed;
  EXPECT_LE(all_missed, 0.05);
  EXPECT_GT(all_missed / missed, 0.05);
  EXPECT_EQ(PowerText({400, 0, 0, 0}), "> 400");
}

}  // namespace
}  // namespace assay::properties
