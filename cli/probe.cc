// SPDX-License-Identifier: Apache-2.0
//
// assay probe: what a subject declares, which laws will be checked on it and which are skipped and why; without a
// subject, what is built in.

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/select.h"
#include "properties/engine/engine.h"
#include "subjects/registry.h"

namespace assay::cli {
namespace {

using properties::Property;

void List() {
  fmt::print("{}\n", Bold("Subjects"));
  fmt::print("  {:30} the library on the best instruction set of this machine\n", "assay");
  for (const subjects::BuiltIn& built_in : subjects::BuiltIns()) {
    fmt::print("  {:30} {}\n", built_in.name, built_in.table->description);
  }
  fmt::print("\n{}\n", Bold("Laws"));
  for (const Property& property : properties::Catalogue()) {
    fmt::print("  {:30} {}\n", property.name, Wrapped(fmt::format("{}\nfinds: {}", property.law, property.finds), 33));
  }
}

// Why none of the law's first cases can be run; empty where one can.
std::string WhySkipped(const Property& property, const subjects::SubjectInfo& info) {
  std::string reason;
  for (std::uint64_t i = 0; i < 40; ++i) {
    reason = subjects::WhyUnsupported(info, properties::CaseAt(property, info, 1, i));
    if (reason.empty()) break;
  }
  return reason;
}

const char* EmptyRowText(assay_empty_row convention) { return convention == ASSAY_EMPTY_ROW_ZERO ? "zeros" : "NaN"; }

}  // namespace

int Probe(const ProbeOptions& options) {
  if (options.subject.empty()) {
    List();
    return kClean;
  }
  const auto subject = OpenSubject(options.subject);
  const subjects::SubjectInfo& info = subject->info();
  fmt::print("{}\n", Bold(TitleOf(info)));
  if (!info.description.empty()) fmt::print("  {}\n", Wrapped(info.description, 2));
  fmt::print("  claims      {}\n", ClaimText(info));
  fmt::print("  empty row   {} without a mask, {} with one\n", EmptyRowText(info.empty_row_unmasked),
             EmptyRowText(info.empty_row_masked));
  if (info.alignment_bytes > 1) fmt::print("  alignment   rows start at multiples of {} bytes\n", info.alignment_bytes);
  if (info.over_read_bytes > 0) fmt::print("  over-read   up to {} bytes past a buffer\n", info.over_read_bytes);
  constexpr std::pair<assay_feature, const char*> kFeatures[] = {
      {ASSAY_FEATURE_MASK, "boolean mask"},
      {ASSAY_FEATURE_TEMPERATURE, "temperature"},
      {ASSAY_FEATURE_TEMPERATURE_LIMITS, "T = 0 and T = inf"},
      {ASSAY_FEATURE_ROW_STRIDE, "row strides"},
      {ASSAY_FEATURE_IN_PLACE, "in place"},
      {ASSAY_FEATURE_EMPTY_ROW, "choice of the empty row"},
      {ASSAY_FEATURE_STATUS, "refuses bad arguments"}};
  for (const auto& [feature, text] : kFeatures) {
    fmt::print("  {}  {}\n", (info.features & feature) != 0 ? Good("yes") : Doubtful("no "), text);
  }
  std::size_t checked = 0;
  for (const Property& property : properties::Catalogue()) {
    const std::string skipped = WhySkipped(property, info);
    checked += skipped.empty();
    fmt::print("  {} {}\n", skipped.empty() ? Good("checked") : Doubtful("skipped"),
               skipped.empty() ? property.name : fmt::format("{:24} {}", property.name, Wrapped(skipped, 35)));
  }
  fmt::print("{} of {} laws will be checked: assay check {}\n", checked, properties::Catalogue().size(),
             ShellQuoted(options.subject));
  return kClean;
}

}  // namespace assay::cli
