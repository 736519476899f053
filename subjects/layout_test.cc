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

TEST(LayoutTest, RefusesWhatCannotBeAddressed) {
  EXPECT_THROW(OutOf({.gap = SIZE_MAX}), std::invalid_argument);
  EXPECT_THROW(OutOf({.step = SIZE_MAX}), std::invalid_argument);
  EXPECT_THROW(OutOf({.step = SIZE_MAX / 8, .columns_outer = true}), std::invalid_argument);
  EXPECT_THROW(OutOf({.gap = SIZE_MAX / 8}), std::invalid_argument);
}

}  // namespace
}  // namespace assay::subjects
