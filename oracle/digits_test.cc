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
  double temperature;
  std::vector<float> logits;
  std::vector<Want> want;
};

const std::vector<DigitsRow>& Rows() {
  static const std::vector<DigitsRow> rows = {
#include "oracle/digits.inc"
  };
  return rows;
}

class Digits : public testing::TestWithParam<Tier> {};

TEST_P(Digits, AreReproduced) {
  ASSERT_GE(Rows().size(), 20u);
  for (const DigitsRow& row : Rows()) {
    const auto got = Softmax({row.logits, {}, row.temperature}, GetParam());
    ASSERT_EQ(got.size(), row.want.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      const Want& want = row.want[i];
      SCOPED_TRACE(std::string(row.why) + ", entry " + std::to_string(i) + ": " + want.digits);
      EXPECT_EQ(std::strtof(want.digits, nullptr), want.nearest) << "digits.inc contradicts itself";
      EXPECT_EQ(got[i].nearest, want.nearest);
      EXPECT_EQ(got[i].ulp, want.ulp);
      EXPECT_LE(got[i].width_ulp, 0x1p-40);
      // The table's remainder is a double, off by 2^-53 of itself.
      EXPECT_LE(std::fabs(got[i].remainder_ulp - want.remainder_ulp),
                got[i].width_ulp + std::ldexp(std::fabs(want.remainder_ulp), -53));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Tiers, Digits, testing::Values(Tier::kReferee, Tier::kBulk),
                         [](const auto& tier_info) { return std::string(TierName(tier_info.param)); });

}  // namespace
}  // namespace assay::oracle
