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
  Give(c, Role::kMask);
  c.mask.values = Array(Element::kU8, {1, 1, 2, 0, 1, 0});
  return c;
}

TEST(CaseTest, SeesWhatIsVisible) {
  Case c = Masked();
  EXPECT_TRUE(c.Visible(0, 0));
  EXPECT_FALSE(c.Visible(0, 1));
  EXPECT_TRUE(c.Visible(0, 2));
  EXPECT_FALSE(c.Visible(1, 0));
  EXPECT_TRUE(c.Visible(1, 1));
  Give(c, Role::kBias);
  c.bias.values.Set(0, -INFINITY);
  EXPECT_FALSE(c.Visible(0, 0));
}

TEST(CaseTest, SeesWhereTheSavedProbabilityIsNotZero) {
  const auto visible = [](assay_op op, double saved) {
    Case c = MakeCase(op, ASSAY_F32, 1, 1);
    c.saved.values.Set(0, saved);
    return c.Visible(0, 0);
  };
  EXPECT_FALSE(visible(ASSAY_SOFTMAX_BACKWARD, -0.0));
  EXPECT_TRUE(visible(ASSAY_SOFTMAX_BACKWARD, NAN));
  EXPECT_TRUE(visible(ASSAY_LOG_SOFTMAX_BACKWARD, 0.0));
  EXPECT_FALSE(visible(ASSAY_LOG_SOFTMAX_BACKWARD, -INFINITY));
  EXPECT_TRUE(visible(ASSAY_SPARSEMAX_BACKWARD, 0x1p-149));
  EXPECT_FALSE(visible(ASSAY_SPARSEMAX_BACKWARD, -0.5));
}

TEST(CaseTest, ComparesBitsNotValues) {
  const Case c = Masked();
  EXPECT_TRUE(c == c);
  EXPECT_TRUE(SameBits(c, c));
  const Case zero = DenseCase(1, 1, {0.0F});
  EXPECT_FALSE(SameBits(zero, DenseCase(1, 1, {-0.0F})));
  const auto changed = [&](auto change) {
    Case other = zero;
    change(&other);
    return !SameBits(zero, other);
  };
  EXPECT_TRUE(changed([](Case* other) { other->temperature = std::nextafter(1.0, 2.0); }));
  EXPECT_TRUE(changed([](Case* other) { other->label_smoothing = -0.0; }));
  EXPECT_TRUE(changed([](Case* other) { other->logits.layout.gap = 1; }));
  EXPECT_TRUE(changed([](Case* other) { other->op = ASSAY_SPARSEMAX; }));
  EXPECT_FALSE(changed([](Case* other) { other->origin = "elsewhere"; }));
  EXPECT_FALSE(changed([](Case* other) { other->law_key = 1; }));
  Case nan = zero;
  nan.temperature = NAN;
  EXPECT_TRUE(SameBits(nan, nan));
}

TEST(CaseTest, MakesOrdinaryCasesOfEveryOperation) {
  for (int op = 0; op < ASSAY_NUM_ROW_OPS; ++op) {
    for (int dtype = 0; dtype < ASSAY_NUM_DTYPES; ++dtype) {
      const Case c = MakeCase(static_cast<assay_op>(op), static_cast<assay_dtype>(dtype), 2, 3);
      EXPECT_NO_THROW(Validate(c)) << OpName(c.op);
      int given = 0;
      ForEachInput(c, [&](Role, const Operand&) { ++given; });
      EXPECT_EQ(given, IsLoss(c.op) || IsBackwardOfActivation(c.op) ? 2 : 1) << OpName(c.op);
    }
  }
}

TEST(CaseTest, TakesOneRow) {
  Case c = Masked();
  c.out.gap = 4;
  const Case row = OneRow(c, 1);
  EXPECT_EQ(row.rows, 1);
  EXPECT_EQ(row.logits.values, Array(Element::kF32, {4, INFINITY, 6}));
  EXPECT_EQ(row.mask.values, Array(Element::kU8, {0, 1, 0}));
  EXPECT_EQ(row.out.gap, 4);
  EXPECT_NO_THROW(Validate(row));
  EXPECT_THROW(OneRow(c, 2), std::out_of_range);
}

TEST(CaseTest, TakesTheLabelAndTheUpstreamOfThatRow) {
  Case c = MakeCase(ASSAY_CROSS_ENTROPY_BACKWARD, ASSAY_F64, 3, 4);
  c.labels.values = Array(Element::kI64, {0, 1, 2});
  Give(c, Role::kUpstream);
  c.upstream.values = Array(Element::kF64, {5, 6, 7});
  EXPECT_EQ(OneRow(c, 2).labels.values, Array(Element::kI64, {2}));
  EXPECT_EQ(OneRow(c, 2).upstream.values, Array(Element::kF64, {7}));
  c.reduction = ASSAY_REDUCTION_MEAN;
  c.upstream.values = Array(Element::kF64, {5});
  EXPECT_EQ(OneRow(c, 2).upstream.values, Array(Element::kF64, {5}));
  EXPECT_EQ(OneRow(c, 2).reduction, ASSAY_REDUCTION_MEAN);
}

TEST(CaseTest, TakesOneRowOfAnythingValid) {
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    const Case c = AnyCase(seed);
    ASSERT_NO_THROW(Validate(c)) << seed;
    for (std::size_t row = 0; row < c.rows; ++row) ASSERT_NO_THROW(Validate(OneRow(c, row))) << seed;
  }
}

TEST(CaseTest, KeepsColumnsWithTheirLabels) {
  Case c = MakeCase(ASSAY_CROSS_ENTROPY, ASSAY_F32, 3, 4);
  c.logits.values = Array(Element::kF32, {0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23});
  c.labels.values = Array(Element::kI64, {3, 1, -100});
  c.has_ignore_index = true;
  c.ignore_index = -100;
  const Case kept = KeepColumns(c, [](std::size_t j) { return j != 1; });
  EXPECT_EQ(kept.cols, 3);
  EXPECT_EQ(kept.logits.values, Array(Element::kF32, {0, 2, 3, 10, 12, 13, 20, 22, 23}));
  EXPECT_EQ(kept.labels.values, Array(Element::kI64, {2, 0, -100}));
  EXPECT_NO_THROW(Validate(kept));
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
  const Case loss = MakeCase(ASSAY_CROSS_ENTROPY, ASSAY_F32, 2, 3);
  const Case backward = MakeCase(ASSAY_SOFTMAX_BACKWARD, ASSAY_F32, 2, 3);
  const Case sigmoid = MakeCase(ASSAY_SIGMOID, ASSAY_F32, 2, 3);
  const struct {
    Case base;
    void (*change)(Case*);
    const char* says;
  } kWrong[] = {
      {Masked(), [](Case*) {}, "none"},
      {DenseCase(0, 5, {}), [](Case*) {}, "none"},
      {DenseCase(2, 2, {1}), [](Case*) {}, "logits holds 1 elements, rows x cols asks for 4"},
      {Masked(), [](Case* c) { c->rows = SIZE_MAX; }, "rows * cols is too large to be addressed"},
      {Masked(), [](Case* c) { c->mask.values.Resize(5); }, "mask holds 5 elements, rows x cols asks for 6"},
      {Masked(), [](Case* c) { c->mask.given = false; }, "mask has values but is not given"},
      {Masked(), [](Case* c) { c->logits.layout.gap = SIZE_MAX; },
       "logits: its layout reaches further than can be addressed"},
      {Masked(), [](Case* c) { c->logits.layout.step = 0; }, "logits: its layout has a step of 0; 1 is contiguous"},
      {Masked(), [](Case* c) { c->out.step = 0; }, "out: its layout has a step of 0; 1 is contiguous"},
      {Masked(), [](Case* c) { c->out.repeats_row = true; }, "out: its layout repeats one row; only inputs can"},
      {Masked(), [](Case* c) { c->mask.layout.repeats_row = true; },
       "mask: its layout repeats one row, but row 1 differs from row 0"},
      {DenseCase(2, 1, {3, 3}), [](Case* c) { c->logits.layout.repeats_row = true; }, "none"},
      {DenseCase(2, 1, {3, 3}), [](Case* c) { c->in_place = c->logits.layout.repeats_row = true; },
       "in_place is set, but the layout of that input repeats one row"},
      {Masked(), [](Case* c) { c->dtype = ASSAY_F16; }, "logits is f32, expected is f16"},
      {Masked(), [](Case* c) { c->op = static_cast<assay_op>(15); }, "op holds no value of its enumeration"},
      {Masked(), [](Case* c) { c->empty_row = static_cast<assay_empty_row>(3); },
       "empty_row holds no value of its enumeration"},
      {Masked(), [](Case* c) { c->label_smoothing = 0.1; }, "label_smoothing is set; only losses have it"},
      {Masked(), [](Case* c) { c->reduction = ASSAY_REDUCTION_SUM; }, "reduction is set; only losses are reduced"},
      {Masked(), [](Case* c) { Take(*c, Role::kLogits); }, "logits is not given; softmax reads it"},
      {Masked(), [](Case* c) { Give(*c, Role::kUpstream); }, "upstream is given; softmax does not read it"},
      {sigmoid, [](Case* c) { Give(*c, Role::kBias); }, "none"},
      {sigmoid, [](Case* c) { Give(*c, Role::kMask); }, "mask is given; sigmoid does not read it"},
      {backward, [](Case* c) { Give(*c, Role::kBias); }, "bias is given; softmax_backward does not read it"},
      {backward, [](Case* c) { Take(*c, Role::kUpstream); }, "upstream is not given; softmax_backward reads it"},
      {loss, [](Case* c) { Give(*c, Role::kTargets); }, "labels and targets are given; give one of them"},
      {loss, [](Case* c) { Take(*c, Role::kLabels); }, "neither labels nor targets are given; give one of them"},
      {loss, [](Case* c) { c->labels.values.Resize(1); }, "labels holds 1 elements, rows asks for 2"},
      {loss, [](Case* c) { c->in_place = true; }, "in_place is set; out of cross_entropy has a shape of its own"},
      {loss, [](Case* c) { c->labels.values.Set(0, -7); }, "none"},
      {loss, [](Case* c) { c->temperature = NAN, c->label_smoothing = 7; }, "none"},
      {loss,
       [](Case* c) {
         Take(*c, Role::kLabels);
         Give(*c, Role::kTargets);
         c->has_ignore_index = true;
       },
       "ignore_index is set; only labels can be ignored"},
  };
  for (const auto& wrong : kWrong) {
    Case c = wrong.base;
    wrong.change(&c);
    EXPECT_EQ(Complaint(c), wrong.says);
  }
}

}  // namespace
}  // namespace assay::subjects
