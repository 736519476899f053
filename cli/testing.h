// SPDX-License-Identifier: Apache-2.0
//
// For the tests of this folder: the built program in a shell, in a folder of its own.

#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace assay::cli {

inline std::string ReadText(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

inline std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

struct Ran {
  int code = -1;  // 124: it took longer than a minute
  std::string out;
  std::string err;

  bool Says(const std::string& part) const { return (out + err).find(part) != std::string::npos; }
};

class CliTest : public testing::Test {
 protected:
  CliTest() {
    std::string pattern = testing::TempDir() + "assay cli XXXXXX";  // with spaces: quoting is tested on the way
    root_ = ::mkdtemp(pattern.data());
    folder_ = root_ / "work";
    std::filesystem::create_directory(folder_);
  }
  ~CliTest() override {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }

  const std::filesystem::path& folder() const { return folder_; }

  // Runs a line of shell in the folder; `assay` is the program. No terminal is near.
  Ran Run(const std::string& line) const {
    const std::string script = "cd '" + folder_.string() + "' || exit 99\n" +
                               "assay() { timeout 60 '" ASSAY_BINARY "' \"$@\"; }\n" + line + "\n";
    std::ofstream(root_ / "script") << script;
    const std::string root = "'" + root_.string() + "'/";
    const std::string command = "sh " + root + "script >" + root + "out 2>" + root + "err </dev/null";
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, ReadText(root_ / "out"), ReadText(root_ / "err")};
  }

  // Every file and folder below the folder, sorted.
  std::vector<std::string> Listing() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_)) {
      names.push_back(std::filesystem::relative(entry.path(), folder_).string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  void Write(const std::string& name, const std::string& bytes) const {
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
  }

 private:
  std::filesystem::path root_;
  std::filesystem::path folder_;
};

// The lines of an output that are commands to paste.
inline std::vector<std::string> ReplayCommands(const std::string& out) {
  std::vector<std::string> commands;
  for (const std::string& line : Lines(out)) {
    const std::size_t start = line.find_first_not_of(' ');
    if (start != std::string::npos && line.compare(start, 13, "assay replay ") == 0) {
      commands.push_back(line.substr(start));
    }
  }
  return commands;
}

// An array file of NumPy's format 1.0 with this header's fields and data.
inline std::string NpyFile(const std::string& descr, const std::string& shape, const std::string& data) {
  std::string header = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape + ", }";
  header.resize((10 + header.size() + 1 + 63) / 64 * 64 - 11, ' ');
  header += '\n';
  std::string bytes = std::string("\x93NUMPY\x01\0", 8);
  bytes += static_cast<char>(header.size() & 0xFF);
  bytes += static_cast<char>(header.size() >> 8);
  return bytes + header + data;
}

inline std::string FloatBytes(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

}  // namespace assay::cli
