// SPDX-License-Identifier: Apache-2.0

#include "oracle/round.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

namespace assay::oracle {
namespace {

__extension__ typedef unsigned __int128 Uint128;
__extension__ typedef __int128 Int128;

constexpr std::uint64_t kTopBit = std::uint64_t{1} << 63;
// Values are counted in units of 2^-64 ulp: 53 + 64 bits at most, and one more for a power of two above its binade.
constexpr int kFractionBits = 64;
constexpr Uint128 kOne = Uint128{1} << kFractionBits;
constexpr Uint128 kHalf = kOne / 2;

Uint128 Significand(const Dyadic& x) { return (Uint128{x.high} << 64) | x.low; }

bool IsZero(const Dyadic& x) { return x.high == 0; }

// floor(log2 x), x > 0.
std::int64_t Binade(const Dyadic& x) { return x.exponent + 127; }

// log2 of the ulp of a value in [2^binade, 2^(binade + 1)).
std::int64_t UlpLog2(std::int64_t binade, const FormatShape& shape) {
  return std::max<std::int64_t>(binade - (shape.precision - 1), shape.min_ulp_log2);
}

// x / (2^-64 ulp), rounded down or up to an integer. The ulp is at least that of x's binade or the one below, so that
// the shift is at least 127 - 64 - 53.
Uint128 InUnits(const Dyadic& x, std::int64_t ulp_log2, bool up) {
  if (IsZero(x)) return 0;
  const std::int64_t shift = ulp_log2 - kFractionBits - x.exponent;
  if (shift >= 128) return up ? 1 : 0;
  const Uint128 m = Significand(x);
  const Uint128 units = m >> shift;
  return up && (units << shift) != m ? units + 1 : units;
}

// 2^e for any e of a double, subnormal ones included.
double PowerOfTwoDouble(std::int64_t e) {
  return std::bit_cast<double>(e >= -1022 ? static_cast<std::uint64_t>(e + 1023) << 52
                                          : std::uint64_t{1} << (e + 1074));
}

double Signed(double magnitude, bool negative) { return magnitude == 0 ? 0 : negative ? -magnitude : magnitude; }

std::optional<Exact> Round(const Interval& magnitude, bool negative, Format format, bool any_candidate) {
  const auto& [lo, hi] = magnitude;
  if (Less(hi, lo)) throw std::logic_error("oracle: empty enclosure");
  const FormatShape shape = ShapeOf(format);
  const std::int64_t max_ulp_log2 = shape.max_binade - (shape.precision - 1);
  // (2^(p + 1) - 1) half ulps: the tie between the largest finite number and the next, which is the even one.
  const Dyadic overflow = {~std::uint64_t{0} << (63 - shape.precision), 0, shape.max_binade - 127};
  if (!Less(lo, overflow)) {
    return Exact{Signed(std::numeric_limits<double>::infinity(), negative), PowerOfTwoDouble(max_ulp_log2), 0, 0};
  }

  const bool point = lo == hi;
  bool certain = true;
  std::int64_t ulp_log2 = shape.min_ulp_log2;
  if (!IsZero(hi)) {
    const bool below_power_of_two = !point && Significand(hi) == Significand(PowerOfTwo(0));
    ulp_log2 = UlpLog2(Binade(hi) - (below_power_of_two ? 1 : 0), shape);
    const std::int64_t least = IsZero(lo) ? shape.min_ulp_log2 : UlpLog2(Binade(lo), shape);
    certain = least == ulp_log2;
    if (!certain && !any_candidate) return std::nullopt;
  }
  // `lo` is below the overflow, so that an upper end beyond the next power of two is too wide.
  if (!IsZero(hi) && Binade(hi) > shape.max_binade + 1) return std::nullopt;
  ulp_log2 = std::min(ulp_log2, max_ulp_log2);

  const Uint128 q_lo = InUnits(lo, ulp_log2, /*up=*/false);
  const Uint128 q_hi = InUnits(hi, ulp_log2, /*up=*/true);
  const Uint128 width = q_hi - q_lo;
  if (width > kOne >> -kMaxWidthLog2) return std::nullopt;

  // The candidate: q_lo rounded half up, which is right for a value strictly above q_lo, and for a point except at a
  // tie whose upper neighbour is odd.
  Uint128 n = (q_lo + kHalf) >> kFractionBits;
  const bool on_tie = width == 0 && ((q_lo + kHalf) & (kOne - 1)) == 0;
  if (on_tie && (n & 1) != 0) --n;
  const Uint128 n_units = n << kFractionBits;
  if (q_hi > n_units + kHalf) {
    certain = false;
    if (!any_candidate) return std::nullopt;
  }

  Exact exact;
  exact.certain = certain;
  exact.ulp = PowerOfTwoDouble(ulp_log2);
  exact.nearest = Signed(static_cast<double>(static_cast<std::uint64_t>(n)) * exact.ulp, negative);
  // The middle of the enclosure; to double it rounds by at most 2^-53 of itself, which the width takes in.
  const Int128 twice_rest = static_cast<Int128>(q_lo + q_hi) - static_cast<Int128>(2 * n_units);
  exact.remainder_ulp = Signed(static_cast<double>(twice_rest) * 0x1p-65, negative);
  exact.width_ulp = static_cast<double>(width) * 0x1p-64 + std::fabs(exact.remainder_ulp) * 0x1p-52;
  if (width == 0 && (exact.remainder_ulp == 0 || on_tie)) exact.width_ulp = 0;
  return exact;
}

}  // namespace

FormatShape ShapeOf(Format format) {
  switch (format) {
    case Format::kF32:
      return {24, -149, 127};
    case Format::kF64:
      return {53, -1074, 1023};
    case Format::kF16:
      return {11, -24, 15};
    case Format::kBF16:
      return {8, -133, 127};
  }
  throw std::invalid_argument("oracle: no such format: " + std::to_string(static_cast<int>(format)));
}

bool Less(const Dyadic& a, const Dyadic& b) {
  if (IsZero(a) || IsZero(b)) return IsZero(a) && !IsZero(b);
  if (a.exponent != b.exponent) return a.exponent < b.exponent;
  return Significand(a) < Significand(b);
}

Dyadic PowerOfTwo(std::int64_t e) { return {kTopBit, 0, e - 127}; }

Interval Reciprocal(std::uint64_t k) {
  if (k == 0) throw std::invalid_argument("oracle: reciprocal of 0");
  // Long division of 2^bits by k, bits = ceil(log2 k) + 127, which leaves a quotient of exactly 128 bits.
  const int bits = static_cast<int>(std::bit_width(k - 1)) + 127;
  Uint128 quotient = 0;
  Uint128 rest = 1;
  for (int i = 0; i <= bits; ++i) {
    if (i > 0) rest <<= 1;
    quotient <<= 1;
    if (rest >= k) {
      rest -= k;
      quotient |= 1;
    }
  }
  const auto dyadic = [bits](Uint128 m) {
    return Dyadic{static_cast<std::uint64_t>(m >> 64), static_cast<std::uint64_t>(m), -bits};
  };
  // Where k is no power of two the quotient is below 2^128 - 1, so that the upper end keeps 128 bits.
  return {dyadic(quotient), dyadic(rest == 0 ? quotient : quotient + 1)};
}

std::optional<Exact> RoundEnclosure(const Interval& magnitude, bool negative, Format format) {
  return Round(magnitude, negative, format, /*any_candidate=*/false);
}

std::optional<Exact> RoundUncertain(const Interval& magnitude, bool negative, Format format) {
  return Round(magnitude, negative, format, /*any_candidate=*/true);
}

std::optional<Exact> RoundAroundZero(const Dyadic& largest_magnitude, Format format) {
  const std::int64_t min_ulp_log2 = ShapeOf(format).min_ulp_log2;
  if (!Less(largest_magnitude, PowerOfTwo(min_ulp_log2 + kMaxWidthLog2))) return std::nullopt;
  Exact exact;
  exact.ulp = PowerOfTwoDouble(min_ulp_log2);
  if (!IsZero(largest_magnitude)) {
    // From -largest to +largest, with largest < 2^(Binade + 1).
    exact.width_ulp =
        std::ldexp(1.0, static_cast<int>(std::max<std::int64_t>(Binade(largest_magnitude) + 2 - min_ulp_log2, -1000)));
  }
  return exact;
}

}  // namespace assay::oracle
