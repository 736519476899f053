// SPDX-License-Identifier: Apache-2.0
//
// assay report: measures subjects, judges the controls by every law, and writes page, Markdown, JSON and figure.

#include "reports/report.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <ctime>

#include "cli/build_info.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/report_attention.h"
#include "cli/report_cases.h"
#include "cli/select.h"
#include "properties/engine/engine.h"
#include "reports/machine.h"
#include "reports/measure.h"
#include "reports/npy.h"
#include "reports/text.h"
#include "subjects/peers/find.h"
#include "subjects/registry.h"

namespace assay::cli {
namespace {

namespace fs = std::filesystem;
using reports::LawRow;
using reports::Measured;

// Ours, the plain scalar loop, and the two mistakes that the figures are about.
const std::vector<std::string> kDefaultSubjects = {"assay", "scalar", "unshifted", "rounded_shift"};

std::string KindOf(const std::string& name) {
  const subjects::BuiltIn* built_in = subjects::FindBuiltIn(name);
  if (built_in == nullptr) return subjects::FindPeer(name) != nullptr ? "peer" : "yours";
  switch (built_in->kind) {
    case subjects::Kind::kOurs:
      return "ours";
    case subjects::Kind::kReference:
      return "reference";
    case subjects::Kind::kControl:
      return "control";
    case subjects::Kind::kFaulty:
      return "faulty";
    case subjects::Kind::kCheater:
      return "cheater";
  }
  return "?";
}

// Every law of softmax on the subject; the first finding of each becomes a case file.
void JudgeLaws(const std::string& name, subjects::Subject& subject, const ReportOptions& options, Progress& progress,
               ReportCases& cases, std::vector<LawRow>& rows) {
  constexpr properties::Ops kSoftmax = properties::Of(ASSAY_SOFTMAX);
  for (const properties::Property& property : properties::Catalogue()) {
    if (property.nightly || (property.ops & kSoftmax) == 0) continue;
    progress.Show(fmt::format("laws: {} on {}", property.name, name));
    properties::EngineOptions engine;
    engine.seed = options.seed;
    engine.cases = options.cases;
    engine.ops = kSoftmax;
    engine.max_findings = 1;
    engine.tier = options.tier;
    const properties::PropertyResult result = properties::RunProperty(property, subject, engine);
    LawRow row{name, KindOf(name), property.name, property.law, "holds", fmt::format("{} cases", result.holds), ""};
    if (result.violated > 0) {
      const properties::Finding& finding = result.findings.front();
      row.verdict = "violated";
      row.reason = finding.minimal_judgement.reason;
      row.case_file = cases.Add(fmt::format("law-{}-{}.json", reports::FileStem(name), property.name), finding.minimal);
    } else if (result.not_applicable == result.cases) {
      row.verdict = "not applicable";
      row.reason = result.skip_reason;
    } else if (result.undecided > 0) {
      row.verdict = "undecided";
      row.reason = result.doubt;
    }
    rows.push_back(std::move(row));
  }
}

// What the first subject broke, a phrase for each kind: its claim on a family, on the user's logits, of attention or on
// a published example, a law, a convention. Decides the exit code.
std::vector<std::string> Failures(const reports::Report& report, const std::string& name, const assay_claim& claim) {
  std::vector<std::string> claims;
  std::vector<std::string> laws;
  std::vector<std::string> conventions;
  const auto add_claims = [&](const reports::MeasureResult& measured) {
    for (const reports::Measurement& m : measured.measurements) {
      if (m.subject != name) continue;
      const bool rounded_wrong = claim.kind == ASSAY_CLAIM_CORRECTLY_ROUNDED && m.statistics.misrounded() > 0;
      // A claim that also counts terms is judged by the law accuracy alone.
      const bool too_far = claim.kind == ASSAY_CLAIM_BOUND && claim.terms == 0 && m.statistics.max() > claim.max_ulp;
      if (rounded_wrong || too_far || m.failed_rows > 0) claims.push_back(m.family);
    }
  };
  add_claims(report.measured);
  for (const reports::UserLogits& user : report.user_logits) add_claims(user.measured);
  for (const LawRow& row : report.laws) {
    if (row.subject == name && row.verdict == "violated") laws.push_back(row.law);
  }
  for (const reports::SpecialValue& value : report.special_values) {
    if (value.subject == name && value.verdict == "wrong") conventions.push_back(value.name);
  }
  std::vector<std::string> examples;
  for (const reports::PublishedResult& result : report.published) {
    const bool wrong = !result.got.empty() && !result.got_right;
    if (wrong && claim.kind == ASSAY_CLAIM_CORRECTLY_ROUNDED) examples.push_back(result.example.id);
  }
  std::vector<std::string> attention;
  for (const reports::AttentionRow& row : report.attention) {
    if (row.subject != name || row.holds) continue;
    attention.push_back(fmt::format("{} at spread {}", row.result, row.spread));
  }
  std::vector<std::string> failures;
  if (!claims.empty()) failures.push_back(fmt::format("what it claims on {}", fmt::join(claims, ", ")));
  if (!attention.empty()) failures.push_back(fmt::format("its claims of attention ({})", fmt::join(attention, ", ")));
  if (!laws.empty()) failures.push_back(fmt::format("the laws {}", fmt::join(laws, ", ")));
  if (!conventions.empty()) failures.push_back(fmt::format("conventions ({})", fmt::join(conventions, ", ")));
  if (!examples.empty()) failures.push_back(fmt::format("the published examples {}", fmt::join(examples, ", ")));
  return failures;
}

reports::Provenance ProvenanceOf(const ReportOptions& options, const std::string& name,
                                 const subjects::SubjectInfo& info) {
  const bool referee = options.tier == oracle::Tier::kReferee;
  reports::Provenance p;
  p.commit = kBuildCommit;
  p.date = fmt::format("{:%Y-%m-%d}", fmt::gmtime(std::time(nullptr)));
  p.subject = name;
  p.subject_version = info.version;
  p.cpu = reports::CpuModel();
  p.compiler = kBuildCompiler;
  p.compiler_flags = kBuildFlags;
  if (KindOf(name) == "ours") p.target = name == "assay" ? assay_target_name(0) : name.substr(sizeof("assay-") - 1);
  p.samples = fmt::format("at least {} logits in each family, searched and not exhaustive", options.elements);
  p.oracle = referee ? "referee (MPFR)" : "bulk (Arb), violations of laws confirmed by the referee (MPFR)";
  p.oracle_precision = referee ? "133 bits, raised until the nearest float is certain"
                               : "96 bits, raised until the nearest float is certain";
  p.command = options.command_line;
  p.seed = options.seed;
  return p;
}

}  // namespace

int Report(const ReportOptions& options) {
  std::vector<std::string> names = options.subjects.empty() ? kDefaultSubjects : options.subjects;
  std::vector<std::unique_ptr<subjects::Subject>> subjects;
  std::vector<Measured> measured;
  std::vector<NamedSubject> named;
  for (const std::string& name : names) {
    if (std::count(names.begin(), names.end(), name) > 1) {
      throw UsageError(fmt::format("--subject {} is given twice; name each subject once", name));
    }
    subjects.push_back(OpenSubject(name));
    measured.push_back({name, KindOf(name), subjects.back().get()});
    named.push_back({name, subjects.back().get()});
  }
  reports::NpyArray logits;
  try {
    if (!options.logits.empty()) logits = reports::ReadNpy(options.logits);
  } catch (const reports::NpyError& error) {
    throw UsageError(error.what());  // a file named on the command line
  }
  reports::PrepareOutDir(options.out);
  ReportCases cases(options.out / "cases");

  fmt::print("seed {}; {}, {} oracle, at least {} in each family\n", options.seed, Counted(names.size(), "subject"),
             oracle::TierName(options.tier), Counted(options.elements, "logit"));
  std::fflush(stdout);
  Progress progress;
  reports::Report report;
  reports::MeasureOptions measure;
  measure.seed = options.seed;
  measure.elements_per_family = options.elements;
  measure.tier = options.tier;
  measure.progress = [&](std::uint64_t done, std::uint64_t total) {
    progress.Show(fmt::format("measuring: {} of {} logits", done, total));
  };
  report.measured = reports::Measure(measured, measure);
  cases.AddWorst(report.measured);

  report.attention = MeasureAttentionForReport(named, KindOf, options, progress);
  JudgeLaws(names.front(), *subjects.front(), options, progress, cases, report.laws);
  for (const subjects::BuiltIn& built_in : subjects::BuiltIns()) {
    if (built_in.kind != subjects::Kind::kControl || built_in.name == names.front()) continue;
    const auto control = OpenSubject(built_in.name);
    JudgeLaws(built_in.name, *control, options, progress, cases, report.laws);
  }
  progress.Show("published examples");
  report.published =
      reports::JudgePublished(reports::ReadPublished(reports::BuiltInPublishedJson()), *subjects.front(), options.tier);
  report.special_values = reports::MeasureSpecialValues(measured, options.tier);
  reports::ScoreOptions scores;
  scores.seed = options.seed;
  report.scores = reports::DrawScoreStatistics(scores);
  if (!options.logits.empty()) {
    progress.Show(options.logits.string());
    report.user_logits.push_back(
        reports::MeasureUserLogits(measured, logits, options.logits.string(), options.tier, options.temperature));
    cases.AddWorst(report.user_logits.back().measured);
  }
  report.provenance = ProvenanceOf(options, names.front(), subjects.front()->info());
  report.verdict = reports::Verdict(report);
  cases.Publish();
  reports::WriteReport(report, options.out);
  progress.Clear();

  const std::vector<std::string> failures =
      Failures(report, names.front(), subjects.front()->info().Claim(ASSAY_SOFTMAX, ASSAY_F32));
  const reports::PublishedCounts published = reports::CountPublished(report.published);
  const std::string word = failures.empty() ? "clean" : "findings";
  // Wrapped before it is coloured: escape sequences have no width.
  const std::string verdict = Wrapped(word + ": " + report.verdict, 0).substr(word.size());
  fmt::print("{}{}\n", failures.empty() ? Good(word) : Bad(word), verdict);
  if (!failures.empty()) {
    fmt::print("{}\n", Wrapped(fmt::format("{} breaks {}", names.front(), fmt::join(failures, "; ")), 0));
  }
  fmt::print("published figures: {} right, {} wrong in print; {} claims hold, {} do not\n", published.right,
             published.wrong, published.claims_hold, published.claims_fail);
  std::size_t broken = 0;
  for (const LawRow& row : report.laws) broken += row.kind == "control" && row.verdict == "violated";
  fmt::print("laws broken by the alternatives to softmax: {}\n", broken);
  fmt::print("{}\n", Bold(fs::absolute(options.out / "index.html").lexically_normal().string()));
  return failures.empty() ? kClean : kFindings;
}

}  // namespace assay::cli
