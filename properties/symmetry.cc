// SPDX-License-Identifier: Apache-2.0
//
// Calls whose exact results are equal, or the same in another order: nothing but the bounds of both may part them, and
// nothing at all where the nearest numbers are claimed.

#include <fmt/format.h>

#include <cmath>
#include <numeric>

#include "properties/fit.h"
#include "properties/row_checks.h"
#include "properties/scores.h"
#include "subjects/random.h"

namespace assay::properties {

// x + shift is exact on the grid, so no tolerance for it is needed.
Judgement CheckExactShift(const Case& c, Context& context) {
  subjects::Random random(c.law_key, 2);
  const double steps = 1.0 + static_cast<double>(random.Below(ShiftSteps(c.dtype)));
  const double shift = (random.Below(2) == 0 ? steps : -steps) * GridStep(c.dtype);
  Case shifted = c;
  for (std::size_t i = 0; i < c.logits.values.size(); ++i) shifted.logits.values.Set(i, c.logits[i] + shift);

  const Run base = RunCase(c, context);
  if (base.failed) return *base.failed;
  const Run moved = RunDerived(shifted, context);
  if (moved.failed) return *moved.failed;
  const subjects::SubjectInfo& info = context.subject.info();
  return AgreeEach(c, info, base.result.out, "before", moved.result.out, BoundsOf(shifted, info),
                   fmt::format("after adding {:.9g} to the row", shift));
}

// All operands with a column for each entry are permuted alike, and labels follow.
Judgement CheckPermutation(const Case& c, Context& context) {
  subjects::Random random(c.law_key, 4);
  std::vector<std::size_t> source(c.cols);
  std::iota(source.begin(), source.end(), std::size_t{0});
  for (std::size_t j = c.cols; j > 1; --j) std::swap(source[j - 1], source[random.Below(j)]);
  const Case permuted = TakeColumns(c, source);

  const Run base = RunCase(c, context);
  if (base.failed) return *base.failed;
  const Run other = RunDerived(permuted, context);
  if (other.failed) return *other.failed;
  const subjects::SubjectInfo& info = context.subject.info();
  const Rearranged back = Restore(c, source, other.result.out, BoundsOf(permuted, info));
  return AgreeEach(c, info, base.result.out, "in its place", back.out, back.bounds, "with the columns permuted");
}

// The domain divides all logits by T without rounding, so T = 1 on the quotients asks for the same exact results.
Judgement CheckPowerOfTwoTemperature(const Case& c, Context& context) {
  Case scaled = c;
  scaled.temperature = 1;
  for (std::size_t i = 0; i < c.logits.values.size(); ++i) {
    if (std::isfinite(c.logits[i])) scaled.logits.values.Set(i, c.logits[i] / c.temperature);
  }
  const Run base = RunCase(c, context);
  if (base.failed) return *base.failed;
  const Run other = RunDerived(scaled, context);
  if (other.failed) return *other.failed;
  const subjects::SubjectInfo& info = context.subject.info();
  return AgreeEach(c, info, base.result.out, fmt::format("at T = {:g}", c.temperature), other.result.out,
                   BoundsOf(scaled, info), "at T = 1 with the logits divided");
}

}  // namespace assay::properties
