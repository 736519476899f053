// SPDX-License-Identifier: Apache-2.0
//
// The benchmark of attention. No test depends on how fast anything is.

#include "reports/bench_attention.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

#include "reports/bench.h"
#include "reports/bench_peak.h"
#include "subjects/registry.h"
#include "subjects/table.h"

namespace assay::reports {
namespace {

AttentionCall SmallCall(assay_dtype dtype, std::size_t seq_q, bool causal) {
  AttentionCall call;
  call.dtype = dtype;
  call.num_heads = 3;
  call.seq_q = seq_q;
  call.seq_kv = 7;
  call.head_dim = 12;
  call.causal = causal;
  return call;
}

TimingOptions Short() {
  TimingOptions options;
  options.seconds = 0;
  options.least_timing = 0;
  return options;
}

Entrant BuiltInEntrant(const std::string& name, BenchKind kind) {
  Entrant entrant;
  entrant.name = name;
  entrant.kind = kind;
  entrant.table = subjects::FindBuiltIn(name)->table;
  return entrant;
}

const BenchLine& LineOf(const BenchTable& table, const std::string& name) {
  return *std::find_if(table.lines.begin(), table.lines.end(), [&](const BenchLine& l) { return l.name == name; });
}

TEST(AttentionCallTest, CountsWhatIsVisible) {
  AttentionCall call = SmallCall(ASSAY_F32, 5, false);
  EXPECT_EQ(call.Flops(), 4.0 * 3 * 12 * 5 * 7);
  call.causal = true;  // the first of 5 queries sees 3 of 7 keys
  EXPECT_EQ(call.Flops(), 4.0 * 3 * 12 * (3 + 4 + 5 + 6 + 7));
  call.seq_q = 9;  // the first two of 9 see none
  EXPECT_EQ(call.Flops(), 4.0 * 3 * 12 * (1 + 2 + 3 + 4 + 5 + 6 + 7));
  EXPECT_EQ(call.KeyValueBytes(), 2.0 * 3 * 7 * 12 * 4);
  call.dtype = ASSAY_BF16;
  EXPECT_EQ(call.KeyValueBytes(), 2.0 * 3 * 7 * 12 * 2);
  EXPECT_EQ(TitleOf(call), "attention bf16 3 heads 9x7 d 12, causal");
}

TEST(CheckCallTest, RefusesAttentionThatCannotBeTimed) {
  AttentionCall call = SmallCall(ASSAY_F32, 0, false);
  EXPECT_THROW(CheckCall(call), BadBenchCall);
  call.seq_q = std::size_t{1} << 60;
  EXPECT_THROW(CheckCall(call), BadBenchCall);
  call.seq_q = std::size_t{1} << 40;
  EXPECT_THROW(CheckCall(call), BadBenchCall);
}

// The scalar reference is right, so the call must be one as the contract has it, and the truth that of the same call.
TEST(RunBenchTest, ShowsTheReferencesSmallErrorInAttention) {
  for (const assay_dtype dtype : {ASSAY_F32, ASSAY_F16, ASSAY_BF16}) {
    for (const std::size_t seq_q : {1, 5, 9}) {
      for (const bool causal : {false, true}) {
        const AttentionCall call = SmallCall(dtype, seq_q, causal);
        SCOPED_TRACE(TitleOf(call));
        const BenchTable table = RunBench(call, {BuiltInEntrant("scalar", BenchKind::kOther)}, Short());
        const BenchLine& line = LineOf(table, "scalar");
        ASSERT_EQ(line.skipped, "");
        ASSERT_TRUE(line.max_error.has_value());
        EXPECT_LE(*line.max_error, 0.25);  // half an ulp of the result is u of it, beside 8 u
        EXPECT_EQ(line.timings.size(), 16U);
        EXPECT_EQ(line.flops, call.Flops());
      }
    }
  }
}

TEST(RunBenchTest, ShowsALargeErrorOfAttentionThatIsWrong) {
  static assay_subject lazy;
  lazy = *subjects::FindBuiltIn("scalar")->table;
  lazy.attention.run = [](const assay_attention_args*) { return ASSAY_OK; };
  Entrant entrant = BuiltInEntrant("scalar", BenchKind::kOther);
  entrant.table = &lazy;
  const BenchTable table = RunBench(SmallCall(ASSAY_F32, 5, false), {entrant}, Short());
  EXPECT_TRUE(std::isinf(*LineOf(table, "scalar").max_error));  // it wrote nothing
}

// Yardsticks and two lines of known times: 1680 operations in 84 ns are 20 a ns, a fifth of 100.
BenchTable KnownTable(std::size_t seq_q) {
  BenchTable table;
  table.attention = SmallCall(ASSAY_F32, seq_q, false);
  const auto add = [&](const std::string& name, BenchKind kind, double ns, double flops, double bytes) {
    BenchLine line;
    line.name = name;
    line.kind = kind;
    line.timings = {{ns, ns}};
    line.median_ns = ns;
    line.deviation_ns = 1;
    line.flops = flops;
    line.bytes = bytes;
    if (kind != BenchKind::kYardstick) line.max_error = 0.5;
    table.lines.push_back(line);
  };
  if (seq_q == 1) {
    add("read", BenchKind::kYardstick, 10, 0, 2000);
  } else {
    add("FMA f32", BenchKind::kYardstick, 10, 1000, 0);
    add("FMA f64", BenchKind::kYardstick, 10, 500, 0);
  }
  add("assay-fast", BenchKind::kOurs, 84, 1680, 2016);
  add("slow", BenchKind::kPeer, 168, 1680, 2016);
  return table;
}

TEST(BenchTextTest, ShowsSharesOfTheMachinesPeaks) {
  const std::string text = BenchText(KnownTable(5));
  for (const char* part : {"  FMA f32                              10.0      100       100       200",
                           "  assay-fast                  0.0840   1.19     20.0      20.0      40.0          0.500"
                           "      0.5\n"}) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  }
  const std::string decode = BenchText(KnownTable(1));
  EXPECT_NE(decode.find("  assay-fast                  0.0840   1.19     24.0      12.0  11904762          0.500"),
            std::string::npos)
      << decode;
  for (const std::string& line : {text, decode}) {
    for (std::size_t at = 0, end; (end = line.find('\n', at)) != std::string::npos; at = end + 1) {
      EXPECT_LE(end - at, 100U);
    }
  }
}

TEST(BenchJsonTest, HoldsTheRatesOfAttention) {
  const nlohmann::json whole = nlohmann::json::parse(BenchJson({}, {KnownTable(5), KnownTable(1)}));
  const auto median = [&](const std::string& name) {
    for (const nlohmann::json& entry : whole.at("benchmarks")) {
      if (entry.at("name") == name) return entry;
    }
    return nlohmann::json();
  };
  const nlohmann::json prefill = median("attention/f32/3/heads/5x7/d/12/assay-fast_median");
  EXPECT_EQ(prefill.at("flops_per_second"), 20e9);
  EXPECT_EQ(prefill.at("share_of_f32_fma"), 0.2);
  EXPECT_EQ(prefill.at("share_of_f64_fma"), 0.4);
  EXPECT_EQ(prefill.at("max_error"), 0.5);
  EXPECT_EQ(prefill.at("times_fastest_peer"), 0.5);
  EXPECT_FALSE(prefill.contains("times_copy"));
  const nlohmann::json decode = median("attention/f32/3/heads/1x7/d/12/assay-fast_median");
  EXPECT_EQ(decode.at("bytes_per_second"), 24e9);
  EXPECT_EQ(decode.at("share_of_read"), 0.12);
}

TEST(ReadAllTest, ReadsEveryWordOnce) {
  std::vector<std::uint64_t> words(77);
  for (std::size_t i = 0; i < words.size(); ++i) words[i] = std::uint64_t{1} << (i % 64);
  for (std::size_t n = 0; n <= words.size(); ++n) {
    std::uint64_t want = 0;
    for (std::size_t i = 0; i < n; ++i) want += words[i];
    EXPECT_EQ(ReadAll(words.data(), 8 * n), want) << n;
  }
}

// A call that touches 8 bytes for each pair of positions is seen to, and one that crashes is no number.
TEST(MemoryOfCallTest, SeesQuadraticMemory) {
  AttentionCall call = SmallCall(ASSAY_F32, 1024, false);
  call.seq_kv = 1024;
  assay_attention_kernel kernel = {};
  kernel.run = [](const assay_attention_args*) { return ASSAY_OK; };
  ASSERT_TRUE(MemoryOfCall(kernel, call).has_value());
  EXPECT_LT(*MemoryOfCall(kernel, call), std::size_t{1} << 20);
  kernel.run = [](const assay_attention_args* args) {
    const std::size_t bytes = 8 * args->seq_q * args->seq_kv;
    std::vector<char> matrix(bytes);
    static volatile char seen;
    for (std::size_t i = 0; i < bytes; i += 4096) seen = matrix[i] = 1;
    static_cast<void>(seen);
    return ASSAY_OK;
  };
  EXPECT_GE(*MemoryOfCall(kernel, call), std::size_t{8} << 20);
  kernel.run = [](const assay_attention_args*) -> assay_status { __builtin_trap(); };
  EXPECT_FALSE(MemoryOfCall(kernel, call).has_value());
}

// Ours, both tiers: what a call adds does not grow with the square of the length.
TEST(MemoryOfCallTest, OursAddNoMatrix) {
  for (const char* name : {"assay", "assay-fast"}) {
    const assay_attention_kernel& kernel =
        subjects::AttentionKernelOf(*subjects::FindBuiltIn(name)->table, ASSAY_ATTENTION);
    AttentionCall call;
    call.num_heads = 1;
    call.seq_q = call.seq_kv = 2048;
    const auto grown = MemoryOfCall(kernel, call);
    ASSERT_TRUE(grown.has_value());
    EXPECT_LT(*grown, std::size_t{1} << 20) << name;  // the scores alone would be 16 MiB
  }
}

}  // namespace
}  // namespace assay::reports
