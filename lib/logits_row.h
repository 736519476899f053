// SPDX-License-Identifier: Apache-2.0
//
// A row of logits entry by entry, for functions that look at a row rather than transform it: any type, any strides.

#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "number.h"
#include "request.h"

namespace assay::internal {

class LogitsRow {
 public:
  // Row i of a call whose logits and mask have been checked.
  LogitsRow(const assay_row_args& args, std::size_t i)
      : dtype_(args.dtype),
        cols_(args.cols),
        logits_(static_cast<const std::byte*>(args.logits.data) + static_cast<std::ptrdiff_t>(i) *
                                                                      args.logits.row_stride *
                                                                      static_cast<std::ptrdiff_t>(BytesOf(args.dtype))),
        logits_stride_(args.logits.col_stride),
        mask_(args.mask.data == nullptr ? nullptr
                                        : static_cast<const std::uint8_t*>(args.mask.data) +
                                              static_cast<std::ptrdiff_t>(i) * args.mask.row_stride),
        mask_stride_(args.mask.col_stride) {}

  std::size_t cols() const { return cols_; }
  std::int32_t dtype() const { return dtype_; }

  // Whether the mask shows entry j, whatever it holds.
  bool Shown(std::size_t j) const {
    return mask_ == nullptr || mask_[static_cast<std::ptrdiff_t>(j) * mask_stride_] != 0;
  }

  double At(std::size_t j) const {
    return LoadNumber(dtype_, logits_, static_cast<std::ptrdiff_t>(j) * logits_stride_);
  }

  bool Visible(std::size_t j) const { return Shown(j) && At(j) != -std::numeric_limits<double>::infinity(); }

 private:
  std::int32_t dtype_;
  std::size_t cols_;
  const std::byte* logits_;
  std::ptrdiff_t logits_stride_;
  const std::uint8_t* mask_;
  std::ptrdiff_t mask_stride_;
};

// What a row holds among its visible entries.
struct RowRange {
  std::size_t visible = 0;
  double max = -std::numeric_limits<double>::infinity();
  double min = std::numeric_limits<double>::infinity();
  bool finite = true;  // no visible NaN or +inf
};

inline RowRange RangeOf(const LogitsRow& row) {
  RowRange range;
  for (std::size_t j = 0; j < row.cols(); ++j) {
    if (!row.Shown(j)) continue;
    const double x = row.At(j);
    if (x == -std::numeric_limits<double>::infinity()) continue;
    if (!(x < std::numeric_limits<double>::infinity())) range.finite = false;
    ++range.visible;
    if (x > range.max) range.max = x;
    if (x < range.min) range.min = x;
  }
  return range;
}

}  // namespace assay::internal
