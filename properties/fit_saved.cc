// SPDX-License-Identifier: Apache-2.0
//
// Saved outputs made into what a forward pass could have saved.

#include <algorithm>
#include <cmath>
#include <limits>

#include "properties/fit.h"
#include "properties/portable.h"
#include "subjects/random.h"

namespace assay::properties {
namespace {

using subjects::Array;

constexpr double kInf = std::numeric_limits<double>::infinity();

// How far a sum of n shares may lie from 1 by the rounding of each: 2 u of it twice over, and the sum's own in double.
double SumSlack(const Case& c, double spread) {
  const subjects::FloatFormat format = subjects::FormatOf(subjects::ElementOf(c.dtype));
  const double n = static_cast<double>(c.cols);
  return 4 * format.Roundoff() * (1 + spread) + n * (std::ldexp(1.0, format.min_ulp_log2) + 0x1p-50);
}

void NormalizeProbabilities(Case& c, std::size_t row) {
  Array& saved = c.saved.values;
  double max = 0;
  for (std::size_t j = 0; j < c.cols; ++j) {
    const std::size_t i = row * c.cols + j;
    if (saved[i] < 0) saved.Set(i, -saved[i]);
    max = std::max(max, saved[i]);
  }
  double sum = 0;  // scaled, so that it does not overflow
  for (std::size_t j = 0; j < c.cols; ++j) sum += saved[row * c.cols + j] / max;
  if (max <= 1 && std::fabs(sum * max - 1) <= SumSlack(c, 0)) return;
  for (std::size_t j = 0; j < c.cols; ++j) {
    const std::size_t i = row * c.cols + j;
    saved.Set(i, saved[i] / max / sum);
  }
}

void NormalizeLogProbabilities(Case& c, std::size_t row) {
  Array& saved = c.saved.values;
  double max = -kInf;
  for (std::size_t j = 0; j < c.cols; ++j) max = std::max(max, saved[row * c.cols + j]);
  double sum = 0;
  double spread = 0;  // sum of p |log p|, what the rounding of log p does to the sum of p
  for (std::size_t j = 0; j < c.cols; ++j) {
    const double x = saved[row * c.cols + j];
    if (x == -kInf) continue;
    const double p = PortableExp(std::max(x - max, -800.0));
    if (p == 0) continue;
    sum += p;
    spread += p * (max - x);
  }
  const double log_sum = subjects::PortableLog(sum);
  const double total = max > 1 ? 2 : sum * (max > 0 ? 1 / PortableExp(-max) : PortableExp(max));
  if (max <= 0 && std::fabs(total - 1) <= SumSlack(c, spread / sum + log_sum)) return;
  for (std::size_t j = 0; j < c.cols; ++j) {
    const std::size_t i = row * c.cols + j;
    if (saved[i] != -kInf) saved.Set(i, std::min(0.0, (saved[i] - max) - log_sum));
  }
}

}  // namespace

Case WithSavedProbabilities(Case c) {
  c = WithFiniteRows(std::move(c));
  if (!subjects::IsBackwardOfActivation(c.op)) return c;
  for (std::size_t r = 0; r < c.rows && c.cols > 0; ++r) {
    if (c.op == ASSAY_LOG_SOFTMAX_BACKWARD) {
      NormalizeLogProbabilities(c, r);
    } else {
      NormalizeProbabilities(c, r);
    }
  }
  return WithFiniteRows(std::move(c));  // what was below 0 has mass now, and an upstream that counts
}

}  // namespace assay::properties
