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
    EXPECT_EQ(all[i].kind == Kind::kOurs, i < assay_num_targets()) << all[i].name;
  }
  EXPECT_EQ(FindBuiltIn("assay"), &all.front());
  EXPECT_EQ(all.front().table, assay_target_subject(0));
}

TEST(RegistryTest, WhatMustFailSaysByWhichLaw) {
  std::set<std::string> laws;
  std::size_t faulty = 0;
  for (const BuiltIn& built_in : BuiltIns()) {
    const bool must_fail = built_in.kind == Kind::kControl || built_in.kind == Kind::kFaulty;
    EXPECT_EQ(built_in.breaks.empty(), !must_fail) << built_in.name;
    if (built_in.kind != Kind::kFaulty) continue;
    ++faulty;
    EXPECT_TRUE(laws.insert(built_in.breaks).second) << built_in.breaks << " has two faulty subjects";
  }
  EXPECT_EQ(faulty, 19);
}

TEST(RegistryTest, EveryTableIsOneWeWouldAccept) {
  for (const BuiltIn& built_in : BuiltIns()) EXPECT_TRUE(InProcess(*built_in.table)->info().has_softmax);
}

}  // namespace
}  // namespace assay::subjects
