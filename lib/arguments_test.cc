// SPDX-License-Identifier: Apache-2.0
//
// What each operation refuses, beyond what softmax_test.cc says of softmax: operands it has not, operands it needs,
// labels, temperatures without a limit, overlap of every input with out; and that nothing is written.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "assay/assay.h"
#include "kernels.h"

namespace assay::internal {
namespace {

constexpr std::size_t kRows = 2;
constexpr std::size_t kCols = 3;

// A valid call of any operation, each operand in its own buffer.
struct ValidCall {
  std::vector<float> logits = std::vector<float>(6, 1.0f);
  std::vector<float> bias = logits, saved = logits, upstream = logits, targets = logits;
  std::vector<std::uint8_t> mask = std::vector<std::uint8_t>(6, 1);
  std::vector<std::int64_t> labels = {0, 2};
  std::vector<float> out = std::vector<float>(6, -7.0f);
  assay_row_args args{};

  explicit ValidCall(assay_op op) {
    args.struct_size = sizeof args;
    args.rows = kRows;
    args.cols = kCols;
    args.temperature = 1;
    if (IsActivationBackward(op)) {
      args.saved = {saved.data(), 3, 1};
      args.upstream = {upstream.data(), 3, 1};
    } else {
      args.logits = {logits.data(), 3, 1};
      args.bias = {bias.data(), 3, 1};
      if (op != ASSAY_SIGMOID) args.mask = {mask.data(), 3, 1};
    }
    if (IsLoss(op)) args.labels = {labels.data(), 1, 1};
    args.out = {out.data(), HasOneColumn(op) ? 1 : 3, 1};
  }
};

std::vector<assay_op> AllOps() {
  std::vector<assay_op> all;
  for (int op = 0; op < ASSAY_NUM_ROW_OPS; ++op) all.push_back(static_cast<assay_op>(op));
  return all;
}

assay_status Ask(assay_op op, const ValidCall& call, const assay_row_args& args) {
  const std::vector<float> before = call.out;
  assay_status first = ASSAY_OK;
  for (int tier = 0; tier < ASSAY_NUM_TIERS; ++tier) {
    const assay_status status = internal::Run(ChosenKernels(), static_cast<assay_tier>(tier), op, &args);
    if (tier == 0) first = status;
    EXPECT_EQ(status, first);
  }
  if (first != ASSAY_OK) {
    EXPECT_EQ(call.out, before) << "written though refused";
  }
  return first;
}

TEST(ArgumentsTest, TakeAValidCallOfEveryOperation) {
  for (const assay_op op : AllOps()) {
    const ValidCall call(op);
    EXPECT_EQ(Ask(op, call, call.args), ASSAY_OK) << op;
  }
}

TEST(ArgumentsTest, RefuseWhatTheOperationHasNot) {
  const float one = 1;
  const std::int64_t label = 0;
  const std::uint8_t shown = 1;
  for (const assay_op op : AllOps()) {
    const bool backward = IsActivationBackward(op);
    const ValidCall call(op);
    const auto refused = [&](auto&& change) {
      assay_row_args args = call.args;
      change(args);
      return Ask(op, call, args) == ASSAY_BAD_PARAMETER;
    };
    EXPECT_EQ(refused([&](auto& a) { a.logits = {&one, 0, 0}; }), backward) << op;
    EXPECT_EQ(refused([&](auto& a) { a.bias = {&one, 0, 0}; }), backward) << op;
    EXPECT_EQ(refused([&](auto& a) { a.mask = {&shown, 0, 0}; }), backward || op == ASSAY_SIGMOID) << op;
    EXPECT_EQ(refused([&](auto& a) { a.saved = {&one, 0, 0}; }), !backward) << op;
    EXPECT_EQ(refused([&](auto& a) { a.upstream = {&one, 0, 0}; }), !backward && op != ASSAY_CROSS_ENTROPY_BACKWARD);
    EXPECT_TRUE(refused([&](auto& a) { a.targets = {&one, 0, 0}; })) << op;  // a loss has labels already
    EXPECT_EQ(refused([&](auto& a) { a.labels = {&label, 0, 0}; }), !IsLoss(op)) << op;
    EXPECT_TRUE(refused([&](auto& a) { a.label_smoothing = 1.5; })) << op;
    EXPECT_TRUE(refused([&](auto& a) { a.label_smoothing = -0x1p-1074; })) << op;
    EXPECT_TRUE(refused([&](auto& a) { a.label_smoothing = std::nan(""); })) << op;
  }
}

TEST(ArgumentsTest, NameANullPointerThatHasElements) {
  for (const assay_op op : AllOps()) {
    const ValidCall call(op);
    const auto status = [&](auto&& change) {
      assay_row_args args = call.args;
      change(args);
      return Ask(op, call, args);
    };
    EXPECT_EQ(status([](auto& a) { a.out.data = nullptr; }), ASSAY_NULL_POINTER) << op;
    if (IsActivationBackward(op)) {
      EXPECT_EQ(status([](auto& a) { a.saved.data = nullptr; }), ASSAY_NULL_POINTER) << op;
      EXPECT_EQ(status([](auto& a) { a.upstream.data = nullptr; }), ASSAY_NULL_POINTER) << op;
    } else {
      EXPECT_EQ(status([](auto& a) { a.logits.data = nullptr; }), ASSAY_NULL_POINTER) << op;
      EXPECT_EQ(status([](auto& a) { a.bias.data = nullptr; }), ASSAY_OK) << op;
    }
    if (IsLoss(op)) {
      EXPECT_EQ(status([](auto& a) { a.labels.data = nullptr; }), ASSAY_NULL_POINTER) << op;
    }
    EXPECT_EQ(internal::Run(ChosenKernels(), ASSAY_TIER_EXACT, op, nullptr), ASSAY_NULL_POINTER);
    // Without elements nothing needs to be there.
    assay_row_args none{};
    none.struct_size = sizeof none;
    none.temperature = 1;
    EXPECT_EQ(internal::Run(ChosenKernels(), ASSAY_TIER_EXACT, op, &none), ASSAY_OK) << op;
    none.rows = 3;
    if (op != ASSAY_LOGSUMEXP) {
      EXPECT_EQ(internal::Run(ChosenKernels(), ASSAY_TIER_EXACT, op, &none), ASSAY_OK) << op;
    }
  }
}

TEST(ArgumentsTest, WriteWhatEmptyCallsGive) {
  assay_row_args args{};
  args.struct_size = sizeof args;
  args.temperature = 1;
  args.rows = 2;
  float out[3] = {-7, -7, -7};
  args.out = {out, 2, 1};
  EXPECT_EQ(assay_logsumexp(&args), ASSAY_OK);
  EXPECT_EQ(out[0], -HUGE_VALF);
  EXPECT_EQ(out[1], -7);
  EXPECT_EQ(out[2], -HUGE_VALF);
  args.reduction = ASSAY_REDUCTION_SUM;
  EXPECT_EQ(assay_cross_entropy(&args), ASSAY_OK);
  EXPECT_EQ(out[0], 0);
  args.reduction = ASSAY_REDUCTION_MEAN;
  EXPECT_EQ(assay_fast_cross_entropy(&args), ASSAY_OK);
  EXPECT_TRUE(std::isnan(out[0]));
  EXPECT_EQ(out[1], -7);
}

TEST(ArgumentsTest, RefuseLabelsOutsideTheClassesUnlessIgnored) {
  for (const assay_op op : {ASSAY_CROSS_ENTROPY, ASSAY_CROSS_ENTROPY_BACKWARD}) {
    for (const std::int64_t bad : {std::int64_t{-1}, std::int64_t{3}, std::numeric_limits<std::int64_t>::min(),
                                   std::numeric_limits<std::int64_t>::max()}) {
      ValidCall call(op);
      call.labels[1] = bad;
      EXPECT_EQ(Ask(op, call, call.args), ASSAY_BAD_LABEL);
      call.args.ignore_index = bad;
      EXPECT_EQ(Ask(op, call, call.args), ASSAY_BAD_LABEL);
      call.args.has_ignore_index = 1;
      EXPECT_EQ(Ask(op, call, call.args), ASSAY_OK);
    }
  }
}

TEST(ArgumentsTest, RefuseATemperatureWithoutALimit) {
  for (const assay_op op : AllOps()) {
    const bool has_limit =
        op == ASSAY_SOFTMAX || op == ASSAY_LOG_SOFTMAX || op == ASSAY_SIGMOID || op == ASSAY_SPARSEMAX;
    for (const double zero : {0.0, -0.0}) {
      ValidCall call(op);
      call.args.temperature = zero;
      EXPECT_EQ(Ask(op, call, call.args), has_limit ? ASSAY_OK : ASSAY_BAD_TEMPERATURE) << op;
    }
    for (const double bad : {-1.0, -0x1p-1074, -HUGE_VAL, std::nan("")}) {
      ValidCall call(op);
      call.args.temperature = bad;
      EXPECT_EQ(Ask(op, call, call.args), ASSAY_BAD_TEMPERATURE) << op;
    }
    ValidCall call(op);
    call.args.temperature = HUGE_VAL;
    EXPECT_EQ(Ask(op, call, call.args), ASSAY_OK) << op;
  }
}

TEST(ArgumentsTest, RefuseOverlapOfAnyInputThatIsNotExactlyInPlace) {
  for (const assay_op op : AllOps()) {
    const ValidCall call(op);
    const auto overlapping = [&](auto&& operand) {
      assay_row_args args = call.args;
      operand(args).data = call.out.data() + 1;
      return Ask(op, call, args);
    };
    if (IsActivationBackward(op)) {
      EXPECT_EQ(overlapping([](auto& a) -> auto& { return a.saved; }), ASSAY_OVERLAP) << op;
      EXPECT_EQ(overlapping([](auto& a) -> auto& { return a.upstream; }), ASSAY_OVERLAP) << op;
    } else {
      EXPECT_EQ(overlapping([](auto& a) -> auto& { return a.logits; }), ASSAY_OVERLAP) << op;
      EXPECT_EQ(overlapping([](auto& a) -> auto& { return a.bias; }), ASSAY_OVERLAP) << op;
    }
  }
}

}  // namespace
}  // namespace assay::internal
