// SPDX-License-Identifier: Apache-2.0
//
// The C++ front hands the C API what it is given: each call beside the same one written out in C.

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <vector>

#include "assay/softmax.hpp"

namespace assay {
namespace {

constexpr std::size_t kRows = 2, kCols = 3;
constexpr double kTemperature = 0.75;

template <class T>
T Number(int i);
template <>
float Number<float>(int i) {
  return 0.25f * static_cast<float>(i);
}
template <>
double Number<double>(int i) {
  return 0.25 * i;
}
template <>
Float16 Number<Float16>(int i) {
  constexpr std::uint16_t kNumbers[] = {0x0000, 0x3400, 0x3800, 0x3A00, 0x3C00, 0x3D00, 0x3E00};
  return {kNumbers[i % 7]};
}
template <>
BFloat16 Number<BFloat16>(int i) {
  constexpr std::uint16_t kNumbers[] = {0x0000, 0x3E80, 0x3F00, 0x3F40, 0x3F80, 0x3FA0, 0x3FC0};
  return {kNumbers[i % 7]};
}

template <class T>
class FrontTest : public testing::Test {
 protected:
  using Buffer = std::array<T, 24>;

  FrontTest() {
    for (std::size_t i = 0; i < 24; ++i) {
      a_[i] = Number<T>(static_cast<int>(i * i % 7));
      b_[i] = Number<T>(static_cast<int>(i % 5));
    }
  }

  // With gaps, and columns apart.
  MatrixView<T> View(Buffer& data) { return {data.data(), kRows, kCols, 10, 3}; }
  MatrixView<const std::uint8_t> MaskView() { return {mask_.data() + 1, kRows, kCols, -1, 2}; }

  assay_row_args Args() {
    assay_row_args args{};
    args.struct_size = sizeof(args);
    args.rows = kRows;
    args.cols = kCols;
    args.temperature = kTemperature;
    args.dtype = kDtypeOf<T>;
    args.out = {want_.data(), 10, 3};
    return args;
  }
  assay_const_matrix A() { return {a_.data(), 10, 3}; }
  assay_const_matrix B() { return {b_.data(), 10, 3}; }

  // The status and the bits of got_ are those that `function` gives with want_.
  void Expect(Status status, assay_row_fn function, const assay_row_args& args) {
    EXPECT_EQ(static_cast<int>(status), static_cast<int>(function(&args)));
    EXPECT_EQ(std::memcmp(got_.data(), want_.data(), sizeof(Buffer)), 0);
    got_ = want_ = {};
  }

  Buffer a_ = {}, b_ = {}, got_ = {}, want_ = {};
  std::array<std::uint8_t, 8> mask_ = {1, 0, 1, 1, 0, 1, 1, 1};
  std::array<std::int64_t, 4> labels_ = {2, 0, -9, 0};
};

using Types = testing::Types<float, double, Float16, BFloat16>;
TYPED_TEST_SUITE(FrontTest, Types);

TYPED_TEST(FrontTest, ForwardsFromLogits) {
  for (const Tier tier : {Tier::kExact, Tier::kFast}) {
    const bool fast = tier == Tier::kFast;
    SoftmaxOptions options;
    options.temperature = kTemperature;
    options.bias = this->View(this->b_);
    options.empty_row = EmptyRow::kZero;
    options.tier = tier;
    assay_row_args args = this->Args();
    args.logits = this->A();
    args.bias = this->B();
    args.empty_row = ASSAY_EMPTY_ROW_ZERO;
    this->Expect(Sigmoid(this->View(this->a_), this->View(this->got_), options),
                 fast ? assay_fast_sigmoid : assay_sigmoid, args);
    options.mask = this->MaskView();
    args.mask = {this->mask_.data() + 1, -1, 2};
    this->Expect(Softmax(this->View(this->a_), this->View(this->got_), options),
                 fast ? assay_fast_softmax : assay_softmax, args);
    this->Expect(LogSoftmax(this->View(this->a_), this->View(this->got_), options),
                 fast ? assay_fast_log_softmax : assay_log_softmax, args);
    this->Expect(Sparsemax(this->View(this->a_), this->View(this->got_), options),
                 fast ? assay_fast_sparsemax : assay_sparsemax, args);
    args.out = {this->want_.data(), 5, 1};
    this->Expect(LogSumExp(this->View(this->a_), VectorView(this->got_.data(), kRows, 5), options),
                 fast ? assay_fast_logsumexp : assay_logsumexp, args);
  }
}

TYPED_TEST(FrontTest, ForwardsFromSavedOutputs) {
  for (const Tier tier : {Tier::kExact, Tier::kFast}) {
    const bool fast = tier == Tier::kFast;
    const BackwardOptions options{kTemperature, tier};
    assay_row_args args = this->Args();
    args.saved = this->A();
    args.upstream = this->B();
    const auto a = this->View(this->a_), b = this->View(this->b_), got = this->View(this->got_);
    this->Expect(SoftmaxBackward(a, b, got, options), fast ? assay_fast_softmax_backward : assay_softmax_backward,
                 args);
    this->Expect(LogSoftmaxBackward(a, b, got, options),
                 fast ? assay_fast_log_softmax_backward : assay_log_softmax_backward, args);
    this->Expect(SparsemaxBackward(a, b, got, options), fast ? assay_fast_sparsemax_backward : assay_sparsemax_backward,
                 args);
  }
}

TYPED_TEST(FrontTest, ForwardsLosses) {
  for (const Tier tier : {Tier::kExact, Tier::kFast}) {
    for (const Reduction reduction : {Reduction::kNone, Reduction::kSum, Reduction::kMean}) {
      const bool fast = tier == Tier::kFast;
      CrossEntropyOptions options;
      options.temperature = kTemperature;
      options.label_smoothing = 0.125;
      options.ignore_index = -9;
      options.reduction = reduction;
      options.tier = tier;
      assay_row_args args = this->Args();
      args.logits = this->A();
      args.label_smoothing = 0.125;
      args.has_ignore_index = 1;
      args.ignore_index = -9;
      args.reduction = static_cast<std::int32_t>(reduction);
      const assay_row_args plain = args;
      const auto a = this->View(this->a_), b = this->View(this->b_), got = this->View(this->got_);
      const VectorView<const std::int64_t> labels(this->labels_.data(), kRows, 2);
      const std::size_t losses = reduction == Reduction::kNone ? kRows : 1;
      const VectorView<TypeParam> out(this->got_.data(), losses, 1);

      args.labels = {this->labels_.data(), 2, 1};
      args.out = {this->want_.data(), 1, 1};
      this->Expect(CrossEntropy(a, labels, out, options), fast ? assay_fast_cross_entropy : assay_cross_entropy, args);
      args.out = plain.out;
      args.upstream = {this->b_.data() + 1, 2, 1};
      this->Expect(CrossEntropyBackward(a, labels, got, options, VectorView(this->b_.data() + 1, losses, 2)),
                   fast ? assay_fast_cross_entropy_backward : assay_cross_entropy_backward, args);

      args = plain;
      args.targets = this->B();
      this->Expect(CrossEntropyBackward(a, b, got, options),
                   fast ? assay_fast_cross_entropy_backward : assay_cross_entropy_backward, args);
      args.out = {this->want_.data(), 1, 1};
      this->Expect(CrossEntropy(a, b, out, options), fast ? assay_fast_cross_entropy : assay_cross_entropy, args);
    }
  }
}

TEST(FrontTest, RefusesShapesThatDiffer) {
  std::vector<float> x(6), y(6);
  const std::vector<std::int64_t> labels(3);
  const std::vector<std::uint8_t> mask(5, 1);
  const MatrixView<float> matrix(x.data(), 2, 3);
  EXPECT_EQ(Softmax(x, std::span(y).first(5)), Status::kBadShape);
  EXPECT_EQ(Softmax(matrix, MatrixView(y.data(), 2, 3).Transposed()), Status::kBadShape);
  EXPECT_EQ(Softmax(x, y, {.mask = mask}), Status::kBadShape);
  EXPECT_EQ(Softmax(x, y, {.bias = std::span(x).first(5)}), Status::kBadShape);
  EXPECT_EQ(LogSumExp(matrix, y), Status::kBadShape);
  EXPECT_EQ(CrossEntropy(matrix, labels, std::span(y).first(1)), Status::kBadShape);
  EXPECT_EQ(CrossEntropy(matrix, std::span(labels).first(2), y), Status::kBadShape);
  EXPECT_EQ(SoftmaxBackward(x, std::span(x).first(5), y), Status::kBadShape);
  EXPECT_EQ(y, std::vector<float>(6));
}

TEST(FrontTest, RefusesABiasOfAnotherTypeAndAnUnknownTier) {
  std::vector<float> x(6), y(6);
  const std::vector<double> bias(6);
  EXPECT_EQ(Softmax(x, y, {.bias = bias}), Status::kBadParameter);
  EXPECT_EQ(Softmax(x, y, {.tier = static_cast<Tier>(2)}), Status::kBadEnum);
  EXPECT_STREQ(StatusName(Status::kBadEnum), "ASSAY_BAD_ENUM");
}

}  // namespace
}  // namespace assay
