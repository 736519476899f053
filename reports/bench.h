// SPDX-License-Identifier: Apache-2.0
//
// `assay bench`: what subjects take for one call after another, beside one another and beside a copy. See BENCH.md.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "assay/assay.h"
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
};

struct BenchTable {
  BenchCall call;
  std::vector<BenchLine> lines;  // both copies first
  std::vector<std::string> disturbances;

  double elements() const { return static_cast<double>(call.rows) * static_cast<double>(call.cols); }
  // Medians to compare with; NaN where nobody has one.
  double CopyNs() const;
  double FastestPeerNs() const;
};

// Times the call on all entrants. Throws BadBenchCall.
BenchTable RunBench(const BenchCall& call, const std::vector<Entrant>& entrants, const TimingOptions& options);

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

// The table as text of at most 100 columns, and as Markdown.
std::string BenchText(const BenchTable& table);
std::string BenchMarkdown(const BenchContext& context, const std::vector<BenchTable>& tables);

// In the format of Google Benchmark (its docs, "Output Formats"): for each subject and shape an entry of run_type
// "iteration", whose time is the mean of all calls, and the aggregates median and mad.
std::string BenchJson(const BenchContext& context, const std::vector<BenchTable>& tables);

}  // namespace assay::reports
