// SPDX-License-Identifier: Apache-2.0
//
// What the C API refuses.

#include <cmath>
#include <cstdint>
#include <limits>

#include "rows.h"

namespace assay::internal {
namespace {

// Elements from the first to one past the last of [rows, cols] with this stride; false when the bytes overflow.
bool Extent(std::size_t rows, std::size_t cols, std::size_t stride, std::size_t element_bytes, std::size_t* extent) {
  std::size_t last_row;
  std::size_t bytes;
  return !__builtin_mul_overflow(rows - 1, stride, &last_row) && !__builtin_add_overflow(last_row, cols, extent) &&
         !__builtin_mul_overflow(*extent, element_bytes, &bytes) &&
         bytes <= static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max());
}

bool Overlap(const void* a, std::size_t a_bytes, const void* b, std::size_t b_bytes) {
  const auto a_begin = reinterpret_cast<std::uintptr_t>(a);
  const auto b_begin = reinterpret_cast<std::uintptr_t>(b);
  return a_begin < b_begin + b_bytes && b_begin < a_begin + a_bytes;
}

}  // namespace

assay_status CheckSoftmax(const assay_softmax_args* args, SoftmaxRows* rows) {
  if (args == nullptr) return ASSAY_NULL_POINTER;
  const assay_softmax_args& a = *args;
  if (a.struct_size < sizeof(assay_softmax_args)) return ASSAY_BAD_STRUCT;
  if (a.dtype != ASSAY_F32) return ASSAY_BAD_ENUM;
  if (a.empty_row < ASSAY_EMPTY_ROW_AUTO || a.empty_row > ASSAY_EMPTY_ROW_ZERO) return ASSAY_BAD_ENUM;
  if (!(a.temperature >= 0)) return ASSAY_BAD_TEMPERATURE;

  const bool zeros = a.empty_row == ASSAY_EMPTY_ROW_ZERO || (a.empty_row == ASSAY_EMPTY_ROW_AUTO && a.mask != nullptr);
  *rows = {static_cast<const float*>(a.logits),
           static_cast<float*>(a.probs),
           a.mask,
           a.rows,
           a.cols,
           a.logits_row_stride,
           a.probs_row_stride,
           a.mask_row_stride,
           std::fabs(a.temperature),
           zeros ? 0.0f : std::numeric_limits<float>::quiet_NaN(),
           a.logits == a.probs,
           /*first_step=*/0};
  if (a.rows == 0 || a.cols == 0) return ASSAY_OK;

  if (a.rows > 1 && a.probs_row_stride < a.cols) return ASSAY_BAD_SHAPE;
  std::size_t logits_extent = 0, probs_extent = 0, mask_extent = 0;
  if (!Extent(a.rows, a.cols, a.logits_row_stride, sizeof(float), &logits_extent) ||
      !Extent(a.rows, a.cols, a.probs_row_stride, sizeof(float), &probs_extent) ||
      (a.mask != nullptr && !Extent(a.rows, a.cols, a.mask_row_stride, 1, &mask_extent))) {
    return ASSAY_BAD_SHAPE;
  }
  if (a.logits == nullptr || a.probs == nullptr) return ASSAY_NULL_POINTER;
  const std::size_t probs_bytes = probs_extent * sizeof(float);
  const bool same_place = a.logits == a.probs && (a.rows == 1 || a.logits_row_stride == a.probs_row_stride);
  if (!same_place && Overlap(a.logits, logits_extent * sizeof(float), a.probs, probs_bytes)) return ASSAY_OVERLAP;
  if (a.mask != nullptr && Overlap(a.mask, mask_extent, a.probs, probs_bytes)) return ASSAY_OVERLAP;
  return ASSAY_OK;
}

}  // namespace assay::internal
