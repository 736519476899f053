// SPDX-License-Identifier: Apache-2.0

#include "properties/fit.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "properties/fit_attention.h"
#include "subjects/random.h"

namespace assay::properties {
namespace {

using subjects::Array;
using subjects::Element;
using subjects::Mix;
using subjects::Operand;
using subjects::Random;
using subjects::Role;

constexpr double kInf = std::numeric_limits<double>::infinity();

bool Reads(const Case& c, Role role) {
  switch (role) {
    case Role::kLogits:
    case Role::kBias:
      return subjects::HasLogits(c.op);
    case Role::kMask:
      return subjects::TakesMask(c.op);
    case Role::kSaved:
      return subjects::IsBackwardOfActivation(c.op);
    case Role::kUpstream:
      return subjects::IsBackwardOfActivation(c.op) || c.op == ASSAY_CROSS_ENTROPY_BACKWARD;
    case Role::kTargets:
    case Role::kLabels:
      return subjects::IsLoss(c.op);
    default:
      return false;
  }
}

// The operand as the case's shape has it: cut, or filled with zeros (mask: ones).
void Reshape(Case& c, Role role, const subjects::Shape& before) {
  Operand& operand = c.operand(role);
  if (!operand.given) return;
  const subjects::Shape shape = subjects::ShapeOf(c, role);
  Array values(operand.values.element(), shape.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t row = i / shape.cols;
    const std::size_t col = i % shape.cols;
    if (row < before.rows && col < before.cols) {
      values.SetBits(i, operand.values.Bits(row * before.cols + col));
    } else if (role == Role::kMask) {
      values.SetBits(i, 1);
    }
  }
  operand.values = std::move(values);
}

// The case with so many rows and columns, those it has kept.
void Resize(Case& c, std::size_t rows, std::size_t cols) {
  if (c.rows == rows && c.cols == cols) return;
  subjects::Shape before[subjects::kInputRoles];
  for (int i = 0; i < subjects::kInputRoles; ++i) before[i] = subjects::ShapeOf(c, static_cast<Role>(i));
  c.rows = rows;
  c.cols = cols;
  for (int i = 0; i < subjects::kInputRoles; ++i) Reshape(c, static_cast<Role>(i), before[i]);
}

bool RowsAreEqual(const Array& values, std::size_t cols) {
  for (std::size_t i = cols; i < values.size(); ++i) {
    if (values.Bits(i) != values.Bits(i - cols)) return false;
  }
  return true;
}

// -inf stays: an invisible entry is as good as a masked one.
void MakeFiniteOrHidden(Array& values, std::size_t i) {
  if (values[i] != -kInf) MakeFinite(values, i);
}

void MakeTarget(Array& values, std::size_t i) {
  MakeFinite(values, i);
  if (values[i] < 0) values.Set(i, -values[i]);
}

bool RowHasVisible(const Case& c, std::size_t row) {
  for (std::size_t j = 0; j < c.cols; ++j) {
    if (c.Visible(row, j)) return true;
  }
  return false;
}

// Makes a hidden entry visible and finite.
void Show(Case& c, std::size_t row, std::size_t col) {
  const std::size_t i = row * c.cols + col;
  if (!subjects::HasLogits(c.op)) {
    c.saved.values.Set(i, c.op == ASSAY_LOG_SOFTMAX_BACKWARD ? 0 : 1);
    MakeFinite(c.upstream.values, i);
    return;
  }
  if (c.mask.given) c.mask.values.SetBits(i, 1);
  for (Operand* operand : {&c.logits, &c.bias}) {
    if (!operand->given) continue;
    if (operand->values[i] == -kInf) operand->values.Set(i, 0);
    MakeFinite(operand->values, i);
  }
}

Operand& Scores(Case& c) { return subjects::HasLogits(c.op) ? c.logits : c.upstream; }

// Steps of the grid to a unit: where ordinary logits keep some digits and the range has room.
double GridPerUnit(assay_dtype dtype) {
  switch (dtype) {
    case ASSAY_F64:
      return 0x1p20;
    case ASSAY_F16:
      return 16;
    case ASSAY_BF16:
      return 4;
    default:
      return 64;
  }
}

}  // namespace

void MakeFinite(Array& values, std::size_t i) {
  if (std::isfinite(values[i])) return;
  const std::size_t bits = 8 * subjects::BytesOf(values.element());
  values.SetBits(i, values.Bits(i) & ~(std::uint64_t{1} << (bits - 2)));
}

Case Settled(Case c) {
  if (subjects::IsAttention(c.op)) return SettledAttention(std::move(c));
  for (int i = 0; i < subjects::kInputRoles; ++i) {
    const auto role = static_cast<Role>(i);
    if (c.operand(role).given && !Reads(c, role)) subjects::Take(c, role);
  }
  if (subjects::HasLogits(c.op) && !c.logits.given) subjects::Give(c, Role::kLogits);
  if (subjects::IsBackwardOfActivation(c.op)) {
    if (!c.saved.given) subjects::Give(c, Role::kSaved);
    if (!c.upstream.given) subjects::Give(c, Role::kUpstream);
  }
  if (subjects::IsLoss(c.op)) {
    if (c.labels.given && c.targets.given) subjects::Take(c, Role::kTargets);
    if (!c.labels.given && !c.targets.given) subjects::Give(c, Role::kLabels);
    if (!c.labels.given) {
      c.has_ignore_index = false;
      c.ignore_index = 0;
    }
  } else {
    c.reduction = ASSAY_REDUCTION_NONE;
    c.label_smoothing = 0;
    c.has_ignore_index = false;
    c.ignore_index = 0;
  }
  if (!subjects::CanBeInPlace(c.op)) c.in_place = false;
  subjects::ForEachInput(c, [&](Role role, Operand& operand) {
    if (!operand.layout.repeats_row) return;
    const bool is_out = c.in_place && role == subjects::InPlaceRole(c.op);
    if (is_out || !RowsAreEqual(operand.values, subjects::ShapeOf(c, role).cols)) operand.layout.repeats_row = false;
  });
  return c;
}

Case Valid(Case c) {
  if (subjects::IsAttention(c.op)) return ValidAttention(std::move(c));
  c = Settled(std::move(c));
  if (std::isnan(c.temperature)) c.temperature = 1;
  if (c.temperature < 0) c.temperature = -c.temperature;
  if (c.temperature == 0 && !subjects::HasZeroTemperature(c.op)) c.temperature = 1;
  if (!subjects::IsLoss(c.op)) return c;
  if (c.cols == 0) Resize(c, 0, 0);
  if (std::isnan(c.label_smoothing)) c.label_smoothing = 0;
  c.label_smoothing = std::clamp(c.label_smoothing, 0.0, 1.0);
  for (std::size_t r = 0; c.labels.given && r < c.labels.values.size(); ++r) {
    const auto label = static_cast<std::int64_t>(c.labels.values.Bits(r));
    if (c.has_ignore_index && label == c.ignore_index) continue;
    if (label < 0 || static_cast<std::uint64_t>(label) >= c.cols) {
      c.labels.values.SetBits(r, static_cast<std::uint64_t>(label) % c.cols);
    }
  }
  return Settled(std::move(c));
}

Case WithFiniteRows(Case c) {
  if (subjects::IsAttention(c.op)) return FiniteAttention(std::move(c));
  c = Valid(std::move(c));
  for (std::size_t i = 0; i < c.rows * c.cols; ++i) {
    if (subjects::HasLogits(c.op)) {
      if (c.mask.given && c.mask.values.Bits(i) == 0) continue;
      MakeFiniteOrHidden(c.logits.values, i);
      if (c.bias.given) MakeFiniteOrHidden(c.bias.values, i);
    } else {
      if (c.op == ASSAY_LOG_SOFTMAX_BACKWARD) {
        MakeFiniteOrHidden(c.saved.values, i);
      } else {
        MakeFinite(c.saved.values, i);
      }
      if (c.Visible(i / c.cols, i % c.cols)) MakeFinite(c.upstream.values, i);
    }
  }
  for (std::size_t r = 0; r < c.rows && c.cols > 0; ++r) {
    if (!RowHasVisible(c, r)) Show(c, r, 0);
  }
  if (subjects::IsLoss(c.op)) {
    for (std::size_t i = 0; c.targets.given && i < c.targets.values.size(); ++i) MakeTarget(c.targets.values, i);
    for (std::size_t i = 0; c.upstream.given && i < c.upstream.values.size(); ++i) MakeFinite(c.upstream.values, i);
  }
  return Settled(std::move(c));
}

Case OneRowOf(Case c) {
  c = Valid(std::move(c));
  if (c.rows > 1) c = subjects::OneRow(c, 0);
  if (c.rows == 0) Resize(c, 1, subjects::IsLoss(c.op) ? std::max<std::size_t>(c.cols, 1) : c.cols);
  return Valid(std::move(c));
}

Case WithoutScaling(Case c) {
  c.temperature = 1;
  if (c.bias.given) subjects::Take(c, Role::kBias);
  return Valid(std::move(c));
}

Case AllVisible(Case c) {
  c = Valid(std::move(c));
  if (c.mask.given) subjects::Take(c, Role::kMask);
  for (Operand* operand : {&c.logits, &c.bias, &c.saved}) {
    for (std::size_t i = 0; operand->given && i < operand->values.size(); ++i) {
      if (operand->values[i] == -kInf) MakeFinite(operand->values, i);
    }
  }
  return Settled(std::move(c));
}

Case WithMask(Case c) {
  if (!subjects::TakesMask(c.op)) return WithFiniteRows(std::move(c));
  if (!c.mask.given) {
    subjects::Give(c, Role::kMask);
    Random random(c.law_key, 1);
    for (std::size_t i = 0; i < c.mask.values.size(); ++i) c.mask.values.SetBits(i, random.Below(4) != 0);
  }
  c = WithFiniteRows(std::move(c));
  const std::size_t size = c.mask.values.size();
  for (std::size_t i = 0; i < size; ++i) {
    if (c.mask.values.Bits(i) == 0) return c;
  }
  if (c.cols < 2 || size == 0) return c;
  const std::size_t hidden = Mix(c.law_key) % size;
  c.mask.values.SetBits(hidden, 0);
  const std::size_t row = hidden / c.cols;
  if (!RowHasVisible(c, row)) Show(c, row, (hidden + 1) % c.cols);
  return Settled(std::move(c));
}

Case WithSeveralRows(Case c) {
  c = Valid(std::move(c));
  if (c.rows != 1) return c;  // no rows at all: nothing to be independent of
  // A row before it that leaves a trace where state is carried on: large logits, large gradients.
  Case two = c;
  two.rows = 2;
  subjects::ForEachInput(c, [&](Role role, const Operand& operand) {
    if (subjects::ShapeOf(two, role).rows != 2) return;
    Array values = operand.values;
    if (role == (subjects::HasLogits(c.op) ? Role::kLogits : Role::kUpstream)) {
      for (std::size_t i = 0; i < values.size(); ++i) values.Set(i, 3000);
    } else if (role == Role::kMask) {
      for (std::size_t i = 0; i < values.size(); ++i) values.SetBits(i, 1);
    }
    values.Append(operand.values);
    two.operand(role).values = std::move(values);
  });
  return Valid(std::move(two));
}

Case OutOfPlace(Case c) {
  c.in_place = false;
  return Valid(std::move(c));
}

Case InPlace(Case c) {
  c = Valid(std::move(c));
  if (c.op == ASSAY_ATTENTION && c.attention.head_dim != c.attention.value_dim) {
    subjects::Attention to = c.attention;
    to.value_dim = to.head_dim;
    c = Reshaped(std::move(c), to);
  }
  c.in_place = subjects::CanBeInPlace(c.op);
  return Settled(std::move(c));
}

double GridStep(assay_dtype dtype) { return 1 / GridPerUnit(dtype); }

std::uint64_t ShiftSteps(assay_dtype dtype) {
  return std::uint64_t{1} << (subjects::FormatOf(subjects::ElementOf(dtype)).precision - 2);
}

Case OnShiftGrid(Case c) {
  c = WithFiniteRows(WithoutScaling(std::move(c)));
  const double per_unit = GridPerUnit(c.dtype);
  const auto reach = static_cast<double>(ShiftSteps(c.dtype)) / per_unit;
  Array& values = Scores(c).values;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) continue;
    // + 0: no -0, which a shift would turn into +0.
    values.Set(i, std::floor(std::clamp(values[i], -reach, reach) * per_unit) / per_unit + 0.0);
  }
  return Settled(std::move(c));
}

}  // namespace assay::properties
