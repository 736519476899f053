// SPDX-License-Identifier: Apache-2.0
//
// Whole files in and out.

#include "subjects/files.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <system_error>

#include "subjects/case_io.h"

namespace assay::subjects {

std::string ReadWhole(const std::filesystem::path& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) {
    throw CaseError(fmt::format("{}: no such file; check the path", path.string()));
  }
  if (!std::filesystem::is_regular_file(status)) {
    throw CaseError(fmt::format("{}: not a regular file; give the path of a case file", path.string()));
  }
  std::ifstream in(path, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (!in.good() && !in.eof()) {
    throw CaseError(fmt::format("{}: cannot be read ({}); check its permissions", path.string(), std::strerror(errno)));
  }
  return bytes;
}

void WriteWhole(const std::filesystem::path& path, std::string_view bytes) {
  std::filesystem::path temporary = path;
  temporary += fmt::format(".{}.tmp", ::getpid());
  std::error_code error;
  {
    errno = 0;
    std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    out.close();
    if (!out) error = std::error_code(errno != 0 ? errno : EIO, std::generic_category());
  }
  if (!error) std::filesystem::rename(temporary, path, error);
  if (error) {
    std::error_code ignored;
    std::filesystem::remove(temporary, ignored);
    throw CaseError(fmt::format("{}: cannot be written ({}); the folder must exist, be writable and have room",
                                path.string(), error.message()));
  }
}

}  // namespace assay::subjects
