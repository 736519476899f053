// SPDX-License-Identifier: Apache-2.0
//
// How a child died: recorded by a signal handler in the child, put into words by the parent.

#pragma once

#include <cstdint>
#include <string>

#include "subjects/arena.h"

namespace assay::subjects {

enum class Access : std::int32_t { kUnknown, kRead, kWrite };

// What the handler knows of a fault; all zero where none came.
struct CrashRecord {
  std::int32_t signal;
  std::int32_t code;  // si_code
  std::uintptr_t address;
  std::uintptr_t stack_pointer;
  std::int32_t error;  // errno
  Access access;
};

// In the child: lets SIGSEGV, SIGBUS, SIGILL, SIGFPE and SIGABRT fill `record` on a stack of their own, and die of it
// all the same. Replaces the handlers of a sanitizer, whose report would otherwise hide the signal behind an exit code.
void RecordCrashes(CrashRecord* record);

// "SIGSEGV writing 0 bytes past the end of out", "SIGABRT"; and that memory had run out, where errno said so.
std::string DescribeCrash(int signal, const CrashRecord& record, const Arena& arena);

}  // namespace assay::subjects
