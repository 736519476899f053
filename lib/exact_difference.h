// SPDX-License-Identifier: Apache-2.0
//
// (x - x0) / T + (b - b0) of doubles through an exact sum, however far the parts cancel and whatever their exponents.
// Slow; scaled_difference-inl.h has the lanes, and asks here where they would lose digits.

#pragma once

#include <cstdint>

#include "wide_pair.h"
#include "wide_sum.h"

namespace assay::internal {

// Relative error below bounds::kExactDifferenceRelative; 0 is exact. 0 < temperature < inf.
inline WidePair ExactDifference(double x, double x0, double b, double b0, double temperature) {
  const wide::Dyadic t = wide::DyadicOf(temperature);
  wide::ProductSum sum;  // times T
  sum.Add(wide::DyadicOf(x));
  sum.Add(wide::DyadicOf(-x0));
  sum.Add(wide::DyadicOf(b), t);
  sum.Add(wide::DyadicOf(-b0), t);
  const int sign = sum.Finish();
  if (sign == 0) return WidePair();
  // The leading 106 bits, cut.
  const int last = sum.BitLength() - 106;
  constexpr std::uint64_t k53Bits = (std::uint64_t{1} << 53) - 1;
  const double high = sign * static_cast<double>(sum.BitsFrom(last + 53) & k53Bits) * 0x1p53;
  const double low = sign * static_cast<double>(sum.BitsFrom(last) & k53Bits);
  const ScalarPair top = TwoSumScalar(high, low);
  return WidePair(top.hi, top.lo, last + wide::ProductSum::kUnitExponent) / WidePair(temperature);
}

}  // namespace assay::internal
