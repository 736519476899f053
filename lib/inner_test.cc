// SPDX-License-Identifier: Apache-2.0
//
// Rows that lie side by side, their columns apart: every operation gives them the bits that it gives contiguous rows,
// in both tiers, on every target, and writes nothing else.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "assay/assay.h"
#include "kernels.h"
#include "number.h"
#include "request.h"

namespace assay::internal {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Shape {
  std::size_t rows;
  std::size_t cols;
};

enum class Values { kUsual, kSpread, kFarDown, kSpecial };

// One call's operands, contiguous or with rows side by side (and unused columns between, if padded).
class Operands {
 public:
  Operands(std::int32_t dtype, Shape shape, bool inner, std::size_t padding)
      : dtype_(dtype),
        row_(inner ? 1 : shape.cols),
        col_(inner ? shape.rows + padding : 1),
        size_((inner ? col_ * shape.cols : shape.rows * shape.cols) + shape.rows),
        bytes_(BytesOf(dtype)) {
    for (auto* of : {&first, &second, &out}) of->assign(size_ * bytes_, 0xA5);
    mask.assign(size_, 0);
  }

  std::size_t At(std::size_t i, std::size_t j) const { return i * row_ + j * col_; }
  void Set(std::vector<std::uint8_t>& of, std::size_t i, std::size_t j, double value) {
    StoreNumber(dtype_, of.data(), static_cast<std::ptrdiff_t>(At(i, j)), value);
  }
  assay_const_matrix In(const std::vector<std::uint8_t>& of) const {
    return {of.data(), static_cast<std::ptrdiff_t>(row_), static_cast<std::ptrdiff_t>(col_)};
  }
  assay_matrix Out(std::vector<std::uint8_t>& of) const {
    return {of.data(), static_cast<std::ptrdiff_t>(row_), static_cast<std::ptrdiff_t>(col_)};
  }

  std::vector<std::uint8_t> first;   // logits, or saved
  std::vector<std::uint8_t> second;  // upstream
  std::vector<std::uint8_t> out;
  std::vector<std::uint8_t> mask;

 private:
  std::int32_t dtype_;
  std::size_t row_;
  std::size_t col_;
  std::size_t size_;
  std::size_t bytes_;
};

const assay_row_kernel& KernelOf(const assay_subject& subject, assay_op op) {
  const assay_row_kernel* const kernels[] = {
      &subject.softmax,          &subject.log_softmax,          &subject.logsumexp,     &subject.sigmoid,
      &subject.softmax_backward, &subject.log_softmax_backward, &subject.cross_entropy, &subject.cross_entropy_backward,
      &subject.sparsemax,        &subject.sparsemax_backward};
  return *kernels[op];
}

struct Setting {
  assay_op op;
  std::int32_t dtype;
  Shape shape;
  Values values;
  bool masked;
  bool in_place;
  double temperature;
};

void Fill(const Setting& s, Operands& operands, unsigned seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal(s.values == Values::kFarDown ? -60 : 0, s.values == Values::kSpread ? 30 : 2);
  const double special[] = {std::nan(""), kInfinity, -kInfinity, -kInfinity};
  for (std::size_t i = 0; i < s.shape.rows; ++i) {
    for (std::size_t j = 0; j < s.shape.cols; ++j) {
      double x = normal(random);
      double y = normal(random);
      if (IsActivationBackward(s.op)) {
        x = s.op == ASSAY_LOG_SOFTMAX_BACKWARD ? -std::fabs(x) - 3 : random() % 4 == 0 ? 0 : std::fabs(x) / 64;
        if (s.values == Values::kSpecial && random() % 200 == 0) y = special[random() % 4];
      } else if (s.values == Values::kSpecial) {
        if (random() % 200 == 0) x = special[random() % 4];
        if (i == 2) x = -kInfinity;  // nothing visible
      }
      operands.Set(operands.first, i, j, x);
      operands.Set(operands.second, i, j, y);
      operands.mask[operands.At(i, j)] = random() % 4 != 0 ? 1 : 0;
    }
  }
}

// The call's results: all that is in the buffer they are written to.
std::vector<std::uint8_t>& Run(const assay_subject& subject, const Setting& s, Operands& operands) {
  const bool backward = IsActivationBackward(s.op);
  std::vector<std::int64_t> labels(s.shape.rows);
  for (std::size_t i = 0; i < s.shape.rows; ++i) labels[i] = static_cast<std::int64_t>(i * 7 % s.shape.cols);
  assay_row_args args{};
  args.struct_size = sizeof args;
  args.rows = s.shape.rows;
  args.cols = s.shape.cols;
  args.temperature = s.temperature;
  args.dtype = s.dtype;
  (backward ? args.saved : args.logits) = operands.In(operands.first);
  if (backward) args.upstream = operands.In(operands.second);
  if (s.masked && !backward && s.op != ASSAY_SIGMOID) args.mask = operands.In(operands.mask);
  if (IsLoss(s.op)) args.labels = {labels.data(), 1, 1};
  auto& to = s.in_place && !HasOneColumn(s.op) ? (backward ? operands.second : operands.first) : operands.out;
  args.out = operands.Out(to);
  if (HasOneColumn(s.op)) args.out = {to.data(), 1, 1};
  EXPECT_EQ(KernelOf(subject, s.op).run(&args), ASSAY_OK);
  return to;
}

void ExpectTheBitsOfContiguousRows(const assay_subject& subject, const Setting& s, unsigned seed) {
  Operands contiguous(s.dtype, s.shape, false, 0);
  Operands inner(s.dtype, s.shape, true, seed % 3);
  Fill(s, contiguous, seed);
  Fill(s, inner, seed);
  const std::vector<std::uint8_t>& want = Run(subject, s, contiguous);
  const std::vector<std::uint8_t>& got = Run(subject, s, inner);
  const std::size_t bytes = BytesOf(s.dtype);
  std::vector<bool> written(got.size() / bytes);
  for (std::size_t i = 0; i < s.shape.rows; ++i) {
    for (std::size_t j = 0; j < (HasOneColumn(s.op) ? 1 : s.shape.cols); ++j) {
      const std::size_t want_at = HasOneColumn(s.op) ? i : contiguous.At(i, j);
      const std::size_t got_at = HasOneColumn(s.op) ? i : inner.At(i, j);
      written[got_at] = true;
      ASSERT_EQ(std::memcmp(&want[want_at * bytes], &got[got_at * bytes], bytes), 0)
          << subject.name << ", operation " << s.op << ", type " << s.dtype << ", " << s.shape.rows << " x "
          << s.shape.cols << ", values " << static_cast<int>(s.values) << (s.masked ? ", masked" : "")
          << (s.in_place ? ", in place" : "") << ", T = " << s.temperature << ": entry " << i << ", " << j << ", want "
          << LoadNumber(s.dtype, want.data(), static_cast<std::ptrdiff_t>(want_at)) << ", got "
          << LoadNumber(s.dtype, got.data(), static_cast<std::ptrdiff_t>(got_at));
    }
  }
  for (std::size_t at = 0; at < got.size(); ++at) {
    if (written[at / bytes]) continue;
    ASSERT_EQ(got[at], 0xA5) << "operation " << s.op << ", byte " << at;
  }
}

// A lane more and fewer than vectors have, several groups of vectors, rows too short for lanes of their own.
constexpr Shape kShapes[] = {{3, 5},   {4, 2},    {7, 33},   {8, 17},  {9, 64},   {15, 65},
                             {16, 63}, {17, 130}, {33, 100}, {83, 31}, {20, 300}, {17, 2100}};

void ForEachSetting(assay_tier tier, std::size_t most_cols) {
  unsigned seed = 1;
  for (std::size_t target = 0; target < assay_num_targets(); ++target) {
    const assay_subject& subject = *assay_target_subject(target, tier);
    for (int op = 0; op < ASSAY_NUM_ROW_OPS; ++op) {
      for (const Shape shape : kShapes) {
        if (shape.cols > most_cols) continue;
        for (const Values values : {Values::kUsual, Values::kSpread, Values::kFarDown, Values::kSpecial}) {
          for (std::int32_t dtype = 0; dtype < ASSAY_NUM_DTYPES; ++dtype) {
            ++seed;
            const double temperature = seed % 5 == 0 ? 0.7 : 1;
            ExpectTheBitsOfContiguousRows(
                subject,
                {static_cast<assay_op>(op), dtype, shape, values, seed % 3 == 0, seed / 3 % 2 == 0, temperature}, seed);
            if (testing::Test::HasFatalFailure()) return;
          }
        }
      }
    }
  }
}

TEST(InnerTest, FastRowsHaveTheBitsOfContiguousRows) { ForEachSetting(ASSAY_TIER_FAST, 4096); }

TEST(InnerTest, ExactRowsHaveTheBitsOfContiguousRows) { ForEachSetting(ASSAY_TIER_EXACT, 130); }

}  // namespace
}  // namespace assay::internal
