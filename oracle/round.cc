// SPDX-License-Identifier: Apache-2.0

#include "oracle/round.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace assay::oracle {
namespace {

__extension__ typedef unsigned __int128 Uint128;
__extension__ typedef __int128 Int128;

constexpr std::uint64_t kTopBit = std::uint64_t{1} << 63;
constexpr int kMinUlpExponent = -149;
constexpr int kFloatBits = 24;
// Values are counted in units of 2^-64 ulp: 24 + 64 bits, and one more for a power of two above its binade.
constexpr int kFractionBits = 64;
constexpr Uint128 kOne = Uint128{1} << kFractionBits;
constexpr Uint128 kHalf = kOne / 2;

Uint128 Significand(const Dyadic& x) { return (Uint128{x.high} << 64) | x.low; }

bool IsZero(const Dyadic& x) { return x.high == 0; }

// floor(log2 x), x > 0.
std::int64_t Binade(const Dyadic& x) { return x.exponent + 127; }

// log2 of the f32 ulp of a value in [2^binade, 2^(binade + 1)).
std::int64_t UlpExponent(std::int64_t binade) {
  return std::max<std::int64_t>(binade - (kFloatBits - 1), kMinUlpExponent);
}

// x / (2^-64 ulp), rounded down or up to an integer. The ulp is at least that of x's binade or the one below.
Uint128 InUnits(const Dyadic& x, std::int64_t ulp_exponent, bool up) {
  if (IsZero(x)) return 0;
  const std::int64_t shift = ulp_exponent - kFractionBits - x.exponent;
  if (shift >= 128) return up ? 1 : 0;
  const Uint128 m = Significand(x);
  const Uint128 units = m >> shift;
  return up && (units << shift) != m ? units + 1 : units;
}

}  // namespace

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

std::optional<Exact> RoundEnclosure(const Interval& value) {
  const auto& [lo, hi] = value;
  if (Less(hi, lo)) throw std::logic_error("oracle: empty enclosure");
  const bool point = lo == hi;

  std::int64_t ulp_exponent = kMinUlpExponent;
  if (!IsZero(hi)) {
    const bool below_power_of_two = !point && Significand(hi) == Significand(PowerOfTwo(0));
    ulp_exponent = UlpExponent(Binade(hi) - (below_power_of_two ? 1 : 0));
    const std::int64_t least = IsZero(lo) ? kMinUlpExponent : UlpExponent(Binade(lo));
    if (least != ulp_exponent) return std::nullopt;
  }

  const Uint128 q_lo = InUnits(lo, ulp_exponent, /*up=*/false);
  const Uint128 q_hi = InUnits(hi, ulp_exponent, /*up=*/true);
  const Uint128 width = q_hi - q_lo;
  if (width > kOne >> -kMaxWidthLog2) return std::nullopt;

  // The candidate: q_lo rounded half up, which is right for a value strictly above q_lo, and for a point except at a
  // tie whose upper neighbour is odd.
  Uint128 n = (q_lo + kHalf) >> kFractionBits;
  const bool on_tie = width == 0 && ((q_lo + kHalf) & (kOne - 1)) == 0;
  if (on_tie && (n & 1) != 0) --n;
  const Uint128 n_units = n << kFractionBits;
  if (q_hi > n_units + kHalf) return std::nullopt;

  if (ulp_exponent > 104 || (ulp_exponent == 104 && n == Uint128{1} << kFloatBits)) {
    return Exact{std::numeric_limits<double>::infinity(), 0x1p104, 0, 0};
  }
  Exact exact;
  exact.ulp = std::bit_cast<double>(static_cast<std::uint64_t>(ulp_exponent + 1023) << 52);
  exact.nearest = static_cast<double>(static_cast<std::uint64_t>(n)) * exact.ulp;
  // The middle of the enclosure; to double it rounds by at most 2^-53 of itself, which the width takes in.
  const Int128 twice_rest = static_cast<Int128>(q_lo + q_hi) - static_cast<Int128>(2 * n_units);
  exact.remainder_ulp = static_cast<double>(twice_rest) * 0x1p-65;
  exact.width_ulp = static_cast<double>(width) * 0x1p-64 + std::fabs(exact.remainder_ulp) * 0x1p-52;
  if (width == 0 && (exact.remainder_ulp == 0 || on_tie)) exact.width_ulp = 0;
  return exact;
}

}  // namespace assay::oracle
