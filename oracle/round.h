// SPDX-License-Identifier: Apache-2.0
//
// The last step of both tiers, and the only one they share: from an enclosure of a value to its nearest number of a
// format, its ulp and its remainder. Integers only, so that it depends on neither MPFR nor Arb.

#pragma once

#include <cstdint>
#include <optional>

#include "oracle/oracle.h"

namespace assay::oracle {

// The nonnegative number (high * 2^64 + low) * 2^exponent; the top bit of `high` is set, or all three are zero.
struct Dyadic {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  std::int64_t exponent = 0;

  bool operator==(const Dyadic&) const = default;
};

bool Less(const Dyadic& a, const Dyadic& b);

// 2^e.
Dyadic PowerOfTwo(std::int64_t e);

// What is known of the magnitude of a value: equal to lo where lo == hi, otherwise *strictly* between lo and hi.
//
// Strictly, because every value a tier rounds is transcendental (README.md) and so equals no dyadic number. This is
// what decides 1 - exp(-1e38): it lies in (1 - tiny, 1), below 1 and therefore in the binade of the smaller ulp.
//
// 128 bits are enough at every precision of the ladders: an enclosure of more bits, rounded outwards to 128, crosses
// no number of a format, midpoint or power of two that it did not cross before, because those have at most 54 bits.
struct Interval {
  Dyadic lo;
  Dyadic hi;
};

// 1/k, k > 0: one point where k is a power of two, else 128 bits rounded down and up. Wide enough for any k: 1/k is
// at least 2^-54 / k (relative) away from every other number of 54 bits.
Interval Reciprocal(std::uint64_t k);

// The widest enclosure accepted, over ulp. It leaves half of the documented 2^-40 to the rounding of remainder_ulp.
inline constexpr int kMaxWidthLog2 = -41;

// Precision (bits, the hidden one included), log2 of the smallest subnormal and of the largest binade of a format.
struct FormatShape {
  int precision;
  int min_ulp_log2;
  int max_binade;
};
FormatShape ShapeOf(Format format);

// The result for a value of that sign (nearest and remainder negated for a negative one; a zero result is always +0).
// nullopt where the interval holds two candidates for the nearest number or the ulp, or is wider than 2^kMaxWidthLog2
// ulp. Total: beyond half an ulp above the largest finite number, nearest = +-inf and remainder 0. Throws
// std::logic_error where lo > hi.
std::optional<Exact> RoundEnclosure(const Interval& magnitude, bool negative, Format format);

// For rational results, at the precision cap: as above, but an interval of two candidates gives either, with
// `certain` false. Still nullopt where the interval is too wide.
std::optional<Exact> RoundUncertain(const Interval& magnitude, bool negative, Format format);

// An enclosure that contains 0: nearest is +0, remainder 0, `certain`, if both ends are closer than 2^kMaxWidthLog2
// times the smallest subnormal; nullopt otherwise.
std::optional<Exact> RoundAroundZero(const Dyadic& largest_magnitude, Format format);

}  // namespace assay::oracle
