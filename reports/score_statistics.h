// SPDX-License-Identifier: Apache-2.0
//
// Why attention divides its scores by the root of head_dim: what scores q·k of normal vectors do to a softmax over n
// keys, with and without the division, against head_dim. Statistics in double with their sampling error, no verdicts.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace assay::reports {

// A mean over rows and its standard error, the sample's standard deviation over the root of the number of rows.
struct Estimate {
  double mean = 0;
  double standard_error = 0;
};

// Of at least one value; the standard error of one alone is 0.
Estimate EstimateOf(std::span<const double> values);

// What one row of finite scores, at least one, becomes.
struct Shares {
  double largest = 0;        // of the probabilities
  double entropy = 0;        // -sum p log p, in nats
  double gradient_norm = 0;  // Frobenius norm of the Jacobian diag(p) - p pᵀ; at most 1/2 whatever n
};
Shares SharesOf(std::span<const double> scores);

// All rows at one head_dim, each score q·k times `scale`.
struct ScorePoint {
  std::size_t head_dim = 0;
  double scale = 1;
  Estimate variance;  // of the scores; their mean is known to be 0
  Estimate largest_share;
  Estimate entropy;
  Estimate gradient_norm;
};

struct ScoreStatistics {
  std::uint64_t seed = 0;
  std::size_t keys = 0;
  std::size_t rows = 0;
  std::vector<ScorePoint> unscaled;  // head_dim 1, 2, 4 ...; scale 1. Empty: nothing was drawn
  std::vector<ScorePoint> scaled;    // the same rows, scale 1/sqrt(head_dim)
};

struct ScoreOptions {
  std::uint64_t seed = 1;
  std::size_t keys = 64;
  std::size_t rows = 256;
  std::size_t max_head_dim = 1024;
};

// Row r is a query and its keys of max_head_dim components from N(0, 1), a pure function of (seed, r); a smaller
// head_dim is the front part of the same vectors. So rows are independent of each other, the points of a curve are not.
// Equal bits on every machine.
ScoreStatistics DrawScoreStatistics(const ScoreOptions& options = {});

}  // namespace assay::reports
