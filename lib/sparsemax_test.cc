// SPDX-License-Identifier: Apache-2.0
//
// Sparsemax against integers, and supports that rounding would get wrong.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

#include "assay/assay.h"

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
using Doubles = std::vector<double>;

template <class T>
std::vector<T> SparsemaxOf(std::vector<T> logits, double temperature = 1, std::vector<T> bias = {},
                           std::vector<std::uint8_t> mask = {}, std::size_t target = 0) {
  std::vector<T> out(logits.size());
  assay_row_args args{};
  args.struct_size = sizeof(args);
  args.rows = 1;
  args.cols = logits.size();
  args.temperature = temperature;
  args.dtype = sizeof(T) == 8 ? ASSAY_F64 : ASSAY_F32;
  args.logits = {logits.data(), 0, 1};
  args.bias = {bias.empty() ? nullptr : bias.data(), 0, 1};
  args.mask = {mask.empty() ? nullptr : mask.data(), 0, 1};
  args.out = {out.data(), 0, 1};
  EXPECT_EQ(assay_target_subject(target, ASSAY_TIER_EXACT)->sparsemax.run(&args), ASSAY_OK);
  return out;
}

// Logits m 2^-20 with T = 1: the shares (2^20 + sum g - k g_i) / (k 2^20), g the gaps to the largest, by sorting.
void ExpectAgreesWithIntegers(const std::vector<std::int64_t>& m) {
  std::vector<std::int64_t> sorted = m;
  std::sort(sorted.rbegin(), sorted.rend());
  constexpr std::int64_t kOne = 1 << 20;
  std::int64_t k = 0;
  std::int64_t sum = 0;
  for (const std::int64_t v : sorted) {
    const std::int64_t gap = sorted[0] - v;
    if (kOne + sum + gap - (k + 1) * gap <= 0) break;
    sum += gap;
    ++k;
  }
  Doubles logits;
  for (const std::int64_t v : m) logits.push_back(static_cast<double>(v) * 0x1p-20);
  for (std::size_t target = 0; target < assay_num_targets(); ++target) {
    const Doubles got = SparsemaxOf<double>(logits, 1, {}, {}, target);
    for (std::size_t i = 0; i < m.size(); ++i) {
      const std::int64_t numerator = kOne + sum - k * (sorted[0] - m[i]);
      const double want = numerator <= 0 ? 0 : static_cast<double>(numerator) / static_cast<double>(k * kOne);
      EXPECT_EQ(got[i] > 0, want > 0) << i;
      EXPECT_NEAR(got[i], want, 0x1p-50 * (std::fabs(logits[i]) + 1)) << i;
    }
  }
}

TEST(SparsemaxTest, AgreesWithIntegers) {
  std::uint64_t state = 3;
  const auto next = [&state] {
    state = state * 6364136223846793005 + 1442695040888963407;
    return static_cast<std::int64_t>(state >> 33);
  };
  // More candidates than the scratch holds among them, and many ties.
  for (const std::size_t n : {1u, 2u, 7u, 40u, 1016u, 1017u, 5000u}) {
    for (const std::int64_t range : {1 << 4, 1 << 12, 1 << 20, 1 << 24}) {
      std::vector<std::int64_t> m(n);
      for (std::int64_t& v : m) v = next() % range - range / 2;
      ExpectAgreesWithIntegers(m);
    }
  }
}

// Every round of the search drops one entry.
TEST(SparsemaxTest, EndsWhereEachRoundDropsAnEntry) {
  std::vector<std::int64_t> m;
  for (int i = 0; i < 40; ++i) m.push_back(-(std::int64_t{1} << 20) + (std::int64_t{1} << 20 >> (i / 2)));
  m.push_back(0);
  ExpectAgreesWithIntegers(m);
}

TEST(SparsemaxTest, LeavesATieAtTheThresholdOutside) {
  EXPECT_EQ(SparsemaxOf<double>({1, 0}), (Doubles{1, 0}));
  EXPECT_EQ(SparsemaxOf<double>({1, 0x1p-1074}), (Doubles{1, 0x1p-1074 / 2}));
  EXPECT_EQ(SparsemaxOf<double>({0.75, 0.75, 0.25}), (Doubles{0.5, 0.5, 0}));
  // Just inside: the threshold is half of 2^-140.
  EXPECT_EQ(SparsemaxOf<float>({1, 0x1p-140f}), (std::vector<float>{1, 0x1p-141f}));
}

TEST(SparsemaxTest, SeesAScoreThatCancels) {
  // x + b T = -(1 + 2^-29) + (1 + 2^-30)^2 = 2^-60, against T: the gap is T - 2^-60.
  const double t = 1 + 0x1p-30;
  const Doubles got = SparsemaxOf<double>({-(1 + 0x1p-29), t}, t, {t, 0});
  EXPECT_NEAR(got[0] * 0x1p61 * t, 1, 0x1p-50);
  EXPECT_EQ(got[1], 1);
  // The same with 2^-60 on the other side: outside.
  EXPECT_EQ(SparsemaxOf<double>({-(1 + 0x1p-29), t}, t, {t - 0x1p-52, 0})[0], 0);
}

TEST(SparsemaxTest, KnowsTheLimitsOfTheTemperature) {
  EXPECT_EQ(SparsemaxOf<double>({3, 1, 3, 2}, 0), (Doubles{0.5, 0, 0.5, 0}));
  EXPECT_EQ(SparsemaxOf<double>({3, 1, 3, 2}, 0, {0.5, 9, 0, 9}), (Doubles{0.75, 0, 0.25, 0}));
  EXPECT_EQ(SparsemaxOf<double>({3, 1, -kInf, 2}, kInf, {}, {1, 0, 1, 1}), (Doubles{0.5, 0, 0, 0.5}));
  EXPECT_EQ(SparsemaxOf<double>({1, 1 - 0x1p-53}, 0x1p-1074), (Doubles{1, 0}));
  EXPECT_EQ(SparsemaxOf<double>({1e308, -1e308}, 1.7e308), (Doubles{1, 0}));
  EXPECT_EQ(SparsemaxOf<double>({1e308, 1e308, -1e308}, 1e-5), (Doubles{0.5, 0.5, 0}));
}

TEST(SparsemaxTest, WritesNaNOrNothingWhereThereIsNoSum) {
  for (const double bad : {kInf, std::nan("")}) {
    for (const double p : SparsemaxOf<double>({1, bad, 2})) EXPECT_TRUE(std::isnan(p));
    EXPECT_EQ(SparsemaxOf<double>({1, bad, 2}, 1, {}, {1, 0, 1}), (Doubles{0, 0, 1}));
  }
  EXPECT_EQ(SparsemaxOf<double>({1, 2}, 1, {}, {0, 0}), (Doubles{0, 0}));
  for (const double p : SparsemaxOf<double>({-kInf})) EXPECT_TRUE(std::isnan(p));
}

}  // namespace
