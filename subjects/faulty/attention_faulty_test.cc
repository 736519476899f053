// SPDX-License-Identifier: Apache-2.0
//
// As faulty_test.cc, for attention: each fault passes a usual test on ordinary numbers, and shows on cases made for it.

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <utility>

#include "subjects/faulty/faulty.h"
#include "subjects/scalar/attention_testing.h"
#include "subjects/scalar/scalar.h"

namespace assay::subjects {
namespace {

std::vector<BuiltIn> AttentionFaults() {
  std::vector<BuiltIn> chosen;
  for (const BuiltIn& fault : Faulty()) {
    if (fault.op >= ASSAY_NUM_ROW_OPS) chosen.push_back(fault);
  }
  return chosen;
}

// The tolerances of usual tests, those of 16 bits where the results have so many. Usual tests do not ask for the LSE.
bool PassesUsualTolerance(const BuiltIn& fault, const TestAttentionResult& got, const TestAttentionResult& want) {
  const bool half = fault.dtype == ASSAY_F16 || fault.dtype == ASSAY_BF16;
  const double rtol = half ? 1e-2 : 1e-3;
  const double atol = half ? 1e-2 : 1e-6;
  for (const auto& output :
       {&TestAttentionResult::out, &TestAttentionResult::dq, &TestAttentionResult::dk, &TestAttentionResult::dv}) {
    const std::vector<double>& g = got.*output;
    const std::vector<double>& w = want.*output;
    for (std::size_t i = 0; i < w.size(); ++i) {
      if (!(std::fabs(g[i] - w[i]) <= atol + rtol * std::fabs(w[i]))) return false;
    }
  }
  return true;
}

TEST(AttentionFaultyTest, EveryFaultPassesTheUsualToleranceOnOrdinaryNumbers) {
  const assay_subject& scalar = *Scalar().table;
  std::map<std::pair<assay_op, assay_dtype>, std::pair<TestAttention, TestAttentionResult>> known;
  for (const BuiltIn& fault : AttentionFaults()) {
    auto& [c, want] = known[{fault.op, fault.dtype}];
    if (c.q.empty()) {
      c = BenignAttention(scalar, fault.op, fault.dtype, 20260101);
      want = CallAttention(scalar, c);
    }
    const TestAttentionResult got = CallAttention(*fault.table, c);
    EXPECT_EQ(got.status, ASSAY_OK) << fault.name;
    EXPECT_TRUE(PassesUsualTolerance(fault, got, want)) << fault.name;
  }
}

TEST(AttentionFaultyTest, ThereAreManyFaultsOfManyMechanisms) {
  std::set<std::string> names;
  std::set<std::string> mechanisms;
  std::set<std::string> laws;
  for (const BuiltIn& fault : AttentionFaults()) {
    EXPECT_FALSE(fault.breaks.empty() || fault.mechanism.empty()) << fault.name;
    names.insert(fault.name);
    mechanisms.insert(fault.mechanism);
    laws.insert(fault.breaks);
  }
  std::printf("%zu faults, %zu mechanisms, %zu laws\n", names.size(), mechanisms.size(), laws.size());
  EXPECT_EQ(names.size(), AttentionFaults().size());
  EXPECT_GE(names.size(), 30u);
  EXPECT_GE(mechanisms.size(), 10u);
}

}  // namespace
}  // namespace assay::subjects
