// SPDX-License-Identifier: Apache-2.0

#include "reports/bench.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <utility>

#include "reports/bench_copy.h"
#include "subjects/subject.h"
#include "subjects/table.h"

namespace assay::reports {
namespace {

BenchLine LineOf(const std::string& name, BenchKind kind) {
  BenchLine line;
  line.name = name;
  line.kind = kind;
  return line;
}

Contestant ContestantOf(const std::string& name, std::function<void()> call) {
  Contestant contestant;
  contestant.name = name;
  contestant.call = std::move(call);
  return contestant;
}

// Why the entrant cannot be timed on this call; empty where it can.
std::string WhyNot(const Entrant& entrant, const BenchCall& call) {
  if (!entrant.skipped.empty() || entrant.table == nullptr) return entrant.skipped;
  return subjects::WhyUnsupported(subjects::InfoOf(*entrant.table), FeaturesOf(call));
}

void AddCopies(const BenchData& data, std::vector<BenchLine>& lines, std::vector<Contestant>& contestants) {
  const auto copy = [to = data.copy_to(), from = data.copy_from(), bytes = data.copy_bytes()] {
    PlainCopy(to, from, bytes);
  };
  const auto past = [to = data.copy_to(), from = data.copy_from(), bytes = data.copy_bytes()] {
    NonTemporalCopy(to, from, bytes);
  };
  lines.push_back(LineOf("copy", BenchKind::kYardstick));
  contestants.push_back(ContestantOf("copy", copy));
  lines.push_back(LineOf("nt-copy", BenchKind::kYardstick));
  if (NonTemporalCopy(data.copy_to(), data.copy_from(), data.copy_bytes())) {
    contestants.push_back(ContestantOf("nt-copy", past));
  } else {
    lines.back().skipped = "this build knows no non-temporal stores for this machine";
  }
}

void Summarize(BenchLine& line, Contestant& contestant) {
  std::vector<double> real;
  std::vector<double> cpu;
  for (const Timing& timing : contestant.timings) {
    real.push_back(timing.real_ns);
    cpu.push_back(timing.cpu_ns);
  }
  line.iterations = contestant.iterations * contestant.timings.size();
  line.median_ns = Median(real);
  line.deviation_ns = MedianDeviation(real);
  line.median_cpu_ns = Median(cpu);
  line.timings = std::move(contestant.timings);
}

double LeastMedian(const BenchTable& table, BenchKind kind) {
  double least = std::numeric_limits<double>::quiet_NaN();
  for (const BenchLine& line : table.lines) {
    if (line.kind == kind && line.skipped.empty()) least = std::fmin(least, line.median_ns);
  }
  return least;
}

}  // namespace

double BenchTable::CopyNs() const { return lines.empty() ? std::nan("") : lines.front().median_ns; }
double BenchTable::FastestPeerNs() const { return LeastMedian(*this, BenchKind::kPeer); }

BenchTable RunBench(const BenchCall& call, const std::vector<Entrant>& entrants, const TimingOptions& options) {
  BenchData data(call);
  BenchTable table;
  table.call = call;
  std::vector<Contestant> contestants;
  AddCopies(data, table.lines, contestants);
  for (const Entrant& entrant : entrants) {
    BenchLine line = LineOf(entrant.name, entrant.kind);
    line.skipped = WhyNot(entrant, call);
    if (line.skipped.empty()) {
      const assay_row_fn run = subjects::KernelOf(*entrant.table, call.op).run;
      data.ClearOut();
      const assay_status status = run(&data.args());
      if (status != ASSAY_OK) {
        line.skipped = fmt::format("it answered {}", assay_status_name(status));
      } else {
        line.max_err_ulp = data.MaxErrUlp();
        contestants.push_back(ContestantOf(entrant.name, [run, args = &data.args()] { run(args); }));
      }
    }
    table.lines.push_back(std::move(line));
  }
  table.disturbances = Disturbances(TimeInterleaved(contestants, 0, options));
  auto contestant = contestants.begin();
  for (BenchLine& line : table.lines) {
    if (line.skipped.empty()) Summarize(line, *contestant++);
  }
  return table;
}

std::string TitleOf(const BenchCall& call) {
  std::string title = fmt::format("{} {} {}x{}", subjects::OpName(call.op),
                                  subjects::ElementName(subjects::ElementOf(call.dtype)), call.rows, call.cols);
  if (call.temperature != 1) title += fmt::format(", T = {}", call.temperature);
  if (call.mask) title += ", a quarter masked";
  return title;
}

}  // namespace assay::reports
