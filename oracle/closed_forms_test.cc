// SPDX-License-Identifier: Apache-2.0
//
// The oracle against formulas it does not use, in every format: the logistic function through tanh, logarithms of two
// terms through cosh and of a geometric series, ratios of shares. Computed with MPFR's C functions at 4000 bits and
// rounded by MPFR itself.

#include <gtest/gtest.h>
#include <mpfr.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "oracle/oracle.h"
#include "oracle/round.h"

namespace assay::oracle {
namespace {

class Real {
 public:
  explicit Real(double x = 0) {
    mpfr_init2(x_, 4000);
    mpfr_set_d(x_, x, MPFR_RNDN);
  }
  ~Real() { mpfr_clear(x_); }
  Real(const Real&) = delete;
  Real& operator=(const Real&) = delete;
  mpfr_ptr get() { return x_; }

 private:
  mpfr_t x_;
};

// What MPFR rounds x to.
double RoundTo(Format format, mpfr_srcptr x) {
  if (format == Format::kF32) return double{mpfr_get_flt(x, MPFR_RNDN)};
  if (format == Format::kF64) return mpfr_get_d(x, MPFR_RNDN);
  const FormatShape shape = ShapeOf(format);
  mpfr_t rounded;
  mpfr_init2(rounded, shape.precision);
  const auto binade = static_cast<int>(mpfr_get_exp(x)) - 1;
  if (binade < shape.min_ulp_log2 + shape.precision - 1) {
    mpfr_set_prec(rounded, 4000);
    mpfr_mul_2si(rounded, x, -shape.min_ulp_log2, MPFR_RNDN);
    mpfr_rint(rounded, rounded, MPFR_RNDN);
    mpfr_mul_2si(rounded, rounded, shape.min_ulp_log2, MPFR_RNDN);
  } else {
    mpfr_set(rounded, x, MPFR_RNDN);
  }
  const double result = mpfr_get_d(rounded, MPFR_RNDN);
  mpfr_clear(rounded);
  return result == 0 ? 0 : result;
}

// Expects `got` to describe `want`, to within its own width.
void ExpectIs(const Exact& got, Format format, Real& want, const std::string& what) {
  const FormatShape shape = ShapeOf(format);
  EXPECT_EQ(got.nearest, RoundTo(format, want.get())) << what;
  EXPECT_LE(got.width_ulp, 0x1p-40) << what;
  const double ulp =
      std::ldexp(1.0, std::max(static_cast<int>(mpfr_get_exp(want.get())) - shape.precision, shape.min_ulp_log2));
  EXPECT_EQ(got.ulp, ulp) << what;
  Real rest;
  mpfr_sub_d(rest.get(), want.get(), got.nearest, MPFR_RNDN);
  mpfr_div_d(rest.get(), rest.get(), ulp, MPFR_RNDN);
  mpfr_sub_d(rest.get(), rest.get(), got.remainder_ulp, MPFR_RNDN);
  EXPECT_LE(std::fabs(mpfr_get_d(rest.get(), MPFR_RNDA)), got.width_ulp) << what;
}

std::string Describe(const Row& row) {
  char text[200];
  std::snprintf(text, sizeof text, "[%a, %a ...] / %a, bias %a, %s", row.logits[0],
                row.logits.size() > 1 ? row.logits[1] : 0, row.temperature, row.bias.empty() ? 0 : row.bias[0],
                FormatName(row.format));
  return text;
}

constexpr Format kFormats[] = {Format::kF32, Format::kF64, Format::kF16, Format::kBF16};

class ClosedForms : public testing::TestWithParam<Tier> {};

// d = z_0 - z_1, m = (z_0 + z_1) / 2. At 4000 bits no cancellation in reach (|d| < 2000) matters.
struct Pair {
  Real d, m;

  Pair(const std::vector<double>& x, const std::vector<double>& bias, double temperature) {
    for (const auto& [sum, sign] : {std::pair{&d, -1.0}, {&m, 1.0}}) {
      Real second(x[1]), biases(bias[1]);
      mpfr_mul_d(second.get(), second.get(), sign, MPFR_RNDN);
      mpfr_add_d(sum->get(), second.get(), x[0], MPFR_RNDN);
      mpfr_div_d(sum->get(), sum->get(), temperature, MPFR_RNDN);
      mpfr_mul_d(biases.get(), biases.get(), sign, MPFR_RNDN);
      mpfr_add(sum->get(), sum->get(), biases.get(), MPFR_RNDN);
      mpfr_add_d(sum->get(), sum->get(), bias[0], MPFR_RNDN);
    }
    mpfr_div_ui(m.get(), m.get(), 2, MPFR_RNDN);
  }
};

TEST_P(ClosedForms, TwoEntriesGiveTheLogisticFunctionOfTheirDifferenceAndItsLogarithms) {
  std::mt19937 random(4);
  const double spans[] = {1e-30, 1e-3, 1, 10, 40, 110, 400};
  for (int i = 0; i < 3000; ++i) {
    const Format format = kFormats[i % 4];
    const double span = spans[i % 7];
    const auto number = [&] { return span * (std::ldexp(random(), -31) - 1); };
    const std::vector<double> x = {number(), number()};
    std::vector<double> bias(2);
    if (i % 5 == 0) bias = {number(), number()};
    const double temperature = i % 3 == 0 ? 1.0 : 0.5 + std::ldexp(random(), -31);
    if (x[0] == x[1]) continue;
    const Row row = {.logits = x, .bias = bias, .temperature = temperature, .format = format};
    Pair z(x, bias, temperature);

    // (1 +- tanh(d / 2)) / 2.
    Real tanh, first(1), second(1);
    mpfr_div_ui(tanh.get(), z.d.get(), 2, MPFR_RNDN);
    mpfr_tanh(tanh.get(), tanh.get(), MPFR_RNDN);
    mpfr_add(first.get(), first.get(), tanh.get(), MPFR_RNDN);
    mpfr_sub(second.get(), second.get(), tanh.get(), MPFR_RNDN);
    mpfr_div_ui(first.get(), first.get(), 2, MPFR_RNDN);
    mpfr_div_ui(second.get(), second.get(), 2, MPFR_RNDN);
    const auto p = Softmax(row, GetParam());
    ExpectIs(p[0], format, first, "softmax of " + Describe(row));
    ExpectIs(p[1], format, second, "softmax of " + Describe(row));

    // lse = m + log(2 cosh(d / 2)), and the logarithms of the shares above.
    Real lse;
    mpfr_div_ui(lse.get(), z.d.get(), 2, MPFR_RNDN);
    mpfr_cosh(lse.get(), lse.get(), MPFR_RNDN);
    mpfr_mul_ui(lse.get(), lse.get(), 2, MPFR_RNDN);
    mpfr_log(lse.get(), lse.get(), MPFR_RNDN);
    mpfr_add(lse.get(), lse.get(), z.m.get(), MPFR_RNDN);
    ExpectIs(LogSumExp(row, GetParam()), format, lse, "logsumexp of " + Describe(row));
    const auto log_p = LogSoftmax(row, GetParam());
    for (Real* share : {&first, &second}) mpfr_log(share->get(), share->get(), MPFR_RNDN);
    ExpectIs(log_p[0], format, first, "log_softmax of " + Describe(row));
    ExpectIs(log_p[1], format, second, "log_softmax of " + Describe(row));
  }
}

TEST_P(ClosedForms, SigmoidIsHalfOfOnePlusTheHyperbolicTangentOfHalf) {
  std::mt19937 random(6);
  for (int i = 0; i < 3000; ++i) {
    const Format format = kFormats[i % 4];
    const double spans[] = {1e-30, 1, 10, 100, 700};
    const auto number = [&] { return spans[i % 5] * (std::ldexp(random(), -31) - 1); };
    const std::vector<double> x = {number()}, bias = {i % 3 == 0 ? number() : 0};
    const Row row = {.logits = x, .bias = bias, .temperature = 0.5 + std::ldexp(random(), -31), .format = format};
    Real want(x[0]);
    mpfr_div_d(want.get(), want.get(), row.temperature, MPFR_RNDN);
    mpfr_add_d(want.get(), want.get(), bias[0], MPFR_RNDN);
    mpfr_div_ui(want.get(), want.get(), 2, MPFR_RNDN);
    mpfr_tanh(want.get(), want.get(), MPFR_RNDN);
    mpfr_add_ui(want.get(), want.get(), 1, MPFR_RNDN);
    mpfr_div_ui(want.get(), want.get(), 2, MPFR_RNDN);
    ExpectIs(Sigmoid(row, GetParam())[0], format, want, "sigmoid of " + Describe(row));
  }
}

// z = 0, -a, -2a ... -(n - 1)a: the sum is (1 - exp(-n a)) / (1 - exp(-a)).
TEST_P(ClosedForms, AnArithmeticRowSumsAsAGeometricSeries) {
  for (const Format format : kFormats) {
    for (const double a : {0x1p-10, 0.375, 3.0, 40.0}) {
      constexpr int kCols = 200;
      std::vector<double> x;
      for (int j = 0; j < kCols; ++j) x.push_back(-j * a);
      const Row row = {.logits = x, .format = format};
      Real one_step(-a), all_steps(-a * kCols);
      mpfr_expm1(one_step.get(), one_step.get(), MPFR_RNDN);
      mpfr_expm1(all_steps.get(), all_steps.get(), MPFR_RNDN);
      Real share, lse;
      mpfr_div(share.get(), one_step.get(), all_steps.get(), MPFR_RNDN);
      ExpectIs(Softmax(row, GetParam())[0], format, share, "softmax of " + Describe(row));
      mpfr_log(share.get(), share.get(), MPFR_RNDN);
      ExpectIs(LogSoftmax(row, GetParam())[0], format, share, "log_softmax of " + Describe(row));
      mpfr_neg(lse.get(), share.get(), MPFR_RNDN);
      ExpectIs(LogSumExp(row, GetParam()), format, lse, "logsumexp of " + Describe(row));
    }
  }
}

TEST_P(ClosedForms, TheRatioOfTwoSharesIsTheExponentialOfTheirDistance) {
  std::mt19937 random(5);
  for (int i = 0; i < 100; ++i) {
    std::vector<double> x(2 + random() % 60);
    for (double& xi : x) xi = 20 * (std::ldexp(random(), -31) - 1);
    const double temperature = 0.5 + std::ldexp(random(), -31);
    const Row row = {.logits = x, .temperature = temperature};
    const auto p = Softmax(row, GetParam());
    for (std::size_t j = 1; j < x.size(); ++j) {
      // (log p_j - log p_0) T = x_j - x_0, with p = nearest + remainder ulp. Every share here is above 2^-125, so a
      // width w (in ulp) moves log p by less than 2^-22 w.
      Real a(p[j].remainder_ulp), b(p[0].remainder_ulp);
      mpfr_mul_d(a.get(), a.get(), p[j].ulp, MPFR_RNDN);
      mpfr_mul_d(b.get(), b.get(), p[0].ulp, MPFR_RNDN);
      mpfr_add_d(a.get(), a.get(), p[j].nearest, MPFR_RNDN);
      mpfr_add_d(b.get(), b.get(), p[0].nearest, MPFR_RNDN);
      mpfr_log(a.get(), a.get(), MPFR_RNDN);
      mpfr_log(b.get(), b.get(), MPFR_RNDN);
      mpfr_sub(a.get(), a.get(), b.get(), MPFR_RNDN);
      mpfr_mul_d(a.get(), a.get(), temperature, MPFR_RNDN);
      mpfr_sub_d(a.get(), a.get(), x[j], MPFR_RNDN);
      mpfr_add_d(a.get(), a.get(), x[0], MPFR_RNDN);
      const double slack = std::ldexp((p[j].width_ulp + p[0].width_ulp) * temperature, -22);
      EXPECT_LE(std::fabs(mpfr_get_d(a.get(), MPFR_RNDA)), slack) << Describe(row) << " entry " << j;
      EXPECT_LE(slack, 0x1p-60);
    }
  }
}

// MPFR keeps constants per thread; given back for LeakSanitizer.
class FreeCache : public testing::Environment {
 public:
  void TearDown() override { mpfr_free_cache(); }
};
[[maybe_unused]] const testing::Environment* const kFreeCache = testing::AddGlobalTestEnvironment(new FreeCache);

INSTANTIATE_TEST_SUITE_P(Tiers, ClosedForms, testing::Values(Tier::kReferee, Tier::kBulk),
                         [](const auto& tier_info) { return std::string(TierName(tier_info.param)); });

}  // namespace
}  // namespace assay::oracle
