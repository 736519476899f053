// SPDX-License-Identifier: Apache-2.0
//
// The exhaustive part of the nightly run, on every target of this machine: functions of one number, for every value
// that it can have.
//
//   assay_exhaustive [--every N] [exp | pairs | sigmoid | halves]...
//
// --every  only each N-th batch of 2^14 values, to try things out
// Exit codes: 0 everything holds · 1 something does not · 2 usage

#include "exhaustive.h"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <string_view>
#include <thread>

namespace assay::exhaustive {

std::vector<Ours> EveryTargetAndTier() {
  std::vector<Ours> all;
  for (const assay_tier tier : {ASSAY_TIER_EXACT, ASSAY_TIER_FAST}) {
    for (std::size_t i = 0; i < assay_num_targets(); ++i) {
      all.push_back({fmt::format("{} {}", assay_target_name(i), tier == ASSAY_TIER_EXACT ? "exact" : "fast"),
                     assay_target_subject(i, tier)});
    }
  }
  return all;
}

std::vector<Tally> ForAll(const char* what, std::uint32_t begin, std::uint32_t end, std::size_t judged,
                          const Body& body) {
  constexpr std::uint32_t kBatch = 1 << 14;
  const auto start = std::chrono::steady_clock::now();
  const std::uint64_t total = static_cast<std::uint64_t>(end) - begin + 1;
  const std::uint64_t step = kBatch * every;
  std::atomic<std::uint64_t> next = 0;
  std::atomic<std::uint64_t> seen = 0;
  std::mutex mutex;
  std::vector<Tally> sum(judged);
  const auto work = [&] {
    std::vector<Tally> own(judged);
    for (std::uint64_t at = next.fetch_add(step); at < total; at = next.fetch_add(step)) {
      const auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(kBatch, total - at));
      body(static_cast<std::uint32_t>(begin + at), count, own);
      seen += count;
      if (::isatty(STDERR_FILENO) != 0 && (at / step) % 512 == 0) {
        fmt::print(stderr, "\r{}: {:.1f} %", what, 100.0 * static_cast<double>(at) / static_cast<double>(total));
      }
    }
    const std::lock_guard lock(mutex);
    for (std::size_t t = 0; t < judged; ++t) {
      sum[t].wrong += own[t].wrong;
      sum[t].See(true, own[t].worst, own[t].worst_x);
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < std::max(1u, std::thread::hardware_concurrency()); ++i) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  fmt::print(stderr, "{}", ::isatty(STDERR_FILENO) != 0 ? "\r" : "");
  fmt::print("{}: {} values, {:.0f} s\n", what, seen.load(), seconds);
  return sum;
}

bool Print(const std::vector<Ours>& ours, const std::vector<Tally>& tallies, const char* measure) {
  bool good = true;
  for (std::size_t t = 0; t < tallies.size(); ++t) {
    const Tally& tally = tallies[t];
    fmt::print("  {:14} wrong: {}; {}: {:.3g}", ours[t].name, tally.wrong, measure, tally.worst);
    fmt::print("{}\n", tally.worst > 0 ? fmt::format(" at x = {:a}", tally.worst_x) : "");
    good = good && tally.wrong == 0;
  }
  std::fflush(stdout);
  return good;
}

}  // namespace assay::exhaustive

int main(int argc, char** argv) {
  using namespace assay::exhaustive;  // NOLINT: the main program of this namespace
  struct Part {
    std::string_view name;
    bool (*check)();
    bool chosen;
  };
  Part parts[] = {{"exp", &CheckExp, false},
                  {"pairs", &CheckPairs, false},
                  {"sigmoid", &CheckSigmoid, false},
                  {"halves", &CheckHalves, false}};
  bool all = true;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const auto part = std::find_if(std::begin(parts), std::end(parts), [&](const Part& p) { return p.name == word; });
    if (part != std::end(parts)) {
      part->chosen = true;
      all = false;
    } else if (word == "--every" && i + 1 < argc && std::atoi(argv[i + 1]) > 0) {
      every = static_cast<std::uint64_t>(std::atoi(argv[++i]));
    } else {
      fmt::print(stderr, "usage: assay_exhaustive [--every N] [exp | pairs | sigmoid | halves]...\n");
      return 2;
    }
  }
  bool good = true;
  for (const Part& part : parts) {
    if (all || part.chosen) good = part.check() && good;
  }
  return good ? 0 : 1;
}
