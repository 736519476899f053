// SPDX-License-Identifier: Apache-2.0
//
// The list of built-in subjects.

#include "subjects/registry.h"

#include <algorithm>

#include "subjects/controls/controls.h"
#include "subjects/faulty/faulty.h"
#include "subjects/scalar/scalar.h"

namespace assay::subjects {
namespace {

std::string OurName(assay_tier tier, const char* target) {
  std::string name = tier == ASSAY_TIER_EXACT ? "assay-" : "assay-fast-";
  for (const char* letter = target; *letter != '\0'; ++letter) {
    name += *letter >= 'A' && *letter <= 'Z' ? static_cast<char>(*letter - 'A' + 'a') : *letter;
  }
  return name;
}

std::vector<BuiltIn> MakeBuiltIns() {
  std::vector<BuiltIn> all;
  for (const assay_tier tier : {ASSAY_TIER_EXACT, ASSAY_TIER_FAST}) {
    for (std::size_t i = 0; i < assay_num_targets(); ++i) {
      all.push_back({.name = OurName(tier, assay_target_name(i)),
                     .kind = Kind::kOurs,
                     .breaks = "",
                     .mechanism = "",
                     .table = assay_target_subject(i, tier)});
    }
  }
  all.push_back(Scalar());
  all.push_back(Textbook());
  for (auto& control : Controls()) all.push_back(std::move(control));
  for (auto& faulty : Faulty()) all.push_back(std::move(faulty));
  for (auto& cheater : Cheaters()) all.push_back(std::move(cheater));
  return all;
}

}  // namespace

const std::vector<BuiltIn>& BuiltIns() {
  static const std::vector<BuiltIn> all = MakeBuiltIns();
  return all;
}

const BuiltIn* FindBuiltIn(std::string_view name) {
  const std::vector<BuiltIn>& all = BuiltIns();
  if (name == "assay") return &all.front();
  if (name == "assay-fast") return &all[assay_num_targets()];
  const auto found = std::find_if(all.begin(), all.end(), [&](const BuiltIn& one) { return one.name == name; });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace assay::subjects
