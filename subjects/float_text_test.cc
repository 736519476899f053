// SPDX-License-Identifier: Apache-2.0

#include "subjects/float_text.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>

namespace assay::subjects {
namespace {

TEST(FloatTextTest, WritesTheDocumentedForms) {
  EXPECT_EQ(FloatText(3.0F), "0x1.8p+1");
  EXPECT_EQ(FloatText(-0.0F), "-0x0p+0");
  EXPECT_EQ(FloatText(0x1p-149F), "0x1p-149");
  EXPECT_EQ(FloatText(-INFINITY), "-inf");
  EXPECT_EQ(FloatText(std::bit_cast<float>(0xFFC00001U)), "nan:0xffc00001");
  EXPECT_EQ(FloatText(std::bit_cast<double>(std::uint64_t{0x7FF8000000000000})), "nan:0x7ff8000000000000");
  EXPECT_EQ(FloatText(0.1), "0x1.999999999999ap-4");
}

TEST(FloatTextTest, ReturnsEveryBitOfAFloat) {
  // Every exponent and sign with a few significands, and random patterns.
  std::mt19937_64 random(1);
  for (std::uint32_t i = 0; i < 512 * 64; ++i) {
    const auto low = static_cast<std::uint32_t>(random()) & 0x7FFFFF;
    const std::uint32_t bits = (i / 64 << 23) | (i % 64 == 0 ? 0 : i % 64 == 1 ? 1 : i % 64 == 2 ? 0x7FFFFF : low);
    const auto back = ParseFloat(FloatText(std::bit_cast<float>(bits)));
    ASSERT_TRUE(back.has_value()) << std::hex << bits;
    ASSERT_EQ(std::bit_cast<std::uint32_t>(*back), bits);
  }
}

TEST(FloatTextTest, ReturnsEveryBitOfADouble) {
  std::mt19937_64 random(2);
  for (std::uint64_t i = 0; i < 4096 * 8; ++i) {
    const std::uint64_t low = random() >> 12;
    const std::uint64_t bits = (i / 8 << 52) | (i % 8 == 0 ? 0 : i % 8 == 1 ? 1 : i % 8 == 2 ? (~0ULL >> 12) : low);
    const auto back = ParseDouble(FloatText(std::bit_cast<double>(bits)));
    ASSERT_TRUE(back.has_value()) << std::hex << bits;
    ASSERT_EQ(std::bit_cast<std::uint64_t>(*back), bits);
  }
}

TEST(FloatTextTest, ReadsWhatOtherProgramsWrite) {
  EXPECT_EQ(ParseFloat("0x1.8000000000000p+1"), 3.0F);           // Python
  EXPECT_EQ(ParseDouble("0x0.0000000000001p-1022"), 0x1p-1074);  // C, Python
  EXPECT_EQ(ParseFloat("0x3p+0"), 3.0F);
  EXPECT_EQ(ParseDouble("0x1.fffffffffffffp+1023"), std::numeric_limits<double>::max());
}

TEST(FloatTextTest, RefusesWhatIsNoFloat) {
  for (const char* text : {"",
                           "-",
                           "1.5",
                           "0x",
                           "0x1p",
                           "0x1.8p+1 ",
                           " 0x1p+0",
                           "--0x1p+0",
                           "0x-1p+0",
                           "-nan:0x7fc00000",
                           "nan",
                           "nan:0x",
                           "nan:0x3f800000",
                           "nan:0x1ffffffff",
                           "NaN",
                           "infinity",
                           "+inf",
                           "0xinf",
                           "0xnan",
                           "0x1p+128",
                           "0x1p-150",
                           "0x1.000001p+0",
                           "0x1p+0x"}) {
    EXPECT_FALSE(ParseFloat(text).has_value()) << text;
  }
  for (const char* text : {"0x1.00000000000001p+0", "0x1p+1024", "0x1p-1075", "nan:0x7fc00000"}) {
    EXPECT_FALSE(ParseDouble(text).has_value()) << text;
  }
}

TEST(FloatTextTest, ReturnsEveryElementOfEveryType) {
  std::mt19937_64 random(3);
  for (const Element element :
       {Element::kF32, Element::kF64, Element::kF16, Element::kBF16, Element::kI64, Element::kU8}) {
    for (std::uint64_t i = 0; i < 1U << 16; ++i) {
      Array one(element, 1);
      one.SetBits(0, BytesOf(element) == 2 ? i : random());
      const std::uint64_t bits = one.Bits(0);
      ASSERT_EQ(ParseElement(element, ElementText(element, bits)), bits) << ElementName(element);
    }
  }
  EXPECT_EQ(ElementText(Element::kF16, 0x7E00), "nan:0x7e00");
  EXPECT_EQ(ElementText(Element::kBF16, 0x3FC0), "0x1.8p+0");
  EXPECT_EQ(ElementText(Element::kI64, ~std::uint64_t{0}), "-1");
}

TEST(FloatTextTest, RefusesWhatIsNoElement) {
  const auto refuses = [](Element element, const char* text) {
    EXPECT_FALSE(ParseElement(element, text).has_value()) << ElementName(element) << " " << text;
  };
  refuses(Element::kF16, "0x1.001p+0");
  refuses(Element::kF16, "0x1p+16");
  refuses(Element::kF16, "nan:0x7fc00000");
  refuses(Element::kF16, "nan:0x7c00");
  refuses(Element::kF16, "nan:0x");
  refuses(Element::kBF16, "0x1.01p+0");
  refuses(Element::kF32, "1.5");
  refuses(Element::kU8, "256");
  refuses(Element::kU8, "-1");
  refuses(Element::kU8, "");
  refuses(Element::kI64, "9223372036854775808");
  refuses(Element::kI64, "1.0");
}

}  // namespace
}  // namespace assay::subjects
