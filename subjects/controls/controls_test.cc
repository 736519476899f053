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

using Numbers = std::vector<double>;

RunResult RunControl(const std::string& name, const Case& c) { return InProcess(*FindBuiltIn(name)->table)->Run(c); }

Numbers NumbersOf(const Array& array) {
  Numbers numbers;
  for (std::size_t i = 0; i < array.size(); ++i) numbers.push_back(array[i]);
  return numbers;
}

Numbers Probs(const char* name, const std::vector<float>& logits) {
  return NumbersOf(RunControl(name, DenseCase(1, logits.size(), logits)).out);
}

TEST(ControlsTest, UnshiftedOverflowsWhereSoftmaxDoesNot) {
  EXPECT_EQ(Probs("unshifted", {0, 0}), (Numbers{0.5, 0.5}));
  EXPECT_TRUE(std::isnan(Probs("unshifted", {100, 100})[0]));
}

TEST(ControlsTest, LinearLeavesTheSimplex) {
  EXPECT_EQ(Probs("linear", {1, 3}), (Numbers{0.25, 0.75}));
  EXPECT_EQ(Probs("linear", {-1, 2}), (Numbers{-1, 2}));
}

TEST(ControlsTest, HardmaxStaysHardAtEveryTemperature) {
  Case c = DenseCase(1, 3, {1, 2, 2});
  for (const double temperature : {0.0, 1.0, 1e30, HUGE_VAL}) {
    c.temperature = temperature;
    EXPECT_EQ(NumbersOf(RunControl("hardmax", c).out), (Numbers{0, 0.5, 0.5}));
  }
}

TEST(ControlsTest, ReluNormalizedChangesUnderAShift) {
  EXPECT_EQ(Probs("relu_normalized", {-1, 1, 3}), (Numbers{0, 0.25, 0.75}));
  EXPECT_NE(Probs("relu_normalized", {0, 2, 4})[1], 0.25);
}

TEST(ControlsTest, ElementwiseSigmoidDoesNotSumToOne) {
  EXPECT_EQ(Probs("elementwise_sigmoid", {0, 0, 0}), (Numbers{0.5, 0.5, 0.5}));
}

TEST(ControlsTest, AllHonourWhatTheyDeclare) {
  for (const BuiltIn& control : Controls()) {
    Case c = DenseCase(2, 2, {1, 5, 2, 7});
    c.logits.layout.gap = 1;
    c.out.columns_outer = true;
    c.temperature = 0.5;
    Give(c, Role::kMask);
    for (const std::size_t hidden : {1, 2, 3}) c.mask.values.SetBits(hidden, 0);
    const RunResult result = RunControl(control.name, c);
    EXPECT_EQ(result.status, ASSAY_OK);
    const Numbers out = NumbersOf(result.out);
    EXPECT_EQ(Numbers(out.begin() + 1, out.end()), (Numbers{0, 0, 0}));
    EXPECT_TRUE(result.outside_intact && result.inputs_intact);
    c.temperature = NAN;
    EXPECT_EQ(RunControl(control.name, c).status, ASSAY_BAD_TEMPERATURE);
  }
}

}  // namespace
}  // namespace assay::subjects
