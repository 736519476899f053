// SPDX-License-Identifier: Apache-2.0
//
// What a call does to memory: writes every output and nothing else, reads nothing but the entries of its inputs.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "properties/fit.h"
#include "properties/judging.h"
#include "properties/machine_laws.h"
#include "properties/variants.h"

namespace assay::properties {
namespace {

const char* GuardName(subjects::Guard guard) { return guard == subjects::Guard::kAfter ? "behind" : "in front of"; }

// Both guards, each touching the data.
Judgement CheckGuards(Case c, const std::string& what, Context& context) {
  c.offset = 0;
  for (const subjects::Guard guard : {subjects::Guard::kAfter, subjects::Guard::kBefore}) {
    c.guard = guard;
    Run run = RunDerived(c, context);
    if (run.failed) {
      if (run.failed->verdict == Verdict::kViolated) {
        run.failed->reason += fmt::format(" ({}, inaccessible memory {} every buffer)", what, GuardName(guard));
      }
      return *run.failed;
    }
    const char* fault = !run.result.outside_intact  ? "memory that is no entry of out was written to"
                        : !run.result.inputs_intact ? "an input was written to"
                                                    : nullptr;
    if (fault != nullptr) {
      return Violated(fmt::format("{} ({}, inaccessible memory {} every buffer)", fault, what, GuardName(guard)), kInf);
    }
  }
  return {};
}

// Attention for subjects that ask for alignment, see below: cut to dimensions and keys that end at a multiple of it.
Judgement CheckCutGuards(const Case& c, Context& context) {
  const std::size_t unit = context.subject.info().alignment_bytes / subjects::BytesOf(subjects::ElementOf(c.dtype));
  if (unit <= 1) return {};
  Case cut = Dense(c);
  for (const subjects::Axis axis : {subjects::Axis::kHeadDim, subjects::Axis::kValueDim, subjects::Axis::kKey}) {
    const std::size_t size = subjects::SizeOf(cut, axis) / unit * unit;
    if (size == 0) return {};
    cut = subjects::KeepAlong(cut, axis, [&](std::size_t i) { return i < size; });
  }
  const Judgement judgement = CheckGuards(Settled(std::move(cut)), "cut to whole units of its alignment", context);
  return judgement.verdict == Verdict::kNotApplicable ? Judgement{} : judgement;
}

}  // namespace

// The end of a buffer touches the guard only where its start is then aligned as the subject asks; otherwise up to
// alignment_bytes - 1 bytes of padding hide a read behind the end. So such subjects run rows one by one, too, cut to
// where the end is aligned.
Judgement CheckMemoryBounds(const Case& c, Context& context) {
  Judgement judgement = CheckGuards(c, "the whole call", context);
  if (subjects::IsAttention(c.op)) return judgement.verdict == Verdict::kHolds ? CheckCutGuards(c, context) : judgement;
  const std::size_t bytes = subjects::BytesOf(subjects::ElementOf(c.dtype));
  const std::size_t unit = context.subject.info().alignment_bytes / bytes;
  const std::size_t cols = unit == 0 ? 0 : c.cols / unit * unit;
  if (judgement.verdict != Verdict::kHolds || unit <= 1 || cols == 0) return judgement;
  const std::size_t count = std::min<std::size_t>(c.rows, 4);
  for (std::size_t k = 0; k < count && judgement.verdict == Verdict::kHolds; ++k) {
    const std::size_t row = k * (c.rows / count);
    const Case one = subjects::KeepColumns(Dense(subjects::OneRow(c, row)), [&](std::size_t j) { return j < cols; });
    judgement = CheckGuards(one, fmt::format("row {} alone, cut to {} columns", row, cols), context);
  }
  return judgement.verdict == Verdict::kNotApplicable ? Judgement{} : judgement;
}

Judgement CheckAllWritten(const Case& c, Context& context) {
  constexpr std::uint8_t kPoisons[] = {0x3C, 0x3D};  // numbers in every type: two NaNs would count as the same
  const Run first = RunCase(c, context, {.poison = kPoisons[0]});
  if (first.failed) return *first.failed;
  const Run second = RunCase(c, context, {.poison = kPoisons[1]});
  if (second.failed) return *second.failed;
  return SameResultsOrViolated(c, first.result, "where out was filled with bytes 3C before the call", second.result,
                               "where it was filled with 3D: not written, or read before");
}

Judgement CheckPaddingIgnored(const Case& c, Context& context) {
  // NaN in every float type; large finite numbers (in an f16 61280); zeros. In masks: visible, visible, masked. A NaN
  // alone could vanish in a maximum, a number in a comparison.
  constexpr std::uint8_t kPaddings[] = {0xFF, 0x7B, 0x00};
  const auto check = [&](const Case& placed) -> Judgement {
    const Run base = RunDerived(placed, context, {.padding = kPaddings[0]});
    if (base.failed) return *base.failed;
    for (const std::uint8_t padding : {kPaddings[1], kPaddings[2]}) {
      const Run other = RunDerived(placed, context, {.padding = padding});
      if (other.failed) return *other.failed;
      Judgement judgement = SameResultsOrViolated(
          c, other.result, fmt::format("where bytes {:02X} lie around the inputs' entries", padding), base.result,
          fmt::format("where it is {:02X}", kPaddings[0]));
      if (judgement.verdict == Verdict::kViolated) return judgement;
    }
    return {};
  };
  Judgement judgement = check(c);
  if (judgement.verdict != Verdict::kHolds || !IsDense(c)) return judgement;
  // Dense operands have padding around them but none between their rows.
  subjects::Random random(c.law_key, 11);
  Case with_gaps = WithGaps(c, random);
  with_gaps.offset = 3;
  judgement = check(with_gaps);
  return judgement.verdict == Verdict::kNotApplicable ? Judgement{} : judgement;
}

}  // namespace assay::properties
