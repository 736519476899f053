// SPDX-License-Identifier: Apache-2.0
//
// The two tiers agree on the backward operations, sparsemax, cross-entropy and its gradient in every format, and an
// error of 2^-40 planted in either is seen. CTest runs it with 10^5 elements of each, and with 10^6 under the label
// nightly.

#include <gtest/gtest.h>

#include <cmath>
#include <iterator>
#include <limits>
#include <tuple>

#include "oracle/agreement.h"
#include "oracle/round.h"

namespace assay::oracle {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kTemperatures[] = {1, 0.7, 1, 3, 2, 1e-3, 1, 1e3, 5e-324, 1e300, 0x1p-20, kInf};

struct OwnedGradient {
  std::vector<double> saved;
  std::vector<double> upstream;
  double temperature = 1;
  Format format = Format::kF32;

  Gradient View() const { return {saved, upstream, temperature, format}; }
};

// 2^-(0 ... most), times up to 2.
double Spread(Random& random, std::uint64_t most) {
  return std::ldexp(1 + std::fabs(random.Unit()), -static_cast<int>(random.Below(most + 1)));
}

// Upstream gradients of five kinds: ordinary; all equal, so that they cancel wherever the saved outputs sum to 1; small
// integers; from the largest to the smallest of the format; in pairs that sum to 0.
void SetUpstream(OwnedGradient& row, Random& random) {
  const FormatShape shape = ShapeOf(row.format);
  const std::uint64_t kind = random.Below(5);
  const double common = 8 * random.Unit();
  for (std::size_t i = 0; i < row.saved.size(); ++i) {
    double dy = 4 * random.Unit();
    if (kind == 1) dy = common;
    if (kind == 2) dy = static_cast<double>(random.Below(7)) - 3;
    if (kind == 3) {
      const int exponent =
          shape.min_ulp_log2 +
          static_cast<int>(random.Below(static_cast<std::uint64_t>(shape.max_binade - shape.min_ulp_log2)));
      dy = std::ldexp(random.Unit(), exponent + 1);
    }
    if (kind == 4 && i % 2 == 1) dy = -row.upstream.back();
    row.upstream.push_back(ToFormat(dy, row.format));
  }
}

OwnedGradient Blank(Random& random, std::uint64_t index, Format format) {
  OwnedGradient row;
  row.format = format;
  row.temperature = kTemperatures[index % std::size(kTemperatures)];
  row.saved.resize(1 + random.Below(120));
  return row;
}

// Saved outputs of five kinds: shares of random weights; negative powers of two that sum to 1 (all but the last two);
// down to the smallest number; one entry with all mass; of either sign. Some are 0.
OwnedGradient SavedProbs(std::uint64_t index, Format format) {
  Random random(index);
  OwnedGradient row = Blank(random, index, format);
  const std::uint64_t kind = random.Below(5);
  const auto n = static_cast<double>(row.saved.size());
  for (std::size_t i = 0; i < row.saved.size(); ++i) {
    double p = Spread(random, 20) / n;
    if (kind == 1) p = std::ldexp(1, -static_cast<int>(i + 1 < row.saved.size() ? i + 1 : i));
    if (kind == 2) p = Spread(random, static_cast<std::uint64_t>(-ShapeOf(format).min_ulp_log2));
    if (kind == 3) p = i == 0 ? 1 : Spread(random, 30) / 1024;
    if (kind == 4) p = random.Unit();
    if (random.Below(12) == 0) p = 0;
    row.saved[i] = ToFormat(p, format);
  }
  SetUpstream(row, random);
  return row;
}

// Logarithms of five kinds: ordinary; next to 0; far below it; of either sign; mostly 0. Some are -inf.
OwnedGradient SavedLogProbs(std::uint64_t index, Format format) {
  Random random(index);
  OwnedGradient row = Blank(random, index, format);
  const std::uint64_t kind = random.Below(5);
  for (double& l : row.saved) {
    l = -12 * std::fabs(random.Unit());
    if (kind == 1) l = -Spread(random, static_cast<std::uint64_t>(-ShapeOf(format).min_ulp_log2));
    if (kind == 2) l = -std::ldexp(std::fabs(random.Unit()), static_cast<int>(random.Below(40)));
    if (kind == 3) l = 100 * random.Unit();
    if (kind == 4) l = random.Below(3) == 0 ? l : 0;
    if (random.Below(12) == 0) l = -kInf;
    l = l == -kInf ? l : ToFormat(l, format);
  }
  SetUpstream(row, random);
  return row;
}

// Rows on a coarse grid, where entries often lie at the threshold, every other time; and T = 0 now and then.
OwnedRow SparsemaxRow(std::uint64_t index, Format format) {
  OwnedRow row = MakeRow(index, format, 120);
  Random random(~index);
  if (index % 2 == 0) {
    for (double& x : row.logits) x = static_cast<double>(random.Below(32)) / 16;
    row.temperature = std::ldexp(1, static_cast<int>(random.Below(4)) - 1);
  } else if (random.Below(4) != 0) {
    // The threshold among many.
    for (double& x : row.logits) x = ToFormat(random.Unit() * 3 / static_cast<double>(row.logits.size()), format);
    row.temperature = random.Below(2) == 0 ? 1 : 0.7;
  }
  if (random.Below(10) == 0) row.temperature = 0;
  return row;
}

struct OwnedLoss {
  OwnedRow row;
  std::vector<double> targets;
  double smoothing = 0;
  double upstream = 1;
  double divisor = 1;

  LossRow View() const { return {row.View(), targets, smoothing}; }
};

OwnedLoss MakeLoss(std::uint64_t index, Format format, std::size_t max_cols) {
  OwnedLoss loss;
  loss.row = MakeRow(index, format, max_cols);
  loss.row.repeat = 1;
  const std::size_t n = loss.row.logits.size();
  Random random(~index);
  loss.targets.resize(n);
  const std::uint64_t kind = random.Below(5);
  if (kind < 2) {
    // A label: any, or that of the largest logit.
    std::size_t label = random.Below(n);
    for (std::size_t j = 0; kind == 1 && j < n; ++j) {
      if (loss.row.logits[j] > loss.row.logits[label]) label = j;
    }
    if (!loss.row.mask.empty()) loss.row.mask[label] = random.Below(8) != 0;
    loss.targets[label] = 1;
  } else {
    for (double& t : loss.targets) {
      t = kind == 2 ? std::fabs(random.Unit()) / static_cast<double>(n) : Spread(random, 30);
      if (kind == 4) t = random.Below(2) == 0 ? 0 : std::ldexp(1, -static_cast<int>(random.Below(4)));
      t = ToFormat(t, format);
    }
    for (std::size_t j = 0; j < loss.row.mask.size(); ++j) {
      if (loss.row.mask[j] == 0 && random.Below(200) != 0) loss.targets[j] = 0;
    }
    for (std::size_t j = 0; j < n; ++j) {
      if (loss.row.logits[j] == -kInf || (!loss.row.bias.empty() && loss.row.bias[j] == -kInf)) loss.targets[j] = 0;
    }
  }
  const double smoothings[] = {0, 0, 0.1, 0.5, 1};
  loss.smoothing = smoothings[random.Below(5)];
  const double upstreams[] = {1, 1, -0.3, 1e30, 1e-30, 0};
  loss.upstream = upstreams[random.Below(6)];
  loss.divisor = static_cast<double>(1 + random.Below(5));
  return loss;
}

// Up to five rows of at most nine entries; mostly a single one.
std::vector<Exact> Losses(std::uint64_t index, Format format, Tier tier) {
  Random random(index);
  const std::uint64_t count = random.Below(3) == 0 ? 1 + random.Below(5) : 1;
  std::vector<OwnedLoss> owned;
  for (std::uint64_t r = 0; r < count; ++r) owned.push_back(MakeLoss(index + 1'000'003 * r, format, 9));
  std::vector<LossRow> rows;
  for (const OwnedLoss& loss : owned) rows.push_back(loss.View());
  return {CrossEntropy(rows, static_cast<double>(count), tier)};
}

const Operation kOperations[] = {
    {"softmax_backward", [](std::uint64_t index, Format format,
                            Tier tier) { return SoftmaxBackward(SavedProbs(index, format).View(), tier); }},
    {"log_softmax_backward", [](std::uint64_t index, Format format,
                                Tier tier) { return LogSoftmaxBackward(SavedLogProbs(index, format).View(), tier); }},
    {"sparsemax_backward", [](std::uint64_t index, Format format,
                              Tier tier) { return SparsemaxBackward(SavedProbs(index, format).View(), tier); }},
    {"sparsemax",
     [](std::uint64_t index, Format format, Tier tier) { return Sparsemax(SparsemaxRow(index, format).View(), tier); }},
    {"cross_entropy", Losses},
    {"cross_entropy_backward",
     [](std::uint64_t index, Format format, Tier tier) {
       const OwnedLoss loss = MakeLoss(index, format, 120);
       return CrossEntropyBackward(loss.View(), loss.upstream, loss.divisor, tier);
     }},
};

class LossAgreementTest : public testing::TestWithParam<std::tuple<std::size_t, Format>> {
 protected:
  static const Operation& Op() { return kOperations[std::get<0>(GetParam())]; }
  static Format Type() { return std::get<1>(GetParam()); }
};

TEST_P(LossAgreementTest, TheTiersAgree) {
  // Most entries of sparsemax are 0.
  ExpectAgreement(Op(), Type(), Op().name == "sparsemax" ? 0.1 : 0.2);
}

TEST_P(LossAgreementTest, AnErrorOf2ToTheMinus40PlantedInEitherTierIsSeen) {
  ExpectPlantedErrorIsSeen(Op(), Type(), 0.2);
}

// Rational results are the same bits from both tiers, and always certain: both keep 128 bits of the same fraction.
TEST_P(LossAgreementTest, WhatIsRationalIsTheSameInEveryBit) {
  const std::string& name = Op().name;
  if (name != "softmax_backward" && name != "sparsemax_backward" && name != "sparsemax") return;
  for (std::uint64_t index = 0; index < 200; ++index) {
    const auto referee = Op().run(index, Type(), Tier::kReferee);
    const auto bulk = Op().run(index, Type(), Tier::kBulk);
    ASSERT_EQ(referee.size(), bulk.size());
    for (std::size_t i = 0; i < referee.size(); ++i) {
      EXPECT_TRUE(referee[i].certain && bulk[i].certain);
      if (std::isnan(referee[i].nearest)) continue;
      EXPECT_EQ(referee[i].nearest, bulk[i].nearest);
      EXPECT_EQ(referee[i].remainder_ulp, bulk[i].remainder_ulp);
      EXPECT_EQ(referee[i].width_ulp, bulk[i].width_ulp);
    }
  }
}

std::string NameOf(const testing::TestParamInfo<LossAgreementTest::ParamType>& test) {
  return kOperations[std::get<0>(test.param)].name + "_" + FormatName(std::get<1>(test.param));
}

INSTANTIATE_TEST_SUITE_P(Rows, LossAgreementTest,
                         testing::Combine(testing::Range<std::size_t>(0, std::size(kOperations)),
                                          testing::ValuesIn(kFormats)),
                         NameOf);

}  // namespace
}  // namespace assay::oracle
