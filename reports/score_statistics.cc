// SPDX-License-Identifier: Apache-2.0
//
// See score_statistics.h. Integers, + - * / and sqrt only, as subjects/random.h: the C library's exp would give each
// machine figures of its own.

#include "reports/score_statistics.h"

#include <algorithm>
#include <cmath>

#include "subjects/random.h"

namespace assay::reports {
namespace {

// exp(x), x <= 0, to a few units of 2^-53: r = x - k log 2 with log 2 in two parts (Cody & Waite 1980, chapter 6), then
// the Taylor series; |r| < 0.347, so the first term left out is below 2^-57.
double PortableExp(double x) {
  constexpr double kLog2High = 0x1.62e42fefap-1;  // 37 bits: exact times k
  constexpr double kLog2Low = 0x1.cf79abc9e3b39p-40;
  if (x < -745) return 0;
  const double k = std::floor(x * 0x1.71547652b82fep+0 + 0.5);
  const double r = (x - k * kLog2High) - k * kLog2Low;
  double sum = 1;
  for (int n = 13; n >= 1; --n) sum = 1 + sum * r / n;
  return std::ldexp(sum, static_cast<int>(k));
}

// The values of all rows at one head_dim.
struct Samples {
  std::vector<double> variance;
  std::vector<double> largest_share;
  std::vector<double> entropy;
  std::vector<double> gradient_norm;

  void Add(std::span<const double> scores) {
    double squares = 0;
    for (const double z : scores) squares += z * z;
    const Shares shares = SharesOf(scores);
    variance.push_back(squares / static_cast<double>(scores.size()));
    largest_share.push_back(shares.largest);
    entropy.push_back(shares.entropy);
    gradient_norm.push_back(shares.gradient_norm);
  }

  ScorePoint Point(std::size_t head_dim, double scale) const {
    return {head_dim,
            scale,
            EstimateOf(variance),
            EstimateOf(largest_share),
            EstimateOf(entropy),
            EstimateOf(gradient_norm)};
  }
};

}  // namespace

Estimate EstimateOf(std::span<const double> values) {
  const auto n = static_cast<double>(values.size());
  double sum = 0;
  for (const double v : values) sum += v;
  const double mean = sum / n;
  double squares = 0;
  for (const double v : values) squares += (v - mean) * (v - mean);
  return {mean, n > 1 ? std::sqrt(squares / (n - 1) / n) : 0};
}

Shares SharesOf(std::span<const double> scores) {
  const auto top = static_cast<std::size_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
  std::vector<double> probs;
  double sum_exp = 0;
  for (const double z : scores) {
    probs.push_back(PortableExp(z - scores[top]));
    sum_exp += probs.back();
  }
  // The largest probability p is within rounding of 1 where scores are spread: 1 - p is summed from the others.
  double rest = 0;
  double rest_squares = 0;
  double mean_gap = 0;
  for (std::size_t j = 0; j < probs.size(); ++j) {
    probs[j] /= sum_exp;
    mean_gap += probs[j] * (scores[top] - scores[j]);
    if (j == top) continue;
    rest += probs[j];
    rest_squares += probs[j] * probs[j];
  }
  // The Jacobian's squares: p_j² (1 - p_j)² on the diagonal, p_j² p_i² beside it, row by row and without a difference
  // of almost equal numbers.
  const double p = probs[top];
  double squares = p * p * (rest * rest + rest_squares);
  for (std::size_t j = 0; j < probs.size(); ++j) {
    if (j == top) continue;
    const double others = p * p + std::max(0.0, rest_squares - probs[j] * probs[j]);
    squares += probs[j] * probs[j] * ((1 - probs[j]) * (1 - probs[j]) + others);
  }
  return {p, subjects::PortableLog(sum_exp) + mean_gap, std::sqrt(squares)};
}

ScoreStatistics DrawScoreStatistics(const ScoreOptions& options) {
  ScoreStatistics statistics{options.seed, options.keys, options.rows, {}, {}};
  if (options.rows == 0 || options.keys == 0 || options.max_head_dim == 0) return statistics;
  std::vector<std::size_t> dims;
  for (std::size_t d = 1; d <= options.max_head_dim; d *= 2) dims.push_back(d);
  std::vector<Samples> unscaled(dims.size());
  std::vector<Samples> scaled = unscaled;
  std::vector<std::vector<double>> scores(dims.size(), std::vector<double>(options.keys));
  std::vector<double> q(dims.back());
  const std::uint64_t key = subjects::Mix(options.seed) ^ subjects::Fnv1a("score statistics");
  for (std::size_t row = 0; row < options.rows; ++row) {
    subjects::Random random(key, row);
    for (double& x : q) x = random.Normal();
    for (std::size_t j = 0; j < options.keys; ++j) {
      double dot = 0;
      std::size_t i = 0;
      for (std::size_t at = 0; at < dims.size(); ++at) {
        for (; i < dims[at]; ++i) dot += q[i] * random.Normal();
        scores[at][j] = dot;
      }
    }
    for (std::size_t at = 0; at < dims.size(); ++at) {
      unscaled[at].Add(scores[at]);
      const double scale = 1 / std::sqrt(static_cast<double>(dims[at]));
      for (double& z : scores[at]) z *= scale;
      scaled[at].Add(scores[at]);
    }
  }
  for (std::size_t at = 0; at < dims.size(); ++at) {
    statistics.unscaled.push_back(unscaled[at].Point(dims[at], 1));
    statistics.scaled.push_back(scaled[at].Point(dims[at], 1 / std::sqrt(static_cast<double>(dims[at]))));
  }
  return statistics;
}

}  // namespace assay::reports
