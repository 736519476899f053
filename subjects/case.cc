// SPDX-License-Identifier: Apache-2.0
//
// What an operation has: its operands, their dimensions and its outputs.

#include "subjects/case.h"

#include <limits>
#include <stdexcept>
#include <utility>

namespace assay::subjects {
namespace {

using Axes = std::array<Axis, 4>;

Axes AttentionAxes(Role role) {
  switch (role) {
    case Role::kQ:
    case Role::kDq:
      return {Axis::kBatch, Axis::kHead, Axis::kQuery, Axis::kHeadDim};
    case Role::kK:
    case Role::kDk:
      return {Axis::kBatch, Axis::kKvHead, Axis::kKey, Axis::kHeadDim};
    case Role::kV:
    case Role::kDv:
      return {Axis::kBatch, Axis::kKvHead, Axis::kKey, Axis::kValueDim};
    case Role::kBias:
    case Role::kMask:
    case Role::kDbias:
      return {Axis::kBatch, Axis::kHead, Axis::kQuery, Axis::kKey};
    case Role::kSavedLse:
    case Role::kLse:
      return {Axis::kBatch, Axis::kHead, Axis::kQuery, Axis::kOne};
    case Role::kLengths:
      return {Axis::kBatch, Axis::kOne, Axis::kOne, Axis::kOne};
    case Role::kSink:
      return {Axis::kOne, Axis::kHead, Axis::kOne, Axis::kOne};
    default:  // out, saved_out, upstream
      return {Axis::kBatch, Axis::kHead, Axis::kQuery, Axis::kValueDim};
  }
}

}  // namespace

const char* RoleName(Role role) {
  constexpr const char* kNames[kInputRoles + kOutputRoles] = {
      "logits",  "bias", "mask",      "saved",     "upstream", "targets", "labels", "q",  "k",  "v",
      "lengths", "sink", "saved_out", "saved_lse", "out",      "lse",     "dq",     "dk", "dv", "dbias"};
  return kNames[static_cast<std::size_t>(role)];
}

Operand& Case::operand(Role role) { return const_cast<Operand&>(std::as_const(*this).operand(role)); }

const Operand& Case::operand(Role role) const {
  constexpr const Operand Case::*kOperands[kInputRoles] = {
      &Case::logits, &Case::bias, &Case::mask, &Case::saved,   &Case::upstream, &Case::targets,   &Case::labels,
      &Case::q,      &Case::k,    &Case::v,    &Case::lengths, &Case::sink,     &Case::saved_out, &Case::saved_lse};
  const auto i = static_cast<std::size_t>(role);
  if (i >= kInputRoles)
    throw std::invalid_argument(std::string(RoleName(role)) + " is no operand that a case holds values of");
  return this->*kOperands[i];
}

bool Case::Visible(std::size_t row, std::size_t col) const {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  const std::size_t i = row * cols + col;
  if (op == ASSAY_LOG_SOFTMAX_BACKWARD) return saved[i] != -kInf;
  if (op == ASSAY_SPARSEMAX_BACKWARD) return !(saved[i] <= 0);  // below 0 is outside the support, too
  if (op == ASSAY_SOFTMAX_BACKWARD) return saved[i] != 0;
  return (!mask.given || mask.values.Bits(i) != 0) && logits[i] != -kInf && (!bias.given || bias[i] != -kInf);
}

bool IsAttention(assay_op op) { return op == ASSAY_ATTENTION || op == ASSAY_ATTENTION_BACKWARD; }

const char* OpName(assay_op op) {
  constexpr const char* kNames[ASSAY_NUM_OPS] = {
      "softmax",          "log_softmax",          "logsumexp",     "sigmoid",
      "softmax_backward", "log_softmax_backward", "cross_entropy", "cross_entropy_backward",
      "sparsemax",        "sparsemax_backward",   "attention",     "attention_backward"};
  const auto index = static_cast<std::size_t>(op);
  return index < ASSAY_NUM_OPS ? kNames[index] : "unknown operation";
}

bool IsBackwardOfActivation(assay_op op) {
  return op == ASSAY_SOFTMAX_BACKWARD || op == ASSAY_LOG_SOFTMAX_BACKWARD || op == ASSAY_SPARSEMAX_BACKWARD;
}

bool IsLoss(assay_op op) { return op == ASSAY_CROSS_ENTROPY || op == ASSAY_CROSS_ENTROPY_BACKWARD; }

bool HasLogits(assay_op op) { return !IsBackwardOfActivation(op) && !IsAttention(op); }

bool TakesMask(assay_op op) { return HasLogits(op) && op != ASSAY_SIGMOID; }

bool HasZeroTemperature(assay_op op) {
  return op == ASSAY_SOFTMAX || op == ASSAY_LOG_SOFTMAX || op == ASSAY_SIGMOID || op == ASSAY_SPARSEMAX;
}

Need NeedOf(assay_op op, Role role) {
  const bool attention = IsAttention(op);
  const bool attention_backward = op == ASSAY_ATTENTION_BACKWARD;
  switch (role) {
    case Role::kLogits:
      return {HasLogits(op), false};
    case Role::kBias:
      return {HasLogits(op) || attention, true};
    case Role::kMask:
      return {TakesMask(op) || attention, true};
    case Role::kSaved:
      return {IsBackwardOfActivation(op), false};
    case Role::kUpstream:
      return {IsBackwardOfActivation(op) || op == ASSAY_CROSS_ENTROPY_BACKWARD || attention_backward,
              op == ASSAY_CROSS_ENTROPY_BACKWARD};
    case Role::kTargets:
    case Role::kLabels:
      return {IsLoss(op), true};
    case Role::kQ:
    case Role::kK:
    case Role::kV:
      return {attention, false};
    case Role::kLengths:
      return {attention, true};
    case Role::kSink:
      return {op == ASSAY_ATTENTION, true};
    case Role::kSavedOut:
    case Role::kSavedLse:
      return {attention_backward, false};
    case Role::kOut:
      return {!attention_backward, false};
    case Role::kLse:
      return {op == ASSAY_ATTENTION, true};
    case Role::kDq:
    case Role::kDk:
    case Role::kDv:
    case Role::kDbias:
      return {attention_backward, true};
  }
  return {false, false};
}

std::array<Axis, 4> AxesOf(const Case& c, Role role) {
  if (IsAttention(c.op)) return AttentionAxes(role);
  const bool loss = role == Role::kUpstream ? IsLoss(c.op) : role == Role::kOut && c.op == ASSAY_CROSS_ENTROPY;
  const bool reduced = loss && c.reduction != ASSAY_REDUCTION_NONE;
  const bool one_column = loss || role == Role::kLabels || (role == Role::kOut && c.op == ASSAY_LOGSUMEXP);
  return {Axis::kOne, Axis::kOne, reduced ? Axis::kOne : Axis::kRow, one_column ? Axis::kOne : Axis::kCol};
}

std::size_t SizeOf(const Case& c, Axis axis) {
  const std::size_t sizes[] = {1,
                               c.rows,
                               c.cols,
                               c.attention.batch,
                               c.attention.num_heads,
                               c.attention.num_kv_heads,
                               c.attention.seq_q,
                               c.attention.seq_kv,
                               c.attention.head_dim,
                               c.attention.value_dim};
  return sizes[static_cast<std::size_t>(axis)];
}

Dims DimsOf(const Case& c, Role role) {
  const std::array<Axis, 4> axes = AxesOf(c, role);
  return {SizeOf(c, axes[0]), SizeOf(c, axes[1]), SizeOf(c, axes[2]), SizeOf(c, axes[3])};
}

Shape ShapeOf(const Case& c, Role role) {
  const Dims dims = DimsOf(c, role);
  return {dims[0] * dims[1] * dims[2], dims[3]};
}

bool Skips(const Case& c, Role output) {
  return (c.attention.skipped >> (static_cast<int>(output) - kInputRoles) & 1) != 0;
}

std::vector<Role> OutputsOf(const Case& c) {
  std::vector<Role> outputs;
  for (int i = kInputRoles; i < kInputRoles + kOutputRoles; ++i) {
    const auto role = static_cast<Role>(i);
    if (NeedOf(c.op, role).has && !Skips(c, role)) outputs.push_back(role);
  }
  return outputs;
}

const Layout& OutLayout(const Case& c, Role output) {
  if (output == Role::kOut) return c.out;
  return c.more_outs.at(static_cast<std::size_t>(output) - kInputRoles - 1);
}

Layout& OutLayout(Case& c, Role output) { return const_cast<Layout&>(OutLayout(std::as_const(c), output)); }

Role InPlaceRole(assay_op op) {
  return IsAttention(op) ? Role::kQ : IsBackwardOfActivation(op) ? Role::kUpstream : Role::kLogits;
}

bool CanBeInPlace(assay_op op) {
  return op != ASSAY_LOGSUMEXP && op != ASSAY_CROSS_ENTROPY && op != ASSAY_ATTENTION_BACKWARD;
}

}  // namespace assay::subjects
