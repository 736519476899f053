// SPDX-License-Identifier: Apache-2.0
//
// assay check: every law on one subject, a line for each, findings with case files and replay commands; and assay
// merge, which does the same with the results of shards.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/findings.h"
#include "cli/folder.h"
#include "cli/report_lines.h"
#include "cli/select.h"
#include "properties/engine/engine.h"
#include "subjects/case_io.h"

namespace assay::cli {
namespace {

using properties::Property;

Expected ExpectedOf(const std::filesystem::path& file) { return file.empty() ? Expected{} : ReadExpected(file); }

// Replays the case files among the expected failures; answers how many pass. Those of laws not selected are left out.
// Laws that are expected to fail and are about operations that the subject has not: as good as passing.
std::size_t CountAbsent(const Expected& expected, const std::vector<const Property*>& selected) {
  std::size_t absent = 0;
  for (const ExpectedFailure& one : expected.failures) {
    const auto is_it = [&](const Property* property) { return property->name == one.law; };
    if (one.law.empty() || std::any_of(selected.begin(), selected.end(), is_it)) continue;
    ++absent;
    fmt::print("  {} {:28} {}\n", Bad("PASSES   "), one.law,
               Wrapped(fmt::format("was expected to fail, but is about operations it has not: remove line {} of {}",
                                   one.line, expected.file.string()),
                       41));
  }
  return absent;
}

std::size_t CountPassing(const Expected& expected, const std::vector<const Property*>& selected,
                         subjects::Subject& subject) {
  std::size_t passing = 0;
  for (const ExpectedFailure& one : expected.failures) {
    if (one.case_file.empty()) continue;
    const std::string where = fmt::format("{}:{}", expected.file.string(), one.line);
    subjects::Case c;
    try {
      c = subjects::ReadCase(one.case_file);
    } catch (const subjects::CaseError& error) {
      throw UsageError(fmt::format("{}: {}", where, error.what()));
    }
    const Property* const property = properties::FindProperty(c.property);
    if (property == nullptr) throw UsageError(fmt::format("{}: the case names no law of ours", where));
    if (std::find(selected.begin(), selected.end(), property) == selected.end()) continue;
    properties::Context context{subject, oracle::Tier::kReferee};
    if (properties::Judge(*property, c, context).verdict == properties::Verdict::kViolated) continue;
    ++passing;
    fmt::print("  {} {:28} {}\n", Bad("PASSES   "), property->name,
               Wrapped(fmt::format("{} was expected to fail: remove line {} of {}", one.case_file.string(), one.line,
                                   expected.file.string()),
                       41));
  }
  return passing;
}

void WriteFiles(const CheckRun& run, const Expected& expected, const std::filesystem::path& json,
                const std::filesystem::path& junit) {
  if (!json.empty()) WriteResults(json, run);
  if (!junit.empty()) WriteJUnit(junit, run, expected);
}

// Found out before minutes of work, not after.
void CheckOutputs(const std::filesystem::path& json, const std::filesystem::path& junit) {
  for (const std::filesystem::path& file : {json, junit}) {
    if (file.empty()) continue;
    if (std::filesystem::is_directory(file))
      throw UsageError(fmt::format("{} is a folder; name a file", file.string()));
    CheckWritable(std::filesystem::absolute(file).parent_path(), "choose another place for " + file.string());
  }
}

}  // namespace

int Check(const CheckOptions& options) {
  const properties::Ops ops = SelectOps(options.ops);
  std::vector<const Property*> selected = SelectProperties(options.properties, ops, options.nightly);
  Expected expected = ExpectedOf(options.expected_failures);
  expected.strict = options.num_shards == 1;
  CheckWritable(options.findings, "choose another with --findings");
  CheckOutputs(options.json, options.junit);
  const auto subject = OpenSubject(options.subject, options.time_limit_seconds);
  const subjects::SubjectInfo& info = subject->info();
  // Laws about operations that it has not would only fill the screen; a law that was named is shown as skipped.
  const std::size_t known = selected.size();
  const properties::Ops its_ops = ops & SubjectOps(info);
  if (options.properties.empty()) selected = SelectProperties({}, its_ops, options.nightly);
  const std::string others = known == selected.size()
                                 ? ""
                                 : fmt::format(" ({} more are about operations it has not)", known - selected.size());

  CheckRun run;
  run.subject = options.subject;
  run.title = TitleOf(info);
  run.time_limit_seconds = options.time_limit_seconds;
  run.seed = options.seed;
  run.cases = options.cases;
  run.num_shards = options.num_shards;
  run.shards = {options.shard};
  run.ops = ops;
  const std::string shard_text =
      run.num_shards > 1 ? fmt::format(", shard {}/{}", options.shard, options.num_shards) : "";
  const bool until_time = options.cases == kUntilTheTimeIsUp;
  fmt::print("seed {}; {} ({})\n  {}\n", run.seed, run.title, run.subject,
             Wrapped(fmt::format("{}; {}{}, {}{}, {} oracle", OpsText(its_ops), Counted(selected.size(), "law"), others,
                                 until_time ? "as many cases as the time allows" : Counted(run.cases, "case") + " each",
                                 shard_text, oracle::TierName(options.tier)),
                     2));

  if (selected.empty()) fmt::print("  nothing to check: the subject has {}\n", OpsText(SubjectOps(info)));
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  const auto elapsed = [start] { return std::chrono::duration<double>(Clock::now() - start).count(); };
  Progress progress;
  for (std::size_t i = 0; i < selected.size(); ++i) {
    const Property& property = *selected[i];
    properties::EngineOptions engine;
    engine.seed = options.seed;
    engine.cases = options.cases;
    engine.ops = ops;
    engine.shard = options.shard;
    engine.num_shards = options.num_shards;
    engine.tier = options.tier;
    if (options.seconds > 0) {
      // What is left, shared evenly among the laws still to come.
      engine.seconds = std::max(1e-6, (options.seconds - elapsed()) / static_cast<double>(selected.size() - i));
    }
    engine.progress = [&](std::uint64_t done) {
      progress.Show(fmt::format("[{:2}/{}] {} {}/{}", i + 1, selected.size(), property.name, done,
                                properties::CasesOf(property, info, ops, options.cases)));
    };
    LawResult law;
    law.law = property.name;
    const double before = elapsed();
    const bool time_is_up = options.seconds > 0 && before >= options.seconds;
    if (!time_is_up) law.result = properties::RunProperty(property, *subject, engine);
    law.seconds = elapsed() - before;
    progress.Clear();
    for (const properties::Finding& finding : law.result.findings) {
      law.files.push_back(KeepFinding(
          finding, options.findings, fmt::format("{}-{}-{}", FileStem(options.subject), property.name, finding.index)));
    }
    PrintLaw(run, law, expected);
    std::fflush(stdout);
    run.laws.push_back(std::move(law));
  }
  std::size_t passing = expected.strict ? CountPassing(expected, selected, *subject) : 0;
  if (expected.strict && options.properties.empty()) passing += CountAbsent(expected, selected);
  PrintOperations(run);
  WriteFiles(run, expected, options.json, options.junit);
  return PrintSummary(run, expected, passing, elapsed());
}

int Merge(const MergeOptions& options) {
  CheckOutputs(options.json, options.junit);
  CheckRun run = ReadResults(options.files.front());
  for (std::size_t i = 1; i < options.files.size(); ++i) MergeInto(&run, ReadResults(options.files[i]));
  Expected expected = ExpectedOf(options.expected_failures);
  const bool whole = run.shards.size() == run.num_shards;
  expected.strict = whole;
  fmt::print("seed {}; {} ({})\n", run.seed, run.title, run.subject);
  double seconds = 0;
  for (const LawResult& law : run.laws) {
    PrintLaw(run, law, expected);
    seconds += law.seconds;
  }
  PrintOperations(run);
  WriteFiles(run, expected, options.json, options.junit);
  const int code = PrintSummary(run, expected, 0, seconds);
  if (whole || code != kClean) return code;
  std::string missing;
  for (std::uint64_t shard = 0; shard < run.num_shards; ++shard) {
    if (!run.shards.contains(shard)) missing += fmt::format("{}{}", missing.empty() ? "" : ", ", shard);
  }
  PrintError(fmt::format("of {} shards these are missing: {}", run.num_shards, missing));
  return kBudget;
}

}  // namespace assay::cli
