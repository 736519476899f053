// SPDX-License-Identifier: Apache-2.0
//
// Verifies the verifier: every faulty subject is rejected by the law named for it within the cases of a CI run, every
// control and cheater too, and what is right passes every law.

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "properties/engine/engine.h"
#include "properties/engine/generator.h"
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
using subjects::Case;
using subjects::Kind;

constexpr std::uint64_t kCiCases = 1000;  // for each law, as `assay check` has it
constexpr std::uint64_t kCiSeed = 1;

std::vector<BuiltIn> Wrong() {
  std::vector<BuiltIn> chosen;
  for (const BuiltIn& built_in : subjects::BuiltIns()) {
    if (built_in.kind != Kind::kOurs && built_in.kind != Kind::kReference) chosen.push_back(built_in);
  }
  return chosen;
}

std::string NameOf(std::string name) {
  std::replace_if(
      name.begin(), name.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
}

class WrongSubject : public testing::TestWithParam<BuiltIn> {};

TEST_P(WrongSubject, IsRejectedByItsLaw) {
  const BuiltIn& built_in = GetParam();
  const Property* property = FindProperty(built_in.breaks);
  ASSERT_NE(property, nullptr) << built_in.name << " names no law: " << built_in.breaks;
  // Gigabytes of memory, or minutes: not here.
  if (property->nightly) GTEST_SKIP() << property->name << " runs in the nightly checks";
  ASSERT_TRUE((property->ops & Of(built_in.op)) != 0) << property->name << " does not speak about the operation";
  const auto subject = subjects::Open(built_in.name);
  Context context{*subject};
  for (std::uint64_t i = 0; i < kCiCases; ++i) {
    const auto choice = ChoiceAt(*property, subject->info(), kAllOps, i);
    ASSERT_TRUE(choice.has_value());
    if (choice->op != built_in.op || choice->dtype != built_in.dtype) continue;
    const Case c = CaseAt(*property, subject->info(), kCiSeed, i);
    const Judgement judgement = Judge(*property, c, context);
    if (judgement.verdict != Verdict::kViolated) continue;
    std::printf("%s: case %llu of %s: %s\n", built_in.name.c_str(), static_cast<unsigned long long>(i), property->name,
                judgement.reason.c_str());

    // What is written to a case file violates the law again, for the same reason.
    const auto file = std::filesystem::temp_directory_path() /
                      ("assay-faulty-test-" + NameOf(built_in.name) + std::to_string(::getpid()) + ".json");
    subjects::WriteCase(file, c);
    const Judgement again = Judge(*property, subjects::ReadCase(file), context);
    std::filesystem::remove(file);
    std::filesystem::remove(std::filesystem::path(file).replace_extension(".bin"));
    EXPECT_EQ(again.verdict, Verdict::kViolated) << "does not show again: " << again.reason;
    return;
  }
  FAIL() << built_in.name << " passes " << property->name;
}

INSTANTIATE_TEST_SUITE_P(BuiltIn, WrongSubject, testing::ValuesIn(Wrong()),
                         [](const auto& test) { return NameOf(test.param.name); });

class RightSubjects : public testing::TestWithParam<Property> {};

TEST_P(RightSubjects, PassTheLaw) {
  const Property& property = GetParam();
  if (property.nightly) GTEST_SKIP() << "runs in the nightly checks";
  for (const char* name : {"assay", "scalar", "textbook"}) {
    const auto subject = subjects::Open(name);
    if (!Speaks(property, subject->info())) continue;
    EngineOptions options;
    options.seed = 20261121;
    options.cases = 240;
    options.max_findings = 1;
    options.shrink_attempts = 200;
    const PropertyResult result = RunProperty(property, *subject, options);
    EXPECT_EQ(result.violated, 0u) << name;
    for (const Finding& finding : result.findings) {
      ADD_FAILURE() << name << ": " << finding.minimal_judgement.reason << "\n"
                    << subjects::Summary(finding.minimal) << "\nfrom index " << finding.index;
    }
    EXPECT_EQ(result.undecided, 0u) << name << ": " << result.doubt;
  }
}

INSTANTIATE_TEST_SUITE_P(Catalogue, RightSubjects, testing::ValuesIn(Catalogue().begin(), Catalogue().end()),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(CatalogueTest, EveryLawHasASubjectThatBreaksIt) {
  const std::vector<BuiltIn> wrong = Wrong();
  for (const Property& property : Catalogue()) {
    if (property.nightly) continue;
    EXPECT_TRUE(std::any_of(wrong.begin(), wrong.end(), [&](const BuiltIn& b) { return b.breaks == property.name; }))
        << property.name;
  }
}

TEST(CatalogueTest, NamesAreUniqueAndEveryLawSpeaksAboutSomething) {
  const auto laws = Catalogue();
  for (const Property& property : laws) {
    EXPECT_EQ(FindProperty(property.name), &property) << property.name << " is there twice";
    EXPECT_NE(property.ops & kAllOps, 0u) << property.name;
  }
}

}  // namespace
}  // namespace assay::properties
