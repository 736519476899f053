// SPDX-License-Identifier: Apache-2.0
//
// What a subject owes where it claims nothing: the bound that every other verdict leans on.

#include "properties/judging.h"

#include <gtest/gtest.h>

#include <limits>

namespace assay::properties {
namespace {

TEST(BoundUlpTest, IsTheClaimWhereThereIsOne) {
  subjects::SubjectInfo info;
  info.softmax_f32 = {ASSAY_CLAIM_CORRECTLY_ROUNDED, 0, 0};
  EXPECT_EQ(BoundUlp(info, 100, 50, 1), 0.5);
  info.softmax_f32 = {ASSAY_CLAIM_MAX_ULP, 0, 4};
  EXPECT_EQ(BoundUlp(info, 100, 50, 0.7), 4);
}

TEST(BoundUlpTest, IsTheTextbookBoundWhereThereIsNone) {
  const subjects::SubjectInfo info;
  EXPECT_EQ(BoundUlp(info, 10, 0, 1), 17);
  EXPECT_EQ(BoundUlp(info, 10, 20, 1), 57);
  EXPECT_EQ(BoundUlp(info, 10, 20, 0.7), 117);  // T rounds three times more
}

// A relative error of a share near 0 is no licence: 2^-23 in place of 0 was once within the bound.
TEST(BoundUlpTest, ShrinksWithTheShareBelowTheNormalRange) {
  const subjects::SubjectInfo info;
  EXPECT_LT(BoundUlp(info, 2, 100, 1), 1.01);
  EXPECT_EQ(BoundUlp(info, 2, 1e38, 1), 1);
  EXPECT_EQ(BoundUlp(info, 2, std::numeric_limits<double>::infinity(), 1e-310), 1);
}

}  // namespace
}  // namespace assay::properties
