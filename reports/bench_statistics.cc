// SPDX-License-Identifier: Apache-2.0

#include "reports/bench_statistics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <utility>

#include "subjects/random.h"

namespace assay::reports {
namespace {

constexpr std::size_t kQuarters = 4;
constexpr std::size_t kLeastInQuarter = 3;  // fewer have no spread worth the name

// Standard error of the median of n values of this spread, were they normal: sigma = 1.4826 MAD, times sqrt(pi / 2n).
double ErrorOfMedian(double deviation, std::size_t n) {
  return 1.4826 * deviation * std::sqrt(std::numbers::pi / (2 * static_cast<double>(n)));
}

std::string Drift(std::span<const double> copy) {
  const std::size_t n = copy.size() / kQuarters;
  if (n < kLeastInQuarter) {
    return fmt::format("only {} rounds: too few to see a drift; give it more time (--for)", copy.size());
  }
  double least = std::numeric_limits<double>::infinity();
  double most = 0;
  std::vector<double> spreads;
  for (std::size_t i = 0; i < kQuarters; ++i) {
    const auto quarter = copy.subspan(i * n, n);
    least = std::min(least, Median(quarter));
    most = std::max(most, Median(quarter));
    spreads.push_back(MedianDeviation(quarter));
  }
  const double change = most - least;
  if (!(change > kMaxDrift * least && change > kDriftDeviations * ErrorOfMedian(Median(spreads), n))) return {};
  return fmt::format(
      "the yardstick's own time drifted by {:.0f} % between quarters of the run, more than its spread explains",
      100 * change / least);
}

}  // namespace

double Median(std::span<const double> values) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  const std::size_t middle = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

double MedianDeviation(std::span<const double> values) {
  const double median = Median(values);
  std::vector<double> away;
  for (const double value : values) away.push_back(std::abs(value - median));
  return Median(away);
}

std::vector<std::size_t> RoundOrder(std::uint64_t seed, std::uint64_t round, std::size_t count) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  subjects::Random random(seed, round);
  for (std::size_t left = count; left > 1; --left) {
    std::swap(order[left - 1], order[static_cast<std::size_t>(random.Below(left))]);
  }
  return order;
}

std::vector<std::string> Disturbances(const Watched& watched) {
  std::vector<std::string> said;
  if (watched.timings == 0) return said;
  const double interrupted = static_cast<double>(watched.interrupted) / static_cast<double>(watched.timings);
  if (interrupted > kMaxInterrupted) {
    said.push_back(fmt::format("other programs interrupted {} of {} timings", watched.interrupted, watched.timings));
  }
  const double away = 1 - watched.cpu_seconds / watched.real_seconds;
  if (watched.real_seconds > 0 && away > kMaxAway) {
    said.push_back(
        fmt::format("{:.0f} % of the timed seconds were not this thread's: it waited for the CPU, or a "
                    "subject works on threads of its own",
                    100 * away));
  }
  if (watched.watched_seconds > 0 && watched.stolen_seconds > kMaxStolen * watched.watched_seconds) {
    said.push_back(fmt::format("the host of this virtual machine took {:.0f} % of the CPU's time",
                               100 * watched.stolen_seconds / watched.watched_seconds));
  }
  if (std::string drift = Drift(watched.copy_ns); !drift.empty()) said.push_back(std::move(drift));
  return said;
}

}  // namespace assay::reports
