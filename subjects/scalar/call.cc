// SPDX-License-Identifier: Apache-2.0
//
// Arguments and special rows.

#include "subjects/scalar/call.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace assay::subjects {
namespace {

constexpr std::uint32_t kCanonicalNan = 0x7FC00000;

// The bytes from the first element to behind the last; false where their number overflows ptrdiff_t.
bool Extent(std::size_t rows, std::size_t cols, std::size_t stride, std::size_t element_bytes, std::size_t* bytes) {
  std::size_t elements = 0;
  return !__builtin_mul_overflow(rows - 1, stride, &elements) && !__builtin_add_overflow(elements, cols, &elements) &&
         !__builtin_mul_overflow(elements, element_bytes, bytes) &&
         *bytes <= static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max());
}

bool Intersect(const void* a, std::size_t a_bytes, const void* b, std::size_t b_bytes) {
  const auto a_begin = reinterpret_cast<std::uintptr_t>(a);
  const auto b_begin = reinterpret_cast<std::uintptr_t>(b);
  return a_begin < b_begin + b_bytes && b_begin < a_begin + a_bytes;
}

}  // namespace

assay_status CheckStruct(const assay_softmax_args* args) {
  if (args == nullptr) return ASSAY_NULL_POINTER;
  if (args->struct_size < sizeof *args) return ASSAY_BAD_STRUCT;
  if (args->dtype != ASSAY_F32) return ASSAY_BAD_ENUM;
  if (args->empty_row < ASSAY_EMPTY_ROW_AUTO || args->empty_row > ASSAY_EMPTY_ROW_ZERO) return ASSAY_BAD_ENUM;
  return ASSAY_OK;
}

assay_status CheckBuffers(const assay_softmax_args& args) {
  if (args.rows == 0 || args.cols == 0) return ASSAY_OK;
  std::size_t logits_bytes = 0;
  std::size_t probs_bytes = 0;
  std::size_t mask_bytes = 0;
  if (!Extent(args.rows, args.cols, args.logits_row_stride, sizeof(float), &logits_bytes) ||
      !Extent(args.rows, args.cols, args.probs_row_stride, sizeof(float), &probs_bytes) ||
      !Extent(args.rows, args.cols, args.mask_row_stride, 1, &mask_bytes) ||
      (args.rows > 1 && args.probs_row_stride < args.cols)) {
    return ASSAY_BAD_SHAPE;
  }
  if (args.logits == nullptr || args.probs == nullptr) return ASSAY_NULL_POINTER;
  const bool in_place =
      args.logits == args.probs && (args.rows == 1 || args.logits_row_stride == args.probs_row_stride);
  if (!in_place && Intersect(args.logits, logits_bytes, args.probs, probs_bytes)) return ASSAY_OVERLAP;
  if (args.mask != nullptr && Intersect(args.mask, mask_bytes, args.probs, probs_bytes)) return ASSAY_OVERLAP;
  return ASSAY_OK;
}

Row RowOf(const assay_softmax_args& args, std::size_t row) {
  return {static_cast<const float*>(args.logits) + row * args.logits_row_stride,
          args.mask == nullptr ? nullptr : args.mask + row * args.mask_row_stride,
          static_cast<float*>(args.probs) + row * args.probs_row_stride, args.cols};
}

bool EmptyRowIsZero(const assay_softmax_args& args) {
  return args.empty_row == ASSAY_EMPTY_ROW_ZERO || (args.empty_row == ASSAY_EMPTY_ROW_AUTO && args.mask != nullptr);
}

void FillNan(const Row& row) { std::fill_n(row.probs, row.cols, std::bit_cast<float>(kCanonicalNan)); }

void FillZero(const Row& row) { std::fill_n(row.probs, row.cols, 0.0F); }

}  // namespace assay::subjects
