// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <stdexcept>

#include "subjects/sanitized.h"
#include "subjects/subject.h"
#include "subjects/testing.h"

namespace assay::subjects {
namespace {

using namespace std::chrono_literals;

RunResult RunLibrary(const std::string& name, const Case& c) {
  return Open(TestSubject(name), {.time_limit = 2000ms})->Run(c);
}

TEST(IsolatedTest, GivesWhatTheTableGivesInProcess) {
  const auto isolated = Open(TestSubject("my_kernel"));
  const auto in_process = OpenHere(TestSubject("my_kernel"));
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Case c = NormalCase(1 + seed % 3, 1 + seed % 17, seed);
    c.in_place = seed % 2 == 1;
    c.logits.layout.gap = c.out.gap = seed % 5;
    const RunResult got = isolated->Run(c);
    const RunResult want = in_process->Run(c);
    EXPECT_EQ(got.outcome, Outcome::kReturned);
    EXPECT_EQ(got.status, ASSAY_OK);
    EXPECT_EQ(got.out, want.out);
    EXPECT_TRUE(got.outside_intact && got.inputs_intact && want.outside_intact && want.inputs_intact);
  }
}

TEST(IsolatedTest, RunsALibraryBuiltByAnybody) {
  const auto subject = Open(TestSubject("my_kernel"));
  EXPECT_EQ(subject->info().name, "my_kernel");
  EXPECT_EQ(subject->info().version, "1.0");
  const OpInfo& softmax = subject->info().For(ASSAY_SOFTMAX);
  EXPECT_TRUE(softmax.implemented);
  EXPECT_EQ(softmax.dtypes, 1U << ASSAY_F32);
  EXPECT_EQ(softmax.features, ASSAY_FEATURE_ROW_STRIDE | ASSAY_FEATURE_IN_PLACE | ASSAY_FEATURE_CONCURRENT);
  EXPECT_EQ(subject->info().empty_row_masked, ASSAY_EMPTY_ROW_ZERO);
  EXPECT_FALSE(subject->info().For(ASSAY_SIGMOID).implemented);
  EXPECT_THROW(subject->Run(MakeCase(ASSAY_SIGMOID, ASSAY_F32, 1, 1)), std::invalid_argument);
  const RunResult result = subject->Run(DenseCase(1, 2, {3.0F, 3.0F}));
  EXPECT_EQ(result.out, Array(Element::kF32, {0.5, 0.5}));
}

TEST(IsolatedTest, SaysHowTheKernelDied) {
  const Case c = NormalCase(1, 5, 1);
  Case before = c;
  before.guard = Guard::kBefore;
  const struct {
    const char* library;
    const Case& c;
    Outcome outcome;
    const char* detail;
  } kDeaths[] = {
      {"null_dereference", c, Outcome::kCrashed, "SIGSEGV writing through a null pointer (address 0x4)"},
      {"writes_past_the_end", c, Outcome::kCrashed, "SIGSEGV writing 0 bytes past the end of out"},
      {"reads_past_the_end", c, Outcome::kCrashed, "SIGSEGV reading 0 bytes past the end of logits"},
      {"reads_before", before, Outcome::kCrashed, "SIGSEGV reading 4 bytes before the start of logits"},
      {"overflows_stack", c, Outcome::kCrashed, "SIGSEGV (stack overflow)"},
      {"traps", c, Outcome::kCrashed, "SIGILL (an instruction this CPU does not have, or a trap)"},
      {"aborts", c, Outcome::kCrashed, "SIGABRT"},
      {"exits", c, Outcome::kExited, "exit(3)"},
  };
  for (const auto& death : kDeaths) {
    const RunResult result = RunLibrary(death.library, death.c);
    EXPECT_EQ(result.outcome, death.outcome) << death.library;
    EXPECT_EQ(result.detail, death.detail);
    EXPECT_EQ(result.out.size(), 5);
  }
}

TEST(IsolatedTest, EndsAKernelThatHangs) {
  const auto subject = Open(TestSubject("hangs"), {.time_limit = 50ms});
  for (int twice = 0; twice < 2; ++twice) {
    const auto start = std::chrono::steady_clock::now();
    const RunResult result = subject->Run(NormalCase(1, 5, 1));
    EXPECT_EQ(result.outcome, Outcome::kTimedOut);
    EXPECT_EQ(result.detail, "no answer within 50 ms");
    EXPECT_LT(std::chrono::steady_clock::now() - start, 5s);
  }
}

TEST(IsolatedTest, GoesOnAfterADeath) {
  const auto subject = Open(TestSubject("crashes_every_second_time"));
  const Case c = NormalCase(1, 5, 1);
  for (int i = 0; i < 6; ++i) {
    const RunResult result = subject->Run(c);
    EXPECT_EQ(result.outcome, i % 2 == 0 ? Outcome::kReturned : Outcome::kCrashed);
    EXPECT_EQ(result.detail, i % 2 == 0 ? "" : "SIGSEGV");
  }
}

TEST(IsolatedTest, GivesAFreshCallAProcessThatKnowsOfNone) {
  const auto subject = Open(TestSubject("crashes_every_second_time"));
  const Case c = NormalCase(1, 5, 1);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(subject->Run(c, {.fresh = true}).outcome, Outcome::kReturned) << i;
  EXPECT_EQ(subject->Run(c).outcome, Outcome::kCrashed);
}

TEST(IsolatedTest, NamesAStatusThatIsNone) {
  const RunResult result = RunLibrary("unknown_status", NormalCase(1, 5, 1));
  EXPECT_EQ(result.status, ASSAY_BAD_ENUM);
  EXPECT_EQ(result.detail, "returned 42, which is no assay_status");
}

TEST(IsolatedTest, CatchesAnOverReadAtTheGuardOnly) {
  const auto subject = Open(TestSubject("reads_past_the_end"));
  Case away = NormalCase(1, 5, 1);
  EXPECT_EQ(subject->Run(away).outcome, Outcome::kCrashed);
  away.guard = Guard::kBefore;
  EXPECT_EQ(subject->Run(away).outcome, Outcome::kReturned);
}

TEST(IsolatedTest, EndsAnAllocationStorm) {
#if defined(ASSAY_SANITIZED)
  GTEST_SKIP() << "a sanitizer's own memory leaves no room for a limit";
#endif
  const Case c = NormalCase(1, 5, 1);
  const auto subject = Open(TestSubject("allocates_without_end"), {.memory_bytes = std::size_t{256} << 20});
  for (int twice = 0; twice < 2; ++twice) {
    const RunResult result = subject->Run(c);
    EXPECT_EQ(result.outcome, Outcome::kCrashed);
    EXPECT_EQ(result.detail,
              "SIGSEGV writing through a null pointer (address 0x0), after memory had run out (an allocation was "
              "refused)");
  }
  EXPECT_EQ(RunLibrary("aborts_without_memory", c).detail,
            "SIGABRT, after memory had run out (an allocation was refused)");
}

TEST(IsolatedTest, DiesWithItsParent) {
  ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0);  // orphans below us become our children
  const pid_t parent = ::fork();
  if (parent == 0) {  // opens a subject and is killed while it hangs
    const auto subject = Open(TestSubject("hangs"), {.time_limit = 60s});
    ::alarm(1);
    subject->Run(NormalCase(1, 5, 1));
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(parent, &status, 0), parent);
  EXPECT_EQ(WTERMSIG(status), SIGALRM);
  const pid_t worker = ::waitpid(-1, &status, 0);  // would wait for ever, were the kernel still running
  EXPECT_GT(worker, 0);
  EXPECT_EQ(WTERMSIG(status), SIGKILL);
}

TEST(IsolatedTest, AnswersWithinTensOfMicroseconds) {
  const auto subject = Open(TestSubject("my_kernel"));
  const Case c = NormalCase(1, 5, 1);
  subject->Run(c);
  constexpr int kRuns = 2000;
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < kRuns; ++i) subject->Run(c);
  const std::chrono::duration<double, std::micro> each = (std::chrono::steady_clock::now() - start) / kRuns;
  RecordProperty("round_trip_us", std::to_string(each.count()));
  std::cout << "one round trip: " << each.count() << " us\n";
  EXPECT_LT(each.count(), 1000);  // 15 us on an idle machine; the limit only catches a wait that polls
}

}  // namespace
}  // namespace assay::subjects
