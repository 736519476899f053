// SPDX-License-Identifier: Apache-2.0
//
// What is decided exactly about z = x / T + bias, against cases made equal or unequal by construction.

#include "oracle/exact_order.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace assay::oracle {
namespace {

TEST(CompareZTest, SeesEqualityAcrossLogitAndBias) {
  EXPECT_EQ(CompareZ({3, 1}, {1, 2}, 2), 0);
  EXPECT_EQ(CompareZ({1e300, 0}, {0, 1e300}, 1), 0);
  EXPECT_EQ(CompareZ({0.3, 0}, {0, 0.3 / 8}, 8), 0);
  EXPECT_EQ(CompareZ({0.0, 1}, {-0.0, 1}, 5e-324), 0);
  // T (b_j - b_i) = 3 * 2^-1074 exactly, far below the doubles.
  EXPECT_EQ(CompareZ({0x3p-1074, 0}, {0, 0x3p-1074}, 1), 0);
}

TEST(CompareZTest, SeesTheLeastDifference) {
  EXPECT_EQ(CompareZ({1, 1}, {1, 1 + 0x1p-52}, 1e300), -1);
  EXPECT_EQ(CompareZ({1 + 0x1p-52, 1}, {1, 1}, 1e300), 1);
  EXPECT_EQ(CompareZ({0.3, 0}, {0, 0.1}, 3), -1) << "0.1 is above 0.3 / 3 in double";
  EXPECT_EQ(CompareZ({0.1, 0}, {0.3, -0.2}, 1), 1) << "in double too, by 2^-55";
  EXPECT_EQ(CompareZ({1e300, 5e-324}, {0, 1e300}, 1), 1);
  EXPECT_EQ(CompareZ({-1e300, -5e-324}, {0, -1e300}, 1), -1);
  EXPECT_EQ(CompareZ({1.7e308, 1.7e308}, {-1.7e308, -1.7e308}, 5e-324), 1) << "z overflows a double";
  EXPECT_EQ(CompareZ({0x1p1023, -0x1p1023}, {0, 5e-324}, 1), -1);
}

TEST(CompareZTest, IsTheOrderOfIntegersAndAntisymmetric) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 100000; ++i) {
    // z T = x + T bias, in integers below 2^60.
    const auto integer = [&random] { return static_cast<long>(random() % 2001) - 1000; };
    const long t = 1 + static_cast<long>(random() % 5);
    const long ax = integer(), ab = integer() / 100, bx = integer(), bb = integer() / 100;
    const long left = ax + t * ab, right = bx + t * bb;
    const double scale = std::ldexp(1, static_cast<int>(random() % 1800) - 1000);
    const Argument a = {static_cast<double>(ax) * scale, static_cast<double>(ab) * scale};
    const Argument b = {static_cast<double>(bx) * scale, static_cast<double>(bb) * scale};
    const int want = (left > right) - (left < right);
    EXPECT_EQ(CompareZ(a, b, static_cast<double>(t)), want) << ax << " " << ab << " " << bx << " " << bb << " " << t;
    EXPECT_EQ(CompareZ(b, a, static_cast<double>(t)), -want);
  }
}

TEST(DifferenceOfZTest, IsAPointWhereItFitsAndElseTheTightestEnclosure) {
  const SignedInterval point = DifferenceOfZ({9, 1}, {0, 4.5}, 3);
  EXPECT_EQ(point.sign, -1);
  EXPECT_EQ(point.magnitude.lo, PowerOfTwo(-1));
  EXPECT_EQ(point.magnitude.hi, PowerOfTwo(-1));
  const SignedInterval third = ZOf({1, 0}, 3);
  EXPECT_EQ(third.sign, 1);
  EXPECT_EQ(third.magnitude.lo, Reciprocal(3).lo);
  EXPECT_EQ(third.magnitude.hi, Reciprocal(3).hi);
  EXPECT_EQ(ZOf({6, -2}, 3).sign, 0);
  EXPECT_EQ(ZOf({6, -2}, 3).magnitude.hi, Dyadic{});
  // 1 + 2^-1074 needs 1075 bits.
  const SignedInterval above = ZOf({1, 0x1p-1074}, 1);
  EXPECT_EQ(above.magnitude.lo, PowerOfTwo(0));
  EXPECT_TRUE(Less(PowerOfTwo(0), above.magnitude.hi));
  EXPECT_EQ(ZOf({0x1p1023, 0}, 0x1p-1074).magnitude.hi, PowerOfTwo(2097));
}

TEST(ApproximateDifferenceTest, KeepsItsBound) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 100000; ++i) {
    const auto number = [&random] {
      return std::ldexp(static_cast<double>(random() >> 11) - 0x1p52, static_cast<int>(random() % 60) - 80);
    };
    const Argument a = {number(), number()};
    const Argument b = {number(), i % 3 == 0 ? a.bias : number()};
    const double t = std::fabs(number()) + 0x1p-60;
    const Approximate got = ApproximateDifference(a, b, t);
    const SignedInterval want = DifferenceOfZ(a, b, t);
    const auto value = [](const Dyadic& x) {
      return std::ldexp(static_cast<long double>(x.high), static_cast<int>(x.exponent + 64));
    };
    EXPECT_LE(std::fabs(got.value - want.sign * value(want.magnitude.lo)), got.error * (1 + 0x1p-3L));
    EXPECT_LE(got.error, 0x1p-59L * (std::fabs((a.x - b.x) / t) + std::fabs(a.bias - b.bias)));
  }
}

}  // namespace
}  // namespace assay::oracle
