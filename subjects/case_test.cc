// SPDX-License-Identifier: Apache-2.0

#include "subjects/case.h"

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

#include "subjects/testing.h"

namespace assay::subjects {
namespace {

Case Masked() {
  Case c = DenseCase(2, 3, {1, -INFINITY, NAN, 4, INFINITY, 6});
  c.has_mask = true;
  c.mask = {1, 1, 2, 0, 1, 0};
  return c;
}

TEST(CaseTest, SeesWhatIsVisible) {
  const Case c = Masked();
  EXPECT_TRUE(c.Visible(0, 0));
  EXPECT_FALSE(c.Visible(0, 1));
  EXPECT_TRUE(c.Visible(0, 2));
  EXPECT_FALSE(c.Visible(1, 0));
  EXPECT_TRUE(c.Visible(1, 1));
}

TEST(CaseTest, ComparesBitsNotValues) {
  const Case c = Masked();
  EXPECT_TRUE(SameBits(c, c));
  EXPECT_FALSE(c == c);  // NaN
  Case zero = DenseCase(1, 1, {0.0F});
  Case minus_zero = DenseCase(1, 1, {-0.0F});
  EXPECT_TRUE(zero == minus_zero);
  EXPECT_FALSE(SameBits(zero, minus_zero));
  minus_zero = zero;
  minus_zero.temperature = std::nextafter(1.0, 2.0);
  EXPECT_FALSE(SameBits(zero, minus_zero));
  minus_zero = zero;
  minus_zero.origin = "elsewhere";  // no influence on the call
  EXPECT_TRUE(SameBits(zero, minus_zero));
}

TEST(CaseTest, TakesOneRow) {
  Case c = Masked();
  c.probs_gap = 4;
  const Case row = OneRow(c, 1);
  EXPECT_EQ(row.rows, 1);
  EXPECT_EQ(row.logits, (std::vector<float>{4, INFINITY, 6}));
  EXPECT_EQ(row.mask, (std::vector<std::uint8_t>{0, 1, 0}));
  EXPECT_EQ(row.probs_gap, 4);
  EXPECT_NO_THROW(Validate(row));
  EXPECT_THROW(OneRow(c, 2), std::out_of_range);
}

std::string Complaint(const Case& c) {
  try {
    Validate(c);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "none";
}

TEST(CaseTest, NamesWhatContradicts) {
  EXPECT_EQ(Complaint(Masked()), "none");
  EXPECT_EQ(Complaint(DenseCase(0, 5, {})), "none");
  EXPECT_EQ(Complaint(DenseCase(2, 2, {1})), "logits holds 1 elements, rows * cols is 4");
  EXPECT_EQ(Complaint(DenseCase(SIZE_MAX, 2, {})), "rows * cols is too large to be addressed");
  Case c = Masked();
  c.mask.pop_back();
  EXPECT_EQ(Complaint(c), "mask holds 5 elements, expected are 6");
  c = Masked();
  c.has_mask = false;
  EXPECT_EQ(Complaint(c), "mask holds 6 elements, expected are 0");
  c = Masked();
  c.logits_gap = SIZE_MAX;
  EXPECT_EQ(Complaint(c), "logits_gap: rows * (cols + gap) overflows");
  c = Masked();
  c.empty_row = static_cast<assay_empty_row>(3);
  EXPECT_EQ(Complaint(c), "empty_row holds no value of its enumeration");
}

}  // namespace
}  // namespace assay::subjects
