// SPDX-License-Identifier: Apache-2.0
//
// What each value owes: a place on the simplex, the accuracy claimed, the order of the logits.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "properties/judging.h"
#include "properties/laws.h"

namespace assay::properties {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

// The bound on |got - exact| turned into units of value, from `got` alone: the exact value may lie in the next
// higher binade, or further where the bound spans several.
double Slack(float got, double bound_ulp) {
  const double reach = std::fabs(static_cast<double>(got)) + 2 * (bound_ulp + 1) * UlpOf(got);
  return bound_ulp * (bound_ulp <= 0.5 ? UlpOf(got) : UlpOf(reach));
}

}  // namespace

// Every share lies in [0, 1] and is no -0; their sum differs from 1 by no more than the shares' own errors may.
Judgement CheckSimplex(const Case& c, Context& context) {
  const Run run = RunCase(c, context);
  if (run.failed) return *run.failed;
  const subjects::SubjectInfo& info = context.subject.info();
  Judgement worst;
  for (std::size_t r = 0; r < c.rows; ++r) {
    const RowShape shape = ShapeOf(c, r);
    double sum = 0;
    double lost = 0;  // Neumaier's compensation: the sum is exact to 2^-100
    double slack = 0x1p-90;
    for (std::size_t j = 0; j < c.cols; ++j) {
      const std::size_t i = r * c.cols + j;
      const float p = run.result.probs[i];
      if (!(p >= 0 && p <= 1) || std::signbit(p)) {
        return Violated(fmt::format("entry [{}, {}] is {}: outside [0, 1]", r, j, Show(p)), kInf,
                        Witness{r, j, c.logits[i], p, 0, kInf, 0});
      }
      const double term = static_cast<double>(p);
      const double next = sum + term;
      lost += sum >= term ? (sum - next) + term : (term - next) + sum;
      sum = next;
      const double distance = Distance(c, shape, i);
      slack += Slack(p, BoundUlp(info, shape.visible, distance, c.temperature));
    }
    const double error = std::fabs((sum - 1) + lost);
    const double severity = c.cols == 0 ? 0 : error / slack;
    if (severity > worst.severity) worst.severity = severity;
    if (severity > 1 && worst.severity == severity) {
      worst = Violated(fmt::format("row {} sums to 1 {} {:.3g}; the errors of its {} entries may add up to {:.3g}", r,
                                   (sum - 1) + lost < 0 ? "-" : "+", error, c.cols, slack),
                       severity);
    }
  }
  return worst;
}

Judgement CheckAccuracy(const Case& c, Context& context) {
  const Run run = RunCase(c, context);
  if (run.failed) return *run.failed;
  const subjects::SubjectInfo& info = context.subject.info();
  Judgement worst;
  for (std::size_t r = 0; r < c.rows; ++r) {
    const RowShape shape = ShapeOf(c, r);
    std::vector<oracle::Exact> exact;
    try {
      exact = oracle::Softmax(OracleRow(c, r, oracle::EmptyRow::kNaN), context.tier);
    } catch (const oracle::Undecided& undecided) {
      if (worst.verdict == Verdict::kHolds) worst = {Verdict::kUndecided, undecided.what(), 0, std::nullopt};
      continue;
    }
    for (std::size_t j = 0; j < c.cols; ++j) {
      const std::size_t i = r * c.cols + j;
      const float got = run.result.probs[i];
      const double err = oracle::ErrUlp(got, exact[j]);
      const double distance = Distance(c, shape, i);
      const double bound = BoundUlp(info, shape.visible, distance, c.temperature);
      const double width = exact[j].width_ulp;
      // Correct rounding is judged by equality: half an ULP can be wrong below a power of two.
      const bool wrong = ClaimsNearest(info) ? !oracle::IsNearest(got, exact[j]) : std::fabs(err) - width > bound;
      const bool unclear = !wrong && !ClaimsNearest(info) && std::fabs(err) + width > bound;
      // Where all is well, how close the worst entry came to its bound: what a search climbs.
      const double ratio = std::fabs(err) / bound;
      const double severity = wrong ? std::max(ratio, std::nextafter(1.0, 2.0)) : std::min(ratio, 1.0);
      if (wrong && severity > worst.severity) {
        worst = Violated(fmt::format("entry [{}, {}] is {}, the nearest float is {}: off by {:.4g} ULP, {} {:.4g}", r,
                                     j, Show(got), Show(static_cast<float>(exact[j].nearest)), std::fabs(err),
                                     ClaimsNearest(info) ? "claimed correctly rounded, at most" : "at most", bound),
                         severity, Witness{r, j, c.logits[i], got, exact[j].nearest, err, bound});
      } else if (unclear && worst.verdict == Verdict::kHolds) {
        worst = {Verdict::kUndecided, fmt::format("entry [{}, {}] lies within the oracle's width of its bound", r, j),
                 severity, std::nullopt};
      } else if (!wrong) {
        worst.severity = std::max(worst.severity, severity);
      }
    }
  }
  return worst;
}

// Sorted by logit, shares never fall by more than both their errors, and equal logits have equal bits.
Judgement CheckOrder(const Case& c, Context& context) {
  const Run run = RunCase(c, context);
  if (run.failed) return *run.failed;
  const subjects::SubjectInfo& info = context.subject.info();
  for (std::size_t r = 0; r < c.rows; ++r) {
    const float* x = c.logits.data() + r * c.cols;
    const float* p = run.result.probs.data() + r * c.cols;
    std::vector<std::size_t> order;
    for (std::size_t j = 0; j < c.cols; ++j) {
      if (c.Visible(r, j)) order.push_back(j);
    }
    std::sort(order.begin(), order.end(), [x](std::size_t a, std::size_t b) { return x[a] < x[b]; });
    const RowShape shape = ShapeOf(c, r);
    // Neighbours suffice where the bound is 0; where shares may err, `low` carries the highest lower limit so far.
    double low = 0;
    std::size_t low_at = 0;
    for (std::size_t k = 0; k < order.size(); ++k) {
      const std::size_t j = order[k];
      if (std::isnan(p[j])) {
        return Violated(fmt::format("row {}: entry {} is {}: it has no place in the order", r, j, Show(p[j])), kInf,
                        Witness{r, j, x[j], p[j], 0, kInf, 0});
      }
      if (k > 0 && x[order[k - 1]] == x[j] && !SameFloat(p[order[k - 1]], p[j])) {
        return Violated(fmt::format("row {}: entries {} and {} both have the logit {}, but the shares {} and {}", r,
                                    order[k - 1], j, Show(x[j]), Show(p[order[k - 1]]), Show(p[j])),
                        1 + std::fabs(static_cast<double>(p[order[k - 1]]) - p[j]) / UlpOf(p[j]),
                        Witness{r, j, x[j], p[j], static_cast<double>(p[order[k - 1]]), 0, 0});
      }
      const double slack =
          ClaimsNearest(info)
              ? 0
              : Slack(p[j], BoundUlp(info, shape.visible, Distance(c, shape, r * c.cols + j), c.temperature));
      if (!(static_cast<double>(p[j]) + slack >= low)) {
        return Violated(fmt::format("row {}: entry {} has the higher logit ({} against {}) and the smaller share ({} "
                                    "against {} of entry {})",
                                    r, j, Show(x[j]), Show(x[low_at]), Show(p[j]), Show(p[low_at]), low_at),
                        kInf, Witness{r, j, x[j], p[j], static_cast<double>(p[low_at]), 0, 0});
      }
      if (static_cast<double>(p[j]) - slack > low) {
        low = static_cast<double>(p[j]) - slack;
        low_at = j;
      }
    }
  }
  return {};
}

}  // namespace assay::properties
