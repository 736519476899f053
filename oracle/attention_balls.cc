// SPDX-License-Identifier: Apache-2.0

#include "oracle/attention_balls.h"

#include <cmath>
#include <limits>

#include "oracle/arb_real.h"

namespace assay::oracle::bulk {
namespace {

// From here on tanh is computed by what it lacks to 1.
constexpr slong kSaturated = 8;

// Numbers of round.h have exponents of one word. Beyond 2^+-kFar none matters; outwards.
constexpr slong kFar = slong{1} << 40;
void Tame(Arf& x, bool up) {
  if (x.sign() == 0) return;
  if (arf_cmpabs_2exp_si(x, kFar) > 0) {
    const bool negative = x.sign() < 0;
    // Towards 0 to 2^kFar, away from it as well: an end beyond every format stays beyond it.
    arf_set_si_2exp_si(x, negative ? -1 : 1, (up != negative) ? kFar + 1 : kFar);
  } else if (arf_cmpabs_2exp_si(x, -kFar) < 0) {
    const bool away = up == (x.sign() > 0);
    if (away) {
      arf_set_si_2exp_si(x, x.sign(), -kFar);
    } else {
      arf_zero(x);
    }
  }
}

}  // namespace

ScoreBalls::ScoreBalls(const ScoreScale& scale, slong precision) : scale_(scale), precision_(precision) {}

void ScoreBalls::MultiplyByScale(arb_ptr x) {
  if (scale_.integer_root != 0) {
    arb_div_ui(x, x, scale_.integer_root, precision_);
  } else if (scale_.root != 0) {
    arb_rsqrt_ui(y_, scale_.root, precision_);
    arb_mul(x, x, y_, precision_);
  } else {
    arb_set_d(y_, scale_.factor);
    arb_mul(x, x, y_, precision_);
  }
}

// The factor is in key.a already.
void ScoreBalls::SetQuotient(Arb& x, const ScoreKey& key) {
  arb_set_arf(x, key.a);
  if (scale_.root != 0) MultiplyByScale(x);
  if (scale_.softcap == 0) return;
  arb_set_d(y_, scale_.softcap);
  arb_div(x, x, y_, precision_);
}

void ScoreBalls::SetZ(Arf& base, Arb& rest, const ScoreKey& key) {
  arf_set(base, key.b);
  arb_zero(rest);
  if (key.a.sign() == 0) return;
  SetQuotient(rest, key);
  if (scale_.softcap == 0) return;
  arb_set_d(y_, scale_.softcap);
  if (arf_cmpabs_2exp_si(arb_midref(static_cast<arb_ptr>(rest)), 3) < 0) {
    arb_tanh(rest, rest, precision_);
    arb_mul(rest, rest, y_, precision_);
    return;
  }
  // softcap tanh(x) = +-softcap -+ 2 softcap / (exp(2 |x|) + 1).
  static_assert(kSaturated == 1 << 3);
  Arf cap(std::copysign(scale_.softcap, key.a.sign()));
  SetSum(base, base, cap);
  arb_abs(x_, rest);
  arb_mul_2exp_si(x_, x_, 1);
  arb_neg(x_, x_);
  arb_exp(x_, x_, precision_);  // y: 2 c y / (1 + y), and never an overflow
  arb_mul(y_, y_, x_, precision_);
  arb_mul_2exp_si(y_, y_, 1);
  arb_add_ui(x_, x_, 1, precision_);
  arb_div(rest, y_, x_, precision_);
  if (key.a.sign() > 0) arb_neg(rest, rest);
}

void ScoreBalls::SetSlope(Arb& slope, const ScoreKey& key) {
  arb_one(slope);
  if (scale_.softcap == 0 || key.a.sign() == 0) return;
  // With y = exp(-2 |x|): 4 y / (1 + y)^2.
  SetQuotient(slope, key);
  arb_abs(slope, slope);
  arb_mul_2exp_si(slope, slope, 1);
  arb_neg(slope, slope);
  arb_exp(slope, slope, precision_);
  arb_add_ui(x_, slope, 1, precision_);
  arb_mul(x_, x_, x_, precision_);
  arb_div(slope, slope, x_, precision_);
  arb_mul_2exp_si(slope, slope, 2);
}

std::optional<Exact> RoundSum(const Arf& base, arb_srcptr x, const Arf& divisor, Format format, slong precision,
                              bool last) {
  if (arb_is_finite(x) == 0) return std::nullopt;
  Ends ends;
  if (arb_is_exact(x) != 0) {
    arf_add(ends.lo, base, arb_midref(x), ARF_PREC_EXACT, ARF_RND_DOWN);
    return RoundQuotient(ends.lo, divisor, format);
  }
  arb_get_lbound_arf(ends.lo, x, precision);
  arb_get_ubound_arf(ends.hi, x, precision);
  arf_add(ends.lo, base, ends.lo, precision, ARF_RND_FLOOR);
  arf_add(ends.hi, base, ends.hi, precision, ARF_RND_CEIL);
  Tame(ends.lo, /*up=*/false);
  Tame(ends.hi, /*up=*/true);
  return RoundBetween(ends, divisor, /*negate=*/false, format, last);
}

double UpperDouble(arf_srcptr x) {
  if (arf_is_zero(x) != 0) return 0;
  if (arf_cmpabs_2exp_si(x, 1024) > 0) return std::numeric_limits<double>::infinity();
  if (arf_cmpabs_2exp_si(x, -1022) < 0) {
    // Subnormal: in units of the least one.
    if (arf_cmpabs_2exp_si(x, -1074) < 0) return std::numeric_limits<double>::denorm_min();
    Arf units;
    arf_mul_2exp_si(units, x, 1074);
    arf_ceil(units, units);
    return std::ldexp(arf_get_d(units, ARF_RND_UP), -1074);
  }
  return arf_get_d(x, ARF_RND_UP);
}

bool IsGood(arb_srcptr x, slong log2) { return arb_is_zero(x) != 0 || arb_rel_accuracy_bits(x) >= -log2; }

}  // namespace assay::oracle::bulk
