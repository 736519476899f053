// SPDX-License-Identifier: Apache-2.0

#include "properties/row_model.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace assay::properties {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

// An unevaluated sum of two doubles: z = x / T + b may cancel, and what is left must still be right.
struct Two {
  double hi = 0;
  double lo = 0;
};

Two Sum(double a, double b) {  // Knuth's TwoSum, exact
  const double s = a + b;
  const double t = s - a;
  return {s, std::isfinite(s) ? (a - (s - t)) + (b - t) : 0};
}

Two Quotient(Two a, double b) {  // (a.hi + a.lo) / b within 2^-104 relative
  const double q = a.hi / b;
  if (!std::isfinite(q) || b == 1) return {q, std::isfinite(q) ? a.lo / b : 0};
  return {q, (std::fma(-q, b, a.hi) + a.lo) / b};
}

// max - z for numbers without overflow in between; maybe infinite.
double DepthOf(Two max, Two z) {
  const Two gap = Sum(max.hi, -z.hi);
  return gap.hi + (gap.lo + (max.lo - z.lo));
}

}  // namespace

bool TemperatureMayOverflow(const subjects::Case& c) {
  const double t = c.temperature;
  if (t == 1 || t == 0 || std::isinf(t)) return false;
  const subjects::FloatFormat format = subjects::FormatOf(subjects::ElementOf(c.dtype));
  const double least_normal = std::ldexp(1.0, format.min_ulp_log2 + format.precision - 1);
  const auto in_range = [&](double x) { return x >= least_normal && x <= format.max_finite; };
  return !(in_range(t) && in_range(1 / t));
}

Score ModelOfScore(const subjects::Case& c, std::size_t i) {
  const subjects::FloatFormat format = subjects::FormatOf(subjects::ElementOf(c.dtype));
  const double u = format.Roundoff();
  const bool unscaled = c.temperature == 0 || std::isinf(c.temperature);
  const Two quotient = unscaled ? Two{} : Quotient({c.logits[i], 0}, c.temperature);
  const double bias = c.bias.given ? c.bias[i] : 0;
  const double magnitude = std::fabs(quotient.hi) + std::fabs(bias);
  Score score{quotient.hi, quotient.lo, 0, false};
  if (c.bias.given) {
    const Two sum = Sum(quotient.hi, bias);
    score.value = sum.hi;
    score.rest = sum.lo + quotient.lo;
    score.error = u * magnitude;
  }
  // T, its inverse and the product round, the product maybe to a subnormal.
  const bool scaled = !unscaled && c.temperature != 1;
  if (scaled) score.error += 3 * u * std::fabs(quotient.hi) + std::ldexp(1.0, format.min_ulp_log2);
  if (scaled || c.bias.given) score.may_overflow = !(magnitude * (1 + 8 * u) < format.max_finite);
  return score;
}

RowModel ModelOf(const subjects::Case& c, std::size_t row, std::uint64_t repeat) {
  const std::size_t n = c.cols;
  const std::size_t first = row * n;
  RowModel model;
  model.live.assign(n, 0);
  for (auto* values : {&model.score, &model.depth, &model.error, &model.share}) values->assign(n, 0.0);

  double top_logit = -kInf;
  for (std::size_t j = 0; j < n; ++j) {
    if (!c.Visible(row, j)) continue;
    const double x = c.logits[first + j];
    const double b = c.bias.given ? c.bias[first + j] : 0;
    model.special |= std::isnan(x) || x == kInf || std::isnan(b) || b == kInf;
    model.live[j] = 1;
    top_logit = std::max(top_logit, x);
  }
  if (model.special) return model;
  model.may_overflow = TemperatureMayOverflow(c);

  std::vector<Two> z(n);
  Two max{-kInf, 0};
  for (std::size_t j = 0; j < n; ++j) {
    if (c.temperature == 0 && c.logits[first + j] != top_logit) model.live[j] = 0;
    if (model.live[j] == 0) continue;
    const Score score = ModelOfScore(c, first + j);
    z[j] = {score.value, score.rest};
    model.score[j] = score.value;
    model.error[j] = score.error;
    model.may_overflow |= score.may_overflow;
    model.count += static_cast<double>(repeat);
    if (z[j].hi > max.hi || (z[j].hi == max.hi && z[j].lo > max.lo)) max = z[j];
  }
  if (model.count == 0) return model;
  model.ordinary = true;
  model.max = max.hi;

  double sum = 0;
  for (std::size_t j = 0; j < n; ++j) {
    if (model.live[j] == 0) continue;
    double depth = 0;
    if (c.bias.given) {
      depth = DepthOf(max, z[j]);
    } else if (c.temperature != 0 && !std::isinf(c.temperature)) {
      // The difference first: x / T may overflow where it does not.
      const Two quotient = Quotient(Sum(top_logit, -c.logits[first + j]), c.temperature);
      depth = quotient.hi + quotient.lo;
    }
    model.depth[j] = std::isnan(depth) ? kInf : std::max(depth, 0.0);
    model.share[j] = std::exp(-model.depth[j]);
    sum += model.share[j];
  }
  for (double& share : model.share) share /= sum * static_cast<double>(repeat);
  model.log_sum = std::log(sum * static_cast<double>(repeat));
  return model;
}

double SupportDepth(const RowModel& row, std::uint64_t repeat) {
  std::vector<double> depths;
  for (std::size_t j = 0; j < row.live.size(); ++j) {
    if (row.live[j] != 0 && row.depth[j] <= 1) depths.push_back(row.depth[j]);
  }
  std::sort(depths.begin(), depths.end());
  const auto copies = static_cast<double>(repeat);
  double sum = 0;
  double threshold = 1;  // the depth at which the shares of those before it sum to 1
  double count = 0;
  for (const double depth : depths) {
    if (count > 0 && depth >= threshold) break;
    count += copies;
    sum += copies * depth;
    threshold = (1 + sum) / count;
  }
  return threshold;
}

}  // namespace assay::properties
