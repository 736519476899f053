// SPDX-License-Identifier: Apache-2.0
//
// What can be said of a Case without running it.

#include "subjects/case.h"

#include <bit>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <utility>

#include "subjects/layout.h"

namespace assay::subjects {
namespace {

[[noreturn]] void Refuse(const std::string& what) { throw std::invalid_argument(what); }

// Whether the operation reads the operand, and whether it may be absent (labels and targets apart: one of them).
struct Need {
  bool read;
  bool optional;
};
Need NeedOf(assay_op op, Role role) {
  switch (role) {
    case Role::kLogits:
      return {HasLogits(op), false};
    case Role::kBias:
      return {HasLogits(op), true};
    case Role::kMask:
      return {TakesMask(op), true};
    case Role::kSaved:
      return {IsBackwardOfActivation(op), false};
    case Role::kUpstream:
      return {IsBackwardOfActivation(op) || op == ASSAY_CROSS_ENTROPY_BACKWARD, op == ASSAY_CROSS_ENTROPY_BACKWARD};
    case Role::kTargets:
    case Role::kLabels:
      return {IsLoss(op), true};
    case Role::kOut:
      break;
  }
  return {false, false};
}

std::string ShapeText(Role role, const Shape& shape) {
  const std::string by = role == Role::kLabels ? "rows" : shape.rows == 1 && shape.cols == 1 ? "1 x 1" : "rows x cols";
  return by + " asks for " + std::to_string(shape.size());
}

void ValidateOperand(const Case& c, Role role) {
  const Operand& operand = c.operand(role);
  const std::string name = RoleName(role);
  const Need need = NeedOf(c.op, role);
  if (!operand.given) {
    if (need.read && !need.optional) Refuse(name + " is not given; " + OpName(c.op) + " reads it");
    if (!operand.values.empty()) Refuse(name + " has values but is not given");
    return;
  }
  if (!need.read) Refuse(name + " is given; " + OpName(c.op) + " does not read it");
  if (operand.values.element() != ElementOf(c, role)) {
    Refuse(name + " is " + ElementName(operand.values.element()) + ", expected is " + ElementName(ElementOf(c, role)));
  }
  const Shape shape = ShapeOf(c, role);
  if (operand.values.size() != shape.size()) {
    Refuse(name + " holds " + std::to_string(operand.values.size()) + " elements, " + ShapeText(role, shape));
  }
  if (operand.layout.step == 0) Refuse(name + ": its layout has a step of 0; 1 is contiguous");
  if (operand.layout.repeats_row) {
    const std::size_t row_bytes = shape.cols * BytesOf(operand.values.element());
    for (std::size_t i = 1; i < shape.rows && row_bytes != 0; ++i) {
      if (std::memcmp(operand.values.data(), operand.values.data() + i * row_bytes, row_bytes) != 0) {
        Refuse(name + ": its layout repeats one row, but row " + std::to_string(i) + " differs from row 0");
      }
    }
  }
  ExtentOf(c, role);  // throws
}

void ValidateScalars(const Case& c) {
  if (static_cast<unsigned>(c.op) >= ASSAY_NUM_ROW_OPS) Refuse("op holds no value of its enumeration");
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

}  // namespace

const char* RoleName(Role role) {
  constexpr const char* kNames[] = {"logits", "bias", "mask", "saved", "upstream", "targets", "labels", "out"};
  return kNames[static_cast<std::size_t>(role)];
}

Operand& Case::operand(Role role) { return const_cast<Operand&>(std::as_const(*this).operand(role)); }

const Operand& Case::operand(Role role) const {
  switch (role) {
    case Role::kLogits:
      return logits;
    case Role::kBias:
      return bias;
    case Role::kMask:
      return mask;
    case Role::kSaved:
      return saved;
    case Role::kUpstream:
      return upstream;
    case Role::kTargets:
      return targets;
    case Role::kLabels:
      return labels;
    case Role::kOut:
      break;
  }
  throw std::invalid_argument("out is no operand that a case holds values of");
}

bool Case::Visible(std::size_t row, std::size_t col) const {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  const std::size_t i = row * cols + col;
  if (op == ASSAY_LOG_SOFTMAX_BACKWARD) return saved[i] != -kInf;
  if (op == ASSAY_SPARSEMAX_BACKWARD) return !(saved[i] <= 0);  // below 0 is outside the support, too
  if (op == ASSAY_SOFTMAX_BACKWARD) return saved[i] != 0;
  return (!mask.given || mask.values.Bits(i) != 0) && logits[i] != -kInf && (!bias.given || bias[i] != -kInf);
}

const char* OpName(assay_op op) {
  constexpr const char* kNames[ASSAY_NUM_ROW_OPS] = {
      "softmax",          "log_softmax",          "logsumexp",     "sigmoid",
      "softmax_backward", "log_softmax_backward", "cross_entropy", "cross_entropy_backward",
      "sparsemax",        "sparsemax_backward"};
  const auto index = static_cast<std::size_t>(op);
  return index < ASSAY_NUM_ROW_OPS ? kNames[index] : "unknown operation";
}

bool IsBackwardOfActivation(assay_op op) {
  return op == ASSAY_SOFTMAX_BACKWARD || op == ASSAY_LOG_SOFTMAX_BACKWARD || op == ASSAY_SPARSEMAX_BACKWARD;
}

bool IsLoss(assay_op op) { return op == ASSAY_CROSS_ENTROPY || op == ASSAY_CROSS_ENTROPY_BACKWARD; }

bool HasLogits(assay_op op) { return !IsBackwardOfActivation(op); }

bool TakesMask(assay_op op) { return HasLogits(op) && op != ASSAY_SIGMOID; }

bool HasZeroTemperature(assay_op op) {
  return op == ASSAY_SOFTMAX || op == ASSAY_LOG_SOFTMAX || op == ASSAY_SIGMOID || op == ASSAY_SPARSEMAX;
}

Shape ShapeOf(const Case& c, Role role) {
  const bool reduced = c.reduction != ASSAY_REDUCTION_NONE;
  const Shape loss = reduced ? Shape{1, 1} : Shape{c.rows, 1};
  if (role == Role::kLabels) return {c.rows, 1};
  if (role == Role::kUpstream && IsLoss(c.op)) return loss;
  if (role == Role::kOut && c.op == ASSAY_CROSS_ENTROPY) return loss;
  if (role == Role::kOut && c.op == ASSAY_LOGSUMEXP) return {c.rows, 1};
  return {c.rows, c.cols};
}

Role InPlaceRole(assay_op op) { return IsBackwardOfActivation(op) ? Role::kUpstream : Role::kLogits; }

bool CanBeInPlace(assay_op op) { return op != ASSAY_LOGSUMEXP && op != ASSAY_CROSS_ENTROPY; }

void Give(Case& c, Role role) {
  Operand& operand = c.operand(role);
  operand.given = true;
  operand.values = Array(ElementOf(c, role), ShapeOf(c, role).size());
  if (role != Role::kMask) return;
  for (std::size_t i = 0; i < operand.values.size(); ++i) operand.values.SetBits(i, 1);
}

void Take(Case& c, Role role) { c.operand(role) = {}; }

Case MakeCase(assay_op op, assay_dtype dtype, std::size_t rows, std::size_t cols) {
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

bool SameBits(const Case& a, const Case& b) {
  const auto numbers_aside = [](Case c) {  // NaN differs from itself, and -0 from 0 only in its bits
    c.temperature = c.label_smoothing = 0;
    c.law_key = 0;
    c.property = c.origin = {};
    return c;
  };
  return std::bit_cast<std::uint64_t>(a.temperature) == std::bit_cast<std::uint64_t>(b.temperature) &&
         std::bit_cast<std::uint64_t>(a.label_smoothing) == std::bit_cast<std::uint64_t>(b.label_smoothing) &&
         numbers_aside(a) == numbers_aside(b);
}

Case OneRow(const Case& c, std::size_t row) {
  if (row >= c.rows) throw std::out_of_range("OneRow: the case has no such row");
  Case one = c;
  one.rows = 1;
  ForEachInput(one, [&](Role role, Operand& operand) {
    const Shape shape = ShapeOf(one, role);
    if (ShapeOf(c, role).rows == c.rows) operand.values = operand.values.Slice(row * shape.cols, shape.cols);
  });
  return one;
}

void Validate(const Case& c) {
  ValidateScalars(c);
  std::size_t size = 0;
  if (__builtin_mul_overflow(c.rows, c.cols, &size) || size > PTRDIFF_MAX / sizeof(double)) {
    Refuse("rows * cols is too large to be addressed");
  }
  if (c.offset > PTRDIFF_MAX / sizeof(double)) Refuse("offset is too large to be addressed");
  for (int i = 0; i < kInputRoles; ++i) ValidateOperand(c, static_cast<Role>(i));
  if (IsLoss(c.op) && c.labels.given == c.targets.given) {
    Refuse(c.labels.given ? "labels and targets are given; give one of them"
                          : "neither labels nor targets are given; give one of them");
  }
  if (c.in_place) {
    if (!CanBeInPlace(c.op)) Refuse(std::string("in_place is set; out of ") + OpName(c.op) + " has a shape of its own");
    if (LayoutOf(c, Role::kOut).repeats_row) Refuse("in_place is set, but the layout of that input repeats one row");
    return;
  }
  if (c.out.step == 0) Refuse("out: its layout has a step of 0; 1 is contiguous");
  if (c.out.repeats_row) Refuse("out: its layout repeats one row; only inputs can");
  ExtentOf(c, Role::kOut);  // throws
}

}  // namespace assay::subjects
