// SPDX-License-Identifier: Apache-2.0

#include "cli/expected.h"

#include <fmt/format.h>

#include <fstream>
#include <sstream>

#include "cli/commands.h"
#include "cli/select.h"

namespace assay::cli {

properties::Ops Expected::OpsOf(std::string_view law) const {
  properties::Ops ops = 0;
  for (const ExpectedFailure& one : failures) {
    if (one.law == law) ops |= one.ops;
  }
  return ops;
}

Expected ReadExpected(const std::filesystem::path& file) {
  std::ifstream in(file);
  if (!in || std::filesystem::is_directory(file)) {
    throw UsageError(fmt::format("--expected-failures {}: cannot be read; check the path", file.string()));
  }
  Expected expected;
  expected.file = file;
  std::size_t number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    std::istringstream words(line.substr(0, line.find('#')));
    std::string law;
    std::string op;
    std::string more;
    if (!(words >> law)) continue;
    words >> op >> more;
    const std::string where = fmt::format("{}:{}", file.string(), number);
    ExpectedFailure one;
    one.line = number;
    if (!more.empty()) throw UsageError(fmt::format("{}: \"{}\" is one word too many", where, more));
    if (law.ends_with(".json")) {
      one.case_file = file.parent_path() / law;
      if (!op.empty()) throw UsageError(fmt::format("{}: a case file stands alone; remove \"{}\"", where, op));
      if (!std::filesystem::exists(one.case_file)) {
        throw UsageError(fmt::format("{}: there is no case file {}", where, one.case_file.string()));
      }
    } else {
      if (properties::FindProperty(law) == nullptr) {
        throw UsageError(fmt::format("{}: no law is called \"{}\"; assay probe lists them", where, law));
      }
      one.law = law;
      try {
        if (!op.empty()) one.ops = SelectOps({op});
      } catch (const UsageError& error) {
        throw UsageError(fmt::format("{}: {}", where, error.what()));
      }
    }
    expected.failures.push_back(std::move(one));
  }
  return expected;
}

}  // namespace assay::cli
