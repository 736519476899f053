// SPDX-License-Identifier: Apache-2.0
//
// Verifies the verifier: each law rejects the faulty subject written for it, the controls fail by the law each is
// there to break, and what is right passes everything.

#include "properties/engine/engine.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "subjects/case_io.h"
#include "subjects/registry.h"

namespace assay::properties {
namespace {

using subjects::BuiltIn;
using subjects::Kind;

EngineOptions Options(std::uint64_t cases) {
  EngineOptions options;
  options.seed = 20261121;
  options.cases = cases;
  return options;
}

TEST(EngineTest, EachFaultySubjectAndControlIsRejectedByItsLaw) {
  std::set<std::string> laws_with_a_fault;
  for (const BuiltIn& built_in : subjects::BuiltIns()) {
    if (built_in.kind != Kind::kFaulty && built_in.kind != Kind::kControl) continue;
    const Property* property = FindProperty(built_in.breaks);
    ASSERT_NE(property, nullptr) << built_in.name << " names no law: " << built_in.breaks;
    if (built_in.kind == Kind::kFaulty) laws_with_a_fault.insert(property->name);
    const auto subject = subjects::Open(built_in.name);
    EngineOptions options = Options(400);
    options.max_findings = 1;
    const PropertyResult result = RunProperty(*property, *subject, options);
    EXPECT_GT(result.violated, 0u) << built_in.name << " passes " << property->name;
    ASSERT_FALSE(result.findings.empty()) << built_in.name;
    const Finding& finding = result.findings.front();
    std::printf("%-30s %-24s %4llu of %llu cases; minimal: %s\n", built_in.name.c_str(), property->name,
                static_cast<unsigned long long>(result.violated), static_cast<unsigned long long>(result.cases),
                subjects::Summary(finding.minimal).c_str());
    EXPECT_GE(finding.worst_judgement.severity, finding.minimal_judgement.severity);
    EXPECT_LE(finding.minimal.logits.size(), 40u) << built_in.name << " is shrunk badly";

    // What is written to the case file violates the law again, for the same reason.
    const auto file = std::filesystem::temp_directory_path() / ("assay-engine-test-" + built_in.name + ".json");
    subjects::WriteCase(file, finding.minimal);
    Context context{*subject};
    const Judgement again = Judge(*property, subjects::ReadCase(file), context);
    EXPECT_EQ(again.verdict, Verdict::kViolated) << built_in.name;
    EXPECT_EQ(again.reason, finding.minimal_judgement.reason);
    std::filesystem::remove(file);
  }
  for (const Property& property : Catalogue()) {
    EXPECT_TRUE(laws_with_a_fault.contains(property.name)) << "no faulty subject for " << property.name;
  }
}

TEST(EngineTest, WhatIsRightPassesEveryLaw) {
  for (const BuiltIn& built_in : subjects::BuiltIns()) {
    if (built_in.kind != Kind::kOurs && built_in.kind != Kind::kReference) continue;
    const auto subject = subjects::Open(built_in.name);
    for (const Property& property : Catalogue()) {
      const PropertyResult result = RunProperty(property, *subject, Options(150));
      EXPECT_EQ(result.violated, 0u) << built_in.name << " " << property.name << ": "
                                     << (result.findings.empty() ? ""
                                                                 : result.findings.front().minimal_judgement.reason);
      EXPECT_EQ(result.undecided, 0u) << built_in.name << " " << property.name << ": " << result.doubt;
      EXPECT_EQ(result.not_applicable, 0u) << built_in.name << " " << property.name << ": " << result.skip_reason;
      EXPECT_EQ(result.holds, result.cases);
    }
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
