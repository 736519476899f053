// SPDX-License-Identifier: Apache-2.0
//
// Whole files in and out, and the checksum that ties a case to its raw tensors.

#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace assay::subjects {

// Both throw CaseError naming the file. WriteWhole writes "PATH.PID.tmp" and renames it over `path`.
std::string ReadWhole(const std::filesystem::path& path);
void WriteWhole(const std::filesystem::path& path, std::string_view bytes);

// FNV-1a, 64 bits (Fowler, Noll, Vo): enough against truncation and mixed-up files; no defence against malice.
std::uint64_t Fnv1a(std::string_view bytes);

}  // namespace assay::subjects
