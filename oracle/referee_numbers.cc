// SPDX-License-Identifier: Apache-2.0

#include "oracle/referee_numbers.h"

#include <utility>

#include "oracle/loss_tiers.h"
#include "oracle/round.h"

namespace assay::oracle::referee {
namespace {

// Numbers of this thread.
struct Scratch {
  Scratch() {
    mpz_inits(a, b, q, r, nullptr);
    mpfr_inits2(128, lo, hi, static_cast<mpfr_ptr>(nullptr));
  }
  ~Scratch() {
    mpz_clears(a, b, q, r, nullptr);
    mpfr_clears(lo, hi, static_cast<mpfr_ptr>(nullptr));
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  static Scratch& OfThread() {
    FreeCacheAtThreadExit();
    static thread_local Scratch scratch;
    return scratch;
  }

  mpz_t a, b, q, r;
  mpfr_t lo, hi;
};

Dyadic FromInteger(mpz_srcptr x, std::int64_t exponent) { return {mpz_getlimbn(x, 1), mpz_getlimbn(x, 0), exponent}; }

}  // namespace

Exact RoundQuotient(const Rational& numerator, const Rational& denominator, Format format) {
  const int sign = mpq_sgn(Raw(numerator));
  if (sign == 0) return ZeroResult(format);
  Scratch& s = Scratch::OfThread();
  mpz_mul(s.a, mpq_numref(Raw(numerator)), mpq_denref(Raw(denominator)));
  mpz_mul(s.b, mpq_denref(Raw(numerator)), mpq_numref(Raw(denominator)));
  mpz_abs(s.a, s.a);

  // a 2^shift has 128 bits more than b, so that the quotient has 128 or 129.
  auto shift =
      128 + static_cast<std::int64_t>(mpz_sizeinbase(s.b, 2)) - static_cast<std::int64_t>(mpz_sizeinbase(s.a, 2));
  if (shift >= 0) {
    mpz_mul_2exp(s.a, s.a, static_cast<mp_bitcnt_t>(shift));
  } else {
    mpz_mul_2exp(s.b, s.b, static_cast<mp_bitcnt_t>(-shift));
  }
  mpz_tdiv_qr(s.q, s.r, s.a, s.b);
  bool exact = mpz_sgn(s.r) == 0;
  if (mpz_sizeinbase(s.q, 2) == 129) {
    exact = exact && mpz_even_p(s.q);
    mpz_tdiv_q_2exp(s.q, s.q, 1);
    --shift;
  }
  Interval magnitude;
  magnitude.lo = magnitude.hi = FromInteger(s.q, -shift);
  if (!exact) {
    mpz_add_ui(s.q, s.q, 1);
    if (mpz_sizeinbase(s.q, 2) == 129) {
      mpz_tdiv_q_2exp(s.q, s.q, 1);
      --shift;
    }
    magnitude.hi = FromInteger(s.q, -shift);
  }
  return RoundEnclosure(magnitude, sign < 0, format).value();
}

std::optional<Exact> RoundBetween(mpfr_srcptr lo, mpfr_srcptr hi, bool negate, Format format, bool last) {
  Scratch& s = Scratch::OfThread();
  mpfr_set(s.lo, lo, MPFR_RNDD);
  mpfr_set(s.hi, hi, MPFR_RNDU);
  const Dyadic a = MagnitudeOf(s.lo);
  const Dyadic b = MagnitudeOf(s.hi);
  if (mpfr_sgn(s.lo) < 0 && mpfr_sgn(s.hi) > 0) return RoundAroundZero(Less(a, b) ? b : a, format);
  const bool negative = mpfr_sgn(s.lo) < 0;
  const Interval magnitude = negative ? Interval{b, a} : Interval{a, b};
  return (last ? RoundUncertain : RoundEnclosure)(magnitude, negative != negate, format);
}

long PrecisionBits(int rungs) {
  long bits = 0;
  Climb(rungs, [&]<unsigned kDigits>(bool) {
    bits = mpfr_get_prec(Raw(Real<kDigits>(0)));
    return false;
  });
  return bits;
}

}  // namespace assay::oracle::referee
