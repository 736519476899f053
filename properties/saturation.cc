// SPDX-License-Identifier: Apache-2.0
//
// Gradients vanish as a row saturates: the more of the mass one entry has, the smaller they are.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "properties/approx.h"
#include "properties/fit.h"
#include "properties/gradient.h"
#include "properties/targets.h"
#include "subjects/random.h"

namespace assay::properties {
namespace {

using subjects::Random;

// The two gradients of a law that says the second is not the larger one.
struct Pair {
  Outputs wide;   // more saturated
  Outputs tight;  // less
};

// Runs both; `failed` as in KnownRun.
struct PairRun {
  std::optional<Pair> pair;
  std::optional<Judgement> failed;
};
PairRun RunBoth(const Case& wide, const Case& tight, Context& context) {
  KnownRun first = RunKnownDerived(wide, context);
  if (first.failed) return {std::nullopt, first.failed};
  KnownRun second = RunKnownDerived(tight, context);
  if (second.failed) return {std::nullopt, second.failed};
  return {Pair{std::move(*first.outputs), std::move(*second.outputs)}, std::nullopt};
}

// Rows of two entries with mass, y = (1 - 2^-e, 2^-e): dx = +- 2^-e (1 - 2^-e) (u0 - u1) / T falls from e to e + 1.
Judgement CheckTwoShares(const Case& c, Context& context) {
  Random random(c.law_key, 15);
  // 1 - 2^-(e + 1) has e + 1 bits.
  const int precision = subjects::FormatOf(subjects::ElementOf(c.dtype)).precision;
  const int e = 1 + static_cast<int>(random.Below(static_cast<std::uint64_t>(precision - 1)));
  Case tight = c;
  Case wide = c;
  for (std::size_t i = 0; i < c.rows * c.cols; ++i) {
    tight.saved.values.Set(i, 0);
    wide.saved.values.Set(i, 0);
  }
  std::vector<std::size_t> live;
  for (std::size_t r = 0; r < c.rows; ++r) {
    const std::size_t first = random.Below(c.cols);
    const std::size_t second = (first + 1 + random.Below(c.cols - 1)) % c.cols;
    const double share = std::ldexp(1.0, -e);
    tight.saved.values.Set(r * c.cols + first, 1 - share);
    tight.saved.values.Set(r * c.cols + second, share);
    wide.saved.values.Set(r * c.cols + first, 1 - share / 2);
    wide.saved.values.Set(r * c.cols + second, share / 2);
    live.push_back(r * c.cols + first);
    live.push_back(r * c.cols + second);
  }
  tight = Settled(std::move(tight));
  wide = Settled(std::move(wide));
  const PairRun runs = RunBoth(wide, tight, context);
  if (runs.failed) return *runs.failed;
  Judgement worst;
  for (const std::size_t i : live) {
    const Approx fall = Abs(runs.pair->tight[i]) - Abs(runs.pair->wide[i]);
    KeepSeverity(&worst, NonnegativeSeverity(fall), [&] {
      return fmt::format(
          "entry [{}, {}]: with shares 1 - 2^-{} and 2^-{} the gradient is {}, with 1 - 2^-{} and 2^-{} "
          "it is {}: not smaller",
          i / c.cols, i % c.cols, e, e, Show(runs.pair->tight.array(), i), e + 1, e + 1,
          Show(runs.pair->wide.array(), i));
    });
  }
  return worst;
}

// Sparsemax saturates by losing its support: sum (u - mean)^2 over fewer entries is no larger.
Judgement CheckSmallerSupport(const Case& c, Context& context) {
  Random random(c.law_key, 16);
  Case wide = c;
  for (std::size_t r = 0; r < c.rows; ++r) {
    std::vector<std::size_t> support;
    for (std::size_t j = 0; j < c.cols; ++j) {
      if (c.Visible(r, j)) support.push_back(r * c.cols + j);
    }
    if (support.size() > 1) wide.saved.values.Set(support[random.Below(support.size())], 0);
  }
  wide = Settled(std::move(wide));
  const PairRun runs = RunBoth(wide, c, context);
  if (runs.failed) return *runs.failed;
  Judgement worst;
  for (std::size_t r = 0; r < c.rows; ++r) {
    Sum before;
    Sum after;
    for (std::size_t i = r * c.cols; i < (r + 1) * c.cols; ++i) {
      if (c.Visible(r, i % c.cols)) before.Add(runs.pair->tight[i] * runs.pair->tight[i]);
      if (wide.Visible(r, i % c.cols)) after.Add(runs.pair->wide[i] * runs.pair->wide[i]);
    }
    KeepSeverity(&worst, NonnegativeSeverity(before.Value() - after.Value()), [&] {
      return fmt::format(
          "row {}: the gradient's sum of squares grows from {:.6g} to {:.6g} when the support loses an "
          "entry",
          r, static_cast<double>(before.Value().value), static_cast<double>(after.Value().value));
    });
  }
  return worst;
}

// How fast the gradient at the label falls from a to b as the logits double, the label at the maximum. With q the sum
// of exp(-(zmax - zj)) over the other m visible entries, p = 1 / (1 + q) and the gradient is f (1 - p) = f q / (1 + q),
// f = |scale| / T; q' of the doubled logits is the sum of the squares, so that q^2 / m <= q' <= q^2, and q' <= q. With
// q = a / (f - a) and q' = b / (f - b) these are three inequalities without a quotient, each >= 0:
struct Fall {
  Approx at_all;      // a - b
  Approx far_enough;  // a^2 (f - b) - b (f - a)^2
  Approx not_beyond;  // m b (f - a)^2 - a^2 (f - b)
};
Fall FallOf(const Approx& a, const Approx& b, const Approx& f, double m) {
  const Approx left = b * (f - a) * (f - a);
  const Approx right = a * a * (f - b);
  return {a - b, right - left, Approx(m) * left - right};
}

Judgement CheckDoubledLogits(const Case& c, Context& context) {
  Case tight = c;
  Case wide = c;
  std::vector<std::size_t> label(c.rows);
  for (std::size_t r = 0; r < c.rows; ++r) {
    for (std::size_t j = 0; j < c.cols; ++j) {
      const bool better = !c.Visible(r, label[r]) || c.logits[r * c.cols + j] > c.logits[r * c.cols + label[r]];
      if (c.Visible(r, j) && better) label[r] = j;
    }
    if (!Ignored(c, r)) tight.labels.values.SetBits(r, label[r]);
  }
  tight = Settled(std::move(tight));
  wide.labels = tight.labels;
  for (std::size_t i = 0; i < c.logits.values.size(); ++i) wide.logits.values.Set(i, 2 * c.logits[i]);
  const PairRun runs = RunBoth(wide, tight, context);
  if (runs.failed) return *runs.failed;
  Judgement worst;
  for (std::size_t r = 0; r < c.rows; ++r) {
    if (Ignored(tight, r)) continue;
    const std::size_t i = r * c.cols + label[r];
    const auto others = static_cast<double>(ShapeOfRow(c, r).visible - 1);
    const Approx f = OverT(Abs(ScaleOfRow(tight, r)), c.temperature);
    const Fall fall = FallOf(Abs(runs.pair->tight[i]), Abs(runs.pair->wide[i]), f, others);
    const double severity = std::max(
        {NonnegativeSeverity(fall.at_all), NonnegativeSeverity(fall.far_enough), NonnegativeSeverity(fall.not_beyond)});
    KeepSeverity(&worst, severity, [&] {
      return fmt::format(
          "row {}: the label {} has the largest logit; doubling all logits moves its gradient from {} to "
          "{}, {}",
          r, label[r], Show(runs.pair->tight.array(), i), Show(runs.pair->wide.array(), i),
          NonnegativeSeverity(fall.not_beyond) == severity ? "less than there must be left"
                                                           : "not as small as it must be");
    });
  }
  return worst;
}

}  // namespace

Case WithSpreadToDouble(Case c) {
  if (!subjects::IsLoss(c.op)) {
    c = WithFiniteRows(std::move(c));
    for (std::size_t i = 0; i < c.upstream.values.size(); ++i) {
      // The law gives mass to entries that may have none yet.
      if (c.op == ASSAY_SOFTMAX_BACKWARD && !std::isfinite(c.upstream[i])) c.upstream.values.Set(i, 1);
    }
    return c;
  }
  c.label_smoothing = 0;
  Take(c, Role::kBias);
  if (!c.labels.given) {
    Take(c, Role::kTargets);
    Give(c, Role::kLabels);
  }
  c = WithFiniteRows(std::move(c));
  const double max = subjects::FormatOf(subjects::ElementOf(c.dtype)).max_finite;
  for (std::size_t i = 0; i < c.logits.values.size(); ++i) {
    if (std::isfinite(c.logits[i]) && std::fabs(c.logits[i]) > max / 2) c.logits.values.Set(i, c.logits[i] / 2);
  }
  return c;
}

Judgement CheckSaturation(const Case& c, Context& context) {
  if (c.cols < 2) return NotApplicable("a row of one entry has no spread");
  if (c.op == ASSAY_SOFTMAX_BACKWARD) return CheckTwoShares(c, context);
  return subjects::IsLoss(c.op) ? CheckDoubledLogits(c, context) : CheckSmallerSupport(c, context);
}

}  // namespace assay::properties
