// SPDX-License-Identifier: Apache-2.0
//
// The oracle against digits computed elsewhere: digits.inc, made by digits.py with Python's decimal arithmetic.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include "oracle/oracle.h"

namespace assay::oracle {
namespace {

struct Want {
  const char* digits;
  double nearest;
  double ulp;
  double remainder_ulp;
};

struct DigitsRow {
  const char* why;
  const char* operation;
  const char* format;
  double temperature;
  std::vector<double> logits;
  std::vector<double> bias;
  std::vector<Want> want;
};

const std::vector<DigitsRow>& Rows() {
  static const std::vector<DigitsRow> rows = {
#include "oracle/digits.inc"
  };
  return rows;
}

class Digits : public testing::TestWithParam<Tier> {
 protected:
  static std::vector<Exact> Run(const DigitsRow& digits) {
    Row row = {.logits = digits.logits, .bias = digits.bias, .temperature = digits.temperature};
    for (const Format format : {Format::kF32, Format::kF64, Format::kF16, Format::kBF16}) {
      if (digits.format == std::string(FormatName(format))) row.format = format;
    }
    const std::string operation = digits.operation;
    if (operation == "softmax") return Softmax(row, GetParam());
    if (operation == "log_softmax") return LogSoftmax(row, GetParam());
    if (operation == "logsumexp") return {LogSumExp(row, GetParam())};
    return Sigmoid(row, GetParam());
  }
};

TEST_P(Digits, AreReproduced) {
  ASSERT_GE(Rows().size(), 100u);
  for (const DigitsRow& row : Rows()) {
    const auto got = Run(row);
    ASSERT_EQ(got.size(), row.want.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      const Want& want = row.want[i];
      SCOPED_TRACE(std::string(row.operation) + " of " + row.why + ", entry " + std::to_string(i) + ": " + want.digits);
      EXPECT_EQ(got[i].nearest, want.nearest);
      EXPECT_EQ(got[i].ulp, want.ulp);
      EXPECT_LE(got[i].width_ulp, 0x1p-40);
      // The table's remainder is a double, off by 2^-53 of itself.
      EXPECT_LE(std::fabs(got[i].remainder_ulp - want.remainder_ulp),
                got[i].width_ulp + std::ldexp(std::fabs(want.remainder_ulp), -53));
      if (std::string(row.format) == "f32") {
        EXPECT_EQ(std::strtof(want.digits, nullptr), want.nearest) << "digits.inc contradicts itself";
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Tiers, Digits, testing::Values(Tier::kReferee, Tier::kBulk),
                         [](const auto& tier_info) { return std::string(TierName(tier_info.param)); });

}  // namespace
}  // namespace assay::oracle
