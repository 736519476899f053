// SPDX-License-Identifier: Apache-2.0
//
// Timing contestants interleaved: in every round each runs once, in an order of the round's own, so that whatever
// happens to the machine happens to all of them.

#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "reports/bench_statistics.h"

namespace assay::reports {

// One timing, per call.
struct Timing {
  double real_ns = 0;
  double cpu_ns = 0;  // of this thread
};

struct Contestant {
  std::string name;
  std::function<void()> call;
  // Filled by TimeInterleaved.
  std::uint64_t iterations = 1;  // calls in a timing
  std::vector<Timing> timings;
};

struct TimingOptions {
  double seconds = 1;               // for all rounds together; a round is never cut short
  double least_timing = 100e-6;     // seconds: the clock's step and the loop around the calls are below 1/1000 of it
  std::uint64_t least_rounds = 16;  // however long they take: four for each quarter of the drift
  std::uint64_t seed = 1;
  bool cpu_time = false;  // compare by the CPU time of this thread, where others use the machine as well
};

// Runs the contestants and says what was seen of the machine; contestant `copy` is watched for its drift. Before every
// timing its contestant runs once untimed, so that it finds code and data as its own calls leave them.
Watched TimeInterleaved(std::vector<Contestant>& contestants, std::size_t copy, const TimingOptions& options);

// Binds this thread to the CPU it is on, and with it all threads that libraries start later. The CPU, or -1 where the
// system refuses.
int PinToOneCpu();

}  // namespace assay::reports
