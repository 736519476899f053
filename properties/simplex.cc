// SPDX-License-Identifier: Apache-2.0
//
// What shares are: numbers in [0, 1] that sum to 1.

#include <fmt/format.h>

#include <cmath>

#include "properties/row_checks.h"
#include "properties/scores.h"

namespace assay::properties {

// Exact shares sum to 1, so results differ from that by at most the sum of their slacks; the sum itself errs by
// n^2 2^-126 (approx.h).
Judgement CheckSimplex(const Case& c, Context& context) {
  const KnownRun run = RunKnown(c, context);
  if (run.failed) return *run.failed;
  const Outputs& p = *run.outputs;
  Judgement worst;
  for (std::size_t r = 0; r < c.rows && c.cols > 0; ++r) {
    if (!EveryPromised(p, r * c.cols, c.cols)) continue;
    Sum sum;
    for (std::size_t i = r * c.cols; i < (r + 1) * c.cols; ++i) {
      const double got = p.array()[i];
      if (!(got >= 0 && got <= 1) || std::signbit(got)) {
        return ViolatedAt(c, p.array(), i, "shares lie in [0, 1], and no zero is -0", got < 0.5 ? 0 : 1, kInf);
      }
      sum.Add(p[i]);
    }
    const Approx excess = sum.Value() - Approx(1.0);
    KeepSeverity(&worst, ZeroSeverity(excess), [&] {
      return fmt::format("row {} sums to 1 {} {:.3g}; the errors of its {} entries may add up to {:.3g}", r,
                         excess.value < 0 ? "-" : "+", static_cast<double>(std::fabs(excess.value)), c.cols,
                         static_cast<double>(excess.error));
    });
  }
  return worst;
}

// Sum of i p_i is a mean of the visible indices. Each result may be off by its slack, times its index; invisible ones
// are exactly 0, so any mass that leaks to them counts in full.
Judgement CheckSoftArgmax(const Case& c, Context& context) {
  const KnownRun run = RunKnown(c, context);
  if (run.failed) return *run.failed;
  Judgement worst;
  for (std::size_t r = 0; r < c.rows && c.cols > 0; ++r) {
    Sum sum;
    std::size_t first = c.cols;
    std::size_t last = 0;
    for (std::size_t j = 0; j < c.cols; ++j) {
      const std::size_t i = r * c.cols + j;
      const bool visible = c.Visible(r, j);
      if (visible) {
        first = std::min(first, j);
        last = j;
      }
      sum.Add(Approx(static_cast<double>(j)) * (visible ? (*run.outputs)[i] : Approx(run.outputs->array()[i])));
    }
    const Approx mean = sum.Value();
    const double severity = std::max(NonnegativeSeverity(mean - Approx(static_cast<double>(first))),
                                     NonnegativeSeverity(Approx(static_cast<double>(last)) - mean));
    KeepSeverity(&worst, severity, [&] {
      return fmt::format("row {}: the mean index is {:.9g} within {:.3g}, but the visible entries are [{}, {}]", r,
                         static_cast<double>(mean.value), static_cast<double>(mean.error), first, last);
    });
  }
  return worst;
}

}  // namespace assay::properties
