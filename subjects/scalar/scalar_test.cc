// SPDX-License-Identifier: Apache-2.0
//
// The contract of assay.h that needs no oracle, held against both references, in every operation and type.

#include "subjects/scalar/scalar.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "subjects/scalar/testing.h"

namespace assay::subjects {
namespace {

constexpr double kInf = HUGE_VAL;
const double kNan = std::nan("");
constexpr assay_dtype kDtypes[] = {ASSAY_F32, ASSAY_F64, ASSAY_F16, ASSAY_BF16};

std::vector<assay_op> AllOps() {
  std::vector<assay_op> ops;
  for (int op = 0; op < ASSAY_NUM_ROW_OPS; ++op) ops.push_back(static_cast<assay_op>(op));
  return ops;
}

bool HasSameShape(assay_op op) { return op != ASSAY_LOGSUMEXP && op != ASSAY_CROSS_ENTROPY; }

TestCall RowCall(assay_op op, std::vector<double> logits, double temperature = 1) {
  TestCall c;
  c.op = op;
  c.cols = logits.size();
  c.logits = std::move(logits);
  c.temperature = temperature;
  return c;
}

TestCall Backward(assay_op op, std::vector<double> saved, std::vector<double> upstream) {
  TestCall c = RowCall(op, {});
  c.cols = saved.size();
  c.saved = std::move(saved);
  c.upstream = std::move(upstream);
  return c;
}

class ReferenceTest : public testing::TestWithParam<const char*> {
 protected:
  std::vector<double> Out(const TestCall& c) {
    const TestResult result = CallTable(GetParam(), c);
    EXPECT_EQ(result.status, ASSAY_OK);
    EXPECT_TRUE(result.outside_intact);
    return result.out;
  }

  // Equal numbers, NaN equal to NaN, +0 not equal to -0; `units` ulps of a float apart at most.
  void ExpectRow(const std::vector<double>& got, const std::vector<double>& want, double units = 0) {
    ASSERT_EQ(got.size(), want.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      SCOPED_TRACE("entry " + std::to_string(i));
      if (std::isnan(want[i])) {
        EXPECT_TRUE(std::isnan(got[i])) << got[i];
      } else if (std::isinf(want[i]) || want[i] == 0) {
        EXPECT_EQ(got[i], want[i]);
        EXPECT_FALSE(want[i] == 0 && std::signbit(got[i]));
      } else {
        EXPECT_NEAR(got[i], want[i], std::fabs(want[i]) * (0x1p-24 + units * 0x1p-23));
      }
    }
  }
};

INSTANTIATE_TEST_SUITE_P(Both, ReferenceTest, testing::Values("scalar", "textbook"),
                         [](const auto& one) { return std::string(one.param); });

TEST_P(ReferenceTest, GivesKnownValues) {
  ExpectRow(Out(RowCall(ASSAY_SOFTMAX, {7, 7, 7, 7})), {0.25, 0.25, 0.25, 0.25});
  // The logistic function of 1, to 20 digits: 0.73105857863000487925; its logarithm -0.31326168751822283405.
  ExpectRow(Out(RowCall(ASSAY_SOFTMAX, {1, 0})), {0.73105857863000487925, 0.26894142136999512075}, 1);
  ExpectRow(Out(RowCall(ASSAY_SIGMOID, {1, -1, 0})), {0.73105857863000487925, 0.26894142136999512075, 0.5}, 1);
  ExpectRow(Out(RowCall(ASSAY_LOG_SOFTMAX, {1, 0})), {-0.31326168751822283405, -1.31326168751822283405}, 2);
  ExpectRow(Out(RowCall(ASSAY_LOGSUMEXP, {1, 0})), {1.31326168751822283405}, 1);
  ExpectRow(Out(RowCall(ASSAY_SPARSEMAX, {1, 0.5, -3})), {0.75, 0.25, 0});
  ExpectRow(Out(Backward(ASSAY_SOFTMAX_BACKWARD, {0.5, 0.5, 0}, {1, 2, kNan})), {-0.25, 0.25, 0});
  ExpectRow(Out(Backward(ASSAY_LOG_SOFTMAX_BACKWARD, {0, -kInf}, {3, kNan})), {0, 0});
  ExpectRow(Out(Backward(ASSAY_SPARSEMAX_BACKWARD, {0.5, 0.5, 0}, {1, 2, kInf})), {-0.5, 0.5, 0});
}

TEST_P(ReferenceTest, GivesKnownLosses) {
  TestCall c = RowCall(ASSAY_CROSS_ENTROPY, {1, 0, 2, 2});
  c.rows = 2;
  c.cols = 2;
  c.labels = {1, 0};
  const double first = 1.31326168751822283405;
  const double second = 0.69314718055994530942;
  ExpectRow(Out(c), {first, second}, 2);
  c.reduction = ASSAY_REDUCTION_SUM;
  ExpectRow(Out(c), {first + second}, 2);
  c.reduction = ASSAY_REDUCTION_MEAN;
  ExpectRow(Out(c), {(first + second) / 2}, 2);
  c.has_ignore_index = true;
  c.ignore_index = -100;
  c.labels = {-100, 0};
  ExpectRow(Out(c), {second}, 2);
  c.op = ASSAY_CROSS_ENTROPY_BACKWARD;
  c.upstream = {3};
  ExpectRow(Out(c), {0, 0, -1.5, 1.5}, 1);
  c.labels = {-100, -100};
  ExpectRow(Out(c), {0, 0, 0, 0});
  c.op = ASSAY_CROSS_ENTROPY;
  c.upstream = {};
  ExpectRow(Out(c), {kNan});
  c.reduction = ASSAY_REDUCTION_SUM;
  ExpectRow(Out(c), {0});
}

TEST_P(ReferenceTest, SmoothsOverTheVisibleClasses) {
  TestCall c = RowCall(ASSAY_CROSS_ENTROPY_BACKWARD, {5, 5, kNan});
  c.labels = {0};
  c.mask = {1, 1, 0};
  c.label_smoothing = 0.5;  // t = 0.75, 0.25
  ExpectRow(Out(c), {-0.25, 0.25, 0}, 1);
  c.op = ASSAY_CROSS_ENTROPY;
  ExpectRow(Out(c), {0.69314718055994530942}, 2);
  c.labels = {2};
  ExpectRow(Out(c), {kInf});
  c.label_smoothing = 1;
  ExpectRow(Out(c), {0.69314718055994530942}, 2);
}

TEST_P(ReferenceTest, GivesNanForBadTargetsAndZeroForNoneOfThem) {
  TestCall c = RowCall(ASSAY_CROSS_ENTROPY, {1, 2, 3});
  for (const double bad : {-1.0, kNan, kInf}) {
    c.targets = {0.5, bad, 0};
    ExpectRow(Out(c), {kNan});
  }
  c.targets = {0, 0, 0};
  ExpectRow(Out(c), {0});
  c.logits = {-kInf, -kInf, -kInf};
  ExpectRow(Out(c), {0});
  c.targets = {0, 1, 0};
  ExpectRow(Out(c), {kInf});
  c.op = ASSAY_CROSS_ENTROPY_BACKWARD;
  ExpectRow(Out(c), {0, 0, 0});
}

TEST_P(ReferenceTest, TakesTemperatureToItsLimits) {
  TestCall c = RowCall(ASSAY_SOFTMAX, {1, 3, -kInf, 3});
  for (const double zero : {0.0, -0.0, std::numeric_limits<double>::denorm_min(), 1e-300}) {
    c.temperature = zero;
    ExpectRow(Out(c), {0, 0.5, 0, 0.5});
  }
  c.temperature = kInf;
  ExpectRow(Out(c), {1 / 3.0, 1 / 3.0, 0, 1 / 3.0});
  c.temperature = 1e300;
  ExpectRow(Out(c), {1 / 3.0, 1 / 3.0, 0, 1 / 3.0});
  c.op = ASSAY_SPARSEMAX;
  ExpectRow(Out(c), {1 / 3.0, 1 / 3.0, 0, 1 / 3.0});
  c.temperature = 0;
  ExpectRow(Out(c), {0, 0.5, 0, 0.5});
  c.bias = {50, 1, 0, 1.5};
  ExpectRow(Out(c), {0, 0.25, 0, 0.75});
  c.op = ASSAY_LOG_SOFTMAX;
  c.bias = {50, 1, 0, 1};
  ExpectRow(Out(c), {-kInf, -0.69314718055994530942, -kInf, -0.69314718055994530942}, 1);
}

TEST_P(ReferenceTest, FollowsTheConventionOfEmptyRows) {
  for (const assay_op op : {ASSAY_SOFTMAX, ASSAY_LOG_SOFTMAX, ASSAY_SPARSEMAX}) {
    const double none = op == ASSAY_LOG_SOFTMAX ? -kInf : 0;
    TestCall c = RowCall(op, {-kInf, -kInf});
    ExpectRow(Out(c), {kNan, kNan});
    c.empty_row = ASSAY_EMPTY_ROW_ZERO;
    ExpectRow(Out(c), {none, none});
    c.empty_row = ASSAY_EMPTY_ROW_AUTO;
    c.mask = {1, 0};
    c.logits = {-kInf, 1};
    ExpectRow(Out(c), {none, none});
    c.empty_row = ASSAY_EMPTY_ROW_NAN;
    ExpectRow(Out(c), {kNan, kNan});
  }
  ExpectRow(Out(RowCall(ASSAY_LOGSUMEXP, {-kInf, -kInf})), {-kInf});
  TestCall none = RowCall(ASSAY_LOGSUMEXP, {});
  none.rows = 2;
  ExpectRow(Out(none), {-kInf, -kInf});
}

TEST_P(ReferenceTest, GivesSpecialValuesTheirRows) {
  for (const assay_op op : {ASSAY_SOFTMAX, ASSAY_LOG_SOFTMAX, ASSAY_SPARSEMAX}) {
    for (const double bad : {kNan, kInf}) {
      for (const double temperature : {0.0, 1.0, kInf}) {
        ExpectRow(Out(RowCall(op, {1, bad, -kInf}, temperature)), {kNan, kNan, kNan});
      }
    }
    TestCall c = RowCall(op, {3, kNan, kInf, kNan});
    c.mask = {255, 0, 0, 1};
    c.bias = {0.5, kNan, kInf, -kInf};
    const double no_mass = op == ASSAY_LOG_SOFTMAX ? -kInf : 0;
    const double one = op == ASSAY_LOG_SOFTMAX ? 0 : 1;
    ExpectRow(Out(c), {one, no_mass, no_mass, no_mass});
  }
  ExpectRow(Out(RowCall(ASSAY_LOGSUMEXP, {1, kInf})), {kInf});
  ExpectRow(Out(RowCall(ASSAY_LOGSUMEXP, {kNan, kInf})), {kNan});
  ExpectRow(Out(RowCall(ASSAY_SIGMOID, {kNan, kInf, -kInf, -1000, 1000})), {kNan, 1, 0, 0, 1});
  ExpectRow(Out(RowCall(ASSAY_SIGMOID, {2, -2, 0}, 0)), {1, 0, 0.5});
}

TEST_P(ReferenceTest, LetsGradientsIgnoreWhatHasNoMass) {
  for (const double bad : {kNan, kInf}) {
    ExpectRow(Out(Backward(ASSAY_SOFTMAX_BACKWARD, {0.5, 0, 0.5}, {bad, 1, 1})), {kNan, 0, kNan});
    ExpectRow(Out(Backward(ASSAY_LOG_SOFTMAX_BACKWARD, {-1, -kInf}, {bad, 1})), {kNan, 0});
    ExpectRow(Out(Backward(ASSAY_SPARSEMAX_BACKWARD, {0.5, 0, 0.5}, {bad, 1, 1})), {kNan, 0, kNan});
  }
  ExpectRow(Out(Backward(ASSAY_SOFTMAX_BACKWARD, {kNan, 0}, {1, 1})), {kNan, 0});
}

TEST_P(ReferenceTest, IsTheSameInPlaceAndWithAnyStrides) {
  for (const assay_op op : AllOps()) {
    for (const assay_dtype dtype : kDtypes) {
      SCOPED_TRACE(std::to_string(op) + " in type " + std::to_string(dtype));
      TestCall c = Benign(op, dtype, 4, 9, 3);
      const std::vector<double> want = Out(c);
      if (HasSameShape(op)) {
        TestCall in_place = c;
        in_place.change = [&](assay_row_args& args) {
          const assay_const_matrix& in = IsActivationBackward(op) ? args.upstream : args.logits;
          args.out = {const_cast<void*>(in.data), in.row_stride, in.col_stride};
        };
        EXPECT_EQ(Out(in_place), want);
        // Both columns outermost and rows backwards: entry [i, j] at 4 j + 3 - i.
        TestCall turned = c;
        turned.change = [&](assay_row_args& args) {
          auto* start = static_cast<char*>(args.out.data) + 3 * BytesOf(dtype);
          args.out = {start, -1, 4};
        };
        EXPECT_EQ(CallTable(GetParam(), turned).out, want);
      }
      TestCall repeated = c;
      repeated.change = [&](assay_row_args& args) { args.logits.row_stride = args.upstream.row_stride = 0; };
      if (op != ASSAY_LOG_SOFTMAX_BACKWARD && !IsCrossEntropy(op) && !IsActivationBackward(op)) {
        const std::vector<double> got = Out(repeated);
        for (std::size_t i = 0; i < got.size(); ++i) EXPECT_EQ(got[i], want[i % (want.size() / 4)]);
      }
    }
  }
}

TEST_P(ReferenceTest, RefusesBadArgumentsInEveryOperation) {
  for (const assay_op op : AllOps()) {
    SCOPED_TRACE(op);
    const TestCall good = Benign(op, ASSAY_F32, 2, 8, 1);
    const auto after = [&](std::function<void(assay_row_args&)> change) {
      TestCall c = good;
      c.change = std::move(change);
      return CallTable(GetParam(), c).status;
    };
    const float other[64] = {};
    EXPECT_EQ((FindBuiltIn(GetParam())->table->*KernelOf(op)).run(nullptr), ASSAY_NULL_POINTER);
    EXPECT_EQ(after([](auto& a) { a.struct_size = 8; }), ASSAY_BAD_STRUCT);
    EXPECT_EQ(after([](auto& a) { a.dtype = 4; }), ASSAY_BAD_ENUM);
    EXPECT_EQ(after([](auto& a) { a.empty_row = 3; }), ASSAY_BAD_ENUM);
    EXPECT_EQ(after([](auto& a) { a.reduction = -1; }), ASSAY_BAD_ENUM);
    EXPECT_EQ(after([](auto& a) { a.temperature = -1; }), ASSAY_BAD_TEMPERATURE);
    EXPECT_EQ(after([](auto& a) { a.temperature = std::nan(""); }), ASSAY_BAD_TEMPERATURE);
    const bool limit = op == ASSAY_SOFTMAX || op == ASSAY_LOG_SOFTMAX || op == ASSAY_SIGMOID || op == ASSAY_SPARSEMAX;
    EXPECT_EQ(after([](auto& a) { a.temperature = 0; }), limit ? ASSAY_OK : ASSAY_BAD_TEMPERATURE);
    EXPECT_EQ(after([](auto& a) { a.label_smoothing = 1.5; }), ASSAY_BAD_PARAMETER);
    EXPECT_EQ(after([&](auto& a) { (IsActivationBackward(op) ? a.logits : a.saved).data = other; }),
              ASSAY_BAD_PARAMETER);
    EXPECT_EQ(after([&](auto& a) { (op == ASSAY_CROSS_ENTROPY_BACKWARD ? a.saved : a.targets).data = other; }),
              ASSAY_BAD_PARAMETER);
    EXPECT_EQ(after([](auto& a) { a.rows = SIZE_MAX; }), ASSAY_BAD_SHAPE);
    EXPECT_EQ(after([](auto& a) { a.out.row_stride = 0; }), ASSAY_BAD_SHAPE);
    EXPECT_EQ(after([](auto& a) { a.out.data = nullptr; }), ASSAY_NULL_POINTER);
    EXPECT_EQ(after([&](auto& a) { (IsActivationBackward(op) ? a.upstream : a.logits).data = nullptr; }),
              ASSAY_NULL_POINTER);
    EXPECT_EQ(after([&](auto& a) {
                const assay_const_matrix& in = IsActivationBackward(op) ? a.saved : a.logits;
                a.out.data = const_cast<float*>(static_cast<const float*>(in.data)) + 15;
              }),
              ASSAY_OVERLAP);
    if (IsCrossEntropy(op)) {
      TestCall c = good;
      c.labels[1] = 8;
      EXPECT_EQ(CallTable(GetParam(), c).status, ASSAY_BAD_LABEL);
      c.labels[1] = -1;
      EXPECT_EQ(CallTable(GetParam(), c).status, ASSAY_BAD_LABEL);
      c.has_ignore_index = true;
      c.ignore_index = -1;
      EXPECT_EQ(CallTable(GetParam(), c).status, ASSAY_OK);
      EXPECT_EQ(after([](auto& a) { a.labels.data = nullptr; }), ASSAY_NULL_POINTER);
    }
  }
}

// The f64 results, rounded once more, are within the f32 claim; so is every other type.
TEST(ScalarTest, AgreesWithItselfInWiderTypes) {
  for (const assay_op op : AllOps()) {
    for (const assay_dtype dtype : kDtypes) {
      TestCall c = Benign(op, dtype, 3, 40, 17);
      for (double& x : c.logits) x = RoundNumber(dtype, x * 8);
      c.temperature = 0.7;
      const std::vector<double> got = CallTable("scalar", c).out;
      c.dtype = ASSAY_F64;
      const std::vector<double> want = CallTable("scalar", c).out;
      for (std::size_t i = 0; i < got.size(); ++i) {
        EXPECT_EQ(got[i], RoundNumber(dtype, want[i])) << op << " " << dtype << " at " << i;
      }
    }
  }
}

// z = x / T + b where the two parts cancel: differences of a few units are left of 1e30.
TEST(ScalarTest, KeepsWhatBiasAndLogitsLeaveOfEachOther) {
  TestCall c = RowCall(ASSAY_SOFTMAX, {0x1p100, 0x1p100 + 0x1p77, 1}, 0x1p-20);
  c.dtype = ASSAY_F64;
  c.bias = {-0x1p120, -0x1p120 - 0x1p97, -0x1p20 + 1};
  const std::vector<double> got = CallTable("scalar", c).out;
  c.logits = {0, 0, 1};
  c.bias = {0, 0, -0x1p20 + 1};
  EXPECT_EQ(got, CallTable("scalar", c).out);
}

TEST(ScalarTest, DecidesTheSupportOfSparsemaxExactly) {
  // tau of the three largest is 1/3 (z - max): the fourth is exactly there in the first row, and above it by 2^-60.
  TestCall c = RowCall(ASSAY_SPARSEMAX, {3, 3, 3, 2}, 3);
  c.dtype = ASSAY_F64;
  EXPECT_EQ(CallTable("scalar", c).out, (std::vector<double>{1 / 3.0, 1 / 3.0, 1 / 3.0, 0}));
  c.logits = {3, 3, 3, 2 + 0x1p-51};
  const std::vector<double> got = CallTable("scalar", c).out;
  EXPECT_EQ(got[3], 0x1p-51 / 4);
}

}  // namespace
}  // namespace assay::subjects
