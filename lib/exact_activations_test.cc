// SPDX-License-Identifier: Apache-2.0
//
// The exact tier's four activations of f32, f16 and bf16: each step of their ladder gives the same bits, and rows whose
// results are known in closed form or lie on a tie.

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

namespace assay::internal {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr assay_op kOps[] = {ASSAY_SOFTMAX, ASSAY_LOG_SOFTMAX, ASSAY_LOGSUMEXP, ASSAY_SIGMOID};
constexpr assay_dtype kDtypes[] = {ASSAY_F32, ASSAY_F16, ASSAY_BF16};

// One row in its type's own bytes.
class Bytes {
 public:
  Bytes(assay_dtype dtype, const std::vector<double>& values)
      : dtype_(dtype), size_(values.size()), bytes_(values.size() * BytesOf(dtype)) {
    for (std::size_t j = 0; j < size_; ++j) StoreNumber(dtype, data(), static_cast<std::ptrdiff_t>(j), values[j]);
  }
  void* data() { return bytes_.data(); }
  std::vector<double> Values() const {
    std::vector<double> values(size_);
    for (std::size_t j = 0; j < size_; ++j) {
      values[j] = LoadNumber(dtype_, bytes_.data(), static_cast<std::ptrdiff_t>(j));
    }
    return values;
  }

 private:
  assay_dtype dtype_;
  std::size_t size_;
  std::vector<std::uint8_t> bytes_;
};

struct Row {
  std::vector<double> logits;
  std::vector<double> bias = {};
  std::vector<std::uint8_t> mask = {};
  double temperature = 1;
  assay_dtype dtype = ASSAY_F32;
};

// The results of the kernels of target t, from that step of the ladder on.
std::vector<double> ResultOf(assay_op op, const Row& row, std::size_t t = 0, int step = 0, bool in_place = false) {
  const std::size_t n = row.logits.size();
  Bytes logits(row.dtype, row.logits), bias(row.dtype, row.bias);
  Bytes out(row.dtype, std::vector<double>(op == ASSAY_LOGSUMEXP ? 1 : n, -7.0));
  assay_row_args args{};
  args.struct_size = sizeof(args);
  args.rows = 1;
  args.cols = n;
  args.dtype = row.dtype;
  args.temperature = row.temperature;
  const auto stride = static_cast<std::ptrdiff_t>(n);
  args.logits = {logits.data(), stride, 1};
  if (!row.bias.empty()) args.bias = {bias.data(), stride, 1};
  if (!row.mask.empty() && op != ASSAY_SIGMOID) args.mask = {row.mask.data(), stride, 1};
  args.out = {in_place ? logits.data() : out.data(), stride, 1};
  Request request;
  EXPECT_EQ(CheckRequest(op, &args, &request), ASSAY_OK);
  request.first_step = step;
  KernelsAt(t)->rows.of[ASSAY_TIER_EXACT][op][row.dtype](request);
  return in_place ? logits.Values() : out.Values();
}

// Gives a row of normal logits, with a bias and a mask where that bit of `kind` is set.
Row RandomRow(std::mt19937_64& random, std::size_t n, double sigma, unsigned kind) {
  std::normal_distribution<double> normal(0, sigma);
  Row row;
  for (std::size_t j = 0; j < n; ++j) row.logits.push_back(normal(random));
  if ((kind & 1) != 0) {
    for (std::size_t j = 0; j < n; ++j) row.bias.push_back(random() % 4 == 0 ? -1e9 : normal(random));
  }
  if ((kind & 2) != 0) {
    for (std::size_t j = 0; j < n; ++j) row.mask.push_back(random() % 4 != 0);
  }
  return row;
}

TEST(ExactActivationsTest, RoundTheSameWhicheverStepOfTheLadderDecides) {
  std::mt19937_64 random(5);
  for (const std::size_t n : {1, 2, 9, 40}) {
    for (const double sigma : {1.0, 20.0, 3000.0}) {
      for (unsigned kind = 0; kind < 4; ++kind) {
        Row row = RandomRow(random, n, sigma, kind);
        for (const double temperature : {1.0, 0.7, 3e-5, 1e-305, kInf}) {
          row.temperature = temperature;
          for (const assay_dtype dtype : kDtypes) {
            row.dtype = dtype;
            for (const assay_op op : kOps) {
              const std::vector<double> want = ResultOf(op, row);
              const std::string what = std::to_string(op) + " " + std::to_string(dtype) + " n " + std::to_string(n) +
                                       " sigma " + std::to_string(sigma) + " T " + std::to_string(temperature) +
                                       " kind " + std::to_string(kind);
              const bool in_place = op != ASSAY_LOGSUMEXP;
              // Not a number is not equal to itself; no row here gives one but an empty one.
              if (!(want[0] == want[0])) continue;
              ASSERT_EQ(ResultOf(op, row, 0, 0, in_place), want) << what << " in place";
              ASSERT_EQ(ResultOf(op, row, 0, 1, in_place), want) << what << " double-double";
              if (n <= 9) {
                ASSERT_EQ(ResultOf(op, row, 0, 2, in_place), want) << what << " integers";
              }
              for (std::size_t t = 1; t < assay_num_targets(); ++t)
                ASSERT_EQ(ResultOf(op, row, t), want) << what << " " << t;
            }
          }
        }
      }
    }
  }
}

TEST(ExactActivationsTest, GiveTheDigitsOfSmallRows) {
  // -log(1 + e^-14) = -8.3152837300514665e-7, and 14 less.
  EXPECT_EQ(ResultOf(ASSAY_LOG_SOFTMAX, {{0, -14}}), (std::vector<double>{-8.3152837e-7f, -14.0000008315f}));
  EXPECT_EQ(ResultOf(ASSAY_LOG_SOFTMAX, {{3, 3}}), (std::vector<double>(2, -0.69314718055994531f)));
  EXPECT_EQ(ResultOf(ASSAY_LOGSUMEXP, {{0, 0, 0}})[0], 1.0986122886681098f);
  EXPECT_EQ(ResultOf(ASSAY_SIGMOID, {{0, -100, 100, -kInf, kInf}}),
            (std::vector<double>{0.5, 3.7200760e-44f, 1, 0, 1}));
  // x / T and the bias cancel, and 1e30 does not matter.
  const double large = std::ldexp(1.0, 100);
  EXPECT_EQ(ResultOf(ASSAY_SOFTMAX, {{large, large, 0}, {-large, -large, 1}}),
            (std::vector<double>{0.21194155761708544f, 0.21194155761708544f, 0.57611688476582912f}));
}

// A share that lies within 0.3 of double's last place of a midpoint of f32, in a long row: exact_softmax_pairs-inl.h.
TEST(ExactActivationsTest, DecideTheDoubtfulSharesOfLongRows) {
  struct Doubtful {
    double x0, x1, temperature;
  };
  constexpr Doubtful kRows[] = {{0x1.4ab00ep+0, 0.0625, 1},   {0x1.b7adf4p-4, 4, 1},      {0x1.6e461ap-1, 1.625, 1},
                                {0x1.50d158p+0, 0.3125, 0.7}, {0x1.7ee3c8p-4, 4.25, 0.7}, {0x1.810354p-3, 3, 0.7}};
  for (const Doubtful& doubtful : kRows) {
    Row row;
    row.temperature = doubtful.temperature;
    row.logits = {doubtful.x0, doubtful.x1};
    while (row.logits.size() < 5000) row.logits.push_back(static_cast<double>(row.logits.size() % 8) / 4);
    const std::vector<double> want = ResultOf(ASSAY_SOFTMAX, row, 0, 1);
    for (std::size_t t = 0; t < assay_num_targets(); ++t) {
      EXPECT_EQ(ResultOf(ASSAY_SOFTMAX, row, t)[0], want[0]) << doubtful.x0 << " " << assay_target_name(t);
      EXPECT_TRUE(ResultOf(ASSAY_SOFTMAX, row, t) == want) << doubtful.x0 << " " << assay_target_name(t);
      EXPECT_TRUE(ResultOf(ASSAY_SOFTMAX, row, t, 0, true) == want) << doubtful.x0 << " in place";
    }
  }
}

TEST(ExactActivationsTest, DecideATieByWhatIsTooSmallForAnyWidth) {
  // -(2^25 + 2) is halfway between two floats; the rest, e^-33554434, makes it larger.
  const double wide = 0x1p25;
  EXPECT_EQ(ResultOf(ASSAY_LOG_SOFTMAX, {{wide, -2}})[1], -(0x1p25 + 4));
  EXPECT_EQ(ResultOf(ASSAY_LOG_SOFTMAX, {{wide, -2 - 4}})[1], -(0x1p25 + 8));
  // z = 2^25 + 2 or 6 alone: to even; with anything beside it: up.
  Row one = {{wide}, {2}};
  EXPECT_EQ(ResultOf(ASSAY_LOGSUMEXP, one)[0], 0x1p25);
  one = {{wide, -1e30}, {2, 0}};
  EXPECT_EQ(ResultOf(ASSAY_LOGSUMEXP, one)[0], 0x1p25 + 4);
}

TEST(ExactActivationsTest, KnowTheVisibleEntries) {
  const double nan = std::nan("");
  const Row row = {{1, nan, kInf, 1, 5, -kInf}, {0, 1, 2, 0, -kInf, nan}, {1, 0, 0, 2, 1, 1}};
  EXPECT_EQ(ResultOf(ASSAY_SOFTMAX, row), (std::vector<double>{0.5, 0, 0, 0.5, 0, 0}));
  EXPECT_EQ(ResultOf(ASSAY_LOG_SOFTMAX, row)[4], -kInf);
  EXPECT_EQ(ResultOf(ASSAY_LOGSUMEXP, row)[0], 1.6931471805599453f);
  EXPECT_EQ(ResultOf(ASSAY_LOGSUMEXP, {{1, kInf}})[0], kInf);
  EXPECT_TRUE(std::isnan(ResultOf(ASSAY_LOGSUMEXP, {{nan, kInf}})[0]));
  EXPECT_EQ(ResultOf(ASSAY_LOGSUMEXP, {{1, 2}, {}, {0, 0}})[0], -kInf);
  EXPECT_TRUE(std::isnan(ResultOf(ASSAY_SIGMOID, {{3}, {nan}, {}, 5e-324})[0]));
  EXPECT_EQ(ResultOf(ASSAY_SIGMOID, {{kInf, -1, 0}, {-kInf, 1e30, 0}, {}, 0}), (std::vector<double>{0, 0, 0.5}));
  // T = 0: softmax of the biases of the largest logits.
  EXPECT_EQ(ResultOf(ASSAY_SOFTMAX, {{2, 2, 1}, {3, 3, 9}, {}, 0}), (std::vector<double>{0.5, 0.5, 0}));
}

}  // namespace
}  // namespace assay::internal
