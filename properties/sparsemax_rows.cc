// SPDX-License-Identifier: Apache-2.0
//
// Sparsemax of rows whose result is known: shifted rows, rows with ties, and rows that lie on the simplex already.

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "properties/approx.h"
#include "properties/fit.h"
#include "properties/sparsemax.h"
#include "subjects/random.h"

namespace assay::properties {
namespace {

using subjects::Random;

// Runs a row whose exact result is `want`: where the subject claims correct rounding, the numbers nearest to the values
// of want (no midpoint lies between a value and the exact one), else within its bound.
Judgement CheckKnownRow(const Case& c, const std::vector<Approx>& want, const std::string& what, Context& context) {
  const KnownRun run = RunKnownDerived(c, context);
  if (run.failed) return *run.failed;
  const Outputs& got = *run.outputs;
  const bool nearest = ClaimsNearest(context.subject.info(), c);
  Judgement worst;
  for (std::size_t i = 0; i < want.size(); ++i) {
    const auto exact = static_cast<double>(want[i].value);
    const double severity = ZeroSeverity(got[i] - want[i]);
    if (severity > 1 || (nearest && got.array()[i] != subjects::RoundTo(got.array().element(), exact))) {
      KeepWorse(&worst,
                ViolatedAt(c, got.array(), i, fmt::format("{}: {:.9g}", what, exact), exact, std::max(severity, 2.0)));
    } else if (worst.verdict == Verdict::kHolds) {
      worst.severity = std::max(worst.severity, severity);
    }
  }
  return worst;
}

// A plain row of the case's dtype and place in memory.
Case PlainRow(const Case& c, std::size_t cols) {
  Case row = subjects::MakeCase(c.op, c.dtype, 1, cols);
  row.offset = c.offset;
  row.guard = c.guard;
  row.law_key = c.law_key;
  return row;
}

// Equal scores get equal bits.
Judgement CheckEqualShares(const Case& c, const Array& out) {
  for (std::size_t r = 0; r < c.rows; ++r) {
    std::vector<std::size_t> order;
    for (std::size_t j = 0; j < c.cols; ++j) {
      if (c.Visible(r, j)) order.push_back(r * c.cols + j);
    }
    const auto key = [&](std::size_t i) { return std::pair(c.logits[i], c.bias.given ? c.bias[i] : 0.0); };
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return key(a) < key(b); });
    for (std::size_t k = 1; k < order.size(); ++k) {
      const std::size_t a = order[k - 1];
      const std::size_t b = order[k];
      if (key(a) != key(b) || SameNumber(out, a, out, b)) continue;
      return ViolatedAt(c, out, b,
                        fmt::format("entry {} has the same score and the share {}", a % c.cols, Show(out, a)), out[a],
                        kInf);
    }
  }
  return {};
}

}  // namespace

Case WithLogitsOnGrid(Case c) {
  c = WithFiniteRows(std::move(c));
  Case on_grid = OnShiftGrid(c);
  on_grid.temperature = c.temperature;
  on_grid.bias = c.bias;
  return Settled(std::move(on_grid));
}

Case WithPlainScores(Case c) { return WithFiniteRows(AllVisible(WithoutScaling(std::move(c)))); }

Judgement CheckSparsemaxShift(const Case& c, Context& context) {
  Random random(c.law_key, 41);
  const double steps = static_cast<double>(1 + random.Below(ShiftSteps(c.dtype)));
  const double shift = (random.Below(2) == 0 ? steps : -steps) * GridStep(c.dtype);
  Case shifted = c;
  for (std::size_t i = 0; i < c.logits.values.size(); ++i) {
    if (std::isfinite(c.logits[i])) shifted.logits.values.Set(i, c.logits[i] + shift);
  }
  const Run base = RunCase(c, context);
  if (base.failed) return *base.failed;
  const Run moved = RunDerived(shifted, context);
  if (moved.failed) return *moved.failed;
  const subjects::SubjectInfo& info = context.subject.info();
  const std::string how = fmt::format("after adding {:g} to the row", shift);
  if (ClaimsNearest(info, c)) return SameBitsOrViolated(c, moved.result.out, how, base.result.out, "before");
  return AgreeWithin(c, moved.result.out, BoundsOf(shifted, info), how, base.result.out, BoundsOf(c, info), "before");
}

Judgement CheckSparsemaxTies(const Case& c, Context& context) {
  const Run run = RunCase(c, context);
  if (run.failed) return *run.failed;
  Judgement worst = CheckEqualShares(c, run.result.out);

  // A row of k maxima, entries at the threshold max - 1/k itself (where that is a number of the dtype's grid), and the
  // rest below: the maxima share 1/k, all else is 0.
  Random random(c.law_key, 42);
  const std::size_t cols = std::max<std::size_t>(c.cols, 2);
  Case row = PlainRow(c, cols);
  std::size_t k = 1 + random.Below(cols);
  const bool exact_threshold = random.Below(2) == 0;
  const auto room = static_cast<std::size_t>(1.0 / GridStep(c.dtype));
  if (exact_threshold) k = std::min(std::bit_floor(k), room);
  // Between 1/k and the double nearest to it lies no midpoint of a narrower dtype for k < 2^26: those are at least
  // 2^-25 / k away, relative.
  const double share = 1.0 / static_cast<double>(k);
  const double max = GridStep(c.dtype) * static_cast<double>(random.Below(ShiftSteps(c.dtype) / 2));
  std::vector<Approx> want(cols);
  std::vector<std::size_t> order(cols);
  for (std::size_t j = 0; j < cols; ++j) order[j] = j;
  for (std::size_t j = cols; j > 1; --j) std::swap(order[j - 1], order[random.Below(j)]);
  for (std::size_t j = 0; j < cols; ++j) {
    const std::size_t i = order[j];
    if (j < k) {
      row.logits.values.Set(i, max);
      want[i] = {static_cast<long double>(share), share * 0x1p-53L};
    } else {
      const bool at_threshold = exact_threshold && random.Below(2) == 0;
      row.logits.values.Set(i, at_threshold ? max - share : max - 1 - static_cast<double>(random.Below(3)));
    }
  }
  KeepWorse(
      &worst,
      CheckKnownRow(row, want, fmt::format("with {} equal maxima and the rest at the threshold or below", k), context));
  return worst;
}

// A point of the simplex is its own projection. And the projection of what is near the simplex is near: it moves no two
// points apart (Euclidean norm), so that with q the subject's result and e its errors, p exact,
// |sparsemax(q) - q| <= |sparsemax(q) - sparsemax(p)| + |p - q| <= norm(e) + e_i.
Judgement CheckSparsemaxProjection(const Case& c, Context& context) {
  Random random(c.law_key, 43);
  const std::size_t cols = std::max<std::size_t>(c.cols, 1);
  Case row = PlainRow(c, cols);
  // Shares are multiples of 2^-bits: a few large ones, or many small ones, so that the support is wide.
  const int precision = subjects::FormatOf(subjects::ElementOf(c.dtype)).precision;
  const int bits = 1 + static_cast<int>(random.Below(static_cast<std::uint64_t>(std::min(precision, 30) - 1)));
  std::uint64_t left = std::uint64_t{1} << bits;
  const std::uint64_t most = random.Below(2) == 0 ? left : std::max<std::uint64_t>(1, 2 * left / cols);
  std::vector<std::uint64_t> units(cols);
  for (std::size_t tries = 0; left > 0 && tries < 2 * cols; ++tries) {
    const std::uint64_t taken = random.Below(std::min(left, most) + 1);
    units[random.Below(cols)] += taken;
    left -= taken;
  }
  units[random.Below(cols)] += left;
  std::vector<Approx> want;
  for (std::size_t j = 0; j < cols; ++j) {
    const double share = std::ldexp(static_cast<double>(units[j]), -bits);
    row.logits.values.Set(j, share);
    want.push_back(share);
  }
  Judgement worst = CheckKnownRow(row, want, "the row is on the simplex and stays as it is", context);

  const KnownRun once = RunKnown(c, context);
  if (once.failed) {
    KeepWorse(&worst, *once.failed);
    return worst;
  }
  Case again = c;
  again.logits.values = once.outputs->array();
  again = Settled(std::move(again));
  for (std::size_t i = 0; i < again.logits.values.size(); ++i) {
    if (!std::isfinite(again.logits[i])) return worst;  // nothing was promised for this row
  }
  const KnownRun twice = RunKnownDerived(again, context);
  if (twice.failed) {
    KeepWorse(&worst, *twice.failed);
    return worst;
  }
  for (std::size_t r = 0; r < c.rows; ++r) {
    long double square = 0;
    for (std::size_t i = r * c.cols; i < (r + 1) * c.cols; ++i) {
      const long double error = (*once.outputs)[i].error;
      square += error * error;
    }
    // The sum and its root are short by less than n + 2 roundings.
    const long double norm = std::sqrt(square) * (1 + static_cast<long double>(c.cols + 2) * 0x1p-52L);
    for (std::size_t i = r * c.cols; i < (r + 1) * c.cols; ++i) {
      const Approx apart = (*twice.outputs)[i] - (*once.outputs)[i];
      KeepSeverity(&worst, ZeroSeverity({apart.value, apart.error + norm}), [&] {
        return fmt::format("entry [{}, {}] is {}, but sparsemax of that result makes it {}", r, i % c.cols,
                           Show(once.outputs->array(), i), Show(twice.outputs->array(), i));
      });
    }
  }
  return worst;
}

}  // namespace assay::properties
