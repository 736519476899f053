// SPDX-License-Identifier: Apache-2.0

#include "oracle/bulk_numbers.h"

#include "oracle/arb_real.h"
#include "oracle/loss_tiers.h"
#include "oracle/round.h"

namespace assay::oracle::bulk {
void Plant(Arf& x, double planted) {
  if (planted == 0) return;
  Arf factor(planted);
  arf_add_ui(factor, factor, 1, ARF_PREC_EXACT, ARF_RND_DOWN);
  SetProduct(x, x, factor);
}

void SetNonnegative(Ends& ends, arb_srcptr ball, slong precision) {
  arb_get_lbound_arf(ends.lo, ball, precision);
  arb_get_ubound_arf(ends.hi, ball, precision);
  if (ends.lo.sign() < 0) arf_zero(ends.lo);
}

Exact RoundQuotient(const Arf& numerator, const Arf& denominator, Format format) {
  if (numerator.sign() == 0) return ZeroResult(format);
  FlintCleanupAtThreadExit();
  Arf quotient;
  Interval magnitude;
  const bool inexact = arf_div(quotient, numerator, denominator, 128, ARF_RND_DOWN) != 0;
  magnitude.lo = magnitude.hi = MagnitudeOf(quotient);
  if (inexact) {
    arf_div(quotient, numerator, denominator, 128, ARF_RND_UP);
    magnitude.hi = MagnitudeOf(quotient);
  }
  return RoundEnclosure(magnitude, numerator.sign() < 0, format).value();
}

std::optional<Exact> RoundBetween(const Ends& ends, const Arf& denominator, bool negate, Format format, bool last) {
  FlintCleanupAtThreadExit();
  Arf lo;
  Arf hi;
  arf_div(lo, ends.lo, denominator, 128, ARF_RND_FLOOR);
  arf_div(hi, ends.hi, denominator, 128, ARF_RND_CEIL);
  const Dyadic a = MagnitudeOf(lo);
  const Dyadic b = MagnitudeOf(hi);
  if (lo.sign() < 0 && hi.sign() > 0) return RoundAroundZero(Less(a, b) ? b : a, format);
  const bool negative = lo.sign() < 0;
  const Interval magnitude = negative ? Interval{b, a} : Interval{a, b};
  return (last ? RoundUncertain : RoundEnclosure)(magnitude, negative != negate, format);
}

long PrecisionBits(int rungs) { return kLadder[rungs - 1]; }

}  // namespace assay::oracle::bulk
