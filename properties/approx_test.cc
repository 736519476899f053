// SPDX-License-Identifier: Apache-2.0

#include "properties/approx.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace assay::properties {
namespace {

constexpr long double kLongInf = std::numeric_limits<long double>::infinity();

bool Contains(const Approx& a, long double x) { return std::fabs(a.value - x) <= a.error; }

TEST(ApproxTest, CarriesTheErrorsOfItsOperands) {
  const Approx a(3.0L, 0.5L);
  const Approx b(-2.0L, 0.25L);
  for (const long double da : {-0.5L, 0.5L}) {
    for (const long double db : {-0.25L, 0.25L}) {
      const long double x = 3 + da;
      const long double y = -2 + db;
      EXPECT_TRUE(Contains(a + b, x + y));
      EXPECT_TRUE(Contains(a - b, x - y));
      EXPECT_TRUE(Contains(a * b, x * y));
      EXPECT_TRUE(Contains(OverT(a, 0.125), x * 8));
      EXPECT_TRUE(Contains(Abs(b), std::fabs(y)));
      EXPECT_TRUE(Contains(Min(a, b), y));
      EXPECT_TRUE(Contains(Max(a, b), x));
      EXPECT_TRUE(Contains(Exp(b), std::exp(y)));
    }
  }
  EXPECT_LT((a * b).error, 0.5L * 2 + 0.25L * 3 + 0.125L + 1e-15L);  // and no more than that
  EXPECT_LT(Exp(b).error, std::exp(-1.75L) - std::exp(-2.0L) + 1e-15L);
}

TEST(ApproxTest, CoversItsOwnRounding) {
  const Approx third = OverT(1.0, 3);
  EXPECT_GT(third.error, 0);
  EXPECT_LE(ZeroSeverity(third * 3.0 - 1.0), 1);
  EXPECT_LE(ZeroSeverity(OverT(1e300, 7) * 7.0 - 1e300), 1);
}

TEST(ApproxTest, KnowsNothingOfWhatIsNotFinite) {
  EXPECT_EQ(Approx(kInf).error, kLongInf);
  EXPECT_EQ(Approx(std::numeric_limits<double>::quiet_NaN()).error, kLongInf);
  EXPECT_EQ(ZeroSeverity(Approx(kInf) - 1.0), 0);
  EXPECT_EQ((Approx(0.0) * Approx(kInf)).error, 0) << "an exact zero is one whatever it is multiplied by";
  EXPECT_EQ(OverT(Approx(kInf), kInf).error, 0);
}

TEST(ApproxTest, SumsWithoutLosingSmallTerms) {
  Sum sum;
  sum.Add(1e18);
  for (int i = 0; i < 1000; ++i) sum.Add(0x1p-20);
  sum.Add(-1e18);
  EXPECT_NEAR(static_cast<double>(sum.Value().value), 1000 * 0x1p-20, 1e-12);
  EXPECT_LE(ZeroSeverity(sum.Value() - 1000 * 0x1p-20), 1);
  EXPECT_GT(ZeroSeverity(sum.Value() - 1001 * 0x1p-20), 1);
}

TEST(ApproxTest, SeverityCountsErrors) {
  EXPECT_DOUBLE_EQ(ZeroSeverity({3.0L, 2.0L}), 1.5);
  EXPECT_DOUBLE_EQ(ZeroSeverity({-3.0L, 2.0L}), 1.5);
  EXPECT_DOUBLE_EQ(NonnegativeSeverity({-3.0L, 2.0L}), 1.5);
  EXPECT_EQ(NonnegativeSeverity({3.0L, 2.0L}), 0);
  EXPECT_EQ(ZeroSeverity({1.0L, 0.0L}), kInf);
  EXPECT_EQ(ZeroSeverity({0.0L, 0.0L}), 0);
}

}  // namespace
}  // namespace assay::properties
