// SPDX-License-Identifier: Apache-2.0
//
// Inside oracle/ only: the numbers of the referee where results are rational, or an exponential away from it. Exact
// rationals, and MPFR numbers that bound a value from below and above, both through Boost.Multiprecision.

#pragma once

#include <mpfr.h>

#include <boost/multiprecision/gmp.hpp>
#include <optional>

#include "oracle/mpfr_real.h"
#include "oracle/oracle.h"
#include "oracle/tiers.h"

namespace assay::oracle::referee {

using Rational = boost::multiprecision::number<boost::multiprecision::gmp_rational, boost::multiprecision::et_off>;

// MPFR's functions, unlike Boost's operators, round as told.
template <unsigned kDigits>
mpfr_ptr Raw(Real<kDigits>& x) {
  return x.backend().data();
}
template <unsigned kDigits>
mpfr_srcptr Raw(const Real<kDigits>& x) {
  return x.backend().data();
}
inline mpq_srcptr Raw(const Rational& x) { return x.backend().data(); }

// Bounds of a value: lo <= value <= hi.
template <unsigned kDigits>
struct Bounds {
  Real<kDigits> lo{0};
  Real<kDigits> hi{0};

  Bounds() = default;
  explicit Bounds(const Rational& x) {
    mpfr_set_q(Raw(lo), Raw(x), MPFR_RNDD);
    mpfr_set_q(Raw(hi), Raw(x), MPFR_RNDU);
  }
};

// Decimal digits of the rungs, and the function of one rung after the other until one of them is true:
// function.operator()<digits>(last).
template <class Rung>
bool Climb(int rungs, Rung&& rung) {
  const auto go = [&]<unsigned kDigits>(int i) {
    return i < rungs && rung.template operator()<kDigits>(i == rungs - 1);
  };
  return go.template operator()<40>(0) || go.template operator()<80>(1) || go.template operator()<160>(2) ||
         go.template operator()<400>(3) || go.template operator()<1000>(4) || go.template operator()<2500>(5);
}

// numerator / denominator, denominator > 0: always decided, ties included.
Exact RoundQuotient(const Rational& numerator, const Rational& denominator, Format format);

// A value strictly between lo and hi; with `negate`, minus that value. On the last rung, RoundUncertain.
std::optional<Exact> RoundBetween(mpfr_srcptr lo, mpfr_srcptr hi, bool negate, Format format, bool last);

}  // namespace assay::oracle::referee
