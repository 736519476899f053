// SPDX-License-Identifier: Apache-2.0
//
// The signal handler and the words for what it saw.

#include "subjects/crash.h"

#include <fmt/format.h>
#include <signal.h>
#include <ucontext.h>

#include <cerrno>
#include <cstring>

namespace assay::subjects {
namespace {

constexpr std::size_t kStackBytes = std::size_t{64} << 10;  // the AVX-512 state of a signal frame takes 3 KiB
constexpr std::uintptr_t kNearStack = 64 << 10;

CrashRecord* crash_record = nullptr;
alignas(64) char signal_stack[kStackBytes];

void OnFault(int signal, siginfo_t* info, void* context) {
  crash_record->error = errno;
  crash_record->signal = signal;
  crash_record->code = info->si_code;
  crash_record->address = reinterpret_cast<std::uintptr_t>(info->si_addr);
#if defined(__x86_64__)
  // Bit 1 of the page fault's error code is set for a write (Intel SDM, vol. 3, 4.7).
  const auto* const machine = &static_cast<const ucontext_t*>(context)->uc_mcontext;
  crash_record->access = (machine->gregs[REG_ERR] & 2) != 0 ? Access::kWrite : Access::kRead;
  crash_record->stack_pointer = static_cast<std::uintptr_t>(machine->gregs[REG_RSP]);
#else
  (void)context;
#endif
  // The handler was reset to the default: a fault recurs on return and kills. A signal that was sent does not recur.
  if (info->si_code <= 0) ::raise(signal);
}

std::string SignalName(int signal) {
  const char* const name = ::sigabbrev_np(signal);
  return name != nullptr ? fmt::format("SIG{}", name) : fmt::format("signal {}", signal);
}

std::string Describe(int signal, const CrashRecord& record, const Arena& arena) {
  const std::string name = SignalName(signal);
  if (signal == SIGKILL) return name + " (out of memory?)";
  if (signal == SIGILL) return name + " (an instruction this CPU does not have, or a trap)";
  if (record.signal != signal || record.code <= 0 || (signal != SIGSEGV && signal != SIGBUS)) return name;
  if (record.code == SI_KERNEL) return name + " (a vector access to a misaligned address, or a wild pointer)";
  const std::uintptr_t below_stack = record.stack_pointer - record.address;
  if (record.stack_pointer != 0 && below_stack + kNearStack < 2 * kNearStack) return name + " (stack overflow)";
  const std::string where = arena.Locate(record.address);
  return fmt::format("{} {} {}", name,
                     record.access == Access::kWrite  ? "writing"
                     : record.access == Access::kRead ? "reading"
                                                      : "accessing",
                     !where.empty()           ? where
                     : record.address < 65536 ? fmt::format("through a null pointer (address {:#x})", record.address)
                                              : fmt::format("address {:#x}", record.address));
}

}  // namespace

void RecordCrashes(CrashRecord* record) {
  crash_record = record;
  stack_t stack = {};
  stack.ss_sp = signal_stack;
  stack.ss_size = sizeof signal_stack;
  ::sigaltstack(&stack, nullptr);
  struct sigaction action = {};
  action.sa_sigaction = OnFault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND | SA_NODEFER;
  for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT}) ::sigaction(signal, &action, nullptr);
}

std::string DescribeCrash(int signal, const CrashRecord& record, const Arena& arena) {
  const bool starved = record.signal == signal && record.error == ENOMEM;
  return Describe(signal, record, arena) + (starved ? ", after memory had run out (an allocation was refused)" : "");
}

}  // namespace assay::subjects
