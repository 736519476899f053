// SPDX-License-Identifier: Apache-2.0

#include "reports/statistics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "subjects/random.h"

namespace assay::reports {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(UlpStatisticsTest, QuantilesAreWithinASixteenthOfTheSortedOnes) {
  subjects::Random random(1, 2);
  UlpStatistics statistics;
  std::vector<double> errors;
  for (int i = 0; i < 10'000; ++i) {
    errors.push_back(std::ldexp(random.Uniform(), static_cast<int>(random.Below(20)) - 10));
    statistics.Add(errors.back(), false);
  }
  std::sort(errors.begin(), errors.end());
  for (const double share : {0.5, 0.9, 0.999}) {
    const double exact = errors[static_cast<std::size_t>(std::ceil(share * 10'000)) - 1];
    EXPECT_GE(statistics.Quantile(share), exact);
    EXPECT_LE(statistics.Quantile(share), exact * (1 + 1.0 / 16));
  }
  EXPECT_EQ(statistics.Quantile(1), errors.back());
  EXPECT_EQ(statistics.max(), errors.back());
}

TEST(UlpStatisticsTest, MergesToExactlyTheWholeInAnyOrder) {
  subjects::Random random(3, 4);
  UlpStatistics whole;
  UlpStatistics parts[3];
  for (int i = 0; i < 3000; ++i) {
    const double err = random.Uniform(0, 80) * random.Uniform();
    whole.Add(err, err > 0.5);
    parts[i % 3].Add(err, err > 0.5);
  }
  UlpStatistics forward = parts[0];
  forward.Merge(parts[1]);
  forward.Merge(parts[2]);
  UlpStatistics backward = parts[2];
  backward.Merge(parts[1]);
  backward.Merge(parts[0]);
  EXPECT_EQ(forward, whole);
  EXPECT_EQ(backward, whole);
  EXPECT_EQ(forward.Mean(), whole.Mean());
}

TEST(UlpStatisticsTest, KeepsExtremes) {
  UlpStatistics statistics;
  EXPECT_EQ(statistics.Mean(), 0);
  EXPECT_EQ(statistics.Quantile(0.999), 0);
  statistics.Add(0, false);
  statistics.Add(-0.0, false);
  statistics.Add(0.25, false);
  statistics.Add(1, true);
  EXPECT_EQ(statistics.Mean(), 0.3125);
  EXPECT_EQ(statistics.misrounded(), 1u);
  EXPECT_EQ(statistics.InOctave(0), 1u);
  EXPECT_EQ(statistics.InOctave(-2), 1u);
  EXPECT_EQ(statistics.InOctave(UlpStatistics::kLowestOctave - 1), 2u);
  statistics.Add(0x1p150, true);
  EXPECT_EQ(statistics.InOctave(150), 1u);
  EXPECT_EQ(statistics.max(), 0x1p150);
  statistics.Add(kInfinity, true);
  EXPECT_EQ(statistics.infinite(), 1u);
  EXPECT_EQ(statistics.Mean(), kInfinity);
  EXPECT_EQ(statistics.Quantile(1), kInfinity);
  EXPECT_THROW(statistics.Add(std::nan(""), false), std::invalid_argument);
  EXPECT_THROW(statistics.Add(-1, false), std::invalid_argument);
}

}  // namespace
}  // namespace assay::reports
