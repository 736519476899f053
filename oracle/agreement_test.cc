// SPDX-License-Identifier: Apache-2.0
//
// The two tiers agree on softmax, log_softmax, logsumexp and sigmoid in every format, and an error of 2^-40 planted in
// either is seen. CTest runs it with 10^5 elements of each, and with 10^6 under the label nightly.

#include "oracle/agreement.h"

#include <gtest/gtest.h>

#include <tuple>

namespace assay::oracle {
namespace {

const Operation kOperations[] = {
    {"softmax",
     [](std::uint64_t index, Format format, Tier tier) { return Softmax(MakeRow(index, format, 300).View(), tier); }},
    {"log_softmax", [](std::uint64_t index, Format format,
                       Tier tier) { return LogSoftmax(MakeRow(index, format, 300).View(), tier); }},
    // One result for each row: short ones, or a million would take hours.
    {"logsumexp", [](std::uint64_t index, Format format,
                     Tier tier) { return std::vector<Exact>{LogSumExp(MakeRow(index, format, 9).View(), tier)}; }},
    {"sigmoid",
     [](std::uint64_t index, Format format, Tier tier) {
       OwnedRow row = MakeRow(index, format, 300);
       row.mask.clear();
       return Sigmoid(row.View(), tier);
     }},
};

class AgreementTest : public testing::TestWithParam<std::tuple<std::size_t, Format>> {
 protected:
  static const Operation& Op() { return kOperations[std::get<0>(GetParam())]; }
  static Format Type() { return std::get<1>(GetParam()); }
};

TEST_P(AgreementTest, TheTiersAgree) { ExpectAgreement(Op(), Type(), 0.2); }

TEST_P(AgreementTest, AnErrorOf2ToTheMinus40PlantedInEitherTierIsSeen) { ExpectPlantedErrorIsSeen(Op(), Type(), 0.2); }

std::string NameOf(const testing::TestParamInfo<AgreementTest::ParamType>& test) {
  return kOperations[std::get<0>(test.param)].name + "_" + FormatName(std::get<1>(test.param));
}

INSTANTIATE_TEST_SUITE_P(Rows, AgreementTest,
                         testing::Combine(testing::Range<std::size_t>(0, std::size(kOperations)),
                                          testing::ValuesIn(kFormats)),
                         NameOf);

}  // namespace
}  // namespace assay::oracle
