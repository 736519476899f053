// SPDX-License-Identifier: Apache-2.0
//
// Whole files in and out.

#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace assay::subjects {

// Both throw CaseError naming the file. WriteWhole writes "PATH.PID.tmp" and renames it over `path`.
std::string ReadWhole(const std::filesystem::path& path);
void WriteWhole(const std::filesystem::path& path, std::string_view bytes);

}  // namespace assay::subjects
