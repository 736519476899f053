// SPDX-License-Identifier: Apache-2.0
//
// The two tiers agree on attention and its gradients in every format, and an error of 2^-40 planted in either is seen.
// CTest runs it with 2 10^4 elements of each, and with 10^6 under the label nightly.

#include <gtest/gtest.h>

#include <iterator>
#include <string>
#include <tuple>

#include "oracle/agreement.h"
#include "oracle/attention_cases.h"

namespace assay::oracle {
namespace {

void Append(std::vector<Exact>& all, const std::vector<Exact>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

const Operation kOperations[] = {
    {"attention",
     [](std::uint64_t index, Format format, Tier tier) {
       const OwnedHead owned = MakeHead(index, format);
       AttentionResult result = Attention(owned.View(), tier);
       Append(result.out, result.lse);
       return result.out;
     }},
    {"attention_backward",
     [](std::uint64_t index, Format format, Tier tier) {
       const OwnedBackward owned = MakeBackward(index, format);
       AttentionGradients result = AttentionBackward(owned.View(), tier);
       Append(result.dk.exact, result.dv.exact);
       for (const auto& gradient : result.dq) Append(result.dk.exact, gradient.exact);
       for (const auto& gradient : result.dbias) Append(result.dk.exact, gradient.exact);
       return result.dk.exact;
     }},
};

class AttentionAgreementTest : public testing::TestWithParam<std::tuple<std::size_t, Format>> {
 protected:
  static const Operation& Op() { return kOperations[std::get<0>(GetParam())]; }
  static Format Type() { return std::get<1>(GetParam()); }
};

TEST_P(AttentionAgreementTest, TheTiersAgree) { ExpectAgreement(Op(), Type(), 0.2); }

TEST_P(AttentionAgreementTest, AnErrorOf2ToTheMinus40PlantedInEitherTierIsSeen) {
  ExpectPlantedErrorIsSeen(Op(), Type(), 0.2);
}

std::string NameOf(const testing::TestParamInfo<AttentionAgreementTest::ParamType>& test) {
  return kOperations[std::get<0>(test.param)].name + "_" + FormatName(std::get<1>(test.param));
}

INSTANTIATE_TEST_SUITE_P(Heads, AttentionAgreementTest,
                         testing::Combine(testing::Range<std::size_t>(0, std::size(kOperations)),
                                          testing::ValuesIn(kFormats)),
                         NameOf);

}  // namespace
}  // namespace assay::oracle
