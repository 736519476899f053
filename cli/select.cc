// SPDX-License-Identifier: Apache-2.0

#include "cli/select.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "subjects/registry.h"

namespace assay::cli {

std::unique_ptr<subjects::Subject> OpenSubject(std::string_view name, double time_limit_seconds) {
  subjects::OpenOptions options;
  options.time_limit = std::chrono::milliseconds(static_cast<std::int64_t>(time_limit_seconds * 1000));
  const bool path = name.find('/') != std::string_view::npos || name.ends_with(".so");
  try {
    return subjects::Open(name, options);
  } catch (const subjects::OpenError& error) {
    if (!path && subjects::FindBuiltIn(name) == nullptr) throw UsageError(error.what());
    throw;
  }
}

std::vector<const properties::Property*> SelectProperties(const std::vector<std::string>& names) {
  std::vector<const properties::Property*> selected;
  for (const std::string& name : names) {
    const properties::Property* property = properties::FindProperty(name);
    if (property == nullptr) {
      std::vector<std::string_view> known;
      for (const properties::Property& p : properties::Catalogue()) known.push_back(p.name);
      throw UsageError(fmt::format("no law is called \"{}\". Known are: {}", name, fmt::join(known, ", ")));
    }
    selected.push_back(property);
  }
  if (names.empty()) {
    for (const properties::Property& property : properties::Catalogue()) selected.push_back(&property);
  }
  return selected;
}

std::string ShellQuoted(std::string_view argument) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=:,+@%";
  if (!argument.empty() && argument.find_first_not_of(kPlain) == std::string_view::npos) return std::string(argument);
  std::string quoted = "'";
  for (const char ch : argument) quoted += ch == '\'' ? "'\\''" : std::string(1, ch);
  return quoted + "'";
}

std::string TitleOf(const subjects::SubjectInfo& info) {
  return info.version.empty() ? info.name : info.name + " " + info.version;
}

std::string Counted(std::uint64_t number, std::string_view noun) {
  return fmt::format("{} {}{}", number, noun, number == 1 ? "" : "s");
}

std::string ClaimText(const subjects::SubjectInfo& info) {
  switch (info.softmax_f32.kind) {
    case ASSAY_CLAIM_CORRECTLY_ROUNDED:
      return "every result correctly rounded";
    case ASSAY_CLAIM_MAX_ULP:
      return fmt::format("at most {:g} ULP", info.softmax_f32.max_ulp);
    default:
      return "nothing; held to the textbook bound, n + 6 + 2 (max - x) / T ULP";
  }
}

}  // namespace assay::cli
