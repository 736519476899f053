// SPDX-License-Identifier: Apache-2.0
//
// Cross-entropy and its gradient against values worked by hand, and every line of their contract.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "oracle/oracle.h"

namespace assay::oracle {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
// From published tables, to the nearest double.
constexpr double kLog2 = 0.693147180559945309417232;
constexpr double kLog10 = 2.302585092994045684017991;
constexpr double kExpMinus100 = 3.720075976020835962959696e-44;

using Doubles = std::vector<double>;

class CrossEntropyTest : public testing::TestWithParam<Tier> {
 protected:
  struct Options {
    double smoothing = 0;
    double temperature = 1;
    Doubles bias = {};
    std::vector<std::uint8_t> mask = {};
    Format format = Format::kF64;
    double upstream = 1;
    double divisor = 1;
  };
  static LossRow RowOf(const Doubles& x, const Doubles& targets, const Options& o) {
    return {{x, o.bias, o.mask, o.temperature, EmptyRow::kNaN, o.format}, targets, o.smoothing};
  }
  static Exact Loss(const Doubles& x, const Doubles& targets, const Options& o) {
    const LossRow row = RowOf(x, targets, o);
    return CrossEntropy({&row, 1}, o.divisor, GetParam());
  }
  static Exact Loss(const Doubles& x, const Doubles& targets) { return Loss(x, targets, {}); }
  static std::vector<Exact> Gradient(const Doubles& x, const Doubles& targets, const Options& o) {
    return CrossEntropyBackward(RowOf(x, targets, o), o.upstream, o.divisor, GetParam());
  }
  static std::vector<Exact> Gradient(const Doubles& x, const Doubles& targets) { return Gradient(x, targets, {}); }
};

void Expect(const Exact& got, double want) {
  if (std::isnan(want)) {
    EXPECT_TRUE(std::isnan(got.nearest));
  } else {
    EXPECT_EQ(got.nearest, want);
  }
  EXPECT_TRUE(got.certain);
  EXPECT_LE(got.width_ulp, 0x1p-40);
  EXPECT_FALSE(got.nearest == 0 && std::signbit(got.nearest));
}

void Expect(const std::vector<Exact>& got, const Doubles& want) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    SCOPED_TRACE("entry " + std::to_string(i));
    Expect(got[i], want[i]);
  }
}

void ExpectExactly(const Exact& got, double want) {
  Expect(got, want);
  EXPECT_EQ(got.remainder_ulp, 0);
  EXPECT_EQ(got.width_ulp, 0);
}

void ExpectExactly(const std::vector<Exact>& got, const Doubles& want) {
  Expect(got, want);
  for (const Exact& e : got) {
    EXPECT_EQ(e.remainder_ulp, 0);
    EXPECT_EQ(e.width_ulp, 0);
  }
}

TEST_P(CrossEntropyTest, EqualLogitsCostTheLogarithmOfTheirNumber) {
  Expect(Loss({5, 5}, {1, 0}), kLog2);
  Expect(Loss(Doubles(10, -3), {0, 0, 0, 1, 0, 0, 0, 0, 0, 0}), kLog10);
  Expect(Loss({5, 5}, {.5, .5}), kLog2);
  Expect(Loss({5, 5}, {1, 1}), 2 * kLog2);
  Expect(Loss({5, 5}, {1, 0}, {.format = Format::kF32}), double{static_cast<float>(kLog2)});
  Expect(Loss({5, 5}, {1, 0}, {.divisor = 4}), kLog2 / 4);
}

TEST_P(CrossEntropyTest, ALoneEntryCostsNothing) {
  ExpectExactly(Loss({-7}, {1}), 0);
  ExpectExactly(Loss({-7}, {3}, {.smoothing = .25, .temperature = .1}), 0);
  ExpectExactly(Loss({-kInf, 3, 8}, {0, 1, 0}, {.mask = {1, 1, 0}}), 0);
  ExpectExactly(Gradient({-kInf, 3, 8}, {0, 1, 0}, {.mask = {1, 1, 0}}), {0, 0, 0});
}

TEST_P(CrossEntropyTest, ALossNearZeroIsKnownToItsLastDigit) {
  Expect(Loss({0, -100}, {1, 0}), kExpMinus100);
  Expect(Loss({0, -12.5}, {1, 0}, {.temperature = .125}), kExpMinus100);
  Expect(Gradient({0, -100}, {1, 0}), {-kExpMinus100, kExpMinus100});
  Expect(Loss({0, -1e300}, {1, 0}), 0);
  Expect(Gradient({0, -1e300}, {1, 0}), {0, 0});
}

TEST_P(CrossEntropyTest, ATailTooSmallToCountStillDecidesAMidpoint) {
  // (1 + 2^-24) 2^k + log(1 + exp(-2^k ...)): just above the middle of two f32.
  for (const int k : {10, 20, 30, 100}) {
    const double t = std::ldexp(1.0, -k);
    Expect(Loss({0, -(1 + 0x1p-24)}, {0, 1}, {.temperature = t, .format = Format::kF32}), std::ldexp(1 + 0x1p-23, k));
    // p - (1 + 3 2^-24) in f32, just above a tie that would round away from 0.
    Expect(Gradient({0, -1}, {0, 1 + 0x3p-24}, {.temperature = t, .format = Format::kF32, .divisor = 1 / t})[1],
           -(1 + 0x1p-23));
  }
}

TEST_P(CrossEntropyTest, SeveralMaximaFarAboveTheRestAreJustBelowEqualShares) {
  // p - 1/2 = -exp(-600) / (4 + 2 exp(-600)), exp(-600) = 2.6503965530043108e-261
  Expect(Gradient({0, 0, -600}, {.5, .5, 0}),
         {-2.6503965530043108e-261 / 4, -2.6503965530043108e-261 / 4, 2.6503965530043108e-261 / 2});
  // 3 (1 + 3 2^-24) p, p just below 1/3: below a tie that would round up.
  const double t = 0x1p-40;
  const double below = 1 + 0x1p-23;
  const double upstream = 3 * (1 + 0x3p-24);
  for (const double sign : {1, -1}) {
    Expect(Gradient({0, 0, 0, -1}, {0, 0, 0, 1},
                    {.temperature = t, .format = Format::kF32, .upstream = sign * upstream, .divisor = 1 / t}),
           {sign * below, sign * below, sign * below, -sign * double{static_cast<float>(upstream)}});
  }
}

TEST_P(CrossEntropyTest, SmoothingMovesTheTargetTowardsUniform) {
  // s = 1: the mean of lse - z.
  Expect(Loss({2, 2}, {1, 0}, {.smoothing = 1}), kLog2);
  Expect(Loss({0, -200}, {1, 0}, {.smoothing = 1}), 100);
  Expect(Loss({0, -200}, {1, 0}, {.smoothing = .5}), 50);
  ExpectExactly(Gradient({1, 1, 1, 1}, {1, 0, 0, 0}, {.smoothing = .5}), {-.375, .125, .125, .125});
  ExpectExactly(Gradient({1, 1, 1, 1}, {1, 0, 0, 0}, {.smoothing = 1}), {0, 0, 0, 0});
  // Over the visible entries only.
  ExpectExactly(Gradient({1, 1, 1, -kInf}, {1, 0, 0, 0}, {.smoothing = .75, .mask = {1, 1, 0, 1}}),
                {-.125, .125, 0, 0});
}

TEST_P(CrossEntropyTest, GradientByHand) {
  ExpectExactly(Gradient({1, 1, 1, 1}, {1, 0, 0, 0}), {-.75, .25, .25, .25});
  ExpectExactly(Gradient({1, 1, 1, 1}, {1, 0, 0, 0}, {.temperature = 2, .upstream = -8, .divisor = 2}),
                {1.5, -.5, -.5, -.5});
  ExpectExactly(Gradient({1, 1}, {.5, .5}), {0, 0});
  ExpectExactly(Gradient({1, 1}, {2, 1}), {-.5, .5});
  // 1 / (1 + e) = 0.26894142136999512
  Expect(Gradient({0, 1}, {0, 1}), {0.26894142136999512, -0.26894142136999512});
  Expect(Gradient({0, 10}, {0, 1}, {.temperature = 10}), {0.026894142136999512, -0.026894142136999512});
  Expect(Gradient({0, 0}, {0, 1}, {.bias = {0, 1}}), {0.26894142136999512, -0.26894142136999512});
  Expect(Gradient({0, 1}, {0, 1}, {.upstream = 1e300, .divisor = 1e-300}), {kInf, -kInf});
  ExpectExactly(Gradient({0, 1}, {0, 1}, {.upstream = -0.0}), {0, 0});
  ExpectExactly(Gradient({0, 1}, {0, 0}), {0, 0});
}

TEST_P(CrossEntropyTest, ATargetAtAnInvisibleEntryCostsInfinitelyMuch) {
  Expect(Loss({1, -kInf}, {0, 1}), kInf);
  Expect(Loss({1, 2}, {0x1p-1074, 1}, {.mask = {0, 1}}), kInf);
  Expect(Loss({1, 2}, {0, 1}, {.mask = {1, 0}, .divisor = 1e300}), kInf);
  ExpectExactly(Loss({1, -kInf}, {1, 0}), 0);                      // 0 times inf is 0
  ExpectExactly(Loss({1, -kInf}, {0, 1}, {.smoothing = 1}), 0);    // t is 0 there
  ExpectExactly(Gradient({1, 1, -kInf}, {0, 0, 1}), {.5, .5, 0});  // p sum t - t
  ExpectExactly(Gradient({1, -kInf}, {0, 1}, {.smoothing = 1}), {0, 0});
}

TEST_P(CrossEntropyTest, WithNothingVisibleOnlyATargetCosts) {
  ExpectExactly(Loss({-kInf, -kInf}, {0, 0}, {.smoothing = .5}), 0);
  Expect(Loss({-kInf, -kInf}, {0, 1}, {.smoothing = .5}), kInf);
  ExpectExactly(Loss({-kInf, -kInf}, {0, 1}, {.smoothing = 1}), 0);
  ExpectExactly(Loss({}, {}), 0);
  ExpectExactly(Gradient({-kInf, 3}, {0, 1}, {.mask = {1, 0}, .upstream = kNaN}), {0, 0});
  EXPECT_TRUE(Gradient({}, {}).empty());
}

TEST_P(CrossEntropyTest, BadLogitsAndTargetsGiveNaN) {
  for (const double t : {1.0, kInf}) {
    for (const double bad : {kNaN, kInf}) {
      Expect(Loss({1, bad, -kInf}, {1, 0, 0}, {.temperature = t}), kNaN);
      Expect(Gradient({1, bad, -kInf}, {1, 0, 0}, {.temperature = t}), {kNaN, kNaN, kNaN});
      Expect(Loss({1, 2}, {1, 0}, {.temperature = t, .bias = {0, bad}}), kNaN);
    }
    for (const double bad : {kNaN, kInf, -1.0, -0x1p-1074}) {
      Expect(Loss({1, 2, -kInf}, {1, bad, 1}, {.temperature = t}), kNaN);
      Expect(Gradient({1, 2}, {1, bad}, {.temperature = t}), {kNaN, kNaN});
    }
    for (const double upstream : {kNaN, kInf, -kInf}) {
      Expect(Gradient({1, 2, -kInf}, {1, 0, 0}, {.temperature = t, .upstream = upstream}), {kNaN, kNaN, 0});
    }
  }
  Expect(Loss({1, kNaN, kInf}, {1, 0, 0}, {.mask = {1, 0, 0}}), 0);
}

TEST_P(CrossEntropyTest, AtInfiniteTemperatureTheBiasAloneCounts) {
  Expect(Loss({1e300, -1e300}, {1, 0}, {.temperature = kInf}), kLog2);
  Expect(Loss({0, 5}, {1, 0}, {.temperature = kInf, .bias = {0, -100}}), kExpMinus100);
  ExpectExactly(Gradient({0, 5}, {1, 0}, {.temperature = kInf}), {0, 0});
}

TEST_P(CrossEntropyTest, LossesOfRowsAreAddedAndDivided) {
  const Doubles two = {1, 1};
  const Doubles first = {1, 0};
  const Doubles third = {0, -1000};
  const Doubles second = {0, 1};
  const LossRow cheap = RowOf(two, first, {});
  const LossRow dear = RowOf(third, second, {});
  const std::vector<LossRow> rows = {cheap, cheap, cheap};
  Expect(CrossEntropy(rows, 1, GetParam()), 3 * kLog2);
  Expect(CrossEntropy(rows, 3, GetParam()), kLog2);
  const std::vector<LossRow> mixed = {cheap, dear};
  Expect(CrossEntropy(mixed, 1, GetParam()), 1000 + kLog2);
  // Thirds that add up to 1000, and a tail less than anything beside it.
  const std::vector<LossRow> dears = {dear, dear, dear};
  Expect(CrossEntropy(dears, 3, GetParam()), 1000);
  EXPECT_GT(CrossEntropy(dears, 3, GetParam()).width_ulp, 0);
  const std::vector<std::uint8_t> mask = {0, 1};
  LossRow infinite = cheap;
  infinite.row.mask = mask;
  Expect(CrossEntropy(std::vector<LossRow>{cheap, infinite}, 2, GetParam()), kInf);
  const Doubles nan = {kNaN, 0};
  Expect(CrossEntropy(std::vector<LossRow>{infinite, RowOf(nan, first, {})}, 2, GetParam()), kNaN);
}

TEST_P(CrossEntropyTest, NoRowIsNoLossAndItsMeanIsNaN) {
  ExpectExactly(CrossEntropy({}, 1, GetParam()), 0);
  Expect(CrossEntropy({}, 0, GetParam()), kNaN);
}

TEST_P(CrossEntropyTest, BadArgumentsAreRefused) {
  const auto both_throw = [](const Doubles& x, const Doubles& targets, const Options& o) {
    EXPECT_THROW(Loss(x, targets, o), std::invalid_argument);
    EXPECT_THROW(Gradient(x, targets, o), std::invalid_argument);
  };
  both_throw({1}, {1}, {.temperature = 0});
  both_throw({1}, {1}, {.temperature = -1});
  both_throw({1}, {1, 2}, {});
  both_throw({1}, {1}, {.smoothing = 1.5});
  both_throw({1}, {1}, {.smoothing = kNaN});
  both_throw({1}, {1}, {.bias = {1, 2}});
  both_throw({1}, {1}, {.divisor = 0});
  both_throw({1}, {1}, {.divisor = kNaN});
  const Doubles one = {1};
  LossRow repeated = RowOf(one, one, {});
  repeated.row.repeat = 2;
  EXPECT_THROW(CrossEntropy({&repeated, 1}, 1, GetParam()), std::invalid_argument);
}

INSTANTIATE_TEST_SUITE_P(Tiers, CrossEntropyTest, testing::Values(Tier::kReferee, Tier::kBulk),
                         [](const auto& tier_info) { return std::string(TierName(tier_info.param)); });

}  // namespace
}  // namespace assay::oracle
