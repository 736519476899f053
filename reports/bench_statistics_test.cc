// SPDX-License-Identifier: Apache-2.0
//
// The arithmetic of the benchmark on series made for it.

#include "reports/bench_statistics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "subjects/random.h"

namespace assay::reports {
namespace {

TEST(MedianTest, IsTheMiddleOrTheMeanOfTheMiddleTwo) {
  EXPECT_EQ(Median(std::vector<double>{3, 1, 2}), 2);
  EXPECT_EQ(Median(std::vector<double>{4, 1, 3, 2}), 2.5);
  EXPECT_EQ(Median(std::vector<double>{7}), 7);
  EXPECT_TRUE(std::isnan(Median({})));
}

TEST(MedianTest, IsNotMovedByAFewWildValues) {
  const std::vector<double> calm = {10, 11, 12, 13, 14};
  const std::vector<double> wild = {10, 11, 12, 13, 1e9};
  EXPECT_EQ(Median(calm), Median(wild));
  EXPECT_EQ(MedianDeviation(calm), MedianDeviation(wild));
}

TEST(MedianDeviationTest, IsTheMedianOfTheDistances) {
  EXPECT_EQ(MedianDeviation(std::vector<double>{1, 1, 2, 2, 4, 6, 9}), 1);
  EXPECT_EQ(MedianDeviation(std::vector<double>{5, 5, 5}), 0);
}

TEST(RoundOrderTest, IsAPermutationThatSeedAndRoundDecide) {
  std::set<std::vector<std::size_t>> seen;
  for (std::uint64_t round = 0; round < 50; ++round) {
    const std::vector<std::size_t> order = RoundOrder(7, round, 6);
    EXPECT_EQ(order, RoundOrder(7, round, 6));
    std::vector<std::size_t> sorted = order;
    std::sort(sorted.begin(), sorted.end());
    EXPECT_EQ(sorted, (std::vector<std::size_t>{0, 1, 2, 3, 4, 5}));
    seen.insert(order);
  }
  EXPECT_GT(seen.size(), 40U);  // of 720 orders; 50 draws repeat 1.7 of them on average
  EXPECT_NE(RoundOrder(7, 0, 6), RoundOrder(8, 0, 6));
}

// Each contestant runs behind each other one about as often: nobody always finds the caches of the same neighbour.
TEST(RoundOrderTest, MixesNeighbours) {
  constexpr std::size_t kCount = 4;
  constexpr int kRounds = 4800;
  int behind[kCount][kCount] = {};
  for (std::uint64_t round = 0; round < kRounds; ++round) {
    const std::vector<std::size_t> order = RoundOrder(1, round, kCount);
    for (std::size_t i = 1; i < kCount; ++i) ++behind[order[i]][order[i - 1]];
  }
  // Each of the 12 pairs is expected in kRounds / 4 rounds; five standard deviations of a binomial.
  const double expected = kRounds / 4.0;
  for (std::size_t a = 0; a < kCount; ++a) {
    for (std::size_t b = 0; b < kCount; ++b) {
      if (a == b) continue;
      EXPECT_NEAR(behind[a][b], expected, 5 * std::sqrt(expected * 0.75)) << a << " behind " << b;
    }
  }
}

// A quiet machine: the copy takes 100 ns give or take one.
Watched Quiet() {
  Watched watched;
  subjects::Random random(1, 1);
  for (int i = 0; i < 400; ++i) watched.copy_ns.push_back(100 + random.Normal());
  watched.timings = 4000;
  watched.interrupted = 3;
  watched.real_seconds = 1;
  watched.cpu_seconds = 0.999;
  watched.watched_seconds = 1.2;
  return watched;
}

TEST(DisturbancesTest, SaysNothingOfAQuietMachine) {
  const std::vector<std::string> said = Disturbances(Quiet());
  EXPECT_TRUE(said.empty()) << said.front();
}

void ExpectOne(const Watched& watched, const std::string& part) {
  const std::vector<std::string> said = Disturbances(watched);
  ASSERT_EQ(said.size(), 1U);
  EXPECT_NE(said[0].find(part), std::string::npos) << said[0];
}

TEST(DisturbancesTest, CountsInterruptions) {
  Watched watched = Quiet();
  watched.interrupted = 200;  // the limit itself
  EXPECT_TRUE(Disturbances(watched).empty());
  watched.interrupted = 201;
  ExpectOne(watched, "interrupted 201 of 4000");
}

TEST(DisturbancesTest, SeesTimeThatWasNotThisThreads) {
  Watched watched = Quiet();
  watched.cpu_seconds = 0.9;
  ExpectOne(watched, "10 % of the timed seconds");
}

TEST(DisturbancesTest, SeesWhatTheHostTakes) {
  Watched watched = Quiet();
  watched.stolen_seconds = 0.12;
  ExpectOne(watched, "took 10 %");
}

// 10 % slower from the middle on, as when another core begins to work and the clock falls.
TEST(DisturbancesTest, SeesAStepInTheCopy) {
  Watched watched = Quiet();
  for (std::size_t i = 200; i < 400; ++i) watched.copy_ns[i] *= 1.1;
  ExpectOne(watched, "drifted by 10 %");
}

TEST(DisturbancesTest, SeesASlowRamp) {
  Watched watched = Quiet();
  for (std::size_t i = 0; i < 400; ++i) watched.copy_ns[i] *= 1 + 0.0005 * static_cast<double>(i);
  ExpectOne(watched, "drifted");
}

// A wide spread moves the medians of quarters by itself: that is noise, which the deviation column shows, and no drift.
TEST(DisturbancesTest, DoesNotTakeSpreadForDrift) {
  Watched watched = Quiet();
  subjects::Random random(2, 1);
  watched.copy_ns.clear();
  for (int i = 0; i < 24; ++i) watched.copy_ns.push_back(100 + 30 * random.Normal());
  EXPECT_TRUE(Disturbances(watched).empty());
}

TEST(DisturbancesTest, SaysWhenThereAreTooFewRounds) {
  Watched watched = Quiet();
  watched.copy_ns.resize(11);
  ExpectOne(watched, "only 11 rounds");
}

}  // namespace
}  // namespace assay::reports
