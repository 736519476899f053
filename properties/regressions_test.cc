// SPDX-License-Identifier: Apache-2.0
//
// Replays the case files of regressions/ without any engine: each is violated by the built-in subject it is named
// after, where there is one, and holds on ours, on every target that has the operation, and on the reference.

#include <gtest/gtest.h>

#include <filesystem>

#include "properties/property.h"
#include "subjects/case_io.h"
#include "subjects/registry.h"

namespace assay::properties {
namespace {

using subjects::Kind;

Judgement JudgeOn(const std::string& name, const subjects::Case& c) {
  const auto subject = subjects::Open(name);
  Context context{*subject, oracle::Tier::kReferee};
  return Judge(*FindProperty(c.property), c, context);
}

// Faults that depend on the calls before or on timing need not show at once: right for the first calls, a race.
bool ShowsWithin(int times, const std::string& name, const subjects::Case& c) {
  const auto subject = subjects::Open(name);
  Context context{*subject, oracle::Tier::kReferee};
  for (int i = 0; i < times; ++i) {
    if (Judge(*FindProperty(c.property), c, context).verdict == Verdict::kViolated) return true;
  }
  return false;
}

TEST(RegressionsTest, HoldOnWhatIsRightAndAreViolatedByTheFaultTheyAreNamedAfter) {
  std::size_t replayed = 0;
  for (const auto& entry : std::filesystem::directory_iterator(ASSAY_REGRESSIONS)) {
    if (entry.path().extension() != ".json") continue;
    const subjects::Case c = subjects::ReadCase(entry.path());
    const Property* property = FindProperty(c.property);
    if (property == nullptr) {
      ADD_FAILURE() << entry.path() << " names no law of the catalogue: " << c.property;
      continue;
    }
    EXPECT_TRUE(subjects::SameBits(c, property->fit(c))) << entry.path() << " is outside the law's domain";
    for (const subjects::BuiltIn& built_in : subjects::BuiltIns()) {
      if (built_in.kind != Kind::kOurs && built_in.name != "scalar") continue;
      const Judgement judgement = JudgeOn(built_in.name, c);
      const bool lacks = built_in.kind == Kind::kOurs && judgement.verdict == Verdict::kNotApplicable;
      EXPECT_TRUE(lacks || judgement.verdict == Verdict::kHolds)
          << entry.path() << ", " << built_in.name << ": " << judgement.reason;
    }
    if (subjects::FindBuiltIn(entry.path().stem().string()) != nullptr) {
      EXPECT_TRUE(ShowsWithin(300, entry.path().stem().string(), c)) << entry.path();
    }
    ++replayed;
  }
  for (const subjects::BuiltIn& built_in : subjects::BuiltIns()) {
    const Property* property = FindProperty(built_in.breaks);
    if (property == nullptr || property->nightly) continue;
    const auto file = std::filesystem::path(ASSAY_REGRESSIONS) / (built_in.name + ".json");
    EXPECT_TRUE(std::filesystem::exists(file)) << "no case shows the fault of " << built_in.name;
  }
  EXPECT_GT(replayed, 0u);
}

}  // namespace
}  // namespace assay::properties
