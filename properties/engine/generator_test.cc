// SPDX-License-Identifier: Apache-2.0
//
// Do the generators reach what they are there to reach, and do the laws' domains keep their word?

#include "properties/engine/generator.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <map>
#include <set>

#include "properties/engine/engine.h"
#include "properties/shrink.h"

namespace assay::properties {
namespace {

using subjects::Case;

// A subject that supports everything.
subjects::SubjectInfo Everything() {
  subjects::SubjectInfo info;
  info.features = ASSAY_FEATURES_ALL;
  info.has_softmax = true;
  return info;
}

// A law that speaks about every case, so that the raw generator shows.
Case Same(Case c) { return c; }
Judgement Holds(const Case&, Context&) { return {}; }
constexpr Property kAnything = {"anything", "Anything goes.", "nothing", Same, Holds};

std::vector<Case> Many(std::uint64_t count) {
  const subjects::SubjectInfo info = Everything();
  std::vector<Case> cases;
  for (std::uint64_t i = 0; i < count; ++i) cases.push_back(CaseAt(kAnything, info, 7, i));
  return cases;
}

TEST(GeneratorTest, IsAPureFunctionOfSeedPropertyAndIndex) {
  const subjects::SubjectInfo info = Everything();
  for (std::uint64_t i = 0; i < 50; ++i) {
    EXPECT_TRUE(subjects::SameBits(CaseAt(kAnything, info, 7, i), CaseAt(kAnything, info, 7, i)));
    EXPECT_FALSE(subjects::SameBits(CaseAt(kAnything, info, 7, i), CaseAt(kAnything, info, 8, i)) &&
                 subjects::SameBits(CaseAt(kAnything, info, 7, i + 1), CaseAt(kAnything, info, 8, i + 1)));
  }
}

TEST(GeneratorTest, ReachesEverySpecialFloatAndNeighboursByOneUlp) {
  std::map<std::string, int> seen;
  for (const Case& c : Many(3000)) {
    for (std::size_t i = 0; i < c.logits.size(); ++i) {
      const float x = c.logits[i];
      if (std::isnan(x)) ++seen["nan"];
      if (std::isinf(x)) ++seen[x > 0 ? "+inf" : "-inf"];
      if (std::fpclassify(x) == FP_SUBNORMAL) ++seen["subnormal"];
      if (x == 0) ++seen[std::signbit(x) ? "-0" : "+0"];
      if (std::fabs(x) > 1e30f) ++seen["huge"];
      const bool same_row = i % c.cols != 0;
      if (same_row && std::bit_cast<std::uint32_t>(x) == std::bit_cast<std::uint32_t>(c.logits[i - 1]) + 1) {
        ++seen["one ULP apart"];
      }
      if (same_row && x == c.logits[i - 1]) ++seen["tie"];
    }
  }
  for (const char* what : {"nan", "+inf", "-inf", "subnormal", "-0", "+0", "huge", "one ULP apart", "tie"}) {
    EXPECT_GE(seen[what], 30) << what;
  }
}

TEST(GeneratorTest, ReachesEveryShapeSwitchAndPattern) {
  std::set<std::size_t> cols, rows;
  std::set<std::string> patterns, others;
  for (const Case& c : Many(3000)) {
    cols.insert(c.cols);
    rows.insert(c.rows);
    patterns.insert(c.origin.substr(0, c.origin.find(',')));
    if (c.has_mask) others.insert("mask");
    if (c.in_place) others.insert("in place");
    if (c.logits_gap > 0) others.insert("logits gap");
    if (c.probs_gap > 0) others.insert("probs gap");
    if (c.offset % 16 == 15) others.insert("offset 15");
    if (c.guard == subjects::Guard::kBefore) others.insert("guard before");
    if (c.empty_row == ASSAY_EMPTY_ROW_NAN) others.insert("empty NaN");
    if (c.empty_row == ASSAY_EMPTY_ROW_ZERO) others.insert("empty zero");
    if (c.temperature == 0) others.insert(std::signbit(c.temperature) ? "T -0" : "T 0");
    if (std::isinf(c.temperature)) others.insert("T inf");
    if (std::isnan(c.temperature)) others.insert("T NaN");
    if (c.temperature < 0) others.insert("T < 0");
    if (std::fpclassify(c.temperature) == FP_SUBNORMAL) others.insert("T subnormal");
  }
  for (const std::size_t n : {0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 129, 1000, 6145}) {
    EXPECT_TRUE(cols.contains(n)) << n;
  }
  EXPECT_EQ(rows, (std::set<std::size_t>{0, 1, 2, 3, 5}));
  for (int p = 0; p < kPatterns; ++p) EXPECT_TRUE(patterns.contains(PatternName(static_cast<Pattern>(p))));
  EXPECT_EQ(others.size(), 14u);
}

TEST(GeneratorTest, KeepsCasesInEachLawsDomain) {
  const subjects::SubjectInfo info = Everything();
  for (const Property& property : Catalogue()) {
    for (std::uint64_t i = 0; i < 300; ++i) {
      const Case c = CaseAt(property, info, 3, i);
      ASSERT_NO_THROW(subjects::Validate(c)) << property.name << " " << i;
      ASSERT_TRUE(subjects::SameBits(c, property.fit(c))) << property.name << " " << i << ": fit is not idempotent";
      ASSERT_EQ(subjects::WhyUnsupported(info, c), "") << property.name;
    }
  }
}

TEST(GeneratorTest, ShrinksOnlyToSimplerCasesOfTheDomain) {
  const subjects::SubjectInfo info = Everything();
  for (const Property& property : Catalogue()) {
    const Case c = CaseAt(property, info, 5, 11);
    auto shrinks = WithSteps(c, property, info).shrinks();
    for (auto next = shrinks.next(); next; next = shrinks.next()) {
      const Case smaller = next->value();
      ASSERT_NO_THROW(subjects::Validate(smaller)) << property.name;
      ASSERT_TRUE(Simpler(smaller, c)) << property.name;
      ASSERT_TRUE(subjects::SameBits(smaller, property.fit(smaller))) << property.name;
    }
  }
}

}  // namespace
}  // namespace assay::properties
