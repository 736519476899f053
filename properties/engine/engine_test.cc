// SPDX-License-Identifier: Apache-2.0
//
// Verifies the verifier: each law rejects the faulty subject written for it, the controls fail by the law each is
// there to break, and what is right passes everything.

#include "properties/engine/engine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "subjects/case_io.h"
#include "subjects/registry.h"

namespace assay::subjects {
// How GoogleTest shows a parameter.
void PrintTo(const BuiltIn& built_in, std::ostream* out) { *out << built_in.name; }
}  // namespace assay::subjects

namespace assay::properties {

void PrintTo(const Property& property, std::ostream* out) { *out << property.name; }

namespace {

using subjects::BuiltIn;
using subjects::Kind;

EngineOptions Options(std::uint64_t cases) {
  EngineOptions options;
  options.seed = 20261121;
  options.cases = cases;
  return options;
}

std::vector<BuiltIn> BuiltInsOf(std::initializer_list<Kind> kinds) {
  std::vector<BuiltIn> chosen;
  for (const BuiltIn& built_in : subjects::BuiltIns()) {
    if (std::find(kinds.begin(), kinds.end(), built_in.kind) != kinds.end()) chosen.push_back(built_in);
  }
  return chosen;
}

std::string NameOf(const BuiltIn& built_in) {
  std::string name = built_in.name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

class WrongSubject : public testing::TestWithParam<BuiltIn> {};

TEST_P(WrongSubject, IsRejectedByItsLaw) {
  const BuiltIn& built_in = GetParam();
  const Property* property = FindProperty(built_in.breaks);
  ASSERT_NE(property, nullptr) << built_in.name << " names no law: " << built_in.breaks;
  const auto subject = subjects::Open(built_in.name);
  EngineOptions options = Options(400);
  options.max_findings = 1;
  const PropertyResult result = RunProperty(*property, *subject, options);
  ASSERT_GT(result.violated, 0u) << built_in.name << " passes " << property->name;
  ASSERT_FALSE(result.findings.empty());
  const Finding& finding = result.findings.front();
  std::printf("%s: %llu of %llu cases; minimal: %s\n", property->name, static_cast<unsigned long long>(result.violated),
              static_cast<unsigned long long>(result.cases), subjects::Summary(finding.minimal).c_str());
  EXPECT_GE(finding.worst_judgement.severity, finding.minimal_judgement.severity);
  EXPECT_LE(finding.minimal.logits.size(), 40u) << "shrunk badly";

  // What is written to the case file violates the law again, for the same reason.
  const auto file = std::filesystem::temp_directory_path() / ("assay-engine-test-" + built_in.name + ".json");
  subjects::WriteCase(file, finding.minimal);
  Context context{*subject};
  const Judgement again = Judge(*property, subjects::ReadCase(file), context);
  EXPECT_EQ(again.verdict, Verdict::kViolated);
  EXPECT_EQ(again.reason, finding.minimal_judgement.reason);
  std::filesystem::remove(file);
}

INSTANTIATE_TEST_SUITE_P(Faulty, WrongSubject, testing::ValuesIn(BuiltInsOf({Kind::kFaulty})),
                         [](const auto& test) { return NameOf(test.param); });
INSTANTIATE_TEST_SUITE_P(Control, WrongSubject, testing::ValuesIn(BuiltInsOf({Kind::kControl})),
                         [](const auto& test) { return NameOf(test.param); });

class Law : public testing::TestWithParam<Property> {};

TEST_P(Law, HoldsOnEveryRightSubject) {
  const Property& property = GetParam();
  for (const BuiltIn& built_in : BuiltInsOf({Kind::kOurs, Kind::kReference})) {
    const auto subject = subjects::Open(built_in.name);
    const PropertyResult result = RunProperty(property, *subject, Options(400));
    EXPECT_EQ(result.violated, 0u) << built_in.name << ": "
                                   << (result.findings.empty() ? "" : result.findings.front().minimal_judgement.reason);
    EXPECT_EQ(result.undecided, 0u) << built_in.name << ": " << result.doubt;
    EXPECT_EQ(result.not_applicable, 0u) << built_in.name << ": " << result.skip_reason;
    EXPECT_EQ(result.holds, result.cases);
  }
}

INSTANTIATE_TEST_SUITE_P(Catalogue, Law, testing::ValuesIn(Catalogue().begin(), Catalogue().end()),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(EngineTest, EveryLawHasAFaultySubject) {
  const auto faulty = BuiltInsOf({Kind::kFaulty});
  for (const Property& property : Catalogue()) {
    EXPECT_TRUE(std::any_of(faulty.begin(), faulty.end(), [&](const BuiltIn& b) { return b.breaks == property.name; }))
        << property.name;
  }
}

TEST(EngineTest, ShrinksAViolationThatAnotherEngineFound) {
  const auto subject = subjects::Open("drops_tail");
  const Property& property = *FindProperty("all_written");
  subjects::Case c;
  c.rows = 2;
  c.cols = 21;
  c.logits.assign(42, 1.5f);
  c = Prepare(property, c, subject->info());
  const Finding finding = Shrink(property, *subject, c, Options(1));
  EXPECT_EQ(finding.minimal_judgement.verdict, Verdict::kViolated);
  EXPECT_EQ(finding.minimal.rows, 1u);
  EXPECT_EQ(finding.minimal.cols, 1u);
}

TEST(EngineTest, CollectsDistinctFindingsAndKeepsGoing) {
  const auto subject = subjects::Open("rounded_shift");
  EngineOptions options = Options(60);
  options.max_findings = 2;
  options.shrink_attempts = 50;
  const PropertyResult result = RunProperty(*FindProperty("accuracy"), *subject, options);
  EXPECT_EQ(result.cases, 60u);
  EXPECT_GT(result.violated, 2u);
  EXPECT_EQ(result.findings.size(), 2u);
}

TEST(EngineTest, StopsWhenItsTimeIsUp) {
  const auto subject = subjects::Open("scalar");
  EngineOptions options = Options(1'000'000'000);
  options.seconds = 0.05;
  EXPECT_LT(RunProperty(*FindProperty("simplex"), *subject, options).cases, 1'000'000u);
}

}  // namespace
}  // namespace assay::properties
