// SPDX-License-Identifier: Apache-2.0
//
// What must not matter to a row, bit for bit: the other rows, where it lies, how far apart rows are, being in place.

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "properties/judging.h"
#include "properties/laws.h"
#include "subjects/random.h"

namespace assay::properties {

Judgement CheckRowsIndependent(const Case& c, Context& context) {
  const Run together = RunCase(c, context);
  if (together.failed) return *together.failed;
  // Up to eight rows, the last among them: what leaks from row to row leaks forward.
  const std::size_t count = std::min<std::size_t>(c.rows, 8);
  for (std::size_t k = 0; k < count; ++k) {
    const std::size_t r = c.rows - 1 - k * (c.rows / count);
    const Case alone_case = subjects::OneRow(c, r);
    const Run alone = RunCase(alone_case, context);
    if (alone.failed) return *alone.failed;
    const auto begin = together.result.probs.begin() + static_cast<std::ptrdiff_t>(r * c.cols);
    Judgement judgement =
        SameBitsOrViolated(alone_case, std::vector<float>(begin, begin + static_cast<std::ptrdiff_t>(c.cols)),
                           fmt::format("as row {} of {}", r, c.rows), alone.result.probs, "alone");
    if (judgement.verdict == Verdict::kViolated) {
      if (judgement.witness) judgement.witness->row = r;
      return judgement;
    }
  }
  return {};
}

Judgement CheckAlignment(const Case& c, Context& context) {
  Case moved = c;
  subjects::Random random(c.law_key, 4);
  moved.offset = (c.offset + 1 + random.Below(15)) % 16;
  if (random.Below(2) == 0) {
    moved.guard = c.guard == subjects::Guard::kAfter ? subjects::Guard::kBefore : subjects::Guard::kAfter;
  }
  const Run base = RunCase(c, context);
  if (base.failed) return *base.failed;
  const Run other = RunCase(moved, context);
  if (other.failed) return *other.failed;
  return SameBitsOrViolated(c, other.result.probs, fmt::format("at offset {}", moved.offset), base.result.probs,
                            fmt::format("at offset {}", c.offset));
}

Judgement CheckRowStride(const Case& c, Context& context) {
  Case dense = c;
  dense.logits_gap = 0;
  dense.probs_gap = 0;
  const Run spaced = RunCase(c, context);
  if (spaced.failed) return *spaced.failed;
  const Run base = RunCase(dense, context);
  if (base.failed) return *base.failed;
  if (!spaced.result.outside_intact) {
    return Violated("the gap between two rows was written to", std::numeric_limits<double>::infinity());
  }
  return SameBitsOrViolated(c, spaced.result.probs,
                            fmt::format("with gaps of {} and {} behind the rows", c.logits_gap, c.probs_gap),
                            base.result.probs, "without");
}

Judgement CheckInPlace(const Case& c, Context& context) {
  Case apart = c;
  apart.in_place = false;
  const Run here = RunCase(c, context);
  if (here.failed) return *here.failed;
  const Run there = RunCase(apart, context);
  if (there.failed) return *there.failed;
  return SameBitsOrViolated(c, here.result.probs, "in place", there.result.probs, "out of place");
}

}  // namespace assay::properties
