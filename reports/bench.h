// SPDX-License-Identifier: Apache-2.0
//
// `assay bench`: what subjects take for one call after another, beside one another and beside yardsticks: a copy, for
// attention the machine's multiplications or its reading. See BENCH.md.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "assay/assay.h"
#include "reports/bench_attention.h"
#include "reports/bench_data.h"
#include "reports/bench_timing.h"

namespace assay::reports {

enum class BenchKind { kYardstick, kOurs, kPeer, kOther };

// Who takes part. A subject without a table, or with a reason, is shown as skipped.
struct Entrant {
  std::string name;
  std::string version;
  BenchKind kind = BenchKind::kOther;
  const assay_subject* table = nullptr;
  std::string skipped;
};

// One line of a table: times are per call.
struct BenchLine {
  std::string name;
  BenchKind kind = BenchKind::kOther;
  std::string skipped;  // why there are no numbers
  std::uint64_t iterations = 0;
  std::vector<Timing> timings;
  double median_ns = 0;
  double deviation_ns = 0;
  double median_cpu_ns = 0;
  std::optional<double> max_err_ulp;
  // Of attention:
  double flops = 0;                 // of a call; 0: it is not counted
  double bytes = 0;                 // of K and V, or of what the yardstick reads; likewise
  std::optional<double> max_error;  // see AttentionData::MaxError

  double GigaflopsPerSecond() const { return flops / median_ns; }
  double GigabytesPerSecond() const { return bytes / median_ns; }
};

struct BenchTable {
  BenchCall call;
  std::optional<AttentionCall> attention;  // then `call` means nothing
  std::vector<BenchLine> lines;            // yardsticks first
  std::vector<std::string> disturbances;
  bool cpu_time = false;  // medians are of CPU time

  // What a call makes: entries of a matrix, or tokens.
  double elements() const;
  // Medians to compare with; NaN where nobody has one.
  double CopyNs() const;  // of rows
  double FastestPeerNs() const;
  // What the machine can do, by the yardsticks of attention, per ns; NaN where they are missing.
  double PeakF32() const;
  double PeakF64() const;
  double PeakRead() const;
};

// Times the call on all entrants. Throws BadBenchCall.
BenchTable RunBench(const BenchCall& call, const std::vector<Entrant>& entrants, const TimingOptions& options);
BenchTable RunBench(const AttentionCall& call, const std::vector<Entrant>& entrants, const TimingOptions& options);

// Times what the lines that are not skipped call, in their order, and fills them; the first is watched for drift.
void TimeLines(std::vector<Contestant>& contestants, const TimingOptions& options, BenchTable* table);

// What the machine and the build are; for the head of the table and the JSON.
struct BenchContext {
  std::string date;  // ISO 8601
  std::string commit;
  std::string compiler;
  std::string flags;
  std::string cpu;
  std::string command;
  std::uint64_t seed = 1;
  int pinned_cpu = -1;            // -1: the system refused
  std::vector<Entrant> entrants;  // for their versions
};

// "softmax f32 1024x64, T = 0.7, masked".
std::string TitleOf(const BenchCall& call);
std::string TitleOf(const BenchTable& table);

// The table as text of at most 100 columns, and as Markdown.
std::string BenchText(const BenchTable& table);
std::string BenchMarkdown(const BenchContext& context, const std::vector<BenchTable>& tables);

// In the format of Google Benchmark (its docs, "Output Formats"): for each subject and shape an entry of run_type
// "iteration", whose time is the mean of all calls, and the aggregates median and mad.
std::string BenchJson(const BenchContext& context, const std::vector<BenchTable>& tables);

}  // namespace assay::reports
