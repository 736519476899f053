// SPDX-License-Identifier: Apache-2.0
//
// Inside the referee only: MPFR numbers of fixed precision through Boost.Multiprecision, and their way to round.h.

#pragma once

#include <mpfr.h>

#include <boost/multiprecision/mpfr.hpp>

#include "oracle/round.h"

namespace assay::oracle {

static_assert(GMP_NUMB_BITS == 64);

template <unsigned kDigits>
using Real =
    boost::multiprecision::number<boost::multiprecision::mpfr_float_backend<kDigits>, boost::multiprecision::et_off>;

// Every operation of Boost's rounds to nearest, with relative error at most 2^-Precision.
inline long Precision(mpfr_srcptr x) { return static_cast<long>(mpfr_get_prec(x)); }

// To be touched by every function that computes: what MPFR has cached for a thread goes when the thread does.
inline void FreeCacheAtThreadExit() {
  struct Cache {
    ~Cache() { mpfr_free_cache(); }
    void Touch() const {}
  };
  static thread_local const Cache cache;
  cache.Touch();
}

// |x|, for a number of 65 to 128 bits.
inline Dyadic MagnitudeOf(mpfr_srcptr x) {
  if (mpfr_zero_p(x) != 0) return {};
  const auto* limbs = static_cast<const mp_limb_t*>(mpfr_custom_get_significand(x));
  return {limbs[1], limbs[0], mpfr_get_exp(x) - 128};
}

// Scratch for the ends of enclosures.
class Enclose {
 public:
  Enclose() { mpfr_inits2(128, error_, end_, static_cast<mpfr_ptr>(nullptr)); }
  ~Enclose() { mpfr_clears(error_, end_, static_cast<mpfr_ptr>(nullptr)); }
  Enclose(const Enclose&) = delete;
  Enclose& operator=(const Enclose&) = delete;

  // [p (1 - c u), p (1 + c u)] for p >= 0, u = 2^-(precision of p); the lower end at least 0.
  Interval Relative(mpfr_srcptr p, long double c) {
    if (c < 0x1p1000L) {
      mpfr_mul_d(error_, p, static_cast<double>(c) * (1 + 0x1p-52), MPFR_RNDU);
    } else {
      mpfr_set_ld(error_, c, MPFR_RNDU);
      mpfr_mul(error_, error_, p, MPFR_RNDU);
    }
    mpfr_mul_2si(error_, error_, -Precision(p), MPFR_RNDU);
    return Around(p);
  }

  // [p - error, p + error] for p >= 0; the lower end at least 0.
  Interval Absolute(mpfr_srcptr p, mpfr_srcptr error) {
    mpfr_set(error_, error, MPFR_RNDU);
    return Around(p);
  }

 private:
  Interval Around(mpfr_srcptr p) {
    Interval value;
    mpfr_sub(end_, p, error_, MPFR_RNDD);
    if (mpfr_sgn(end_) > 0) value.lo = MagnitudeOf(end_);
    mpfr_add(end_, p, error_, MPFR_RNDU);
    value.hi = MagnitudeOf(end_);
    return value;
  }

  mpfr_t error_;
  mpfr_t end_;
};

}  // namespace assay::oracle
