// SPDX-License-Identifier: Apache-2.0
//
// Folders to write to: whether files can be made in them is found out before minutes of work, not after.

#pragma once

#include <filesystem>
#include <string_view>

namespace assay::cli {

// Makes the folder, with those above it. Throws std::runtime_error that names it, the reason and the remedy.
void MakeFolder(const std::filesystem::path& folder, std::string_view remedy);

// Makes the folder and a file in it and takes away again what was not there before. Throws likewise.
void CheckWritable(const std::filesystem::path& folder, std::string_view remedy);

}  // namespace assay::cli
