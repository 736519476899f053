// SPDX-License-Identifier: Apache-2.0
//
// report.md: the same report for terminals, pull requests and mail.

#include <fmt/format.h>

#include <algorithm>

#include "reports/figures.h"
#include "reports/law_matrix.h"
#include "reports/report.h"
#include "reports/score_figure.h"
#include "reports/text.h"

namespace assay::reports {
namespace {

std::string Row(const std::vector<std::string>& cells) {
  std::string row = "|";
  for (const std::string& cell : cells) row += " " + cell + " |";
  return row + "\n";
}

// `align`: one character a column, 'l' or 'r'.
std::string Head(const std::vector<std::string>& cells, std::string_view align) {
  std::string rule = "|";
  for (const char a : align) rule += a == 'r' ? " ---: |" : " --- |";
  return Row(cells) + rule + "\n";
}

// A code span survives any text but one with backticks in it.
std::string Code(const std::string& text) {
  if (text.empty()) return "";
  std::string safe;
  for (const char c : text)
    safe += c == '`'    ? std::string("'")
            : c == '|'  ? std::string("\\|")
            : c == '\n' ? std::string(" ")
                        : std::string(1, c);
  return "`" + safe + "`";
}

std::string Measurements(const MeasureResult& measured) {
  std::string md =
      Head({"subject", "family", "max ULP", "p99.9", "mean", "misrounded", "of", "worst input", "notes"}, "llrrrrrll");
  std::string commands;
  for (const Measurement& m : measured.measurements) {
    const UlpStatistics& s = m.statistics;
    std::string worst;
    if (m.worst) {
      worst = Code(fmt::format("x = {}, max = {}, got {}, want {}", Hex(m.worst->x), Hex(m.worst->row_max),
                               Hex(m.worst->got), Hex(m.worst->exact.nearest)));
    }
    std::vector<std::string> notes;
    if (m.failed_rows > 0) notes.push_back(fmt::format("{} rows failed: {}", Count(m.failed_rows), m.failure));
    if (m.skipped_rows > 0)
      notes.push_back(fmt::format("{} rows skipped: {}", Count(m.skipped_rows), m.skipped_reason));
    if (m.undecided_rows > 0) notes.push_back(fmt::format("{} rows undecided", Count(m.undecided_rows)));
    const bool empty = s.count() == 0;
    const auto shown = [&](double ulp) { return empty ? std::string("–") : Ulp(ulp); };
    md += Row({EscapeMarkdown(m.subject), EscapeMarkdown(m.family), shown(s.max()), shown(s.Quantile(0.999)),
               shown(s.Mean()), Count(s.misrounded()), Count(s.count()), worst,
               EscapeMarkdown(fmt::format("{}", fmt::join(notes, "; ")))});
    const std::string command = ReplayCommand(m);
    if (!command.empty()) commands += command + "\n";
  }
  if (!commands.empty()) {
    md += "\n<details><summary>Commands that reproduce the worst inputs</summary>\n\n```sh\n" + commands +
          "```\n\n</details>\n";
  }
  return md;
}

// For running text, where a command must stay what it is: as many backticks around it as it takes.
std::string Span(std::string text) {
  std::size_t run = 0;
  std::size_t longest = 0;
  for (char& c : text) {
    run = c == '`' ? run + 1 : 0;
    longest = std::max(longest, run);
    if (c == '\n' || c == '\r') c = ' ';
  }
  const std::string fence(longest + 1, '`');
  return longest == 0 ? fence + text + fence : fence + " " + text + " " + fence;
}

std::string LawTable(const LawMatrix& matrix) {
  std::vector<std::string> head = {"law"};
  std::vector<std::string> broken = {"laws broken"};
  for (const LawMatrix::Subject& subject : matrix.subjects) {
    head.push_back(EscapeMarkdown(subject.name));
    broken.push_back(std::to_string(subject.violated));
  }
  std::string md = Head(head, std::string(head.size(), 'l'));
  for (const LawMatrix::Law& law : matrix.laws) {
    std::vector<std::string> cells = {Code(law.name) + ": " + EscapeMarkdown(law.sentence)};
    for (const LawRow* cell : law.cells) {
      const LawMark mark = MarkOf(cell);
      cells.push_back(mark.words == "violated" ? fmt::format("**{}**", mark.mark) : mark.mark);
    }
    md += Row(cells);
  }
  return md + Row(broken) + "\n✓ holds, ✗ violated, – not applicable, ? undecided\n";
}

std::string Laws(const std::vector<LawRow>& laws) {
  const LawMatrix matrix = PrepareLaws(laws);
  std::string md = EscapeMarkdown(LawConclusion(matrix)) + "\n\n" + LawTable(matrix);
  std::string unjudged;
  for (std::size_t i = 0; i < matrix.subjects.size(); ++i) {
    std::string broken;
    for (const LawMatrix::Law& law : matrix.laws) {
      const LawRow* row = law.cells[i];
      if (row == nullptr || row->verdict == "holds") continue;
      const std::string reason = EscapeMarkdown(row->reason);
      if (row->verdict != "violated") {
        unjudged += fmt::format("- {}, {}: {}: {}\n", Code(law.name), EscapeMarkdown(row->subject),
                                EscapeMarkdown(row->verdict), reason);
        continue;
      }
      const std::string command = LawCommand(*row);
      broken += fmt::format("- {}: {}{}\n", Code(law.name), reason, command.empty() ? "" : "  \n  " + Span(command));
    }
    const LawMatrix::Subject& subject = matrix.subjects[i];
    if (subject.violated > 0) md += fmt::format("\n### What {} breaks\n\n{}", EscapeMarkdown(subject.name), broken);
  }
  return unjudged.empty() ? md : md + "\n### Not applicable or undecided\n\n" + unjudged;
}

std::string Scores(const ScoreStatistics& statistics) {
  std::string md = EscapeMarkdown(ScoreSentence(statistics)) + "\n\n";
  md += Head({"d", "scale", "variance", "largest share", "entropy (nats)", "of log n", "gradient"}, "rlrrrrr");
  const ScoreFigure figure = PrepareScores(statistics);
  const auto add = [&](const std::vector<ScorePoint>& points, const char* scale,
                       const std::vector<Estimate>& of_log_n) {
    for (std::size_t i = 0; i < points.size(); ++i) {
      const ScorePoint& p = points[i];
      md += Row({std::to_string(p.head_dim), scale, EstimateText(p.variance), EstimateText(p.largest_share),
                 EstimateText(p.entropy), EstimateText(of_log_n[i]), EstimateText(p.gradient_norm)});
    }
  };
  add(statistics.unscaled, "1", figure.panels[2].unscaled);
  add(statistics.scaled, "1/√d", figure.panels[2].scaled);
  return md + "\nMean ± standard error. " + EscapeMarkdown(ScoreCaption(statistics)) + "\n";
}

std::string Published(const std::vector<PublishedResult>& results) {
  const PublishedCounts counts = CountPublished(results);
  std::string md = fmt::format(
      "Printed figures: {} right, {} wrong; {} examples print none. Claims in the text: {} hold, "
      "{} do not.\n\n",
      counts.right, counts.wrong, counts.without_figure, counts.claims_hold, counts.claims_fail);
  md += Head({"example", "operation", "printed", "should print", "exact", "text"}, "llllll");
  for (const PublishedResult& r : results) {
    std::vector<std::string> printed;
    std::vector<std::string> rounded;
    for (const PublishedFigure& f : r.figures) {
      printed.push_back(f.right ? f.printed : "**" + f.printed + " ✗**");
      rounded.push_back(f.right ? "✓" : f.rounded);
    }
    std::string claim = EscapeMarkdown(r.finding);
    if (r.claim == ClaimVerdict::kFails) claim = "**does not hold**: " + claim;
    if (r.claim == ClaimVerdict::kHolds) claim = "holds: " + claim;
    const std::string temperature = r.example.temperature == "1" ? "" : ", T = " + r.example.temperature;
    md += Row({Code(r.example.id),
               EscapeMarkdown(fmt::format("{}({}){}", r.example.op, fmt::join(r.example.input, ", "), temperature)),
               fmt::format("{}", fmt::join(printed, ", ")), fmt::format("{}", fmt::join(rounded, ", ")),
               fmt::format("{}", fmt::join(r.exact, ", ")), claim});
  }
  return md;
}

std::string Attention(const std::vector<AttentionRow>& rows) {
  std::string md =
      "Errors in units of u W: the roundoff of f32 times the sum of the absolute values of what the result is made of. "
      "The spread is the standard deviation of the scores; share: of the claim.\n\n";
  md +=
      Head({"subject", "operation", "result", "spread", "of", "largest", "correct rounding shows", "RMS", "share", ""},
           "lllrrrrrrl");
  for (const AttentionRow& r : rows) {
    md += Row({EscapeMarkdown(r.subject), EscapeMarkdown(r.op), EscapeMarkdown(r.result), fmt::format("{:g}", r.spread),
               Count(r.results), Ulp(r.largest), Ulp(r.nearest), Ulp(r.rms), Ulp(r.share),
               !r.failure.empty() ? EscapeMarkdown(r.failure)
               : r.holds          ? ""
                                  : "**breaks its claim**"});
  }
  return md;
}

std::string Special(const std::vector<SpecialValue>& values) {
  std::string md = Head({"subject", "row", "input", "want", "got", ""}, "llllll");
  for (const SpecialValue& v : values) {
    md += Row({EscapeMarkdown(v.subject), EscapeMarkdown(v.name), Code(v.input), Code(v.want), EscapeMarkdown(v.got),
               v.verdict == "wrong" ? "**wrong**" : v.verdict});
  }
  return md;
}

std::string User(const UserLogits& user) {
  std::string md = fmt::format("\n## Your logits\n\n{}: {} × {}, {}, T = {}.", Code(user.file), user.rows, user.cols,
                               user.dtype, user.temperature);
  md += RoundingNote(user) + "\n\n" + Measurements(user.measured);
  if (user.preview.empty()) return md;
  md += "\nThe largest of the first row:\n\n" + Head({"column", "logit", "got", "want", "error (ULP)"}, "rrrrr");
  for (const UserEntry& e : user.preview) {
    md += Row({std::to_string(e.col), Decimal(e.logit), Decimal(e.got), Decimal(static_cast<float>(e.exact.nearest)),
               Ulp(e.err_ulp)});
  }
  return md;
}

std::string Foot(const Provenance& p) {
  std::string md = "\n## Provenance\n\n";
  const auto add = [&](const char* name, const std::string& value) {
    md += fmt::format("- {}: {}\n", name, value.empty() ? "unknown" : Code(value));
  };
  add("commit", p.commit);
  add("date", p.date);
  add("subject", p.subject);
  add("subject's version", p.subject_version);
  add("CPU", p.cpu);
  add("target", p.target);
  add("compiler", p.compiler);
  add("flags", p.compiler_flags);
  add("seed", std::to_string(p.seed));
  add("samples", p.samples);
  add("oracle", p.oracle);
  add("oracle's precision", p.oracle_precision);
  add("command", p.command);
  return md;
}

}  // namespace

std::string ToMarkdown(const Report& report) {
  std::string md = "# " + EscapeMarkdown(report.title) + "\n\n**" + EscapeMarkdown(report.verdict) + "**\n";
  if (!report.measured.measurements.empty()) {
    md +=
        "\n![Error against distance below the maximum](figure.svg)\n\n## Accuracy\n\n" + Measurements(report.measured);
  }
  for (const UserLogits& user : report.user_logits) md += User(user);
  if (!report.attention.empty()) md += "\n## Attention\n\n" + Attention(report.attention);
  if (!report.laws.empty()) md += "\n## Which law each one breaks\n\n" + Laws(report.laws);
  if (!report.scores.unscaled.empty()) md += "\n## Why attention divides by √d\n\n" + Scores(report.scores);
  if (!report.published.empty()) md += "\n## Published examples\n\n" + Published(report.published);
  if (!report.special_values.empty()) md += "\n## Special values\n\n" + Special(report.special_values);
  return md + Foot(report.provenance);
}

}  // namespace assay::reports
