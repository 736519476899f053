// SPDX-License-Identifier: Apache-2.0
//
// Closed forms where there are any; otherwise a second sample drawn another way. A tolerance is kErrors standard errors
// of the sample at hand (chance 6e-7 each, and the seed is fixed), plus what the comment beside it derives.

#include "reports/score_statistics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>

#include "subjects/random.h"

namespace assay::reports {
namespace {

constexpr double kErrors = 5;

const ScoreStatistics& Drawn() {
  static const ScoreStatistics statistics = DrawScoreStatistics();
  return statistics;
}

double Together(double a, double b) { return std::sqrt(a * a + b * b); }

double Density(double x) { return std::exp(-x * x / 2) / std::sqrt(2 * std::numbers::pi); }
double Below(double x) { return std::erfc(-x / std::numbers::sqrt2) / 2; }

// The mean of 1/(1 + e^(s t)) over the distances t of the other keys from the largest of n normals: summed over all of
// them, or of the next one alone. ∫∫ n(n-1) φ(x) φ(x-t) Φ^(n-2) / (1 + e^(s t)) dt dx, Φ at x or, where none may lie
// between, at x - t; by the midpoint rule, whose error here is below 1e-4 of the result.
double MeanShareOfOthers(std::size_t n, double s, bool next_alone) {
  constexpr double kStepX = 0.02;
  const double step_t = 0.02 / s;
  double sum = 0;
  for (double x = -3 + kStepX / 2; x < 8; x += kStepX) {
    for (double t = step_t / 2; s * t < 40; t += step_t) {
      const double others = std::pow(Below(next_alone ? x - t : x), static_cast<double>(n - 2));
      sum += Density(x) * Density(x - t) * others / (1 + std::exp(s * t));
    }
  }
  return static_cast<double>(n * (n - 1)) * sum * kStepX * step_t;
}

TEST(EstimateOfTest, IsTheMeanAndItsStandardError) {
  const Estimate e = EstimateOf(std::vector<double>{1, 2, 3, 6});
  EXPECT_EQ(e.mean, 3);
  EXPECT_DOUBLE_EQ(e.standard_error, std::sqrt(14.0 / 3 / 4));
  EXPECT_EQ(EstimateOf(std::vector<double>{7}).standard_error, 0);
}

TEST(SharesOfTest, EqualScoresAreUniform) {
  for (const std::size_t n : {1, 2, 3, 64, 1000}) {
    const Shares shares = SharesOf(std::vector<double>(n, -3.25));
    const auto count = static_cast<double>(n);
    EXPECT_DOUBLE_EQ(shares.largest, 1 / count);
    EXPECT_NEAR(shares.entropy, std::log(count), 1e-14);
    EXPECT_NEAR(shares.gradient_norm, std::sqrt(count - 1) / count, 1e-14);
  }
}

TEST(SharesOfTest, TwoScoresAreALogistic) {
  for (const double gap : {0.5, std::log(3.0), 10.0, 50.0, 200.0}) {
    const double q = 1 / (1 + std::exp(gap));  // the smaller share
    const Shares shares = SharesOf(std::vector<double>{1, 1 + gap});
    EXPECT_DOUBLE_EQ(shares.largest, 1 / (1 + std::exp(-gap)));
    // log(1 + e^-gap) + q gap. The function keeps log(1 + e^-gap) to 2^-50 absolute; 1 + gap is rounded to 2^-45.
    EXPECT_NEAR(shares.entropy, std::log1p(std::exp(-gap)) + q * gap, 0x1p-44);
    // 2 q (1 - q), to the last digits even where the larger share rounds to 1; 2^-45 from the rounded gap.
    const double norm = 2 * q * shares.largest;
    EXPECT_NEAR(shares.gradient_norm, norm, norm * 0x1p-43);
  }
}

TEST(SharesOfTest, IsTheNormOfTheJacobian) {
  subjects::Random random(5, 6);
  for (int i = 0; i < 200; ++i) {
    std::vector<double> scores(1 + random.Below(20));
    for (double& z : scores) z = 4 * random.Normal();
    std::vector<double> p;
    double sum = 0;
    for (const double z : scores) sum += std::exp(z);
    for (const double z : scores) p.push_back(std::exp(z) / sum);
    double squares = 0;
    double entropy = 0;
    for (std::size_t a = 0; a < p.size(); ++a) {
      entropy -= p[a] * std::log(p[a]);
      for (std::size_t b = 0; b < p.size(); ++b) squares += std::pow((a == b ? p[a] : 0) - p[a] * p[b], 2);
    }
    const Shares shares = SharesOf(scores);
    EXPECT_NEAR(shares.entropy, entropy, 1e-13);
    EXPECT_NEAR(shares.gradient_norm, std::sqrt(squares), 1e-13);
    EXPECT_LE(shares.gradient_norm, 0.5);
  }
}

TEST(SharesOfTest, AFarLeadTakesAll) {
  const Shares shares = SharesOf(std::vector<double>{0, 1e6, -1e6});
  EXPECT_EQ(shares.largest, 1);
  EXPECT_EQ(shares.entropy, 0);
  EXPECT_EQ(shares.gradient_norm, 0);
}

// The variance of a row's mean square, given |q|², is 2 |q|⁴ / n; with |q|² from χ² of d degrees the whole variance is
// (d² + 2d)(1 + 2/n) - d².
TEST(ScoreStatisticsTest, UnscaledVarianceIsHeadDim) {
  for (const ScorePoint& p : Drawn().unscaled) {
    const auto d = static_cast<double>(p.head_dim);
    const double variance = (d * d + 2 * d) * (1 + 2 / static_cast<double>(Drawn().keys)) - d * d;
    const double error = std::sqrt(variance / static_cast<double>(Drawn().rows));
    EXPECT_NEAR(p.variance.mean, d, kErrors * error) << d;
    // χ² is far from normal at d = 1 (kurtosis 15): the estimate of the error itself is then off by up to half.
    EXPECT_NEAR(p.variance.standard_error, error, 0.5 * error) << d;
  }
}

TEST(ScoreStatisticsTest, ScaledVarianceIsOne) {
  for (std::size_t i = 0; i < Drawn().scaled.size(); ++i) {
    const ScorePoint& p = Drawn().scaled[i];
    const auto d = static_cast<double>(p.head_dim);
    EXPECT_DOUBLE_EQ(p.scale, 1 / std::sqrt(d));
    EXPECT_NEAR(p.variance.mean, Drawn().unscaled[i].variance.mean / d, 1e-13 * p.variance.mean);
    EXPECT_NEAR(p.variance.mean, 1, kErrors * std::sqrt((2 / d + (1 + 2 / d) * 2 / 64) / 256)) << d;
  }
}

TEST(ScoreStatisticsTest, AtHeadDim1ScalingChangesNothing) {
  const ScorePoint& a = Drawn().unscaled.front();
  const ScorePoint& b = Drawn().scaled.front();
  EXPECT_EQ(a.variance.mean, b.variance.mean);
  EXPECT_EQ(a.largest_share.mean, b.largest_share.mean);
  EXPECT_EQ(a.entropy.mean, b.entropy.mean);
  EXPECT_EQ(a.gradient_norm.mean, b.gradient_norm.mean);
}

// 1 - share = R / (1 + R), R = sum of e^-gap over the other keys. That is subadditive in the keys and grows with each:
// at most the sum of what each alone would take, at least what the next one takes. Both means are integrals, about
// 1.6 / √d. |q|² spreads by √(2/d) of itself, which moves the mean of 1/|q| by 3/(4d) of itself.
// Entropy and gradient follow the share: Fano's inequality, and in the squares of the Jacobian (1 - p)² once and at
// most that again from the rest of the row: 2 (1 - p)² in the row of the largest, 2 p_j² in every other, 4 (1 - p)²
// together.
TEST(ScoreStatisticsTest, UnscaledSoftmaxBecomesAChoiceOfOne) {
  const ScorePoint& p = Drawn().unscaled.back();
  const auto d = static_cast<double>(p.head_dim);
  const double n = static_cast<double>(Drawn().keys);
  const double others = 1 - p.largest_share.mean;
  const double error = kErrors * p.largest_share.standard_error;
  EXPECT_GT(others, MeanShareOfOthers(Drawn().keys, std::sqrt(d), true) * (1 - 1 / d) - error);
  EXPECT_LT(others, MeanShareOfOthers(Drawn().keys, std::sqrt(d), false) * (1 + 1 / d) + error);
  EXPECT_LT(others, 0.1);
  const double fano = -others * std::log(others) - (1 - others) * std::log1p(-others) + others * std::log(n - 1);
  EXPECT_LT(p.entropy.mean, fano);  // concave, so of the means too
  EXPECT_LT(p.gradient_norm.mean, 2 * others);
  for (const ScorePoint& scaled : Drawn().scaled) {
    EXPECT_GT(1 - scaled.largest_share.mean, 0.8) << scaled.head_dim;
    EXPECT_GT(scaled.gradient_norm.mean, 2 * p.gradient_norm.mean) << scaled.head_dim;
  }
}

// Given q, the scores are exactly |q| times independent normals: another sample, drawn so, must agree at every head_dim
// and scale. For large head_dim |q| / √d is 1 and nothing of d is left.
TEST(ScoreStatisticsTest, ScoresAreNormalsTimesTheLengthOfTheQuery) {
  constexpr std::size_t kRows = 1000;
  for (const auto* curve : {&Drawn().unscaled, &Drawn().scaled}) {
    for (const ScorePoint& p : *curve) {
      subjects::Random random(77, p.head_dim);
      std::vector<double> largest;
      std::vector<double> entropy;
      std::vector<double> gradient;
      for (std::size_t row = 0; row < kRows; ++row) {
        double length = 0;
        for (std::size_t i = 0; i < p.head_dim; ++i) length += std::pow(random.Normal(), 2);
        std::vector<double> scores(Drawn().keys);
        for (double& z : scores) z = p.scale * std::sqrt(length) * random.Normal();
        const Shares shares = SharesOf(scores);
        largest.push_back(shares.largest);
        entropy.push_back(shares.entropy);
        gradient.push_back(shares.gradient_norm);
      }
      const auto expect = [&](const char* what, const Estimate& got, const Estimate& want) {
        EXPECT_NEAR(got.mean, want.mean, kErrors * Together(got.standard_error, want.standard_error))
            << what << " at d = " << p.head_dim << ", scale " << p.scale;
      };
      expect("largest share", p.largest_share, EstimateOf(largest));
      expect("entropy", p.entropy, EstimateOf(entropy));
      expect("gradient", p.gradient_norm, EstimateOf(gradient));
    }
  }
}

// The dependence on d that is left is that of |q|²/d, whose variance is 2/d: of the order of 1/d. From 64 on, that is
// below the sampling error.
TEST(ScoreStatisticsTest, ScaledSoftmaxDoesNotDependOnHeadDim) {
  const ScorePoint& last = Drawn().scaled.back();
  for (const ScorePoint& p : Drawn().scaled) {
    if (p.head_dim < 64) continue;
    const auto expect = [&](const char* what, const Estimate& a, const Estimate& b) {
      EXPECT_NEAR(a.mean, b.mean, kErrors * Together(a.standard_error, b.standard_error)) << what << p.head_dim;
    };
    expect("largest share", p.largest_share, last.largest_share);
    expect("entropy", p.entropy, last.entropy);
    expect("gradient", p.gradient_norm, last.gradient_norm);
  }
}

TEST(ScoreStatisticsTest, RowsArePureFunctionsOfSeedAndIndex) {
  ScoreOptions options;
  options.rows = 3;
  options.keys = 5;
  options.max_head_dim = 9;  // 8 is the largest power of two in it
  const ScoreStatistics a = DrawScoreStatistics(options);
  ASSERT_EQ(a.unscaled.size(), 4u);
  EXPECT_EQ(a.unscaled.back().head_dim, 8u);
  EXPECT_EQ(DrawScoreStatistics(options).unscaled.back().entropy.mean, a.unscaled.back().entropy.mean);
  options.seed = 2;
  EXPECT_NE(DrawScoreStatistics(options).unscaled.back().entropy.mean, a.unscaled.back().entropy.mean);
  options.rows = 0;
  EXPECT_TRUE(DrawScoreStatistics(options).unscaled.empty());
}

// Changes with any change of how rows are drawn or computed; equal on every machine.
TEST(ScoreStatisticsTest, BitsAreTheSameEverywhere) {
  std::uint64_t hash = 0;
  for (const auto* curve : {&Drawn().unscaled, &Drawn().scaled}) {
    for (const ScorePoint& p : *curve) {
      for (const Estimate& e : {p.variance, p.largest_share, p.entropy, p.gradient_norm}) {
        hash = subjects::Mix(hash ^ std::bit_cast<std::uint64_t>(e.mean));
        hash = subjects::Mix(hash ^ std::bit_cast<std::uint64_t>(e.standard_error));
      }
    }
  }
  EXPECT_EQ(hash, 0x7BA65B1B7ED21670ULL);
}

}  // namespace
}  // namespace assay::reports
