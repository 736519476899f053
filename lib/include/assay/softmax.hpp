// SPDX-License-Identifier: Apache-2.0
//
// The C++ front of assay_softmax: views instead of pointers and sizes. Header only; the contract is the one written
// at assay_row_args in assay.h.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "assay/assay.h"

namespace assay {

enum class [[nodiscard]] Status : int{
    kOk = ASSAY_OK,
    kBadStruct = ASSAY_BAD_STRUCT,
    kBadShape = ASSAY_BAD_SHAPE,
    kBadTemperature = ASSAY_BAD_TEMPERATURE,
    kBadEnum = ASSAY_BAD_ENUM,
    kNullPointer = ASSAY_NULL_POINTER,
    kOverlap = ASSAY_OVERLAP,
    kUnsupported = ASSAY_UNSUPPORTED,
    kBadLabel = ASSAY_BAD_LABEL,
    kBadParameter = ASSAY_BAD_PARAMETER,
};

enum class EmptyRow : int {
  kAuto = ASSAY_EMPTY_ROW_AUTO,
  kNaN = ASSAY_EMPTY_ROW_NAN,
  kZero = ASSAY_EMPTY_ROW_ZERO,
};

// A [rows, cols] matrix whose columns are contiguous and whose rows begin row_stride elements apart (negative: rows
// backwards; 0: one row again and again, for inputs).
template <class T>
struct MatrixView {
  T* data = nullptr;
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::ptrdiff_t row_stride = 0;

  MatrixView() = default;
  MatrixView(T* data_in, std::size_t rows_in, std::size_t cols_in)
      : MatrixView(data_in, rows_in, cols_in, static_cast<std::ptrdiff_t>(cols_in)) {}
  MatrixView(T* data_in, std::size_t rows_in, std::size_t cols_in, std::ptrdiff_t row_stride_in)
      : data(data_in), rows(rows_in), cols(cols_in), row_stride(row_stride_in) {}
  MatrixView(std::span<T> row) : MatrixView(row.data(), 1, row.size()) {}  // NOLINT: a row is a matrix
};

struct SoftmaxOptions {
  double temperature = 1.0;
  MatrixView<const std::uint8_t> mask = {};  // nonzero = visible; without data: all visible
  EmptyRow empty_row = EmptyRow::kAuto;
};

// Writes softmax(row / temperature) of each row of `logits` to the same row of `probs`, correctly rounded. Both have
// the same shape, and so has the mask where one is given: otherwise kBadShape. See assay_row_args in assay.h for
// overlap, special values and errors; on any status but kOk nothing is written.
inline Status Softmax(MatrixView<const float> logits, MatrixView<float> probs,
                      const SoftmaxOptions& options = {}) noexcept {
  const MatrixView<const std::uint8_t>& mask = options.mask;
  const bool masked = mask.data != nullptr;
  if (logits.rows != probs.rows || logits.cols != probs.cols) return Status::kBadShape;
  if (masked && (mask.rows != logits.rows || mask.cols != logits.cols)) return Status::kBadShape;
  assay_row_args args{};
  args.struct_size = sizeof(args);
  args.rows = logits.rows;
  args.cols = logits.cols;
  args.logits = {logits.data, logits.row_stride, 1};
  args.mask = {mask.data, mask.row_stride, 1};
  args.out = {probs.data, probs.row_stride, 1};
  args.temperature = options.temperature;
  args.dtype = ASSAY_F32;
  args.empty_row = static_cast<std::int32_t>(options.empty_row);
  return static_cast<Status>(assay_softmax(&args));
}

// The same for a single row.
inline Status Softmax(std::span<const float> logits, std::span<float> probs,
                      const SoftmaxOptions& options = {}) noexcept {
  return Softmax(MatrixView<const float>(logits), MatrixView<float>(probs), options);
}

}  // namespace assay
