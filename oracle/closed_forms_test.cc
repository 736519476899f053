// SPDX-License-Identifier: Apache-2.0
//
// The oracle against formulas it does not use: the logistic function through tanh, and ratios of shares. Computed with
// MPFR's C functions at 4000 bits, rounded to float by MPFR itself.

#include <gtest/gtest.h>
#include <mpfr.h>

#include <bit>
#include <cmath>
#include <random>
#include <vector>

#include "oracle/oracle.h"

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

// Expects `got` to describe `want`, to within its own width.
void ExpectIs(const Exact& got, Real& want, const std::string& what) {
  EXPECT_EQ(got.nearest, double{mpfr_get_flt(want.get(), MPFR_RNDN)}) << what;
  EXPECT_LE(got.width_ulp, 0x1p-40) << what;
  const double ulp = std::ldexp(1.0, std::max(static_cast<int>(mpfr_get_exp(want.get())) - 24, -149));
  EXPECT_EQ(got.ulp, ulp) << what;
  Real rest;
  mpfr_sub_d(rest.get(), want.get(), got.nearest, MPFR_RNDN);
  mpfr_div_d(rest.get(), rest.get(), ulp, MPFR_RNDN);
  mpfr_sub_d(rest.get(), rest.get(), got.remainder_ulp, MPFR_RNDN);
  EXPECT_LE(std::fabs(mpfr_get_d(rest.get(), MPFR_RNDA)), got.width_ulp) << what;
}

std::string Describe(const std::vector<float>& x, double temperature) {
  char text[160];
  std::snprintf(text, sizeof text, "softmax([%a, %a ...] / %a)", double{x[0]}, double{x[1]}, temperature);
  return text;
}

class ClosedForms : public testing::TestWithParam<Tier> {};

TEST_P(ClosedForms, TwoLogitsGiveTheLogisticFunctionOfTheirDifference) {
  std::mt19937 random(4);
  const float spans[] = {1e-30F, 1e-3F, 1, 10, 40, 110, 400};
  for (int i = 0; i < 3000; ++i) {
    const float span = spans[i % 7];
    std::vector<float> x(2);
    for (float& xi : x) xi = span * (std::ldexp(static_cast<float>(random()), -31) - 1);
    const double temperature = i % 3 == 0 ? 1.0 : 0.5 + std::ldexp(random(), -31);
    if (x[0] == x[1]) continue;
    const auto p = Softmax({x, {}, temperature}, GetParam());
    // (1 + tanh(d / 2)) / 2, d = (x0 - x1) / T. At 4000 bits no cancellation in reach (d > -2000) matters.
    Real d(double{x[0]});
    mpfr_sub_d(d.get(), d.get(), double{x[1]}, MPFR_RNDN);
    mpfr_div_d(d.get(), d.get(), 2 * temperature, MPFR_RNDN);
    mpfr_tanh(d.get(), d.get(), MPFR_RNDN);
    Real first(1), second(1);
    mpfr_add(first.get(), first.get(), d.get(), MPFR_RNDN);
    mpfr_sub(second.get(), second.get(), d.get(), MPFR_RNDN);
    mpfr_div_ui(first.get(), first.get(), 2, MPFR_RNDN);
    mpfr_div_ui(second.get(), second.get(), 2, MPFR_RNDN);
    ExpectIs(p[0], first, Describe(x, temperature));
    ExpectIs(p[1], second, Describe(x, temperature));
  }
}

TEST_P(ClosedForms, TheRatioOfTwoSharesIsTheExponentialOfTheirDistance) {
  std::mt19937 random(5);
  for (int i = 0; i < 100; ++i) {
    std::vector<float> x(2 + random() % 60);
    for (float& xi : x) xi = 20 * (std::ldexp(static_cast<float>(random()), -31) - 1);
    const double temperature = 0.5 + std::ldexp(random(), -31);
    const auto p = Softmax({x, {}, temperature}, GetParam());
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
      mpfr_sub_d(a.get(), a.get(), double{x[j]}, MPFR_RNDN);
      mpfr_add_d(a.get(), a.get(), double{x[0]}, MPFR_RNDN);
      const double slack = std::ldexp((p[j].width_ulp + p[0].width_ulp) * temperature, -22);
      EXPECT_LE(std::fabs(mpfr_get_d(a.get(), MPFR_RNDA)), slack) << Describe(x, temperature) << " entry " << j;
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
