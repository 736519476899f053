// SPDX-License-Identifier: Apache-2.0
//
// softmax([0, x]) in f32 for every x <= 0: both shares, in both tiers, against the oracle's nearest floats.

#include <cmath>

#include "exhaustive.h"
#include "oracle/oracle.h"

namespace assay::exhaustive {
namespace {

constexpr std::uint32_t kMinusZero = 0x80000000;
constexpr std::uint32_t kMinusInfinity = 0xFF800000;

std::vector<oracle::Exact> ExactShares(float x) {
  const double logits[2] = {0, static_cast<double>(x)};
  oracle::Row row;
  row.logits = logits;
  return oracle::Softmax(row, oracle::Tier::kBulk);
}

struct Pair {
  std::uint32_t share[2];
  bool operator==(const Pair&) const = default;
};

// Both shares are monotone in x, and so are their nearest floats.
Pair NearestShares(std::uint32_t x) {
  const std::vector<oracle::Exact> exact = ExactShares(FloatOf(x));
  return {{BitsOf(static_cast<float>(exact[0].nearest)), BitsOf(static_cast<float>(exact[1].nearest))}};
}

}  // namespace

bool CheckPairs() {
  const std::vector<Ours> ours = EveryTargetAndTier();
  const auto body = [&](std::uint32_t first, std::uint32_t count, std::vector<Tally>& tally) {
    const auto want = NearestOfMonotone<Pair>(first, count, &NearestShares);
    std::vector<float> logits(2 * count);
    std::vector<float> probs(2 * count);
    for (std::uint32_t i = 0; i < count; ++i) logits[2 * i + 1] = FloatOf(first + i);
    const assay_row_args args = RowsOf(logits.data(), probs.data(), count, 2);
    for (std::size_t t = 0; t < ours.size(); ++t) {
      std::fill(probs.begin(), probs.end(), -1.0f);
      const assay_row_kernel& kernel = ours[t].table->softmax;
      if (kernel.run(&args) != ASSAY_OK) {
        tally[t].wrong += count;
        continue;
      }
      for (std::uint32_t i = 0; i < count; ++i) {
        for (std::size_t k = 0; k < 2; ++k) {
          const std::uint32_t got = BitsOf(probs[2 * i + k]);
          const bool right = Allows(kernel.claims[ASSAY_F32], got, want[i].share[k], [&] {
            return oracle::ErrUlp(static_cast<double>(FloatOf(got)), ExactShares(logits[2 * i + 1])[k]);
          });
          tally[t].See(right, Distance(got, want[i].share[k]), logits[2 * i + 1]);
        }
      }
    }
  };
  const auto tallies = ForAll("softmax([0, x]) for every f32 x <= 0", kMinusZero, kMinusInfinity, ours.size(), body);
  return Print(ours, tallies, "floats from the nearest at most");
}

}  // namespace assay::exhaustive
