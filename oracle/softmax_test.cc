// SPDX-License-Identifier: Apache-2.0
//
// The row contract: masks, special values, limits of the temperature, rational rows. On both tiers.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "oracle/oracle.h"

namespace assay::oracle {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
using Logits = std::vector<double>;
using Mask = std::vector<std::uint8_t>;

class SoftmaxContract : public testing::TestWithParam<Tier> {
 protected:
  static std::vector<Exact> Of(const Logits& logits, double temperature = 1, const Mask& mask = {},
                               EmptyRow empty_row = EmptyRow::kNaN) {
    return Softmax({.logits = logits, .mask = mask, .temperature = temperature, .empty_row = empty_row}, GetParam());
  }
  static std::vector<double> Nearest(const Logits& logits, double temperature = 1, const Mask& mask = {},
                                     EmptyRow empty_row = EmptyRow::kNaN) {
    std::vector<double> nearest;
    for (const Exact& e : Of(logits, temperature, mask, empty_row)) nearest.push_back(e.nearest);
    return nearest;
  }
  static void ExpectAllNaN(const std::vector<double>& values, std::size_t n) {
    EXPECT_EQ(values.size(), n);
    for (const double v : values) EXPECT_TRUE(std::isnan(v)) << v;
  }
};

using Values = std::vector<double>;
const double kThird = double{1.0F / 3.0F};

TEST_P(SoftmaxContract, OneVisibleEntryIsExactlyOne) {
  for (const double t : {1.0, 0.0, 5e-324, 1e300, std::numeric_limits<double>::infinity()}) {
    EXPECT_EQ(Nearest({-3e38}, t), (Values{1}));
    EXPECT_EQ(Nearest({7, 8, -kInf}, t, {0, 1, 1}), (Values{0, 1, 0}));
    EXPECT_EQ(Of({3.5}, t)[0].width_ulp, 0);
  }
}

TEST_P(SoftmaxContract, InvisibleEntriesAreZeroAndTheirContentIsIgnored) {
  const auto compact = Of({1, 2, 0.5});
  for (const double hidden : {kNaN, kInf, -kInf, 3e38, 0.0}) {
    const auto row = Of({1, hidden, 2, -kInf, 0.5}, 1, {1, 0, 7, 1, 255});
    EXPECT_EQ(row[1].nearest, 0);
    EXPECT_FALSE(std::signbit(row[1].nearest));
    EXPECT_EQ(row[1].width_ulp, 0);
    EXPECT_EQ(row[3].nearest, 0);
    for (const auto& [i, j] : {std::pair{0, 0}, {2, 1}, {4, 2}}) {
      EXPECT_EQ(row[i].nearest, compact[j].nearest);
      EXPECT_EQ(row[i].remainder_ulp, compact[j].remainder_ulp);
    }
  }
}

TEST_P(SoftmaxContract, AVisibleNaNOrInfinityMakesTheWholeRowNaNAtEveryTemperature) {
  for (const double t : {1.0, 0.0, 5e-324, std::numeric_limits<double>::infinity()}) {
    ExpectAllNaN(Nearest({1, kNaN, 2}, t), 3);
    ExpectAllNaN(Nearest({1, kInf, -kInf}, t), 3);
    ExpectAllNaN(Nearest({kInf}, t), 1);
    ExpectAllNaN(Nearest({1, kNaN, 2, 3}, t, {1, 1, 0, 1}), 4);
  }
}

TEST_P(SoftmaxContract, ARowWithoutAVisibleEntryFollowsItsConvention) {
  ExpectAllNaN(Nearest({-kInf, -kInf}), 2);
  ExpectAllNaN(Nearest({1, kNaN, kInf}, 1, {0, 0, 0}), 3);
  EXPECT_EQ(Nearest({-kInf, 1, kNaN}, 0, {1, 0, 0}, EmptyRow::kZero), (Values{0, 0, 0}));
  EXPECT_TRUE(Of({}).empty());
}

TEST_P(SoftmaxContract, TemperatureZeroSharesAmongTheMaxima) {
  EXPECT_EQ(Nearest({1, 3, 3, -1, 3}, 0), (Values{0, kThird, kThird, 0, kThird}));
  EXPECT_EQ(Nearest({0, 1, 5}, -0.0), (Values{0, 0, 1}));
  EXPECT_EQ(Nearest({1, 0x1.fffffep-1, 1e-45}, 0), (Values{1, 0, 0})) << "a neighbour by one ulp is no maximum";
  EXPECT_EQ(Nearest({-0.0, 0.0, -kInf}, 0), (Values{0.5, 0.5, 0}));
  EXPECT_EQ(Nearest({9, 1, 1}, 0, {0, 1, 1}), (Values{0, 0.5, 0.5}));
}

TEST_P(SoftmaxContract, InfiniteTemperatureIsUniform) {
  const double inf = std::numeric_limits<double>::infinity();
  EXPECT_EQ(Nearest({-3e38, 3e38, 0, -kInf, 1}, inf, {1, 1, 1, 1, 0}), (Values{kThird, kThird, kThird, 0, 0}));
}

TEST_P(SoftmaxContract, EqualLogitsGiveOneOverNRoundedExactly) {
  for (std::size_t n = 1; n <= 5000; n += n < 600 ? 1 : 97) {
    for (const Exact& e : Of(Logits(n, 0x1.234p5), 0.3)) {
      ASSERT_EQ(e.nearest, double{1.0F / static_cast<float>(n)}) << n;
    }
  }
  EXPECT_EQ(Nearest({0.0, -0.0}), (Values{0.5, 0.5}));
}

TEST_P(SoftmaxContract, HugeArgumentsAreDecided) {
  // The last subnormal temperature makes z as large as 2^1202.
  EXPECT_EQ(Nearest({3e38, -3e38, 3e38}, 5e-324), (Values{0.5, 0, 0.5}));
  EXPECT_EQ(Nearest({0, -1e-45}, 5e-324), (Values{1, 0}));
  EXPECT_EQ(Nearest({3e38, 0, -1}, 1e300), (Values{kThird, kThird, kThird}));
}

TEST_P(SoftmaxContract, AMaximumWithFarCompanionsLiesBelowThePowerOfTwo) {
  const auto one = Of({0, -3e38});
  EXPECT_EQ(one[0].nearest, 1);
  EXPECT_EQ(one[0].ulp, 0x1p-24) << "1 - exp(-3e38) lies in [1/2, 1)";
  EXPECT_LE(one[0].remainder_ulp, 0);
  EXPECT_EQ(one[1].nearest, 0);
  EXPECT_EQ(one[1].ulp, 0x1p-149);
  const auto half = Of({4, 4, -3e38});
  EXPECT_EQ(half[0].nearest, 0.5);
  EXPECT_EQ(half[0].ulp, 0x1p-25);
}

TEST_P(SoftmaxContract, TheUlpChangesSideWithTheLeastSubnormalDifference) {
  const auto pair = Of({0, -0x1p-149}, std::numeric_limits<double>::max());
  EXPECT_EQ(pair[0].nearest, 0.5);
  EXPECT_EQ(pair[0].ulp, 0x1p-24);
  EXPECT_EQ(pair[1].nearest, 0.5);
  EXPECT_EQ(pair[1].ulp, 0x1p-25);
}

TEST_P(SoftmaxContract, ALargerLogitNeverHasTheSmallerShare) {
  Logits x;
  for (int i = -60; i < 60; ++i) x.push_back(static_cast<float>(static_cast<float>(i) * 0.93F + 1e-6F));
  const auto p = Of(x, 0.7);
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    sum += p[i].nearest + p[i].remainder_ulp * p[i].ulp;
    if (i > 0) {
      EXPECT_TRUE(p[i - 1].nearest < p[i].nearest || p[i].nearest == 0) << i;
    }
    EXPECT_LE(p[i].width_ulp, 0x1p-40);
  }
  EXPECT_NEAR(sum, 1, 0x1p-50);
}

TEST_P(SoftmaxContract, BadArgumentsAreNamed) {
  for (const double t : {-1.0, -5e-324, std::nan(""), -std::numeric_limits<double>::infinity()}) {
    EXPECT_THROW(Of({1, 2}, t), std::invalid_argument);
  }
  try {
    Of({1, 2}, -2.5);
    FAIL();
  } catch (const std::invalid_argument& e) {
    EXPECT_NE(std::string(e.what()).find("-2.5"), std::string::npos) << e.what();
  }
  EXPECT_THROW(Of({1, 2}, 1, {1}), std::invalid_argument);
}

INSTANTIATE_TEST_SUITE_P(Tiers, SoftmaxContract, testing::Values(Tier::kReferee, Tier::kBulk),
                         [](const auto& tier_info) { return std::string(TierName(tier_info.param)); });

}  // namespace
}  // namespace assay::oracle
