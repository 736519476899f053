// SPDX-License-Identifier: Apache-2.0

#include "properties/shrink.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <tuple>

#include "properties/shrink_attention.h"

namespace assay::properties {
namespace {

using subjects::Array;
using subjects::Case;
using subjects::Layout;
using subjects::Operand;
using subjects::Role;
using Kind = Step::Kind;

// Single entries and columns are tried up to this many; longer rows lose whole ranges first.
constexpr std::size_t kFew = 64;

bool IsNumber(Role role) { return role != Role::kMask && role != Role::kLabels && role != Role::kLengths; }

bool IsOptional(const Case& c, Role role) {
  return role == Role::kLengths || role == Role::kSink || role == Role::kMask || role == Role::kBias ||
         (role == Role::kUpstream && subjects::IsLoss(c.op));
}

// x with its leading significant bits only; what has no fraction to cut stays.
double CutTo(double x, std::size_t bits) {
  if (!std::isfinite(x) || x == 0) return x;
  int exponent = 0;
  const double fraction = std::frexp(x, &exponent);  // exact, as is all that follows
  const double scaled = std::trunc(std::ldexp(fraction, static_cast<int>(bits)));
  return std::ldexp(scaled, exponent - static_cast<int>(bits));
}

// Significant bits: 0 for zero, 1 for powers of two, infinities and NaN.
std::size_t Length(double x) {
  if (x == 0) return 0;
  if (!std::isfinite(x)) return 1;
  int exponent = 0;
  const double scaled = std::ldexp(std::fabs(std::frexp(x, &exponent)), 53);
  return 53 - static_cast<std::size_t>(std::countr_zero(static_cast<std::uint64_t>(scaled)));
}

int SwitchesOf(const Layout& layout) {
  return (layout.gap > 0) + (layout.step > 1) + layout.columns_outer + layout.rows_backward + layout.cols_backward +
         layout.repeats_row + layout.heads_inner + layout.repeats_head + layout.repeats_batch;
}

// Without rows there are no elements; the columns count all the same.
std::size_t ElementsOf(const Case& c) {
  return subjects::IsAttention(c.op) ? AttentionWork(c) : std::max<std::size_t>(c.rows, 1) * c.cols;
}

std::tuple<std::size_t, int, std::size_t, std::size_t, std::uint64_t> MeasureOf(const Case& c) {
  int switches = static_cast<int>(c.rows > 1) + c.in_place + (c.offset > 0) + (c.guard != subjects::Guard::kAfter) +
                 (c.empty_row != ASSAY_EMPTY_ROW_AUTO) + (c.temperature != 1) + c.targets.given +
                 (c.label_smoothing != 0) + (c.reduction != ASSAY_REDUCTION_NONE) + c.has_ignore_index +
                 (subjects::IsAttention(c.op) ? AttentionSwitches(c) : 0);
  for (const Role role : subjects::OutputsOf(c)) switches += SwitchesOf(subjects::OutLayout(c, role));
  std::size_t length = Length(c.label_smoothing);
  subjects::ForEachInput(c, [&](Role role, const Operand& operand) {
    switches += SwitchesOf(operand.layout) + IsOptional(c, role);
    for (std::size_t i = 0; i < operand.values.size(); ++i) {
      if (role == Role::kMask) {
        length += operand.values.Bits(i) == 0;
      } else if (role == Role::kLabels) {
        length += operand.values.Bits(i) != 0;
      } else if (role == Role::kLengths) {
        length += operand.values.Bits(i) != c.attention.seq_kv;
      } else {
        length += Length(operand.values[i]);
      }
    }
  });
  const std::size_t parameter = Length(c.temperature) + Length(c.attention.scale) + Length(c.attention.softcap);
  return {ElementsOf(c), switches, parameter, length, c.law_key};
}

Case TargetsToLabels(Case c) {
  if (!c.targets.given) return c;
  const Array targets = c.targets.values;
  subjects::Take(c, Role::kTargets);
  subjects::Give(c, Role::kLabels);
  for (std::size_t row = 0; row < c.rows && c.cols > 0; ++row) {
    std::size_t best = 0;
    for (std::size_t j = 1; j < c.cols; ++j) {
      if (targets[row * c.cols + j] > targets[row * c.cols + best]) best = j;
    }
    c.labels.values.SetBits(row, best);
  }
  return c;
}

Case WithoutIgnored(Case c) {
  for (std::size_t row = 0; c.has_ignore_index && row < c.labels.values.size(); ++row) {
    if (static_cast<std::int64_t>(c.labels.values.Bits(row)) == c.ignore_index) c.labels.values.SetBits(row, 0);
  }
  c.has_ignore_index = false;
  c.ignore_index = 0;
  return c;
}

Case WithoutReduction(Case c) {
  if (c.reduction == ASSAY_REDUCTION_NONE) return c;
  c.reduction = ASSAY_REDUCTION_NONE;
  if (!c.upstream.given) return c;
  const Array one = c.upstream.values;
  c.upstream.values.Resize(c.rows);
  for (std::size_t row = 0; row < c.rows; ++row) c.upstream.values.SetBits(row, one.Bits(0));
  return c;
}

Case Dense(Case c) {
  subjects::ForEachInput(c, [](Role, Operand& operand) { operand.layout = {}; });
  for (const Role role : subjects::OutputsOf(c)) subjects::OutLayout(c, role) = {};
  return c;
}

void AddNumberSteps(const Case& c, Role role, std::vector<Step>* steps) {
  const Array& values = c.operand(role).values;
  const auto add = [&](Kind kind, std::size_t first, std::size_t last = 0) {
    steps->push_back({kind, first, last, role});
  };
  for (std::size_t i = 0; i < values.size() && values.size() <= kFew; ++i) {
    const std::uint64_t plain = role == Role::kMask ? 1 : role == Role::kLengths ? c.attention.seq_kv : 0;
    if (role == Role::kMask ? values.Bits(i) == 0 : values.Bits(i) != plain) add(Kind::kZero, i);
    if (!IsNumber(role) || !std::isfinite(values[i])) continue;
    if (std::trunc(values[i]) != values[i]) add(Kind::kWhole, i);
    for (const std::size_t bits : {1, 2, 4, 8, 12, 16}) {
      if (CutTo(values[i], bits) != values[i]) add(Kind::kCut, i, bits);
    }
  }
}

}  // namespace

std::vector<Step> Steps(const Case& c) {
  std::vector<Step> steps;
  const bool attention = subjects::IsAttention(c.op);
  if (attention) steps = AttentionSteps(c);
  if (!attention && c.rows > 1) {
    for (std::size_t r = 0; r < std::min<std::size_t>(c.rows, 8); ++r) steps.push_back({Kind::kKeepRow, r});
  }
  for (std::size_t length = attention ? 0 : c.cols / 2; length > 0; length /= 2) {
    if (length * kFew < c.cols) break;  // more than 64 ranges of this length: first lose longer ones
    for (std::size_t first = 0; first + length <= c.cols; first += length) {
      steps.push_back({Kind::kDropColumns, first, first + length});
    }
  }
  for (const Kind kind : {Kind::kPlain, Kind::kOutOfPlace, Kind::kDense, Kind::kOffsetZero}) steps.push_back({kind});
  if (!attention) {
    for (const Kind kind : {Kind::kUnitTemperature, Kind::kShortTemperature}) steps.push_back({kind});
  }
  if (subjects::IsLoss(c.op)) {
    for (const Kind kind : {Kind::kLabels, Kind::kNoSmoothing, Kind::kNoReduction, Kind::kNoIgnored}) {
      steps.push_back({kind});
    }
  }
  subjects::ForEachInput(c, [&](Role role, const Operand& operand) {
    if (IsOptional(c, role)) steps.push_back({Kind::kDropOperand, 0, 0, role});
    if (operand.layout != Layout{}) steps.push_back({Kind::kDenseOperand, 0, 0, role});
  });
  for (const Role role : subjects::OutputsOf(c)) {
    if (subjects::OutLayout(c, role) != Layout{}) steps.push_back({Kind::kDenseOperand, 0, 0, role});
  }
  for (std::uint64_t key = 0; key < std::min<std::uint64_t>(c.law_key, 6); ++key) {
    steps.push_back({Kind::kSmallLawKey, static_cast<std::size_t>(key)});
  }
  subjects::ForEachInput(c, [&](Role role, const Operand&) {
    if (!IsNumber(role)) return;
    for (const std::size_t bits : {1, 2, 4, 8, 12}) steps.push_back({Kind::kCutAll, bits, 0, role});
  });
  subjects::ForEachInput(c, [&](Role role, const Operand&) { AddNumberSteps(c, role, &steps); });
  return steps;
}

Case Apply(Case c, const Step& step) {
  if (IsAttentionStep(step)) return ApplyToAttention(std::move(c), step);
  switch (step.kind) {
    case Kind::kKeepRow:
      return subjects::OneRow(c, step.first);
    case Kind::kDropColumns:
      return subjects::KeepColumns(std::move(c), [&](std::size_t j) { return j < step.first || j >= step.last; });
    case Kind::kPlain:
      c.empty_row = ASSAY_EMPTY_ROW_AUTO;
      c.guard = subjects::Guard::kAfter;
      c.in_place = false;
      c.offset = 0;
      return Dense(std::move(c));
    case Kind::kDense:
      return Dense(std::move(c));
    case Kind::kDenseOperand:
      (step.role >= Role::kOut ? subjects::OutLayout(c, step.role) : c.operand(step.role).layout) = {};
      return c;
    case Kind::kOutOfPlace:
      c.in_place = false;
      return c;
    case Kind::kOffsetZero:
      c.offset = 0;
      return c;
    case Kind::kDropOperand:
      subjects::Take(c, step.role);
      return c;
    case Kind::kLabels:
      return TargetsToLabels(std::move(c));
    case Kind::kNoSmoothing:
      c.label_smoothing = 0;
      return c;
    case Kind::kNoReduction:
      return WithoutReduction(std::move(c));
    case Kind::kNoIgnored:
      return WithoutIgnored(std::move(c));
    case Kind::kUnitTemperature:
      c.temperature = 1;
      return c;
    case Kind::kShortTemperature:
      c.temperature = CutTo(c.temperature, 4);
      return c;
    case Kind::kSmallLawKey:
      c.law_key = step.first;
      return c;
    default:
      break;
  }
  Array& values = c.operand(step.role).values;
  switch (step.kind) {
    case Kind::kCutAll:
      for (std::size_t i = 0; i < values.size(); ++i) {
        if (std::isfinite(values[i])) values.Set(i, CutTo(values[i], step.first));
      }
      return c;
    case Kind::kZero:
      values.SetBits(step.first, step.role == Role::kMask ? 1 : step.role == Role::kLengths ? c.attention.seq_kv : 0);
      return c;
    case Kind::kWhole:
      values.Set(step.first, std::trunc(values[step.first]));
      return c;
    case Kind::kCut:
      values.Set(step.first, CutTo(values[step.first], step.last));
      return c;
    default:
      return c;
  }
}

bool Simpler(const Case& a, const Case& b) { return MeasureOf(a) < MeasureOf(b); }

}  // namespace assay::properties
