// SPDX-License-Identifier: Apache-2.0
//
// A finding on disk and on the screen: case files for the minimal and the worst witness, and the command to paste.

#pragma once

#include <filesystem>
#include <string>

#include "properties/engine/engine.h"

namespace assay::cli {

// Writes NAME-minimal.json (and NAME-worst.json where that is another case) to the folder, which is made, and prints
// reasons and replay commands.
void Present(const properties::Finding& finding, const std::string& subject, const std::filesystem::path& folder,
             const std::string& name);

}  // namespace assay::cli
