// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <cmath>

#include "subjects/subject.h"
#include "subjects/testing.h"

namespace assay::subjects {
namespace {

SubjectInfo With(std::uint64_t features, std::uint32_t dtypes = (1U << ASSAY_NUM_DTYPES) - 1) {
  SubjectInfo info;
  for (OpInfo& op : info.ops) op = {.implemented = true, .dtypes = dtypes, .features = features, .claims = {}};
  return info;
}

SubjectInfo Without(std::uint64_t features) { return With(ASSAY_FEATURES_ALL & ~features); }

template <class Change>
Case Changed(Case c, Change change) {
  change(&c);
  return c;
}

TEST(WhyUnsupportedTest, NamesTheMissingFeature) {
  const Case plain = NormalCase(2, 5, 1);
  const Case loss = MakeCase(ASSAY_CROSS_ENTROPY, ASSAY_F32, 2, 5);
  const auto with = [&](auto change) { return Changed(plain, change); };
  const auto with_loss = [&](auto change) { return Changed(loss, change); };
  const struct {
    std::uint64_t feature;
    Case needs;
    const char* why;
  } kNeeds[] = {
      {ASSAY_FEATURE_MASK, with([](Case* c) { Give(*c, Role::kMask); }), "no mask"},
      {ASSAY_FEATURE_BIAS, with([](Case* c) { Give(*c, Role::kBias); }), "no bias"},
      {ASSAY_FEATURE_TEMPERATURE, with([](Case* c) { c->temperature = 0.5; }), "no temperature"},
      {ASSAY_FEATURE_TEMPERATURE_LIMITS, with([](Case* c) { c->temperature = -0.0; }),
       "no temperature limits (T = 0, T = inf)"},
      {ASSAY_FEATURE_TEMPERATURE_LIMITS, with([](Case* c) { c->temperature = INFINITY; }),
       "no temperature limits (T = 0, T = inf)"},
      {ASSAY_FEATURE_ROW_STRIDE | ASSAY_FEATURE_ANY_STRIDE, with([](Case* c) { c->out.gap = 1; }),
       "no row strides other than cols"},
      {ASSAY_FEATURE_ANY_STRIDE, with([](Case* c) { c->logits.layout.step = 2; }),
       "no strides but positive row strides"},
      {ASSAY_FEATURE_ANY_STRIDE, with([](Case* c) { c->out.columns_outer = true; }),
       "no strides but positive row strides"},
      {ASSAY_FEATURE_ANY_STRIDE, with([](Case* c) { c->out.rows_backward = true; }),
       "no strides but positive row strides"},
      {ASSAY_FEATURE_IN_PLACE, with([](Case* c) { c->in_place = true; }), "not in place"},
      {ASSAY_FEATURE_EMPTY_ROW, with([](Case* c) { c->empty_row = ASSAY_EMPTY_ROW_ZERO; }), "no choice of empty_row"},
      {ASSAY_FEATURE_STATUS, with([](Case* c) { c->temperature = -1; }), "no refusal of bad arguments"},
      {ASSAY_FEATURE_STATUS, with([](Case* c) { c->temperature = NAN; }), "no refusal of bad arguments"},
      {ASSAY_FEATURE_STATUS, with_loss([](Case* c) { c->temperature = 0; }), "no refusal of bad arguments"},
      {ASSAY_FEATURE_STATUS, with_loss([](Case* c) { c->labels.values.Set(1, 5); }), "no refusal of bad arguments"},
      {ASSAY_FEATURE_STATUS, with_loss([](Case* c) { c->labels.values.Set(1, -1); }), "no refusal of bad arguments"},
      {ASSAY_FEATURE_STATUS, with_loss([](Case* c) { c->label_smoothing = 1.5; }), "no refusal of bad arguments"},
      {ASSAY_FEATURE_STATUS, with_loss([](Case* c) { c->label_smoothing = NAN; }), "no refusal of bad arguments"},
      {ASSAY_FEATURE_LABEL_SMOOTHING, with_loss([](Case* c) { c->label_smoothing = 0.1; }), "no label smoothing"},
      {ASSAY_FEATURE_REDUCTION, with_loss([](Case* c) { c->reduction = ASSAY_REDUCTION_MEAN; }), "no reduction"},
      {ASSAY_FEATURE_IGNORE_INDEX,
       with_loss([](Case* c) { c->has_ignore_index = true, c->ignore_index = -100, c->labels.values.Set(0, -100); }),
       "no ignored rows"},
      {ASSAY_FEATURE_PROBABILITY_TARGETS, with_loss([](Case* c) { Take(*c, Role::kLabels), Give(*c, Role::kTargets); }),
       "no probability targets"},
  };
  for (const auto& need : kNeeds) {
    EXPECT_EQ(WhyUnsupported(Without(need.feature), need.needs), need.why);
    EXPECT_EQ(WhyUnsupported(Without(need.feature), IsLoss(need.needs.op) ? loss : plain), "") << need.why;
    EXPECT_EQ(WhyUnsupported(Without(0), need.needs), "") << need.why;
  }
}

TEST(WhyUnsupportedTest, NamesTheMissingOperationAndType) {
  SubjectInfo info = With(0, 1U << ASSAY_F32 | 1U << ASSAY_BF16);
  EXPECT_EQ(WhyUnsupported(info, MakeCase(ASSAY_SIGMOID, ASSAY_F16, 1, 1)), "no f16");
  EXPECT_EQ(WhyUnsupported(info, MakeCase(ASSAY_SIGMOID, ASSAY_BF16, 1, 1)), "");
  info.For(ASSAY_SIGMOID) = {};
  EXPECT_EQ(WhyUnsupported(info, MakeCase(ASSAY_SIGMOID, ASSAY_F32, 1, 1)), "no sigmoid");
}

TEST(WhyUnsupportedTest, ServesGapsByEitherStrideFeature) {
  const Case gap = Changed(NormalCase(2, 5, 1), [](Case* c) { c->out.gap = 1; });
  EXPECT_EQ(WhyUnsupported(Without(ASSAY_FEATURE_ROW_STRIDE), gap), "");
  EXPECT_EQ(WhyUnsupported(Without(ASSAY_FEATURE_ANY_STRIDE), gap), "");
}

TEST(WhyUnsupportedTest, LetsTheDeclaredConventionPass) {
  Case c = NormalCase(1, 5, 1);
  c.empty_row = ASSAY_EMPTY_ROW_NAN;
  EXPECT_EQ(WhyUnsupported(Without(ASSAY_FEATURE_EMPTY_ROW), c), "");
  c = MakeCase(ASSAY_LOGSUMEXP, ASSAY_F32, 1, 5);  // does not read it
  c.empty_row = ASSAY_EMPTY_ROW_ZERO;
  EXPECT_EQ(WhyUnsupported(Without(ASSAY_FEATURE_EMPTY_ROW), c), "");
}

TEST(WhyUnsupportedTest, KnowsThatAlignmentMayNeedStrides) {
  SubjectInfo info = Without(ASSAY_FEATURE_ROW_STRIDE | ASSAY_FEATURE_ANY_STRIDE);
  info.alignment_bytes = 32;
  EXPECT_EQ(WhyUnsupported(info, NormalCase(2, 5, 1)), "no row strides other than cols");
  EXPECT_EQ(WhyUnsupported(info, NormalCase(1, 5, 1)), "");
  EXPECT_EQ(WhyUnsupported(info, NormalCase(2, 8, 1)), "");
  EXPECT_EQ(Supported(NormalCase(2, 5, 1), info).rows, 1);
}

TEST(SupportedTest, LeavesWhatCanBeRun) {
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    const Case c = AnyCase(seed);
    ASSERT_TRUE(SameBits(Supported(c, Without(0)), c)) << seed;
  }
}

TEST(SupportedTest, GivesValidCasesThatCanBeRun) {
  std::size_t changed = 0;
  for (std::uint64_t seed = 0; seed < 20000; ++seed) {
    const Case c = AnyCase(seed);
    Random random(seed, 2);
    SubjectInfo info = With(random.Bits() & random.Bits() & ASSAY_FEATURES_ALL,
                            1 + static_cast<std::uint32_t>(random.Below((1U << ASSAY_NUM_DTYPES) - 1)));
    info.alignment_bytes = std::size_t{1} << random.Below(8);
    const Case supported = Supported(c, info);
    ASSERT_NO_THROW(Validate(supported)) << seed;
    ASSERT_EQ(supported.op, c.op);
    ASSERT_EQ(WhyUnsupported(info, supported), "") << seed;
    ASSERT_TRUE(SameBits(Supported(supported, info), supported)) << seed << ": not idempotent";
    changed += SameBits(supported, c) ? 0 : 1;
    if (WhyUnsupported(info, c).empty()) {
      ASSERT_TRUE(SameBits(supported, c)) << seed;
    }
  }
  EXPECT_GT(changed, 15000);
}

TEST(SupportedTest, KeepsTheMeaningWhereItCan) {
  Case c = MakeCase(ASSAY_CROSS_ENTROPY_BACKWARD, ASSAY_F64, 2, 3);
  Take(c, Role::kLabels);
  Give(c, Role::kTargets);
  c.targets.values = Array(Element::kF64, {0.25, 0.5, 0.25, 0.5, 0.5, 0});
  c.logits.values.Set(0, 0.1);
  c.reduction = ASSAY_REDUCTION_MEAN;
  Give(c, Role::kUpstream);
  c.upstream.values.Set(0, 3);
  c.logits.layout = {.gap = 2, .step = 2, .rows_backward = true};
  const Case plain = Supported(c, With(ASSAY_FEATURE_ROW_STRIDE, 1U << ASSAY_F16));
  EXPECT_EQ(plain.dtype, ASSAY_F16);
  EXPECT_EQ(plain.logits[0], RoundTo(Element::kF16, 0.1));
  EXPECT_EQ(plain.labels.values, Array(Element::kI64, {1, 0}));
  EXPECT_EQ(plain.upstream.values, Array(Element::kF16, {3, 3}));
  EXPECT_EQ(plain.logits.layout, Layout{.gap = 2});
}

}  // namespace
}  // namespace assay::subjects
