// SPDX-License-Identifier: Apache-2.0
//
// The committed corpora, for the replay tests. ASSAY_FUZZ_CORPUS is their folder.

#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

namespace assay::fuzz {

inline std::vector<std::filesystem::path> FilesIn(const char* folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(ASSAY_FUZZ_CORPUS) / folder)) {
    files.push_back(entry.path());
  }
  return files;
}

inline std::vector<std::uint8_t> Read(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace assay::fuzz
