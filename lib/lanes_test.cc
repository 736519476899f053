// SPDX-License-Identifier: Apache-2.0
//
// Numbers in lanes against the same in scalars, on every target: every 16-bit pattern, and doubles around every
// rounding boundary.

// clang-format off: foreach_target.h must come before anything that includes highway.h.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lanes_test.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
// clang-format on

#include "kernels.h"
#include "lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {

// n is a multiple of 8.
void LoadAll(int32_t dtype, const void* data, double* out, size_t n) {
  const size_t bytes = internal::BytesOf(dtype);
  for (size_t i = 0; i < n; i += Lanes()) {
    hn::StoreU(LoadNumbers(dtype, static_cast<const uint8_t*>(data) + i * bytes), Doubles(), out + i);
  }
}

void StoreAll(int32_t dtype, const double* values, void* out, size_t n) {
  const size_t bytes = internal::BytesOf(dtype);
  for (size_t i = 0; i < n; i += Lanes()) {
    const DoubleVec rounded = RoundNumbers(dtype, hn::LoadU(Doubles(), values + i));
    StoreNumbers(dtype, rounded, static_cast<uint8_t*>(out) + i * bytes);
  }
}

double LargestOf(const double* eight) { return LargestLane(hn::LoadU(Doubles(), eight)); }

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

namespace assay::internal {
namespace {

HWY_EXPORT(LoadAll);
HWY_EXPORT(StoreAll);
HWY_EXPORT(LargestOf);

// Of 16 bits; eight bytes, since the compiler cannot see that only two are read.
double NumberOf(std::int32_t dtype, std::uint16_t bits) {
  const std::uint16_t data[4] = {bits};
  return LoadNumber(dtype, data, 0);
}
std::uint16_t Stored(std::int32_t dtype, double value) {
  std::uint16_t data[4] = {1};
  StoreNumber(dtype, data, 0, value);
  return data[0];
}

TEST(LanesTest, ReadEverySixteenBitPatternAsTheScalarFormDoes) {
  std::vector<std::uint16_t> all(65536);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint16_t>(i);
  for (const std::int32_t dtype : {ASSAY_F16, ASSAY_BF16}) {
    for (std::size_t t = 0; TargetAt(t) != 0; ++t) {
      std::vector<double> got(all.size());
      HWY_DISPATCH_TABLE(LoadAll)[TableIndex(TargetAt(t))](dtype, all.data(), got.data(), got.size());
      for (std::size_t i = 0; i < all.size(); ++i) {
        const double want = NumberOf(dtype, all[i]);
        ASSERT_TRUE(std::isnan(want) ? std::isnan(got[i]) : std::memcmp(&got[i], &want, sizeof want) == 0)
            << assay_target_name(t) << " bits " << i << ": got " << got[i] << ", want " << want;
      }
    }
  }
}

// Each finite number of a 16-bit type, the midpoint to the next, and the doubles beside it, of both signs.
std::vector<double> Boundaries(std::int32_t dtype) {
  std::vector<double> values = {0.0, -0.0, HUGE_VAL, -HUGE_VAL, std::nan(""), 1e308, -1e308, 5e-324, 0x1p900, 0x1p899};
  for (std::uint32_t bits = 0; bits < 0x7FFF; ++bits) {
    const double low = NumberOf(dtype, static_cast<std::uint16_t>(bits));
    const double high = NumberOf(dtype, static_cast<std::uint16_t>(bits + 1));
    if (!std::isfinite(high)) break;
    const double middle = 0.5 * (low + high);
    for (const double value : {low, middle, std::nextafter(middle, 0), std::nextafter(middle, HUGE_VAL)}) {
      values.push_back(value);
      values.push_back(-value);
    }
  }
  const double max = MaxFiniteOf(dtype);
  const double ulp = dtype == ASSAY_F16 ? 32 : 0x1p120;
  for (const double value : {max + 0.5 * ulp, std::nextafter(max + 0.5 * ulp, 0), 2 * max}) {
    values.push_back(value);
    values.push_back(-value);
  }
  while (values.size() % 8 != 0) values.push_back(1);
  return values;
}

TEST(LanesTest, RoundOnceToNearestEvenAsTheScalarFormDoes) {
  for (const std::int32_t dtype : {ASSAY_F16, ASSAY_BF16}) {
    const std::vector<double> values = Boundaries(dtype);
    for (std::size_t t = 0; TargetAt(t) != 0; ++t) {
      std::vector<std::uint16_t> got(values.size());
      HWY_DISPATCH_TABLE(StoreAll)[TableIndex(TargetAt(t))](dtype, values.data(), got.data(), got.size());
      for (std::size_t i = 0; i < values.size(); ++i) {
        ASSERT_EQ(got[i], Stored(dtype, values[i])) << assay_target_name(t) << " value " << std::hexfloat << values[i];
      }
    }
  }
}

TEST(LanesTest, KnowTheLargestWhereAllAreInfinite) {
  for (const double low : {-HUGE_VAL, -1e308, 0.0}) {
    for (std::size_t t = 0; TargetAt(t) != 0; ++t) {
      const auto largest = HWY_DISPATCH_TABLE(LargestOf)[TableIndex(TargetAt(t))];
      std::vector<double> lanes(8, low);
      EXPECT_EQ(largest(lanes.data()), low) << assay_target_name(t);
      lanes[0] = 1;
      EXPECT_EQ(largest(lanes.data()), 1) << assay_target_name(t);
    }
  }
}

// Where nothing needs rounding, what is written reads as it was; halfway cases go to the even neighbour.
TEST(LanesTest, ScalarFormRoundsToEven) {
  EXPECT_EQ(Stored(ASSAY_F16, 1), 0x3C00);
  EXPECT_EQ(Stored(ASSAY_F16, 1 + 0x1p-11), 0x3C00);
  EXPECT_EQ(Stored(ASSAY_F16, 1 + 0x3p-11), 0x3C02);
  EXPECT_EQ(Stored(ASSAY_F16, 0x1p-25), 0);
  EXPECT_EQ(Stored(ASSAY_F16, 0x3p-25), 2);
  EXPECT_EQ(Stored(ASSAY_F16, 65519), 0x7BFF);
  EXPECT_EQ(Stored(ASSAY_F16, 65520), 0x7C00);
  EXPECT_EQ(Stored(ASSAY_F16, -0.0), 0);
  EXPECT_EQ(Stored(ASSAY_F16, -2), 0xC000);
  EXPECT_EQ(Stored(ASSAY_F16, std::nan("")), 0x7E00);
  EXPECT_EQ(Stored(ASSAY_BF16, 1 + 0x1p-8), 0x3F80);
  EXPECT_EQ(Stored(ASSAY_BF16, 1 + 0x3p-8), 0x3F82);
  EXPECT_EQ(Stored(ASSAY_BF16, -std::nan("")), 0x7FC0);
  EXPECT_EQ(Stored(ASSAY_BF16, 0x1p-134), 0);
  EXPECT_EQ(Stored(ASSAY_BF16, 0x1.8p-133), 2);
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const auto pattern = static_cast<std::uint16_t>(bits);
    for (const std::int32_t dtype : {ASSAY_F16, ASSAY_BF16}) {
      const double value = NumberOf(dtype, pattern);
      if (std::isnan(value) || pattern == 0x8000) continue;
      ASSERT_EQ(Stored(dtype, value), pattern);
    }
  }
}

}  // namespace
}  // namespace assay::internal
#endif  // HWY_ONCE
