// SPDX-License-Identifier: Apache-2.0
//
// Arithmetic that does not cancel: sums that keep what rounding drops, and differences of z = x / T + b that are right
// in a relative sense even where x / T and b cancel. Needs round-to-nearest and -ffp-contract=off.

#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

namespace assay::subjects {

// An exact sum as an expansion: numbers of growing magnitude whose bits do not overlap (Shewchuk 1997, GROW-EXPANSION
// with zeros left out). Exact unless a term over- or underflows. 128 terms of 53 bits hold the whole range of doubles
// once compressed.
template <class Real>
class Expansion {
 public:
  void Add(Real term) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < size_; ++i) {
      const Real sum = term + terms_[i];
      const Real part = sum - term;
      const Real rest = (term - (sum - part)) + (terms_[i] - part);
      if (rest != 0) terms_[kept++] = rest;
      term = sum;
    }
    size_ = kept;
    if (term != 0) terms_[size_++] = term;
    if (size_ == terms_.size()) Compress();
  }
  void AddProduct(Real a, Real b) {
    if (a == 0) return;
    const Real product = a * b;
    Add(std::fma(a, b, -product));
    Add(product);
  }
  void AddTimes(const Expansion& other, Real factor) {
    for (std::size_t i = 0; i < other.size_; ++i) AddProduct(other.terms_[i], factor);
  }

  bool Positive() const { return size_ > 0 && terms_[size_ - 1] > 0; }
  // Within an ulp or two of Real.
  Real Value() const {
    Real sum = 0;
    for (std::size_t i = 0; i < size_; ++i) sum += terms_[i];
    return sum;
  }

 private:
  // Shewchuk 1997, COMPRESS: as few terms as hold the sum.
  void Compress() {
    std::array<Real, kCapacity> dense;
    std::size_t bottom = kCapacity;
    Real q = terms_[size_ - 1];
    for (std::size_t i = size_ - 1; i-- > 0;) {
      const Real sum = q + terms_[i];
      const Real rest = terms_[i] - (sum - q);
      q = sum;
      if (rest != 0) {
        dense[--bottom] = q;
        q = rest;
      }
    }
    dense[--bottom] = q;
    size_ = kCapacity - bottom;
    std::copy(dense.begin() + static_cast<std::ptrdiff_t>(bottom), dense.end(), terms_.begin());
  }

  static constexpr std::size_t kCapacity = 128;
  std::array<Real, kCapacity> terms_;
  std::size_t size_ = 0;
};

// A running sum with the rounding errors summed apart (Neumaier 1974): relative error 2 u sum|a| / |sum a| + n^2 u^2
// ...
template <class RealT>
class CompensatedSum {
 public:
  using Real = RealT;
  void Add(Real term) {
    const Real sum = sum_ + term;
    lost_ += std::fabs(sum_) >= std::fabs(term) ? (sum_ - sum) + term : (term - sum) + sum_;
    sum_ = sum;
  }
  Real Value() const { return std::isfinite(sum_) ? sum_ + lost_ : sum_; }

 private:
  Real sum_ = 0;
  Real lost_ = 0;
};

// One addition after the other.
template <class RealT>
class PlainSum {
 public:
  using Real = RealT;
  void Add(Real term) { sum_ += term; }
  Real Value() const { return sum_; }

 private:
  Real sum_ = 0;
};

// An entry of a row before it is scaled: z = x / T + b.
struct Point {
  double x = 0;
  double b = 0;
};

// T times z(a) - z(origin) over 2^e, exactly, where T = m 2^e with m in [0.5, 1): returns m, or 1 at the limits of T,
// where x does not count.
template <class Real>
Real AddScaledDifference(Point a, Point origin, double temperature, Expansion<Real>* sum) {
  int exponent = 0;
  Real m = 1;
  if (temperature > 0 && std::isfinite(temperature)) {
    m = std::frexp(temperature, &exponent);
    sum->Add(std::ldexp(static_cast<Real>(a.x), -exponent));
    sum->Add(std::ldexp(-static_cast<Real>(origin.x), -exponent));
  }
  sum->AddProduct(static_cast<Real>(a.b), m);
  sum->AddProduct(-static_cast<Real>(origin.b), m);
  return m;
}

// z(a) - z(origin) of finite points, with a relative error below 4 u of Real. Overflows to +-inf only where the result
// does. T = 0: a difference of x is infinite; T = inf: it is none.
//   x and b part   each difference is rounded once, the quotient once, their sum once; as long as the parts do not
//                  cancel to less than 3/4 of the larger, their errors (2 u and u) grow by 5/3 at most.
//   otherwise      the parts are of like size, so nothing over- or underflows, and the sum is exact before it is
//   divided.
template <class Real>
Real Difference(Point a, Point origin, double temperature) {
  const Real dx = static_cast<Real>(a.x) - static_cast<Real>(origin.x);
  const Real db = static_cast<Real>(a.b) - static_cast<Real>(origin.b);
  if (dx == 0 || std::isinf(temperature)) return db;
  if (temperature == 0) return dx > 0 ? HUGE_VAL : -HUGE_VAL;
  const Real quotient = dx / static_cast<Real>(temperature);
  if (db == 0) return quotient;
  const Real ratio = -quotient / db;
  if (!(ratio > 0.25 && ratio < 4)) return quotient + db;
  Expansion<Real> sum;
  const Real m = AddScaledDifference(a, origin, temperature, &sum);
  return sum.Value() / m;
}

}  // namespace assay::subjects
