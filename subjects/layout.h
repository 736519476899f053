// SPDX-License-Identifier: Apache-2.0
//
// From the layout of an operand to strides and the memory they reach over.

#pragma once

#include <array>
#include <cstddef>

#include "subjects/case.h"

namespace assay::subjects {

// The element type of an operand: the case's dtype, but u8 for the mask, i64 for labels and lengths, and lse_dtype for
// lse and saved_lse.
Element ElementOf(const Case& c, Role role);

// The layout of an operand; that of out in place is its operand's.
const Layout& LayoutOf(const Case& c, Role role);

// Throws std::invalid_argument naming the operand where its dimensions ask for more bytes than can be addressed: before
// this, ShapeOf of a case from elsewhere means nothing.
void CheckSize(const Case& c, Role role);

// All in elements. Entry [b, h, i, j] lies at the sum of indices times strides from entry [0, 0, 0, 0], which `lead`
// elements precede; `reach` is from the lowest entry to just behind the highest (0 where there is none).
struct Extent {
  std::array<std::ptrdiff_t, 4> strides = {};  // of row operations, the first two are without meaning
  std::size_t lead = 0;
  std::size_t reach = 0;

  std::ptrdiff_t row_stride() const { return strides[2]; }
  std::ptrdiff_t col_stride() const { return strides[3]; }
};

// Where the operand, given or not, has its entries for a subject that wants every row at a multiple of
// `alignment_bytes` (a power of two): the row stride is rounded up to that, except for one row alone, and in buffers
// that have one column whatever cols is (labels, losses, lse ...), where only the start is aligned. repeats_row makes
// the row stride 0 and columns_outer and rows_backward meaningless; repeats_head and repeats_batch likewise theirs.
// Throws std::invalid_argument naming the operand where the reach does not fit in ptrdiff_t bytes.
Extent ExtentOf(const Case& c, Role role, std::size_t alignment_bytes = 1);

}  // namespace assay::subjects
