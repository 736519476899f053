// SPDX-License-Identifier: Apache-2.0
//
// Shift invariance where it is exact in f32: logits and shift on one grid (OnShiftGrid), so no tolerance hides a
// fault of a subject that claims correct rounding; others may differ by both their bounds.

#include <fmt/format.h>

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
  return AgreeOrViolated(c, context.subject.info(), moved.result.probs,
                         fmt::format("after adding {} to the row", Show(shift)), base.result.probs, "before");
}

}  // namespace assay::properties
