// SPDX-License-Identifier: Apache-2.0
//
// Each control computes what its name says, and breaks its law on a case anybody can check by hand.

#include "subjects/controls/controls.h"

#include <gtest/gtest.h>

#include <cmath>

#include "subjects/registry.h"
#include "subjects/subject.h"
#include "subjects/testing.h"

namespace assay::subjects {
namespace {

RunResult RunControl(const char* name, const Case& c) { return InProcess(*FindBuiltIn(name)->table)->Run(c); }

std::vector<float> Probs(const char* name, std::vector<float> logits) {
  const std::size_t cols = logits.size();
  return RunControl(name, DenseCase(1, cols, std::move(logits))).probs;
}

using Floats = std::vector<float>;

TEST(ControlsTest, NaiveOverflowsWhereSoftmaxDoesNot) {
  EXPECT_EQ(Probs("naive", {0, 0}), (Floats{0.5F, 0.5F}));
  EXPECT_TRUE(std::isnan(Probs("naive", {100, 100})[0]));
}

TEST(ControlsTest, LinearLeavesTheSimplex) {
  EXPECT_EQ(Probs("linear", {1, 3}), (Floats{0.25F, 0.75F}));
  EXPECT_EQ(Probs("linear", {-1, 2}), (Floats{-1, 2}));
}

TEST(ControlsTest, HardmaxStaysHardAtEveryTemperature) {
  Case c = DenseCase(1, 3, {1, 2, 2});
  for (const double temperature : {0.0, 1.0, 1e30, HUGE_VAL}) {
    c.temperature = temperature;
    EXPECT_EQ(RunControl("hardmax", c).probs, (Floats{0, 0.5F, 0.5F}));
  }
}

TEST(ControlsTest, ReluNormalizedChangesUnderAShift) {
  EXPECT_EQ(Probs("relu_normalized", {-1, 1, 3}), (Floats{0, 0.25F, 0.75F}));
  EXPECT_NE(Probs("relu_normalized", {0, 2, 4})[1], 0.25F);
}

TEST(ControlsTest, SigmoidDoesNotSumToOne) { EXPECT_EQ(Probs("sigmoid", {0, 0, 0}), (Floats{0.5F, 0.5F, 0.5F})); }

TEST(ControlsTest, AllHonourWhatTheyDeclare) {
  for (const BuiltIn& control : Controls()) {
    Case c = DenseCase(2, 2, {1, 5, 2, 7});
    c.logits_gap = 1;
    c.temperature = 0.5;
    c.has_mask = true;
    c.mask = {1, 0, 0, 0};
    const RunResult result = RunControl(control.name.c_str(), c);
    EXPECT_EQ(result.status, ASSAY_OK);
    EXPECT_EQ(result.probs[1], 0.0F);
    EXPECT_EQ(Floats(result.probs.begin() + 2, result.probs.end()), (Floats{0, 0}));
    EXPECT_TRUE(result.outside_intact && result.inputs_intact);
    c.temperature = NAN;
    EXPECT_EQ(RunControl(control.name.c_str(), c).status, ASSAY_BAD_TEMPERATURE);
  }
}

}  // namespace
}  // namespace assay::subjects
