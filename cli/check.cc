// SPDX-License-Identifier: Apache-2.0
//
// assay check: every law on one subject, a line for each, findings with case files and replay commands.

#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <map>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/findings.h"
#include "cli/folder.h"
#include "cli/select.h"
#include "properties/engine/engine.h"

namespace assay::cli {
namespace {

using properties::Property;
using properties::PropertyResult;

// "my_kernel" for "./build/my_kernel.so": findings of a library carry its name, not its path.
std::string FileStem(const std::string& subject) { return std::filesystem::path(subject).stem().string(); }

void PrintLine(const Property& property, const PropertyResult& result) {
  // Padded before it is coloured: escape sequences have no width.
  std::string verdict = Good("holds    ");
  std::string note = Counted(result.holds, "case");
  if (result.violated > 0) {
    verdict = Bad("VIOLATED ");
    note = fmt::format("{} of {} cases", result.violated, result.cases);
  } else if (result.cases == 0) {
    verdict = Doubtful("not run  ");
    note = "the time was up";
  } else if (result.not_applicable == result.cases) {
    verdict = Doubtful("skipped  ");
    note = result.skip_reason;
  } else {
    if (result.not_applicable > 0) note += fmt::format(", {} skipped ({})", result.not_applicable, result.skip_reason);
    if (result.undecided > 0) {
      verdict = Doubtful("UNDECIDED");
      note += fmt::format(", {} undecided ({})", result.undecided, result.doubt);
    }
  }
  fmt::print("  {} {:24} {}\n", verdict, property.name, Wrapped(note, 37));
}

}  // namespace

int Check(const CheckOptions& options) {
  const std::vector<const Property*> selected = SelectProperties(options.properties);
  CheckWritable(options.findings, "choose another with --findings");
  const auto subject = OpenSubject(options.subject, options.time_limit_seconds);
  const subjects::SubjectInfo& info = subject->info();
  fmt::print("seed {}; {} ({})\n  {}\n", options.seed, TitleOf(info), options.subject,
             Wrapped(fmt::format("claims {}; {}, {} each, {} oracle", ClaimText(info), Counted(selected.size(), "law"),
                                 Counted(options.cases, "case"), oracle::TierName(options.tier)),
                     2));

  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  const auto elapsed = [start] { return std::chrono::duration<double>(Clock::now() - start).count(); };
  Progress progress;
  std::size_t violated = 0;
  std::size_t undecided = 0;
  std::size_t not_run = 0;
  std::size_t skipped = 0;
  std::uint64_t cases = 0;
  for (std::size_t i = 0; i < selected.size(); ++i) {
    const Property& property = *selected[i];
    properties::EngineOptions engine;
    engine.seed = options.seed;
    engine.cases = options.cases;
    engine.tier = options.tier;
    if (options.seconds > 0) {
      // What is left, shared evenly among the laws still to come.
      engine.seconds = std::max(1e-6, (options.seconds - elapsed()) / static_cast<double>(selected.size() - i));
    }
    engine.progress = [&](std::uint64_t done) {
      progress.Show(fmt::format("[{:2}/{}] {} {}/{}", i + 1, selected.size(), property.name, done, options.cases));
    };
    const bool time_is_up = options.seconds > 0 && elapsed() >= options.seconds;
    const PropertyResult result = time_is_up ? PropertyResult{} : properties::RunProperty(property, *subject, engine);
    progress.Clear();
    PrintLine(property, result);
    if (!result.findings.empty()) fmt::print("    law      {}\n", Wrapped(property.law, 13));
    for (std::size_t k = 0; k < result.findings.size(); ++k) {
      Present(result.findings[k], {options.subject, options.time_limit_seconds}, options.findings,
              fmt::format("{}-{}-{}", FileStem(options.subject), property.name, k + 1));
    }
    std::fflush(stdout);
    cases += result.cases;
    violated += result.violated > 0;
    undecided += result.undecided > 0;
    not_run += result.cases == 0;
    skipped += result.cases > 0 && result.not_applicable == result.cases;
  }
  const std::string not_run_text = not_run > 0 ? fmt::format(", {} not run", not_run) : "";
  fmt::print("{}: {} of {} violated, {} undecided, {} skipped{}; {} in {:.1f} s\n",
             violated > 0                 ? Bad("findings")
             : not_run > 0                ? Doubtful("incomplete")
             : skipped == selected.size() ? Doubtful("skipped")
                                          : Good("clean"),
             violated, Counted(selected.size(), "law"), undecided, skipped, not_run_text, Counted(cases, "case"),
             elapsed());
  if (violated > 0) return kFindings;
  if (not_run > 0) return kBudget;
  return skipped == selected.size() ? kSkipped : kClean;
}

}  // namespace assay::cli
