// SPDX-License-Identifier: Apache-2.0
//
// A finding on disk and on the screen: case files for the minimal and the worst witness, and the command to paste.

#pragma once

#include <filesystem>
#include <string>

#include "cli/commands.h"
#include "properties/engine/engine.h"

namespace assay::cli {

// How a finding is to be replayed.
struct ReplayWith {
  std::string subject;
  double time_limit_seconds = kDefaultTimeLimitSeconds;
};

// Writes NAME-minimal.json (and NAME-worst.json where that is another case) to the folder, which is made, and prints
// reasons and replay commands.
void Present(const properties::Finding& finding, const ReplayWith& with, const std::filesystem::path& folder,
             const std::string& name);

}  // namespace assay::cli
