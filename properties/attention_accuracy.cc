// SPDX-License-Identifier: Apache-2.0
//
// The laws of accuracy of attention, one for each output: each result against the oracle.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "properties/attention_checks.h"
#include "properties/attention_judging.h"
#include "properties/attention_truth.h"

namespace assay::properties {
namespace {

void KeepSeverity(Judgement* worst, double severity) {
  if (worst->verdict == Verdict::kHolds) worst->severity = std::max(worst->severity, severity);
}

void JudgeEntry(const Case& c, Role output, const Array& got, std::size_t i, const ExactOutput& truth,
                const Bound& bound, Judgement* worst) {
  if (truth.said[i] == Said::kNothing) return;
  if (truth.said[i] == Said::kNotFinite) {
    if (!std::isfinite(got[i])) return;
    KeepWorse(worst, ViolatedAt(c, output, got, i, "a value that is NaN or infinite makes it NaN or infinite",
                                std::numeric_limits<double>::quiet_NaN(), kInf));
    return;
  }
  if (std::isinf(bound.absolute)) return;
  const oracle::Exact& exact = truth.exact[i];
  const double err = std::fabs(oracle::ErrUlp(got[i], exact));
  if (err == 0) return;
  const double allowed = InUlp(bound, exact);
  if (err - exact.width_ulp > allowed) {
    const double severity = std::max(err / allowed, std::nextafter(1.0, 2.0));
    if (worst->verdict == Verdict::kViolated && severity <= worst->severity) return;
    const Array want(got.element(), {exact.nearest});
    *worst = ViolatedAt(c, output, got, i,
                        fmt::format("the nearest number is {}: off by {:.4g} ULP, at most {:.4g}",
                                    subjects::Show(want, 0), err, allowed),
                        exact.nearest, severity);
    worst->witness->err_ulp = err;
    worst->witness->bound_ulp = allowed;
  } else if (err + exact.width_ulp > allowed) {
    KeepWorse(worst, {Verdict::kUndecided,
                      fmt::format("{} lies within the oracle's width of its bound", PlaceText(c, output, i)), 1,
                      std::nullopt});
  } else {
    KeepSeverity(worst, err / allowed);
  }
}

Judgement CheckOutput(const Case& c, Role output, Context& context) {
  const AttentionRun run(c, context);
  if (run.failed()) return *run.failed();
  if (!run.Has(output)) return {};
  Judgement worst;
  for (const ExactOutput& truth : AttentionTruth(c, context.tier)) {
    if (truth.role != output) continue;
    const std::vector<Bound> bounds = BoundsOf(c, context.subject.info(), run.model(), truth);
    const Array& got = run.Out(output);
    for (std::size_t i = 0; i < got.size(); ++i) JudgeEntry(c, output, got, i, truth, bounds[i], &worst);
  }
  return worst;
}

}  // namespace

Judgement CheckAttentionAccuracy(const Case& c, Context& context) { return CheckOutput(c, Role::kOut, context); }
Judgement CheckLseAccuracy(const Case& c, Context& context) { return CheckOutput(c, Role::kLse, context); }
Judgement CheckDqAccuracy(const Case& c, Context& context) { return CheckOutput(c, Role::kDq, context); }
Judgement CheckDkAccuracy(const Case& c, Context& context) { return CheckOutput(c, Role::kDk, context); }
Judgement CheckDvAccuracy(const Case& c, Context& context) { return CheckOutput(c, Role::kDv, context); }
Judgement CheckDbiasAccuracy(const Case& c, Context& context) { return CheckOutput(c, Role::kDbias, context); }

}  // namespace assay::properties
