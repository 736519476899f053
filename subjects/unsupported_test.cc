// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <cmath>

#include "subjects/subject.h"
#include "subjects/testing.h"

namespace assay::subjects {
namespace {

SubjectInfo Without(assay_feature feature) {
  SubjectInfo info;
  info.has_softmax = true;
  info.features = ASSAY_FEATURES_ALL & ~static_cast<std::uint64_t>(feature);
  return info;
}

TEST(WhyUnsupportedTest, NamesTheMissingFeature) {
  const Case plain = NormalCase(2, 5, 1);
  const auto with = [&](auto change) {
    Case c = plain;
    change(&c);
    return c;
  };
  const struct {
    assay_feature feature;
    Case needs;
    const char* why;
  } kNeeds[] = {
      {ASSAY_FEATURE_MASK, with([](Case* c) { c->has_mask = true, c->mask.assign(10, 1); }), "no mask"},
      {ASSAY_FEATURE_TEMPERATURE, with([](Case* c) { c->temperature = 0.5; }), "no temperature"},
      {ASSAY_FEATURE_TEMPERATURE_LIMITS, with([](Case* c) { c->temperature = -0.0; }),
       "no temperature limits (T = 0, T = inf)"},
      {ASSAY_FEATURE_TEMPERATURE_LIMITS, with([](Case* c) { c->temperature = INFINITY; }),
       "no temperature limits (T = 0, T = inf)"},
      {ASSAY_FEATURE_ROW_STRIDE, with([](Case* c) { c->probs_gap = 1; }), "no row strides other than cols"},
      {ASSAY_FEATURE_IN_PLACE, with([](Case* c) { c->in_place = true; }), "not in place"},
      {ASSAY_FEATURE_EMPTY_ROW, with([](Case* c) { c->empty_row = ASSAY_EMPTY_ROW_ZERO; }), "no choice of empty_row"},
      {ASSAY_FEATURE_STATUS, with([](Case* c) { c->temperature = -1; }), "no refusal of bad arguments"},
      {ASSAY_FEATURE_STATUS, with([](Case* c) { c->temperature = NAN; }), "no refusal of bad arguments"},
  };
  for (const auto& need : kNeeds) {
    EXPECT_EQ(WhyUnsupported(Without(need.feature), need.needs), need.why);
    EXPECT_EQ(WhyUnsupported(Without(need.feature), plain), "") << need.why;
    EXPECT_EQ(WhyUnsupported(Without(assay_feature{}), need.needs), "") << need.why;
  }
}

TEST(WhyUnsupportedTest, LetsTheDeclaredConventionPass) {
  Case c = NormalCase(1, 5, 1);
  c.empty_row = ASSAY_EMPTY_ROW_NAN;
  EXPECT_EQ(WhyUnsupported(Without(ASSAY_FEATURE_EMPTY_ROW), c), "");
}

TEST(WhyUnsupportedTest, KnowsThatAlignmentMayNeedStrides) {
  SubjectInfo info = Without(ASSAY_FEATURE_ROW_STRIDE);
  info.alignment_bytes = 32;
  EXPECT_EQ(WhyUnsupported(info, NormalCase(2, 5, 1)), "no row strides other than cols");
  EXPECT_EQ(WhyUnsupported(info, NormalCase(1, 5, 1)), "");
  EXPECT_EQ(WhyUnsupported(info, NormalCase(2, 8, 1)), "");
}

}  // namespace
}  // namespace assay::subjects
