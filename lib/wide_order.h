// SPDX-License-Identifier: Apache-2.0
//
// An exponential against a sum of exponentials, in fixed point: which is larger, and whether that is certain.

#pragma once

#include <cstddef>
#include <cstdint>

#include "wide_sum.h"

namespace assay::internal::wide {

struct Order {
  int sign;      // -1, 0, +1
  bool certain;  // else: to be repeated with more words
};

// `sum` has e.words words; it is at least 1, of at most `count` terms, each an Exponential below or equal to 1 shifted
// into place, or left out because it is below a unit.

// Of e - midpoint * sum.
Order OrderOfShare(const Exponential& e, const Dyadic& midpoint, const std::uint64_t* sum, std::size_t count);
// Of 1 / e - sum, e.exponent <= 65.
Order OrderOfInverse(const Exponential& e, const std::uint64_t* sum, std::size_t count);

}  // namespace assay::internal::wide
