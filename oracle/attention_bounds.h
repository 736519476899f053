// SPDX-License-Identifier: Apache-2.0
//
// Inside the referee of attention only: MPFR numbers that bound a value from below and above, of a precision chosen at
// run time (so that a ladder is a loop), and the operations on them that attention needs, each rounded outwards.
// A value may lie outside MPFR's range: bounds of 0 and infinity are bounds.

#pragma once

#include <mpfr.h>

#include "oracle/referee_numbers.h"

namespace assay::oracle::referee {

class RealBounds {
 public:
  explicit RealBounds(long precision) {
    mpfr_inits2(precision, lo, hi, static_cast<mpfr_ptr>(nullptr));
    mpfr_set_zero(lo, 1);
    mpfr_set_zero(hi, 1);
  }
  RealBounds(long precision, const Rational& x) : RealBounds(precision) { Set(x); }
  RealBounds(const RealBounds& other) : RealBounds(mpfr_get_prec(other.lo)) { *this = other; }
  // Takes the precision as well.
  RealBounds& operator=(const RealBounds& other) {
    if (this == &other) return *this;
    mpfr_set_prec(lo, mpfr_get_prec(other.lo));
    mpfr_set_prec(hi, mpfr_get_prec(other.hi));
    mpfr_set(lo, other.lo, MPFR_RNDD);
    mpfr_set(hi, other.hi, MPFR_RNDU);
    return *this;
  }
  ~RealBounds() { mpfr_clears(lo, hi, static_cast<mpfr_ptr>(nullptr)); }

  void Set(const Rational& x) {
    mpfr_set_q(lo, Raw(x), MPFR_RNDD);
    mpfr_set_q(hi, Raw(x), MPFR_RNDU);
  }

  void Negate() {
    mpfr_swap(lo, hi);
    mpfr_neg(lo, lo, MPFR_RNDD);
    mpfr_neg(hi, hi, MPFR_RNDU);
  }

  void Add(const RealBounds& x) {
    mpfr_add(lo, lo, x.lo, MPFR_RNDD);
    mpfr_add(hi, hi, x.hi, MPFR_RNDU);
  }
  void Subtract(const RealBounds& x) {
    mpfr_sub(lo, lo, x.hi, MPFR_RNDD);
    mpfr_sub(hi, hi, x.lo, MPFR_RNDU);
  }
  void Add(const Rational& x) {
    mpfr_add_q(lo, lo, Raw(x), MPFR_RNDD);
    mpfr_add_q(hi, hi, Raw(x), MPFR_RNDU);
  }

  // this += x c
  void AddProduct(const RealBounds& x, const Rational& c) {
    if (c == 0) return;
    RealBounds product = x;
    product.Multiply(c);
    Add(product);
  }
  void Multiply(const Rational& c) {
    if (c == 0) return Set(c);
    if (c < 0) mpfr_swap(lo, hi);
    mpfr_mul_q(lo, lo, Raw(c), MPFR_RNDD);
    mpfr_mul_q(hi, hi, Raw(c), MPFR_RNDU);
  }
  // x >= 0; 0 times infinity is 0 here, the bound of products of numbers.
  void MultiplyByNonnegative(const RealBounds& x) {
    const bool below = mpfr_sgn(lo) < 0;
    const bool above = mpfr_sgn(hi) > 0;
    Times(lo, below ? x.hi : x.lo, MPFR_RNDD);
    Times(hi, above ? x.hi : x.lo, MPFR_RNDU);
  }
  void DivideByPositive(const RealBounds& x) {
    mpfr_div(lo, lo, mpfr_sgn(lo) < 0 ? x.lo : x.hi, MPFR_RNDD);
    mpfr_div(hi, hi, mpfr_sgn(hi) > 0 ? x.lo : x.hi, MPFR_RNDU);
  }

  // An increasing function.
  using Function = int (*)(mpfr_ptr, mpfr_srcptr, mpfr_rnd_t);
  void Apply(Function f) {
    f(lo, lo, MPFR_RNDD);
    f(hi, hi, MPFR_RNDU);
  }

  int SignIfKnown() const { return mpfr_sgn(lo) > 0 ? 1 : mpfr_sgn(hi) < 0 ? -1 : 0; }

  mpfr_t lo;
  mpfr_t hi;

 private:
  static void Times(mpfr_ptr a, mpfr_srcptr b, mpfr_rnd_t round) {
    if (mpfr_zero_p(a) != 0 || mpfr_zero_p(b) != 0) {
      mpfr_set_zero(a, 1);
    } else {
      mpfr_mul(a, a, b, round);
    }
  }
};

}  // namespace assay::oracle::referee
