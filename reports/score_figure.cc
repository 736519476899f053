// SPDX-License-Identifier: Apache-2.0
//
// From score statistics to panels and words.

#include "reports/score_figure.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "reports/text.h"

namespace assay::reports {
namespace {

Estimate Times(const Estimate& e, double factor) { return {e.mean * factor, e.standard_error * factor}; }

std::vector<Estimate> Curve(const std::vector<ScorePoint>& points, Estimate ScorePoint::*of, double factor = 1) {
  std::vector<Estimate> curve;
  for (const ScorePoint& p : points) curve.push_back(Times(p.*of, factor));
  return curve;
}

}  // namespace

ScoreFigure PrepareScores(const ScoreStatistics& statistics) {
  ScoreFigure figure;
  if (statistics.unscaled.empty()) return figure;
  for (const ScorePoint& p : statistics.unscaled) figure.head_dims.push_back(p.head_dim);
  const std::vector<ScorePoint>& a = statistics.unscaled;
  const std::vector<ScorePoint>& b = statistics.scaled;
  // A row of one key has log n = 0 and no entropy either.
  const double of_log_n = statistics.keys > 1 ? 1 / std::log(static_cast<double>(statistics.keys)) : 0;
  for (std::size_t i = 0; i < figure.head_dims.size(); i += 2) figure.dim_ticks.push_back(figure.head_dims[i]);
  const auto last = static_cast<double>(figure.head_dims.back());
  std::vector<double> decades;
  for (double tick = 1; tick <= 2 * last; tick *= 10) decades.push_back(tick);
  const std::vector<double> fifths = {0, 0.2, 0.4, 0.6, 0.8, 1};
  const std::vector<double> tenths = {0, 0.1, 0.2, 0.3, 0.4, 0.5};
  figure.panels = {
      {"variance of the scores", true, 0.5, 2 * last, decades, Curve(a, &ScorePoint::variance),
       Curve(b, &ScorePoint::variance)},
      {"largest share", false, 0, 1, fifths, Curve(a, &ScorePoint::largest_share),
       Curve(b, &ScorePoint::largest_share)},
      {"entropy, as part of log n", false, 0, 1, fifths, Curve(a, &ScorePoint::entropy, of_log_n),
       Curve(b, &ScorePoint::entropy, of_log_n)},
      {"gradient: norm of ∂softmax", false, 0, 0.5, tenths, Curve(a, &ScorePoint::gradient_norm),
       Curve(b, &ScorePoint::gradient_norm)},
  };
  return figure;
}

std::string ScoreSentence(const ScoreStatistics& statistics) {
  const ScoreFigure figure = PrepareScores(statistics);
  if (figure.panels.empty()) return "";
  const ScorePoint& a = statistics.unscaled.back();
  const ScorePoint& b = statistics.scaled.back();
  const auto peak = std::max_element(
      statistics.unscaled.begin(), statistics.unscaled.end(),
      [](const ScorePoint& p, const ScorePoint& r) { return p.gradient_norm.mean < r.gradient_norm.mean; });
  const auto percent = [](double share) { return fmt::format("{:.0f} %", 100 * share); };
  return fmt::format(
      "The variance of q·k is d ({:.0f} at d = {}), so that one of {} keys takes {} of the weight, the entropy is {} "
      "of log n, and the gradient {:.2f} after a peak of {:.2f} at d = {}; divided by √d the variance is 1 ({:.2f}), "
      "and at any d these are about {}, {} and {:.2f}.",
      a.variance.mean, a.head_dim, statistics.keys, percent(a.largest_share.mean),
      percent(figure.panels[2].unscaled.back().mean), a.gradient_norm.mean, peak->gradient_norm.mean, peak->head_dim,
      b.variance.mean, percent(b.largest_share.mean), percent(figure.panels[2].scaled.back().mean),
      b.gradient_norm.mean);
}

std::string ScoreCaption(const ScoreStatistics& statistics) {
  return fmt::format(
      "Means over {} rows of {} keys, seed {}. Every component of q and k is drawn from "
      "N(0, 1), for all d from the same vectors, cut to length. The gradient is the Frobenius norm of the Jacobian "
      "diag(p) − p pᵀ, at most ½. Statistics in double, not verdicts.",
      Count(statistics.rows), Count(statistics.keys), statistics.seed);
}

std::string EstimateText(const Estimate& estimate) {
  if (!(estimate.standard_error > 0)) return fmt::format("{:.4g}", estimate.mean);
  const int place = std::clamp(1 - static_cast<int>(std::floor(std::log10(estimate.standard_error))), 0, 9);
  return fmt::format("{:.{}f} ± {:.{}f}", estimate.mean, place, estimate.standard_error, place);
}

}  // namespace assay::reports
