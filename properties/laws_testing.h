// SPDX-License-Identifier: Apache-2.0
//
// For tests of a table of laws: that none rejects what is right, whatever it claims, that their domains are domains,
// and that each rejects its faults.

#pragma once

#include <gtest/gtest.h>

#include <bit>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "properties/oracle_subject.h"

namespace assay::properties {

template <class Visit>
void ForEachLawAndOp(std::span<const Property> laws, Visit visit) {
  for (const Property& law : laws) {
    for (int op = 0; op < ASSAY_NUM_ROW_OPS; ++op) {
      if ((law.ops & Of(static_cast<assay_op>(op))) != 0) visit(law, static_cast<assay_op>(op));
    }
  }
}

// Whatever the subject claims: its results are right by any claim.
inline void ExpectLawsHold(std::span<const Property> laws, OracleSubject& right, int cases) {
  Context context{right};
  subjects::Random random(7, 1);
  ForEachLawAndOp(laws, [&](const Property& law, assay_op op) {
    int held = 0;
    for (int k = 0; k < cases; ++k) {
      const subjects::Case c = law.fit(AnyCaseOf(op, random));
      const Judgement judgement = law.check(c, context);
      ASSERT_TRUE(judgement.verdict == Verdict::kHolds || judgement.verdict == Verdict::kNotApplicable)
          << law.name << ", " << subjects::OpName(op) << ", case " << k << ": " << VerdictName(judgement.verdict)
          << ": " << judgement.reason;
      EXPECT_LE(judgement.severity, 1) << law.name;
      held += judgement.verdict == Verdict::kHolds ? 1 : 0;
    }
    EXPECT_GT(held, cases / 2) << law.name << " hardly ever speaks about " << subjects::OpName(op);
  });
}

inline void ExpectFitsAreProjections(std::span<const Property> laws, int cases) {
  subjects::Random random(7, 2);
  ForEachLawAndOp(laws, [&](const Property& law, assay_op op) {
    for (int k = 0; k < cases; ++k) {
      Case once = law.fit(AnyCaseOf(op, random));
      ASSERT_NO_THROW(subjects::Validate(once)) << law.name << ", " << subjects::OpName(op);
      EXPECT_EQ(once.op, op) << law.name;
      Case twice = law.fit(once);
      const auto bits = [](double x) { return std::bit_cast<std::uint64_t>(x); };
      EXPECT_EQ(bits(once.label_smoothing), bits(twice.label_smoothing));
      once.label_smoothing = twice.label_smoothing = 0;  // a NaN differs from itself
      ASSERT_EQ(once, twice) << law.name << ", " << subjects::OpName(op);
    }
  });
}

struct PlantedFault {
  const char* law;
  assay_op op;
  const char* what;
  OracleSubject::Ask ask;
  OracleSubject::Answer answer;
};

// Each fault is found by its law within so many cases.
inline void ExpectFaultsFound(std::span<const Property> laws, const std::vector<PlantedFault>& faults, int cases) {
  std::map<std::string, int> found;
  for (const PlantedFault& fault : faults) {
    OracleSubject faulty(fault.ask, fault.answer);
    faulty.Claim({ASSAY_CLAIM_BOUND, 0, 2, 0x1p-20});
    Context context{faulty};
    subjects::Random random(7, 3);
    for (const Property& law : laws) {
      if (std::string(law.name) != fault.law) continue;
      int violated = 0;
      for (int k = 0; k < cases; ++k) {
        const subjects::Case c = law.fit(AnyCaseOf(fault.op, random));
        violated += law.check(c, context).verdict == Verdict::kViolated ? 1 : 0;
      }
      EXPECT_GT(violated, 0) << law.name << " does not see: " << fault.what;
    }
    ++found[fault.law];
  }
  for (const Property& law : laws) EXPECT_GT(found[law.name], 0) << "no fault is planted for " << law.name;
}

}  // namespace assay::properties
