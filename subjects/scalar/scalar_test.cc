// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "subjects/registry.h"
#include "subjects/subject.h"
#include "subjects/testing.h"

namespace assay::subjects {
namespace {

constexpr std::uint32_t kNan = 0x7FC00000;
constexpr float kInf = INFINITY;

class ScalarTest : public testing::Test {
 protected:
  RunResult Run(const Case& c) { return subject_->Run(c); }
  std::vector<float> Probs(const Case& c) { return Run(c).probs; }
  std::vector<std::uint32_t> ProbBits(const Case& c) { return Bits(Probs(c)); }

  std::unique_ptr<Subject> subject_ = InProcess(*FindBuiltIn("scalar")->table);
};

std::vector<std::uint32_t> Repeat(std::size_t n, std::uint32_t bits) { return std::vector<std::uint32_t>(n, bits); }

TEST_F(ScalarTest, GivesKnownValues) {
  EXPECT_EQ(Probs(DenseCase(1, 4, {7, 7, 7, 7})), std::vector<float>(4, 0.25F));
  EXPECT_EQ(Probs(DenseCase(1, 1, {-3e38F})), std::vector<float>{1.0F});
  // The logistic function of 1, to 20 digits: 0.73105857863000487925.
  EXPECT_EQ(Probs(DenseCase(1, 2, {1, 0})), (std::vector<float>{0.73105857863000487925F, 0.26894142136999512075F}));
  // e^-100 is subnormal in float.
  EXPECT_EQ(Probs(DenseCase(1, 2, {0, -100}))[1], static_cast<float>(3.7200759760208359630e-44));
}

TEST_F(ScalarTest, TakesTemperatureToItsLimits) {
  Case c = DenseCase(1, 4, {1, 3, -kInf, 3});
  c.temperature = 2;
  const double sum = 2 + std::exp(-1.0);
  EXPECT_EQ(Probs(c)[1], static_cast<float>(1 / sum));
  for (const double zero : {0.0, -0.0, std::numeric_limits<double>::denorm_min(), 1e-300}) {
    c.temperature = zero;
    EXPECT_EQ(Probs(c), (std::vector<float>{0, 0.5F, 0, 0.5F})) << zero;
  }
  c.temperature = kInf;
  EXPECT_EQ(Probs(c), (std::vector<float>{1 / 3.0F, 1 / 3.0F, 0, 1 / 3.0F}));
}

TEST_F(ScalarTest, LeavesOutWhatIsMasked) {
  Case c = DenseCase(1, 4, {1, std::nanf("7"), kInf, 1});
  c.has_mask = true;
  c.mask = {1, 0, 0, 255};
  EXPECT_EQ(ProbBits(c), Bits({0.5F, 0.0F, 0.0F, 0.5F}));
}

TEST_F(ScalarTest, MakesWholeRowsNan) {
  EXPECT_EQ(ProbBits(DenseCase(1, 3, {1, -std::nanf("7"), -kInf})), Repeat(3, kNan));
  EXPECT_EQ(ProbBits(DenseCase(1, 3, {1, kInf, 2})), Repeat(3, kNan));
  const auto rows = ProbBits(DenseCase(3, 1, {5, kInf, 6}));
  EXPECT_EQ(rows, Bits({1.0F, std::bit_cast<float>(kNan), 1.0F}));
}

TEST_F(ScalarTest, FollowsTheConventionOfEmptyRows) {
  Case c = DenseCase(1, 2, {-kInf, -kInf});
  EXPECT_EQ(ProbBits(c), Repeat(2, kNan));
  c.empty_row = ASSAY_EMPTY_ROW_ZERO;
  EXPECT_EQ(ProbBits(c), Repeat(2, 0));
  c.has_mask = true;
  c.mask = {0, 1};
  c.empty_row = ASSAY_EMPTY_ROW_AUTO;
  EXPECT_EQ(ProbBits(c), Repeat(2, 0));
  c.empty_row = ASSAY_EMPTY_ROW_NAN;
  EXPECT_EQ(ProbBits(c), Repeat(2, kNan));
}

TEST_F(ScalarTest, IsTheSameInPlaceAndBetweenGaps) {
  Case c = NormalCase(4, 9, 3);
  const auto want = ProbBits(c);
  c.logits_gap = 3;
  c.probs_gap = 1;
  EXPECT_EQ(ProbBits(c), want);
  c.in_place = true;
  const RunResult result = Run(c);
  EXPECT_EQ(Bits(result.probs), want);
  EXPECT_TRUE(result.outside_intact);
}

TEST_F(ScalarTest, RefusesBadArguments) {
  Case c = DenseCase(1, 2, {0, 0});
  for (const double bad : {-1.0, -kInf * 1.0, std::nan("")}) {
    c.temperature = bad;
    const RunResult result = Run(c);
    EXPECT_EQ(result.status, ASSAY_BAD_TEMPERATURE);
    EXPECT_EQ(Bits(result.probs), Repeat(2, 0xA5A5A5A5));
  }
  float buffer[8] = {};
  assay_softmax_args good = {};
  good.struct_size = sizeof good;
  good.logits = buffer;
  good.probs = buffer + 4;
  good.rows = 2;
  good.cols = good.logits_row_stride = good.probs_row_stride = 2;
  good.temperature = 1;
  const auto status = [&](auto change) {
    assay_softmax_args args = good;
    change(&args);
    return FindBuiltIn("scalar")->table->softmax(&args);
  };
  using Args = assay_softmax_args;
  EXPECT_EQ(status([](Args*) {}), ASSAY_OK);
  EXPECT_EQ(status([](Args* a) { a->struct_size = 8; }), ASSAY_BAD_STRUCT);
  EXPECT_EQ(status([](Args* a) { a->probs_row_stride = 1; }), ASSAY_BAD_SHAPE);
  EXPECT_EQ(status([](Args* a) { a->rows = SIZE_MAX / 4; }), ASSAY_BAD_SHAPE);
  EXPECT_EQ(status([](Args* a) { a->dtype = 9; }), ASSAY_BAD_ENUM);
  EXPECT_EQ(status([](Args* a) { a->empty_row = -1; }), ASSAY_BAD_ENUM);
  EXPECT_EQ(status([](Args* a) { a->probs = nullptr; }), ASSAY_NULL_POINTER);
  EXPECT_EQ(status([](Args* a) { a->probs = nullptr, a->rows = 0; }), ASSAY_OK);
  EXPECT_EQ(status([&](Args* a) { a->probs = buffer + 3; }), ASSAY_OVERLAP);
  EXPECT_EQ(status([&](Args* a) { a->probs = buffer, a->probs_row_stride = 3; }), ASSAY_OVERLAP);
  EXPECT_EQ(status([&](Args* a) { a->mask = reinterpret_cast<std::uint8_t*>(buffer + 7); }), ASSAY_OVERLAP);
}

TEST_F(ScalarTest, ServesEmptyShapes) {
  EXPECT_EQ(Run(DenseCase(0, 3, {})).status, ASSAY_OK);
  EXPECT_EQ(Run(DenseCase(3, 0, {})).status, ASSAY_OK);
}

}  // namespace
}  // namespace assay::subjects
