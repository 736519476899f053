// SPDX-License-Identifier: Apache-2.0
//
// assay claims: what a subject claims beside the largest errors seen, operation by operation and type by type; of
// attention also by result, shape and spread (attention_claims.h). The errors are searched, so they are lower bounds of
// the true maxima; the claims are upper bounds.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "cli/attention_claims.h"
#include "cli/claim_cases.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/folder.h"
#include "cli/select.h"
#include "properties/bounds.h"
#include "properties/truth.h"
#include "reports/statistics.h"
#include "subjects/files.h"

namespace assay::cli {
namespace {

// One operation of one subject in one type.
struct Line {
  std::string subject;
  assay_op op = ASSAY_SOFTMAX;
  assay_dtype dtype = ASSAY_F32;
  assay_claim claim = {};
  reports::UlpStatistics statistics;
  double worst_share = 0;  // of the bound
  std::string where;       // the largest error
  std::string failure;     // a call that did not return, or was refused
  std::uint64_t broken = 0;

  bool Holds() const { return broken == 0 && failure.empty(); }
};

void Judge(const subjects::Case& c, const subjects::SubjectInfo& info, const subjects::Array& out,
           const std::string& where, oracle::Tier tier, Line* line) {
  const std::vector<oracle::Exact> exact = properties::ExactOf(c, info, tier);
  const std::vector<properties::Bound> bounds = properties::BoundsOf(c, info);
  const bool nearest = line->claim.kind == ASSAY_CLAIM_CORRECTLY_ROUNDED;
  for (std::size_t i = 0; i < exact.size(); ++i) {
    const double err = oracle::ErrUlp(out[i], exact[i]);
    const bool is_nearest = oracle::IsNearest(out[i], exact[i]);
    const double bound = properties::InUlp(bounds[i], exact[i]);
    // A correctly rounded result may be half an ulp off, of its own ulp, which is twice that below a power of two.
    const double share = err == 0 ? 0 : err / bound;
    if (err > line->statistics.max() || line->where.empty()) line->where = where;
    line->statistics.Add(err, !is_nearest);
    line->worst_share = std::max(line->worst_share, share);
    line->broken += (nearest ? !is_nearest : !(err <= bound)) ? 1 : 0;
  }
}

Line Measure(subjects::Subject& subject, const std::string& name, assay_op op, assay_dtype dtype,
             const ClaimsOptions& options, Progress& progress) {
  Line line;
  line.subject = name;
  line.op = op;
  line.dtype = dtype;
  line.claim = subject.info().Claim(op, dtype);
  const std::vector<ClaimCase> all = ClaimCases(op, options.min_cols, options.max_cols, options.with_bias);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const subjects::Case c = DrawClaimCase(all[i], op, dtype, options.seed);
    if (!subjects::WhyUnsupported(subject.info(), c).empty()) continue;
    progress.Show(fmt::format("{} {} {}, {} of {}", name, subjects::OpName(op),
                              subjects::ElementName(subjects::ElementOf(dtype)), i + 1, all.size()));
    const subjects::RunResult result = subject.Run(c);
    if (result.outcome != subjects::Outcome::kReturned || result.status != ASSAY_OK) {
      line.failure = result.detail.empty() ? assay_status_name(result.status) : result.detail;
      line.where = all[i].Text();
      return line;
    }
    Judge(c, subject.info(), result.out, all[i].Text(), options.tier, &line);
  }
  return line;
}

std::string MaxText(const Line& line) {
  const double max = line.statistics.max();
  return max < 1e4 ? fmt::format("{:.4f}", max) : fmt::format("{:.3g}", max);
}

std::string RowsMarkdown(const std::vector<Line>& lines) {
  if (lines.empty()) return "";
  std::string md =
      "| subject | operation | type | claim | results | misrounded | largest error, ULP | mean | error / bound | where "
      "|\n|---|---|---|---|---:|---:|---:|---:|---:|---|\n";
  for (const Line& line : lines) {
    md += fmt::format("| `{}` | {} | {} | {} | {} | {} | {} | {:.3f} | {:.3f} | {} |\n", line.subject,
                      subjects::OpName(line.op), subjects::ElementName(subjects::ElementOf(line.dtype)),
                      ClaimText(line.claim), line.statistics.count(), line.statistics.misrounded(),
                      line.failure.empty() ? MaxText(line) : line.failure, line.statistics.Mean(), line.worst_share,
                      line.where);
  }
  return md;
}

std::string Command(const ClaimsOptions& options) {
  std::string command = "assay claims";
  for (const std::string& name : options.subjects) command += " " + ShellQuoted(name);
  for (const std::string& op : options.ops) command += " --op " + op;
  for (const std::string& dtype : options.dtypes) command += " --dtype " + dtype;
  if (!options.with_bias) command += " --no-bias";
  if (options.min_cols > 1) command += fmt::format(" --min-cols {}", options.min_cols);
  return command + fmt::format(" --seed {} --max-cols {} --oracle {}", options.seed, options.max_cols,
                               oracle::TierName(options.tier));
}

std::string Markdown(const std::vector<Line>& rows, const std::vector<AttentionTable>& attention,
                     const ClaimsOptions& options) {
  std::string md = RowsMarkdown(rows);
  for (const AttentionTable& table : attention) md += AttentionClaimsMarkdown(table);
  return md + fmt::format("\nSearched, so a lower bound of the true maximum. Made by `{}`.\n", Command(options));
}

// Prints a line for every operation and type as it comes.
std::vector<Line> MeasureRows(const std::vector<NamedSubject>& subjects, properties::Ops wanted,
                              const std::vector<assay_dtype>& dtypes, const ClaimsOptions& options,
                              Progress& progress) {
  std::vector<Line> lines;
  if ((wanted & properties::kRowOps) == 0) return lines;
  fmt::print("  {:22} {:22} {:5} {:36} {:>9} {:>11} {:>7} {:>7}  {}\n", "subject", "operation", "type", "claim",
             "results", "largest ULP", "mean", "/bound", "where");
  for (const NamedSubject& opened : subjects) {
    for (int op = 0; op < ASSAY_NUM_ROW_OPS; ++op) {
      if ((wanted >> op & 1) == 0) continue;
      for (const assay_dtype dtype : dtypes) {
        if (!opened.subject->info().Has(static_cast<assay_op>(op), dtype)) continue;
        const Line line = Measure(*opened.subject, opened.name, static_cast<assay_op>(op), dtype, options, progress);
        progress.Clear();
        if (line.statistics.count() == 0 && line.failure.empty()) continue;  // nothing that it can run
        fmt::print(
            "  {:22} {:22} {:5} {:36} {:>9} {:>11} {:>7.3f} {:>7}  {}\n", line.subject, subjects::OpName(line.op),
            subjects::ElementName(subjects::ElementOf(line.dtype)), ClaimText(line.claim), line.statistics.count(),
            line.failure.empty() ? MaxText(line) : "failed", line.statistics.Mean(),
            line.Holds() ? fmt::format("{:.3f}", line.worst_share) : Bad(fmt::format("{:.3f}", line.worst_share)),
            line.failure.empty() ? line.where : Bad(line.failure + " at " + line.where));
        std::fflush(stdout);
        lines.push_back(line);
      }
    }
  }
  return lines;
}

// Likewise a table, without those that nobody can run.
std::vector<AttentionTable> MeasureTables(const std::vector<NamedSubject>& subjects, properties::Ops wanted,
                                          const std::vector<assay_dtype>& dtypes, const ClaimsOptions& options,
                                          Progress& progress) {
  std::vector<AttentionTable> tables;
  for (const assay_op op : {ASSAY_ATTENTION, ASSAY_ATTENTION_BACKWARD}) {
    if ((wanted & properties::Of(op)) == 0) continue;
    for (const assay_dtype dtype : dtypes) {
      AttentionTable table = MeasureAttention(subjects, op, dtype, options, progress);
      progress.Clear();
      if (table.groups.empty()) continue;
      fmt::print("{}", AttentionClaimsText(table));
      std::fflush(stdout);
      tables.push_back(std::move(table));
    }
  }
  return tables;
}

}  // namespace

int Claims(const ClaimsOptions& given) {
  ClaimsOptions options = given;
  if (options.subjects.empty()) options.subjects = {"assay", "assay-fast"};
  if (!options.out.empty()) {
    CheckWritable(std::filesystem::absolute(options.out).parent_path(), "choose another place with --out");
  }
  const properties::Ops wanted = SelectOps(options.ops);
  const std::vector<assay_dtype> dtypes = SelectDtypes(options.dtypes);
  if (options.min_cols > options.max_cols) throw UsageError("--min-cols is above --max-cols");
  fmt::print("seed {}, up to {} entries or keys, {} oracle; errors are searched: lower bounds of the true maxima\n",
             options.seed, options.max_cols, oracle::TierName(options.tier));
  std::vector<std::unique_ptr<subjects::Subject>> opened;
  std::vector<NamedSubject> named;
  for (const std::string& name : options.subjects) {
    if (std::ranges::count(options.subjects, name) > 1) {
      throw UsageError(fmt::format("{} is given twice; name each subject once", name));
    }
    opened.push_back(OpenSubject(name, options.time_limit_seconds));
    named.push_back({name, opened.back().get()});
  }
  Progress progress;
  const std::vector<Line> lines = MeasureRows(named, wanted, dtypes, options, progress);
  const std::vector<AttentionTable> tables = MeasureTables(named, wanted, dtypes, options, progress);
  std::size_t claims = lines.size();
  auto hold = static_cast<std::size_t>(std::ranges::count_if(lines, &Line::Holds));
  for (const AttentionTable& table : tables) {
    claims += table.subjects.size();
    hold += static_cast<std::size_t>(
        std::ranges::count_if(table.subjects, [&](const std::string& name) { return table.Holds(name); }));
  }
  if (claims == 0) throw UsageError("none of these subjects has any of these operations; assay probe lists them");
  if (!options.out.empty()) subjects::WriteWhole(options.out, Markdown(lines, tables, options));
  fmt::print("{}: {} of {} hold\n", hold == claims ? Good("clean") : Bad("findings"), hold, Counted(claims, "claim"));
  return hold == claims ? kClean : kFindings;
}

}  // namespace assay::cli
