// SPDX-License-Identifier: Apache-2.0
//
// f64 rows of the exact tier where something is known without an oracle: closed forms, tails into the subnormals,
// cancellation of x / T and bias, magnitudes at the ends of the range. On every target.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "assay/assay.h"

namespace assay::internal {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kLeast = std::numeric_limits<double>::denorm_min();
constexpr double kMost = std::numeric_limits<double>::max();

struct Input {
  std::vector<double> x;
  double temperature = 1;
  std::vector<double> bias = {};
};

// The results of the first target; the others must have the same bits.
std::vector<double> Call(assay_row_kernel assay_subject::*kernel, const Input& input, bool one_column = false) {
  std::vector<double> first;
  for (std::size_t i = 0; i < assay_num_targets(); ++i) {
    std::vector<double> out(one_column ? 1 : input.x.size(), -77);
    assay_row_args args{};
    args.struct_size = sizeof(args);
    args.rows = 1;
    args.cols = input.x.size();
    args.dtype = ASSAY_F64;
    args.temperature = input.temperature;
    args.logits = {input.x.data(), 0, 1};
    if (!input.bias.empty()) args.bias = {input.bias.data(), 0, 1};
    args.out = {out.data(), 0, 1};
    EXPECT_EQ((assay_target_subject(i, ASSAY_TIER_EXACT)->*kernel).run(&args), ASSAY_OK);
    if (i == 0) first = out;
    EXPECT_EQ(out, first) << assay_target_name(i);
  }
  return first;
}

std::vector<double> Softmax(const Input& input) { return Call(&assay_subject::softmax, input); }
std::vector<double> LogSoftmax(const Input& input) { return Call(&assay_subject::log_softmax, input); }
std::vector<double> Sigmoid(const Input& input) { return Call(&assay_subject::sigmoid, input); }
double LogSumExp(const Input& input) { return Call(&assay_subject::logsumexp, input, true)[0]; }

// log 2, log 3 and e^-1 to 17 digits and more, from tables.
constexpr double kLog2 = 0.693147180559945309417;
constexpr double kLog3 = 1.098612288668109691395;
constexpr double kExpMinus1 = 0.367879441171442321596;

TEST(ExactDoublesTest, EqualLogitsShareAlike) {
  for (std::size_t n : {1, 2, 3, 5, 7, 9, 64, 1000}) {
    const Input row = {std::vector<double>(n, -3.25), 0.7};
    for (double p : Softmax(row)) EXPECT_EQ(p, 1.0 / static_cast<double>(n)) << n;
  }
  EXPECT_EQ(LogSoftmax({{5, 5}})[1], -kLog2);
  EXPECT_EQ(LogSoftmax({{5, 5, 5}, 1e300})[1], -kLog3);
  EXPECT_EQ(LogSumExp({{0, 0, 0}, 1e-300}), kLog3);
}

TEST(ExactDoublesTest, OneAgainstTheRest) {
  // log(1 + e^-d) = e^-d for a d this large, down to the last subnormal.
  EXPECT_EQ(LogSoftmax({{41, 0}})[1], -41);
  EXPECT_EQ(LogSoftmax({{0, -744.5}})[0], -kLeast);  // e^-744.5 = 0.94 * 2^-1074
  EXPECT_EQ(LogSoftmax({{0, -746}})[0], 0);
  EXPECT_FALSE(std::signbit(LogSoftmax({{0, -746}})[0]));
  EXPECT_EQ(Softmax({{0, -744.5}})[1], kLeast);
  EXPECT_EQ(Softmax({{0, -746}})[1], 0);
  EXPECT_EQ(LogSumExp({{0, -744.5}}), kLeast);
  EXPECT_EQ(LogSumExp({{-0.0, -1e5}}), 0);
}

TEST(ExactDoublesTest, QuotientAndBiasCancel) {
  // z = 2^52 + 2 - 2^52 and 2^52 - 2^52, through a temperature whose inverse is no double.
  const Input row = {{3 * (0x1p60 + 0x1p9), 3 * 0x1p60}, 3 * 0x1p8, {-0x1p52, -0x1p52}};
  EXPECT_EQ(LogSoftmax(row), LogSoftmax({{2, 0}}));
  // The largest x / T is not the largest z; 1e305 / T is far beyond the range of double.
  const Input huge = {{3e300, 1e300}, 3e-100, {-kMost, -kMost}};
  EXPECT_EQ(Softmax(huge)[0], 1);
  EXPECT_EQ(LogSoftmax(huge)[1], -kInf);
  const Input opposite = {{0x1.8p200, -0x1.8p200, 0}, 3, {-0x1p199, 0x1p199, -1}};
  const std::vector<double> p = Softmax(opposite);
  EXPECT_EQ(p[0], p[1]);
  EXPECT_NEAR(p[2], p[0] * kExpMinus1, 0x1p-53);
  // x = -b T exactly; 1 / T has no end.
  const double temperature = 0x1.2345679p0;
  const double b = -0x1.fffffp200;  // a pair of doubles puts x / T 2^89 off
  EXPECT_EQ(Sigmoid({{-b * temperature}, temperature, {b}})[0], 0.5);
  EXPECT_EQ(Sigmoid({{-b * temperature}, temperature, {std::nextafter(b, 0)}})[0], 1);
  EXPECT_EQ(Softmax({{-b * temperature, 0}, temperature, {b, 0}}), (std::vector<double>{0.5, 0.5}));
  EXPECT_EQ(LogSumExp({{0x1.8p1000}, 3, {-0x1p999}}), 0);
}

TEST(ExactDoublesTest, EndsOfTheRange) {
  EXPECT_EQ(Softmax({{kMost, -kMost}})[0], 1);
  EXPECT_EQ(LogSoftmax({{kMost, -kMost}})[1], -kInf);
  EXPECT_EQ(LogSoftmax({{kMost, 0}})[1], -kMost);
  EXPECT_EQ(LogSoftmax({{kMost, -kMost}, 4})[1], -kMost / 2);
  EXPECT_EQ(Softmax({{kMost, -kMost}, kMost})[1] / Softmax({{1, -1}})[1], 1);
  EXPECT_EQ(Softmax({{3 * kLeast, kLeast}, kLeast}), Softmax({{3, 1}}));
  EXPECT_EQ(LogSoftmax({{3 * kLeast, kLeast, -kMost}, kLeast})[0], LogSoftmax({{3, 1}})[0]);
  EXPECT_EQ(LogSumExp({{kMost}, 0.5}), kInf);
  EXPECT_EQ(LogSumExp({{-kMost, -kMost}, 0.5}), -kInf);
  EXPECT_EQ(LogSumExp({{7 * kLeast}, 2}), 4 * kLeast);  // 3.5: to even
  EXPECT_EQ(LogSumExp({{1}, 1, {0x1p53}}), 0x1p53);     // ties: to even
  EXPECT_EQ(LogSumExp({{3}, 1, {0x1p53}}), 0x1p53 + 4);
  EXPECT_EQ(LogSumExp({{1, -1e9}, 1, {0x1p53, 0}}), 0x1p53 + 2);  // and a little more than the tie
}

TEST(ExactDoublesTest, TheLargestIsFoundWhereQuotientsOverflow) {
  // x / T + b = -3, -2.5 and -2.1 times 1e307, the quotients of the last two being below -2^1024: the first looks the
  // largest, and all that is known of the others beside it is that they are larger.
  const Input input = {{-1e307, -1e308, -1e308}, 0.5, {-1e307, 1.75e308, 1.79e308}};
  EXPECT_EQ(Softmax(input), (std::vector<double>{0, 0, 1}));
  EXPECT_EQ(LogSoftmax(input)[2], 0);
}

TEST(ExactDoublesTest, LimitsOfTheTemperature) {
  EXPECT_EQ(Softmax({{1, 2, 2}, 0}), (std::vector<double>{0, 0.5, 0.5}));
  EXPECT_EQ(Softmax({{1, 2, 2}, kInf}), (std::vector<double>(3, 1.0 / 3)));
  EXPECT_EQ(Softmax({{1, 2, 2}, 0, {9, 0, -1}})[1], Sigmoid({{1}})[0]);
  EXPECT_EQ(LogSoftmax({{1, 2}, 0}), (std::vector<double>{-kInf, 0}));
  EXPECT_EQ(Sigmoid({{-1, 0, 1}, 0}), (std::vector<double>{0, 0.5, 1}));
  EXPECT_EQ(Sigmoid({{-kMost, 0, kInf}, kInf}), (std::vector<double>{0.5, 0.5, 1}));
}

TEST(ExactDoublesTest, SigmoidIsTheSoftmaxAgainstZero) {
  std::vector<double> x;
  for (int i = -760; i <= 760; i += 3) x.push_back(i * 1.0078125);
  const std::vector<double> got = Sigmoid({x, 1.25});
  for (std::size_t i = 0; i < x.size(); ++i) EXPECT_EQ(got[i], Softmax({{x[i], 0}, 1.25})[0]) << x[i];
}

}  // namespace
}  // namespace assay::internal
