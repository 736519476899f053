// SPDX-License-Identifier: Apache-2.0
//
// Inside oracle/ only: Arb's numbers and balls, and their way to round.h.

#pragma once

#include <arb.h>

#include <vector>

#include "oracle/round.h"

namespace assay::oracle {

static_assert(FLINT_BITS == 64);

// An arb_t and an arf_t that clear themselves.
class Ball {
 public:
  Ball() { arb_init(x_); }
  ~Ball() { arb_clear(x_); }
  Ball(const Ball&) = delete;
  Ball& operator=(const Ball&) = delete;
  operator arb_ptr() { return x_; }
  operator arb_srcptr() const { return x_; }

 private:
  arb_t x_;
};

class Float {
 public:
  Float() { arf_init(x_); }
  ~Float() { arf_clear(x_); }
  Float(const Float&) = delete;
  Float& operator=(const Float&) = delete;
  operator arf_ptr() { return x_; }
  operator arf_srcptr() const { return x_; }

 private:
  arf_t x_;
};

// As many balls as asked for, kept for the next row so that an element costs no allocation.
class Balls {
 public:
  Balls() = default;
  ~Balls() {
    for (arb_struct& x : balls_) arb_clear(&x);
  }
  Balls(const Balls&) = delete;
  Balls& operator=(const Balls&) = delete;

  arb_ptr AtLeast(std::size_t n) {
    const std::size_t old = balls_.size();
    if (n > old) {
      // Arb numbers own memory by pointer and may be moved bitwise.
      balls_.resize(n);
      for (std::size_t i = old; i < n; ++i) arb_init(&balls_[i]);
    }
    return balls_.data();
  }

 private:
  std::vector<arb_struct> balls_;
};

// To be touched by every function that computes: what FLINT has cached for a thread goes when the thread does.
inline void FlintCleanupAtThreadExit() {
  struct Cache {
    ~Cache() { flint_cleanup(); }
    void Touch() const {}
  };
  static thread_local const Cache cache;
  cache.Touch();
}

// |x|, for a finite number of at most 128 bits and an exponent of one word.
inline Dyadic MagnitudeOf(arf_srcptr x) {
  if (arf_is_zero(x) != 0) return {};
  mp_srcptr limbs;
  mp_size_t size;
  ARF_GET_MPN_READONLY(limbs, size, x);
  return {limbs[size - 1], size > 1 ? limbs[size - 2] : 0, ARF_EXP(x) - 128};
}

// The magnitudes in a ball, which must not contain both positive and negative numbers: what lies across 0 is cut off.
// False if the ball has no upper bound below 2^(2^62).
inline bool ToInterval(arb_srcptr x, bool negative, arf_ptr scratch, Interval& value) {
  if (arb_is_finite(x) == 0) return false;
  constexpr std::int64_t kTiny = -(std::int64_t{1} << 40);
  for (const bool upper : {false, true}) {
    Dyadic& end = upper ? value.hi : value.lo;
    end = {};
    if (upper != negative) {
      arb_get_ubound_arf(scratch, x, 128);
    } else {
      arb_get_lbound_arf(scratch, x, 128);
    }
    if (arf_sgn(scratch) != (negative ? -1 : 1)) continue;
    // exp(-2^950) has an exponent of many words.
    if (!COEFF_IS_MPZ(ARF_EXP(scratch))) {
      end = MagnitudeOf(static_cast<arf_srcptr>(scratch));
    } else if (fmpz_sgn(ARF_EXPREF(scratch)) > 0) {
      return false;
    } else if (upper) {
      end = PowerOfTwo(kTiny);
    }
  }
  return true;
}

}  // namespace assay::oracle
