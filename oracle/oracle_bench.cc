// SPDX-License-Identifier: Apache-2.0
//
// Elements per second of both tiers (normally distributed logits, standard deviation 3), and of double std::exp for
// scale. Of attention: pairs of a query and a key; arguments seq_q, seq_kv, head_dim = value_dim.

#include <benchmark/benchmark.h>

#include <cmath>
#include <random>
#include <vector>

#include "oracle/attention.h"
#include "oracle/oracle.h"

namespace {

using assay::oracle::Format;
using assay::oracle::Row;
using assay::oracle::Tier;

// Numbers of the format f32, or doubles.
std::vector<double> Logits(std::size_t n, Format format = Format::kF32) {
  std::mt19937 random(1);
  std::normal_distribution<double> normal(0, 3);
  std::vector<double> x(n);
  for (double& xi : x) xi = format == Format::kF64 ? normal(random) : static_cast<float>(normal(random));
  return x;
}

using Operation = std::vector<assay::oracle::Exact> (*)(const Row&, Tier);

std::vector<assay::oracle::Exact> LogSumExp(const Row& row, Tier tier) { return {assay::oracle::LogSumExp(row, tier)}; }

void BM_Row(benchmark::State& state, Operation operation, Format format, Tier tier, double temperature) {
  const auto x = Logits(static_cast<std::size_t>(state.range(0)), format);
  for (auto _ : state) {
    benchmark::DoNotOptimize(operation({.logits = x, .temperature = temperature, .format = format}, tier));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void Register() {
  const struct {
    const char* name;
    Operation run;
  } operations[] = {{"softmax", assay::oracle::Softmax},
                    {"log_softmax", assay::oracle::LogSoftmax},
                    {"logsumexp", LogSumExp},
                    {"sigmoid", assay::oracle::Sigmoid}};
  for (const auto& operation : operations) {
    for (const Tier tier : {Tier::kReferee, Tier::kBulk}) {
      for (const Format format : {Format::kF32, Format::kF64}) {
        for (const double temperature : {1.0, 0.7}) {
          const std::string name = std::string(operation.name) + "/" + TierName(tier) + "/" + FormatName(format) +
                                   (temperature == 1 ? "/T=1" : "/T=0.7");
          benchmark::RegisterBenchmark(name.c_str(), BM_Row, operation.run, format, tier, temperature)
              ->Arg(2)
              ->Arg(64)
              ->Arg(1000);
        }
      }
    }
  }
}

std::vector<double> Normal(std::size_t n, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  std::vector<double> x(n);
  for (double& xi : x) xi = normal(random);
  return x;
}

void BM_Attention(benchmark::State& state, Tier tier, bool backward) {
  const auto queries = static_cast<std::size_t>(state.range(0));
  const auto keys = static_cast<std::size_t>(state.range(1));
  const auto dim = static_cast<std::size_t>(state.range(2));
  const auto q = Normal(queries * dim, 1);
  const auto k = Normal(keys * dim, 2);
  const auto v = Normal(keys * dim, 3);
  const auto upstream = Normal(queries * dim, 4);
  assay::oracle::AttentionHead head;
  head.seq_q = queries;
  head.seq_kv = head.length = keys;
  head.head_dim = head.value_dim = dim;
  head.q = q;
  head.k = k;
  head.v = v;
  const auto forward = assay::oracle::Attention(head, Tier::kBulk);
  std::vector<double> saved_out, saved_lse;
  for (const auto& e : forward.out) saved_out.push_back(e.nearest);
  for (const auto& e : forward.lse) saved_lse.push_back(e.nearest);
  const assay::oracle::AttentionBackwardHead backward_head = {head, saved_out, saved_lse, upstream};
  for (auto _ : state) {
    if (backward) {
      benchmark::DoNotOptimize(assay::oracle::AttentionBackward({&backward_head, 1}, tier));
    } else {
      benchmark::DoNotOptimize(assay::oracle::Attention(head, tier));
    }
  }
  state.SetItemsProcessed(state.iterations() * state.range(0) * state.range(1));
}

void RegisterAttention() {
  for (const bool backward : {false, true}) {
    for (const Tier tier : {Tier::kReferee, Tier::kBulk}) {
      const std::string name = std::string(backward ? "attention_backward/" : "attention/") + TierName(tier);
      benchmark::RegisterBenchmark(name.c_str(), BM_Attention, tier, backward)->Args({8, 16, 8})->Args({16, 64, 32});
    }
  }
}

void BM_ExpRelativeError(benchmark::State& state) {
  const auto x = Logits(1000);
  for (auto _ : state) {
    for (const double xi : x) benchmark::DoNotOptimize(assay::oracle::ExpRelativeError(xi, 1));
  }
  state.SetItemsProcessed(state.iterations() * 1000);
}
BENCHMARK(BM_ExpRelativeError);

void BM_StdExp(benchmark::State& state) {
  const auto x = Logits(1000);
  for (auto _ : state) {
    for (const double xi : x) benchmark::DoNotOptimize(std::exp(xi));
  }
  state.SetItemsProcessed(state.iterations() * 1000);
}
BENCHMARK(BM_StdExp);

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  Register();
  RegisterAttention();
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
