// SPDX-License-Identifier: Apache-2.0
//
// Rows that are no rows of numbers, and rows of one.

#include <fmt/format.h>

#include <cmath>

#include "properties/row_checks.h"
#include "properties/scores.h"
#include "properties/targets.h"
#include "properties/truth.h"

namespace assay::properties {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// A NaN for a NaN, else the same number, +0 for zero.
bool Is(double got, double want) {
  return std::isnan(want) ? std::isnan(got) : got == want && std::signbit(got) == std::signbit(want);
}

// Outputs [first, first + count) are all `want`.
Judgement AllAre(const Case& c, const Array& out, std::size_t first, std::size_t count, double want,
                 const std::string& why) {
  for (std::size_t i = first; i < first + count; ++i) {
    if (!Is(out[i], want)) return ViolatedAt(c, out, i, why, want, kInf);
  }
  return {};
}

std::size_t WidthOfOut(const Case& c) { return subjects::ShapeOf(c, Role::kOut).cols; }

// Losses that are reduced have no result for a row.
bool HasRows(const Case& c) { return c.op != ASSAY_CROSS_ENTROPY || c.reduction == ASSAY_REDUCTION_NONE; }

}  // namespace

// A row of one is decided: its share is 1, its log 0, whatever it holds; its LSE is its z, to within the claim.
Judgement CheckSingleVisible(const Case& c, Context& context) {
  const KnownRun run = RunKnown(c, context);
  if (run.failed) return *run.failed;
  const Outputs& out = *run.outputs;
  const bool log = c.op == ASSAY_LOG_SOFTMAX;
  Judgement worst;
  for (std::size_t i = 0; i < c.rows * c.cols; ++i) {
    if (!c.Visible(i / c.cols, i % c.cols)) continue;
    if (c.op == ASSAY_LOGSUMEXP) {
      const std::size_t r = i / c.cols;
      const Approx z = ScoreOf(c, i);
      const bool plain = c.temperature == 1 && !c.bias.given;  // then z is a number of the type
      const double severity = plain && ClaimsNearest(context.subject.info(), c)
                                  ? (out.array()[r] == c.logits[i] ? 0 : kInf)
                                  : ZeroSeverity(out[r] - z);
      Expect(&worst, c, out.array(), r, severity, z, [&] {
        return fmt::format("only entry {} of its row is visible: it is that entry's z, {:.17g}", i % c.cols,
                           static_cast<double>(z.value));
      });
      continue;
    }
    if (std::isinf(out.bounds()[i].absolute)) continue;
    const double want = log ? 0 : 1;
    Expect(&worst, c, out.array(), i, Is(out.array()[i], want) ? 0 : kInf, want,
           [&] { return fmt::format("it is the only visible entry of its row: it is exactly {:+g}", want); });
  }
  return worst;
}

Judgement CheckSpecialValues(const Case& c, Context& context) {
  const Run run = RunCase(c, context);
  if (run.failed) return *run.failed;
  if (!HasRows(c)) return {};
  const Array& out = run.result.out;
  const bool convention = context.subject.info().plus_inf == ASSAY_PLUS_INF_NAN_ROW;
  Judgement worst;
  for (std::size_t r = 0; r < c.rows; ++r) {
    if (subjects::IsLoss(c.op) && Ignored(c, r)) continue;
    bool nan = false;
    bool inf = false;
    for (std::size_t j = 0; j < c.cols; ++j) {
      if (!c.Visible(r, j)) continue;
      const std::size_t i = r * c.cols + j;
      const double x = c.logits[i];
      const double b = c.bias.given ? c.bias[i] : 0;
      const bool nan_here = std::isnan(x) || std::isnan(b);
      const bool inf_here = x == kInf || b == kInf;
      nan |= nan_here;
      inf |= inf_here;
      if (c.op == ASSAY_SIGMOID && (nan_here || inf_here)) {
        KeepWorse(&worst, AllAre(c, out, i, 1, nan_here ? kNaN : 1,
                                 nan_here ? "sigmoid of NaN is NaN" : "sigmoid of +inf is exactly 1"));
      }
    }
    if (c.op == ASSAY_SIGMOID || (!nan && !inf)) continue;
    const std::size_t width = WidthOfOut(c);
    if (c.op == ASSAY_LOGSUMEXP && !nan) {
      KeepWorse(&worst, AllAre(c, out, r, 1, kInf, "its row holds a visible +inf and no NaN: it is +inf"));
    } else if (nan || convention) {
      KeepWorse(&worst, AllAre(c, out, r * width, width, kNaN,
                               fmt::format("its row holds a visible {}: all of it is NaN", nan ? "NaN" : "+inf")));
    }
  }
  return worst;
}

Judgement CheckEmptyRow(const Case& c, Context& context) {
  const Run run = RunCase(c, context);
  if (run.failed) return *run.failed;
  if (!HasRows(c)) return {};
  const bool nan = EmptyRowOf(c, context.subject.info()) == ASSAY_EMPTY_ROW_NAN;
  Judgement worst;
  for (std::size_t r = 0; r < c.rows; ++r) {
    bool empty = true;
    for (std::size_t j = 0; j < c.cols && empty; ++j) empty = !c.Visible(r, j);
    if (!empty) continue;
    double want = nan ? kNaN : c.op == ASSAY_LOG_SOFTMAX ? -kInf : 0;
    if (c.op == ASSAY_LOGSUMEXP) want = -kInf;
    if (c.op == ASSAY_CROSS_ENTROPY_BACKWARD) want = 0;
    if (c.op == ASSAY_CROSS_ENTROPY) {
      // Any target's mass costs +inf; smoothing has no visible entry to go to.
      want = 0;
      for (std::size_t j = 0; j < c.cols && !Ignored(c, r); ++j) {
        if (c.label_smoothing < 1 && GivenTarget(c, r, j) > 0) want = kInf;
      }
    }
    if (subjects::IsLoss(c.op) && c.targets.given) {
      // Targets that are none make the row NaN, and the accuracy law speaks about them.
      bool bad = false;
      for (std::size_t j = 0; j < c.cols; ++j) bad = bad || !(GivenTarget(c, r, j) >= 0 && GivenTarget(c, r, j) < kInf);
      if (bad) continue;
    }
    const std::size_t width = WidthOfOut(c);
    KeepWorse(&worst, AllAre(c, run.result.out, r * width, width, want,
                             fmt::format("its row has nothing visible: it is {}",
                                         std::isnan(want) ? "NaN" : fmt::format("{:+g}", want))));
  }
  return worst;
}

}  // namespace assay::properties
