// SPDX-License-Identifier: Apache-2.0
//
// The exhaustive part of the nightly run, on every target of this machine: the internal exponential against its bound
// for every f32 in [-104, 0], and softmax([0, x]) against the oracle's nearest floats for every f32 x <= 0.
//
//   assay_exhaustive [exp | pairs]
//
// Exit codes: 0 everything holds · 1 something does not · 2 usage

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <string_view>
#include <thread>
#include <vector>

#include "assay/assay.h"
#include "error_bounds.h"
#include "oracle/oracle.h"
#include "rows.h"

namespace assay {
namespace {

constexpr std::uint32_t kMinusZero = 0x80000000;
constexpr std::uint32_t kMinus104 = 0xC2D00000;
constexpr std::uint32_t kMinusInfinity = 0xFF800000;
constexpr std::uint32_t kBatch = 1 << 14;

float FloatOf(std::uint32_t bits) { return std::bit_cast<float>(bits); }

// What one target did over a whole pass.
struct Tally {
  std::uint64_t wrong = 0;
  double worst = 0;  // relative error
  float worst_x = 0;
};

// Calls body(first, count, tallies) for batches that cover [begin, end], on all cores; sums what they tally.
template <class Body>
std::vector<Tally> ForAll(const char* what, std::uint32_t begin, std::uint32_t end, Body body) {
  const std::size_t targets = assay_num_targets();
  const auto start = std::chrono::steady_clock::now();
  const std::uint64_t total = static_cast<std::uint64_t>(end) - begin + 1;
  std::atomic<std::uint64_t> next = 0;
  std::mutex mutex;
  std::vector<Tally> sum(targets);
  const auto work = [&] {
    std::vector<Tally> own(targets);
    for (std::uint64_t at = next.fetch_add(kBatch); at < total; at = next.fetch_add(kBatch)) {
      body(static_cast<std::uint32_t>(begin + at), std::min<std::uint64_t>(kBatch, total - at), own);
      if (::isatty(STDERR_FILENO) != 0 && (at / kBatch) % 512 == 0) {
        fmt::print(stderr, "\r{}: {:.1f} %", what, 100.0 * static_cast<double>(at) / static_cast<double>(total));
      }
    }
    const std::lock_guard lock(mutex);
    for (std::size_t t = 0; t < targets; ++t) {
      sum[t].wrong += own[t].wrong;
      if (own[t].worst > sum[t].worst) {
        sum[t].worst = own[t].worst;
        sum[t].worst_x = own[t].worst_x;
      }
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < std::max(1u, std::thread::hardware_concurrency()); ++i) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  fmt::print(stderr, "\r");
  fmt::print("{}: {} values of x, {} targets, {:.0f} s\n", what, total, targets, seconds);
  return sum;
}

// Relative error of got against exp(x), or a bound on it. Where -2^-54 < x <= 0, exp(x) lies in (1 - 2^-54, 1], so
// that 1 and the double below it are within 2^-53 of it: no arithmetic needed.
double ExpError(double x, double got) {
  if (x > -0x1p-54 && (got == 1 || got == 1 - 0x1p-53)) return x == 0 && got == 1 ? 0 : 0x1p-53;
  return oracle::ExpRelativeError(x, got);
}

bool CheckExp() {
  const auto tallies = ForAll("exp over every f32 in [-104, 0]", kMinusZero, kMinus104,
                              [](std::uint32_t first, std::uint64_t count, std::vector<Tally>& tally) {
                                std::vector<double> x(count);
                                for (std::uint64_t i = 0; i < count; ++i)
                                  x[i] = FloatOf(first + static_cast<std::uint32_t>(i));
                                std::vector<std::vector<double>> got(tally.size(), std::vector<double>(count));
                                for (std::size_t t = 0; t < tally.size(); ++t)
                                  internal::ExpForTest(t, x.data(), got[t].data(), count);
                                for (std::uint64_t i = 0; i < count; ++i) {
                                  double error = 0;
                                  for (std::size_t t = 0; t < tally.size(); ++t) {
                                    if (t == 0 || got[t][i] != got[t - 1][i]) error = ExpError(x[i], got[t][i]);
                                    tally[t].wrong += !(error <= bounds::kExpRelative);
                                    if (!(error <= tally[t].worst)) {
                                      tally[t].worst = error;
                                      tally[t].worst_x = FloatOf(first + static_cast<std::uint32_t>(i));
                                    }
                                  }
                                }
                              });
  bool good = true;
  for (std::size_t t = 0; t < tallies.size(); ++t) {
    fmt::print("  {:8} worst relative error {:.3f} u (u = 2^-53) at x = {:a}; bound {:.3f} u, exceeded {} times\n",
               assay_target_name(t), tallies[t].worst / bounds::kU, tallies[t].worst_x,
               bounds::kExpRelative / bounds::kU, tallies[t].wrong);
    good = good && tallies[t].wrong == 0;
  }
  return good;
}

struct Pair {
  float max_share;
  float x_share;
  bool operator==(const Pair&) const = default;
};

Pair NearestShares(float x) {
  const double logits[2] = {0, static_cast<double>(x)};
  oracle::Row row;
  row.logits = logits;
  const std::vector<oracle::Exact> exact = oracle::Softmax(row, oracle::Tier::kBulk);
  return {static_cast<float>(exact[0].nearest), static_cast<float>(exact[1].nearest)};
}

// Nearest shares for the floats first + [low, high], whose ends are known. Both shares are monotone in x, and so are
// their nearest floats: equal ends mean equal all between.
void FillBetween(std::uint32_t first, std::size_t low, std::size_t high, std::vector<Pair>& want) {
  if (high - low < 2) return;
  if (want[low] == want[high]) {
    std::fill(want.begin() + static_cast<std::ptrdiff_t>(low), want.begin() + static_cast<std::ptrdiff_t>(high),
              want[low]);
    return;
  }
  const std::size_t middle = low + (high - low) / 2;
  want[middle] = NearestShares(FloatOf(first + static_cast<std::uint32_t>(middle)));
  FillBetween(first, low, middle, want);
  FillBetween(first, middle, high, want);
}

bool CheckPairs() {
  const auto tallies = ForAll("softmax([0, x]) for every f32 x <= 0", kMinusZero, kMinusInfinity,
                              [](std::uint32_t first, std::uint64_t count, std::vector<Tally>& tally) {
                                std::vector<Pair> want(count);
                                want.front() = NearestShares(FloatOf(first));
                                want.back() = NearestShares(FloatOf(first + static_cast<std::uint32_t>(count - 1)));
                                FillBetween(first, 0, count - 1, want);
                                std::vector<float> logits(2 * count), probs(2 * count);
                                for (std::uint64_t i = 0; i < count; ++i)
                                  logits[2 * i + 1] = FloatOf(first + static_cast<std::uint32_t>(i));
                                assay_row_args args{};
                                args.struct_size = sizeof(args);
                                args.logits = {logits.data(), 2, 1};
                                args.out = {probs.data(), 2, 1};
                                args.rows = count;
                                args.cols = 2;
                                args.temperature = 1;
                                for (std::size_t t = 0; t < tally.size(); ++t) {
                                  std::fill(probs.begin(), probs.end(), -1.0f);
                                  if (assay_target_subject(t)->softmax.run(&args) != ASSAY_OK) tally[t].wrong += count;
                                  for (std::uint64_t i = 0; i < count; ++i) {
                                    if (std::memcmp(&probs[2 * i], &want[i], sizeof(Pair)) == 0) continue;
                                    ++tally[t].wrong;
                                    tally[t].worst_x = logits[2 * i + 1];
                                    tally[t].worst = 1;
                                  }
                                }
                              });
  bool good = true;
  for (std::size_t t = 0; t < tallies.size(); ++t) {
    fmt::print("  {:8} misrounded: {}\n", assay_target_name(t), tallies[t].wrong);
    if (tallies[t].wrong > 0) fmt::print("           for example x = {:a}\n", tallies[t].worst_x);
    good = good && tallies[t].wrong == 0;
  }
  return good;
}

}  // namespace
}  // namespace assay

int main(int argc, char** argv) {
  const std::string_view part = argc > 1 ? argv[1] : "";
  if (argc > 2 || (argc == 2 && part != "exp" && part != "pairs")) {
    fmt::print(stderr, "usage: assay_exhaustive [exp | pairs]\n");
    return 2;
  }
  bool good = true;
  if (part != "pairs") good = assay::CheckExp() && good;
  std::fflush(stdout);
  if (part != "exp") good = assay::CheckPairs() && good;
  return good ? 0 : 1;
}
