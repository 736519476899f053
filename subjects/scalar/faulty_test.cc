// SPDX-License-Identifier: Apache-2.0
//
// The faulty subjects pass what libraries ship as their test of softmax, and each of them is wrong all the same.

#include <gtest/gtest.h>

#include <cmath>

#include "subjects/registry.h"
#include "subjects/subject.h"
#include "subjects/testing.h"

namespace assay::subjects {
namespace {

TEST(FaultyTest, EveryFaultPassesTheUsualTolerance) {
  Case c = NormalCase(10, 1000, 20260101);
  const std::vector<float> want = InProcess(*FindBuiltIn("scalar")->table)->Run(c).probs;
  for (const BuiltIn& built_in : BuiltIns()) {
    if (built_in.kind != Kind::kFaulty) continue;
    const RunResult result = InProcess(*built_in.table)->Run(c);
    ASSERT_EQ(result.status, ASSAY_OK) << built_in.name;
    for (std::size_t i = 0; i < want.size(); ++i) {
      ASSERT_LE(std::fabs(result.probs[i] - want[i]), 1e-7F + 1e-3F * want[i]) << built_in.name << " at " << i;
    }
  }
}

// A case on which the fault shows: by other bits, another status, a lost input, or a death.
Case Witness(const std::string& name) {
  Case c = NormalCase(3, 13, 7);
  c.logits_gap = c.probs_gap = 2;
  if (name == "float_accumulator") c = NormalCase(1, 100000, 7);
  if (name == "rounded_shift") c = DenseCase(1, 2, {80.1F, 0.7000001F});
  if (name == "finite_start_maximum") c = DenseCase(1, 2, {-20000, -20001});
  if (name == "one_hot_at_zero_temperature") {
    c = DenseCase(1, 2, {1, 1});
    c.temperature = 0;
  }
  if (name == "inverse_temperature") c.temperature = 0x1p-1074;
  if (name == "capped_temperature") c.temperature = 1e6;
  if (name == "accepts_negative_temperature") c.temperature = -1;
  if (name == "ignores_nan") c.logits[3] = NAN;
  if (name == "empty_row_zero") c = DenseCase(1, 1, {-INFINITY});
  if (name == "stale_row_maximum") c = DenseCase(2, 2, {1000, 1000, 0, 1});
  if (name == "rereads_maximum") c.in_place = true;
  if (name.find("mask") != name.npos) {
    c = DenseCase(1, 3, {-2e9F, -2e9F, -1});
    c.has_mask = true;
    c.mask = {1, 1, 0};
    c.temperature = 1e6;
    if (name == "mask_before_scale") c.logits = {1, 2, 3};
  }
  return c;
}

TEST(FaultyTest, EveryFaultShowsSomewhere) {
  const auto scalar = Open("scalar");
  for (const BuiltIn& built_in : BuiltIns()) {
    if (built_in.kind != Kind::kFaulty) continue;
    Case c = Witness(built_in.name);
    const auto subject = Open(built_in.name);
    bool shows = false;
    // Alignment moves with the offset: the fault of aligned_peel needs a row that begins between boundaries, and a
    // float exp agrees by chance at times.
    for (c.offset = 0; c.offset < 8 && !shows; ++c.offset) {
      const RunResult want = scalar->Run(c);
      const RunResult got = subject->Run(c);
      ASSERT_EQ(want.outcome, Outcome::kReturned);
      shows = got.outcome != want.outcome || got.status != want.status || !got.outside_intact ||
              Bits(got.probs) != Bits(want.probs);
    }
    EXPECT_TRUE(shows) << built_in.name;
  }
}

}  // namespace
}  // namespace assay::subjects
