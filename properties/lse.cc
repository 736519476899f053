// SPDX-License-Identifier: Apache-2.0
//
// What the log-sum-exp is: a maximum, smoothed by at most log n; convex; additive over parts.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "properties/fit.h"
#include "properties/log_checks.h"
#include "properties/scores.h"
#include "subjects/random.h"

namespace assay::properties {

// max z <= lse <= max z + log(visible entries), within the slack of the result.
Judgement CheckLseBounds(const Case& c, Context& context) {
  const KnownRun run = RunKnown(c, context);
  if (run.failed) return *run.failed;
  Judgement worst;
  for (std::size_t r = 0; r < c.rows; ++r) {
    Approx max;
    double visible = 0;
    for (std::size_t j = 0; j < c.cols; ++j) {
      if (!c.Visible(r, j)) continue;
      const Approx z = ScoreOf(c, r * c.cols + j);
      max = visible == 0 ? z : Max(max, z);
      ++visible;
    }
    if (visible == 0) continue;
    const Approx lse = (*run.outputs)[r];
    const Approx most = visible == 1 ? max : max + Log(visible);
    const double severity = std::max(NonnegativeSeverity(lse - max), NonnegativeSeverity(most - lse));
    Expect(&worst, c, run.outputs->array(), r, severity, max, [&] {
      return fmt::format("the largest of its row's {} scores is {:.9g}: it lies between that and {:.9g}", visible,
                         static_cast<double>(max.value), static_cast<double>(most.value));
    });
  }
  return worst;
}

// x + shift is exact on the grid; the shift of the result is compared in long double.
Judgement CheckLseShift(const Case& c, Context& context) {
  subjects::Random random(c.law_key, 2);
  const double steps = 1.0 + static_cast<double>(random.Below(ShiftSteps(c.dtype)));
  const double shift = (random.Below(2) == 0 ? steps : -steps) * GridStep(c.dtype);
  Case shifted = c;
  for (std::size_t i = 0; i < c.logits.values.size(); ++i) shifted.logits.values.Set(i, c.logits[i] + shift);
  const KnownRun base = RunKnown(c, context);
  if (base.failed) return *base.failed;
  const KnownRun moved = RunKnownDerived(shifted, context);
  if (moved.failed) return *moved.failed;
  Judgement worst;
  for (std::size_t r = 0; r < c.rows; ++r) {
    const Approx want = (*base.outputs)[r] + Approx(shift);
    Expect(&worst, shifted, moved.outputs->array(), r, ZeroSeverity((*moved.outputs)[r] - want), want, [&] {
      return fmt::format("before {:.9g} was added to its row it was {}", shift, Show(base.outputs->array(), r));
    });
  }
  return worst;
}

// lse(x + d) <= (lse(x) + lse(x + 2 d)) / 2, where the grid makes both sums exact. Slack: those of the three results.
Judgement CheckLseConvex(const Case& c, Context& context) {
  subjects::Random random(c.law_key, 7);
  // Steps in powers of two up to half the room: a small d leaves the least air between the two sides.
  int bits = 1;
  while ((ShiftSteps(c.dtype) >> (bits + 2)) != 0) ++bits;
  const std::uint64_t reach = std::uint64_t{1} << random.Below(static_cast<std::uint64_t>(bits));
  Case middle = c;
  Case end = c;
  for (std::size_t i = 0; i < c.logits.values.size(); ++i) {
    const double steps = static_cast<double>(random.Below(2 * reach + 1)) - static_cast<double>(reach);
    middle.logits.values.Set(i, c.logits[i] + steps * GridStep(c.dtype));
    end.logits.values.Set(i, c.logits[i] + 2 * steps * GridStep(c.dtype));
  }
  middle = Settled(std::move(middle));
  end = Settled(std::move(end));
  const KnownRun a = RunKnown(c, context);
  if (a.failed) return *a.failed;
  const KnownRun b = RunKnownDerived(end, context);
  if (b.failed) return *b.failed;
  const KnownRun m = RunKnownDerived(middle, context);
  if (m.failed) return *m.failed;
  Judgement worst;
  for (std::size_t r = 0; r < c.rows && c.cols > 0; ++r) {
    const Approx mean = ((*a.outputs)[r] + (*b.outputs)[r]) * Approx(0.5);
    Expect(&worst, middle, m.outputs->array(), r, NonnegativeSeverity(mean - (*m.outputs)[r]), mean, [&] {
      return fmt::format("its row is the middle of two whose log-sum-exps, {} and {}, have the mean {:.9g}",
                         Show(a.outputs->array(), r), Show(b.outputs->array(), r), static_cast<double>(mean.value));
    });
  }
  return worst;
}

// lse(row) = lse([lse(a), lse(b)]) of its parts. The outer call is exact in the results it is given, and lse moves by
// no more than the largest move of its entries: slack is that of both outer results and the larger of the parts'.
Judgement CheckLseMerge(const Case& c, Context& context) {
  if (c.cols < 2) return {};
  const std::size_t split = 1 + c.law_key % (c.cols - 1);
  const KnownRun whole = RunKnown(c, context);
  if (whole.failed) return *whole.failed;
  std::vector<KnownRun> parts;
  for (const auto& [first, last] : {std::pair<std::size_t, std::size_t>{0, split}, {split, c.cols}}) {
    std::vector<std::size_t> source(last - first);
    std::iota(source.begin(), source.end(), first);
    parts.push_back(RunKnownDerived(TakeColumns(c, source), context));
    if (parts.back().failed) return *parts.back().failed;
  }
  Case outer = subjects::MakeCase(ASSAY_LOGSUMEXP, c.dtype, c.rows, 2);
  for (std::size_t r = 0; r < c.rows; ++r) {
    for (std::size_t k = 0; k < 2; ++k) {
      outer.logits.values.SetBits(2 * r + k, parts[k].outputs->array().Bits(r));
    }
  }
  const KnownRun merged = RunKnownDerived(outer, context);
  if (merged.failed) return *merged.failed;
  Judgement worst;
  for (std::size_t r = 0; r < c.rows; ++r) {
    // A part with nothing visible has -inf, exactly; any other infinity is an overflow of the type.
    long double moved = 0;
    bool known = true;
    for (std::size_t k = 0; k < 2; ++k) {
      const double got = parts[k].outputs->array()[r];
      bool empty = true;
      for (std::size_t j = k == 0 ? 0 : split; j < (k == 0 ? split : c.cols); ++j) empty = empty && !c.Visible(r, j);
      if (!empty || got != -kInf) moved = std::max(moved, (*parts[k].outputs)[r].error);
      known = known && (std::isfinite(got) || empty);
    }
    if (!known) continue;
    const Approx got = (*merged.outputs)[r];
    const Approx want(got.value, got.error + moved);
    Expect(&worst, c, whole.outputs->array(), r, ZeroSeverity((*whole.outputs)[r] - want), want, [&] {
      return fmt::format("merging that of columns [0, {}), {}, and of the rest, {}, gives {}", split,
                         Show(parts[0].outputs->array(), r), Show(parts[1].outputs->array(), r),
                         Show(merged.outputs->array(), r));
    });
  }
  return worst;
}

}  // namespace assay::properties
