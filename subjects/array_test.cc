// SPDX-License-Identifier: Apache-2.0

#include "subjects/array.h"

#include <fenv.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "subjects/random.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace assay::subjects {
namespace {

constexpr Element kFloats[] = {Element::kF32, Element::kF64, Element::kF16, Element::kBF16};

// The value of a 16-bit pattern as the standard defines it, by ldexp.
double ByDefinition(Element element, unsigned bits) {
  const int fraction = element == Element::kF16 ? 10 : 7;
  const int exponents = 15 - fraction;
  const int bias = (1 << (exponents - 1)) - 1;
  const int exponent = static_cast<int>(bits >> fraction) & ((1 << exponents) - 1);
  const int significand = static_cast<int>(bits & ((1U << fraction) - 1));
  const double sign = bits >> 15 != 0 ? -1 : 1;
  if (exponent == (1 << exponents) - 1) return significand != 0 ? NAN : sign * INFINITY;
  if (exponent == 0) return sign * std::ldexp(significand, 1 - bias - fraction);
  return sign * std::ldexp(significand + (1 << fraction), exponent - bias - fraction);
}

std::uint64_t BitsOf(Element element, double value) {
  Array one(element, 1);
  one.Set(0, value);
  return one.Bits(0);
}

class SixteenBitTest : public testing::TestWithParam<Element> {};

TEST_P(SixteenBitTest, EveryPatternHasItsValueAndReturns) {
  Array one(GetParam(), 1);
  for (unsigned bits = 0; bits < 1U << 16; ++bits) {
    one.SetBits(0, bits);
    const double value = one[0];
    const double want = ByDefinition(GetParam(), bits);
    if (std::isnan(want)) {
      ASSERT_TRUE(std::isnan(value)) << bits;
      ASSERT_EQ(std::signbit(value), bits >> 15 != 0) << bits;
      ASSERT_EQ(BitsOf(GetParam(), value), GetParam() == Element::kF16 ? 0x7E00 : 0x7FC0);
    } else {
      ASSERT_EQ(std::bit_cast<std::uint64_t>(value), std::bit_cast<std::uint64_t>(want)) << bits;
      ASSERT_EQ(BitsOf(GetParam(), value), bits);
    }
  }
}

TEST_P(SixteenBitTest, EveryMidpointGoesToTheEvenNeighbour) {
  const unsigned infinity = GetParam() == Element::kF16 ? 0x7C00 : 0x7F80;
  const double beyond = 2 * FormatOf(GetParam()).max_finite - ByDefinition(GetParam(), infinity - 2);
  for (unsigned bits = 0; bits < infinity; ++bits) {
    const double low = ByDefinition(GetParam(), bits);
    const double high = bits + 1 == infinity ? beyond : ByDefinition(GetParam(), bits + 1);
    const double middle = low / 2 + high / 2;
    for (const unsigned sign : {0U, 0x8000U}) {
      const double s = sign == 0 ? 1 : -1;
      ASSERT_EQ(BitsOf(GetParam(), s * middle), sign | (bits % 2 == 0 ? bits : bits + 1)) << bits;
      ASSERT_EQ(BitsOf(GetParam(), s * std::nextafter(middle, 0.0)), sign | bits) << bits;
      ASSERT_EQ(BitsOf(GetParam(), s * std::nextafter(middle, HUGE_VAL)), sign | (bits + 1)) << bits;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Array, SixteenBitTest, testing::Values(Element::kF16, Element::kBF16),
                         [](const auto& param) { return std::string(ElementName(param.param)); });

// Doubles of every exponent, and those next to a f32, a midpoint of two, and the ends of the range.
template <class Visit>
void ForEachDouble(Visit visit) {
  Random random(1, 1);
  for (std::uint64_t i = 0; i < 4096 * 64; ++i) {
    const std::uint64_t tail[] = {random.Bits(), 0, 0x10000000, 0x0FFFFFFF, 0x10000001, 0x30000000, ~std::uint64_t{0}};
    const std::uint64_t fraction =
        (random.Bits() & ~std::uint64_t{0x3FFFFFFF}) | (tail[i % std::size(tail)] & 0x3FFFFFFF);
    visit(std::bit_cast<double>((i / 64) << 52 | (fraction & 0xFFFFFFFFFFFFF)));
  }
}

TEST(ArrayTest, RoundsToF32AsTheMachineDoes) {
  ForEachDouble([](double x) {
    const auto got = static_cast<std::uint32_t>(BitsOf(Element::kF32, x));
    const std::uint32_t want = std::isnan(x) ? 0x7FC00000 : std::bit_cast<std::uint32_t>(static_cast<float>(x));
    ASSERT_EQ(got, want) << std::hexfloat << x;
    const double back = RoundTo(Element::kF32, x);
    if (!std::isnan(x)) {
      ASSERT_EQ(back, static_cast<double>(static_cast<float>(x))) << std::hexfloat << x;
    }
  });
}

TEST(ArrayTest, KeepsEveryDouble) {
  ForEachDouble([](double x) {
    const auto want = std::isnan(x) ? 0x7FF8000000000000 : std::bit_cast<std::uint64_t>(x);
    ASSERT_EQ(BitsOf(Element::kF64, x), want);
  });
}

#if defined(__x86_64__)
TEST(ArrayTest, DoesNotDependOnTheCallersEnvironment) {
  std::vector<std::uint64_t> want;
  const auto visit = [](std::vector<std::uint64_t>* bits) {
    ForEachDouble([&](double x) {
      for (const Element element : kFloats) bits->push_back(BitsOf(element, x));
      bits->push_back(std::bit_cast<std::uint64_t>(RoundTo(Element::kBF16, x)));
    });
  };
  visit(&want);
  for (const int mode : {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO}) {
    fenv_t caller;
    fegetenv(&caller);
    fesetround(mode);
    _mm_setcsr(_mm_getcsr() | 0x8040);  // FTZ, DAZ
    std::vector<std::uint64_t> got;
    visit(&got);
    fesetenv(&caller);
    EXPECT_TRUE(got == want) << mode;
  }
}
#endif

TEST(ArrayTest, KnowsTheFormats) {
  EXPECT_EQ(FormatOf(Element::kF16).max_finite, 65504);
  EXPECT_EQ(FormatOf(Element::kF16).Roundoff(), 0x1p-11);
  EXPECT_EQ(FormatOf(Element::kF16).min_ulp_log2, -24);
  EXPECT_EQ(FormatOf(Element::kBF16).max_finite, 0x1.fep127);
  EXPECT_EQ(FormatOf(Element::kBF16).min_ulp_log2, -133);
  EXPECT_EQ(FormatOf(Element::kF32).max_finite, static_cast<double>(std::numeric_limits<float>::max()));
  EXPECT_EQ(FormatOf(Element::kF32).precision, 24);
  EXPECT_EQ(FormatOf(Element::kF64).max_finite, std::numeric_limits<double>::max());
  EXPECT_EQ(FormatOf(Element::kF64).min_ulp_log2, -1074);
  EXPECT_THROW(FormatOf(Element::kI64), std::invalid_argument);
}

TEST(ArrayTest, KnowsTheUlp) {
  EXPECT_EQ(UlpOf(Element::kF32, 1.0), 0x1p-23);
  EXPECT_EQ(UlpOf(Element::kF32, -0x1.fffffep0), 0x1p-23);
  EXPECT_EQ(UlpOf(Element::kF32, 0x1p-126), 0x1p-149);
  EXPECT_EQ(UlpOf(Element::kF32, 0), 0x1p-149);
  EXPECT_EQ(UlpOf(Element::kF16, INFINITY), 0x1p-24);
  EXPECT_EQ(UlpOf(Element::kF16, NAN), 0x1p-24);
  EXPECT_EQ(UlpOf(Element::kBF16, 256), 2);
  EXPECT_EQ(UlpOf(Element::kF64, 0x1p-1074), 0x1p-1074);
  EXPECT_EQ(UlpOf(Element::kF64, 0x1p-1021), 0x1p-1073);
}

TEST(ArrayTest, HoldsIntegers) {
  Array labels(Element::kI64, {-1.9, 3.9, 1e300, -1e300, NAN});
  EXPECT_EQ(labels.Bits(0), ~std::uint64_t{0});
  EXPECT_EQ(labels[1], 3);
  EXPECT_EQ(labels.Bits(2), 0x7FFFFFFFFFFFFFFF);
  EXPECT_EQ(labels.Bits(3), 0x8000000000000000);
  EXPECT_EQ(labels.Bits(4), 0);
  const Array mask(Element::kU8, {-1, 1, 255, 256});
  EXPECT_EQ(mask[0], 0);
  EXPECT_EQ(mask[2], 255);
  EXPECT_EQ(mask[3], 255);
}

TEST(ArrayTest, IsAVectorOfItsElements) {
  for (const Element element : {Element::kF32, Element::kF64, Element::kF16, Element::kBF16, Element::kI64}) {
    Array a(element, {1, 2, 3, 4, 5});
    EXPECT_EQ(a.size_bytes(), 5 * BytesOf(element));
    EXPECT_EQ(a.Slice(1, 2), Array(element, {2, 3}));
    EXPECT_EQ(a.Slice(5, 0), Array(element));
    EXPECT_THROW(a.Slice(4, 2), std::out_of_range);
    a.Filter([](std::size_t i) { return i % 2 == 0; });
    EXPECT_EQ(a, Array(element, {1, 3, 5}));
    a.Append(a);
    a.PushBack(7);
    a.Resize(8);
    EXPECT_EQ(a, Array(element, {1, 3, 5, 1, 3, 5, 7, 0}));
  }
  EXPECT_THROW(Array(Element::kF32).Append(Array(Element::kF16)), std::invalid_argument);
  EXPECT_FALSE(Array(Element::kF16, {1}) == Array(Element::kBF16, {1}));
}

TEST(ArrayTest, ComparesBitsButForNaN) {
  Array a(Element::kF16, {0, -0.0, NAN, NAN, 1});
  a.SetBits(3, 0xFC01);
  EXPECT_FALSE(SameNumber(a, 0, a, 1));
  EXPECT_TRUE(SameNumber(a, 2, a, 3));
  EXPECT_FALSE(SameNumber(a, 2, a, 4));
  EXPECT_TRUE(SameNumber(a, 4, a, 4));
  EXPECT_FALSE(SameNumber(a, 4, Array(Element::kBF16, {1}), 0));
}

TEST(ArrayTest, ShowsBothForms) {
  Array a(Element::kF16, {0.75, -INFINITY, NAN, -0.0});
  EXPECT_EQ(Show(a, 0), "0x1.8p-1 (0.75)");
  EXPECT_EQ(Show(a, 1), "-inf");
  EXPECT_EQ(Show(a, 2), "nan:0x7e00");
  EXPECT_EQ(Show(a, 3), "-0x0p+0 (-0)");
  EXPECT_EQ(Show(Array(Element::kF64, {0.1}), 0), "0x1.999999999999ap-4 (0.10000000000000001)");
  EXPECT_EQ(Show(Array(Element::kI64, {-100}), 0), "-100");
}

}  // namespace
}  // namespace assay::subjects
