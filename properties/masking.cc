// SPDX-License-Identifier: Apache-2.0
//
// Invisible entries: without mass, without influence, as if they were not there.

#include <fmt/format.h>

#include <cmath>

#include "properties/fit.h"
#include "properties/row_checks.h"
#include "properties/scores.h"
#include "subjects/random.h"

namespace assay::properties {
namespace {

// Runs `other`, whose column j is source[j] of c, and compares it with c's own result.
Judgement AgreesWith(const Case& c, Context& context, const Case& other, const std::vector<std::size_t>& source,
                     const std::string& how_c, const std::string& how_other) {
  const Run base = RunCase(c, context);
  if (base.failed) return *base.failed;
  const Run run = RunDerived(other, context);
  if (run.failed) return *run.failed;
  const subjects::SubjectInfo& info = context.subject.info();
  Rearranged there = Restore(c, source, run.result.out, BoundsOf(other, info));
  if (there.out.size() == c.rows * c.cols) {
    // Columns left out are invisible: another law speaks about them.
    std::vector<bool> kept(c.cols);
    for (const std::size_t j : source) {
      if (j != kPadding) kept[j] = true;
    }
    for (std::size_t i = 0; i < there.out.size(); ++i) {
      if (!kept[i % c.cols]) there.out.SetBits(i, base.result.out.Bits(i));
    }
  }
  return AgreeEach(c, info, base.result.out, how_c, there.out, there.bounds, how_other);
}

std::vector<std::size_t> AllColumns(const Case& c) {
  std::vector<std::size_t> source(c.cols);
  for (std::size_t j = 0; j < c.cols; ++j) source[j] = j;
  return source;
}

}  // namespace

// Columns of -inf in front, behind, and between any two; where the case has a bias, some of them are invisible by that.
Judgement CheckMinusInfPadding(const Case& c, Context& context) {
  subjects::Random random(c.law_key, 5);
  std::vector<std::size_t> source(random.Below(3) == 0 ? random.Below(40) : 0, kPadding);
  const bool between = random.Below(3) == 0;
  for (std::size_t j = 0; j < c.cols; ++j) {
    source.push_back(j);
    if (between && random.Below(4) == 0) source.push_back(kPadding);
  }
  source.insert(source.end(), 1 + random.Below(70), kPadding);
  Case padded = TakeColumns(c, source);
  const bool by_bias = c.bias.given && random.Below(2) == 0;
  for (std::size_t i = 0; by_bias && i < padded.logits.values.size(); ++i) {
    if (source[i % padded.cols] != kPadding) continue;
    padded.logits.values.Set(i, static_cast<double>(i % 5));
    padded.bias.values.Set(i, -kInf);
  }
  return AgreesWith(c, context, Settled(std::move(padded)), source, "alone", "with columns of -inf beside it");
}

Judgement CheckMaskedIsZero(const Case& c, Context& context) {
  const Run run = RunCase(c, context);
  if (run.failed) return *run.failed;
  const double want = c.op == ASSAY_LOG_SOFTMAX ? -kInf : 0;
  for (std::size_t i = 0; i < c.rows * c.cols; ++i) {
    const double got = run.result.out[i];
    if (c.Visible(i / c.cols, i % c.cols) || (got == want && std::signbit(got) == std::signbit(want))) continue;
    return ViolatedAt(c, run.result.out, i, fmt::format("it is invisible, so it is exactly {:+g}", want), want,
                      std::isfinite(got) && want == 0 ? 1 + std::fabs(got) * 0x1p24 : kInf);
  }
  return {};
}

// Bit for bit, as the same numbers are visible to the same code.
Judgement CheckMaskedContentIgnored(const Case& c, Context& context) {
  const double largest = subjects::FormatOf(subjects::ElementOf(c.dtype)).max_finite;
  const double loud[] = {std::numeric_limits<double>::quiet_NaN(), kInf, -kInf, largest, -largest, 1e4};
  subjects::Random random(c.law_key, 3);
  const std::uint64_t kind = random.Below(std::size(loud) + 1);
  const std::uint64_t place = random.Below(3);  // logits, bias or both
  Case changed = c;
  for (std::size_t i = 0; i < c.mask.values.size(); ++i) {
    if (c.mask.values.Bits(i) != 0) continue;
    for (Array* values : {&changed.logits.values, &changed.bias.values}) {
      if (values->empty() || (c.bias.given && place == (values == &changed.logits.values ? 1 : 0))) continue;
      if (kind < std::size(loud)) {
        values->Set(i, loud[kind]);
      } else {
        const auto bits = static_cast<unsigned>(8 * subjects::BytesOf(values->element()));
        values->SetBits(i, random.Bits() >> (64 - bits));
      }
    }
  }
  changed = Settled(std::move(changed));
  const Run base = RunCase(c, context);
  if (base.failed) return *base.failed;
  const Run other = RunDerived(changed, context);
  if (other.failed) return *other.failed;
  const std::string how = kind < std::size(loud) ? fmt::format("with {} behind the mask", loud[kind])
                                                 : std::string("with other bits behind the mask");
  return SameBitsOrViolated(c, base.result.out, "before", other.result.out, how);
}

Judgement CheckMaskedEqualsCompacted(const Case& c, Context& context) {
  if (c.rows == 0 || !c.mask.given) return {};
  std::vector<std::size_t> kept;
  for (std::size_t j = 0; j < c.cols; ++j) {
    if (c.mask.values.Bits(j) != 0) kept.push_back(j);
  }
  Case compacted = TakeColumns(c, kept);
  Take(compacted, Role::kMask);
  return AgreesWith(c, context, compacted, kept, "under the mask", "in the row without the masked entries");
}

// The mask of the case written as logits of -inf, and as a bias of -inf. What the subject has not is passed over.
Judgement CheckMaskFormsAgree(const Case& c, Context& context) {
  if (!c.mask.given) return {};
  Judgement worst = NotApplicable("the subject hides entries in one form alone");
  for (const Role role : {Role::kLogits, Role::kBias}) {
    Case hidden = c;
    Take(hidden, Role::kMask);
    if (!hidden.operand(role).given) Give(hidden, role);
    for (std::size_t i = 0; i < c.mask.values.size(); ++i) {
      if (c.mask.values.Bits(i) == 0) hidden.operand(role).values.Set(i, -kInf);
    }
    hidden = Settled(std::move(hidden));
    Judgement judgement = AgreesWith(c, context, hidden, AllColumns(c), "under the mask",
                                     fmt::format("with {} of -inf in its place", subjects::RoleName(role)));
    if (judgement.verdict == Verdict::kNotApplicable) continue;
    if (worst.verdict == Verdict::kNotApplicable) {
      worst = std::move(judgement);
    } else {
      KeepWorse(&worst, std::move(judgement));
    }
  }
  return worst;
}

}  // namespace assay::properties
