// SPDX-License-Identifier: Apache-2.0
//
// fenv.h, and MXCSR where there is one: fenv.h knows neither FTZ nor DAZ.

#include "subjects/calling.h"

#include <fenv.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstring>
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

template <class Args>
CallReport CallOnce(assay_status (*run)(const Args*), const Args& args, const FpEnvironment& environment) {
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

// From all threads at once.
template <class Args>
CallReport CallAll(assay_status (*run)(const Args*), const Args* args, const Call& call) {
  if (call.threads == 1) return CallOnce(run, args[0], call.environment);
  const auto count = static_cast<std::size_t>(call.threads);
  std::vector<CallReport> reports(count);
  std::vector<std::thread> threads;
  std::atomic<std::size_t> ready = 0;
  for (std::size_t t = 0; t < count; ++t) {
    threads.emplace_back([&, t] {
      ++ready;
      while (ready != count) std::this_thread::yield();
      reports[t] = CallOnce(run, args[t], call.environment);
    });
  }
  CallReport sum;
  for (std::size_t t = 0; t < count; ++t) {
    threads[t].join();
    Add(reports[t], &sum);
  }
  return sum;
}

// Asks the kernel how much scratch the call needs and enters so much of the room, filled. 0, or what is too much.
std::uint64_t GiveScratch(const assay_attention_kernel& kernel, const ScratchRoom& room, assay_attention_args* args) {
  if (kernel.scratch_bytes == nullptr) return 0;
  const std::size_t bytes = room.default_bytes != 0 ? room.default_bytes : kernel.scratch_bytes(args);
  if (bytes > room.size_bytes) return bytes;
  if (bytes == 0) return 0;
  std::byte* const begin = room.Place(bytes);
  std::byte* const end = room.begin + room.size_bytes;
  const std::size_t before = std::min(Arena::kMarginBytes, static_cast<std::size_t>(begin - room.begin));
  const std::size_t behind = std::min(Arena::kMarginBytes, static_cast<std::size_t>(end - begin) - bytes);
  std::memset(begin - before, std::to_integer<int>(room.poison), before + bytes + behind);
  args->scratch = begin;
  args->scratch_bytes = bytes;
  return 0;
}

}  // namespace

CallReport RunCall(const assay_subject& table, Call* call) {
  if (!IsAttention(call->op)) return CallAll(KernelOf(table, call->op).run, call->args.data(), *call);
  const assay_attention_kernel& kernel = AttentionKernelOf(table, call->op);
  for (std::size_t t = 0; t < static_cast<std::size_t>(call->threads); ++t) {
    CallReport report;
    report.scratch_refused = GiveScratch(kernel, call->scratch[t], &call->attention[t]);
    if (report.scratch_refused != 0) return report;
  }
  return CallAll(kernel.run, call->attention.data(), *call);
}

void ReadReport(const CallReport& report, RunResult* result) {
  result->status = StatusOf(report.returned, &result->detail);
  result->control_intact = report.control_intact;
  result->flags_intact = report.flags_intact;
  if (report.scratch_refused == 0) return;
  result->status = ASSAY_SMALL_SCRATCH;
  result->detail =
      fmt::format("asks for {} bytes of scratch; {} can be had", report.scratch_refused, Arena::kScratchBytes);
}

}  // namespace assay::subjects
