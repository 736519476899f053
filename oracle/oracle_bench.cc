// SPDX-License-Identifier: Apache-2.0
//
// Elements per second of both tiers (normally distributed logits, standard deviation 3, temperature 1), and of double
// std::exp for scale.

#include <benchmark/benchmark.h>

#include <cmath>
#include <random>
#include <vector>

#include "oracle/oracle.h"

namespace {

using assay::oracle::Softmax;
using assay::oracle::Tier;

std::vector<float> Logits(std::size_t n) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0, 3);
  std::vector<float> x(n);
  for (float& xi : x) xi = normal(random);
  return x;
}

void BM_Softmax(benchmark::State& state, Tier tier) {
  const auto x = Logits(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(Softmax({x}, tier));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK_CAPTURE(BM_Softmax, referee, Tier::kReferee)->Arg(2)->Arg(64)->Arg(1000);
BENCHMARK_CAPTURE(BM_Softmax, bulk, Tier::kBulk)->Arg(2)->Arg(64)->Arg(1000);

void BM_ExpRelativeError(benchmark::State& state) {
  const auto x = Logits(1000);
  for (auto _ : state) {
    for (const float xi : x) benchmark::DoNotOptimize(assay::oracle::ExpRelativeError(xi, 1));
  }
  state.SetItemsProcessed(state.iterations() * 1000);
}
BENCHMARK(BM_ExpRelativeError);

void BM_StdExp(benchmark::State& state) {
  const auto x = Logits(1000);
  for (auto _ : state) {
    for (const float xi : x) benchmark::DoNotOptimize(std::exp(double{xi}));
  }
  state.SetItemsProcessed(state.iterations() * 1000);
}
BENCHMARK(BM_StdExp);

}  // namespace

BENCHMARK_MAIN();
