// SPDX-License-Identifier: Apache-2.0

#include "reports/bench.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <utility>

#include "reports/bench_copy.h"
#include "reports/bench_peak.h"
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
std::string WhyNot(const Entrant& entrant, const subjects::Case& features) {
  if (!entrant.skipped.empty() || entrant.table == nullptr) return entrant.skipped;
  return subjects::WhyUnsupported(subjects::InfoOf(*entrant.table), features);
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

void Summarize(BenchLine& line, Contestant& contestant, bool cpu_time) {
  std::vector<double> real;
  std::vector<double> cpu;
  for (const Timing& timing : contestant.timings) {
    real.push_back(timing.real_ns);
    cpu.push_back(timing.cpu_ns);
  }
  line.iterations = contestant.iterations * contestant.timings.size();
  line.median_ns = Median(cpu_time ? cpu : real);
  line.deviation_ns = MedianDeviation(cpu_time ? cpu : real);
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

// The rate of the yardstick of that name.
double RateOf(const BenchTable& table, const std::string& name) {
  for (const BenchLine& line : table.lines) {
    if (line.kind == BenchKind::kYardstick && line.name == name && line.skipped.empty()) {
      return line.flops > 0 ? line.GigaflopsPerSecond() : line.GigabytesPerSecond();
    }
  }
  return std::numeric_limits<double>::quiet_NaN();
}

constexpr const char* kFmaF32 = "FMA f32";
constexpr const char* kFmaF64 = "FMA f64";
constexpr const char* kRead = "read";

// The machine's multiplications; for decode what it reads.
void AddPeaks(const AttentionData& data, BenchTable* table, std::vector<Contestant>& contestants) {
  const auto add = [&](const char* name, double flops, double bytes, const std::function<void()>& call) {
    table->lines.push_back(LineOf(name, BenchKind::kYardstick));
    table->lines.back().flops = flops;
    table->lines.back().bytes = bytes;
    contestants.push_back(ContestantOf(name, call));
  };
  const auto add_fma = [&](const char* name, double flops, double (*run)()) {
    if (flops > 0) {
      add(name, flops, 0, [run] { run(); });
    } else {
      table->lines.push_back(LineOf(name, BenchKind::kYardstick));
      table->lines.back().skipped = "this build knows no FMA of this machine";
    }
  };
  const auto read = [k = data.k(), v = data.v(), bytes = data.kv_bytes()] {
    volatile std::uint64_t sum = ReadAll(k, bytes) + ReadAll(v, bytes);
    static_cast<void>(sum);
  };
  if (table->attention->IsDecode()) {
    add(kRead, 0, table->attention->KeyValueBytes(), read);
  } else {
    add_fma(kFmaF32, FmaF32(), FmaF32);
    add_fma(kFmaF64, FmaF64(), FmaF64);
  }
}

}  // namespace

double BenchTable::elements() const {
  return attention ? attention->Tokens() : static_cast<double>(call.rows) * static_cast<double>(call.cols);
}
double BenchTable::CopyNs() const { return lines.empty() ? std::nan("") : lines.front().median_ns; }
double BenchTable::FastestPeerNs() const { return LeastMedian(*this, BenchKind::kPeer); }
double BenchTable::PeakF32() const { return RateOf(*this, kFmaF32); }
double BenchTable::PeakF64() const { return RateOf(*this, kFmaF64); }
double BenchTable::PeakRead() const { return RateOf(*this, kRead); }

void TimeLines(std::vector<Contestant>& contestants, const TimingOptions& options, BenchTable* table) {
  if (contestants.empty()) return;
  table->cpu_time = options.cpu_time;
  table->disturbances = Disturbances(TimeInterleaved(contestants, 0, options));
  auto contestant = contestants.begin();
  for (BenchLine& line : table->lines) {
    if (line.skipped.empty()) Summarize(line, *contestant++, options.cpu_time);
  }
}

BenchTable RunBench(const BenchCall& call, const std::vector<Entrant>& entrants, const TimingOptions& options) {
  BenchData data(call);
  BenchTable table;
  table.call = call;
  std::vector<Contestant> contestants;
  AddCopies(data, table.lines, contestants);
  for (const Entrant& entrant : entrants) {
    BenchLine line = LineOf(entrant.name, entrant.kind);
    line.skipped = WhyNot(entrant, FeaturesOf(call));
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
  TimeLines(contestants, options, &table);
  return table;
}

BenchTable RunBench(const AttentionCall& call, const std::vector<Entrant>& entrants, const TimingOptions& options) {
  AttentionData data(call);
  BenchTable table;
  table.attention = call;
  std::vector<Contestant> contestants;
  AddPeaks(data, &table, contestants);
  for (const Entrant& entrant : entrants) {
    BenchLine line = LineOf(entrant.name, entrant.kind);
    line.skipped = WhyNot(entrant, FeaturesOf(call));
    if (line.skipped.empty()) {
      const assay_attention_kernel& kernel = subjects::AttentionKernelOf(*entrant.table, ASSAY_ATTENTION);
      const assay_attention_args args = data.ArgsFor(kernel);
      data.ClearOut();
      const assay_status status = kernel.run(&args);
      if (status != ASSAY_OK) {
        line.skipped = fmt::format("it answered {}", assay_status_name(status));
      } else {
        line.flops = call.Flops();
        line.bytes = call.KeyValueBytes();
        line.max_error = data.MaxError();
        contestants.push_back(ContestantOf(entrant.name, [run = kernel.run, args] { run(&args); }));
      }
    }
    table.lines.push_back(std::move(line));
  }
  TimeLines(contestants, options, &table);
  return table;
}

std::string TitleOf(const BenchCall& call) {
  std::string title = fmt::format("{} {} {}x{}", subjects::OpName(call.op),
                                  subjects::ElementName(subjects::ElementOf(call.dtype)), call.rows, call.cols);
  if (call.temperature != 1) title += fmt::format(", T = {}", call.temperature);
  if (call.mask) title += ", a quarter masked";
  return title;
}

std::string TitleOf(const BenchTable& table) {
  return table.attention ? TitleOf(*table.attention) : TitleOf(table.call);
}

}  // namespace assay::reports
