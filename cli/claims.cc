// SPDX-License-Identifier: Apache-2.0
//
// assay claims: what a subject claims beside the largest errors seen, operation by operation and type by type. The
// errors are searched, so they are lower bounds of the true maxima; the claims are upper bounds.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

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

std::string Markdown(const std::vector<Line>& lines, const ClaimsOptions& options) {
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
  std::string subjects;
  for (const std::string& name : options.subjects) subjects += " " + ShellQuoted(name);
  for (const std::string& op : options.ops) subjects += " --op " + op;
  for (const std::string& dtype : options.dtypes) subjects += " --dtype " + dtype;
  if (!options.with_bias) subjects += " --no-bias";
  if (options.min_cols > 1) subjects += fmt::format(" --min-cols {}", options.min_cols);
  return md + fmt::format(
                  "\nSearched, so a lower bound of the true maximum. Made by `assay claims{} --seed {} --max-cols {} "
                  "--oracle {}`.\n",
                  subjects, options.seed, options.max_cols, oracle::TierName(options.tier));
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
  fmt::print("seed {}, rows up to {} entries, {} oracle; errors are searched: lower bounds of the true maxima\n",
             options.seed, options.max_cols, oracle::TierName(options.tier));
  fmt::print("  {:22} {:22} {:5} {:36} {:>9} {:>11} {:>7} {:>7}  {}\n", "subject", "operation", "type", "claim",
             "results", "largest ULP", "mean", "/bound", "where");
  std::vector<Line> lines;
  std::size_t broken = 0;
  Progress progress;
  for (const std::string& name : options.subjects) {
    const auto subject = OpenSubject(name, options.time_limit_seconds);
    for (int op = 0; op < ASSAY_NUM_ROW_OPS; ++op) {
      if ((wanted >> op & 1) == 0) continue;
      for (const assay_dtype dtype : dtypes) {
        if (!subject->info().Has(static_cast<assay_op>(op), dtype)) continue;
        const Line line = Measure(*subject, name, static_cast<assay_op>(op), dtype, options, progress);
        progress.Clear();
        if (line.statistics.count() == 0 && line.failure.empty()) continue;  // nothing that it can run
        broken += line.Holds() ? 0 : 1;
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
  if (lines.empty()) throw UsageError("none of these subjects has any of these operations; assay probe lists them");
  if (!options.out.empty()) subjects::WriteWhole(options.out, Markdown(lines, options));
  fmt::print("{}: {} of {} hold\n", broken == 0 ? Good("clean") : Bad("findings"), lines.size() - broken,
             Counted(lines.size(), "claim"));
  return broken == 0 ? kClean : kFindings;
}

}  // namespace assay::cli
