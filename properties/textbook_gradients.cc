// SPDX-License-Identifier: Apache-2.0
//
// The textbook bounds of the backward operations and of the loss; the model is that of textbook.h.

#include <algorithm>
#include <cmath>
#include <limits>

#include "properties/textbook.h"

namespace assay::properties {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

// The row's targets after smoothing, and how far they may be off: reading s and 1 - s, u target together; s / k three
// roundings; the product and the sum, 2 u t.
struct Targets {
  bool proper = true;  // none is negative, NaN or infinite
  std::vector<double> t;
  std::vector<double> error;
  double sum = 0;
  double sum_error = 0;
};

Targets TargetsOf(const Arithmetic& a, const subjects::Case& c, std::size_t row) {
  Targets out;
  out.t.assign(c.cols, 0.0);
  out.error.assign(c.cols, 0.0);
  double visible = 0;
  for (std::size_t j = 0; j < c.cols; ++j) visible += c.Visible(row, j) ? 1 : 0;
  const double s = c.label_smoothing;
  for (std::size_t j = 0; j < c.cols; ++j) {
    const double target = c.targets.given ? c.targets[row * c.cols + j] : (c.labels.values.Bits(row) == j ? 1.0 : 0.0);
    if (!(target >= 0 && target < kInf)) out.proper = false;
    const double uniform = c.Visible(row, j) ? s / visible : 0;
    out.t[j] = s == 0 ? target : (1 - s) * target + uniform;
    if (s != 0) out.error[j] = a.u * (target + 3 * uniform + 2 * out.t[j]) + a.smallest;
    out.sum += out.t[j];
    out.sum_error += out.error[j];
  }
  return out;
}

bool Ignored(const subjects::Case& c, std::size_t row) {
  return c.has_ignore_index && c.labels.given && static_cast<std::int64_t>(c.labels.values.Bits(row)) == c.ignore_index;
}

double CountedRows(const subjects::Case& c) {
  double counted = 0;
  for (std::size_t r = 0; r < c.rows; ++r) counted += Ignored(c, r) ? 0 : 1;
  return counted;
}

}  // namespace

// With S the sum the formula subtracts (of p dy, of dy, or the mean of dy over the support) and weight w in front of
// it: the terms are f (|dy| + w sum |.|) / T, f = p in softmax, else 1. Rounded are the n products and sums of S
// (Gamma(n + 1)), the difference, the product with f, and T three times (it is read, inverted and multiplied by):
// Gamma(n
// + 8) of the terms covers them. exp(saved) has besides 2 u and, for the product with log2 e, 2 u |saved|. Underflow
// costs the smallest in each product of S and in the last two.
std::vector<Analysis> AnalyzeBackward(const Arithmetic& a, const subjects::Case& c) {
  std::vector<Analysis> out(c.rows * c.cols);
  const double t = c.temperature;
  if (std::isinf(t)) return out;
  for (std::size_t r = 0; r < c.rows; ++r) {
    const std::size_t first = r * c.cols;
    double sum = 0;
    double count = 0;
    bool special = false;
    const auto in_support = [&](std::size_t j) {
      return c.Visible(r, j) && (c.op != ASSAY_SPARSEMAX_BACKWARD || c.saved[first + j] > 0);
    };
    for (std::size_t j = 0; j < c.cols; ++j) {
      const double p = c.saved[first + j];
      special |= std::isnan(p) || (c.op == ASSAY_LOG_SOFTMAX_BACKWARD && p == kInf);
      if (!c.Visible(r, j)) continue;
      const double dy = c.upstream[first + j];
      special |= !std::isfinite(dy) && (in_support(j) || c.op != ASSAY_SPARSEMAX_BACKWARD);
      if (!in_support(j)) continue;
      ++count;
      sum += c.op == ASSAY_SOFTMAX_BACKWARD ? std::fabs(p * dy) : std::fabs(dy);
    }
    if (special) continue;
    const double gamma = a.Gamma(count + 8);
    for (std::size_t j = 0; j < c.cols; ++j) {
      if (!in_support(j)) continue;
      const double saved = c.saved[first + j];
      const double dy = std::fabs(c.upstream[first + j]);
      double factor = 1;
      double subtracted = sum;
      double extra = 0;
      switch (c.op) {
        case ASSAY_SOFTMAX_BACKWARD:
          factor = std::fabs(saved);
          break;
        case ASSAY_LOG_SOFTMAX_BACKWARD: {
          const double p = std::exp(saved);
          subtracted = p == 0 ? 0 : p * sum;
          extra = 2 * a.u * (1 + std::fabs(saved)) * subtracted + a.smallest * sum;
          if (!(p < a.largest) || 2 * a.u * std::fabs(saved) > 0.5) extra = saved < 0 ? extra : kInf;
          break;
        }
        default:
          subtracted = sum / count;
      }
      Analysis& entry = out[first + j];
      entry.fixed = false;
      const double inner = dy + subtracted;
      entry.terms = factor * inner / t;
      const double error =
          gamma * entry.terms + (1 + gamma) * extra / t + a.smallest * ((count + 1) * factor / t + 1 / t + 2);
      const double reach = std::max({sum, inner, factor * inner, inner / t, entry.terms, factor / t}) + extra;
      const bool bounded = !TemperatureMayOverflow(c) && reach * (1 + 8 * a.u) * (1 + gamma) < a.largest;
      entry.error = bounded ? error : kInf;
    }
  }
  return out;
}

// Each -log p_j >= 0 has the error A_j of log_softmax; the targets theirs; products and sum Gamma(n + 2). Rows are
// summed by Gamma(rows + 2), the quotient of the mean included.
std::vector<Analysis> AnalyzeLoss(const Arithmetic& a, const subjects::Case& c) {
  std::vector<Analysis> rows(c.rows);
  std::vector<char> is_nan(c.rows, 0);
  std::vector<char> is_infinite(c.rows, 0);
  for (std::size_t r = 0; r < c.rows; ++r) {
    if (Ignored(c, r)) continue;
    const RowModel model = ModelOf(c, r, 1);
    const Targets targets = TargetsOf(a, c, r);
    is_nan[r] = model.special || !targets.proper;
    for (std::size_t j = 0; j < c.cols; ++j) is_infinite[r] |= targets.t[j] > 0 && !c.Visible(r, j);
    if (is_nan[r] != 0 || is_infinite[r] != 0 || !model.ordinary) continue;
    const std::vector<Analysis> logs = AnalyzeLogSoftmax(a, model);
    Analysis& row = rows[r];
    row.fixed = false;
    for (std::size_t j = 0; j < c.cols; ++j) {
      if (!(targets.t[j] > 0)) continue;
      const double loss = model.depth[j] + model.log_sum;
      row.terms += targets.t[j] * loss;
      row.error += (targets.t[j] + targets.error[j]) * logs[j].error + targets.error[j] * loss + a.smallest;
    }
    const double gamma = a.Gamma(static_cast<double>(c.cols) + 2);
    row.error = row.error * (1 + gamma) + gamma * row.terms;
    if (!(row.terms + row.error < a.largest)) row.error = kInf;
  }
  if (c.reduction == ASSAY_REDUCTION_NONE) return rows;

  const double counted = CountedRows(c);
  const double divisor = c.reduction == ASSAY_REDUCTION_MEAN ? counted : 1;
  Analysis total;
  bool infinite = false;
  for (std::size_t r = 0; r < c.rows; ++r) {
    if (is_nan[r] != 0) return {Analysis{}};
    infinite |= is_infinite[r] != 0;
    if (rows[r].fixed) continue;
    total.fixed = false;
    total.terms += rows[r].terms;
    total.error += rows[r].error;
  }
  const double gamma = a.Gamma(counted + 2);
  const bool bounded = total.terms + total.error < a.largest && std::isfinite(gamma);
  if (total.fixed || (infinite && bounded)) return {Analysis{}};
  total.error = bounded ? (total.error * (1 + gamma) + gamma * total.terms) / divisor + a.smallest : kInf;
  total.terms /= divisor;
  return {total};
}

// upstream (p S - t) / T / divisor, S the sum of t: p has the error of softmax, S Gamma(n) and its targets' errors, t
// its own; the products, the difference, T, the divisor and upstream round eight times at most. Underflow costs the
// smallest in p S, scaled by what follows, and in the last products.
std::vector<Analysis> AnalyzeLossGradient(const Arithmetic& a, const subjects::Case& c) {
  std::vector<Analysis> out(c.rows * c.cols);
  if (std::isinf(c.temperature)) return out;
  const double divisor = c.reduction == ASSAY_REDUCTION_MEAN ? CountedRows(c) : 1;
  for (std::size_t r = 0; r < c.rows; ++r) {
    if (Ignored(c, r)) continue;
    const double upstream = std::fabs(!c.upstream.given ? 1 : c.upstream[c.reduction == ASSAY_REDUCTION_NONE ? r : 0]);
    const RowModel model = ModelOf(c, r, 1);
    const Targets targets = TargetsOf(a, c, r);
    if (!model.ordinary || !targets.proper || !std::isfinite(upstream)) continue;
    const std::vector<Analysis> shares = AnalyzeSoftmax(a, model);
    const double gamma = a.Gamma(static_cast<double>(c.cols) + 2);
    const double scale = upstream / c.temperature / divisor;
    for (std::size_t j = 0; j < c.cols; ++j) {
      if (model.live[j] == 0) continue;
      const double p = model.share[j];
      const double inner = p * targets.sum + targets.t[j];
      Analysis& entry = out[r * c.cols + j];
      entry = {false, scale * inner, kInf};
      const double inner_error = shares[j].error * (targets.sum + targets.sum_error) * (1 + gamma) +
                                 p * (targets.sum_error + gamma * targets.sum) + targets.error[j] + a.smallest;
      const double reach = (inner + inner_error) * std::max({1.0, upstream, upstream / c.temperature, scale}) +
                           std::max({targets.sum, upstream / c.temperature, 1 / c.temperature / divisor});
      if (model.may_overflow || !(reach * (1 + gamma) < a.largest / 2)) continue;
      entry.error = (scale * inner_error + a.Gamma(8) * entry.terms) * (1 + 8 * a.u) +
                    a.smallest * (3 + upstream + upstream / c.temperature + 1 / c.temperature + inner);
    }
  }
  return out;
}

}  // namespace assay::properties
