// SPDX-License-Identifier: Apache-2.0
//
// Shift invariance where it is exact in f32: logits and shift on one grid (OnShiftGrid), so no tolerance hides a
// fault of a subject that claims correct rounding; others may differ by both their bounds.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "properties/judging.h"
#include "properties/laws.h"
#include "subjects/random.h"

namespace assay::properties {

Judgement CheckExactShift(const Case& c, Context& context) {
  // A multiple of 2^-6 in [-2^14, 2^14], never 0.
  subjects::Random random(c.law_key, 2);
  const auto steps = static_cast<float>(1 + random.Below(1 << 20));
  const float shift = (random.Below(2) == 0 ? steps : -steps) * 0x1p-6f;
  Case shifted = c;
  for (float& x : shifted.logits) x += shift;

  const Run base = RunCase(c, context);
  if (base.failed) return *base.failed;
  const Run moved = RunCase(shifted, context);
  if (moved.failed) return *moved.failed;
  if (ClaimsNearest(context.subject.info())) {
    return SameBitsOrViolated(c, moved.result.probs, fmt::format("after adding {} to the row", Show(shift)),
                              base.result.probs, "before");
  }

  Judgement worst;
  for (std::size_t r = 0; r < c.rows; ++r) {
    double max = -std::numeric_limits<double>::infinity();
    std::size_t visible = 0;
    for (std::size_t j = 0; j < c.cols; ++j) {
      if (!c.Visible(r, j)) continue;
      ++visible;
      max = std::max<double>(max, c.logits[r * c.cols + j]);
    }
    for (std::size_t j = 0; j < c.cols; ++j) {
      const std::size_t i = r * c.cols + j;
      const float a = base.result.probs[i];
      const float b = moved.result.probs[i];
      const double gap = c.Visible(r, j) ? max - c.logits[i] : 0;
      const double bound = 2 * BoundUlp(context.subject.info(), visible, gap == 0 ? 0 : gap / c.temperature) *
                           UlpOf(std::max(std::fabs(a), std::fabs(b)));
      const double err = std::fabs(static_cast<double>(a) - b);
      if (SameFloat(a, b)) continue;
      const double severity = std::isnan(a) || std::isnan(b) ? std::numeric_limits<double>::infinity() : err / bound;
      if (severity > 1 && severity > worst.severity) {
        worst = Violated(fmt::format("entry [{}, {}] is {} after adding {} to the row, but {} before", r, j, Show(b),
                                     Show(shift), Show(a)),
                         severity, Witness{r, j, c.logits[i], b, static_cast<double>(a), err / UlpOf(a), bound});
      }
    }
  }
  return worst;
}

}  // namespace assay::properties
