// SPDX-License-Identifier: Apache-2.0
//
// What a difference between two results is worth, and which of two judgements stays.

#include "properties/judging.h"

#include <gtest/gtest.h>

namespace assay::properties {
namespace {

using subjects::Element;

Case TwoEntries() {
  Case c = subjects::MakeCase(ASSAY_SOFTMAX, ASSAY_F32, 1, 2);
  c.logits.values.Set(1, 1);
  return c;
}

TEST(JudgingTest, SameBitsMeansZerosOfOneSignAndAnyNaN) {
  const Case c = TwoEntries();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Array a(Element::kF32, {0, nan});
  EXPECT_EQ(SameBitsOrViolated(c, a, "here", a, "there").verdict, Verdict::kHolds);
  const Judgement judgement = SameBitsOrViolated(c, a, "here", Array(Element::kF32, {-0.0, nan}), "there");
  EXPECT_EQ(judgement.verdict, Verdict::kViolated);
  EXPECT_EQ(judgement.witness->col, 0u);
}

TEST(JudgingTest, AgreementAllowsBothBounds) {
  const Case c = TwoEntries();
  const std::vector<Bound> bounds = {{0, 0x1p-10}, {0, kInf}};
  const auto judge = [&](double x, double y) {
    return AgreeWithin(c, Array(Element::kF32, {0.5, x}), bounds, "a", Array(Element::kF32, {y, 3}), bounds, "b");
  };
  EXPECT_EQ(judge(3, 0.5 + 0x1p-9).verdict, Verdict::kHolds);
  EXPECT_EQ(judge(3, 0.5 + 0x1p-9).severity, 1);
  EXPECT_EQ(judge(3, 0.5 + 0x1.1p-9).verdict, Verdict::kViolated);
  EXPECT_EQ(judge(3, kInf).severity, kInf);
  EXPECT_EQ(judge(7, 0.5).verdict, Verdict::kHolds) << "nothing is promised about the second entry";
}

TEST(JudgingTest, AViolationOutlivesWhatFollows) {
  Judgement worst;
  KeepWorse(&worst, NotApplicable("no"));
  EXPECT_EQ(worst.verdict, Verdict::kNotApplicable);
  KeepWorse(&worst, {Verdict::kUndecided, "?", 0, std::nullopt});
  KeepWorse(&worst, Violated("small", 2));
  KeepWorse(&worst, Violated("large", 5));
  KeepWorse(&worst, Violated("middle", 3));
  KeepWorse(&worst, {});
  EXPECT_EQ(worst.verdict, Verdict::kViolated);
  EXPECT_EQ(worst.reason, "large");
}

TEST(JudgingTest, ARowsShapeCountsTheVisible) {
  Case c = subjects::MakeCase(ASSAY_SOFTMAX, ASSAY_F32, 1, 4);
  c.logits.values = Array(Element::kF32, {2, 9, -kInf, 4});
  subjects::Give(c, Role::kMask);
  c.mask.values.SetBits(1, 0);
  c.temperature = 0.5;
  const RowShape shape = ShapeOfRow(c, 0);
  EXPECT_EQ(shape.visible, 2u);
  EXPECT_EQ(shape.max, 8);
  EXPECT_FALSE(shape.special);
  EXPECT_EQ(ScoreAt(c, 0, 0), 4);
  c.logits.values.Set(3, kInf);
  EXPECT_TRUE(ShapeOfRow(c, 0).special);
}

}  // namespace
}  // namespace assay::properties
