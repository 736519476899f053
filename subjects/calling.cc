// SPDX-License-Identifier: Apache-2.0
//
// fenv.h, and MXCSR where there is one: fenv.h knows neither FTZ nor DAZ.

#include "subjects/calling.h"

#include <fenv.h>

#include <atomic>
#include <thread>
#include <vector>

#include "subjects/table.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace assay::subjects {
namespace {

// What a kernel must leave as it was.
struct State {
  int rounding = 0;
  int exceptions = 0;       // that trap
  std::uint32_t mxcsr = 0;  // without the sticky flags
  int flags = 0;

  bool SameControl(const State& other) const {
    return rounding == other.rounding && exceptions == other.exceptions && mxcsr == other.mxcsr;
  }
};

#if defined(__x86_64__)
constexpr std::uint32_t kFtzDaz = 0x8040;
constexpr std::uint32_t kUnderflow = 0x10;
constexpr std::uint32_t kStickyFlags = 0x3F;
#endif

State CurrentState() {
  State state;
  state.rounding = ::fegetround();
  state.exceptions = ::fegetexcept();
  state.flags = ::fetestexcept(FE_ALL_EXCEPT);
#if defined(__x86_64__)
  state.mxcsr = _mm_getcsr() & ~kStickyFlags;
#endif
  return state;
}

void Enter(const FpEnvironment& environment) {
  constexpr int kModes[] = {FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO};
  ::fesetround(kModes[environment.rounding]);
  ::feclearexcept(FE_ALL_EXCEPT);
#if defined(__x86_64__)
  // feraiseexcept raises underflow in the x87 unit, which a kernel that clears MXCSR would leave standing.
  _mm_setcsr((_mm_getcsr() & ~(kFtzDaz | kStickyFlags)) | kUnderflow | (environment.ftz_daz ? kFtzDaz : 0));
#else
  ::feraiseexcept(FE_UNDERFLOW);
#endif
}

CallReport CallOnce(assay_row_fn run, const assay_row_args& args, const FpEnvironment& environment) {
  CallReport report;
  fenv_t caller;
  ::fegetenv(&caller);
  Enter(environment);
  const State before = CurrentState();
  report.returned = static_cast<std::int32_t>(run(&args));
  const State after = CurrentState();
  ::fesetenv(&caller);
  report.control_intact = before.SameControl(after);
  report.flags_intact = before.flags == after.flags;
  return report;
}

void Add(const CallReport& other, CallReport* sum) {
  if (sum->returned == ASSAY_OK) sum->returned = other.returned;
  sum->control_intact = sum->control_intact && other.control_intact;
  sum->flags_intact = sum->flags_intact && other.flags_intact;
}

}  // namespace

CallReport RunCall(const assay_subject& table, const Call& call) {
  const assay_row_fn run = KernelOf(table, call.op).run;
  if (call.threads == 1) return CallOnce(run, call.args[0], call.environment);
  const auto count = static_cast<std::size_t>(call.threads);
  std::vector<CallReport> reports(count);
  std::vector<std::thread> threads;
  std::atomic<std::size_t> ready = 0;
  for (std::size_t t = 0; t < count; ++t) {
    threads.emplace_back([&, t] {
      ++ready;
      while (ready != count) std::this_thread::yield();  // all at once
      reports[t] = CallOnce(run, call.args[t], call.environment);
    });
  }
  CallReport sum;
  for (std::size_t t = 0; t < count; ++t) {
    threads[t].join();
    Add(reports[t], &sum);
  }
  return sum;
}

void ReadReport(const CallReport& report, RunResult* result) {
  result->status = StatusOf(report.returned, &result->detail);
  result->control_intact = report.control_intact;
  result->flags_intact = report.flags_intact;
}

}  // namespace assay::subjects
