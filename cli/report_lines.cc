// SPDX-License-Identifier: Apache-2.0

#include "cli/report_lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/select.h"
#include "subjects/case_io.h"

namespace assay::cli {
namespace {

using properties::PropertyResult;
using properties::Tally;
using Kind = LawOutcome::Kind;

constexpr std::size_t kIndent = 13;

// The operations in which the law was violated.
properties::Ops ViolatedOps(const PropertyResult& result) {
  properties::Ops ops = 0;
  for (int op = 0; op < ASSAY_NUM_OPS; ++op) {
    for (const Tally& tally : result.tallies[op]) {
      if (tally.violated > 0) ops |= properties::Of(static_cast<assay_op>(op));
    }
  }
  return ops;
}

// The operations of which some case was judged.
properties::Ops JudgedOps(const PropertyResult& result) {
  properties::Ops ops = 0;
  for (int op = 0; op < ASSAY_NUM_OPS; ++op) {
    for (const Tally& tally : result.tallies[op]) {
      if (tally.cases > 0) ops |= properties::Of(static_cast<assay_op>(op));
    }
  }
  return ops;
}

void PrintCase(const CheckRun& run, const char* which, const subjects::Case& c, const properties::Judgement& judgement,
               const std::filesystem::path& file) {
  fmt::print("    {:8} {}\n", which, Wrapped(subjects::Summary(c), kIndent));
  fmt::print("{:{}}{}\n", "", kIndent, Wrapped(judgement.reason, kIndent));
  if (judgement.witness && std::isfinite(judgement.witness->err_ulp) && judgement.witness->err_ulp != 0) {
    const properties::Witness& w = *judgement.witness;
    std::string text = fmt::format("got {:a}, want {:a}, error {:.4g} ULP", w.got, w.want, std::fabs(w.err_ulp));
    // NaN stands for no input of this entry's own, too.
    if (!std::isnan(w.input)) text = fmt::format("input {:a} ({:.9g}), {}", w.input, w.input, text);
    fmt::print("{:{}}{}\n", "", kIndent, Wrapped(text, kIndent));
  }
  fmt::print("{:{}}{}\n", "", kIndent, Bold(ReplayCommand(run, file)));
}

}  // namespace

LawOutcome OutcomeOf(const LawResult& law, const Expected& expected) {
  const PropertyResult& r = law.result;
  LawOutcome outcome;
  outcome.note = Counted(r.cases - r.not_applicable, "case");
  const properties::Ops violated = ViolatedOps(r);
  const properties::Ops known = expected.OpsOf(law.law);
  const properties::Ops passes = known == properties::kAllOps ? 0 : known & JudgedOps(r) & ~violated;
  if ((violated & ~known) != 0) {
    outcome.kind = Kind::kViolated;
    outcome.failed = true;
    outcome.note = fmt::format("{} of {} cases", r.violated, r.cases);
  } else if (expected.strict &&
             (passes != 0 || (known == properties::kAllOps && violated == 0 && r.cases > r.not_applicable))) {
    outcome.kind = Kind::kPassesUnexpectedly;
    outcome.failed = true;
    outcome.note = fmt::format("expected to fail{}, but passes: remove it from {}",
                               passes != 0 ? " in " + OpsText(passes) : "", expected.file.string());
  } else if (expected.strict && known != 0 && r.cases == r.not_applicable && !(r.cases == 0 && r.skip_reason.empty())) {
    outcome.kind = Kind::kPassesUnexpectedly;
    outcome.failed = true;
    outcome.note =
        fmt::format("expected to fail, but cannot run ({}): remove it from {}", r.skip_reason, expected.file.string());
  } else if (violated != 0) {
    outcome.kind = Kind::kExpected;
    outcome.note = fmt::format("{} of {} cases, as expected", r.violated, r.cases);
  } else if (r.cases == 0 && r.skip_reason.empty()) {
    outcome.kind = Kind::kNotRun;
    outcome.note = "the time was up";
  } else if (r.not_applicable == r.cases) {
    outcome.kind = Kind::kSkipped;
    outcome.note = r.skip_reason;
  } else {
    if (r.not_applicable > 0) outcome.note += fmt::format(", {} skipped ({})", r.not_applicable, r.skip_reason);
    if (r.undecided > 0) {
      outcome.kind = Kind::kUndecided;
      outcome.note += fmt::format(", {} undecided ({})", r.undecided, r.doubt);
    }
  }
  if (r.quarantined > 0) outcome.note += fmt::format(", {} not run after equal crashes", r.quarantined);
  return outcome;
}

std::string ReplayCommand(const CheckRun& run, const std::filesystem::path& case_file) {
  std::string command =
      fmt::format("assay replay {} --subject {}", ShellQuoted(case_file.string()), ShellQuoted(run.subject));
  if (run.time_limit_seconds != kDefaultTimeLimitSeconds) {
    command += fmt::format(" --time-limit {}s", run.time_limit_seconds);
  }
  return command;
}

void PrintLaw(const CheckRun& run, const LawResult& law, const Expected& expected) {
  const LawOutcome outcome = OutcomeOf(law, expected);
  // Padded before it is coloured: escape sequences have no width.
  const auto verdict = [&]() -> std::string {
    switch (outcome.kind) {
      case Kind::kHolds:
        return Good("holds    ");
      case Kind::kViolated:
        return Bad("VIOLATED ");
      case Kind::kExpected:
        return Doubtful("expected ");
      case Kind::kPassesUnexpectedly:
        return Bad("PASSES   ");
      case Kind::kNotRun:
        return Doubtful("not run  ");
      case Kind::kSkipped:
        return Doubtful("skipped  ");
      case Kind::kUndecided:
        return Doubtful("UNDECIDED");
    }
    return "?";
  };
  fmt::print("  {} {:28} {}\n", verdict(), law.law, Wrapped(outcome.note, 41));
  if (law.result.findings.empty() || outcome.kind == Kind::kExpected) return;
  const properties::Property* const property = properties::FindProperty(law.law);
  if (property != nullptr) fmt::print("    law      {}\n", Wrapped(property->law, kIndent));
  for (std::size_t i = 0; i < law.result.findings.size(); ++i) {
    const properties::Finding& finding = law.result.findings[i];
    const FindingFiles& files = law.files[i];
    PrintCase(run, "minimal", finding.minimal, finding.minimal_judgement, files.minimal);
    if (!files.worst.empty()) PrintCase(run, "worst", finding.worst, finding.worst_judgement, files.worst);
  }
}

void PrintOperations(const CheckRun& run) {
  if (run.laws.size() < 2) return;
  fmt::print("  {:24} {:5} {:>9} {:>9} {:>15}\n", "operation", "dtype", "cases", "violated", "error / bound");
  for (int op = 0; op < ASSAY_NUM_OPS; ++op) {
    for (int dtype = 0; dtype < ASSAY_NUM_DTYPES; ++dtype) {
      Tally all;
      bool measured = false;  // by a law of accuracy: of rows, of attention, of each gradient
      for (const LawResult& law : run.laws) {
        const Tally& tally = law.result.tallies[op][dtype];
        all.cases += tally.cases;
        all.violated += tally.violated;
        if (!law.law.ends_with("accuracy") || tally.cases == 0) continue;
        measured = true;
        all.severity = std::max(all.severity, tally.severity);
      }
      if (all.cases == 0) continue;
      fmt::print("  {:24} {:5} {:>9} {:>9} {:>15}\n", subjects::OpName(static_cast<assay_op>(op)),
                 subjects::ElementName(subjects::ElementOf(static_cast<assay_dtype>(dtype))), all.cases, all.violated,
                 measured ? fmt::format("{:.3g}", all.severity) : "-");
    }
  }
}

int PrintSummary(const CheckRun& run, const Expected& expected, std::size_t unexpected_cases, double seconds) {
  std::size_t count[7] = {};
  std::size_t cut_short = 0;
  std::size_t failed = 0;
  std::uint64_t cases = 0;
  bool incomplete = run.shards.size() < run.num_shards;
  for (const LawResult& law : run.laws) {
    const LawOutcome outcome = OutcomeOf(law, expected);
    ++count[static_cast<std::size_t>(outcome.kind)];
    failed += outcome.failed ? 1 : 0;
    const bool asked_for = run.cases == kUntilTheTimeIsUp;
    cut_short += law.result.ran_out_of_time && law.result.cases > 0 && !asked_for ? 1 : 0;
    cases += law.result.cases;
  }
  const auto of = [&](Kind kind) { return count[static_cast<std::size_t>(kind)]; };
  std::string text = fmt::format("{} of {} violated, {} undecided, {} skipped", of(Kind::kViolated),
                                 Counted(run.laws.size(), "law"), of(Kind::kUndecided), of(Kind::kSkipped));
  if (of(Kind::kNotRun) > 0) text += fmt::format(", {} not run", of(Kind::kNotRun));
  if (cut_short > 0) text += fmt::format(", {} cut short by --time", cut_short);
  if (of(Kind::kExpected) > 0) text += fmt::format(", {} failing as expected", of(Kind::kExpected));
  const std::size_t passing = of(Kind::kPassesUnexpectedly) + unexpected_cases;
  if (passing > 0) text += fmt::format(", {} passing though expected to fail", passing);
  if (run.num_shards > 1) text += fmt::format("; {} of {} shards", run.shards.size(), run.num_shards);
  const bool not_run = of(Kind::kNotRun) > 0;
  const bool skipped = of(Kind::kSkipped) == run.laws.size();
  const bool findings = failed > 0 || unexpected_cases > 0;
  fmt::print("{}: {}; {} in {:.1f} s\n",
             findings     ? Bad("findings")
             : not_run    ? Doubtful("incomplete")
             : skipped    ? Doubtful("skipped")
             : incomplete ? Doubtful("clean so far")
                          : Good("clean"),
             text, Counted(cases, "case"), seconds);
  if (findings) return kFindings;
  if (not_run) return kBudget;
  return skipped ? kSkipped : kClean;
}

}  // namespace assay::cli
