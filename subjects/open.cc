// SPDX-License-Identifier: Apache-2.0
//
// Finding a subject by name or path. What can be said before loading is said here; loading itself is the child's.

#include <dlfcn.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <numeric>
#include <utility>

#include "subjects/isolated.h"
#include "subjects/peers/find.h"
#include "subjects/registry.h"
#include "subjects/subject.h"
#include "subjects/table.h"

namespace assay::subjects {
namespace {

// Levenshtein (1966): the fewest insertions, deletions and replacements that make `a` into `b`.
std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = std::exchange(row[j + 1], std::min({replaced, row[j] + 1, row[j + 1] + 1}));
    }
  }
  return row.back();
}

std::string UnknownName(std::string_view name) {
  std::string known;
  std::string nearest;
  std::size_t distance = 1 + name.size() / 2;  // farther than that is no slip of the finger
  const auto add = [&](const std::string& one) {
    known += (known.empty() ? "" : ", ") + one;
    if (const std::size_t d = EditDistance(name, one); d < distance) {
      distance = d;
      nearest = one;
    }
  };
  for (const BuiltIn& built_in : BuiltIns()) add(built_in.name);
  for (const Peer& peer : Peers()) add(peer.name);
  return fmt::format(
      "no built-in subject is called \"{}\"{} Known are: assay, {}; or give the path of a shared "
      "library, with a '/' in it or .so at its end",
      name, nearest.empty() ? "." : fmt::format("; did you mean \"{}\"?", nearest), known);
}

// Runs in the child, or for OpenHere in this process.
const assay_subject* LoadLibrary(const std::string& path, std::string* refused) {
  void* const library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* const text = ::dlerror();
    *refused = fmt::format(
        "cannot be loaded as a shared library ({}); build it for this machine with -shared -fPIC "
        "and link all it needs",
        text != nullptr ? text : "no reason given");
    return nullptr;
  }
  const auto entry = reinterpret_cast<assay_subject_v1_fn>(::dlsym(library, ASSAY_SUBJECT_SYMBOL));
  if (entry == nullptr) {
    *refused = "exports no symbol " ASSAY_SUBJECT_SYMBOL
               "; define `const assay_subject* assay_subject_v1(void)` as in assay/assay.h, "
               "__attribute__((visibility(\"default\"))), and extern \"C\" where it is C++";
    return nullptr;
  }
  return entry();
}

bool IsPath(std::string_view name) { return name.find('/') != name.npos || name.ends_with(".so"); }

// The path where the name is one, or that of a peer; empty for the name of a built-in subject, and for no name.
std::string PathOf(std::string_view name) {
  if (IsPath(name)) return std::string(name);
  const Peer* const peer = FindBuiltIn(name) == nullptr ? FindPeer(name) : nullptr;
  return peer == nullptr ? "" : peer->path.string();
}

// The absolute path of a library that is there and can be read; OpenError where not.
std::string LibraryPath(std::string_view name) {
  const std::string label(name);
  const std::filesystem::path path = std::filesystem::absolute(name);
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  const bool unreachable = error && error != std::errc::no_such_file_or_directory;
  if (!std::filesystem::exists(status)) {
    throw OpenError(label + ": no such file" + (unreachable ? " (" + error.message() + ")" : "") +
                    "; check the path, or give the name of a built-in subject");
  }
  if (!std::filesystem::is_regular_file(status)) {
    throw OpenError(label + ": not a regular file; give the path of a shared library");
  }
  if (::access(path.c_str(), R_OK) != 0) {
    throw OpenError(label + ": cannot be read (" + std::strerror(errno) + "); check its permissions");
  }
  return path.string();
}

const assay_subject& BuiltInTable(std::string_view name) {
  const BuiltIn* const built_in = FindBuiltIn(name);
  if (built_in == nullptr) throw OpenError(UnknownName(name));
  return *built_in->table;
}

}  // namespace

std::unique_ptr<Subject> Open(std::string_view name, const OpenOptions& options) {
  const std::string label(name);
  if (const std::string given = PathOf(name); !given.empty()) {
    const auto load = [path = LibraryPath(given)](std::string* refused) { return LoadLibrary(path, refused); };
    return OpenIsolated(label, load, options);
  }
  const auto load = [table = &BuiltInTable(name)](std::string*) { return table; };
  return OpenIsolated(label, load, options);
}

const assay_subject& LoadHere(std::string_view name) {
  const std::string given = PathOf(name);
  if (given.empty()) return BuiltInTable(name);
  std::string refused;
  const assay_subject* const table = LoadLibrary(LibraryPath(given), &refused);
  Declaration declaration;
  if (refused.empty()) refused = ReadTable(table, &declaration);
  if (!refused.empty()) throw OpenError(std::string(name) + ": " + refused);
  return *table;
}

std::unique_ptr<Subject> OpenHere(std::string_view name) { return InProcess(LoadHere(name)); }

}  // namespace assay::subjects
