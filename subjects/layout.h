// SPDX-License-Identifier: Apache-2.0
//
// From the layout of an operand to strides and the memory they reach over.

#pragma once

#include <cstddef>

#include "subjects/case.h"

namespace assay::subjects {

// The element type of an operand: the case's dtype, but u8 for the mask and i64 for labels.
Element ElementOf(const Case& c, Role role);

// The layout of an operand; that of out in place is its operand's.
const Layout& LayoutOf(const Case& c, Role role);

// All in elements. Entry [i, j] lies at row_stride * i + col_stride * j from entry [0, 0], which `lead` elements
// precede; `reach` is from the lowest entry to just behind the highest (0 where there is none).
struct Extent {
  std::ptrdiff_t row_stride = 0;
  std::ptrdiff_t col_stride = 0;
  std::size_t lead = 0;
  std::size_t reach = 0;
};

// Where the operand, given or not, has its entries for a subject that wants every row at a multiple of
// `alignment_bytes` (a power of two): the row stride is rounded up to that, except for one row alone, and in buffers
// that have one column whatever cols is (labels, losses ...), where only the start is aligned. repeats_row makes the
// row stride 0 and columns_outer and rows_backward meaningless.
// Throws std::invalid_argument naming the operand where the reach does not fit in ptrdiff_t bytes.
Extent ExtentOf(const Case& c, Role role, std::size_t alignment_bytes = 1);

}  // namespace assay::subjects
