// SPDX-License-Identifier: Apache-2.0
//
// As faulty_test.cc, for attention: each fault passes a usual test on ordinary numbers, and shows on cases made for it.

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <utility>

#include "subjects/faulty/faulty.h"
#include "subjects/faulty/wild_attention.h"
#include "subjects/scalar/attention_testing.h"
#include "subjects/scalar/scalar.h"
#include "subjects/subject.h"

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

// Whether anything that a run tells is another.
bool Differs(const RunResult& got, const RunResult& want) {
  return got.outcome != want.outcome || got.status != want.status || !(got.out == want.out) || got.more != want.more ||
         got.others != want.others || got.outside_intact != want.outside_intact ||
         got.control_intact != want.control_intact || got.flags_intact != want.flags_intact;
}

// Of so many wild cases, the first on which the subject differs from the reference; -1: none.
int FirstDifference(Subject* subject, Subject* reference, assay_op op, assay_dtype dtype, int cases) {
  const auto forward = InProcess(*Scalar().table);
  for (int i = 0; i < cases; ++i) {
    const Case c = WildAttention(op, dtype, static_cast<std::uint64_t>(i), forward.get());
    RunOptions options;
    options.environment.rounding = i % 4;
    options.threads = c.in_place || i % 8 != 0 ? 1 : kMaxThreads;
    if (Differs(subject->Run(c, options), reference->Run(c, options))) return i;
  }
  return -1;
}

TEST(AttentionFaultyTest, EveryFaultShowsOnWildCases) {
  for (const BuiltIn& fault : AttentionFaults()) {
    const auto& kernel = fault.op == ASSAY_ATTENTION ? fault.table->attention : fault.table->attention_backward;
    const bool claims = kernel.claims[fault.dtype].kind != ASSAY_CLAIM_NONE;
    const auto reference = InProcess(claims ? *Scalar().table : *Textbook().table);
    EXPECT_GE(FirstDifference(Open(fault.name).get(), reference.get(), fault.op, fault.dtype, 2000), 0) << fault.name;
  }
}

TEST(AttentionFaultyTest, TheReferencesAreTheSameInTheChildAndHere) {
  for (const BuiltIn& built_in : {Scalar(), Textbook()}) {
    const auto here = InProcess(*built_in.table);
    for (const assay_op op : {ASSAY_ATTENTION, ASSAY_ATTENTION_BACKWARD}) {
      for (const assay_dtype dtype : {ASSAY_F32, ASSAY_F64, ASSAY_F16, ASSAY_BF16}) {
        EXPECT_EQ(FirstDifference(Open(built_in.name).get(), here.get(), op, dtype, 100), -1)
            << built_in.name << " " << op << " " << dtype;
      }
    }
  }
}

}  // namespace
}  // namespace assay::subjects
