// SPDX-License-Identifier: Apache-2.0
//
// The exact tier's cross-entropy and its gradient where something is known without an oracle. On every target.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "assay/assay.h"

namespace assay::internal {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kLog2 = 0.693147180559945309417;

struct Losses {
  std::vector<double> x;
  std::size_t rows = 1;
  std::vector<std::int64_t> labels = {};
  std::vector<double> targets = {};
  double smoothing = 0;
  double temperature = 1;
  assay_reduction reduction = ASSAY_REDUCTION_NONE;
  std::vector<std::uint8_t> mask = {};
  std::vector<double> upstream = {};
  bool in_place = false;  // the gradient over the targets, or else over the logits
};

// Of the first target; the others must have the same bits.
std::vector<double> Call(const Losses& in, bool backward) {
  std::vector<double> first;
  const auto cols = static_cast<std::ptrdiff_t>(in.x.size() / in.rows);
  const bool reduced = in.reduction != ASSAY_REDUCTION_NONE;
  for (std::size_t i = 0; i < assay_num_targets(); ++i) {
    std::vector<double> x = in.x;
    std::vector<double> targets = in.targets;
    std::vector<double> own(backward ? x.size() : reduced ? 1 : in.rows, -77);
    std::vector<double>& out = !in.in_place ? own : targets.empty() ? x : targets;
    assay_row_args args{};
    args.struct_size = sizeof(args);
    args.rows = in.rows;
    args.cols = x.size() / in.rows;
    args.dtype = ASSAY_F64;
    args.temperature = in.temperature;
    args.label_smoothing = in.smoothing;
    args.reduction = in.reduction;
    args.has_ignore_index = 1;
    args.ignore_index = -100;
    args.logits = {x.data(), cols, 1};
    if (!in.mask.empty()) args.mask = {in.mask.data(), cols, 1};
    if (!targets.empty()) args.targets = {targets.data(), cols, 1};
    if (!in.labels.empty()) args.labels = {in.labels.data(), 1, 1};
    if (!in.upstream.empty()) args.upstream = {in.upstream.data(), 1, 1};
    args.out = {out.data(), backward ? cols : 1, 1};
    const assay_subject& subject = *assay_target_subject(i, ASSAY_TIER_EXACT);
    EXPECT_EQ((backward ? subject.cross_entropy_backward : subject.cross_entropy).run(&args), ASSAY_OK);
    if (i == 0) first = out;
    for (std::size_t j = 0; j < out.size(); ++j) {
      EXPECT_TRUE(out[j] == first[j] || (std::isnan(out[j]) && std::isnan(first[j]))) << assay_target_name(i);
    }
  }
  return first;
}

std::vector<double> Loss(const Losses& in) { return Call(in, false); }
std::vector<double> Gradient(const Losses& in) { return Call(in, true); }

TEST(LossesTest, ALabelIsATargetOfOne) {
  const std::vector<double> x = {0.3, -1.7, 2.5, 900, -1e-3, 0};
  const std::vector<double> one_hot = {0, 1, 0, 0, 0, 1};
  for (const double smoothing : {0.0, 0.1, 1.0}) {
    for (const double temperature : {1.0, 0.7}) {
      const Losses label = {x, 2, {1, 2}, {}, smoothing, temperature};
      const Losses target = {x, 2, {}, one_hot, smoothing, temperature};
      EXPECT_EQ(Loss(label), Loss(target)) << smoothing;
      EXPECT_EQ(Gradient(label), Gradient(target)) << smoothing;
    }
  }
}

TEST(LossesTest, ClosedForms) {
  EXPECT_EQ(Loss({{3, 3}, 1, {1}})[0], kLog2);
  EXPECT_EQ(Loss({{3, 3, 3, 3}, 1, {1}, {}, 0.3})[0], 2 * kLog2);
  EXPECT_EQ(Loss({{0, 50}, 1, {0}})[0], 50);
  EXPECT_EQ(Loss({{0, 744.5}, 1, {1}})[0], std::numeric_limits<double>::denorm_min());
  EXPECT_EQ(Gradient({{3, 3}, 1, {1}}), (std::vector<double>{0.5, -0.5}));
  EXPECT_EQ(Gradient({{3, 3}, 1, {}, {0.25, 0.25}}), (std::vector<double>{0, 0}));
  EXPECT_EQ(Gradient({{3, 3}, 1, {1}, {}, 0, 0.5, ASSAY_REDUCTION_SUM, {}, {3}}), (std::vector<double>{3, -3}));
}

TEST(LossesTest, Reductions) {
  const std::vector<double> x = {1, 1, 5, 5, kNaN, kNaN};
  const std::vector<std::int64_t> labels = {0, 1, -100};
  EXPECT_EQ(Loss({x, 3, labels})[1], kLog2);
  EXPECT_EQ(Loss({x, 3, labels})[2], 0);
  EXPECT_EQ(Loss({x, 3, labels, {}, 0, 1, ASSAY_REDUCTION_SUM})[0], 2 * kLog2);
  EXPECT_EQ(Loss({x, 3, labels, {}, 0, 1, ASSAY_REDUCTION_MEAN})[0], kLog2);
  EXPECT_EQ(Gradient({x, 3, labels, {}, 0, 1, ASSAY_REDUCTION_MEAN}),
            (std::vector<double>{-0.25, 0.25, 0.25, -0.25, 0, 0}));
  EXPECT_TRUE(std::isnan(Loss({x, 3, {-100, -100, -100}, {}, 0, 1, ASSAY_REDUCTION_MEAN})[0]));
  // The sum is beyond the range, the mean is not.
  EXPECT_EQ(Loss({{-1.5e308, 0, -1.5e308, 0}, 2, {0, 0}, {}, 0, 1, ASSAY_REDUCTION_MEAN})[0], 1.5e308);
  EXPECT_EQ(Loss({{-1.5e308, 0, -1.5e308, 0}, 2, {0, 0}, {}, 0, 1, ASSAY_REDUCTION_SUM})[0], kInf);
}

TEST(LossesTest, HiddenAndBadTargets) {
  const std::vector<std::uint8_t> mask = {1, 0, 1};
  const std::vector<double> x = {0, kNaN, 0};
  EXPECT_EQ(Loss({x, 1, {1}, {}, 0, 1, ASSAY_REDUCTION_NONE, mask})[0], kInf);
  EXPECT_EQ(Loss({x, 1, {1}, {}, 1, 1, ASSAY_REDUCTION_NONE, mask})[0], kLog2);
  EXPECT_EQ(Gradient({x, 1, {1}, {}, 0, 1, ASSAY_REDUCTION_NONE, mask}), (std::vector<double>{0.5, 0, 0.5}));
  EXPECT_TRUE(std::isnan(Loss({x, 1, {}, {0, -1, 0}, 0, 1, ASSAY_REDUCTION_NONE, mask})[0]));
  for (const double g : Gradient({x, 1, {}, {0, kInf, 0}, 0, 1, ASSAY_REDUCTION_NONE, mask}))
    EXPECT_TRUE(std::isnan(g));
  EXPECT_EQ(Loss({{-kInf, -kInf}, 1, {}, {0, 0}})[0], 0);
  EXPECT_EQ(Loss({{-kInf, -kInf}, 1, {0}})[0], kInf);
  EXPECT_EQ(Gradient({{-kInf, -kInf}, 1, {0}}), (std::vector<double>{0, 0}));
}

TEST(LossesTest, TargetsAndUpstreamOfAnySize) {
  // Powers of two leave the result as it is, whichever way it is computed.
  const std::vector<double> x = {0.3, -1.7, 2.5};
  const std::vector<double> t = {0.2, 0.3, 0.5};
  for (const int shift : {-1000, -250, 250, 1000}) {
    Losses scaled = {x, 1, {}, t};
    for (double& target : scaled.targets) target = std::ldexp(target, shift);
    EXPECT_EQ(std::ldexp(Loss(scaled)[0], -shift), Loss({x, 1, {}, t})[0]) << shift;
    scaled.upstream = {std::ldexp(1.0, -shift)};
    EXPECT_EQ(Gradient(scaled), Gradient({x, 1, {}, t})) << shift;
    // d / T with T = 2^shift.
    Losses wide = {x, 1, {}, t};
    for (double& logit : wide.x) logit = std::ldexp(logit, shift);
    wide.temperature = std::ldexp(1.0, shift);
    wide.upstream = {std::ldexp(1.0, shift)};
    EXPECT_EQ(Gradient(wide), Gradient({x, 1, {}, t})) << shift;
  }
  // p = e^-1500 counts where 2^1023 / 2^-1074 multiplies it; e^-3900 does not.
  const double least = std::numeric_limits<double>::denorm_min();
  const Losses tiny = {{0, -1500 * least, -3900 * least}, 1, {0}, {}, 0, least, ASSAY_REDUCTION_NONE, {}, {0x1p1023}};
  EXPECT_NEAR(std::log2(Gradient(tiny)[1]), 2097 - 1500 / kLog2, 0x1p-40);
  EXPECT_EQ(Gradient(tiny)[2], 0);
  // log(1 + e^-1023) times 2^1000.
  EXPECT_NEAR(std::log2(Loss({{1023, 0}, 1, {}, {0x1p1000, 0}})[0]), 1000 - 1023 / kLog2, 0x1p-40);
  // p sum t beyond e^-1000.
  const Losses both = {{1200, 0}, 1, {}, {0x1p290, 0}, 0, 1, ASSAY_REDUCTION_NONE, {}, {0x1p700}};
  EXPECT_NEAR(std::log2(Gradient(both)[1]), 990 - 1200 / kLog2, 0x1p-40);
}

// Rows whose upstream f32 lanes cannot take get the exact tier's bits, and the others what they get alone.
TEST(LossesTest, FastRowsWithUpstreamOfAnySize) {
  constexpr std::size_t kRows = 5, kCols = 70;
  const std::vector<float> upstream = {1, 0x1p90f, 0x1p-90f, 0.75f, -0x1p40f};
  std::vector<float> x(kRows * kCols);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i * 29 % 97) / 16;
  const std::vector<std::int64_t> labels = {3, 0, 69, 20, 41};
  const auto gradient = [&](const assay_subject& subject, std::size_t first, std::size_t rows) {
    std::vector<float> out(rows * kCols);
    assay_row_args args{};
    args.struct_size = sizeof(args);
    args.rows = rows;
    args.cols = kCols;
    args.dtype = ASSAY_F32;
    args.temperature = 1;
    args.logits = {x.data() + first * kCols, kCols, 1};
    args.labels = {labels.data() + first, 1, 1};
    args.upstream = {upstream.data() + first, 1, 1};
    args.out = {out.data(), kCols, 1};
    EXPECT_EQ(subject.cross_entropy_backward.run(&args), ASSAY_OK);
    return out;
  };
  for (std::size_t target = 0; target < assay_num_targets(); ++target) {
    const assay_subject& fast = *assay_target_subject(target, ASSAY_TIER_FAST);
    const std::vector<float> all = gradient(fast, 0, kRows);
    for (std::size_t i = 0; i < kRows; ++i) {
      const bool in_lanes = upstream[i] == 1 || upstream[i] == 0.75f;
      const assay_subject& want = in_lanes ? fast : *assay_target_subject(target, ASSAY_TIER_EXACT);
      const auto row = all.begin() + static_cast<std::ptrdiff_t>(i * kCols);
      EXPECT_EQ(std::vector<float>(row, row + kCols), gradient(want, i, 1))
          << assay_target_name(target) << " row " << i;
    }
  }
}

TEST(LossesTest, InPlaceIsTheSame) {
  const std::vector<double> x = {0.3, -1.7, 2.5, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  const std::vector<double> t = {0, 0, 0, 0, .5, 0, 0, .25, 0, 0, 0, 1, 0.125};
  Losses label = {x, 1, {4}, {}, 0.1, 3};
  Losses target = {x, 1, {}, t, 0.1, 3};
  const std::vector<double> of_label = Gradient(label);
  const std::vector<double> of_target = Gradient(target);
  label.in_place = target.in_place = true;
  EXPECT_EQ(Gradient(label), of_label);
  EXPECT_EQ(Gradient(target), of_target);
}

}  // namespace
}  // namespace assay::internal
