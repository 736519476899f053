// SPDX-License-Identifier: Apache-2.0
//
// What the C API refuses: arguments in the order of the status codes that need no memory, then shapes, pointers,
// overlap, labels.

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "request.h"

namespace assay::internal {
namespace {

// The bytes that the entries of a matrix reach over, gaps included: [begin, end).
struct Reach {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
};

bool Overlap(Reach a, Reach b) { return a.begin < b.end && b.begin < a.end; }

std::size_t Magnitude(std::ptrdiff_t stride) {
  return stride < 0 ? std::size_t{0} - static_cast<std::size_t>(stride) : static_cast<std::size_t>(stride);
}

// Adds the bytes from the first of n entries to the last, towards the end that the sign of the stride says; false when
// they overflow.
bool AddReach(std::size_t n, std::ptrdiff_t stride, std::size_t element_bytes, std::size_t* below, std::size_t* above) {
  std::size_t bytes = 0;
  std::size_t* const side = stride < 0 ? below : above;
  return !__builtin_mul_overflow(n - 1, Magnitude(stride), &bytes) &&
         !__builtin_mul_overflow(bytes, element_bytes, &bytes) && !__builtin_add_overflow(*side, bytes, side);
}

// rows, cols > 0; false when the size in bytes overflows ptrdiff_t.
bool ReachOf(const assay_const_matrix& m, std::size_t rows, std::size_t cols, std::size_t element_bytes, Reach* reach) {
  std::size_t below = 0;
  std::size_t above = element_bytes;
  std::size_t bytes = 0;
  if (!AddReach(rows, m.row_stride, element_bytes, &below, &above) ||
      !AddReach(cols, m.col_stride, element_bytes, &below, &above) || __builtin_add_overflow(below, above, &bytes) ||
      bytes > static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max())) {
    return false;
  }
  const auto data = reinterpret_cast<std::uintptr_t>(m.data);
  *reach = {data - below, data + above};
  return true;
}

// Whether one stride is larger than the reach of the other dimension. Sizes are known not to overflow.
bool EntriesApart(const assay_matrix& m, std::size_t rows, std::size_t cols) {
  const std::size_t row_stride = Magnitude(m.row_stride);
  const std::size_t col_stride = Magnitude(m.col_stride);
  if (rows > 1 && row_stride == 0) return false;
  if (cols > 1 && col_stride == 0) return false;
  return rows == 1 || cols == 1 || row_stride > (cols - 1) * col_stride || col_stride > (rows - 1) * row_stride;
}

bool SamePlace(const assay_const_matrix& in, const assay_matrix& out, std::size_t rows, std::size_t cols) {
  return in.data == out.data && (rows == 1 || in.row_stride == out.row_stride) &&
         (cols == 1 || in.col_stride == out.col_stride);
}

bool Within(std::int32_t value, std::int32_t first, std::int32_t last) { return first <= value && value <= last; }

// An operand of the call: its shape, and whether the operation has it and needs it.
struct Operand {
  const assay_const_matrix& matrix;
  std::size_t rows;
  std::size_t cols;
  std::size_t element_bytes;
  bool allowed;
  bool required;
  bool may_be_out;  // of the type and shape of out

  bool HasElements() const { return rows > 0 && cols > 0; }
  bool Present() const { return matrix.data != nullptr && HasElements(); }
};

bool HasZeroTemperature(assay_op op) {
  return op == ASSAY_SOFTMAX || op == ASSAY_LOG_SOFTMAX || op == ASSAY_SIGMOID || op == ASSAY_SPARSEMAX;
}

// What does not depend on where the entries lie.
assay_status CheckValues(const assay_row_args& a, assay_op op) {
  if (!Within(a.dtype, ASSAY_F32, ASSAY_BF16)) return ASSAY_BAD_ENUM;
  if (!Within(a.empty_row, ASSAY_EMPTY_ROW_AUTO, ASSAY_EMPTY_ROW_ZERO)) return ASSAY_BAD_ENUM;
  if (!Within(a.reduction, ASSAY_REDUCTION_NONE, ASSAY_REDUCTION_MEAN)) return ASSAY_BAD_ENUM;
  // By its bits: under a caller's DAZ a subnormal compares equal to 0.
  constexpr std::uint64_t kMinusZero = std::uint64_t{1} << 63;
  const auto bits = std::bit_cast<std::uint64_t>(a.temperature);
  constexpr std::uint64_t kInfinity = std::uint64_t{0x7FF} << 52;  // NaN lies above; comparing one raises a flag
  if (bits > kInfinity && bits != kMinusZero) return ASSAY_BAD_TEMPERATURE;
  if ((bits == 0 || bits == kMinusZero) && !HasZeroTemperature(op)) return ASSAY_BAD_TEMPERATURE;
  const auto smoothing = std::bit_cast<std::uint64_t>(a.label_smoothing);
  if (smoothing > std::bit_cast<std::uint64_t>(1.0) && smoothing != kMinusZero) return ASSAY_BAD_PARAMETER;
  return ASSAY_OK;
}

assay_status CheckLabels(const assay_row_args& a) {
  if (a.labels.data == nullptr || a.rows == 0 || a.cols == 0) return ASSAY_OK;
  const auto* const labels = static_cast<const std::int64_t*>(a.labels.data);
  for (std::size_t i = 0; i < a.rows; ++i) {
    const std::int64_t label = labels[static_cast<std::ptrdiff_t>(i) * a.labels.row_stride];
    if (a.has_ignore_index != 0 && label == a.ignore_index) continue;
    if (label < 0 || static_cast<std::uint64_t>(label) >= a.cols) return ASSAY_BAD_LABEL;
  }
  return ASSAY_OK;
}

// Where the entries lie.
assay_status CheckPlaces(const assay_row_args& a, assay_op op) {
  const bool backward = IsActivationBackward(op);
  const bool loss = IsLoss(op);
  const std::size_t bytes = BytesOf(a.dtype);
  const std::size_t loss_rows = loss && a.reduction != ASSAY_REDUCTION_NONE ? 1 : a.cols == 0 ? 0 : a.rows;
  const std::size_t out_rows = op == ASSAY_CROSS_ENTROPY ? loss_rows : a.rows;
  const std::size_t out_cols = HasOneColumn(op) ? 1 : a.cols;
  const bool same_shape = !HasOneColumn(op);
  const Operand operands[] = {
      {a.logits, a.rows, a.cols, bytes, !backward, !backward, same_shape},
      {a.bias, a.rows, a.cols, bytes, !backward, false, same_shape},
      {a.mask, a.rows, a.cols, 1, !backward && op != ASSAY_SIGMOID, false, false},
      {a.saved, a.rows, a.cols, bytes, backward, backward, same_shape},
      {a.upstream, backward ? a.rows : loss_rows, backward ? a.cols : 1, bytes,
       backward || op == ASSAY_CROSS_ENTROPY_BACKWARD, backward, backward},
      {a.targets, a.rows, a.cols, bytes, loss, false, same_shape},
      {a.labels, a.cols == 0 ? 0 : a.rows, 1, sizeof(std::int64_t), loss, loss && a.targets.data == nullptr, false},
  };
  for (const Operand& in : operands) {
    if (in.matrix.data != nullptr && !in.allowed) return ASSAY_BAD_PARAMETER;
  }
  if (a.labels.data != nullptr && a.targets.data != nullptr) return ASSAY_BAD_PARAMETER;

  Reach reach;
  for (const Operand& in : operands) {
    if (!in.HasElements() || (in.matrix.data == nullptr && !in.required)) continue;
    if (!ReachOf(in.matrix, in.rows, in.cols, in.element_bytes, &reach)) return ASSAY_BAD_SHAPE;
  }
  const bool writes = out_rows > 0 && out_cols > 0;
  const assay_const_matrix out = {a.out.data, a.out.row_stride, a.out.col_stride};
  Reach written;
  if (writes && (!ReachOf(out, out_rows, out_cols, bytes, &written) || !EntriesApart(a.out, out_rows, out_cols))) {
    return ASSAY_BAD_SHAPE;
  }
  for (const Operand& in : operands) {
    if (in.required && in.HasElements() && in.matrix.data == nullptr) return ASSAY_NULL_POINTER;
  }
  if (!writes) return ASSAY_OK;
  if (a.out.data == nullptr) return ASSAY_NULL_POINTER;
  for (const Operand& in : operands) {
    if (!in.Present() || (in.may_be_out && SamePlace(in.matrix, a.out, a.rows, a.cols))) continue;
    ReachOf(in.matrix, in.rows, in.cols, in.element_bytes, &reach);
    if (Overlap(reach, written)) return ASSAY_OVERLAP;
  }
  return ASSAY_OK;
}

}  // namespace

assay_status CheckRequest(assay_op op, const assay_row_args* args, Request* request) {
  if (args == nullptr) return ASSAY_NULL_POINTER;
  if (args->struct_size < sizeof(assay_row_args)) return ASSAY_BAD_STRUCT;
  const assay_row_args& a = *args;
  assay_status status = CheckValues(a, op);
  if (status == ASSAY_OK) status = CheckPlaces(a, op);
  if (status == ASSAY_OK && IsLoss(op)) status = CheckLabels(a);
  if (status != ASSAY_OK) return status;
  request->op = op;
  request->args = a;
  request->args.temperature = std::fabs(a.temperature);
  request->args.label_smoothing = std::fabs(a.label_smoothing);
  request->empty_row_is_zero =
      a.empty_row == ASSAY_EMPTY_ROW_ZERO || (a.empty_row == ASSAY_EMPTY_ROW_AUTO && a.mask.data != nullptr);
  request->first_step = 0;
  return ASSAY_OK;
}

}  // namespace assay::internal
