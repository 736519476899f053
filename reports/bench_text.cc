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

// A column: its heading on a terminal and on a page, its width, and what it says of a line.
struct Column {
  const char* text;
  const char* markdown;
  int width;
  std::string (*cell)(const BenchTable& table, const BenchLine& line);
};

std::string Spread(const BenchTable&, const BenchLine& line) {
  return Digits(100 * line.deviation_ns / line.median_ns);
}
std::string TimesPeer(const BenchTable& table, const BenchLine& line) {
  return Digits(line.median_ns / table.FastestPeerNs());
}
std::string UlpOf(const BenchTable&, const BenchLine& line) {
  return line.kind == BenchKind::kYardstick ? "" : Ulp(line.max_err_ulp);
}
std::string ErrorOf(const BenchTable&, const BenchLine& line) {
  if (line.kind == BenchKind::kYardstick) return "";
  return !line.max_error ? "-" : std::isinf(*line.max_error) ? "inf" : fmt::format("{:.3g}", *line.max_error);
}
std::string NsPerElement(const BenchTable& table, const BenchLine& line) {
  return Digits(line.median_ns / table.elements());
}
std::string TimesCopy(const BenchTable& table, const BenchLine& line) {
  return Digits(line.median_ns / table.CopyNs());
}
std::string Microseconds(const BenchTable&, const BenchLine& line) {
  return line.kind == BenchKind::kYardstick ? "" : Digits(1e-3 * line.median_ns);
}
std::string Gigaflops(const BenchTable&, const BenchLine& line) { return Digits(line.GigaflopsPerSecond()); }
std::string ShareF32(const BenchTable& table, const BenchLine& line) {
  return Digits(100 * line.GigaflopsPerSecond() / table.PeakF32());
}
std::string ShareF64(const BenchTable& table, const BenchLine& line) {
  return Digits(100 * line.GigaflopsPerSecond() / table.PeakF64());
}
std::string Gigabytes(const BenchTable&, const BenchLine& line) { return Digits(line.GigabytesPerSecond()); }
std::string ShareRead(const BenchTable& table, const BenchLine& line) {
  return Digits(100 * line.GigabytesPerSecond() / table.PeakRead());
}
std::string TokensPerSecond(const BenchTable& table, const BenchLine& line) {
  return line.kind == BenchKind::kYardstick ? "" : fmt::format("{:.0f}", 1e9 * table.elements() / line.median_ns);
}
std::string PeerOfAttention(const BenchTable& table, const BenchLine& line) {
  return line.kind == BenchKind::kYardstick ? "" : TimesPeer(table, line);
}

const std::vector<Column>& ColumnsOf(const BenchTable& table) {
  static const std::vector<Column> rows = {{"ns/element", "ns/element", 10, NsPerElement},
                                           {"+- %", "± %", 7, Spread},
                                           {"x copy", "× copy", 8, TimesCopy},
                                           {"x fastest peer", "× fastest peer", 15, TimesPeer},
                                           {"max ULP", "max ULP", 9, UlpOf}};
  static const std::vector<Column> prefill = {
      {"us", "µs", 9, Microseconds},           {"+- %", "± %", 6, Spread},
      {"GFLOP/s", "GFLOP/s", 8, Gigaflops},    {"% f32 FMA", "% f32 FMA", 9, ShareF32},
      {"% f64 FMA", "% f64 FMA", 9, ShareF64}, {"x fastest peer", "× fastest peer", 14, PeerOfAttention},
      {"error", "error", 8, ErrorOf}};
  static const std::vector<Column> decode = {{"us", "µs", 9, Microseconds},
                                             {"+- %", "± %", 6, Spread},
                                             {"GB/s", "GB/s", 8, Gigabytes},
                                             {"% of read", "% of read", 9, ShareRead},
                                             {"tokens/s", "tokens/s", 9, TokensPerSecond},
                                             {"x fastest peer", "× fastest peer", 14, PeerOfAttention},
                                             {"error", "error", 8, ErrorOf}};
  return !table.attention ? rows : table.attention->IsDecode() ? decode : prefill;
}

const char* Clock(const BenchTable& table) { return table.cpu_time ? ", CPU time" : ""; }

std::size_t Rounds(const BenchTable& table) { return table.lines.empty() ? 0 : table.lines.front().timings.size(); }

}  // namespace

std::string BenchText(const BenchTable& table) {
  const std::vector<Column>& columns = ColumnsOf(table);
  std::string text = fmt::format("{}, {} rounds{}\n  {:24}", TitleOf(table), Rounds(table), Clock(table), "subject");
  for (const Column& column : columns) text += fmt::format(" {:>{}}", column.text, column.width);
  text += "\n";
  for (const BenchLine& line : table.lines) {
    if (!line.skipped.empty()) {
      text += fmt::format("  {:24} skipped: {}\n", line.name, line.skipped);
      continue;
    }
    text += fmt::format("  {:24}", line.name);
    for (const Column& column : columns) text += fmt::format(" {:>{}}", column.cell(table, line), column.width);
    text += "\n";
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
    const std::vector<Column>& columns = ColumnsOf(table);
    std::string rule = "| - |";
    text += fmt::format("\n**{}**, {} rounds{}\n\n| subject |", TitleOf(table), Rounds(table), Clock(table));
    for (const Column& column : columns) {
      text += fmt::format(" {} |", column.markdown);
      rule += " - |";
    }
    text += "\n" + rule + "\n";
    for (const BenchLine& line : table.lines) {
      text += fmt::format("| {} |", line.name);
      for (const Column& column : columns) {
        const bool first = &column == &columns.front();
        text += line.skipped.empty() ? fmt::format(" {} |", column.cell(table, line))
                : first              ? fmt::format(" skipped: {} |", line.skipped)
                                     : " |";
      }
      text += "\n";
    }
    for (const std::string& disturbance : table.disturbances) text += fmt::format("\nDisturbed: {}.\n", disturbance);
  }
  return text;
}

}  // namespace assay::reports
