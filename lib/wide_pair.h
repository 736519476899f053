// SPDX-License-Identifier: Apache-2.0
//
// A double-double with an exponent of its own, for scalars whose parts leave the range of double on the way to a result
// that does not, for results that are subnormal, and for the one rounding at the end. Slow.
// FP: round-to-nearest, -ffp-contract=off.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "number.h"
#include "scalar_exp.h"

namespace assay::internal {

// v 2^e; 0, or 0.5 <= |v.hi| <= 1.
struct WidePair {
  ScalarPair v = {0, 0};
  std::int64_t e = 0;

  WidePair() = default;
  // hi + lo, |lo| <= ulp(hi) / 2, finite, times 2^exponent.
  explicit WidePair(double hi, double lo = 0, std::int64_t exponent = 0) {
    int shift = 0;
    v.hi = std::frexp(hi, &shift);
    v.lo = std::ldexp(lo, -shift);
    e = hi == 0 ? 0 : exponent + shift;
  }
  explicit WidePair(ScalarPair value, std::int64_t exponent) : WidePair(value.hi, value.lo, exponent) {}

  bool IsZero() const { return v.hi == 0; }
  // As far as double's range goes: 0, subnormal or infinite beyond it. For one rounding there too: RoundWide.
  ScalarPair ToPair() const {
    const auto shift = static_cast<int>(std::clamp<std::int64_t>(e, -4000, 4000));
    return {std::ldexp(v.hi, shift), std::ldexp(v.lo, shift)};
  }
};

inline WidePair operator-(WidePair a) { return WidePair(-a.v.hi, -a.v.lo, a.e); }

// Relative error below 2^-100.
inline WidePair operator*(WidePair a, WidePair b) {
  const ScalarPair product = MultiplyScalar(a.v, b.v);
  return WidePair(product.hi, product.lo, a.e + b.e);
}

// Relative error of the sum below 2^-100, and 2^-1000 of the larger one: what is smaller than that is left out.
inline WidePair operator+(WidePair a, WidePair b) {
  if (a.IsZero()) return b;
  if (b.IsZero()) return a;
  if (a.e < b.e) std::swap(a, b);
  const int shift = static_cast<int>(std::max<std::int64_t>(b.e - a.e, -2000));
  const ScalarPair sum = Add(a.v, {std::ldexp(b.v.hi, shift), std::ldexp(b.v.lo, shift)});
  return WidePair(sum.hi, sum.lo, a.e);
}

inline WidePair operator-(WidePair a, WidePair b) { return a + -b; }

// a / b for b != 0, relative error below 2^-100.
inline WidePair operator/(WidePair a, WidePair b) {
  const double hi = a.v.hi / b.v.hi;
  const double rest = std::fma(-hi, b.v.hi, a.v.hi) + (a.v.lo - hi * b.v.lo);
  const double lo = rest / b.v.hi;
  const double sum = hi + lo;
  return WidePair(sum, lo - (sum - hi), a.e - b.e);
}

// The number of the type nearest to a, ties to even, as a double: one rounding, subnormal results included.
inline double RoundWide(std::int32_t dtype, WidePair a) {
  if (a.IsZero()) return 0;
  int shift = 0;
  (void)std::frexp(a.v.hi, &shift);
  const std::int64_t lowest = std::max<std::int64_t>(a.e + shift - 1, MinExponentOf(dtype)) - PrecisionOf(dtype) + 1;
  if (lowest > 1024) return std::copysign(HUGE_VAL, a.v.hi);
  if (a.e < lowest - 2) return 0;
  // In units of the last place: whole numbers are those of the type.
  const int places = static_cast<int>(a.e - lowest);
  const double hi = std::ldexp(a.v.hi, places);
  double whole = std::nearbyint(hi);
  // A midpoint but for lo; anywhere else lo, at most half the last bit of hi, is too short to reach one.
  if (std::fabs(hi - whole) == 0.5 && a.v.lo != 0) whole = hi + std::copysign(0.5, a.v.lo);
  const double rounded = std::ldexp(whole, static_cast<int>(lowest));
  return std::fabs(rounded) > MaxFiniteOf(dtype) ? std::copysign(HUGE_VAL, rounded) : rounded;
}

}  // namespace assay::internal
