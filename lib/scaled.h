// SPDX-License-Identifier: Apache-2.0
//
// Scalars of about 100 bits with an exponent of their own: for results of double that are subnormal, or whose way there
// leaves the range of double. Slow.

#pragma once

#include <cmath>
#include <cstdint>

#include "rounding.h"

namespace assay::internal {

// (hi + lo) 2^e with hi = 0 or 0.5 <= |hi| < 1. Each operation is good to 2^-100 of its result.
class Scaled {
 public:
  Scaled() = default;
  // value 2^exponent, for finite value.
  explicit Scaled(double value) : Scaled(ScalarPair{value, 0}, 0) {}
  Scaled(ScalarPair value, std::int64_t exponent) {
    int shift = 0;
    m_.hi = std::frexp(value.hi, &shift);
    m_.lo = std::ldexp(value.lo, -shift);
    e_ = exponent + shift;
  }

  bool IsZero() const { return m_.hi == 0; }
  std::int64_t exponent() const { return e_; }

  // Rounded once, also where the result is subnormal.
  double ToDouble() const {
    if (e_ >= -1021) return Shifted(e_).hi;
    if (e_ < -1080) return 0;
    // Whole units of 2^-1074, by way of 2^200 times the number.
    constexpr int kUp = 200;
    constexpr double kUnit = 0x1p-874;
    constexpr double kBig = 0x1.8p52 * kUnit;
    const ScalarPair up = Shifted(e_ + kUp);
    const double rounded = (up.hi + kBig) - kBig;
    const double rest = up.hi - rounded;  // exact; at most half a unit, and then lo decides
    const double more = rest == kUnit / 2 && up.lo > 0 ? kUnit : rest == -kUnit / 2 && up.lo < 0 ? -kUnit : 0;
    return std::ldexp(rounded + more, -kUp);
  }

  // m 2^shift, as far as double's range goes.
  ScalarPair Shifted(std::int64_t shift) const {
    constexpr std::int64_t kBeyond = 4000;
    const auto by = static_cast<int>(shift < -kBeyond ? -kBeyond : shift > kBeyond ? kBeyond : shift);
    return {std::ldexp(m_.hi, by), std::ldexp(m_.lo, by)};
  }

  Scaled operator-() const {
    Scaled out = *this;
    out.m_ = {-m_.hi, -m_.lo};
    return out;
  }
  friend Scaled operator*(Scaled a, Scaled b) {
    const double hi = a.m_.hi * b.m_.hi;
    const double lo = std::fma(a.m_.hi, b.m_.hi, -hi) + (a.m_.hi * b.m_.lo + a.m_.lo * b.m_.hi);
    return {Renormalized(hi, lo), a.e_ + b.e_};
  }
  friend Scaled operator/(Scaled a, Scaled b) {
    const double hi = a.m_.hi / b.m_.hi;
    const double rest = std::fma(-hi, b.m_.hi, a.m_.hi) + (a.m_.lo - hi * b.m_.lo);
    return {Renormalized(hi, rest / b.m_.hi), a.e_ - b.e_};
  }
  friend Scaled operator+(Scaled a, Scaled b) {
    if (a.IsZero()) return b;
    if (b.IsZero()) return a;
    const std::int64_t e = a.e_ > b.e_ ? a.e_ : b.e_;
    return {Add(a.Shifted(a.e_ - e), b.Shifted(b.e_ - e)), e};
  }
  friend Scaled operator-(Scaled a, Scaled b) { return a + -b; }

 private:
  static ScalarPair Renormalized(double hi, double lo) {
    const double sum = hi + lo;
    return {sum, lo - (sum - hi)};
  }

  ScalarPair m_ = {0, 0};
  std::int64_t e_ = 0;
};

}  // namespace assay::internal
