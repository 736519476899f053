// SPDX-License-Identifier: Apache-2.0

#include "subjects/random.h"

#include <gtest/gtest.h>

#include <cmath>

namespace assay::subjects {
namespace {

TEST(RandomTest, LogAgreesWithTheLibrary) {
  Random random(5, 0);
  for (int i = 0; i < 100'000; ++i) {
    const double x = std::ldexp(0.5 + random.Uniform(), -static_cast<int>(random.Below(1000)));
    const double want = std::log(x);
    EXPECT_NEAR(PortableLog(x), want, std::fmax(std::fabs(want), 1) * 0x1p-50) << x;
  }
  EXPECT_EQ(PortableLog(1), 0);
}

TEST(RandomTest, NormalHasTheMomentsOfANormal) {
  constexpr int kCount = 400'000;
  Random random(9, 1);
  double sum = 0;
  double squares = 0;
  double cubes = 0;
  double fourths = 0;
  int beyond_two = 0;
  for (int i = 0; i < kCount; ++i) {
    const double x = random.Normal();
    sum += x;
    squares += x * x;
    cubes += x * x * x;
    fourths += x * x * x * x;
    beyond_two += std::fabs(x) > 2 ? 1 : 0;
  }
  // Five standard errors each: sqrt(1, 2, 15, 96 / N); the share beyond 2 is erfc(sqrt 2) = 0.0455003.
  const double unit = 5 / std::sqrt(kCount);
  EXPECT_NEAR(sum / kCount, 0, unit);
  EXPECT_NEAR(squares / kCount, 1, unit * std::sqrt(2));
  EXPECT_NEAR(cubes / kCount, 0, unit * std::sqrt(15));
  EXPECT_NEAR(fourths / kCount, 3, unit * std::sqrt(96));
  EXPECT_NEAR(static_cast<double>(beyond_two) / kCount, 0.0455003, unit * 0.21);
}

TEST(RandomTest, StreamsAreTheirKeysAndNothingElse) {
  Random a(1, 2);
  Random b(1, 2);
  Random other_stream(1, 3);
  Random other_seed(2, 2);
  for (int i = 0; i < 100; ++i) {
    const std::uint64_t bits = a.Bits();
    EXPECT_EQ(bits, b.Bits());
    EXPECT_NE(bits, other_stream.Bits());
    EXPECT_NE(bits, other_seed.Bits());
  }
  for (int i = 0; i < 1000; ++i) {
    EXPECT_LT(a.Below(7), 7u);
    const double u = a.Uniform();
    EXPECT_GE(u, 0);
    EXPECT_LT(u, 1);
  }
}

}  // namespace
}  // namespace assay::subjects
