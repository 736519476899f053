// SPDX-License-Identifier: Apache-2.0
//
// The last step of the exact tier: which side of a midpoint a share lies on, in fixed-point integers of growing
// width. Double-double leaves in doubt only rows that somebody tuned (each small entry moves the sum by a chosen
// amount); for those this takes microseconds an entry. Integers: the same on every target, in every order of the row.

#pragma once

#include <cstddef>
#include <cstdint>

namespace assay::internal {

class WideRow {
 public:
  // 64-bit words of the narrowest and widest numbers; one holds the integer part, about 100 bits take up the errors.
  static constexpr int kFirstWords = 6;
  static constexpr int kMaxWords = 66;

  // A row with a visible entry, all visible ones finite; 2^-300 <= temperature <= 2^200.
  WideRow(const float* logits, const std::uint8_t* mask, std::size_t n, float max, double temperature)
      : logits_(logits), mask_(mask), n_(n), max_(max), temperature_(temperature) {}

  // Whether exp((x - max) / T) / sum > midpoint > 0. Certain unless the two agree to 4000 bits below 1; then the wider
  // numbers' own order, the same for every target and order of the row. Reads the row where a wider sum is needed:
  // while it is still whole, ask about every x that will be asked about later.
  bool Above(float x, double midpoint);

 private:
  void Sum();

  const float* logits_;
  const std::uint8_t* mask_;
  std::size_t n_;
  float max_;
  double temperature_;
  int words_ = 0;  // of sum_; 0: not yet computed
  std::uint64_t sum_[kMaxWords];
};

}  // namespace assay::internal
