// SPDX-License-Identifier: Apache-2.0

#include "subjects/calling.h"

#include <fenv.h>
#include <gtest/gtest.h>

#include <tuple>

#include "subjects/testing.h"

namespace assay::subjects {
namespace {

RunResult Isolated(const char* library, const RunOptions& options = {}) {
  return Open(TestSubject(library))->Run(NormalCase(1, 5, 1), options);
}

TEST(CallingTest, FindsTheEnvironmentIntactWhereItIs) {
  const auto subject = OpenHere(TestSubject("tells_environment"));
  for (int rounding = 0; rounding < 4; ++rounding) {
    for (const bool ftz_daz : {false, true}) {
      const RunResult result = subject->Run(NormalCase(1, 2, 1), {.environment = {rounding, ftz_daz}});
      EXPECT_TRUE(result.control_intact) << rounding << ftz_daz;
      EXPECT_EQ(::fegetround(), FE_TONEAREST);
    }
  }
}

TEST(CallingTest, CallsInTheEnvironmentAskedFor) {
  const auto subject = Open(TestSubject("tells_environment"));
  for (int rounding = 0; rounding < 4; ++rounding) {
    const RunResult result = subject->Run(NormalCase(1, 2, 1), {.environment = {rounding, false}});
    EXPECT_EQ(result.out[0], rounding == 2 ? 0x1.000002p0 : 1) << rounding;
    EXPECT_EQ(result.out[1], 0x1p-126);
  }
#if defined(__x86_64__)
  EXPECT_EQ(subject->Run(NormalCase(1, 2, 1), {.environment = {0, true}}).out[1], 0);
#endif
}

TEST(CallingTest, SeesWhatAKernelLeavesBehind) {
  const auto left = [](const char* library) {
    const RunResult result = Isolated(library);
    return std::tuple(result.control_intact, result.flags_intact);
  };
  EXPECT_EQ(left("changes_rounding"), std::tuple(false, true));
  EXPECT_EQ(left("unmasks_exceptions"), std::tuple(false, true));
  EXPECT_EQ(left("leaves_flags"), std::tuple(true, false));
  EXPECT_EQ(left("clears_flags"), std::tuple(true, false));
#if defined(__x86_64__)
  EXPECT_EQ(left("toggles_ftz"), std::tuple(false, true));
#endif
}

TEST(CallingTest, LeavesTheCallersEnvironmentAsItWas) {
  for (const char* library : {"changes_rounding", "leaves_flags"}) {
    const auto subject = OpenHere(TestSubject(library));
    const Case c = NormalCase(1, 5, 1);
    ::feclearexcept(FE_ALL_EXCEPT);
    subject->Run(c, {.environment = {1, true}});
    EXPECT_EQ(::fegetround(), FE_TONEAREST) << library;
    EXPECT_EQ(::fetestexcept(FE_ALL_EXCEPT), 0) << library;
  }
}

TEST(CallingTest, CallsFromAllThreadsAtOnce) {
  const auto subject = Open(TestSubject("meets_its_like"));  // would hang one by one
  const RunResult result = subject->Run(NormalCase(1, 5, 1), {.threads = 4});
  EXPECT_EQ(result.detail, "");
  ASSERT_EQ(result.others.size(), 3);
  for (const Array& other : result.others) EXPECT_EQ(other, result.out);
  EXPECT_EQ(result.out, Array(Element::kF32, {1, 2, 3, 4, 5}));
}

TEST(CallingTest, GivesEveryThreadTheEnvironmentAndCollectsWhatTheyLeave) {
  const RunOptions options = {.environment = {2, false}, .threads = 3};
  const RunResult told = Open(TestSubject("tells_environment"))->Run(NormalCase(1, 2, 1), options);
  EXPECT_EQ(told.out[0], 0x1.000002p0);
  for (const Array& other : told.others) EXPECT_EQ(other, told.out);
  EXPECT_FALSE(Isolated("changes_rounding", {.threads = 2}).control_intact);
  EXPECT_EQ(Isolated("unknown_status", {.threads = 2}).detail, "returned 42, which is no assay_status");
  EXPECT_EQ(Isolated("writes_past_the_end", {.threads = 2}).outcome, Outcome::kCrashed);
}

}  // namespace
}  // namespace assay::subjects
