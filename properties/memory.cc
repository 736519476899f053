// SPDX-License-Identifier: Apache-2.0
//
// What a call does to memory: writes every output, and nothing else; reads no further than the row.

#include <limits>

#include "properties/judging.h"
#include "properties/laws.h"

namespace assay::properties {

Judgement CheckAllWritten(const Case& c, Context& context) {
  const Run first = RunCase(c, context, {.poison = 0x3C});  // 0.0115: no NaN, or SameFloat could not tell
  if (first.failed) return *first.failed;
  const Run second = RunCase(c, context, {.poison = 0x3D});
  if (second.failed) return *second.failed;
  return SameBitsOrViolated(c, first.result.probs, "where the buffer was filled with 3C bytes", second.result.probs,
                            "with 3D bytes: not written");
}

Judgement CheckMemoryBounds(const Case& c, Context& context) {
  for (const subjects::Guard guard : {subjects::Guard::kAfter, subjects::Guard::kBefore}) {
    Case guarded = c;
    guarded.guard = guard;
    guarded.offset = 0;
    const Run run = RunCase(guarded, context);
    if (run.failed) return *run.failed;
    const char* what = !run.result.outside_intact  ? "memory outside the results was written to"
                       : !run.result.inputs_intact ? "an input was written to"
                                                   : nullptr;
    if (what != nullptr) return Violated(what, std::numeric_limits<double>::infinity());
  }
  return {};
}

}  // namespace assay::properties
