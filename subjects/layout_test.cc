// SPDX-License-Identifier: Apache-2.0

#include "subjects/layout.h"

#include <gtest/gtest.h>

#include <set>
#include <stdexcept>

#include "subjects/testing.h"

namespace assay::subjects {
namespace {

Extent OutOf(const Layout& layout, std::size_t alignment_bytes = 1) {
  Case c = MakeCase(ASSAY_SOFTMAX, ASSAY_F32, 3, 5);
  c.out = layout;
  return ExtentOf(c, Role::kOut, alignment_bytes);
}

TEST(LayoutTest, GivesTheStridesOfEachForm) {
  const struct {
    Layout layout;
    std::ptrdiff_t row;
    std::ptrdiff_t col;
    std::size_t lead;
    std::size_t reach;
  } kForms[] = {
      {{}, 5, 1, 0, 15},
      {{.gap = 2}, 7, 1, 0, 19},
      {{.gap = 1, .step = 3}, 14, 3, 0, 41},
      {{.columns_outer = true}, 1, 3, 0, 15},
      {{.gap = 2, .step = 2, .columns_outer = true}, 2, 7, 0, 33},
      {{.gap = 1, .rows_backward = true}, -6, 1, 12, 17},
      {{.step = 2, .cols_backward = true}, 9, -2, 8, 27},
      {{.rows_backward = true, .cols_backward = true}, -5, -1, 14, 15},
      {{.gap = 4, .step = 2, .repeats_row = true}, 0, 2, 0, 9},
  };
  for (const auto& form : kForms) {
    const Extent extent = OutOf(form.layout);
    EXPECT_EQ(extent.row_stride(), form.row);
    EXPECT_EQ(extent.col_stride(), form.col);
    EXPECT_EQ(extent.lead, form.lead);
    EXPECT_EQ(extent.reach, form.reach);
  }
}

TEST(LayoutTest, RoundsRowStridesUpForAlignment) {
  EXPECT_EQ(OutOf({}, 32).row_stride(), 8);
  EXPECT_EQ(OutOf({.columns_outer = true}, 32).row_stride(), 8);
  EXPECT_EQ(OutOf({.columns_outer = true}, 32).col_stride(), 17);
  Case c = MakeCase(ASSAY_CROSS_ENTROPY, ASSAY_F16, 3, 5);
  EXPECT_EQ(ExtentOf(c, Role::kLogits, 32).row_stride(), 16);
  EXPECT_EQ(ExtentOf(c, Role::kMask, 32).row_stride(), 32);
  EXPECT_EQ(ExtentOf(c, Role::kLabels, 32).row_stride(), 1);  // one vector
  EXPECT_EQ(ExtentOf(c, Role::kOut, 32).row_stride(), 1);
  c.rows = 1;
  EXPECT_EQ(ExtentOf(c, Role::kLogits, 32).row_stride(), 5);
}

TEST(LayoutTest, EveryEntryHasAPlaceOfItsOwnWithinTheReach) {
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    const Case c = AnyCase(seed);
    const auto check = [&](Role role) {
      const std::size_t alignment = std::size_t{1} << (seed % 7);
      const Extent extent = ExtentOf(c, role, alignment);
      const Shape shape = ShapeOf(c, role);
      std::set<std::ptrdiff_t> places;
      for (std::size_t i = 0; i < shape.rows; ++i) {
        for (std::size_t j = 0; j < shape.cols; ++j) {
          places.insert(static_cast<std::ptrdiff_t>(extent.lead) +
                        static_cast<std::ptrdiff_t>(i) * extent.row_stride() +
                        static_cast<std::ptrdiff_t>(j) * extent.col_stride());
        }
      }
      const bool repeats = LayoutOf(c, role).repeats_row && shape.rows > 1;
      ASSERT_EQ(places.size(), repeats ? shape.cols : shape.size()) << seed;
      if (places.empty()) {
        ASSERT_EQ(extent.reach, 0);
      } else {
        ASSERT_EQ(*places.begin(), 0) << seed;
        ASSERT_EQ(*places.rbegin() + 1, static_cast<std::ptrdiff_t>(extent.reach)) << seed;
      }
    };
    check(Role::kOut);
    ForEachInput(c, [&](Role role, const Operand&) { check(role); });
  }
}

// q of 2 batches, 3 heads, 4 positions, 5 dimensions.
Extent QOf(const Layout& layout, std::size_t alignment_bytes = 1) {
  Attention a;
  a.batch = 2;
  a.num_heads = a.num_kv_heads = 3;
  a.seq_q = 4;
  a.head_dim = 5;
  Case c = MakeAttention(ASSAY_ATTENTION, ASSAY_F32, a);
  c.q.layout = layout;
  return ExtentOf(c, Role::kQ, alignment_bytes);
}

TEST(LayoutTest, GivesTheStridesOfAttention) {
  using Strides = std::array<std::ptrdiff_t, 4>;
  const struct {
    Layout layout;
    Strides strides;
    std::size_t lead;
    std::size_t reach;
  } kForms[] = {
      {{}, {60, 20, 5, 1}, 0, 120},
      {{.gap = 2}, {84, 28, 7, 1}, 0, 166},
      {{.gap = 1, .step = 2}, {120, 40, 10, 2}, 0, 239},
      {{.columns_outer = true}, {60, 20, 1, 4}, 0, 120},
      {{.gap = 1, .columns_outer = true}, {75, 25, 1, 5}, 0, 149},
      {{.heads_inner = true}, {60, 5, 15, 1}, 0, 120},
      {{.gap = 1, .heads_inner = true}, {72, 6, 18, 1}, 0, 143},
      {{.repeats_row = true}, {15, 5, 0, 1}, 0, 30},
      {{.repeats_head = true}, {20, 0, 5, 1}, 0, 40},
      {{.repeats_batch = true}, {0, 20, 5, 1}, 0, 60},
      {{.heads_inner = true, .repeats_head = true}, {20, 0, 5, 1}, 0, 40},
      {{.repeats_row = true, .repeats_head = true, .repeats_batch = true}, {0, 0, 0, 1}, 0, 5},
      {{.rows_backward = true, .cols_backward = true}, {60, 20, -5, -1}, 19, 120},
  };
  for (const auto& form : kForms) {
    const Extent extent = QOf(form.layout);
    EXPECT_EQ(extent.strides, form.strides);
    EXPECT_EQ(extent.lead, form.lead);
    EXPECT_EQ(extent.reach, form.reach);
  }
  EXPECT_EQ(QOf({}, 32).strides, (Strides{96, 32, 8, 1}));
  EXPECT_EQ(QOf({.columns_outer = true}, 32).strides, (Strides{384, 128, 8, 25}));
  EXPECT_EQ(QOf({.heads_inner = true}, 32).strides, (Strides{96, 8, 24, 1}));
}

TEST(LayoutTest, EveryEntryOfAttentionHasAPlaceOfItsOwnWithinTheReach) {
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    const Case c = AnyAttention(seed);
    const auto check = [&](Role role) {
      const std::size_t alignment = std::size_t{1} << (seed % 7);
      const Extent extent = ExtentOf(c, role, alignment);
      const Layout& layout = LayoutOf(c, role);
      const auto [batches, heads, rows, cols] = DimsOf(c, role);
      const std::size_t bytes = BytesOf(ElementOf(c, role));
      std::set<std::ptrdiff_t> places;
      for (std::size_t k = 0; k < ShapeOf(c, role).size(); ++k) {
        const std::size_t index[] = {k / cols / rows / heads, k / cols / rows % heads, k / cols % rows, k % cols};
        auto at = static_cast<std::ptrdiff_t>(extent.lead);
        for (std::size_t d = 0; d < 4; ++d) at += static_cast<std::ptrdiff_t>(index[d]) * extent.strides[d];
        places.insert(at);
        if (index[3] == 0 && AxesOf(c, role)[3] != Axis::kOne && !layout.cols_backward && !layout.rows_backward) {
          ASSERT_EQ(static_cast<std::size_t>(at) * bytes % alignment, 0) << seed << " " << RoleName(role);
        }
      }
      const std::size_t distinct = (layout.repeats_batch ? std::min<std::size_t>(1, batches) : batches) *
                                   (layout.repeats_head ? std::min<std::size_t>(1, heads) : heads) *
                                   (layout.repeats_row ? std::min<std::size_t>(1, rows) : rows) * cols;
      ASSERT_EQ(places.size(), distinct) << seed << " " << RoleName(role);
      if (places.empty()) {
        ASSERT_EQ(extent.reach, 0);
      } else {
        ASSERT_EQ(*places.begin(), 0) << seed;
        ASSERT_EQ(*places.rbegin() + 1, static_cast<std::ptrdiff_t>(extent.reach)) << seed;
      }
    };
    for (const Role role : OutputsOf(c)) check(role);
    ForEachInput(c, [&](Role role, const Operand&) { check(role); });
  }
}

TEST(LayoutTest, RefusesWhatCannotBeAddressed) {
  EXPECT_THROW(OutOf({.gap = SIZE_MAX}), std::invalid_argument);
  EXPECT_THROW(OutOf({.step = SIZE_MAX}), std::invalid_argument);
  EXPECT_THROW(OutOf({.step = SIZE_MAX / 8, .columns_outer = true}), std::invalid_argument);
  EXPECT_THROW(OutOf({.gap = SIZE_MAX / 8}), std::invalid_argument);
}

}  // namespace
}  // namespace assay::subjects
