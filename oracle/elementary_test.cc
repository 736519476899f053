// SPDX-License-Identifier: Apache-2.0
//
// Digits computed elsewhere: Python 3.11, decimal.Decimal with prec = 60.

#include "oracle/elementary.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace assay::oracle {
namespace {

TEST(ElementaryTest, GivesTheDigitsOfExp) {
  EXPECT_EQ(ExpDigits("1", 30), "2.718281828459045235360287471353");
  EXPECT_EQ(ExpDigits("9.2", 18), "9897.129058743915886854");
  EXPECT_EQ(ExpDigits("-1.1", 18), "0.332871083698079553");
  EXPECT_EQ(ExpDigits("0", 2), "1.00");
  EXPECT_EQ(ExpDigits("0", 0), "1");
  EXPECT_EQ(ExpDigits("-50", 10), "0.0000000000");
}

TEST(ElementaryTest, GivesTheDigitsOfSumsDifferencesAndRatios) {
  const std::string row[] = {"9.2", "3.5", "-1.1", "7.8", "0.4"};
  EXPECT_EQ(SumExpDigits(row, 16), "12372.6711841084466277");
  EXPECT_EQ(ExpDifferenceDigits("2.2", "2.0", 16), "1.6359574005034707");
  EXPECT_EQ(ExpDifferenceDigits("2.0", "2.2", 4), "-1.6360");
  EXPECT_EQ(ExpRatioDigits("10", "5", "1", 12), "148.413159102577");
  EXPECT_EQ(ExpRatioDigits("3", "1", "2.0", 12), "2.718281828459");
}

TEST(ElementaryTest, GivesTheDigitsOfSoftmax) {
  const std::string row[] = {"1", "2", "3"};
  const std::vector<std::string> want = {"0.09003057317038045800", "0.24472847105479765247", "0.66524095577482188953"};
  EXPECT_EQ(SoftmaxDigits(row, "1", 20), want);
  const std::string far[] = {"1000", "1", "1"};
  EXPECT_EQ(SoftmaxDigits(far, "1", 3), (std::vector<std::string>{"1.000", "0.000", "0.000"}));
  const std::string flat[] = {"7", "7", "7", "7"};
  EXPECT_EQ(SoftmaxDigits(flat, "0.5", 4)[2], "0.2500");
}

TEST(ElementaryTest, RefusesWhatItCannotJudge) {
  EXPECT_THROW(ExpDigits("nine", 3), std::invalid_argument);
  EXPECT_THROW(ExpDigits("", 3), std::invalid_argument);
  EXPECT_THROW(ExpDigits("nan", 3), std::invalid_argument);
  EXPECT_THROW(ExpDigits("101", 3), std::invalid_argument);
  EXPECT_THROW(ExpDigits("1", 61), std::invalid_argument);
  const std::string row[] = {"1", "2"};
  EXPECT_THROW(SoftmaxDigits(row, "0", 3), std::invalid_argument);
}

}  // namespace
}  // namespace assay::oracle
