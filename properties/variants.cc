// SPDX-License-Identifier: Apache-2.0

#include "properties/variants.h"

#include <utility>

#include "properties/fit.h"
#include "properties/fit_attention.h"

namespace assay::properties {

using subjects::Array;
using subjects::Layout;
using subjects::Operand;
using subjects::Random;
using subjects::Role;

namespace {

bool IsOfReducedLoss(const Case& c, Role role) {
  return role == Role::kUpstream && subjects::IsLoss(c.op) && c.reduction != ASSAY_REDUCTION_NONE;
}

// Every layout of the case that counts.
template <class AnyCase, class Visit>
void ForEachLayout(AnyCase& c, Visit visit) {
  subjects::ForEachInput(c, [&](Role role, auto& operand) { visit(role, operand.layout); });
  for (const Role role : subjects::OutputsOf(c)) {
    if (!c.in_place || role != Role::kOut) visit(role, subjects::OutLayout(c, role));
  }
}

}  // namespace

Case TakeRows(const Case& c, const std::vector<std::size_t>& rows) {
  Case taken = c;
  taken.rows = rows.size();
  subjects::ForEachInput(taken, [&](Role role, Operand& operand) {
    if (IsOfReducedLoss(c, role)) return;
    const std::size_t cols = subjects::ShapeOf(c, role).cols;
    operand.values = Array(operand.values.element());
    for (const std::size_t row : rows) operand.values.Append(c.operand(role).values.Slice(row * cols, cols));
  });
  return taken;
}

Case TakeBatches(const Case& c, const std::vector<std::size_t>& batches) {
  Case taken = c;
  taken.attention.batch = batches.size();
  subjects::ForEachInput(taken, [&](Role role, Operand& operand) {
    if (subjects::AxesOf(c, role)[0] != subjects::Axis::kBatch) return;
    const subjects::Dims dims = subjects::DimsOf(c, role);
    const std::size_t size = dims[1] * dims[2] * dims[3];
    operand.values = Array(operand.values.element());
    for (const std::size_t n : batches) operand.values.Append(c.operand(role).values.Slice(n * size, size));
  });
  return Settled(std::move(taken));
}

Case Unreduced(Case c) {
  if (c.reduction == ASSAY_REDUCTION_NONE) return c;
  if (c.upstream.given) {
    const Array one = c.upstream.values;
    c.upstream.values = Array(one.element());
    for (std::size_t r = 0; r < c.rows; ++r) c.upstream.values.Append(one);
  }
  c.reduction = ASSAY_REDUCTION_NONE;
  return c;
}

bool IsDense(const Case& c) {
  bool dense = true;
  ForEachLayout(c, [&](Role, const Layout& layout) { dense = dense && layout == Layout{}; });
  return dense;
}

Case Dense(Case c) {
  ForEachLayout(c, [](Role, Layout& layout) { layout = {}; });
  return c;
}

Case WithGaps(Case c, Random& random) {
  c = Dense(std::move(c));
  ForEachLayout(c, [&](Role, Layout& layout) { layout.gap = random.Below(20); });
  const std::vector<Role> outs = subjects::OutputsOf(c);
  if (outs.empty()) return c;
  Layout& one = c.in_place ? c.operand(subjects::InPlaceRole(c.op)).layout : subjects::OutLayout(c, outs.front());
  if (one.gap == 0) one.gap = 1;
  return c;
}

Case WithAnyLayouts(Case c, Random& random) {
  c = Dense(std::move(c));
  ForEachLayout(c, [&](Role, Layout& layout) {
    layout.gap = random.Below(2) == 0 ? 0 : random.Below(20);
    layout.step = 1 + (random.Below(2) == 0 ? 0 : random.Below(3));
    layout.columns_outer = random.Below(2) == 0;
    layout.rows_backward = random.Below(3) == 0;
    layout.cols_backward = random.Below(3) == 0;
    if (subjects::IsAttention(c.op) && !layout.columns_outer) layout.heads_inner = random.Below(2) == 0;
  });
  return c;
}

namespace {

// The same of attention: one of the dimensions that an operand has.
Case WithRepeatedDimension(Case c, Random& random) {
  std::vector<std::pair<Role, std::size_t>> choices;
  subjects::ForEachInput(c, [&](Role role, const Operand&) {
    if (c.in_place && role == subjects::InPlaceRole(c.op)) return;
    const subjects::Dims dims = subjects::DimsOf(c, role);
    for (std::size_t d = 0; d < 3; ++d) {
      if (dims[d] > 1) choices.emplace_back(role, d);
    }
  });
  if (choices.empty()) return c;
  const auto [role, d] = choices[random.Below(choices.size())];
  Operand& operand = c.operand(role);
  Repeat(operand.values, subjects::DimsOf(c, role), d);
  operand.layout = {};
  (d == 0 ? operand.layout.repeats_batch : d == 1 ? operand.layout.repeats_head : operand.layout.repeats_row) = true;
  return c;
}

}  // namespace

Case WithRepeatedRow(Case c, Random& random) {
  if (subjects::IsAttention(c.op)) return WithRepeatedDimension(std::move(c), random);
  std::vector<Role> roles;
  subjects::ForEachInput(c, [&](Role role, const Operand&) {
    if (c.in_place && role == subjects::InPlaceRole(c.op)) return;
    if (c.rows > 1 && !IsOfReducedLoss(c, role)) roles.push_back(role);
  });
  if (roles.empty()) return c;
  const Role role = roles[random.Below(roles.size())];
  Operand& operand = c.operand(role);
  const Array first = operand.values.Slice(0, subjects::ShapeOf(c, role).cols);
  operand.values = Array(first.element());
  for (std::size_t r = 0; r < c.rows; ++r) operand.values.Append(first);
  operand.layout = {};
  operand.layout.repeats_row = true;
  return c;
}

Case Ordinary(assay_op op, assay_dtype dtype, std::size_t rows, std::size_t cols, Random& random) {
  Case c = subjects::MakeCase(op, dtype, rows, cols);
  subjects::ForEachInput(c, [&](Role role, Operand& operand) {
    if (role == Role::kLabels) return;
    for (std::size_t i = 0; i < operand.values.size(); ++i) operand.values.Set(i, random.Uniform(-8, 8));
  });
  return c;
}

Case OrdinaryAttention(assay_op op, assay_dtype dtype, std::size_t seq_q, std::size_t seq_kv, Random& random) {
  subjects::Attention sizes;
  sizes.num_heads = 2;
  sizes.seq_q = seq_q;
  sizes.seq_kv = seq_kv;
  sizes.head_dim = sizes.value_dim = 16;
  Case c = subjects::MakeAttention(op, dtype, sizes);
  subjects::ForEachInput(c, [&](Role, Operand& operand) {
    for (std::size_t i = 0; i < operand.values.size(); ++i) operand.values.Set(i, random.Uniform(-2, 2));
  });
  // Shares of at most e^-2: any saved_lse will do that is not below the largest score.
  for (std::size_t i = 0; i < c.saved_lse.values.size(); ++i) c.saved_lse.values.Set(i, 18);
  return c;
}

Case Foreign(const Case& c, const subjects::SubjectInfo& info, Random& random) {
  std::vector<std::pair<assay_op, assay_dtype>> others;
  for (int op = 0; op < ASSAY_NUM_OPS; ++op) {
    for (int dtype = 0; dtype < ASSAY_NUM_DTYPES; ++dtype) {
      const std::pair other(static_cast<assay_op>(op), static_cast<assay_dtype>(dtype));
      if (info.Has(other.first, other.second) && other != std::pair(c.op, c.dtype)) others.push_back(other);
    }
  }
  const auto [op, dtype] = others.empty() ? std::pair(c.op, c.dtype) : others[random.Below(others.size())];
  const std::size_t rows = 1 + random.Below(3);
  const std::size_t cols = 1 + random.Below(70);
  return subjects::Supported(subjects::IsAttention(op) ? OrdinaryAttention(op, dtype, rows, cols, random)
                                                       : Ordinary(op, dtype, rows, cols, random),
                             info);
}

}  // namespace assay::properties
