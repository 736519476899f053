// SPDX-License-Identifier: Apache-2.0
//
// The call itself, wherever it happens: in the floating-point environment asked for, from as many threads as asked
// for, and what it left of that environment.

#pragma once

#include <cstdint>

#include "assay/assay.h"
#include "subjects/arena.h"
#include "subjects/subject.h"

namespace assay::subjects {

// Of all threads together; trivially copyable.
struct CallReport {
  std::int32_t returned = ASSAY_OK;  // by the first thread that returned anything else
  bool control_intact = true;
  bool flags_intact = true;
  std::uint64_t scratch_refused = 0;  // the bytes that the kernel asked for, where they are more than there is
};

// Calls the table's kernel of that operation, which it must have. Of attention it asks for the size of the scratch
// first, in the environment of the caller of this function, fills and enters it in `call`; where the kernel asks for
// more than there is, it is not called. Threads start together. Each call finds the sticky flag "underflow" raised and
// the others clear, so that a kernel that clears them shows as well as one that raises them. FTZ/DAZ is set on x86;
// elsewhere only the rounding mode.
CallReport RunCall(const assay_subject& table, Call* call);

// The report's part of a result.
void ReadReport(const CallReport& report, RunResult* result);

}  // namespace assay::subjects
