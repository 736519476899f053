// SPDX-License-Identifier: Apache-2.0
//
// What is kept of a stream of errors in ULP: counts in fixed bins for quantiles and a fixed-point sum for the mean, so
// that statistics of parts merge to exactly the statistics of the whole, in any order.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace assay::reports {

class UlpStatistics {
 public:
  // A bin holds a sixteenth of an octave: its edges are 1, 17/16, 18/16 ... times a power of two, so a quantile is read
  // to within 1/16 of itself. Bin 0 holds everything below 2^kLowestOctave, 0 included.
  static constexpr int kBinsPerOctave = 16;
  static constexpr int kLowestOctave = -24;
  static constexpr int kHighestOctave = 160;  // 2^150 ULP is 1.0 in place of the smallest subnormal
  static constexpr std::size_t kBins = kBinsPerOctave * (kHighestOctave - kLowestOctave) + 1;

  // err_ulp is in [0, +inf]; +inf stands for a NaN or an infinity where a number belongs, or the reverse.
  void Add(double err_ulp, bool misrounded);
  void Merge(const UlpStatistics& other);

  std::uint64_t count() const { return count_; }
  std::uint64_t misrounded() const { return misrounded_; }
  std::uint64_t infinite() const { return infinite_; }
  double max() const { return max_; }
  // The smallest bin edge at or below which lie at least `share` of all errors, never above max(). 0 when empty.
  double Quantile(double share) const;
  // Mean of the errors in units of 2^-32 ULP, each error above 2^32 counted as 2^32; +inf where one is infinite.
  double Mean() const;
  // Number of finite errors in [2^octave, 2^(octave + 1)); everything below for kLowestOctave - 1.
  std::uint64_t InOctave(int octave) const;

  bool operator==(const UlpStatistics&) const = default;

 private:
  __extension__ using Sum = unsigned __int128;

  std::uint64_t count_ = 0;
  std::uint64_t misrounded_ = 0;
  std::uint64_t infinite_ = 0;
  double max_ = 0;
  Sum sum_ = 0;  // in units of 2^-32 ULP
  std::array<std::uint64_t, kBins> bins_ = {};
};

}  // namespace assay::reports
