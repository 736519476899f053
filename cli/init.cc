// SPDX-License-Identifier: Apache-2.0
//
// assay init: the glue for a kernel of one's own, as a project that builds and passes as written.

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/embedded.h"
#include "cli/folder.h"
#include "cli/select.h"
#include "subjects/files.h"

namespace assay::cli {
namespace {

namespace fs = std::filesystem;

bool IsIdentifier(const std::string& name) {
  const auto is_word = [](unsigned char ch) { return std::isalnum(ch) != 0 || ch == '_'; };
  return !name.empty() && std::isdigit(static_cast<unsigned char>(name[0])) == 0 &&
         std::all_of(name.begin(), name.end(), is_word);
}

std::string Replaced(std::string_view text, std::string_view what, std::string_view with) {
  std::string result;
  for (std::size_t at = 0;;) {
    const std::size_t found = text.find(what, at);
    result += text.substr(at, found - at);
    if (found == std::string_view::npos) return result;
    result += with;
    at = found + what.size();
  }
}

// Where find_package(assay) finds this program: the folder above bin/, or the build folder.
fs::path Prefix() {
  const fs::path here = fs::read_symlink("/proc/self/exe").parent_path();
  return here.parent_path();
}

}  // namespace

int Init(const InitOptions& options) {
  const std::string& name = options.name;
  if (!IsIdentifier(name)) {
    throw UsageError(fmt::format("\"{}\" cannot be a name in C: use letters, digits and _, a letter first", name));
  }
  const fs::path folder = options.folder.empty() ? fs::path(name) : options.folder;
  if (fs::exists(folder) && (!fs::is_directory(folder) || !fs::is_empty(folder))) {
    throw UsageError(fmt::format("{} exists already; remove it, or choose another folder with --out", folder.string()));
  }
  MakeFolder(folder, "choose another with --out");
  const auto write = [&](const std::string& file, std::string_view text) {
    const std::string named =
        Replaced(Replaced(text, "KIND", options.attention ? "attention" : "softmax"), "NAME", name);
    subjects::WriteWhole(folder / file, Replaced(named, "ASSAY_PREFIX", Prefix().string()));
  };
  write(name + ".c", options.attention ? AttentionTemplate() : KernelTemplate());
  write("CMakeLists.txt", CMakeTemplate());
  write("README.md", ReadmeTemplate());
  const std::string at = ShellQuoted(folder.string());
  fmt::print("wrote {0}.c, CMakeLists.txt and README.md to {1}\n", name, folder.string());
  fmt::print("  {}\n", Bold(fmt::format("cmake -S {0} -B {0}/build && cmake --build {0}/build", at)));
  fmt::print("  {}\n", Bold(fmt::format("ctest --test-dir {0}/build --output-on-failure", at)));
  fmt::print("  {}\n", Bold(fmt::format("assay check {0}/build/{1}.so", at, name)));
  return kClean;
}

}  // namespace assay::cli
