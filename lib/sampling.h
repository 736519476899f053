// SPDX-License-Identifier: Apache-2.0
//
// Which entries of a row top-k and top-p keep. Exposed for tests.

#pragma once

#include <cstddef>
#include <cstdint>

#include "logits_row.h"

namespace assay::internal {

// Order of the entries as integers: larger logits have larger keys, equal ones the same.
inline std::uint64_t KeyOf(std::int32_t dtype, double x) {
  x += 0.0;  // -0
  if (dtype == ASSAY_F64) {
    const auto bits = std::bit_cast<std::uint64_t>(x);
    return (bits >> 63) != 0 ? ~bits : bits | std::uint64_t{1} << 63;
  }
  const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(x));
  return (bits >> 31) != 0 ? ~bits : bits | std::uint32_t{1} << 31;
}

// Kept are the visible entries with a larger key, and of those with this key the first `ties`. As made: all.
struct Cut {
  std::uint64_t key = 0;
  std::uint64_t ties = ~std::uint64_t{0};
};

// How a nucleus was decided.
enum class Rung { kDouble, kPairs };

// The cut of a row with a visible entry and no visible NaN or +inf, whose largest is `max`; 0 <= p <= 1. `first` is the
// rung to begin with, `decided` (may be null) where it ended.
Cut Nucleus(const LogitsRow& row, double max, std::size_t k, double p, double temperature, Rung first = Rung::kDouble,
            Rung* decided = nullptr);

}  // namespace assay::internal
