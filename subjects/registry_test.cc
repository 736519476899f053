// SPDX-License-Identifier: Apache-2.0

#include "subjects/registry.h"

#include <gtest/gtest.h>

#include <set>

#include "subjects/subject.h"

namespace assay::subjects {
namespace {

TEST(RegistryTest, NamesAreUniqueAndSpeakable) {
  std::set<std::string> names;
  for (const BuiltIn& built_in : BuiltIns()) {
    EXPECT_TRUE(names.insert(built_in.name).second) << built_in.name;
    EXPECT_EQ(built_in.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-"), std::string::npos);
    EXPECT_EQ(FindBuiltIn(built_in.name), &built_in);
  }
  EXPECT_EQ(FindBuiltIn("no_such"), nullptr);
}

TEST(RegistryTest, OursComeFirstOnePerTarget) {
  const auto& all = BuiltIns();
  ASSERT_GT(all.size(), assay_num_targets());
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(all[i].kind == Kind::kOurs, i < ASSAY_NUM_TIERS * assay_num_targets()) << all[i].name;
  }
  EXPECT_EQ(FindBuiltIn("assay"), &all.front());
  EXPECT_EQ(all.front().table, assay_target_subject(0, ASSAY_TIER_EXACT));
}

TEST(RegistryTest, WhatMustFailSaysByWhichLawAndWhere) {
  for (const BuiltIn& built_in : BuiltIns()) {
    const bool must_fail = built_in.kind != Kind::kOurs && built_in.kind != Kind::kReference;
    EXPECT_EQ(built_in.breaks.empty(), !must_fail) << built_in.name;
    EXPECT_TRUE(InProcess(*built_in.table)->info().Has(built_in.op, built_in.dtype)) << built_in.name;
  }
}

TEST(RegistryTest, ReferencesHaveEveryOperationAndType) {
  for (const char* name : {"scalar", "textbook"}) {
    const auto subject = InProcess(*FindBuiltIn(name)->table);
    for (int op = 0; op < ASSAY_NUM_ROW_OPS; ++op) {
      for (int dtype = 0; dtype < ASSAY_NUM_DTYPES; ++dtype) {
        EXPECT_TRUE(subject->info().Has(static_cast<assay_op>(op), static_cast<assay_dtype>(dtype)));
      }
      EXPECT_EQ(subject->info().For(static_cast<assay_op>(op)).features, std::uint64_t{ASSAY_FEATURES_ALL});
    }
  }
}

}  // namespace
}  // namespace assay::subjects
