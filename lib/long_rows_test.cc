// SPDX-License-Identifier: Apache-2.0
//
// Rows whose results are written past the caches, for they are 8 MiB and more: they have the bits of the same call in
// place, which is never written so, wherever the results begin.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "assay/assay.h"
#include "kernels.h"

namespace assay::internal {
namespace {

constexpr std::size_t kMany = (std::size_t{1} << 21) + 77;

const assay_row_kernel& KernelOf(const assay_subject& subject, assay_op op) {
  const assay_row_kernel* const kernels[] = {
      &subject.softmax,          &subject.log_softmax,          &subject.logsumexp,     &subject.sigmoid,
      &subject.softmax_backward, &subject.log_softmax_backward, &subject.cross_entropy, &subject.cross_entropy_backward,
      &subject.sparsemax,        &subject.sparsemax_backward};
  return *kernels[op];
}

// The operations that target i has in lanes of f32.
std::vector<assay_op> OpsInFloats(std::size_t i) {
  std::vector<assay_op> ops;
  const auto& of = KernelsAt(i)->rows.of;
  for (const assay_op op : {ASSAY_SOFTMAX, ASSAY_LOG_SOFTMAX, ASSAY_SIGMOID, ASSAY_SOFTMAX_BACKWARD,
                            ASSAY_LOG_SOFTMAX_BACKWARD, ASSAY_SPARSEMAX_BACKWARD}) {
    if (of[ASSAY_TIER_FAST][op][ASSAY_F32] != of[ASSAY_TIER_EXACT][op][ASSAY_F32]) ops.push_back(op);
  }
  return ops;
}

struct Shape {
  std::size_t rows;
  std::size_t cols;
  bool inner;          // rows side by side
  std::size_t offset;  // of the results, in floats, from a multiple of 64 bytes
};

class Floats {
 public:
  explicit Floats(std::size_t n, std::size_t offset = 0) : room_(n + offset + 16), offset_(offset) {}
  float* data() { return room_.data() + (64 - reinterpret_cast<std::uintptr_t>(room_.data()) % 64) / 4 % 16 + offset_; }

 private:
  std::vector<float> room_;
  std::size_t offset_;
};

void ExpectTheBitsOfTheCallInPlace(std::size_t target, assay_op op, const Shape& shape) {
  const std::size_t n = shape.rows * shape.cols;
  const bool backward = IsActivationBackward(op);
  Floats first(n), second(n), out(n, shape.offset);
  for (std::size_t i = 0; i < n; ++i) {
    const float unit = static_cast<float>(i * 2654435761 % 4096) / 4096;
    first.data()[i] = !backward ? 8 * unit - 4 : op == ASSAY_LOG_SOFTMAX_BACKWARD ? -12 - unit : unit * 0x1p-20f;
    second.data()[i] = static_cast<float>(i * 40503 % 1021) / 512 - 1;
  }
  assay_row_args args{};
  args.struct_size = sizeof args;
  args.rows = shape.rows;
  args.cols = shape.cols;
  args.temperature = 1;
  args.dtype = ASSAY_F32;
  const auto row = static_cast<std::ptrdiff_t>(shape.inner ? 1 : shape.cols);
  const auto col = static_cast<std::ptrdiff_t>(shape.inner ? shape.rows : 1);
  (backward ? args.saved : args.logits) = {first.data(), row, col};
  if (backward) args.upstream = {second.data(), row, col};
  args.out = {out.data(), row, col};
  const assay_row_fn run = KernelOf(*assay_target_subject(target, ASSAY_TIER_FAST), op).run;
  ASSERT_EQ(run(&args), ASSAY_OK);
  float* const in_place = backward ? second.data() : first.data();
  args.out = {in_place, row, col};
  ASSERT_EQ(run(&args), ASSAY_OK);
  EXPECT_EQ(std::memcmp(out.data(), in_place, n * sizeof(float)), 0)
      << assay_target_name(target) << ", operation " << op << ", " << shape.rows << " x " << shape.cols;
}

TEST(LongRowsTest, HaveTheBitsOfTheCallInPlace) {
  for (std::size_t i = 0; i < assay_num_targets(); ++i) {
    for (const assay_op op : OpsInFloats(i)) {
      for (const std::size_t offset : {0, 3}) ExpectTheBitsOfTheCallInPlace(i, op, {1, kMany, false, offset});
      ExpectTheBitsOfTheCallInPlace(i, op, {1024, 2051, true, 0});
    }
  }
}

// A mask whose rows lie apart, though the logits' lie side by side.
TEST(LongRowsTest, InnerRowsTakeAMaskOfAnyLayout) {
  constexpr std::size_t kRows = 40, kCols = 300;
  for (std::size_t target = 0; target < assay_num_targets(); ++target) {
    Floats logits(kRows * kCols), want(kRows * kCols), got(kRows * kCols);
    std::vector<std::uint8_t> mask(kRows * kCols), across(kRows * kCols);
    for (std::size_t i = 0; i < kRows; ++i) {
      for (std::size_t j = 0; j < kCols; ++j) {
        logits.data()[j * kRows + i] = static_cast<float>((i * 37 + j * 11) % 64) / 8;
        across[j * kRows + i] = mask[i * kCols + j] = (i * 5 + j * 3) % 7 != 0 ? 1 : 0;
      }
    }
    assay_row_args args{};
    args.struct_size = sizeof args;
    args.rows = kRows;
    args.cols = kCols;
    args.temperature = 1;
    args.dtype = ASSAY_F32;
    args.logits = {logits.data(), 1, kRows};
    args.mask = {across.data(), 1, kRows};
    args.out = {want.data(), 1, kRows};
    const assay_row_fn run = assay_target_subject(target, ASSAY_TIER_FAST)->softmax.run;
    ASSERT_EQ(run(&args), ASSAY_OK);
    args.mask = {mask.data(), kCols, 1};
    args.out = {got.data(), 1, kRows};
    ASSERT_EQ(run(&args), ASSAY_OK);
    EXPECT_EQ(std::memcmp(want.data(), got.data(), kRows * kCols * sizeof(float)), 0) << assay_target_name(target);
  }
}

}  // namespace
}  // namespace assay::internal
