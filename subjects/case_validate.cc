// SPDX-License-Identifier: Apache-2.0
//
// Whether a case contradicts itself. What a kernel must refuse is no contradiction.

#include <bit>
#include <cstring>
#include <stdexcept>

#include "subjects/case.h"
#include "subjects/layout.h"

namespace assay::subjects {
namespace {

[[noreturn]] void Refuse(const std::string& what) { throw std::invalid_argument(what); }

const char* AxisName(Axis axis) {
  constexpr const char* kNames[] = {"1",     "rows",   "cols",     "batch",    "num_heads", "num_kv_heads",
                                    "seq_q", "seq_kv", "head_dim", "value_dim"};
  return kNames[static_cast<std::size_t>(axis)];
}

// "rows x cols asks for 6".
std::string ShapeText(const Case& c, Role role) {
  std::string by;
  for (const Axis axis : AxesOf(c, role)) {
    if (axis != Axis::kOne) by += (by.empty() ? "" : " x ") + std::string(AxisName(axis));
  }
  return (by.empty() ? "1 x 1" : by) + " asks for " + std::to_string(ShapeOf(c, role).size());
}

void ValidateLayout(const Case& c, const std::string& name, const Layout& layout) {
  if (layout.step == 0) Refuse(name + ": its layout has a step of 0; 1 is contiguous");
  if (!IsAttention(c.op) && (layout.heads_inner || layout.repeats_head || layout.repeats_batch)) {
    Refuse(name + ": its layout has heads_inner, repeats_head or repeats_batch; only attention has heads and batches");
  }
  if (layout.heads_inner && (layout.columns_outer || layout.repeats_row)) {
    Refuse(name + ": its layout has heads_inner with columns_outer or repeats_row; take one");
  }
}

// That in each run of `count` parts of `part` elements all parts are equal.
void ValidateRepeats(const std::string& name, const char* what, const Array& values, std::size_t count,
                     std::size_t part) {
  const std::size_t bytes = part * BytesOf(values.element());
  if (bytes == 0 || count <= 1) return;
  for (std::size_t at = 0; at < values.size_bytes(); at += count * bytes) {
    for (std::size_t i = 1; i < count; ++i) {
      if (std::memcmp(values.data() + at, values.data() + at + i * bytes, bytes) == 0) continue;
      Refuse(name + ": its layout repeats one " + what + ", but " + what + " " + std::to_string(i) + " differs from " +
             what + " 0");
    }
  }
}

void ValidateOperand(const Case& c, Role role) {
  const Operand& operand = c.operand(role);
  const std::string name = RoleName(role);
  const Need need = NeedOf(c.op, role);
  if (!operand.given) {
    if (need.has && !need.optional) Refuse(name + " is not given; " + OpName(c.op) + " reads it");
    if (!operand.values.empty()) Refuse(name + " has values but is not given");
    return;
  }
  if (!need.has) Refuse(name + " is given; " + OpName(c.op) + " does not read it");
  if (operand.values.element() != ElementOf(c, role)) {
    Refuse(name + " is " + ElementName(operand.values.element()) + ", expected is " + ElementName(ElementOf(c, role)));
  }
  CheckSize(c, role);  // throws
  if (operand.values.size() != ShapeOf(c, role).size()) {
    Refuse(name + " holds " + std::to_string(operand.values.size()) + " elements, " + ShapeText(c, role));
  }
  const Layout& layout = operand.layout;
  ValidateLayout(c, name, layout);
  const Dims dims = DimsOf(c, role);
  if (layout.repeats_row) ValidateRepeats(name, "row", operand.values, dims[2], dims[3]);
  if (layout.repeats_head) ValidateRepeats(name, "head", operand.values, dims[1], dims[2] * dims[3]);
  if (layout.repeats_batch) ValidateRepeats(name, "batch", operand.values, dims[0], dims[1] * dims[2] * dims[3]);
  ExtentOf(c, role);  // throws
}

void ValidateOutput(const Case& c, Role role) {
  const Layout& layout = OutLayout(c, role);
  const std::string name = RoleName(role);
  ValidateLayout(c, name, layout);
  if (layout.repeats_row) Refuse(name + ": its layout repeats one row; only inputs can");
  if (layout.repeats_head) Refuse(name + ": its layout repeats one head; only inputs can");
  if (layout.repeats_batch) Refuse(name + ": its layout repeats one batch; only inputs can");
  CheckSize(c, role);  // throws
  ExtentOf(c, role);   // throws
}

void ValidateScalars(const Case& c) {
  if (static_cast<unsigned>(c.op) >= ASSAY_NUM_OPS) Refuse("op holds no value of its enumeration");
  if (static_cast<unsigned>(c.dtype) >= ASSAY_NUM_DTYPES) Refuse("dtype holds no value of its enumeration");
  if (c.empty_row != ASSAY_EMPTY_ROW_AUTO && c.empty_row != ASSAY_EMPTY_ROW_NAN &&
      c.empty_row != ASSAY_EMPTY_ROW_ZERO) {
    Refuse("empty_row holds no value of its enumeration");
  }
  if (c.reduction != ASSAY_REDUCTION_NONE && c.reduction != ASSAY_REDUCTION_SUM &&
      c.reduction != ASSAY_REDUCTION_MEAN) {
    Refuse("reduction holds no value of its enumeration");
  }
  if (c.guard != Guard::kAfter && c.guard != Guard::kBefore) Refuse("guard holds no value of its enumeration");
  if (!IsLoss(c.op) && c.reduction != ASSAY_REDUCTION_NONE) Refuse("reduction is set; only losses are reduced");
  if (!IsLoss(c.op) && c.label_smoothing != 0) Refuse("label_smoothing is set; only losses have it");
  if (c.has_ignore_index && !c.labels.given) Refuse("ignore_index is set; only labels can be ignored");
}

void ValidateAttention(const Case& c) {
  const Attention& a = c.attention;
  const Case plain;
  if (c.rows != 1 || c.cols != 1) Refuse("rows or cols is set; attention has none, they are 1");
  if (std::bit_cast<std::uint64_t>(c.temperature) != std::bit_cast<std::uint64_t>(plain.temperature)) {
    Refuse("temperature is set; attention has none, it is 1");
  }
  if (c.empty_row != plain.empty_row) Refuse("empty_row is set; attention has none");
  if (a.alignment != ASSAY_BOTTOM_RIGHT && a.alignment != ASSAY_TOP_LEFT) {
    Refuse("alignment holds no value of its enumeration");
  }
  if (a.lse_dtype != ASSAY_F32 && a.lse_dtype != ASSAY_F64) Refuse("lse_dtype is neither f32 nor f64");
  if (!a.has_scale && std::bit_cast<std::uint64_t>(a.scale) != 0) Refuse("scale is set, but has_scale is not");
  for (int i = 0; i < 32; ++i) {
    if ((a.skipped >> i & 1) == 0) continue;
    const auto role = static_cast<Role>(kInputRoles + i);
    const bool exists = i < kOutputRoles && NeedOf(c.op, role).has;
    if (!exists) Refuse(std::string("skipped names an output that ") + OpName(c.op) + " has not");
    if (!NeedOf(c.op, role).optional) Refuse("skipped names out, which attention must write");
  }
  if (c.op == ASSAY_ATTENTION_BACKWARD && !c.bias.given && !Skips(c, Role::kDbias)) {
    Refuse("dbias is not skipped, but bias is not given");
  }
  if (OutputsOf(c).empty()) Refuse("every output is skipped; ask for one");
}

}  // namespace

void Validate(const Case& c) {
  ValidateScalars(c);
  if (IsAttention(c.op)) {
    ValidateAttention(c);
  } else {
    if (c.attention != Attention{}) Refuse("a member of attention is set; only attention has it");
    std::size_t size = 0;
    if (__builtin_mul_overflow(c.rows, c.cols, &size) || size > PTRDIFF_MAX / sizeof(double)) {
      Refuse("rows * cols is too large to be addressed");
    }
  }
  if (c.offset > PTRDIFF_MAX / sizeof(double)) Refuse("offset is too large to be addressed");
  for (int i = 0; i < kInputRoles; ++i) ValidateOperand(c, static_cast<Role>(i));
  if (IsLoss(c.op) && c.labels.given == c.targets.given) {
    Refuse(c.labels.given ? "labels and targets are given; give one of them"
                          : "neither labels nor targets are given; give one of them");
  }
  if (c.in_place) {
    if (!CanBeInPlace(c.op)) Refuse(std::string("in_place is set; out of ") + OpName(c.op) + " has a shape of its own");
    const Layout& layout = LayoutOf(c, Role::kOut);
    if (layout.repeats_row) Refuse("in_place is set, but the layout of that input repeats one row");
    if (layout.repeats_head || layout.repeats_batch) {
      Refuse("in_place is set, but the layout of that input repeats one head or batch");
    }
    if (DimsOf(c, Role::kOut) != DimsOf(c, InPlaceRole(c.op))) {
      Refuse("in_place is set, but value_dim is not head_dim: out has a shape of its own");
    }
  }
  for (int i = kInputRoles; i < kInputRoles + kOutputRoles; ++i) {
    const auto role = static_cast<Role>(i);
    if (role == Role::kOut && c.in_place) continue;
    if (NeedOf(c.op, role).has) {
      ValidateOutput(c, role);
    } else if (OutLayout(c, role) != Layout{}) {
      Refuse(std::string(RoleName(role)) + " has a layout; " + OpName(c.op) + " does not write it");
    }
  }
}

}  // namespace assay::subjects
