// SPDX-License-Identifier: Apache-2.0
//
// Making cases, comparing them, and taking parts of them.

#include <algorithm>
#include <bit>
#include <cstring>
#include <stdexcept>

#include "subjects/case.h"
#include "subjects/layout.h"

namespace assay::subjects {
namespace {

using Kept = std::vector<bool>;  // by index of an axis

std::size_t CountOf(const Kept& kept) { return static_cast<std::size_t>(std::count(kept.begin(), kept.end(), true)); }

std::size_t* FieldOf(Case* c, Axis axis) {
  Attention& attention = c->attention;
  switch (axis) {
    case Axis::kOne:
      break;
    case Axis::kRow:
      return &c->rows;
    case Axis::kCol:
      return &c->cols;
    case Axis::kBatch:
      return &attention.batch;
    case Axis::kHead:
      return &attention.num_heads;
    case Axis::kKvHead:
      return &attention.num_kv_heads;
    case Axis::kQuery:
      return &attention.seq_q;
    case Axis::kKey:
      return &attention.seq_kv;
    case Axis::kHeadDim:
      return &attention.head_dim;
    case Axis::kValueDim:
      return &attention.value_dim;
  }
  throw std::invalid_argument("the axis of size 1 can neither be cut nor be set");
}

// Of every run of `inner` elements along the dimension of size kept.size(), those that are kept.
Array Part(const Array& values, const Kept& kept, std::size_t inner) {
  const std::size_t run = inner * BytesOf(values.element());
  const std::size_t outer = kept.empty() || inner == 0 ? 0 : values.size() / (kept.size() * inner);
  Array part(values.element(), outer * CountOf(kept) * inner);
  std::byte* to = part.data();
  const std::byte* from = values.data();
  for (std::size_t o = 0; o < outer; ++o) {
    for (std::size_t i = 0; i < kept.size(); ++i, from += run) {
      if (!kept[i] || run == 0) continue;
      std::memcpy(to, from, run);
      to += run;
    }
  }
  return part;
}

void MoveLabels(const Kept& kept, Case* c) {
  for (std::size_t row = 0; row < c->labels.values.size(); ++row) {
    const auto label = static_cast<std::int64_t>(c->labels.values.Bits(row));
    if (c->has_ignore_index && label == c->ignore_index) continue;
    if (label < 0 || static_cast<std::size_t>(label) >= kept.size()) continue;
    const auto at = kept.begin() + label;
    c->labels.values.SetBits(row, *at ? static_cast<std::uint64_t>(std::count(kept.begin(), at, true)) : 0);
  }
}

void MoveLengths(const Kept& kept, Case* c) {
  for (std::size_t n = 0; n < c->lengths.values.size(); ++n) {
    const auto length = static_cast<std::int64_t>(c->lengths.values.Bits(n));
    if (length < 0 || static_cast<std::size_t>(length) > kept.size()) continue;
    c->lengths.values.SetBits(n, static_cast<std::uint64_t>(std::count(kept.begin(), kept.begin() + length, true)));
  }
}

// One axis alone, whatever that does to the others.
void KeepOne(Axis axis, const Kept& kept, Case* c) {
  std::size_t* const size = FieldOf(c, axis);
  ForEachInput(*c, [&](Role role, Operand& operand) {
    const std::array<Axis, 4> axes = AxesOf(*c, role);
    const Dims dims = DimsOf(*c, role);
    std::size_t inner = 1;
    for (std::size_t d = 4; d-- > 0; inner *= dims[d]) {
      if (axes[d] != axis) continue;
      operand.values = Part(operand.values, kept, inner);
      return;
    }
  });
  if (axis == Axis::kCol) MoveLabels(kept, c);
  if (axis == Axis::kKey) MoveLengths(kept, c);
  *size = CountOf(kept);
}

Kept Ask(std::size_t size, const std::function<bool(std::size_t)>& keep) {
  Kept kept(size);
  for (std::size_t i = 0; i < size; ++i) kept[i] = keep(i);
  return kept;
}

// `part` of `c` in place no more, where out has lost the shape of its input.
void LeaveInPlace(const Case& c, Case* part) {
  if (!part->in_place || DimsOf(*part, Role::kOut) == DimsOf(*part, InPlaceRole(part->op))) return;
  part->out = LayoutOf(c, Role::kOut);
  part->in_place = false;
}

}  // namespace

void Give(Case& c, Role role) {
  Operand& operand = c.operand(role);
  operand.given = true;
  operand.values = Array(ElementOf(c, role), ShapeOf(c, role).size());
  if (role != Role::kMask) return;
  for (std::size_t i = 0; i < operand.values.size(); ++i) operand.values.SetBits(i, 1);
}

void Take(Case& c, Role role) {
  c.operand(role) = {};
  if (role == Role::kBias && c.op == ASSAY_ATTENTION_BACKWARD) Skip(c, Role::kDbias);
}

void Skip(Case& c, Role output) {
  c.attention.skipped |= 1U << (static_cast<int>(output) - kInputRoles);
  OutLayout(c, output) = {};
}

Case MakeCase(assay_op op, assay_dtype dtype, std::size_t rows, std::size_t cols) {
  if (IsAttention(op)) throw std::invalid_argument("MakeCase is for rows; use MakeAttention");
  Case c;
  c.op = op;
  c.dtype = dtype;
  c.rows = rows;
  c.cols = cols;
  if (IsBackwardOfActivation(op)) {
    Give(c, Role::kSaved);
    Give(c, Role::kUpstream);
  } else {
    Give(c, Role::kLogits);
  }
  if (IsLoss(op)) Give(c, Role::kLabels);
  return c;
}

Case MakeAttention(assay_op op, assay_dtype dtype, const Attention& attention) {
  if (!IsAttention(op)) throw std::invalid_argument("MakeAttention is for attention; use MakeCase");
  Case c;
  c.op = op;
  c.dtype = dtype;
  c.attention = attention;
  for (int i = 0; i < kInputRoles; ++i) {
    const Need need = NeedOf(op, static_cast<Role>(i));
    if (need.has && !need.optional) Give(c, static_cast<Role>(i));
  }
  if (op == ASSAY_ATTENTION_BACKWARD) Skip(c, Role::kDbias);
  return c;
}

bool SameBits(const Case& a, const Case& b) {
  const auto numbers_aside = [](Case c) {  // NaN differs from itself, and -0 from 0 only in its bits
    c.temperature = c.label_smoothing = c.attention.scale = c.attention.softcap = 0;
    c.law_key = 0;
    c.property = c.origin = {};
    return c;
  };
  const auto same = [](double x, double y) {
    return std::bit_cast<std::uint64_t>(x) == std::bit_cast<std::uint64_t>(y);
  };
  return same(a.temperature, b.temperature) && same(a.label_smoothing, b.label_smoothing) &&
         same(a.attention.scale, b.attention.scale) && same(a.attention.softcap, b.attention.softcap) &&
         numbers_aside(a) == numbers_aside(b);
}

Case OneRow(const Case& c, std::size_t row) {
  if (IsAttention(c.op)) throw std::invalid_argument("OneRow is for rows; use KeepAlong");
  if (row >= c.rows) throw std::out_of_range("OneRow: the case has no such row");
  Case one = c;
  one.rows = 1;
  ForEachInput(one, [&](Role role, Operand& operand) {
    const Shape shape = ShapeOf(one, role);
    if (ShapeOf(c, role).rows == c.rows) operand.values = operand.values.Slice(row * shape.cols, shape.cols);
  });
  return one;
}

bool HeadsDivide(const Attention& attention) {
  if (attention.num_kv_heads == 0) return attention.num_heads == 0;
  return attention.num_heads % attention.num_kv_heads == 0;
}

Case KeepAlong(const Case& c, Axis axis, const std::function<bool(std::size_t)>& keep) {
  Case part = c;
  const Attention& attention = c.attention;
  if (axis == Axis::kHead || axis == Axis::kKvHead) {
    const Kept groups = Ask(attention.num_kv_heads, keep);
    const std::size_t group = groups.empty() ? 1 : std::max<std::size_t>(1, attention.num_heads / groups.size());
    // Where heads do not divide, the last group has what is left.
    const auto of_kept = [&](std::size_t h) {
      return groups.empty() || groups[std::min(h / group, groups.size() - 1)];
    };
    KeepOne(Axis::kHead, Ask(attention.num_heads, of_kept), &part);
    KeepOne(Axis::kKvHead, groups, &part);
  } else {
    KeepOne(axis, Ask(SizeOf(c, axis), keep), &part);
  }
  LeaveInPlace(c, &part);
  return part;
}

Case KeepHeads(const Case& c, Axis axis, const std::function<bool(std::size_t)>& keep) {
  if (axis != Axis::kHead && axis != Axis::kKvHead) throw std::invalid_argument("KeepHeads is for kHead and kKvHead");
  Case part = c;
  KeepOne(axis, Ask(SizeOf(c, axis), keep), &part);
  LeaveInPlace(c, &part);
  return part;
}

}  // namespace assay::subjects
