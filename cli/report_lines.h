// SPDX-License-Identifier: Apache-2.0
//
// A run of `assay check` in words: a line for each law, its findings, and what it all comes to. For check and merge.

#pragma once

#include <string>

#include "cli/expected.h"
#include "cli/results.h"

namespace assay::cli {

// What a law's result means, given what is expected.
struct LawOutcome {
  enum class Kind { kHolds, kViolated, kExpected, kPassesUnexpectedly, kNotRun, kSkipped, kUndecided };
  Kind kind = Kind::kHolds;
  bool failed = false;  // counts as a finding
  std::string note;     // for people: how many cases, why skipped ...
};
LawOutcome OutcomeOf(const LawResult& law, const Expected& expected);

// "assay replay FILE --subject S", to paste.
std::string ReplayCommand(const CheckRun& run, const std::filesystem::path& case_file);

// The law's line, and where something was found its sentence, the witnesses and the commands that replay them.
void PrintLaw(const CheckRun& run, const LawResult& law, const Expected& expected);

// The table of what was seen for each operation and dtype: cases, violations, the largest error over its bound.
void PrintOperations(const CheckRun& run);

// The last line, and the exit code.
int PrintSummary(const CheckRun& run, const Expected& expected, std::size_t unexpected_cases, double seconds);

}  // namespace assay::cli
