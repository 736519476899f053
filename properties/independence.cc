// SPDX-License-Identifier: Apache-2.0
//
// What must not matter to a row, bit for bit: the other rows and its place among them, where the buffers lie and how,
// being in place; and all but the first to a call of attention.

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "properties/fit.h"
#include "properties/judging.h"
#include "properties/machine_laws.h"
#include "properties/variants.h"

namespace assay::properties {
namespace {

using subjects::Random;

std::size_t OutCols(const Case& c) { return subjects::ShapeOf(c, Role::kOut).cols; }

// Compares row `row` of an out with that of another call of the same row.
Judgement SameRow(const Case& c, std::size_t row, const Array& a, std::size_t row_a, const std::string& how_a,
                  const Array& b, std::size_t row_b, const std::string& how_b) {
  const std::size_t cols = OutCols(c);
  Judgement judgement = SameBitsOrViolated(subjects::OneRow(c, row), a.Slice(row_a * cols, cols), how_a,
                                           b.Slice(row_b * cols, cols), how_b);
  if (judgement.witness) judgement.witness->row = row;
  if (judgement.verdict == Verdict::kViolated) judgement.reason = fmt::format("row {}: {}", row, judgement.reason);
  return judgement;
}

// The call with rows[k] at k, compared row for row with the result of c.
Judgement SameRowsTaken(const Case& c, const Array& base, const std::vector<std::size_t>& rows, const std::string& how,
                        Context& context) {
  const Run run = RunDerived(TakeRows(c, rows), context);
  if (run.failed) return *run.failed;
  for (std::size_t k = 0; k < rows.size(); ++k) {
    Judgement judgement = SameRow(c, rows[k], run.result.out, k, fmt::format("as row {} {}", k, how), base, rows[k],
                                  fmt::format("as row {} of {}", rows[k], c.rows));
    if (judgement.verdict == Verdict::kViolated) return judgement;
  }
  return {};
}

std::vector<std::size_t> RowsFrom(std::size_t first, std::size_t last) {
  std::vector<std::size_t> rows(last - first);
  std::iota(rows.begin(), rows.end(), first);
  return rows;
}

// The same case in another layout, or another place.
Judgement SameWhenPlaced(const Case& c, const Case& placed, const subjects::RunResult& base, const std::string& how,
                         const std::string& how_base, Context& context) {
  const Run run = RunDerived(placed, context);
  if (run.failed) return *run.failed;
  if (!run.result.outside_intact) return Violated("what lies between the entries of out was written to, " + how, kInf);
  return SameResultsOrViolated(c, run.result, how, base, how_base);
}

std::string LayoutText(const Case& c) {
  std::string text;
  const auto add = [&](Role role, const subjects::Layout& layout) {
    if (layout == subjects::Layout{}) return;
    text += fmt::format("{}{}:", text.empty() ? "" : ", ", subjects::RoleName(role));
    if (layout.repeats_row) text += " one row repeated";
    if (layout.repeats_head) text += " one head repeated";
    if (layout.repeats_batch) text += " one batch repeated";
    if (layout.heads_inner) text += " heads inside positions";
    if (layout.columns_outer) text += " columns outermost";
    if (layout.step != 1) text += fmt::format(" step {}", layout.step);
    if (layout.gap != 0) text += fmt::format(" gap {}", layout.gap);
    if (layout.rows_backward) text += " rows backward";
    if (layout.cols_backward) text += " columns backward";
  };
  subjects::ForEachInput(c, [&](Role role, const subjects::Operand& operand) { add(role, operand.layout); });
  for (const Role role : subjects::OutputsOf(c)) {
    if (!c.in_place || role != Role::kOut) add(role, subjects::OutLayout(c, role));
  }
  return text;
}

}  // namespace

Case WithRowsOfTheirOwn(Case c) { return Unreduced(WithSeveralRows(std::move(c))); }

Case WithLayouts(Case c) {
  c = subjects::IsAttention(c.op) ? Valid(std::move(c)) : WithSeveralRows(std::move(c));
  if (!IsDense(c)) return c;
  Random random(c.law_key, 12);
  return WithGaps(std::move(c), random);
}

Judgement CheckRowsIndependent(const Case& c, Context& context) {
  const Run together = RunCase(c, context);
  if (together.failed) return *together.failed;
  // Up to eight rows, the last among them: what leaks from row to row leaks forward.
  const std::size_t count = std::min<std::size_t>(c.rows, 8);
  for (std::size_t k = 0; k < count; ++k) {
    const std::size_t row = c.rows - 1 - k * (c.rows / count);
    const Run alone = RunDerived(subjects::OneRow(c, row), context);
    if (alone.failed) return *alone.failed;
    Judgement judgement =
        SameRow(c, row, together.result.out, row, fmt::format("among {} rows", c.rows), alone.result.out, 0, "alone");
    if (judgement.verdict == Verdict::kViolated) return judgement;
  }
  return {};
}

Judgement CheckBatchSplit(const Case& c, Context& context) {
  if (c.rows == 0) return {};
  const Run base = RunCase(c, context);
  if (base.failed) return *base.failed;
  const Array& out = base.result.out;
  Random random(c.law_key, 13);
  const std::size_t split = 1 + random.Below(c.rows - 1);
  Judgement judgement = SameRowsTaken(c, out, RowsFrom(0, split), fmt::format("of the first {} rows", split), context);
  if (judgement.verdict != Verdict::kHolds) return judgement;
  judgement =
      SameRowsTaken(c, out, RowsFrom(split, c.rows), fmt::format("of the last {} rows", c.rows - split), context);
  if (judgement.verdict != Verdict::kHolds) return judgement;

  // Every row somewhere else.
  std::vector<std::size_t> rows = RowsFrom(0, c.rows);
  std::rotate(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(split), rows.end());
  judgement = SameRowsTaken(c, out, rows, fmt::format("of {}, rotated", c.rows), context);
  if (judgement.verdict != Verdict::kHolds || c.rows * c.cols > 4096) return judgement;

  // A larger batch: kernels choose their code by the number of rows. 17 is beyond twice the usual 8 lanes.
  std::vector<std::size_t> more;
  while (more.size() < 17) more.insert(more.end(), rows.begin(), rows.end());
  return SameRowsTaken(c, out, more, fmt::format("of {}", more.size()), context);
}

Judgement CheckAlignment(const Case& c, Context& context) {
  const Run base = RunCase(c, context);
  if (base.failed) return *base.failed;
  Case moved = c;
  Random random(c.law_key, 4);
  // Any of the places in a line of 64 bytes.
  const std::size_t places = 64 / subjects::BytesOf(subjects::ElementOf(c.dtype));
  moved.offset = (c.offset + 1 + random.Below(places - 1)) % places;
  if (random.Below(2) == 0) {
    moved.guard = c.guard == subjects::Guard::kAfter ? subjects::Guard::kBefore : subjects::Guard::kAfter;
  }
  const auto place = [](const Case& at) {
    return fmt::format("{} elements {}", at.offset,
                       at.guard == subjects::Guard::kAfter ? "before the end of a page" : "behind the start of a page");
  };
  return SameWhenPlaced(c, moved, base.result, place(moved), place(c), context);
}

Judgement CheckStrides(const Case& c, Context& context) {
  const Run base = RunDerived(Dense(c), context);
  if (base.failed) return *base.failed;
  Judgement judgement =
      SameWhenPlaced(c, c, base.result, fmt::format("laid out as {}", LayoutText(c)), "dense", context);
  if (judgement.verdict != Verdict::kHolds || !context.subject.info().Can(c.op, ASSAY_FEATURE_ANY_STRIDE)) {
    return judgement;
  }
  Random random(c.law_key, 14);
  const Case other = WithAnyLayouts(c, random);
  judgement = SameWhenPlaced(c, other, base.result, fmt::format("laid out as {}", LayoutText(other)), "dense", context);
  if (judgement.verdict == Verdict::kViolated) return judgement;

  const Case repeated = WithRepeatedRow(other, random);
  const Run written_out = RunDerived(Dense(repeated), context);
  if (written_out.failed) return written_out.failed->verdict == Verdict::kViolated ? *written_out.failed : Judgement{};
  judgement = SameWhenPlaced(repeated, repeated, written_out.result,
                             fmt::format("laid out as {}", LayoutText(repeated)), "dense", context);
  return judgement.verdict == Verdict::kNotApplicable ? Judgement{} : judgement;
}

Judgement CheckInPlace(const Case& c, Context& context) {
  const Run here = RunCase(c, context);
  if (here.failed) return *here.failed;
  if (!here.result.inputs_intact) return Violated("in place, an input other than out was written to", kInf);
  if (!here.result.outside_intact) return Violated("in place, memory that is no entry of out was written to", kInf);
  Case apart = c;
  apart.in_place = false;
  apart.out = c.operand(subjects::InPlaceRole(c.op)).layout;
  const Run there = RunDerived(apart, context);
  if (there.failed) return *there.failed;
  return SameResultsOrViolated(c, here.result, "in place", there.result, "out of place");
}

}  // namespace assay::properties
