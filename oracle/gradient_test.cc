// SPDX-License-Identifier: Apache-2.0
//
// The backward operations against values worked by hand, and every line of their contract, on both tiers.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "oracle/oracle.h"

namespace assay::oracle {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr Format kFormats[] = {Format::kF32, Format::kF64, Format::kF16, Format::kBF16};

using Doubles = std::vector<double>;

class GradientTest : public testing::TestWithParam<Tier> {
 protected:
  static std::vector<Exact> Softmax(const Doubles& p, const Doubles& dy, double t = 1, Format f = Format::kF32) {
    return SoftmaxBackward({p, dy, t, f}, GetParam());
  }
  static std::vector<Exact> Log(const Doubles& log_p, const Doubles& dy, double t = 1, Format f = Format::kF32) {
    return LogSoftmaxBackward({log_p, dy, t, f}, GetParam());
  }
  static std::vector<Exact> Sparse(const Doubles& p, const Doubles& dy, double t = 1, Format f = Format::kF32) {
    return SparsemaxBackward({p, dy, t, f}, GetParam());
  }
};

// Nearest numbers; -0 is none of them.
void ExpectNearest(const std::vector<Exact>& got, const Doubles& want) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    SCOPED_TRACE("entry " + std::to_string(i));
    if (std::isnan(want[i])) {
      EXPECT_TRUE(std::isnan(got[i].nearest));
    } else {
      EXPECT_EQ(got[i].nearest, want[i]);
    }
    EXPECT_TRUE(got[i].certain);
    EXPECT_LE(got[i].width_ulp, 0x1p-40);
    EXPECT_FALSE(got[i].nearest == 0 && std::signbit(got[i].nearest));
  }
}

// The exact values, known as such.
void ExpectExactly(const std::vector<Exact>& got, const Doubles& want) {
  ExpectNearest(got, want);
  for (const Exact& e : got) {
    EXPECT_EQ(e.remainder_ulp, 0);
    EXPECT_EQ(e.width_ulp, 0);
  }
}

TEST_P(GradientTest, SoftmaxByHand) {
  for (const Format f : kFormats) {
    ExpectExactly(Softmax({.5, .5}, {1, 0}, 1, f), {.25, -.25});
    ExpectExactly(Softmax({.5, .5}, {1, 0}, 4, f), {.0625, -.0625});
    ExpectExactly(Softmax({.5, .25, .25}, {2, 4, -4}, 1, f), {.5, .75, -1.25});
    // Taken as given: saved outputs need not sum to 1, nor be positive.
    ExpectExactly(Softmax({1, -1}, {3, 2}, 1, f), {2, -1});
  }
  ExpectNearest(Softmax({.5, .5}, {1, 0}, 3), {double{1 / 12.0F}, -double{1 / 12.0F}});
  ExpectNearest(Softmax({.5, .5}, {1, 0}, 3, Format::kF64), {1 / 12.0, -1 / 12.0});
}

TEST_P(GradientTest, SumsThatCancelAreExactlyZero) {
  ExpectExactly(Softmax({.5, .5}, {0x1p100, 0x1p100}, 7), {0, 0});
  ExpectExactly(Softmax({1 - 0x1p-53, 0x1p-53}, {1, 1}, 1, Format::kF16), {0, 0});
  ExpectExactly(Log({0, -kInf}, {3, 5}), {0, 0});
  ExpectExactly(Sparse({.1, .7, .2}, {.3, .3, .3}, .1), {0, 0, 0});
  // 2^1000 comes and goes; 1 stays, and is what the third entry loses.
  const auto large = Softmax({1, 1, 1}, {0x1p1000, -0x1p1000, 1}, 1, Format::kF64);
  ExpectNearest(large, {0x1p1000, -0x1p1000, 0});
  ExpectExactly({large[2]}, {0});
}

TEST_P(GradientTest, TiesRoundToEvenAndAreKnownExactly) {
  // -(1 + 2^-8) and -(1 + 3 2^-8) lie halfway between two bf16.
  const auto down = Softmax({1, 1}, {8, 1 + 0x1p-8}, 1, Format::kBF16)[0];
  EXPECT_EQ(down.nearest, -1);
  EXPECT_EQ(down.remainder_ulp, -.5);
  EXPECT_EQ(down.width_ulp, 0);
  EXPECT_TRUE(down.certain);
  const auto up = Softmax({1, 1}, {8, 1 + 0x3p-8}, 1, Format::kBF16)[0];
  EXPECT_EQ(up.nearest, -(1 + 0x1p-6));
  EXPECT_EQ(up.remainder_ulp, .5);
  EXPECT_EQ(up.width_ulp, 0);
}

TEST_P(GradientTest, ResultsBeyondTheRangeAreInfinite) {
  ExpectNearest(Softmax({1, -1}, {0, 65520}, 1, Format::kF16), {kInf, -kInf});
  ExpectNearest(Softmax({1, -1}, {0, 65519}, 1, Format::kF16), {65504, -kInf});
  ExpectNearest(Softmax({.5, .5}, {1, 0}, 5e-324), {kInf, -kInf});
  ExpectNearest(Softmax({.5, .5}, {1, 0}, 0x1p-149, Format::kF64), {0x1p147, -0x1p147});
  ExpectNearest(Log({-1, 2}, {1, -2}, 5e-324), {kInf, kInf});
  // 2 - 3 / e = 0.89636167648567304
  ExpectNearest(Log({1e300, -1}, {1, 2}, 0x1p1000, Format::kF64), {-kInf, 0.89636167648567304 * 0x1p-1000});
  ExpectNearest(Sparse({.5, .5}, {1e300, -1e300}), {kInf, -kInf});
}

TEST_P(GradientTest, TinyResultsAreSubnormalOrZero) {
  ExpectExactly(Softmax({.5, .5}, {1, 0}, 0x1p147), {0x1p-149, -0x1p-149});
  ExpectNearest(Softmax({.5, .5}, {1, 0}, 0x1p148), {0, 0});  // ties
  EXPECT_EQ(Softmax({.5, .5}, {1, 0}, 0x1p148)[1].remainder_ulp, -.5);
  ExpectNearest(Log({-1, -1}, {1, 1}, 1e308), {0, 0});
}

TEST_P(GradientTest, LogSoftmaxByHand) {
  // 1 / e = 0.36787944117144233
  ExpectNearest(Log({-1, -2}, {1, 0}, 1, Format::kF64), {0.6321205588285577, -0.1353352832366127});
  ExpectExactly(Log({0, -kInf}, {4, 9}, 2), {0, 0});
  ExpectExactly(Log({-1, -2, -3}, {2, -1, -1}, 4), {.5, -.25, -.25});  // their sum is 0
  // dy - exp(l) sum with l so small that 1 - exp(l) = -l: e.g. 3 - 3 exp(l).
  ExpectNearest(Log({-0x1p-1000, -1}, {3, 0}, 1, Format::kF64), {0x3p-1000, -3 * 0.36787944117144233});
}

TEST_P(GradientTest, AnExponentialTooSmallToCountStillDecidesAMidpoint) {
  const double midpoint = 1 + 0x3p-24;
  for (const double l : {-1000.0, -1e6, -1e7, -1e300}) {
    ExpectNearest({Log({l, -5}, {midpoint, 1})[0]}, {1 + 0x1p-23});
    ExpectNearest({Log({l, -5}, {midpoint, -2})[0]}, {1 + 0x1p-22});
  }
}

TEST_P(GradientTest, SparsemaxByHand) {
  for (const Format f : kFormats) {
    ExpectExactly(Sparse({.75, .25, 0}, {1, 2, 100}, 1, f), {-.5, .5, 0});
    ExpectExactly(Sparse({1, 0, 0}, {7, 2, 3}, 1, f), {0, 0, 0});
    ExpectExactly(Sparse({.25, .25, .25, .25}, {4, 0, 0, 0}, 2, f), {1.5, -.5, -.5, -.5});
  }
  ExpectNearest(Sparse({.5, .25, .25}, {1, 0, 0}), {double{2 / 3.0F}, -double{1 / 3.0F}, -double{1 / 3.0F}});
}

TEST_P(GradientTest, EntriesWithoutMassGiveZeroWhateverTheirUpstreamHolds) {
  for (const double dy : {kNaN, kInf, -kInf, 1e300}) {
    ExpectExactly(Softmax({.5, 0, .5, -0.0}, {1, dy, 0, dy}), {.25, 0, -.25, 0});
    ExpectExactly(Log({-1, -kInf, -2}, {1, dy, -1}), {1, 0, -1});
    ExpectExactly(Sparse({.5, 0, .5, -1}, {1, dy, 0, dy}), {.5, 0, -.5, 0});
    ExpectExactly(Softmax({0, 0}, {dy, dy}), {0, 0});
    ExpectExactly(Log({-kInf}, {dy}), {0});
    ExpectExactly(Sparse({0}, {dy}), {0});
  }
}

TEST_P(GradientTest, NaNAndInfinityWhereThereIsMassMakeTheOtherEntriesNaN) {
  for (const double t : {1.0, kInf}) {
    for (const double dy : {kNaN, kInf, -kInf}) {
      ExpectNearest(Softmax({.5, 0, .5}, {1, 2, dy}, t), {kNaN, 0, kNaN});
      ExpectNearest(Log({-1, -kInf, -2}, {1, 2, dy}, t), {kNaN, 0, kNaN});
      ExpectNearest(Sparse({.5, 0, .5}, {1, 2, dy}, t), {kNaN, 0, kNaN});
    }
    ExpectNearest(Softmax({.5, 0, kNaN}, {1, 2, 3}, t), {kNaN, 0, kNaN});
    ExpectNearest(Log({-1, -kInf, kNaN}, {1, 2, 3}, t), {kNaN, 0, kNaN});
    ExpectNearest(Log({-1, -kInf, kInf}, {1, 2, 3}, t), {kNaN, 0, kNaN});
    ExpectNearest(Sparse({.5, 0, kNaN}, {1, 2, 3}, t), {kNaN, 0, kNaN});
  }
}

TEST_P(GradientTest, AtInfiniteTemperatureGradientsAreZero) {
  ExpectExactly(Softmax({.5, .5}, {1, -1e300}, kInf), {0, 0});
  ExpectExactly(Log({-1, -2}, {1, 2}, kInf), {0, 0});
  ExpectExactly(Sparse({.5, .5}, {1, 2}, kInf), {0, 0});
}

TEST_P(GradientTest, WithoutEntriesThereIsNoResult) {
  EXPECT_TRUE(Softmax({}, {}).empty());
  EXPECT_TRUE(Log({}, {}).empty());
  EXPECT_TRUE(Sparse({}, {}).empty());
}

TEST_P(GradientTest, BadArgumentsAreRefused) {
  for (const double t : {0.0, -0.0, -1.0, kNaN}) {
    EXPECT_THROW(Softmax({1}, {1}, t), std::invalid_argument);
    EXPECT_THROW(Log({1}, {1}, t), std::invalid_argument);
    EXPECT_THROW(Sparse({1}, {1}, t), std::invalid_argument);
  }
  EXPECT_THROW(Softmax({1}, {}), std::invalid_argument);
  EXPECT_THROW(Log({1}, {1, 2}), std::invalid_argument);
}

INSTANTIATE_TEST_SUITE_P(Tiers, GradientTest, testing::Values(Tier::kReferee, Tier::kBulk),
                         [](const auto& tier_info) { return std::string(TierName(tier_info.param)); });

}  // namespace
}  // namespace assay::oracle
