// SPDX-License-Identifier: Apache-2.0
//
// Sparsemax against projections worked by hand (Martins & Astudillo 2016), and every line of its contract.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "oracle/oracle.h"

namespace assay::oracle {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

using Doubles = std::vector<double>;

class SparsemaxTest : public testing::TestWithParam<Tier> {
 protected:
  struct Options {
    double temperature = 1;
    Doubles bias = {};
    std::vector<std::uint8_t> mask = {};
    EmptyRow empty_row = EmptyRow::kNaN;
    Format format = Format::kF64;
    std::uint64_t repeat = 1;
  };
  static std::vector<Exact> Of(const Doubles& x, const Options& o) {
    return Sparsemax({x, o.bias, o.mask, o.temperature, o.empty_row, o.format, o.repeat}, GetParam());
  }
  static std::vector<Exact> Of(const Doubles& x) { return Of(x, {}); }
};

// Nearest numbers; an exact zero is known as such, and is not -0.
void Expect(const std::vector<Exact>& got, const Doubles& want) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    SCOPED_TRACE("entry " + std::to_string(i));
    if (std::isnan(want[i])) {
      EXPECT_TRUE(std::isnan(got[i].nearest));
    } else {
      EXPECT_EQ(got[i].nearest, want[i]);
    }
    EXPECT_TRUE(got[i].certain);
    EXPECT_LE(got[i].width_ulp, 0x1p-50);
    if (want[i] != 0) continue;
    EXPECT_EQ(got[i].remainder_ulp, 0);
    EXPECT_EQ(got[i].width_ulp, 0);
    EXPECT_FALSE(std::signbit(got[i].nearest));
  }
}

TEST_P(SparsemaxTest, ByHand) {
  Expect(Of({.5, .25}), {.625, .375});
  Expect(Of({3, 1, -7}), {1, 0, 0});
  Expect(Of({1, .5, .5}), {2 / 3.0, 1 / 6.0, 1 / 6.0});
  Expect(Of({-4}), {1});
  Expect(Of({0, 0, 0}), {1 / 3.0, 1 / 3.0, 1 / 3.0});
  Expect(Of({1, .8, .1}, {.format = Format::kF32}), {double{.6F}, double{.4F}, 0});
  Expect(Of({.1, 1.1, .2, .3}, {.format = Format::kF32}), {0, double{.9F}, 0, double{.1F}});
}

TEST_P(SparsemaxTest, AnEntryAtTheThresholdIsOutside) {
  Expect(Of({1, 0}), {1, 0});
  // One step above it, it is inside: p = 2^-1075, which ties to 0 and is known to be no zero.
  const auto inside = Of({1, 0x1p-1074});
  EXPECT_EQ(inside[0].nearest, 1);
  EXPECT_EQ(inside[0].ulp, 0x1p-53);
  EXPECT_EQ(inside[1].nearest, 0);
  EXPECT_EQ(inside[1].remainder_ulp, .5);
}

TEST_P(SparsemaxTest, TemperatureDividesTheLogitsAlone) {
  Expect(Of({2, 1, 1}, {.temperature = 2}), {2 / 3.0, 1 / 6.0, 1 / 6.0});
  Expect(Of({2, 1, 1}, {.temperature = 1e300}), {1 / 3.0, 1 / 3.0, 1 / 3.0});
  Expect(Of({2, 1, 1}, {.temperature = 5e-324}), {1, 0, 0});
  Expect(Of({2, 0, 0}, {.temperature = 4, .bias = {.5, 0, 1}}), {.5, 0, .5});
  Expect(Of({0x1p1023, 0}, {.temperature = 0x1p1023, .bias = {0, .5}}), {.75, .25});
}

TEST_P(SparsemaxTest, AtTemperatureZeroTheLargestLogitsShareByTheirBias) {
  Expect(Of({3, 3, 1}, {.temperature = 0, .bias = {0, -.5, 9}}), {.75, .25, 0});
  Expect(Of({3, 3, 1}, {.temperature = 0}), {.5, .5, 0});
  Expect(Of({-0.0, 0, -1}, {.temperature = -0.0}), {.5, .5, 0});
  Expect(Of({9, 3, 1}, {.temperature = 0, .mask = {0, 1, 1}}), {0, 1, 0});
}

TEST_P(SparsemaxTest, AtInfiniteTemperatureTheBiasAloneCounts) {
  Expect(Of({3, 1, -1e300}, {.temperature = kInf}), {1 / 3.0, 1 / 3.0, 1 / 3.0});
  Expect(Of({3, 1, 7}, {.temperature = kInf, .bias = {.5, .25, -2}}), {.625, .375, 0});
  Expect(Of({-kInf, 1}, {.temperature = kInf}), {0, 1});
}

TEST_P(SparsemaxTest, InvisibleEntriesAreZeroAndWithoutInfluence) {
  Expect(Of({.5, -kInf, .25}), {.625, 0, .375});
  Expect(Of({.5, kNaN, .25, kInf}, {.mask = {1, 0, 1, 0}}), {.625, 0, .375, 0});
  Expect(Of({.5, 3, .25}, {.bias = {0, -kInf, 0}}), {.625, 0, .375});
  Expect(Of({.5, kNaN, .25}, {.bias = {0, -kInf, 0}}), {.625, 0, .375});
}

TEST_P(SparsemaxTest, VisibleNaNAndPlusInfinityMakeTheRowNaN) {
  for (const double t : {1.0, 0.0, kInf}) {
    for (const double bad : {kNaN, kInf}) {
      Expect(Of({1, bad, -kInf}, {.temperature = t}), {kNaN, kNaN, kNaN});
      Expect(Of({1, 2}, {.temperature = t, .bias = {bad, 0}}), {kNaN, kNaN});
    }
  }
}

TEST_P(SparsemaxTest, AnEmptyRowFollowsTheConvention) {
  Expect(Of({-kInf, 1}, {.mask = {1, 0}}), {kNaN, kNaN});
  Expect(Of({-kInf, 1}, {.mask = {1, 0}, .empty_row = EmptyRow::kZero}), {0, 0});
  EXPECT_TRUE(Of({}).empty());
}

TEST_P(SparsemaxTest, ARepeatedRowIsThatRowWrittenOutSeveralTimes) {
  const Doubles x = {.5, .375, .25, -1};
  Doubles twice = x;
  twice.insert(twice.end(), x.begin(), x.end());
  const auto repeated = Of(x, {.repeat = 2});
  const auto written = Of(twice);
  for (std::size_t i = 0; i < x.size(); ++i) {
    EXPECT_EQ(repeated[i].nearest, written[i].nearest);
    EXPECT_EQ(repeated[i].remainder_ulp, written[i].remainder_ulp);
  }
  Expect(Of({1, .5}, {.repeat = 2}), {.5, 0});
  Expect(Of({7}, {.repeat = std::uint64_t{1} << 40}), {0x1p-40});
}

TEST_P(SparsemaxTest, BadArgumentsAreRefused) {
  EXPECT_THROW(Of({1}, {.temperature = -1}), std::invalid_argument);
  EXPECT_THROW(Of({1}, {.temperature = kNaN}), std::invalid_argument);
  EXPECT_THROW(Of({1}, {.bias = {1, 2}}), std::invalid_argument);
  EXPECT_THROW(Of({1}, {.mask = {1, 1}}), std::invalid_argument);
  EXPECT_THROW(Of({1}, {.repeat = 0}), std::invalid_argument);
}

INSTANTIATE_TEST_SUITE_P(Tiers, SparsemaxTest, testing::Values(Tier::kReferee, Tier::kBulk),
                         [](const auto& tier_info) { return std::string(TierName(tier_info.param)); });

}  // namespace
}  // namespace assay::oracle
