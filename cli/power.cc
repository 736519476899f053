// SPDX-License-Identifier: Apache-2.0
//
// assay power: the verifier verified. Each faulty subject that is built in, beside what the usual comparisons make of
// it, and how many cases the law written for it needs to see it.

#include "properties/engine/power.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/folder.h"
#include "cli/select.h"
#include "properties/engine/criteria.h"
#include "subjects/files.h"
#include "subjects/registry.h"

namespace assay::cli {
namespace {

using subjects::BuiltIn;
using subjects::Kind;

struct Row {
  const BuiltIn* fault = nullptr;
  properties::Acceptance accepted_from = {};
  std::string power;
  bool rejected = false;
  bool nightly = false;  // its law is too slow for now

  std::size_t Accepting() const {
    return static_cast<std::size_t>(
        std::count_if(accepted_from.begin(), accepted_from.end(), [](const auto& from) { return from.has_value(); }));
  }
};

std::string FromText(const std::optional<std::size_t>& from) { return from ? std::to_string(*from) : "-"; }

std::string Where(const BuiltIn& fault) {
  return fmt::format("{} {}", subjects::OpName(fault.op), subjects::ElementName(subjects::ElementOf(fault.dtype)));
}

Row Measure(const BuiltIn& fault, const PowerOptions& options) {
  Row row;
  row.fault = &fault;
  const auto subject = OpenSubject(fault.name);
  row.accepted_from = properties::AcceptanceOf(*subject, fault.op, fault.dtype, options.seed);
  const properties::Property& law = *properties::FindProperty(fault.breaks);
  row.nightly = law.nightly && !options.nightly;
  if (row.nightly) {
    row.power = "nightly";
    return row;
  }
  const properties::Power power =
      properties::DetectionPower(law, *subject, options.seed, law.nightly ? 1 : options.cases);
  row.rejected = power.violated > 0;
  row.power = properties::PowerText(power);
  return row;
}

std::string Markdown(const std::vector<Row>& rows, const PowerOptions& options) {
  std::string md = "| fault | mechanism | in |";
  for (const properties::Criterion& criterion : properties::Criteria()) md += fmt::format(" {} |", criterion.name);
  md += " rejected by | cases for 95 % |\n|---|---|---|";
  for (std::size_t i = 0; i < properties::kCriteria; ++i) md += "---:|";
  md += "---|---:|\n";
  for (const Row& row : rows) {
    md += fmt::format("| `{}` | {} | {} |", row.fault->name, row.fault->mechanism, Where(*row.fault));
    for (const auto& from : row.accepted_from) md += fmt::format(" {} |", FromText(from));
    md += fmt::format(" `{}` | {} |\n", row.fault->breaks, row.power);
  }
  return md + fmt::format(
                  "\nMade by `assay power --seed {} --cases {}`. A number under a criterion: it accepts the "
                  "fault on N(0, 1) rows of that length and of all longer ones tried, up to {}; a dash: not "
                  "even there.\n",
                  options.seed, options.cases, *std::rbegin(properties::kBenignCols));
}

}  // namespace

int Power(const PowerOptions& options) {
  if (!options.out.empty()) {
    CheckWritable(std::filesystem::absolute(options.out).parent_path(), "choose another place with --out");
  }
  for (const std::string& name : options.subjects) {
    const BuiltIn* const fault = subjects::FindBuiltIn(name);
    if (fault == nullptr || fault->breaks.empty()) {
      throw UsageError(fmt::format("\"{}\" is no faulty subject that is built in; assay probe lists them", name));
    }
  }
  fmt::print("seed {}; the row length from which on each of these accepts the fault on N(0, 1) rows:\n", options.seed);
  for (std::size_t i = 0; i < properties::kCriteria; ++i) {
    fmt::print("  ({}) {}\n", static_cast<char>('a' + static_cast<char>(i)), properties::Criteria()[i].name);
  }
  fmt::print("  {:34} {:>6} {:>6} {:>6} {:>6}  {:30} {}\n", "fault", "(a)", "(b)", "(c)", "(d)", "rejected by",
             "cases for 95 %");
  std::vector<Row> rows;
  std::size_t missed = 0;
  std::size_t nightly = 0;
  std::size_t passing_two = 0;
  Progress progress;
  for (const BuiltIn& fault : subjects::BuiltIns()) {
    if (fault.breaks.empty()) continue;
    const bool chosen = options.subjects.empty() || std::find(options.subjects.begin(), options.subjects.end(),
                                                              fault.name) != options.subjects.end();
    if (!chosen) continue;
    progress.Show(fault.name);
    const Row row = Measure(fault, options);
    progress.Clear();
    missed += !row.rejected && !row.nightly ? 1 : 0;
    nightly += row.nightly ? 1 : 0;
    passing_two += row.Accepting() >= 2 ? 1 : 0;
    fmt::print("  {:34} {:>6} {:>6} {:>6} {:>6}  {:30} {}\n", fault.name, FromText(row.accepted_from[0]),
               FromText(row.accepted_from[1]), FromText(row.accepted_from[2]), FromText(row.accepted_from[3]),
               fault.breaks, row.rejected || row.nightly ? row.power : Bad("NOT in " + row.power.substr(2) + " cases"));
    std::fflush(stdout);
    rows.push_back(row);
  }
  if (!options.out.empty()) subjects::WriteWhole(options.out, Markdown(rows, options));
  fmt::print("{}: {} of {} rejected by the law written for them{}; {} pass at least two of the four criteria\n",
             missed == 0 ? Good("clean") : Bad("findings"), rows.size() - missed - nightly,
             Counted(rows.size(), "faulty subject"), nightly == 0 ? "" : fmt::format(", {} left to --nightly", nightly),
             passing_two);
  return missed == 0 ? kClean : kFindings;
}

}  // namespace assay::cli
