// SPDX-License-Identifier: Apache-2.0
//
// Timing, tables and JSON of the benchmark. No test depends on how fast anything is.

#include "reports/bench.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "reports/bench_copy.h"
#include "subjects/registry.h"

namespace assay::reports {
namespace {

using nlohmann::json;

TimingOptions Short() {
  TimingOptions options;
  options.seconds = 0;
  options.least_timing = 0;
  options.seed = 5;
  return options;
}

TEST(TimeInterleavedTest, RunsEveryContestantOnceARoundInTheRoundsOrder) {
  std::string log;
  std::vector<Contestant> contestants(3);
  for (std::size_t i = 0; i < 3; ++i) {
    contestants[i].call = [&log, i] { log += static_cast<char>('a' + i); };
  }
  const Watched watched = TimeInterleaved(contestants, 1, Short());
  std::string want = "aabbcc";  // two calls each: how long does one take?
  for (std::uint64_t round = 0; round < 16; ++round) {
    for (const std::size_t i : RoundOrder(5, round, 3)) want += std::string(2, static_cast<char>('a' + i));
  }
  EXPECT_EQ(log, want);  // before each timing an untimed call
  EXPECT_EQ(watched.timings, 48U);
  ASSERT_EQ(watched.copy_ns.size(), 16U);
  for (std::size_t round = 0; round < 16; ++round) {
    EXPECT_EQ(watched.copy_ns[round], contestants[1].timings[round].real_ns);
  }
}

TEST(TimeInterleavedTest, RepeatsShortCallsUntilATimingIsLongEnough) {
  std::vector<Contestant> contestants(1);
  volatile int calls = 0;
  contestants[0].call = [&calls] { calls = calls + 1; };
  TimingOptions options = Short();
  options.least_timing = 1e-4;
  TimeInterleaved(contestants, 0, options);
  EXPECT_GT(contestants[0].iterations, 100U);  // a call of this kind takes less than a microsecond
  EXPECT_EQ(contestants[0].iterations & (contestants[0].iterations - 1), 0U);
}

TEST(BenchCopyTest, BothCopiesCopyEveryByteAndNoMore) {
  for (const std::size_t bytes : {0, 1, 63, 64, 65, 4096, 4099}) {
    alignas(64) unsigned char from[8192];
    for (std::size_t i = 0; i < sizeof from; ++i) from[i] = static_cast<unsigned char>(i * 37 + i / 256);
    alignas(64) unsigned char to[8192];
    for (const bool past : {false, true}) {
      std::memset(to, 0xEE, sizeof to);
      if (past) {
        if (!NonTemporalCopy(to, from, bytes)) continue;
      } else {
        PlainCopy(to, from, bytes);
      }
      EXPECT_EQ(std::memcmp(to, from, bytes), 0) << bytes;
      EXPECT_TRUE(std::all_of(to + bytes, to + sizeof to, [](unsigned char b) { return b == 0xEE; })) << bytes;
    }
  }
}

BenchCall SmallCall(assay_op op, assay_dtype dtype) {
  BenchCall call;
  call.op = op;
  call.dtype = dtype;
  call.rows = 3;
  call.cols = 50;
  return call;
}

Entrant BuiltInEntrant(const std::string& name, BenchKind kind) {
  Entrant entrant;
  entrant.name = name;
  entrant.version = "1";
  entrant.kind = kind;
  entrant.table = subjects::FindBuiltIn(name)->table;
  return entrant;
}

const BenchLine& LineOf(const BenchTable& table, const std::string& name) {
  return *std::find_if(table.lines.begin(), table.lines.end(), [&](const BenchLine& l) { return l.name == name; });
}

// The scalar reference is right to within a few ULP in every operation and type, so whatever it is given must be a
// call as the contract has it, and the truth that it is compared with must be that of the same call.
TEST(RunBenchTest, ShowsTheReferencesSmallErrorInEveryOperationAndType) {
  for (int op = 0; op < ASSAY_NUM_ROW_OPS; ++op) {
    for (int dtype = 0; dtype < ASSAY_NUM_DTYPES; ++dtype) {
      for (const bool mask : {false, true}) {
        BenchCall call = SmallCall(static_cast<assay_op>(op), static_cast<assay_dtype>(dtype));
        if (mask && !subjects::TakesMask(call.op)) continue;
        call.mask = mask;
        call.temperature = mask ? 0.7 : 1;
        SCOPED_TRACE(TitleOf(call));
        const BenchTable table = RunBench(call, {BuiltInEntrant("scalar", BenchKind::kOther)}, Short());
        const BenchLine& line = LineOf(table, "scalar");
        ASSERT_EQ(line.skipped, "");
        ASSERT_TRUE(line.max_err_ulp.has_value());
        if (dtype == ASSAY_F64) continue;  // it computes in double, so terms that cancel cost it any number of ULP
        EXPECT_LE(*line.max_err_ulp, 1);
        EXPECT_EQ(line.timings.size(), 16U);
      }
    }
  }
}

TEST(RunBenchTest, ShowsALargeErrorOfAKernelThatIsWrong) {
  const BenchTable table =
      RunBench(SmallCall(ASSAY_SOFTMAX, ASSAY_F32), {BuiltInEntrant("all_zeros", BenchKind::kOther)}, Short());
  EXPECT_GT(*LineOf(table, "all_zeros").max_err_ulp, 1e6);
}

TEST(RunBenchTest, SkipsWithTheReason) {
  Entrant lacking = BuiltInEntrant("scalar", BenchKind::kOther);
  static assay_subject bare;
  bare = *lacking.table;
  bare.sigmoid = {};
  bare.features = 0;
  lacking.table = &bare;
  Entrant unloaded;
  unloaded.name = "unloaded";
  unloaded.skipped = "cannot be loaded";
  BenchTable table = RunBench(SmallCall(ASSAY_SIGMOID, ASSAY_F32), {lacking, unloaded}, Short());
  EXPECT_EQ(LineOf(table, "scalar").skipped, "no sigmoid");
  EXPECT_EQ(LineOf(table, "unloaded").skipped, "cannot be loaded");
  BenchCall masked = SmallCall(ASSAY_SOFTMAX, ASSAY_F32);
  masked.mask = true;
  table = RunBench(masked, {lacking}, Short());
  EXPECT_EQ(LineOf(table, "scalar").skipped, "no mask");
  EXPECT_NE(BenchText(table).find("skipped: no mask"), std::string::npos);
  EXPECT_TRUE(LineOf(table, "scalar").timings.empty());
}

TEST(CheckCallTest, RefusesWhatCannotBeTimed) {
  const auto refuses = [](std::size_t rows, std::size_t cols) {
    BenchCall call;
    call.rows = rows;
    call.cols = cols;
    EXPECT_THROW(CheckCall(call), BadBenchCall) << rows << " x " << cols;
  };
  refuses(0, 4);
  refuses(4, 0);
  refuses(std::size_t{1} << 33, std::size_t{1} << 33);
  refuses(SIZE_MAX, 1);
  refuses(std::size_t{1} << 40, 1 << 10);
  BenchCall masked = SmallCall(ASSAY_SIGMOID, ASSAY_F32);
  masked.mask = true;
  EXPECT_THROW(CheckCall(masked), BadBenchCall);
  BenchCall frozen = SmallCall(ASSAY_LOGSUMEXP, ASSAY_F32);
  frozen.temperature = 0;
  EXPECT_THROW(CheckCall(frozen), BadBenchCall);
}

// A table with known numbers: 2 x 5 entries, the copy 10 ns, ours 30, a peer 60 and a slower one 90.
BenchTable KnownTable() {
  BenchTable table;
  table.call = SmallCall(ASSAY_SOFTMAX, ASSAY_F32);
  table.call.rows = 2;
  table.call.cols = 5;
  const auto add = [&](const std::string& name, BenchKind kind, double ns) {
    BenchLine line;
    line.name = name;
    line.kind = kind;
    line.iterations = 30;
    line.timings = {{ns, ns}, {ns + 3, ns + 1}, {ns - 3, ns - 2}};
    line.median_ns = ns;
    line.deviation_ns = 3;
    line.median_cpu_ns = ns;
    if (kind != BenchKind::kYardstick) line.max_err_ulp = 1.5;
    table.lines.push_back(line);
  };
  add("copy", BenchKind::kYardstick, 10);
  add("nt-copy", BenchKind::kYardstick, 20);
  add("assay", BenchKind::kOurs, 30);
  add("slow", BenchKind::kPeer, 90);
  add("quick", BenchKind::kPeer, 60);
  table.lines.emplace_back();
  table.lines.back().name = "lacking";
  table.lines.back().kind = BenchKind::kPeer;
  table.lines.back().skipped = "no softmax";
  return table;
}

TEST(BenchTextTest, ShowsRatiosOfMedians) {
  BenchTable table = KnownTable();
  EXPECT_EQ(table.CopyNs(), 10);
  EXPECT_EQ(table.FastestPeerNs(), 60);
  const std::string text = BenchText(table);
  // 30 ns for 10 entries, 10 % deviation, 3 copies, half of the fastest peer.
  EXPECT_NE(text.find("  assay                          3.00    10.0     3.00           0.500      1.50\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("lacking                  skipped: no softmax"), std::string::npos) << text;
  EXPECT_EQ(text.find("DISTURBED"), std::string::npos);
  table.disturbances = {"somebody shouted"};
  EXPECT_NE(BenchText(table).find("  DISTURBED: somebody shouted\n"), std::string::npos);
  table.lines.erase(table.lines.begin() + 3, table.lines.begin() + 5);  // no peer: no ratio to it
  EXPECT_TRUE(std::isnan(table.FastestPeerNs()));
  EXPECT_NE(BenchText(table).find("     3.00               -      1.50\n"), std::string::npos) << BenchText(table);
}

// What readers of Google Benchmark's JSON rely on: its documentation's example, field by field.
TEST(BenchJsonTest, HasTheFieldsOfGoogleBenchmark) {
  BenchContext context;
  context.date = "2026-01-02T03:04:05+00:00";
  context.entrants = {BuiltInEntrant("scalar", BenchKind::kOther)};
  const json whole = json::parse(BenchJson(context, {KnownTable()}));
  const json& head = whole.at("context");
  for (const char* name : {"date", "host_name", "executable", "library_build_type"}) {
    EXPECT_TRUE(head.at(name).is_string()) << name;
  }
  EXPECT_TRUE(head.at("num_cpus").is_number_integer());
  EXPECT_TRUE(head.at("mhz_per_cpu").is_number_integer());
  EXPECT_TRUE(head.at("cpu_scaling_enabled").is_boolean());
  EXPECT_TRUE(head.at("load_avg").is_array());
  for (const json& cache : head.at("caches")) {
    EXPECT_TRUE(cache.at("type").is_string());
    for (const char* name : {"level", "size", "num_sharing"}) EXPECT_TRUE(cache.at(name).is_number_integer()) << name;
  }
  ASSERT_EQ(whole.at("benchmarks").size(), 5U * 3 + 1);  // each timed line with median and mad, and the skipped one
  for (const json& entry : whole.at("benchmarks")) {
    for (const char* name : {"name", "run_name", "run_type", "time_unit"}) {
      EXPECT_TRUE(entry.at(name).is_string()) << name;
    }
    for (const char* name : {"family_index", "per_family_instance_index", "repetitions", "threads", "iterations"}) {
      EXPECT_TRUE(entry.at(name).is_number_unsigned()) << name;
    }
    EXPECT_TRUE(entry.at("real_time").is_number());
    EXPECT_TRUE(entry.at("cpu_time").is_number());
    const bool aggregate = entry.at("run_type") == "aggregate";
    EXPECT_EQ(aggregate, entry.contains("aggregate_name"));
    if (aggregate) {
      EXPECT_EQ(entry.at("name").get<std::string>(),
                entry.at("run_name").get<std::string>() + "_" + entry.at("aggregate_name").get<std::string>());
    } else {
      EXPECT_TRUE(entry.at("repetition_index").is_number_integer());
    }
  }
}

TEST(BenchJsonTest, HoldsTheTimes) {
  BenchTable table = KnownTable();
  table.disturbances = {"somebody shouted"};
  const json whole = json::parse(BenchJson({}, {table}));
  const json& list = whole.at("benchmarks");
  EXPECT_EQ(list[6].at("name"), "softmax/f32/2x5/assay");
  EXPECT_EQ(list[6].at("run_type"), "iteration");
  EXPECT_EQ(list[6].at("real_time"), 30.0);
  EXPECT_NEAR(list[6].at("cpu_time").get<double>(), 30 - 1.0 / 3, 1e-12);
  EXPECT_EQ(list[6].at("iterations"), 30);
  EXPECT_EQ(list[7].at("name"), "softmax/f32/2x5/assay_median");
  EXPECT_EQ(list[7].at("ns_per_element"), 3.0);
  EXPECT_EQ(list[7].at("times_copy"), 3.0);
  EXPECT_EQ(list[7].at("times_fastest_peer"), 0.5);
  EXPECT_EQ(list[8].at("aggregate_name"), "mad");
  EXPECT_EQ(list[8].at("real_time"), 3.0);
  EXPECT_EQ(list[15].at("error_occurred"), true);
  EXPECT_EQ(list[15].at("error_message"), "no softmax");
  EXPECT_EQ(whole.at("context").at("disturbed"), true);
  EXPECT_EQ(whole.at("context").at("disturbances").at("softmax f32 2x5")[0], "somebody shouted");
}

}  // namespace
}  // namespace assay::reports
