// SPDX-License-Identifier: Apache-2.0

#include "cli/folder.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <vector>

namespace assay::cli {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void Refuse(const fs::path& folder, std::string_view why, std::string_view remedy) {
  throw std::runtime_error(fmt::format("cannot write to the folder {}: {}; {}", folder.string(), why, remedy));
}

}  // namespace

void MakeFolder(const fs::path& folder, std::string_view remedy) {
  std::error_code error;
  if (fs::exists(folder, error) && !fs::is_directory(folder, error)) Refuse(folder, "it is a file", remedy);
  fs::create_directories(folder, error);
  if (error) Refuse(folder, error.message(), remedy);
}

void CheckWritable(const fs::path& folder, std::string_view remedy) {
  std::vector<fs::path> made;  // innermost first
  std::error_code ignored;
  for (fs::path at = fs::absolute(folder); !fs::exists(at, ignored) && at.has_relative_path(); at = at.parent_path()) {
    made.push_back(at);
  }
  try {
    const fs::path probe = folder / fmt::format(".assay.{}.part", ::getpid());
    std::FILE* file = nullptr;
    // Another run that checks the same folder may remove it, empty as it is, in between: then once more.
    for (int attempt = 0; file == nullptr && attempt < 100; ++attempt) {
      MakeFolder(folder, remedy);
      file = std::fopen(probe.c_str(), "wb");
      if (file == nullptr && errno != ENOENT) break;
    }
    if (file == nullptr) Refuse(folder, std::strerror(errno), remedy);
    std::fclose(file);
    fs::remove(probe, ignored);
  } catch (...) {
    for (const fs::path& one : made) fs::remove(one, ignored);  // only where it is empty
    throw;
  }
  for (const fs::path& one : made) fs::remove(one, ignored);
}

}  // namespace assay::cli
