// SPDX-License-Identifier: Apache-2.0
//
// log_softmax and logsumexp: the row contract, values beside representable numbers, and ties. On both tiers.

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
using Values = std::vector<double>;

class LogContract : public testing::TestWithParam<Tier> {
 protected:
  static std::vector<Exact> Log(const Row& row) { return LogSoftmax(row, GetParam()); }
  static Exact Lse(const Row& row) { return LogSumExp(row, GetParam()); }
  static Values Nearest(const Row& row) {
    Values nearest;
    for (const Exact& e : Log(row)) nearest.push_back(e.nearest);
    return nearest;
  }
};

void ExpectExactly(const Exact& got, double want) {
  EXPECT_EQ(got.nearest, want);
  EXPECT_FALSE(want == 0 && std::signbit(got.nearest)) << "+0";
  EXPECT_EQ(got.remainder_ulp, 0);
  EXPECT_EQ(got.width_ulp, 0);
}

TEST_P(LogContract, OneVisibleEntryHasALogarithmOfExactlyZero) {
  for (const double t : {1.0, 0.0, 5e-324, 1e300, kInf}) {
    const Values one = {-3e38};
    ExpectExactly(Log({.logits = one, .temperature = t})[0], 0);
    const Values three = {7, 8, -kInf};
    const std::vector<std::uint8_t> mask = {0, 1, 1};
    EXPECT_EQ(Nearest({.logits = three, .mask = mask, .temperature = t}), (Values{-kInf, 0, -kInf}));
  }
}

TEST_P(LogContract, SpecialValues) {
  const Values nan = {1, kNaN}, both = {kInf, kNaN}, inf = {1, kInf}, none = {-kInf, -kInf}, finite = {1, 2};
  const Values hidden = {-kInf, 0}, plus = {0, kInf};
  EXPECT_TRUE(std::isnan(Lse({.logits = nan}).nearest));
  EXPECT_TRUE(std::isnan(Lse({.logits = both}).nearest));
  EXPECT_EQ(Lse({.logits = inf}).nearest, kInf);
  EXPECT_EQ(Lse({.logits = finite, .bias = plus}).nearest, kInf);
  EXPECT_EQ(Lse({.logits = inf, .bias = plus, .temperature = kInf}).nearest, kInf);
  EXPECT_EQ(Lse({.logits = none}).nearest, -kInf);
  EXPECT_EQ(Lse({.logits = {}}).nearest, -kInf);
  EXPECT_TRUE(Log({.logits = {}}).empty());
  ExpectExactly(Lse({.logits = nan, .bias = Values{0.5, -kInf}}), 1.5);
  ExpectExactly(Lse({.logits = finite, .bias = hidden}), 2);
  for (const Values& row : {nan, both, inf}) {
    for (const Exact& e : Log({.logits = row})) EXPECT_TRUE(std::isnan(e.nearest));
  }
  for (const Exact& e : Log({.logits = none})) EXPECT_TRUE(std::isnan(e.nearest));
  EXPECT_EQ(Nearest({.logits = none, .empty_row = EmptyRow::kZero}), (Values{-kInf, -kInf}));
  EXPECT_THROW(Lse({.logits = finite, .temperature = 0}), std::invalid_argument);
  EXPECT_THROW(Lse({.logits = finite, .temperature = -1}), std::invalid_argument);
  EXPECT_THROW(Lse({.logits = finite, .repeat = 0}), std::invalid_argument);
  EXPECT_THROW(Log({.logits = finite, .repeat = std::uint64_t{1} << 47}), std::invalid_argument);
}

TEST_P(LogContract, TheLimitsOfTheTemperatureLeaveTheBias) {
  const Values x = {5, 1, 5};
  const double log3 = -0x1.193ea8p0;  // f32 of log 3: 1.0986123
  const double log2 = -0x1.62e43p-1;
  EXPECT_EQ(Nearest({.logits = x, .temperature = kInf}), (Values{log3, log3, log3}));
  EXPECT_EQ(Nearest({.logits = x, .temperature = 0}), (Values{log2, -kInf, log2}));
  EXPECT_EQ(Lse({.logits = x, .temperature = kInf}).nearest, -log3);
  // z = bias: of the largest logits, and of all.
  const Values bias = {3, 100, 3 - 0x1p-20};
  const Values pair = {3, 3 - 0x1p-20};
  const Values want = Nearest({.logits = pair});
  EXPECT_EQ(Nearest({.logits = x, .bias = bias, .temperature = 0}), (Values{want[0], -kInf, want[1]}));
  EXPECT_EQ(Lse({.logits = x, .bias = bias, .temperature = kInf}).nearest, 100);
}

TEST_P(LogContract, LogSoftmaxBesideARepresentableNumberOrAMidpointFallsOnTheKnownSide) {
  const auto log_of_second = [](double a, double b, Format format = Format::kF32) {
    const Values x = {a, b};
    return LogSoftmax({.logits = x, .format = format}, GetParam())[1];
  };
  // -2^25 - 2 is the tie between -2^25 and -2^25 - 4; log p lies below it by exp(-2^25).
  EXPECT_EQ(log_of_second(0x1p25, -2).nearest, -0x1p25 - 4);
  EXPECT_EQ(log_of_second(0x1p25, -2).ulp, 4);
  EXPECT_EQ(log_of_second(0x1p103, -0x1p-127).nearest, -0x1p103);
  EXPECT_EQ(log_of_second(0x1p103, -0x1p-127).ulp, 0x1p80);
  EXPECT_EQ(log_of_second(0, -0x1p100).ulp, 0x1p77) << "just above 2^100 in magnitude";
  EXPECT_EQ(log_of_second(0x1p54, -2, Format::kF64).nearest, -0x1p54 - 4);
  EXPECT_EQ(log_of_second(2049, 0, Format::kF16).nearest, -2050);
  EXPECT_EQ(log_of_second(1e30, -0x1p-1074, Format::kF64).nearest, -1e30);
  EXPECT_EQ(log_of_second(60000, -60000, Format::kF16).nearest, -kInf);
  EXPECT_EQ(log_of_second(3e38, -3e38).nearest, -kInf);
  EXPECT_EQ(log_of_second(1.7e308, -1.7e308, Format::kF64).nearest, -kInf);
}

TEST_P(LogContract, TheLogarithmOfTheMaximumIsRightDownToTheLastSubnormal) {
  const auto log_of_first = [](double gap, Format format) {
    const Values x = {0, -gap};
    return LogSoftmax({.logits = x, .format = format}, GetParam())[0];
  };
  // -log1p(exp(-gap)) is -exp(-gap) to within its square.
  for (const double gap : {20.0, 60.0, 87.0}) {
    EXPECT_NEAR(log_of_first(gap, Format::kF32).nearest, -std::exp(-gap), std::exp(-gap) * 1e-7) << gap;
  }
  EXPECT_EQ(log_of_first(103, Format::kF32).nearest, -0x1p-149);
  EXPECT_EQ(log_of_first(104, Format::kF32).nearest, 0);
  EXPECT_FALSE(std::signbit(log_of_first(104, Format::kF32).nearest));
  EXPECT_LT(log_of_first(104, Format::kF32).remainder_ulp, 0);
  EXPECT_EQ(log_of_first(700, Format::kF64).nearest, -std::exp(-700));
  EXPECT_EQ(log_of_first(745, Format::kF64).nearest, -0x1p-1074);
  EXPECT_EQ(log_of_first(746, Format::kF64).nearest, 0);
  EXPECT_EQ(log_of_first(1e300, Format::kF64).nearest, 0);
  EXPECT_EQ(log_of_first(17, Format::kF16).nearest, -0x1p-24);
}

TEST_P(LogContract, ASingleEntryIsRoundedExactlyTiesIncluded) {
  const auto lse = [](double x, double t, double bias, Format format) {
    const Values logits = {x}, biases = {bias};
    return LogSumExp({.logits = logits, .bias = biases, .temperature = t, .format = format}, GetParam());
  };
  EXPECT_EQ(lse(2048, 1, 1, Format::kF16).nearest, 2048) << "a tie to even";
  EXPECT_EQ(lse(2048, 1, 1, Format::kF16).remainder_ulp, 0.5);
  EXPECT_EQ(lse(2050, 1, 1, Format::kF16).nearest, 2052);
  EXPECT_EQ(lse(2048, 1, 1 + 0x1p-1074, Format::kF16).nearest, 2048) << "1 + 2^-1074 is the double 1";
  EXPECT_EQ(lse(0x1p-1074, 1, 2049, Format::kF16).nearest, 2050) << "just above the tie";
  EXPECT_EQ(lse(-0x1p-1074, 1, 2049, Format::kF16).nearest, 2048) << "just below the tie";
  EXPECT_EQ(lse(-2049 * 3, 3, 0, Format::kF16).nearest, -2048);
  EXPECT_EQ(lse(1, 3, 0, Format::kF32).nearest, double{1.0F / 3.0F});
  ExpectExactly(lse(9, 3, -3, Format::kF32), 0);
  ExpectExactly(lse(-0.0, 1, -0.0, Format::kF64), 0);
  EXPECT_EQ(lse(0x1p1023, 1, 0x1p1023, Format::kF64).nearest, kInf);
  EXPECT_EQ(lse(1e308, 5e-324, 0, Format::kF64).nearest, kInf);
  EXPECT_EQ(lse(5e-324, 1e308, 0, Format::kF64).nearest, 0);
  EXPECT_EQ(lse(70000, 1, 0, Format::kF16).nearest, kInf);
  EXPECT_EQ(lse(-70000, 1, 0, Format::kF16).nearest, -kInf);
}

TEST_P(LogContract, LseAboveAMaximumThatIsAMidpointRoundsUp) {
  const auto lse = [](double top, double far, Format format) {
    const Values x = {far, top};
    return LogSumExp({.logits = x, .format = format}, GetParam());
  };
  EXPECT_EQ(lse(2049, -1e30, Format::kF16).nearest, 2050);
  EXPECT_EQ(lse(-2049, -1e30, Format::kF16).nearest, -2048);
  EXPECT_EQ(lse(-2051, -1e30, Format::kF16).nearest, -2050);
  EXPECT_EQ(lse(1, -1e30, Format::kF32).nearest, 1);
  EXPECT_EQ(lse(1, -1e30, Format::kF32).ulp, 0x1p-23);
  EXPECT_EQ(lse(-1, -1e30, Format::kF32).ulp, 0x1p-24) << "just below 1 in magnitude";
  EXPECT_EQ(lse(0, -1e30, Format::kF32).nearest, 0);
  EXPECT_GE(lse(0, -1e30, Format::kF32).remainder_ulp, 0);
  EXPECT_EQ(lse(0x1p54 + 4, -0x1p70, Format::kF32).nearest, 0x1p54);
  // 9 / 3 is exact, though 1/3 is not.
  const Values x = {9, -1e30};
  const Exact three = LogSumExp({.logits = x, .temperature = 3}, GetParam());
  EXPECT_EQ(three.nearest, 3);
  EXPECT_GE(three.remainder_ulp, 0);
}

TEST_P(LogContract, LseNearZeroKeepsItsRelativeAccuracy) {
  // log(2 exp(x)) = x + log 2, where x = -(log 2 rounded to double): log 2 = 0x1.62e42fefa39ef35793c7673007e5...p-1.
  const Values x = {-0x1.62e42fefa39efp-1, -0x1.62e42fefa39efp-1};
  const double rest = 0x0.35793c7673007e5p-53;
  for (const Format format : {Format::kF32, Format::kF64, Format::kBF16}) {
    const Exact lse = Lse({.logits = x, .format = format});
    EXPECT_NEAR(lse.nearest + lse.remainder_ulp * lse.ulp, rest, rest * 0x1p-52) << FormatName(format);
    EXPECT_LE(lse.width_ulp, 0x1p-40);
  }
}

TEST_P(LogContract, EqualEntriesAndRepetitionAddTheLogarithmOfTheirNumber) {
  const Values x(10, 1.5);
  for (const std::uint64_t repeat : {std::uint64_t{1}, std::uint64_t{7}, std::uint64_t{1} << 40}) {
    const double n = 10 * static_cast<double>(repeat);
    const Exact lse = Lse({.logits = x, .format = Format::kF64, .repeat = repeat});
    EXPECT_NEAR(lse.nearest, 1.5 + std::log(n), 0x1p-48) << repeat;
    const auto log = Log({.logits = x, .format = Format::kF64, .repeat = repeat});
    EXPECT_NEAR(log[9].nearest, -std::log(n), 0x1p-48);
    const Exact share = Softmax({.logits = x, .format = Format::kF64, .repeat = repeat}, GetParam())[0];
    EXPECT_EQ(share.nearest, 1 / n);
  }
}

TEST_P(LogContract, RepetitionIsTheSameAsWritingTheRowSeveralTimes) {
  const Values x = {0.5, -3, 2.25, -40};
  const Values bias = {0, 1, -0.125, 3};
  Values long_x, long_bias;
  for (int i = 0; i < 3; ++i) {
    long_x.insert(long_x.end(), x.begin(), x.end());
    long_bias.insert(long_bias.end(), bias.begin(), bias.end());
  }
  const Row repeated = {.logits = x, .bias = bias, .temperature = 0.7, .repeat = 3};
  const Row written = {.logits = long_x, .bias = long_bias, .temperature = 0.7};
  const auto close = [](const Exact& a, const Exact& b) {
    return a.nearest == b.nearest && std::fabs(a.remainder_ulp - b.remainder_ulp) <= a.width_ulp + b.width_ulp;
  };
  EXPECT_TRUE(close(Lse(repeated), Lse(written)));
  for (std::size_t i = 0; i < x.size(); ++i) {
    EXPECT_TRUE(close(Log(repeated)[i], Log(written)[i + 4]));
    EXPECT_TRUE(close(Softmax(repeated, GetParam())[i], Softmax(written, GetParam())[i + 8]));
  }
}

TEST_P(LogContract, ALongRowOfFewDifferentEntriesIsCounted) {
  Values x(70000, -2);
  for (std::size_t i = 0; i < x.size(); i += 7) x[i] = 1;
  const auto p = Softmax({.logits = x, .format = Format::kF64}, GetParam());
  const double sum = 10000 * std::exp(3.0) + 60000;
  EXPECT_NEAR(p[0].nearest, std::exp(3.0) / sum, 0x1p-66);
  EXPECT_NEAR(p[1].nearest, 1 / sum, 0x1p-66);
  EXPECT_EQ(p[69993].nearest, p[0].nearest);
  EXPECT_EQ(p[69999].nearest, p[1].nearest);
  EXPECT_NEAR(Lse({.logits = x, .format = Format::kF64}).nearest, std::log(sum) - 2, 0x1p-48);
  // All different, not counted: a geometric series with quotient exp(2^-10).
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = -static_cast<double>(i) * 0x1p-10;
  EXPECT_NEAR(Softmax({.logits = x}, GetParam())[0].nearest, -std::expm1(-0x1p-10), 0x1p-33);
}

TEST_P(LogContract, SharesOfManyEqualHalfEntriesTieToZero) {
  const Values x = {3};
  const Row row = {.logits = x, .format = Format::kF16, .repeat = std::uint64_t{1} << 25};
  EXPECT_EQ(Softmax(row, GetParam())[0].nearest, 0) << "2^-25 is a tie";
  EXPECT_EQ(Softmax(row, GetParam())[0].remainder_ulp, 0.5);
}

INSTANTIATE_TEST_SUITE_P(Tiers, LogContract, testing::Values(Tier::kReferee, Tier::kBulk),
                         [](const auto& tier_info) { return std::string(TierName(tier_info.param)); });

}  // namespace
}  // namespace assay::oracle
