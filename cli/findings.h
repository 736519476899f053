// SPDX-License-Identifier: Apache-2.0
//
// A finding on disk: case files for the minimal and the worst witness.

#pragma once

#include <filesystem>
#include <string>

#include "cli/results.h"
#include "properties/engine/engine.h"

namespace assay::cli {

// Writes NAME-minimal.json (and NAME-worst.json where that is another case) to the folder, which is made.
FindingFiles KeepFinding(const properties::Finding& finding, const std::filesystem::path& folder,
                         const std::string& name);

// "my_kernel" for "./build/my_kernel.so": findings of a library carry its name, not its path.
std::string FileStem(const std::string& subject);

}  // namespace assay::cli
