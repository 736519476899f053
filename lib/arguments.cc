// SPDX-License-Identifier: Apache-2.0
//
// What the C API refuses, and what of the rest softmax does not serve.

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "rows.h"

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

bool SamePlace(const assay_const_matrix& in, const assay_const_matrix& out, std::size_t rows, std::size_t cols) {
  return in.data == out.data && (rows == 1 || in.row_stride == out.row_stride) &&
         (cols == 1 || in.col_stride == out.col_stride);
}

std::size_t BytesOf(std::int32_t dtype) { return dtype == ASSAY_F64 ? 8 : dtype == ASSAY_F32 ? 4 : 2; }

bool Within(std::int32_t value, std::int32_t first, std::int32_t last) { return first <= value && value <= last; }

// What does not depend on where the entries lie.
assay_status CheckValues(const assay_row_args& a) {
  if (!Within(a.dtype, ASSAY_F32, ASSAY_BF16)) return ASSAY_BAD_ENUM;
  if (!Within(a.empty_row, ASSAY_EMPTY_ROW_AUTO, ASSAY_EMPTY_ROW_ZERO)) return ASSAY_BAD_ENUM;
  if (!Within(a.reduction, ASSAY_REDUCTION_NONE, ASSAY_REDUCTION_MEAN)) return ASSAY_BAD_ENUM;
  // By its bits: under a caller's DAZ a negative subnormal compares equal to 0.
  constexpr std::uint64_t kMinusZero = std::uint64_t{1} << 63;
  const auto bits = std::bit_cast<std::uint64_t>(a.temperature);
  if (bits > kMinusZero || std::isnan(a.temperature)) return ASSAY_BAD_TEMPERATURE;
  if (!(a.label_smoothing >= 0 && a.label_smoothing <= 1)) return ASSAY_BAD_PARAMETER;
  if (a.saved.data != nullptr || a.upstream.data != nullptr || a.targets.data != nullptr || a.labels.data != nullptr) {
    return ASSAY_BAD_PARAMETER;
  }
  return ASSAY_OK;
}

// Where the entries lie; rows, cols > 0.
assay_status CheckPlaces(const assay_row_args& a) {
  const std::size_t bytes = BytesOf(a.dtype);
  const assay_const_matrix out = {a.out.data, a.out.row_stride, a.out.col_stride};
  Reach out_reach, logits_reach, bias_reach, mask_reach;
  if (!ReachOf(out, a.rows, a.cols, bytes, &out_reach) || !ReachOf(a.logits, a.rows, a.cols, bytes, &logits_reach) ||
      (a.bias.data != nullptr && !ReachOf(a.bias, a.rows, a.cols, bytes, &bias_reach)) ||
      (a.mask.data != nullptr && !ReachOf(a.mask, a.rows, a.cols, 1, &mask_reach)) ||
      !EntriesApart(a.out, a.rows, a.cols)) {
    return ASSAY_BAD_SHAPE;
  }
  if (a.logits.data == nullptr || a.out.data == nullptr) return ASSAY_NULL_POINTER;
  if (!SamePlace(a.logits, out, a.rows, a.cols) && Overlap(logits_reach, out_reach)) return ASSAY_OVERLAP;
  if (!SamePlace(a.bias, out, a.rows, a.cols) && Overlap(bias_reach, out_reach)) return ASSAY_OVERLAP;
  return Overlap(mask_reach, out_reach) ? ASSAY_OVERLAP : ASSAY_OK;
}

bool ContiguousColumns(const assay_const_matrix& m, const assay_row_args& a) {
  return m.data == nullptr || a.rows == 0 || a.cols <= 1 || m.col_stride == 1;
}

}  // namespace

assay_status CheckSoftmax(const assay_row_args* args, SoftmaxRows* rows) {
  if (args == nullptr) return ASSAY_NULL_POINTER;
  const assay_row_args& a = *args;
  if (a.struct_size < sizeof(assay_row_args)) return ASSAY_BAD_STRUCT;
  const bool empty = a.rows == 0 || a.cols == 0;
  assay_status status = CheckValues(a);
  if (status == ASSAY_OK && !empty) status = CheckPlaces(a);
  if (status != ASSAY_OK) return status;
  if (a.dtype != ASSAY_F32 || a.bias.data != nullptr || !ContiguousColumns(a.logits, a) ||
      !ContiguousColumns(a.mask, a) || !ContiguousColumns({a.out.data, a.out.row_stride, a.out.col_stride}, a)) {
    return ASSAY_UNSUPPORTED;
  }

  const bool masked = a.mask.data != nullptr;
  const bool zeros = a.empty_row == ASSAY_EMPTY_ROW_ZERO || (a.empty_row == ASSAY_EMPTY_ROW_AUTO && masked);
  *rows = {static_cast<const float*>(a.logits.data),
           static_cast<float*>(a.out.data),
           static_cast<const std::uint8_t*>(a.mask.data),
           a.rows,
           a.cols,
           a.logits.row_stride,
           a.out.row_stride,
           a.mask.row_stride,
           std::fabs(a.temperature),
           zeros ? 0.0f : std::numeric_limits<float>::quiet_NaN(),
           a.logits.data == a.out.data,
           /*first_step=*/0};
  return ASSAY_OK;
}

}  // namespace assay::internal
