// SPDX-License-Identifier: Apache-2.0
//
// Elements per second of both tiers (normally distributed logits, standard deviation 3), and of double std::exp for
// scale.

#include <benchmark/benchmark.h>

#include <cmath>
#include <random>
#include <vector>

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
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
