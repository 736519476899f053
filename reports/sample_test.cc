// SPDX-License-Identifier: Apache-2.0

#include "reports/sample.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <set>
#include <string>

namespace assay::reports {
namespace {

std::uint64_t HashOf(const subjects::Case& c, std::uint64_t hash) {
  hash = subjects::Mix(hash ^ c.cols ^ std::bit_cast<std::uint64_t>(c.temperature));
  for (const float x : c.logits) hash = subjects::Mix(hash ^ std::bit_cast<std::uint32_t>(x));
  for (const std::uint8_t m : c.mask) hash = subjects::Mix(hash ^ m);
  return hash;
}

double RowMax(const subjects::Case& c) { return *std::max_element(c.logits.begin(), c.logits.end()); }

TEST(SampleTest, EveryMachineDrawsTheSameRows) {
  std::uint64_t hash = 0;
  for (const Family& family : Families()) {
    for (std::uint64_t index = 0; index < 14; ++index) hash = HashOf(Sample(family, 1, index), hash);
  }
  // Changes only with the families themselves. A difference on another machine or compiler is a fault.
  EXPECT_EQ(hash, 0x68EF58EA3B49A73AULL);
}

TEST(SampleTest, RowsAreAPureFunctionOfFamilySeedAndIndex) {
  for (const Family& family : Families()) {
    const subjects::Case c = Sample(family, 3, 4);
    EXPECT_TRUE(SameBits(c, Sample(family, 3, 4))) << family.name;
    EXPECT_FALSE(SameBits(c, Sample(family, 4, 4))) << family.name;
    EXPECT_FALSE(SameBits(c, Sample(family, 3, 4 + std::size(kCols)))) << family.name;
    EXPECT_NO_THROW(subjects::Validate(c)) << family.name;
    EXPECT_EQ(c.property, "accuracy");
  }
}

TEST(SampleTest, NamesAreDistinctAndFound) {
  std::set<std::string> names;
  for (const Family& family : Families()) {
    names.insert(family.name);
    EXPECT_EQ(FindFamily(family.name), &family);
  }
  EXPECT_EQ(names.size(), Families().size());
  EXPECT_EQ(FindFamily("no such family"), nullptr);
}

TEST(SampleTest, FamiliesReachWhatTheyAreFor) {
  const auto row = [](const char* name) { return Sample(*FindFamily(name), 1, 6); };  // 4096 columns
  const subjects::Case absorption = row("absorption");
  EXPECT_EQ(RowMax(absorption), 0);
  EXPECT_EQ(std::count_if(absorption.logits.begin(), absorption.logits.end(), [](float x) { return x > -14; }), 1);
  const subjects::Case ties = row("ties");
  EXPECT_LE(std::set<float>(ties.logits.begin(), ties.logits.end()).size(), 3u);
  const subjects::Case tail = row("subnormal-tail");
  EXPECT_GE(std::count_if(tail.logits.begin(), tail.logits.end(),
                          [&](float x) { return RowMax(tail) - x > 90 && RowMax(tail) - x < 103; }),
            2000);
  const subjects::Case bits = row("bits");
  EXPECT_LE(RowMax(bits), 0);
  EXPECT_GE(*std::min_element(bits.logits.begin(), bits.logits.end()), -104);
  const subjects::Case masked = row("masked-normal");
  EXPECT_TRUE(masked.has_mask);
  EXPECT_GT(std::count(masked.mask.begin(), masked.mask.end(), 0), 1000);
  for (std::size_t i = 0; i < masked.cols; ++i) {
    EXPECT_TRUE(masked.mask[i] == 0 || std::isfinite(masked.logits[i])) << i;
  }
  EXPECT_NEAR(row("offset-normal").logits[0], 1e4, 10);
  EXPECT_EQ(row("temperature-0.1").temperature, 0.1);
}

}  // namespace
}  // namespace assay::reports
