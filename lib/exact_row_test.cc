// SPDX-License-Identifier: Apache-2.0
//
// Rows in integers against closed forms, ties and cancellation; the agreement with the oracle is in
// ci/exact_row_test.cc.

#include "exact_row.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <limits>
#include <numbers>
#include <numeric>
#include <vector>

#include "number.h"
#include "ordered.h"

namespace assay::internal {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr std::int32_t kDtypes[] = {ASSAY_F32, ASSAY_F64, ASSAY_F16, ASSAY_BF16};

// A row in the memory of its type. x and b hold numbers of the type.
class StoredRow {
 public:
  StoredRow(std::int32_t dtype, std::vector<double> x, double temperature = 1, std::vector<double> b = {})
      : dtype_(dtype), n_(x.size()), temperature_(temperature), x_(Stored(x)), b_(Stored(b)) {}

  ExactRow Exact() const {
    return {{x_.data(), 1}, {b_.empty() ? nullptr : b_.data(), 1}, {}, dtype_, n_, temperature_};
  }
  double Nearest(assay_op op, std::size_t i, double low = -kInf, double high = kInf) const {
    return Exact().Nearest(op, i, low, high);
  }

 private:
  std::vector<std::uint8_t> Stored(const std::vector<double>& values) const {
    std::vector<std::uint8_t> bytes(values.size() * sizeof(double));
    for (std::size_t i = 0; i < values.size(); ++i) {
      EXPECT_EQ(RoundNumber(dtype_, values[i]), values[i]);
      StoreNumber(dtype_, bytes.data(), static_cast<std::ptrdiff_t>(i), values[i]);
    }
    return bytes;
  }

  std::int32_t dtype_;
  std::size_t n_;
  double temperature_;
  std::vector<std::uint8_t> x_, b_;
};

StoredRow F32(std::vector<double> x, double temperature = 1, std::vector<double> b = {}) {
  return {ASSAY_F32, std::move(x), temperature, std::move(b)};
}
StoredRow F64(std::vector<double> x, double temperature = 1, std::vector<double> b = {}) {
  return {ASSAY_F64, std::move(x), temperature, std::move(b)};
}

TEST(ExactRowTest, SharesEqualRowsEqually) {
  for (const std::int32_t dtype : kDtypes) {
    for (std::size_t k = 1; k <= 40; ++k) {
      const StoredRow row(dtype, std::vector<double>(k, -1.5), 0.7, std::vector<double>(k, 3));
      EXPECT_EQ(row.Nearest(ASSAY_SOFTMAX, k / 2), RoundNumber(dtype, 1 / static_cast<double>(k)));
    }
    EXPECT_EQ(StoredRow(dtype, {5, 5}).Nearest(ASSAY_LOG_SOFTMAX, 0), RoundNumber(dtype, -std::numbers::ln2));
    EXPECT_EQ(StoredRow(dtype, {0, 0}).Nearest(ASSAY_LOGSUMEXP, 0), RoundNumber(dtype, std::numbers::ln2));
    const StoredRow ten(dtype, std::vector<double>(10, 0));
    EXPECT_EQ(ten.Nearest(ASSAY_LOGSUMEXP, 0), RoundNumber(dtype, std::numbers::ln10));
    EXPECT_EQ(StoredRow(dtype, {0}).Nearest(ASSAY_SIGMOID, 0), 0.5);
    EXPECT_EQ(StoredRow(dtype, {-7}).Nearest(ASSAY_SOFTMAX, 0), 1);
    EXPECT_FALSE(std::signbit(StoredRow(dtype, {-7}).Nearest(ASSAY_LOG_SOFTMAX, 0)));
    EXPECT_EQ(StoredRow(dtype, {-7}).Nearest(ASSAY_LOG_SOFTMAX, 0), 0);
  }
}

// 1/2^25 is halfway between 0 and the smallest f16. The row repeats one entry by a stride of 0.
TEST(ExactRowTest, TiesToZeroWhereF16ShareIsHalfTheSmallest) {
  const std::uint16_t x = 0x3C00;
  ExactRow row({&x, 0}, {}, {}, ASSAY_F16, std::size_t{1} << 25, 1);
  EXPECT_EQ(row.Nearest(ASSAY_SOFTMAX, 0, 0x1p-26, 0x1p-24), 0);
}

TEST(ExactRowTest, GivesTheLogisticOfTwoEntries) {
  for (const std::int32_t dtype : kDtypes) {
    for (const double z : {-700.0, -90.0, -16.0, -1.0, -0x1p-7, 0x1p-7, 1.0, 9.0, 16.0, 90.0, 700.0}) {
      const StoredRow pair(dtype, {0, RoundNumber(dtype, z)});
      const double share = pair.Nearest(ASSAY_SOFTMAX, 1);
      EXPECT_EQ(share, pair.Nearest(ASSAY_SIGMOID, 1)) << z;
      EXPECT_EQ(StoredRow(dtype, {0}, 3, {RoundNumber(dtype, z)}).Nearest(ASSAY_SIGMOID, 0), share) << z;
    }
  }
}

TEST(ExactRowTest, RoundsSingleEntriesOnceAndTiesToEven) {
  const double ulp = 0x1p-23;
  // 1 + 2^-24 and 1 + 3 2^-24 are halfway between two f32.
  EXPECT_EQ(F32({1}, 0x1p+24, {1}).Nearest(ASSAY_LOGSUMEXP, 0), 1);
  EXPECT_EQ(F32({1}, 0x1p+24, {1 + ulp}).Nearest(ASSAY_LOGSUMEXP, 0), 1 + 2 * ulp);
  EXPECT_EQ(F32({-1}, 0x1p+24, {-1 - ulp}).Nearest(ASSAY_LOGSUMEXP, 0), -1 - 2 * ulp);
  EXPECT_EQ(F32({-1}, 0x1p+24, {-1}).Nearest(ASSAY_LOGSUMEXP, 0), -1);
  // A hair to either side; an entry too small for any width is one too.
  EXPECT_EQ(F32({1}, 0x1.fffffffffffffp+23, {1}).Nearest(ASSAY_LOGSUMEXP, 0), 1 + ulp);
  EXPECT_EQ(F32({1}, 0x1.0000000000001p+24, {1 + ulp}).Nearest(ASSAY_LOGSUMEXP, 0), 1 + ulp);
  EXPECT_EQ(F32({1, -0x1p+120}, 0x1p+24, {1, -0x1p+100}).Nearest(ASSAY_LOGSUMEXP, 0), 1 + ulp);
  // Beyond the largest f32 by half its unit: infinite; by less: not.
  const double max = MaxFiniteOf(ASSAY_F32);
  EXPECT_EQ(F32({0x1p+103}, 1, {max}).Nearest(ASSAY_LOGSUMEXP, 0), kInf);
  EXPECT_EQ(F32({0x1.fffffep+102}, 1, {max}).Nearest(ASSAY_LOGSUMEXP, 0), max);
  EXPECT_EQ(F32({-0x1p+103}, 1, {-max}).Nearest(ASSAY_LOGSUMEXP, 0), -kInf);
  EXPECT_EQ(F64({0x1p+1023}, 0x1p-1074).Nearest(ASSAY_LOGSUMEXP, 0), kInf);
  EXPECT_EQ(F64({0x1p-1074}, 0x1p-1074).Nearest(ASSAY_LOGSUMEXP, 0), 1);
  // Below half the smallest: 0, and +0.
  EXPECT_EQ(F32({0x1p-149}, 2).Nearest(ASSAY_LOGSUMEXP, 0), 0);
  EXPECT_FALSE(std::signbit(F32({-0x1p-149}, 2).Nearest(ASSAY_LOGSUMEXP, 0)));
  EXPECT_EQ(F32({0x1p-149}, 1.9).Nearest(ASSAY_LOGSUMEXP, 0), 0x1p-149);
}

TEST(ExactRowTest, LetsATailOfKnownSignDecideATie) {
  // -2 - 2^25 is halfway between two f32; log(1 + exp(-2^25 - 2)) takes it down.
  EXPECT_EQ(F32({0x1p+25, -2}).Nearest(ASSAY_LOG_SOFTMAX, 1), -0x1p+25 - 4);
  EXPECT_EQ(F32({0x1p+25, -6}).Nearest(ASSAY_LOG_SOFTMAX, 1), -0x1p+25 - 8);
  EXPECT_EQ(F32({0x1p+103, -0x1p+127}).Nearest(ASSAY_LOG_SOFTMAX, 1), -0x1.000002p+127);
  EXPECT_FALSE(std::signbit(F32({0x1p+103, -0x1p+127}).Nearest(ASSAY_LOG_SOFTMAX, 0)));
  EXPECT_EQ(F32({0x1p+103, -0x1p+127}).Nearest(ASSAY_LOG_SOFTMAX, 0), 0);
  // With a third entry of the same size as the first, log 2 does.
  EXPECT_EQ(F32({0x1p+25, 0x1p+25, -2}).Nearest(ASSAY_LOG_SOFTMAX, 2), -0x1p+25 - 4);
}

TEST(ExactRowTest, KeepsSubnormalResults) {
  // log(2^-1074) = -744.44, log(2^-1075) = -745.13.
  EXPECT_EQ(F64({0, -745}).Nearest(ASSAY_SOFTMAX, 1), 0x1p-1074);
  EXPECT_EQ(F64({0, -746}).Nearest(ASSAY_SOFTMAX, 1), 0);
  EXPECT_EQ(F64({-745}).Nearest(ASSAY_SIGMOID, 0), 0x1p-1074);
  EXPECT_EQ(F64({0, -745}).Nearest(ASSAY_LOG_SOFTMAX, 0), -0x1p-1074);
  EXPECT_EQ(F64({0, -745}).Nearest(ASSAY_LOGSUMEXP, 0), 0x1p-1074);
  EXPECT_EQ(F64({0, -746}).Nearest(ASSAY_LOGSUMEXP, 0), 0);
}

TEST(ExactRowTest, CancelsWhateverIsHuge) {
  const double huge = static_cast<double>(1e30f);
  const double e1 = F32({-1}).Nearest(ASSAY_SIGMOID, 0);
  EXPECT_EQ(F32({huge, -1}, 1, {-huge, 0}).Nearest(ASSAY_SOFTMAX, 1), e1);
  EXPECT_EQ(F32({huge, huge}, 1, {-huge, 0}).Nearest(ASSAY_SOFTMAX, 0), 0);
  // x / T = 2^1020, -b the same; an ulp of x is 2^968.
  const double f1 = F64({-1}).Nearest(ASSAY_SIGMOID, 0);
  EXPECT_EQ(F64({0x1p+1000, 0}, 0x1p-20, {-0x1p+1020, -1}).Nearest(ASSAY_SOFTMAX, 1), f1);
  EXPECT_EQ(F64({0x1.0000000000001p+1000, 0}, 0x1p-20, {-0x1p+1020, -1}).Nearest(ASSAY_SOFTMAX, 1), 0);
  // Differences that overflow a double.
  const double max = MaxFiniteOf(ASSAY_F64);
  EXPECT_EQ(F64({max, -max}, max, {-2, -1}).Nearest(ASSAY_SOFTMAX, 1), f1);
  EXPECT_EQ(F64({max, -max}, 1, {-max, max}).Nearest(ASSAY_SOFTMAX, 1), 0.5);
  EXPECT_EQ(F64({max, -max}, 0x1p-1074, {-1, max}).Nearest(ASSAY_LOG_SOFTMAX, 1), -kInf);
  // Exponents that differ by 2^-2074.
  const StoredRow close = F64({0x1p-1074, 0}, 0x1p+1000);
  EXPECT_EQ(close.Exact().CompareZ(0, 1), 1);
  EXPECT_EQ(close.Nearest(ASSAY_SOFTMAX, 1), 0.5);
}

TEST(ExactRowTest, ComparesAndFindsTheLargest) {
  const double third = 0x1.5555555555555p-2;  // below 1/3: 1/3 + -third is positive
  const StoredRow row = F64({0, 1, 2, 1}, 3, {0, -third, -2 * third, -third});
  ExactRow exact = row.Exact();
  EXPECT_EQ(exact.CompareZ(0, 1), -1);
  EXPECT_EQ(exact.CompareZ(1, 0), 1);
  EXPECT_EQ(exact.CompareZ(1, 2), -1);
  EXPECT_EQ(exact.CompareZ(1, 3), 0);
  EXPECT_EQ(exact.CompareZ(1, 1), 0);
  EXPECT_EQ(exact.Largest(), 2u);
}

TEST(ExactRowTest, SeesOnlyWhatIsVisible) {
  const float x[] = {1, std::numeric_limits<float>::quiet_NaN(), 2, -std::numeric_limits<float>::infinity(), 9, 1};
  const float b[] = {0, 0, -1, 0, -std::numeric_limits<float>::infinity(), 0};
  const std::uint8_t mask[] = {1, 0, 255, 1, 1, 2};
  ExactRow row({x, 1}, {b, 1}, {mask, 1}, ASSAY_F32, 6, 1);
  EXPECT_EQ(row.Nearest(ASSAY_SOFTMAX, 2, 0, 1), static_cast<double>(1.0f / 3.0f));
  EXPECT_EQ(row.Largest(), 0u);
}

TEST(ExactRowTest, ServesTheLimitsOfTemperature) {
  const StoredRow zero = F32({3, 5, 5, 4}, 0, {9, 1, 0, 90});
  const double share = F32({1, 0}).Nearest(ASSAY_SOFTMAX, 0);
  EXPECT_EQ(zero.Nearest(ASSAY_SOFTMAX, 1), share);
  EXPECT_EQ(zero.Nearest(ASSAY_SOFTMAX, 0), 0);
  EXPECT_EQ(zero.Nearest(ASSAY_LOG_SOFTMAX, 3), -kInf);
  EXPECT_EQ(F32({3, 5, 5, 4}, 0).Nearest(ASSAY_SOFTMAX, 2), 0.5);
  EXPECT_EQ(F32({3, 5}, kInf, {1, 0}).Nearest(ASSAY_SOFTMAX, 0), share);
  EXPECT_EQ(F32({3, 5}, kInf).Nearest(ASSAY_SOFTMAX, 0), 0.5);
  EXPECT_EQ(F64({MaxFiniteOf(ASSAY_F64), -MaxFiniteOf(ASSAY_F64)}, kInf).Nearest(ASSAY_SOFTMAX, 0), 0.5);
  EXPECT_EQ(F32({3, -3, 0}, 0, {1, 1, 0}).Nearest(ASSAY_SIGMOID, 0), 1);
  EXPECT_EQ(F32({3, -3, 0}, 0, {1, 1, 0}).Nearest(ASSAY_SIGMOID, 1), 0);
  EXPECT_EQ(F32({3, -3, 0}, 0, {1, 1, 0}).Nearest(ASSAY_SIGMOID, 2), 0.5);
}

// A row whose share of entry 0 is brought to a midpoint by `levels` entries more, each the largest that leaves it
// above.
std::vector<double> Tuned(std::int32_t dtype, std::vector<double> x, double temperature, int levels) {
  const double above = StoredRow(dtype, x, temperature).Nearest(ASSAY_SOFTMAX, 0, 0, 1);
  for (int level = 0; level < levels; ++level) {
    x.push_back(0);
    std::int64_t low = PlaceInOrder(dtype, -3000);
    std::int64_t high = 0;
    while (low + 1 < high) {
      const std::int64_t place = std::midpoint(low, high);
      x.back() = NumberAt(dtype, place);
      const double below = NumberAt(dtype, PlaceInOrder(dtype, above) - 1);
      (StoredRow(dtype, x, temperature).Nearest(ASSAY_SOFTMAX, 0, below, above) == above ? low : high) = place;
    }
    x.back() = NumberAt(dtype, low);
  }
  return x;
}

// The wanted floats are the oracle's (properties/regressions/tuned_to_midpoint_*.json).
TEST(ExactRowTest, DecidesTunedRowsInEveryOrder) {
  struct Known {
    std::vector<double> x;
    double want;
  };
  const Known rows[] = {
      {{-0x1.8p-23, 0, -0x1.88c3eep+5, -0x1.f1b5b8p+5, -0x1.2da1eep+6}, 0x1.fffffep-2},
      {{-0x1.3p-20, 0, -0x1.5c772cp+5, -0x1.c31ac8p+5, -0x1.149062p+6}, 0x1.ffffeep-2},
  };
  for (const Known& row : rows) {
    EXPECT_EQ(F32(row.x).Nearest(ASSAY_SOFTMAX, 0), row.want);
    std::vector<double> x = row.x;
    std::sort(x.begin(), x.end());
    do {
      const auto at = static_cast<std::size_t>(std::find(x.begin(), x.end(), row.x[0]) - x.begin());
      EXPECT_EQ(F32(x).Nearest(ASSAY_SOFTMAX, at), row.want);
    } while (std::next_permutation(x.begin(), x.end()));
  }
  // Ten levels: some 240 bits from the midpoint. The next number up in the last entry is on the other side.
  std::vector<double> x = Tuned(ASSAY_F32, {0, -0.5}, 0.7, 10);
  const double above = F32(x, 0.7).Nearest(ASSAY_SOFTMAX, 0);
  x.back() = NumberAt(ASSAY_F32, PlaceInOrder(ASSAY_F32, x.back()) + 1);
  EXPECT_LT(F32(x, 0.7).Nearest(ASSAY_SOFTMAX, 0), above);
}

// In place: once the questions have been asked, the same ones need nothing of the row but the entry itself.
TEST(ExactRowTest, RemembersWhatItNeedsOfAnOverwrittenRow) {
  std::vector<float> x = {0.0f, -0.5f, -1.25f};
  ExactRow row({x.data(), 1}, {}, {}, ASSAY_F32, x.size(), 0.7);
  std::vector<double> want;
  for (std::size_t i = 0; i < x.size(); ++i) want.push_back(row.Nearest(ASSAY_LOG_SOFTMAX, i, -kInf, 0));
  for (std::size_t i = 0; i < x.size(); ++i) {
    EXPECT_EQ(row.Nearest(ASSAY_LOG_SOFTMAX, i, -kInf, 0), want[i]);
    x[i] = 1e9f;
  }
}

TEST(ExactRowTest, CostsWhatThisPrints) {
  for (const std::int32_t dtype : {ASSAY_F32, ASSAY_F64}) {
    std::vector<double> x;
    for (int i = 0; i < 1000; ++i) x.push_back(RoundNumber(dtype, std::sin(i) * 10));
    const int levels = dtype == ASSAY_F32 ? 8 : 3;
    for (const bool tuned : {false, true}) {
      if (tuned) x = Tuned(dtype, x, 0.7, levels);
      const StoredRow row(dtype, x, 0.7);
      ExactRow exact = row.Exact();
      const double rough = exact.Nearest(ASSAY_SOFTMAX, 0, 0, 1);
      ExactRow again = row.Exact();
      const auto time = [&](std::size_t i) {
        const std::clock_t start = std::clock();  // of this process: others may be busy
        const double p = again.Nearest(ASSAY_SOFTMAX, i, rough * 0.9999999, rough * 1.0000001);
        EXPECT_GT(p, 0);
        return 1e6 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
      };
      const double first = time(0);
      std::printf("%s, 1000 entries%s: the first result %.0f us, again %.1f us\n", dtype == ASSAY_F32 ? "f32" : "f64",
                  tuned ? ", tuned" : "", first, time(0));
    }
  }
}

}  // namespace
}  // namespace assay::internal
