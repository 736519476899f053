// SPDX-License-Identifier: Apache-2.0

#include "reports/sample.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <set>
#include <string>

#include "reports/measure.h"

namespace assay::reports {
namespace {

std::uint64_t HashOf(const subjects::Case& c, std::uint64_t hash) {
  hash = subjects::Mix(hash ^ c.cols ^ std::bit_cast<std::uint64_t>(c.temperature));
  for (const subjects::Operand* operand : {&c.logits, &c.mask}) {
    for (std::size_t i = 0; i < operand->values.size(); ++i) hash = subjects::Mix(hash ^ operand->values.Bits(i));
  }
  return hash;
}

std::vector<float> LogitsOf(const subjects::Case& c) { return Floats(c.logits.values); }

double RowMax(const std::vector<float>& logits) { return *std::max_element(logits.begin(), logits.end()); }

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
  const auto sample = [](const char* name) { return Sample(*FindFamily(name), 1, 6); };  // 4096 columns
  const auto row = [&](const char* name) { return LogitsOf(sample(name)); };
  const std::vector<float> absorption = row("absorption");
  EXPECT_EQ(RowMax(absorption), 0);
  EXPECT_EQ(std::count_if(absorption.begin(), absorption.end(), [](float x) { return x > -14; }), 1);
  const std::vector<float> ties = row("ties");
  EXPECT_LE(std::set<float>(ties.begin(), ties.end()).size(), 3u);
  const std::vector<float> tail = row("subnormal-tail");
  EXPECT_GE(
      std::count_if(tail.begin(), tail.end(), [&](float x) { return RowMax(tail) - x > 90 && RowMax(tail) - x < 103; }),
      2000);
  const std::vector<float> bits = row("bits");
  EXPECT_LE(RowMax(bits), 0);
  EXPECT_GE(*std::min_element(bits.begin(), bits.end()), -104);
  const subjects::Case masked = sample("masked-normal");
  EXPECT_TRUE(masked.mask.given);
  std::size_t hidden = 0;
  for (std::size_t i = 0; i < masked.cols; ++i) {
    hidden += masked.mask[i] == 0 ? 1 : 0;
    EXPECT_TRUE(masked.mask[i] == 0 || std::isfinite(masked.logits[i])) << i;
  }
  EXPECT_GT(hidden, 1000u);
  EXPECT_NEAR(row("offset-normal")[0], 1e4, 10);
  EXPECT_EQ(sample("temperature-0.1").temperature, 0.1);
}

}  // namespace
}  // namespace assay::reports
