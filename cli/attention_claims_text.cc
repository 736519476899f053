// SPDX-License-Identifier: Apache-2.0
//
// The tables of `assay claims` for attention: on a terminal and on a page.

#include <fmt/format.h>

#include <optional>
#include <string>

#include "cli/attention_claims.h"

namespace assay::cli {
namespace {

std::string TitleOf(const AttentionTable& table) {
  return fmt::format("{} {}", subjects::OpName(table.op), subjects::ElementName(subjects::ElementOf(table.dtype)));
}

// Three digits, and no more than seven characters.
std::string Digits(double x) {
  return x != 0 && (x < 1e-3 || x >= 1e6) ? fmt::format("{:.1e}", x) : fmt::format("{:.3g}", x);
}

// What stands in the columns of a spread.
struct Cells {
  std::string largest, largest_of_peer, rms, rms_of_peer, share;
  bool broken = false;
};

// Over that of the best peer; empty without peers, and of nothing where both are 0.
std::string OfPeer(const AttentionGroup& group, std::size_t spread, const AttentionErrors& errors,
                   double (*error)(const AttentionErrors&)) {
  const std::optional<double> best = group.BestPeer(spread, error);
  return !best ? "" : *best == 0 ? "-" : fmt::format("{:.2f}", error(errors) / *best);
}

// Shares of the bound are a subject's alone, not of what correct rounding shows.
Cells CellsOf(const AttentionGroup& group, const AttentionLine& line, std::size_t spread) {
  const AttentionErrors& errors = line.at[spread];
  Cells cells;
  if (errors.results == 0) {
    cells.largest = line.failure.empty() ? "-" : "failed";
    return cells;
  }
  cells.largest = Digits(errors.largest);
  cells.largest_of_peer = OfPeer(group, spread, errors, LargestOf);
  cells.rms = Digits(errors.Rms());
  cells.rms_of_peer = OfPeer(group, spread, errors, RmsOf);
  if (&line != &group.nearest) cells.share = fmt::format("{:.3f}", errors.worst_share);
  cells.broken = errors.broken > 0;
  return cells;
}

// Calls visit(line) for the line of correct rounding and those of subjects.
template <class Visit>
void ForEachLine(const AttentionGroup& group, Visit visit) {
  visit(group.nearest);
  for (const AttentionLine& line : group.lines) visit(line);
}

}  // namespace

std::string AttentionClaimsText(const AttentionTable& table) {
  std::string text = fmt::format("\n{}: largest error and RMS in u W, by the spread of the scores\n", TitleOf(table));
  for (std::size_t i = 0; i < table.subjects.size(); ++i) {
    text += fmt::format("  {:22} claims {}\n", table.subjects[i], table.claims[i]);
  }
  text += fmt::format("  {:22} {:>7}", "subject", "results");
  for (const double spread : kSpreads) {
    text += fmt::format(" | {:>8} {:>5} {:>7} {:>5} {:>6}", fmt::format("at {}", spread), "/peer", "rms", "/peer",
                        "/bound");
  }
  text += "\n";
  for (const AttentionGroup& group : table.groups) {
    text += fmt::format("  {}, {}\n", subjects::RoleName(group.result), group.shape.Text());
    ForEachLine(group, [&](const AttentionLine& line) {
      text += fmt::format("  {:22} {:>7}", line.subject, line.at.front().results);
      for (std::size_t spread = 0; spread < kNumSpreads; ++spread) {
        const Cells cells = CellsOf(group, line, spread);
        const std::string share = fmt::format("{:>6}", cells.share);
        text += fmt::format(" | {:>8} {:>5} {:>7} {:>5} {}", cells.largest, cells.largest_of_peer, cells.rms,
                            cells.rms_of_peer, cells.broken ? Bad(share) : share);
      }
      text += line.failure.empty() ? "\n" : " " + Bad(line.failure) + "\n";
    });
  }
  return text;
}

std::string AttentionClaimsMarkdown(const AttentionTable& table) {
  std::string md = fmt::format("\n### {}\n\n", TitleOf(table));
  for (std::size_t i = 0; i < table.subjects.size(); ++i) {
    md += fmt::format("- `{}` claims {}\n", table.subjects[i], table.claims[i]);
  }
  md += "\n| result | shape | subject | results |";
  std::string rule = "|---|---|---|---:|";
  for (const double spread : kSpreads) {
    md += fmt::format(" at {} | / peer | RMS | / peer | / bound |", spread);
    rule += "---:|---:|---:|---:|---:|";
  }
  md += "\n" + rule + "\n";
  for (const AttentionGroup& group : table.groups) {
    ForEachLine(group, [&](const AttentionLine& line) {
      md += fmt::format("| {} | {} | {} | {} |", subjects::RoleName(group.result), group.shape.Text(),
                        &line == &group.nearest ? line.subject : "`" + line.subject + "`", line.at.front().results);
      for (std::size_t spread = 0; spread < kNumSpreads; ++spread) {
        const Cells cells = CellsOf(group, line, spread);
        md += fmt::format(" {} | {} | {} | {} | {} |",
                          spread == 0 && !line.failure.empty() ? line.failure : cells.largest, cells.largest_of_peer,
                          cells.rms, cells.rms_of_peer, cells.share);
      }
      md += "\n";
    });
  }
  return md;
}

}  // namespace assay::cli
