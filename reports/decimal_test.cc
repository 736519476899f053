// SPDX-License-Identifier: Apache-2.0

#include "reports/decimal.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace assay::reports {
namespace {

TEST(DecimalTest, RoundsHalfAwayFromZero) {
  EXPECT_EQ(RoundDecimal("0.24472847", 4), "0.2447");
  EXPECT_EQ(RoundDecimal("0.0066920", 6), "0.006692");
  EXPECT_EQ(RoundDecimal("0.9996", 3), "1.000");
  EXPECT_EQ(RoundDecimal("9.96", 1), "10.0");
  EXPECT_EQ(RoundDecimal("20.0855369", 3), "20.086");
  EXPECT_EQ(RoundDecimal("0.5", 0), "1");
  EXPECT_EQ(RoundDecimal("-0.25", 1), "-0.3");
  EXPECT_EQ(RoundDecimal("-0.04", 1), "0.0");
  EXPECT_EQ(RoundDecimal("148.41", -1), "150");
  EXPECT_EQ(RoundDecimal("4.9", -1), "0");
  EXPECT_EQ(RoundDecimal("5.1", -1), "10");
  EXPECT_EQ(RoundDecimal("1.000", 3), "1.000");
  EXPECT_THROW(RoundDecimal("1.0", 2), std::invalid_argument);
  EXPECT_THROW(RoundDecimal("1e5", 0), std::invalid_argument);
}

TEST(DecimalTest, KnowsTies) {
  EXPECT_TRUE(IsDecimalTie("0.125000", 2));
  EXPECT_FALSE(IsDecimalTie("0.125001", 2));
  EXPECT_FALSE(IsDecimalTie("0.124999", 2));
  EXPECT_FALSE(IsDecimalTie("0.12", 2));
  EXPECT_EQ(TruncateDecimal("0.125000", 2), "0.12");
}

TEST(DecimalTest, DividesExactly) {
  const std::string row[] = {"2.0", "2.1", "2.2"};
  EXPECT_EQ(Share("2.0", row), "0.3174603174603174603174603174603174603175");
  const std::string negative[] = {"1", "-4"};
  EXPECT_EQ(RoundDecimal(Share("1", negative), 4), "-0.3333");
  EXPECT_EQ(RoundDecimal(Share("-4", negative), 4), "1.3333");
  const std::string zero[] = {"1", "-1"};
  EXPECT_THROW(Share("1", zero), std::invalid_argument);
  const std::string tie[] = {"1", "7"};
  EXPECT_TRUE(IsDecimalTie(Share("1", tie), 2));
}

TEST(DecimalTest, ComparesDigitsByTheirPlace) {
  EXPECT_EQ(DigitsRight("0.006693", "0.006692"), (std::vector<bool>{true, true, true, true, true, true, true, false}));
  EXPECT_EQ(DigitsRight("9.9", "10.0"), (std::vector<bool>{false, true, false}));
}

}  // namespace
}  // namespace assay::reports
