// SPDX-License-Identifier: Apache-2.0

/// @file
/// What the C++ front is made of: status, element types, views of matrices, options. The functions stand in
/// softmax.hpp, attention.hpp, sampling.hpp and calibration.hpp; the contracts at assay_row_args and
/// assay_attention_args in assay.h. Header only, nothing throws or allocates.

#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>

#include "assay/assay.h"

namespace assay {

/// What a call answers; on any status but kOk nothing was written. See assay_status.
enum class [[nodiscard]] Status : int{
    kOk = ASSAY_OK,                           ///< done
    kBadStruct = ASSAY_BAD_STRUCT,            ///< never from these functions
    kBadShape = ASSAY_BAD_SHAPE,              ///< shapes differ, entries of out share a place, or a size overflows
    kBadTemperature = ASSAY_BAD_TEMPERATURE,  ///< negative or NaN, or 0 where there is no limit
    kBadEnum = ASSAY_BAD_ENUM,                ///< a value outside its enumeration
    kNullPointer = ASSAY_NULL_POINTER,        ///< a view with entries and no data
    kOverlap = ASSAY_OVERLAP,                 ///< out overlaps an input and is not exactly in place
    kUnsupported = ASSAY_UNSUPPORTED,         ///< valid, but not served
    kBadLabel = ASSAY_BAD_LABEL,              ///< a label is neither ignored nor a class
    kBadParameter = ASSAY_BAD_PARAMETER,      ///< out of its range, of another element type, or not an operand here
    kBadLength = ASSAY_BAD_LENGTH,            ///< a key length is not in [0, number of keys]
    kSmallScratch = ASSAY_SMALL_SCRATCH,      ///< less scratch than the call needs
};

/// The name of a status, e.g. "ASSAY_BAD_SHAPE".
inline const char* StatusName(Status status) noexcept { return assay_status_name(static_cast<assay_status>(status)); }

/// How accurate, against how fast: see assay_tier.
enum class Tier : int {
  kExact = ASSAY_TIER_EXACT,  ///< correctly rounded or reproducible
  kFast = ASSAY_TIER_FAST,    ///< within 4 ULP
};

/// What a row without a visible entry gives: see assay_empty_row.
enum class EmptyRow : int {
  kAuto = ASSAY_EMPTY_ROW_AUTO,  ///< NaN where no mask is given, zeros where one is
  kNaN = ASSAY_EMPTY_ROW_NAN,    ///< NaN
  kZero = ASSAY_EMPTY_ROW_ZERO,  ///< no mass: zeros (-inf for log_softmax)
};

/// What becomes of the rows' losses: see assay_reduction.
enum class Reduction : int {
  kNone = ASSAY_REDUCTION_NONE,  ///< one loss a row
  kSum = ASSAY_REDUCTION_SUM,    ///< their sum
  kMean = ASSAY_REDUCTION_MEAN,  ///< their sum over the number of rows that are not ignored
};

/// An IEEE binary16 number, by its bits.
struct Float16 {
  std::uint16_t bits = 0;  ///< sign, 5 bits of exponent, 10 of fraction
};

/// The upper half of a float, by its bits.
struct BFloat16 {
  std::uint16_t bits = 0;  ///< sign, 8 bits of exponent, 7 of fraction
};

/// The element types of the row operations.
template <class T>
concept Element =
    std::same_as<T, float> || std::same_as<T, double> || std::same_as<T, Float16> || std::same_as<T, BFloat16>;

/// The assay_dtype of an element type.
template <Element T>
inline constexpr assay_dtype kDtypeOf = std::same_as<T, float>     ? ASSAY_F32
                                        : std::same_as<T, double>  ? ASSAY_F64
                                        : std::same_as<T, Float16> ? ASSAY_F16
                                                                   : ASSAY_BF16;

/// A [rows, cols] matrix; entry [i, j] lies at data + i * row_stride + j * col_stride. Strides are in elements, of any
/// sign; 0 repeats an input. Without data: absent.
template <class T>
struct MatrixView {
  T* data = nullptr;              ///< entry [0, 0]
  std::size_t rows = 0;           ///< number of rows
  std::size_t cols = 0;           ///< number of columns
  std::ptrdiff_t row_stride = 0;  ///< from a row to the next
  std::ptrdiff_t col_stride = 1;  ///< from a column to the next

  /// Absent.
  constexpr MatrixView() noexcept = default;
  /// Dense, row by row.
  constexpr MatrixView(T* data_in, std::size_t rows_in, std::size_t cols_in) noexcept
      : MatrixView(data_in, rows_in, cols_in, static_cast<std::ptrdiff_t>(cols_in)) {}
  /// With any strides.
  constexpr MatrixView(T* data_in, std::size_t rows_in, std::size_t cols_in, std::ptrdiff_t row_stride_in,
                       std::ptrdiff_t col_stride_in = 1) noexcept
      : data(data_in), rows(rows_in), cols(cols_in), row_stride(row_stride_in), col_stride(col_stride_in) {}
  /// A single row: a span, vector or array.
  template <class Row>
  requires std::convertible_to<Row, std::span<T>>
  constexpr MatrixView(Row&& row) noexcept  // NOLINT: a row is a matrix
      : MatrixView(std::span<T>(row).data(), 1, std::span<T>(row).size()) {}
  /// The same, to be read only.
  constexpr operator MatrixView<const T>() const noexcept requires(!std::is_const_v<T>) {
    return {data, rows, cols, row_stride, col_stride};
  }
  /// Rows for columns: how to reduce over the other axis.
  constexpr MatrixView Transposed() const noexcept { return {data, cols, rows, col_stride, row_stride}; }
};

/// What there is one of for each row (labels, losses): entry i lies at data + i * stride.
template <class T>
struct VectorView {
  T* data = nullptr;          ///< entry 0
  std::size_t size = 0;       ///< number of entries
  std::ptrdiff_t stride = 1;  ///< from an entry to the next

  /// Absent.
  constexpr VectorView() noexcept = default;
  /// With any stride.
  constexpr VectorView(T* data_in, std::size_t size_in, std::ptrdiff_t stride_in = 1) noexcept
      : data(data_in), size(size_in), stride(stride_in) {}
  /// A span, vector or array.
  template <class Row>
  requires std::convertible_to<Row, std::span<T>>
  constexpr VectorView(Row&& row) noexcept  // NOLINT: a span is a view
      : VectorView(std::span<T>(row).data(), std::span<T>(row).size()) {}
  /// The same, to be read only.
  constexpr operator VectorView<const T>() const noexcept requires(!std::is_const_v<T>) { return {data, size, stride}; }
};

/// A matrix of any element type: what the options hold. It must be of the type of the call, otherwise kBadParameter.
struct AnyMatrixView {
  const void* data = nullptr;     ///< entry [0, 0]; null: absent
  std::size_t rows = 0;           ///< number of rows
  std::size_t cols = 0;           ///< number of columns
  std::ptrdiff_t row_stride = 0;  ///< from a row to the next
  std::ptrdiff_t col_stride = 1;  ///< from a column to the next
  assay_dtype dtype = ASSAY_F32;  ///< what the entries are

  /// Absent.
  constexpr AnyMatrixView() noexcept = default;
  /// Of this view's type.
  template <class T>
  requires Element<std::remove_const_t<T>>
  constexpr AnyMatrixView(const MatrixView<T>& m) noexcept  // NOLINT: the same view
      : data(m.data),
        rows(m.rows),
        cols(m.cols),
        row_stride(m.row_stride),
        col_stride(m.col_stride),
        dtype(kDtypeOf<std::remove_const_t<T>>) {}
  /// A single row: a span, vector or array.
  template <class Row>
  requires requires(Row&& row) { std::span(row); }
  constexpr AnyMatrixView(Row&& row) noexcept  // NOLINT: a row is a matrix
      : AnyMatrixView(MatrixView(std::span(row).data(), 1, std::span(row).size())) {}
};

/// Options of softmax, log_softmax, logsumexp, sigmoid (no mask) and sparsemax.
struct SoftmaxOptions {
  double temperature = 1.0;                  ///< z = logits / temperature + bias; see T at assay_row_args
  MatrixView<const std::uint8_t> mask = {};  ///< nonzero = visible; absent: all visible
  EmptyRow empty_row = EmptyRow::kAuto;      ///< what a row without a visible entry gives
  AnyMatrixView bias = {};                   ///< added to logits / temperature; -inf hides an entry
  Tier tier = Tier::kExact;                  ///< how accurate
};

/// Options of the backward operations that read a saved output.
struct BackwardOptions {
  double temperature = 1.0;  ///< that of the forward operation, above 0
  Tier tier = Tier::kExact;  ///< how accurate
};

/// Options of cross-entropy and its gradient.
struct CrossEntropyOptions {
  double temperature = 1.0;                       ///< as in SoftmaxOptions, above 0
  MatrixView<const std::uint8_t> mask = {};       ///< as in SoftmaxOptions
  AnyMatrixView bias = {};                        ///< as in SoftmaxOptions
  double label_smoothing = 0.0;                   ///< in [0, 1]; spread over the visible classes
  std::optional<std::int64_t> ignore_index = {};  ///< rows with this label count nowhere
  Reduction reduction = Reduction::kMean;         ///< of the rows' losses
  Tier tier = Tier::kExact;                       ///< how accurate
};

}  // namespace assay
