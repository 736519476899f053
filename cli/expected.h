// SPDX-License-Identifier: Apache-2.0
//
// Failures that are known: a file of them keeps a run clean as long as precisely they fail.

#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "properties/property.h"

namespace assay::cli {

// One line of the file: LAW, or LAW OPERATION, or the name of a case file (.json, relative to the list's folder).
struct ExpectedFailure {
  std::size_t line = 0;
  std::string law;                            // empty for a case file
  properties::Ops ops = properties::kAllOps;  // the operation named
  std::filesystem::path case_file;
};

struct Expected {
  std::filesystem::path file;
  std::vector<ExpectedFailure> failures;
  bool strict = true;  // what is listed must fail; not so in a shard, which sees only some cases

  // The operations in which this law is known to fail.
  properties::Ops OpsOf(std::string_view law) const;
};

// Empty lines and what follows a # do not count. Throws UsageError with the line's number for an unknown law or
// operation, and where the file cannot be read.
Expected ReadExpected(const std::filesystem::path& file);

}  // namespace assay::cli
