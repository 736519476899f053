// SPDX-License-Identifier: Apache-2.0
//
// Each fault passes what people use as a test, on ordinary rows, and shows on a case made for it.

#include "subjects/faulty/faulty.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "subjects/faulty/wild_case.h"
#include "subjects/scalar/testing.h"
#include "subjects/subject.h"

namespace assay::subjects {
namespace {

// Those of rows; attention's are in attention_faulty_test.cc.
std::vector<BuiltIn> RowFaults() {
  std::vector<BuiltIn> chosen;
  for (const BuiltIn& fault : Faulty()) {
    if (fault.op < ASSAY_NUM_ROW_OPS) chosen.push_back(fault);
  }
  return chosen;
}

// The tolerances of usual tests; those of 16 bits where the results have so many.
bool PassesUsualTolerance(const BuiltIn& fault, const std::vector<double>& got, const std::vector<double>& want) {
  const bool half = fault.dtype == ASSAY_F16 || fault.dtype == ASSAY_BF16;
  const double rtol = half ? 1e-2 : 1e-3;
  const double atol = half ? 1e-2 : 1e-7;
  for (std::size_t i = 0; i < want.size(); ++i) {
    if (!(std::fabs(got[i] - want[i]) <= atol + rtol * std::fabs(want[i]))) return false;
  }
  return got.size() == want.size();
}

TEST(FaultyTest, EveryFaultPassesTheUsualToleranceOnOrdinaryRows) {
  for (const BuiltIn& fault : RowFaults()) {
    const TestCall c = Benign(fault.op, fault.dtype, 8, 1000, 20260101);
    const TestResult want = CallTable("scalar", c);
    const TestResult got = CallTable(*fault.table, c);
    EXPECT_EQ(got.status, ASSAY_OK) << fault.name;
    EXPECT_TRUE(PassesUsualTolerance(fault, got.out, want.out)) << fault.name;
  }
}

TEST(FaultyTest, ThereAreManyFaultsOfManyMechanismsInEveryOperation) {
  std::set<std::string> names;
  std::set<std::string> mechanisms;
  std::set<int> ops;
  for (const BuiltIn& fault : RowFaults()) {
    EXPECT_FALSE(fault.breaks.empty() || fault.mechanism.empty()) << fault.name;
    names.insert(fault.name);
    mechanisms.insert(fault.mechanism);
    ops.insert(fault.op);
  }
  std::printf("%zu faults, %zu mechanisms\n", names.size(), mechanisms.size());
  EXPECT_EQ(names.size(), RowFaults().size());
  EXPECT_GE(names.size(), 40u);
  EXPECT_GE(mechanisms.size(), 12u);
  EXPECT_EQ(ops.size(), std::size_t{ASSAY_NUM_ROW_OPS});
}

// Whether anything that a run tells is another.
bool Differs(const RunResult& got, const RunResult& want) {
  return got.outcome != want.outcome || got.status != want.status || !(got.out == want.out) ||
         got.others != want.others || got.outside_intact != want.outside_intact ||
         got.control_intact != want.control_intact || got.flags_intact != want.flags_intact;
}

// Of so many wild cases, the first on which the fault differs from the reference that it was made from; -1: none.
int FirstDifference(const BuiltIn& fault, int cases) {
  const bool claims = (fault.table->*KernelOf(fault.op)).claims[fault.dtype].kind != ASSAY_CLAIM_NONE;
  const auto reference = InProcess(*FindBuiltIn(claims ? "scalar" : "textbook")->table);
  const auto subject = Open(fault.name);
  for (int i = 0; i < cases; ++i) {
    const Case c = WildCase(fault.op, fault.dtype, static_cast<std::uint64_t>(i));
    RunOptions options;
    options.environment.rounding = i % 4;
    options.threads = c.in_place || i % 8 != 0 ? 1 : kMaxThreads;
    if (Differs(subject->Run(c, options), reference->Run(c, options))) return i;
  }
  return -1;
}

TEST(FaultyTest, EveryFaultShowsOnWildCases) {
  // None has 2^31 columns at hand.
  const std::set<std::string> elsewhere = {"int_index"};
  for (const BuiltIn& fault : RowFaults()) {
    const int first = FirstDifference(fault, 2000);
    EXPECT_EQ(first < 0, elsewhere.count(fault.name) == 1) << fault.name;
  }
}

TEST(FaultyTest, TheReferencesAreTheSameInTheChildAndHere) {
  for (int op = 0; op < ASSAY_NUM_ROW_OPS; ++op) {
    BuiltIn scalar = *FindBuiltIn("scalar");
    scalar.op = static_cast<assay_op>(op);
    EXPECT_EQ(FirstDifference(scalar, 300), -1) << op;
  }
}

TEST(CheatersTest, CheatAsTheySay) {
  const TestCall c = Benign(ASSAY_SOFTMAX, ASSAY_F32, 1, 4, 1);
  const std::vector<double> right = CallTable("textbook", c).out;
  EXPECT_EQ(CallTable("all_zeros", c).out, std::vector<double>(4, 0.0));
  EXPECT_EQ(CallTable("one_over_n", c).out, std::vector<double>(4, 0.25));
  EXPECT_EQ(CallTable("right_at_first", c).out, right);
  for (int i = 0; i < 16; ++i) CallTable("right_at_first", c);
  EXPECT_EQ(CallTable("right_at_first", c).out, std::vector<double>(4, 0.25));
  float logits[4] = {0, 0, 0, 0};
  TestCall cached = c;
  cached.change = [&](assay_row_args& args) { args.logits.data = logits; };
  EXPECT_EQ(CallTable("cached_by_pointer", cached).out, std::vector<double>(4, 0.25));
  logits[0] = 1;
  EXPECT_EQ(CallTable("cached_by_pointer", cached).out, std::vector<double>(4, 0.25));
}

}  // namespace
}  // namespace assay::subjects
