// SPDX-License-Identifier: Apache-2.0
//
// The two ends of isolation meet here: the shared control block, and what the child does with it.

#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "assay/assay.h"
#include "subjects/arena.h"
#include "subjects/calling.h"
#include "subjects/crash.h"
#include "subjects/table.h"

namespace assay::subjects {

// Lives in the arena's control page. The parent writes `call`, into which the child enters the scratch, the child all
// else; a byte over the socket passes the turn, so nothing here is ever accessed by both at once.
struct ControlBlock {
  Declaration declaration;  // first turn of the child: this, or why not
  char refused[2048];
  Call call;
  CallReport report;
  CrashRecord crash;
};

// Gives the subject's table, or nullptr and why. Called in the child.
using Loader = std::function<const assay_subject*(std::string* refused)>;

// The child's life: loads, answers, then runs the call once for every byte received. What it may allocate once loaded
// is limited to memory_bytes more than it has by then (not in a build with a sanitizer). Never returns, and lets no
// exception out: above it on the stack are the parent's handlers.
[[noreturn]] void ChildMain(ControlBlock* control, int socket, pid_t parent, const Loader& load,
                            std::size_t memory_bytes) noexcept;

}  // namespace assay::subjects
