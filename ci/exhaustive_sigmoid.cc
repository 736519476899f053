// SPDX-License-Identifier: Apache-2.0
//
// sigmoid of every f32, NaN and the infinities included, in both tiers, against the oracle's nearest floats.

#include <cmath>

#include "exhaustive.h"
#include "oracle/oracle.h"

namespace assay::exhaustive {
namespace {

constexpr std::uint32_t kCanonicalNaN = 0x7FC00000;

oracle::Exact ExactSigmoid(float x) {
  const double logits[1] = {static_cast<double>(x)};
  oracle::Row row;
  row.logits = logits;
  return oracle::Sigmoid(row, oracle::Tier::kBulk).front();
}

// Monotone among the numbers of one sign; a batch has no two signs, and NaNs only behind the infinity.
std::uint32_t NearestSigmoid(std::uint32_t x) {
  const double nearest = ExactSigmoid(FloatOf(x)).nearest;
  return std::isnan(nearest) ? kCanonicalNaN : BitsOf(static_cast<float>(nearest));
}

}  // namespace

bool CheckSigmoid() {
  const std::vector<Ours> ours = EveryTargetAndTier();
  const auto body = [&](std::uint32_t first, std::uint32_t count, std::vector<Tally>& tally) {
    const auto want = NearestOfMonotone<std::uint32_t>(first, count, &NearestSigmoid);
    std::vector<float> logits(count);
    std::vector<float> probs(count);
    for (std::uint32_t i = 0; i < count; ++i) logits[i] = FloatOf(first + i);
    const assay_row_args args = RowsOf(logits.data(), probs.data(), 1, count);
    for (std::size_t t = 0; t < ours.size(); ++t) {
      std::fill(probs.begin(), probs.end(), -1.0f);
      const assay_row_kernel& kernel = ours[t].table->sigmoid;
      if (kernel.run(&args) != ASSAY_OK) {
        tally[t].wrong += count;
        continue;
      }
      for (std::uint32_t i = 0; i < count; ++i) {
        const std::uint32_t got = BitsOf(probs[i]);
        const bool right = Allows(kernel.claims[ASSAY_F32], got, want[i], [&] {
          return oracle::ErrUlp(static_cast<double>(probs[i]), ExactSigmoid(logits[i]));
        });
        tally[t].See(right && (want[i] != kCanonicalNaN || got == kCanonicalNaN), Distance(got, want[i]), logits[i]);
      }
    }
  };
  const auto tallies = ForAll("sigmoid(x) for every f32 x", 0, 0xFFFFFFFF, ours.size(), body);
  return Print(ours, tallies, "floats from the nearest at most");
}

}  // namespace assay::exhaustive
