// SPDX-License-Identifier: Apache-2.0
//
// Bins are cut out of the bit pattern of the double: exponent and four bits of the significand. No logarithm is taken,
// so the same errors fall into the same bins on every machine.

#include "reports/statistics.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace assay::reports {
namespace {

constexpr int kDoubleBias = 1023;
constexpr int kBinShift = 52 - 4;  // 4 bits of the significand: 16 bins an octave
constexpr std::uint64_t kLowestBits = static_cast<std::uint64_t>(kDoubleBias + UlpStatistics::kLowestOctave) << 52;

std::size_t BinOf(double err_ulp) {
  const auto bits = std::bit_cast<std::uint64_t>(err_ulp);
  if (bits < kLowestBits) return 0;
  return std::min<std::size_t>(((bits - kLowestBits) >> kBinShift) + 1, UlpStatistics::kBins - 1);
}

double UpperEdge(std::size_t bin) {
  return std::bit_cast<double>(kLowestBits + (static_cast<std::uint64_t>(bin) << kBinShift));
}

}  // namespace

void UlpStatistics::Add(double err_ulp, bool misrounded) {
  if (!(err_ulp >= 0))
    throw std::invalid_argument("UlpStatistics::Add: an error must be a number that is not negative");
  ++count_;
  misrounded_ += misrounded ? 1 : 0;
  max_ = std::max(max_, err_ulp);
  if (std::isinf(err_ulp)) {
    ++infinite_;
    return;
  }
  const double capped = std::min(err_ulp, 0x1p32);
  sum_ += static_cast<std::uint64_t>(std::min(capped * 0x1p32, 0x1.fffffffffffffp63) + 0.5);
  // -0.0 would have the largest bit pattern of all.
  ++bins_[BinOf(err_ulp + 0.0)];
}

void UlpStatistics::Merge(const UlpStatistics& other) {
  count_ += other.count_;
  misrounded_ += other.misrounded_;
  infinite_ += other.infinite_;
  max_ = std::max(max_, other.max_);
  sum_ += other.sum_;
  for (std::size_t i = 0; i < kBins; ++i) bins_[i] += other.bins_[i];
}

double UlpStatistics::Quantile(double share) const {
  if (count_ == 0) return 0;
  const auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_)));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < kBins; ++i) {
    seen += bins_[i];
    if (seen >= wanted) return std::min(UpperEdge(i), max_);
  }
  return std::numeric_limits<double>::infinity();
}

double UlpStatistics::Mean() const {
  if (count_ == 0) return 0;
  if (infinite_ > 0) return std::numeric_limits<double>::infinity();
  return static_cast<double>(sum_) * 0x1p-32 / static_cast<double>(count_);
}

std::uint64_t UlpStatistics::InOctave(int octave) const {
  if (octave < kLowestOctave) return bins_[0];
  if (octave >= kHighestOctave) return 0;
  const std::size_t first = static_cast<std::size_t>(octave - kLowestOctave) * kBinsPerOctave + 1;
  std::uint64_t sum = 0;
  for (std::size_t i = first; i < first + kBinsPerOctave; ++i) sum += bins_[i];
  return sum;
}

}  // namespace assay::reports
