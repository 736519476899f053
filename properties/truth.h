// SPDX-License-Identifier: Apache-2.0
//
// From a case to the oracle: the one place that knows which question an operation asks.

#pragma once

#include <cstddef>
#include <vector>

#include "oracle/oracle.h"
#include "subjects/case.h"
#include "subjects/subject.h"

namespace assay::properties {

oracle::Format FormatOf(assay_dtype dtype);

// What AUTO, or a subject without a choice, gives for this case.
assay_empty_row EmptyRowOf(const subjects::Case& c, const subjects::SubjectInfo& info);

// The exact value of every output of the case, in the order of RunResult::out. `repeat` as in RunOptions. Throws
// oracle::Undecided. The case must be one that a kernel has to accept.
std::vector<oracle::Exact> ExactOf(const subjects::Case& c, const subjects::SubjectInfo& info, oracle::Tier tier,
                                   std::uint64_t repeat = 1);

}  // namespace assay::properties
