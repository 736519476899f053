// SPDX-License-Identifier: Apache-2.0
//
// The gradient of cross-entropy from the subject's other operations: scale (p sum t - t) / T with its own softmax (the
// oracle's where it has none), and what its log_softmax_backward makes of the upstream -t.

#include <fmt/format.h>

#include <cmath>

#include "properties/approx.h"
#include "properties/fit.h"
#include "properties/loss.h"
#include "properties/targets.h"
#include "properties/truth.h"

namespace assay::properties {
namespace {

// Whether the subject has what the derived case needs.
bool Supports(const Context& context, const Case& c) {
  return subjects::WhyUnsupported(context.subject.info(), c).empty();
}

Approx Total(const std::vector<Approx>& targets) {
  Sum sum;
  for (const Approx& t : targets) sum.Add(t);
  return sum.Value();
}

// The subject's softmax where it has one, else the exact one.
struct Probs {
  std::vector<Approx> values;
  const char* whose = "the subject's softmax";
  std::optional<Judgement> failed;
};

Probs ProbsOf(const Case& softmax, Context& context) {
  Probs probs;
  if (!Supports(context, softmax)) {
    probs.whose = "the exact softmax";
    for (const oracle::Exact& exact : ExactOf(softmax, context.subject.info(), context.tier)) {
      probs.values.emplace_back(
          static_cast<long double>(exact.nearest) + static_cast<long double>(exact.remainder_ulp) * exact.ulp,
          static_cast<long double>(exact.width_ulp) * exact.ulp);
    }
    return probs;
  }
  const KnownRun run = RunKnownDerived(softmax, context);
  probs.failed = run.failed;
  for (std::size_t i = 0; !run.failed && i < softmax.rows * softmax.cols; ++i)
    probs.values.push_back((*run.outputs)[i]);
  return probs;
}

Judgement AgainstSoftmax(const Case& c, const Outputs& got, const Case& softmax, Context& context) {
  const Probs probs = ProbsOf(softmax, context);
  if (probs.failed) return *probs.failed;
  Judgement worst;
  for (std::size_t r = 0; r < c.rows; ++r) {
    if (Ignored(c, r)) continue;
    const std::vector<Approx> targets = TargetsOfRow(c, r);
    const Approx total = Total(targets);
    const Approx scale = ScaleOfRow(c, r);
    for (std::size_t j = 0; j < c.cols; ++j) {
      const std::size_t i = r * c.cols + j;
      if (!c.Visible(r, j)) continue;
      const Approx want = OverT(scale * (probs.values[i] * total - targets[j]), c.temperature);
      KeepSeverity(&worst, ZeroSeverity(got[i] - want), [&] {
        return fmt::format(
            "entry [{}, {}]: the gradient is {}, but scale (p sum t - t) / T is {:.9g} with p = {:.9g} "
            "of {}",
            r, j, Show(got.array(), i), static_cast<double>(want.value), static_cast<double>(probs.values[i].value),
            probs.whose);
      });
    }
  }
  return worst;
}

// With s = saved, the subject's log_softmax, and t' = t rounded to the dtype, log_softmax_backward of -t' is exactly
// (e^s sum_v t' - t') / T. The gradient is scale (e^s' sum t - t) / T with s' exact, which s is within its bound of.
Judgement AgainstLogSoftmax(const Case& c, const Outputs& got, const Outputs& saved, const Case& backward,
                            Context& context) {
  const KnownRun run = RunKnownDerived(backward, context);
  if (run.failed) return *run.failed;
  Judgement worst;
  for (std::size_t r = 0; r < c.rows; ++r) {
    if (Ignored(c, r)) continue;
    const std::vector<Approx> targets = TargetsOfRow(c, r);
    const Approx total = Total(targets);
    const Approx scale = ScaleOfRow(c, r);
    Sum visible;
    bool finite = true;  // a log p beyond the dtype is a row in which backward sees less than there is
    for (std::size_t j = 0; j < c.cols; ++j) {
      if (!c.Visible(r, j)) continue;
      visible.Add(-backward.upstream[r * c.cols + j]);
      finite = finite && std::isfinite(saved.array()[r * c.cols + j]);
    }
    for (std::size_t j = 0; finite && j < c.cols; ++j) {
      const std::size_t i = r * c.cols + j;
      if (!c.Visible(r, j)) continue;
      // What the two formulas differ by.
      const Approx missing =
          Exp(saved[i]) * total - Exp(saved.array()[i]) * visible.Value() - (targets[j] + backward.upstream[i]);
      const Approx want = scale * ((*run.outputs)[i] + OverT(missing, c.temperature));
      KeepSeverity(&worst, ZeroSeverity(got[i] - want), [&] {
        return fmt::format(
            "entry [{}, {}]: the gradient is {}, but the subject's log_softmax_backward of -t makes it "
            "{:.9g}",
            r, j, Show(got.array(), i), static_cast<double>(want.value));
      });
    }
  }
  return worst;
}

}  // namespace

Judgement CheckCrossEntropyGradientMatches(const Case& c, Context& context) {
  const Case softmax = SameLogits(c, ASSAY_SOFTMAX);
  const Case log_softmax = SameLogits(c, ASSAY_LOG_SOFTMAX);
  Case backward = subjects::MakeCase(ASSAY_LOG_SOFTMAX_BACKWARD, c.dtype, c.rows, c.cols);
  backward.temperature = c.temperature;
  const KnownRun run = RunKnown(c, context);
  if (run.failed) return *run.failed;
  Judgement worst = AgainstSoftmax(c, *run.outputs, softmax, context);
  if (!Supports(context, log_softmax) || !Supports(context, backward)) return worst;
  const KnownRun logs = RunKnownDerived(log_softmax, context);
  if (logs.failed) {
    KeepWorse(&worst, *logs.failed);
    return worst;
  }
  backward.saved.values = logs.outputs->array();
  for (std::size_t r = 0; r < c.rows; ++r) {
    const std::vector<Approx> targets = TargetsOfRow(c, r);
    for (std::size_t j = 0; j < c.cols; ++j) {
      backward.upstream.values.Set(r * c.cols + j, -static_cast<double>(targets[j].value));
    }
  }
  KeepWorse(&worst, AgainstLogSoftmax(c, *run.outputs, *logs.outputs, backward, context));
  return worst;
}

}  // namespace assay::properties
