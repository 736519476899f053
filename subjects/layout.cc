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

bool HasOneColumn(const Case& c, Role role) {
  return role == Role::kLabels || (role == Role::kUpstream && IsLoss(c.op)) ||
         (role == Role::kOut && (c.op == ASSAY_LOGSUMEXP || c.op == ASSAY_CROSS_ENTROPY));
}

}  // namespace

Element ElementOf(const Case& c, Role role) {
  return role == Role::kMask ? Element::kU8 : role == Role::kLabels ? Element::kI64 : ElementOf(c.dtype);
}

const Layout& LayoutOf(const Case& c, Role role) {
  if (role != Role::kOut) return c.operand(role).layout;
  return c.in_place ? c.operand(InPlaceRole(c.op)).layout : c.out;
}

Extent ExtentOf(const Case& c, Role role, std::size_t alignment_bytes) {
  const std::size_t bytes = BytesOf(ElementOf(c, role));
  const auto checked = [&](Wide elements) {
    if (elements > kMaxBytes / bytes) {
      throw std::invalid_argument(std::string(RoleName(role)) + ": its layout reaches further than can be addressed");
    }
    return elements;
  };
  const Shape shape = ShapeOf(c, role);
  const Layout& layout = LayoutOf(c, role);
  const Wide unit = HasOneColumn(c, role) || shape.rows <= 1 ? 1 : std::max(alignment_bytes, bytes) / bytes;
  const auto aligned = [&](Wide stride) { return (stride + unit - 1) / unit * unit; };
  // The reach of `count` entries that are `stride` apart.
  const auto reach = [&](Wide count, Wide stride) { return count == 0 ? Wide{0} : checked((count - 1) * stride + 1); };

  Wide row_stride = 0;
  Wide col_stride = layout.step;
  if (layout.columns_outer && !layout.repeats_row) {
    row_stride = checked(aligned(layout.step));
    col_stride = checked(reach(shape.rows, row_stride) + layout.gap);
  } else if (!layout.repeats_row) {
    row_stride = checked(aligned(reach(shape.cols, col_stride) + layout.gap));
  }
  Extent extent;
  const bool rows_backward = layout.rows_backward && !layout.repeats_row;
  extent.row_stride = static_cast<std::ptrdiff_t>(row_stride) * (rows_backward ? -1 : 1);
  extent.col_stride = static_cast<std::ptrdiff_t>(checked(col_stride)) * (layout.cols_backward ? -1 : 1);
  if (shape.rows == 0 || shape.cols == 0) return extent;
  const Wide rows = (shape.rows - 1) * row_stride;
  const Wide cols = (shape.cols - 1) * col_stride;
  extent.lead = static_cast<std::size_t>((rows_backward ? rows : 0) + (layout.cols_backward ? cols : 0));
  extent.reach = static_cast<std::size_t>(checked(rows + cols + 1));
  return extent;
}

}  // namespace assay::subjects
