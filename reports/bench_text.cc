// SPDX-License-Identifier: Apache-2.0
//
// The tables of `assay bench` for a terminal and for a page.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

#include "reports/bench.h"

namespace assay::reports {
namespace {

// Three digits, whatever the size: 0.0342, 1.23, 456.
std::string Digits(double x) {
  if (!std::isfinite(x)) return "-";
  if (x == 0) return "0";
  const int before = static_cast<int>(std::floor(std::log10(std::abs(x)))) + 1;
  return fmt::format("{:.{}f}", x, std::max(0, 3 - before));
}

std::string Ulp(const std::optional<double>& err) {
  if (!err) return "-";
  if (std::isinf(*err)) return "inf";
  return *err < 1000 ? fmt::format("{:.2f}", *err) : fmt::format("{:.2g}", *err);
}

struct Cells {
  std::string ns, deviation, copy, peer, ulp;
};

Cells CellsOf(const BenchTable& table, const BenchLine& line) {
  return {Digits(line.median_ns / table.elements()), Digits(100 * line.deviation_ns / line.median_ns),
          Digits(line.median_ns / table.CopyNs()), Digits(line.median_ns / table.FastestPeerNs()),
          line.kind == BenchKind::kYardstick ? "" : Ulp(line.max_err_ulp)};
}

std::size_t Rounds(const BenchTable& table) { return table.lines.empty() ? 0 : table.lines.front().timings.size(); }

}  // namespace

std::string BenchText(const BenchTable& table) {
  std::string text = fmt::format("{}, {} rounds\n", TitleOf(table.call), Rounds(table));
  text += fmt::format("  {:24} {:>10} {:>7} {:>8} {:>15} {:>9}\n", "subject", "ns/element", "+- %", "x copy",
                      "x fastest peer", "max ULP");
  for (const BenchLine& line : table.lines) {
    if (!line.skipped.empty()) {
      text += fmt::format("  {:24} skipped: {}\n", line.name, line.skipped);
      continue;
    }
    const Cells cells = CellsOf(table, line);
    text += fmt::format("  {:24} {:>10} {:>7} {:>8} {:>15} {:>9}\n", line.name, cells.ns, cells.deviation, cells.copy,
                        cells.peer, cells.ulp);
  }
  for (const std::string& disturbance : table.disturbances) text += fmt::format("  DISTURBED: {}\n", disturbance);
  return text;
}

std::string BenchMarkdown(const BenchContext& context, const std::vector<BenchTable>& tables) {
  std::string text =
      fmt::format("Machine: {}, {}. Commit {}, {} {}. {}.\n\n", context.cpu,
                  context.pinned_cpu < 0 ? std::string("not pinned")
                                         : fmt::format("one thread, pinned to CPU {}", context.pinned_cpu),
                  context.commit, context.compiler, context.flags, context.date);
  std::string versions;
  for (const Entrant& entrant : context.entrants) {
    versions += fmt::format("{}{} {}", versions.empty() ? "" : ", ", entrant.name, entrant.version);
  }
  text += fmt::format("Versions: {}.\n\n```sh\n{}\n```\n", versions, context.command);
  for (const BenchTable& table : tables) {
    text += fmt::format("\n**{}**, {} rounds\n\n", TitleOf(table.call), Rounds(table));
    text += "| subject | ns/element | ± % | × copy | × fastest peer | max ULP |\n| - | - | - | - | - | - |\n";
    for (const BenchLine& line : table.lines) {
      if (!line.skipped.empty()) {
        text += fmt::format("| {} | skipped: {} | | | | |\n", line.name, line.skipped);
        continue;
      }
      const Cells cells = CellsOf(table, line);
      text += fmt::format("| {} | {} | {} | {} | {} | {} |\n", line.name, cells.ns, cells.deviation, cells.copy,
                          cells.peer, cells.ulp);
    }
    for (const std::string& disturbance : table.disturbances) text += fmt::format("\nDisturbed: {}.\n", disturbance);
  }
  return text;
}

}  // namespace assay::reports
