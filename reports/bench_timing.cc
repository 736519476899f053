// SPDX-License-Identifier: Apache-2.0

#include "reports/bench_timing.h"

#include <sched.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>

namespace assay::reports {
namespace {

double Seconds(clockid_t clock) {
  timespec now = {};
  ::clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double RealSeconds() { return Seconds(CLOCK_MONOTONIC); }

// How often this thread had to leave its CPU to another program.
std::uint64_t Interruptions() {
  rusage usage = {};
  ::getrusage(RUSAGE_THREAD, &usage);
  return static_cast<std::uint64_t>(usage.ru_nivcsw);
}

// What the host of a virtual machine took from this CPU so far; 0 where nobody says.
double StolenSeconds() {
  std::ifstream in("/proc/stat");
  const std::string wanted = "cpu" + std::to_string(::sched_getcpu());
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string name;
    double ticks = 0;
    words >> name;
    if (name != wanted) continue;
    for (int i = 0; i < 8; ++i) words >> ticks;  // user nice system idle iowait irq softirq steal
    return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
  }
  return 0;
}

double TimeCalls(const Contestant& one, std::uint64_t iterations) {
  const double start = RealSeconds();
  for (std::uint64_t i = 0; i < iterations; ++i) one.call();
  return RealSeconds() - start;
}

// Enough calls to last, by doubling; the second of two equal runs counts, the first warms up.
std::uint64_t Calibrate(const Contestant& one, double least) {
  one.call();
  std::uint64_t iterations = 1;
  while (TimeCalls(one, iterations) < least && iterations < (std::uint64_t{1} << 40)) iterations *= 2;
  return iterations;
}

}  // namespace

Watched TimeInterleaved(std::vector<Contestant>& contestants, std::size_t copy, const TimingOptions& options) {
  for (Contestant& one : contestants) {
    one.iterations = Calibrate(one, options.least_timing);
    one.timings.clear();
  }
  Watched watched;
  const double start = RealSeconds();
  const double stolen = StolenSeconds();
  for (std::uint64_t round = 0; round < options.least_rounds || RealSeconds() - start < options.seconds; ++round) {
    for (const std::size_t i : RoundOrder(options.seed, round, contestants.size())) {
      Contestant& one = contestants[i];
      one.call();
      const std::uint64_t before = Interruptions();
      const double cpu = Seconds(CLOCK_THREAD_CPUTIME_ID);
      const double real_seconds = TimeCalls(one, one.iterations);
      const double cpu_seconds = Seconds(CLOCK_THREAD_CPUTIME_ID) - cpu;
      const double calls = static_cast<double>(one.iterations);
      one.timings.push_back({1e9 * real_seconds / calls, 1e9 * cpu_seconds / calls});
      watched.timings += 1;
      watched.interrupted += Interruptions() != before ? 1 : 0;
      watched.real_seconds += real_seconds;
      watched.cpu_seconds += std::min(cpu_seconds, real_seconds);  // the clocks are read one behind the other
    }
  }
  watched.watched_seconds = RealSeconds() - start;
  watched.stolen_seconds = StolenSeconds() - stolen;
  for (const Timing& timing : contestants[copy].timings) watched.copy_ns.push_back(timing.real_ns);
  return watched;
}

int PinToOneCpu() {
  const int cpu = ::sched_getcpu();
  if (cpu < 0) return -1;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  return ::sched_setaffinity(0, sizeof set, &set) == 0 ? cpu : -1;
}

}  // namespace assay::reports
