// SPDX-License-Identifier: Apache-2.0
//
// What `assay bench` makes of its timings: medians and their spread, the order of a round, and whether the machine was
// disturbed meanwhile. Plain functions of numbers, so that tests can give them any series.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace assay::reports {

// The middle of the sorted values, of an even number the mean of the middle two. NaN of none.
double Median(std::span<const double> values);

// Median absolute deviation from the median (Hampel 1974): half of the values lie within it. NaN of none.
double MedianDeviation(std::span<const double> values);

// In which order the contestants 0 .. count - 1 run in this round: a permutation drawn from the seed alone, so that
// none always runs behind the same neighbour.
std::vector<std::size_t> RoundOrder(std::uint64_t seed, std::uint64_t round, std::size_t count);

// What was seen of the machine while a shape was timed.
struct Watched {
  std::vector<double> copy_ns;    // the plain copy's timings, in the order of the rounds
  std::uint64_t timings = 0;      // of all contestants together
  std::uint64_t interrupted = 0;  // timings during which another program was let onto the CPU
  double real_seconds = 0;        // of all timings, by the clock on the wall
  double cpu_seconds = 0;         // what this thread had of them
  double stolen_seconds = 0;      // taken by the host of a virtual machine, of `watched_seconds`
  double watched_seconds = 0;
};

// One sentence for each way in which the machine was disturbed; empty where it was quiet. The limits, all shares of
// time or of timings:
inline constexpr double kMaxInterrupted = 0.05;  // then the median is the 53rd percentile of the quiet ones at worst
inline constexpr double kMaxAway = 0.02;         // real time without CPU time
inline constexpr double kMaxStolen = 0.01;
// A drift counts where the copy's medians over quarters of the run differ by more than this and by more than
// kDriftDeviations standard errors of such a median.
inline constexpr double kMaxDrift = 0.05;
inline constexpr double kDriftDeviations = 5;
std::vector<std::string> Disturbances(const Watched& watched);

}  // namespace assay::reports
