// SPDX-License-Identifier: Apache-2.0
//
// What a case needs against what a subject declares, and what is left of a case without what the subject lacks. The
// two functions go through the same list in the same order. Attention has a list of its own (unsupported_attention.cc).

#include "subjects/unsupported.h"

#include <cmath>
#include <utility>

#include "subjects/layout.h"

namespace assay::subjects {
namespace {

// The feature a temperature needs; 0 for T = 1.
std::uint64_t TemperatureNeeds(const Case& c) {
  const double t = c.temperature;
  if (!(t >= 0) || (t == 0 && !HasZeroTemperature(c.op))) return ASSAY_FEATURE_STATUS;  // NaN too
  if (t == 0 || std::isinf(t)) return ASSAY_FEATURE_TEMPERATURE_LIMITS;
  return t == 1 ? 0 : ASSAY_FEATURE_TEMPERATURE;
}

std::uint64_t SmoothingNeeds(const Case& c) {
  if (!(c.label_smoothing >= 0 && c.label_smoothing <= 1)) return ASSAY_FEATURE_STATUS;
  return c.label_smoothing == 0 ? 0 : ASSAY_FEATURE_LABEL_SMOOTHING;
}

std::int64_t Label(const Case& c, std::size_t row) { return static_cast<std::int64_t>(c.labels.values.Bits(row)); }

bool IsBadLabel(const Case& c, std::size_t row) {
  const std::int64_t label = Label(c, row);
  if (c.has_ignore_index && label == c.ignore_index) return false;
  return label < 0 || static_cast<std::uint64_t>(label) >= c.cols;
}

bool HasBadLabel(const Case& c) {
  for (std::size_t row = 0; row < c.labels.values.size(); ++row) {
    if (IsBadLabel(c, row)) return true;
  }
  return false;
}

// What any of these layouts serves: a positive gap and nothing else needs ROW_STRIDE, or ANY_STRIDE; all else ANY.
std::uint64_t LayoutNeeds(const Layout& layout) {
  Layout gap_alone;
  gap_alone.gap = layout.gap;
  if (layout != gap_alone) return ASSAY_FEATURE_ANY_STRIDE;
  return layout.gap == 0 ? 0 : ASSAY_FEATURE_ROW_STRIDE;
}

bool ServesLayout(const OpInfo& op, const Layout& layout) {
  const std::uint64_t needs = LayoutNeeds(layout);
  return needs == 0 || (op.features & (needs | ASSAY_FEATURE_ANY_STRIDE)) != 0;
}

bool HasStrides(const OpInfo& op) { return (op.features & (ASSAY_FEATURE_ROW_STRIDE | ASSAY_FEATURE_ANY_STRIDE)) != 0; }

// Whether alignment alone makes a row stride larger than it would be.
bool AlignmentAddsStride(const SubjectInfo& info, const Case& c) {
  const auto adds = [&](Role role) {
    return ExtentOf(c, role, info.alignment_bytes).strides != ExtentOf(c, role).strides;
  };
  bool any = false;
  for (const Role role : OutputsOf(c)) any = any || adds(role);
  ForEachInput(c, [&](Role role, const Operand&) { any = any || adds(role); });
  return any;
}

bool ReadsEmptyRow(assay_op op) { return op == ASSAY_SOFTMAX || op == ASSAY_LOG_SOFTMAX || op == ASSAY_SPARSEMAX; }

bool ObeysEmptyRow(const SubjectInfo& info, const Case& c) {
  const assay_empty_row convention = c.mask.given ? info.empty_row_masked : info.empty_row_unmasked;
  return !ReadsEmptyRow(c.op) || c.empty_row == ASSAY_EMPTY_ROW_AUTO || c.empty_row == convention ||
         info.Can(c.op, ASSAY_FEATURE_EMPTY_ROW);
}

// Labels that stand for the targets: the first of the largest.
void TargetsToLabels(Case* c) {
  const Array targets = c->targets.values;
  Take(*c, Role::kTargets);
  Give(*c, Role::kLabels);
  for (std::size_t row = 0; row < c->rows; ++row) {
    std::size_t best = 0;
    for (std::size_t j = 1; j < c->cols; ++j) {
      if (targets[row * c->cols + j] > targets[row * c->cols + best]) best = j;
    }
    c->labels.values.SetBits(row, best);
  }
}

void MendLabels(Case* c) {
  for (std::size_t row = 0; row < c->labels.values.size(); ++row) {
    if (IsBadLabel(*c, row)) c->labels.values.SetBits(row, 0);
  }
  if (c->cols != 0 || c->rows == 0) return;
  c->rows = 0;  // without columns there is no label
  ForEachInput(*c, [&](Role role, Operand& operand) { operand.values.Resize(ShapeOf(*c, role).size()); });
}

void WithoutReduction(Case* c) {
  c->reduction = ASSAY_REDUCTION_NONE;
  if (!c->upstream.given) return;
  const std::uint64_t value = c->upstream.values.Bits(0);
  c->upstream.values.Resize(c->rows);
  for (std::size_t row = 0; row < c->rows; ++row) c->upstream.values.SetBits(row, value);
}

}  // namespace

void ConvertTo(assay_dtype dtype, Case* c) {
  c->dtype = dtype;
  ForEachInput(*c, [&](Role role, Operand& operand) {
    const Element to = ElementOf(*c, role);
    if (operand.values.element() == to) return;
    Array converted(to, operand.values.size());
    for (std::size_t i = 0; i < converted.size(); ++i) converted.Set(i, operand.values[i]);
    operand.values = std::move(converted);
  });
}

bool AlignmentAsksForStrides(const SubjectInfo& info, const Case& c) {
  return !HasStrides(info.For(c.op)) && AlignmentAddsStride(info, c);
}

std::string WhyNotLaidOut(const SubjectInfo& info, const Case& c) {
  const OpInfo& op = info.For(c.op);
  bool served = true;
  bool gap_alone = true;
  const auto consider = [&](const Layout& layout) {
    served = served && ServesLayout(op, layout);
    gap_alone = gap_alone && LayoutNeeds(layout) != ASSAY_FEATURE_ANY_STRIDE;
  };
  for (const Role role : OutputsOf(c)) consider(LayoutOf(c, role));
  ForEachInput(c, [&](Role, const Operand& operand) { consider(operand.layout); });
  if (!served && !gap_alone) return "no strides but positive row strides";
  if (!served || AlignmentAsksForStrides(info, c)) return "no row strides other than cols";
  if (c.in_place && !info.Can(c.op, ASSAY_FEATURE_IN_PLACE)) return "not in place";
  return {};
}

void SimplifyLayouts(const SubjectInfo& info, Case* c) {
  const OpInfo& op = info.For(c->op);
  if (c->in_place && !info.Can(c->op, ASSAY_FEATURE_IN_PLACE)) {
    c->out = LayoutOf(*c, Role::kOut);
    c->in_place = false;
  }
  const auto simplify = [&](Layout* layout) {
    if (ServesLayout(op, *layout)) return;
    const std::size_t gap = info.Can(c->op, ASSAY_FEATURE_ROW_STRIDE) ? layout->gap : 0;
    *layout = {};
    layout->gap = gap;
  };
  ForEachInput(*c, [&](Role, Operand& operand) { simplify(&operand.layout); });
  for (const Role role : OutputsOf(*c)) {
    if (role != Role::kOut || !c->in_place) simplify(&OutLayout(*c, role));
  }
}

std::string WhyUnsupported(const SubjectInfo& info, const Case& c) {
  const OpInfo& op = info.For(c.op);
  const auto lacks = [&](std::uint64_t features) { return (op.features & features) != features; };
  if (!op.implemented) return std::string("no ") + OpName(c.op);
  if (!info.Has(c.op, c.dtype)) return std::string("no ") + ElementName(ElementOf(c.dtype));
  if (IsAttention(c.op)) return WhyNoAttention(info, c);
  if (c.mask.given && lacks(ASSAY_FEATURE_MASK)) return "no mask";
  if (c.bias.given && lacks(ASSAY_FEATURE_BIAS)) return "no bias";
  if (c.targets.given && lacks(ASSAY_FEATURE_PROBABILITY_TARGETS)) return "no probability targets";
  if (c.has_ignore_index && lacks(ASSAY_FEATURE_IGNORE_INDEX)) return "no ignored rows";
  if (c.reduction != ASSAY_REDUCTION_NONE && lacks(ASSAY_FEATURE_REDUCTION)) return "no reduction";
  const std::uint64_t temperature = TemperatureNeeds(c);
  const std::uint64_t smoothing = SmoothingNeeds(c);
  const bool bad_argument = ((temperature | smoothing) & ASSAY_FEATURE_STATUS) != 0 || HasBadLabel(c);
  if (bad_argument && lacks(ASSAY_FEATURE_STATUS)) return "no refusal of bad arguments";
  if (lacks(temperature)) {
    const bool limit = temperature == ASSAY_FEATURE_TEMPERATURE_LIMITS;
    return limit ? "no temperature limits (T = 0, T = inf)" : "no temperature";
  }
  if (lacks(smoothing)) return "no label smoothing";
  if (std::string why = WhyNotLaidOut(info, c); !why.empty()) return why;
  if (!ObeysEmptyRow(info, c)) return "no choice of empty_row";
  return {};
}

Case Supported(Case c, const SubjectInfo& info) {
  const OpInfo& op = info.For(c.op);
  const auto lacks = [&](std::uint64_t features) { return (op.features & features) != features; };
  if (!op.implemented) return c;
  for (int i = 0; i < ASSAY_NUM_DTYPES && !info.Has(c.op, c.dtype); ++i) {
    const auto dtype = static_cast<assay_dtype>(i);
    if (info.Has(c.op, dtype)) ConvertTo(dtype, &c);
  }
  if (IsAttention(c.op)) return SupportedAttention(std::move(c), info);
  if (c.mask.given && lacks(ASSAY_FEATURE_MASK)) Take(c, Role::kMask);
  if (c.bias.given && lacks(ASSAY_FEATURE_BIAS)) Take(c, Role::kBias);
  if (c.targets.given && lacks(ASSAY_FEATURE_PROBABILITY_TARGETS)) TargetsToLabels(&c);
  if (c.has_ignore_index && lacks(ASSAY_FEATURE_IGNORE_INDEX)) {
    c.has_ignore_index = false;
    c.ignore_index = 0;
    MendLabels(&c);
  }
  if (c.reduction != ASSAY_REDUCTION_NONE && lacks(ASSAY_FEATURE_REDUCTION)) WithoutReduction(&c);
  if (lacks(TemperatureNeeds(c))) c.temperature = 1;
  if (lacks(SmoothingNeeds(c))) c.label_smoothing = 0;
  if (lacks(ASSAY_FEATURE_STATUS) && HasBadLabel(c)) MendLabels(&c);
  SimplifyLayouts(info, &c);
  if (c.rows > 1 && AlignmentAsksForStrides(info, c)) c = OneRow(c, 0);
  if (!ObeysEmptyRow(info, c)) c.empty_row = ASSAY_EMPTY_ROW_AUTO;
  return c;
}

}  // namespace assay::subjects
