// SPDX-License-Identifier: Apache-2.0
//
// Replays the case files of regressions/ without any engine: each is violated by the built-in subject it is named
// after, where there is one, and holds on ours, on every target.

#include <gtest/gtest.h>

#include <filesystem>

#include "properties/property.h"
#include "subjects/case_io.h"
#include "subjects/registry.h"

namespace assay::properties {
namespace {

Judgement JudgeOn(const std::string& name, const subjects::Case& c) {
  const auto subject = subjects::Open(name);
  Context context{*subject, oracle::Tier::kReferee};
  return Judge(*FindProperty(c.property), c, context);
}

TEST(RegressionsTest, HoldOnOursAndAreViolatedByTheFaultTheyAreNamedAfter) {
  std::size_t replayed = 0;
  for (const auto& entry : std::filesystem::directory_iterator(ASSAY_REGRESSIONS)) {
    if (entry.path().extension() != ".json") continue;
    const subjects::Case c = subjects::ReadCase(entry.path());
    const Property* property = FindProperty(c.property);
    ASSERT_NE(property, nullptr) << entry.path() << " names no law of the catalogue: " << c.property;
    EXPECT_TRUE(subjects::SameBits(c, property->fit(c))) << entry.path() << " is outside the law's domain";
    for (const subjects::BuiltIn& built_in : subjects::BuiltIns()) {
      if (built_in.kind == subjects::Kind::kOurs) {
        const Judgement judgement = JudgeOn(built_in.name, c);
        EXPECT_EQ(judgement.verdict, Verdict::kHolds)
            << entry.path() << ", " << built_in.name << ": " << judgement.reason;
      }
    }
    if (subjects::FindBuiltIn(entry.path().stem().string()) != nullptr) {
      EXPECT_EQ(JudgeOn(entry.path().stem().string(), c).verdict, Verdict::kViolated) << entry.path();
    }
    ++replayed;
  }
  for (const subjects::BuiltIn& built_in : subjects::BuiltIns()) {
    if (built_in.breaks.empty()) continue;
    const auto file = std::filesystem::path(ASSAY_REGRESSIONS) / (built_in.name + ".json");
    EXPECT_TRUE(std::filesystem::exists(file)) << "no case shows the fault of " << built_in.name;
  }
  EXPECT_GT(replayed, 0u);
}

}  // namespace
}  // namespace assay::properties
