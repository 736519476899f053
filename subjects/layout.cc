// SPDX-License-Identifier: Apache-2.0
//
// Strides, with every product checked.

#include "subjects/layout.h"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>

namespace assay::subjects {
namespace {

__extension__ using Wide = unsigned __int128;

constexpr Wide kMaxBytes = std::numeric_limits<std::ptrdiff_t>::max();

}  // namespace

Element ElementOf(const Case& c, Role role) {
  switch (role) {
    case Role::kMask:
      return Element::kU8;
    case Role::kLabels:
    case Role::kLengths:
      return Element::kI64;
    case Role::kLse:
    case Role::kSavedLse:
      return ElementOf(c.attention.lse_dtype);
    default:
      return ElementOf(c.dtype);
  }
}

const Layout& LayoutOf(const Case& c, Role role) {
  if (static_cast<int>(role) < kInputRoles) return c.operand(role).layout;
  return role == Role::kOut && c.in_place ? c.operand(InPlaceRole(c.op)).layout : OutLayout(c, role);
}

void CheckSize(const Case& c, Role role) {
  const Dims dims = DimsOf(c, role);
  if (std::find(dims.begin(), dims.end(), 0) != dims.end()) return;
  Wide size = BytesOf(ElementOf(c, role));
  for (const std::size_t dim : dims) {
    size *= dim;
    if (size > kMaxBytes) {
      throw std::invalid_argument(std::string(RoleName(role)) + ": its dimensions are too large to be addressed");
    }
  }
}

Extent ExtentOf(const Case& c, Role role, std::size_t alignment_bytes) {
  const std::size_t bytes = BytesOf(ElementOf(c, role));
  const auto checked = [&](Wide elements) {
    if (elements > kMaxBytes / bytes) {
      throw std::invalid_argument(std::string(RoleName(role)) + ": its layout reaches further than can be addressed");
    }
    return elements;
  };
  const auto [batches, heads, rows, cols] = DimsOf(c, role);
  const Layout& layout = LayoutOf(c, role);
  const bool heads_matter = IsAttention(c.op);
  const bool one_row = rows <= 1 && heads <= 1 && batches <= 1;
  const bool one_column = AxesOf(c, role)[3] == Axis::kOne;
  const Wide unit = one_column || one_row ? 1 : std::max(alignment_bytes, bytes) / bytes;
  const auto aligned = [&](Wide stride) { return checked((stride + unit - 1) / unit * unit); };
  // The reach of `count` entries that are `stride` apart.
  const auto reach = [&](Wide count, Wide stride) { return count == 0 ? Wide{0} : checked((count - 1) * stride + 1); };

  Wide col_stride = checked(layout.step);
  Wide row_stride = 0;
  Wide head_stride = 0;
  Wide batch_stride = 0;
  if (layout.columns_outer && !layout.repeats_row) {
    row_stride = aligned(layout.step);
    col_stride = checked(reach(rows, row_stride) + layout.gap);
    if (heads_matter) head_stride = aligned(cols * col_stride);
    batch_stride = checked((layout.repeats_head ? 1 : heads) * head_stride);
  } else {
    const Wide row = aligned(reach(cols, col_stride) + layout.gap);
    if (layout.heads_inner) {
      head_stride = row;
      row_stride = checked((layout.repeats_head ? 1 : heads) * row);
      batch_stride = checked(rows * row_stride);
    } else {
      row_stride = row;
      if (heads_matter) head_stride = checked((layout.repeats_row ? 1 : rows) * row);
      batch_stride = checked((layout.repeats_head ? 1 : heads) * head_stride);
    }
  }
  if (layout.repeats_row) row_stride = 0;
  if (layout.repeats_head) head_stride = 0;
  if (layout.repeats_batch) batch_stride = 0;
  const bool rows_backward = layout.rows_backward && !layout.repeats_row;
  const auto signed_of = [](Wide stride, bool backward) {
    return static_cast<std::ptrdiff_t>(stride) * (backward ? -1 : 1);
  };
  Extent extent;
  extent.strides = {signed_of(batch_stride, false), signed_of(head_stride, false), signed_of(row_stride, rows_backward),
                    signed_of(col_stride, layout.cols_backward)};
  if (batches == 0 || heads == 0 || rows == 0 || cols == 0) return extent;
  const Wide of_rows = checked((rows - 1) * row_stride);
  const Wide of_cols = checked((cols - 1) * col_stride);
  extent.lead = static_cast<std::size_t>((rows_backward ? of_rows : 0) + (layout.cols_backward ? of_cols : 0));
  const Wide of_heads = checked((heads - 1) * head_stride);
  extent.reach =
      static_cast<std::size_t>(checked(checked((batches - 1) * batch_stride) + of_heads + of_rows + of_cols + 1));
  return extent;
}

}  // namespace assay::subjects
