// SPDX-License-Identifier: Apache-2.0

#include "oracle/attention_numbers.h"

#include <cmath>

#include "oracle/attention_tiers.h"

namespace assay::oracle::referee {
namespace {

// Beyond it tanh is computed by what it lacks to 1.
constexpr long kNearOne = 8;

// y = exp(-2 |x|), x of known sign.
void SetTail(RealBounds& y, const RealBounds& x) {
  y = x;
  if (mpfr_sgn(y.hi) > 0) y.Negate();
  y.Multiply(Rational(2));
  y.Apply(mpfr_exp);
}

// Beyond 2^kFar everything is beyond every format.
constexpr long kFar = 1L << 20;
void Tame(mpfr_ptr x) {
  if (mpfr_number_p(x) != 0 && (mpfr_zero_p(x) != 0 || mpfr_get_exp(x) <= kFar)) return;
  mpfr_set_si_2exp(x, mpfr_sgn(x) < 0 ? -1 : 1, kFar, MPFR_RNDN);
}

}  // namespace

ScoreNumbers::ScoreNumbers(const AttentionHead& head) {
  FreeCacheAtThreadExit();
  if (head.softcap != 0) cap_ = Rational(head.softcap);
  if (head.scale) {
    scale_ = Rational(*head.scale);
    return;
  }
  if (head.head_dim == 0) return;
  const auto floor_of_root = static_cast<unsigned long>(std::lround(std::sqrt(static_cast<double>(head.head_dim))));
  if (floor_of_root * floor_of_root == head.head_dim) {
    scale_ = Rational(1) / Rational(floor_of_root);
  } else {
    root_ = head.head_dim;
  }
}

Score ScoreNumbers::ScoreOf(const AttentionHead& head, std::size_t i, std::size_t j, double saved_lse) const {
  Score score;
  score.b = Rational(head.bias.empty() ? 0 : head.bias[i * head.seq_kv + j]) - Rational(saved_lse);
  const double special = SpecialScore(head, i, j);
  if (special != 0) {
    score.b += special > 0 ? *cap_ : Rational(-*cap_);
    return score;
  }
  for (std::size_t d = 0; d < head.head_dim; ++d) {
    score.a += Rational(head.q[i * head.head_dim + d]) * Rational(head.k[j * head.head_dim + d]);
  }
  score.a *= scale_;
  return score;
}

bool ScoreNumbers::IsZero(const Score& score) const {
  if (!cap_ && root_ == 0) return score.a + score.b == 0;
  return score.a == 0 && score.b == 0;
}

void ScoreNumbers::DivideByRoot(RealBounds& x) const {
  if (root_ == 0) return;
  RealBounds root(mpfr_get_prec(x.lo));
  mpfr_sqrt_ui(root.lo, root_, MPFR_RNDD);
  mpfr_sqrt_ui(root.hi, root_, MPFR_RNDU);
  x.DivideByPositive(root);
}

void ScoreNumbers::SetQuotient(RealBounds& x, const Score& score) const {
  x.Set(cap_ ? Rational(score.a / *cap_) : score.a);
  DivideByRoot(x);
}

void ScoreNumbers::SetZ(Rational& base, RealBounds& rest, const Score& score, long precision) const {
  base = score.b;
  rest = RealBounds(precision);
  if (score.a == 0) return;
  if (!cap_ && root_ == 0) {
    base += score.a;
    return;
  }
  SetQuotient(rest, score);
  if (!cap_) return;
  if (mpfr_cmp_si(rest.lo, kNearOne) < 0 && mpfr_cmp_si(rest.hi, -kNearOne) > 0) {
    rest.Apply(mpfr_tanh);
    rest.Multiply(*cap_);
    return;
  }
  // softcap tanh(x) = +-softcap -+ 2 softcap y / (1 + y).
  RealBounds y(precision);
  SetTail(y, rest);
  rest = y;
  rest.Multiply(score.a > 0 ? Rational(-2 * *cap_) : Rational(2 * *cap_));
  y.Add(Rational(1));
  rest.DivideByPositive(y);
  base += score.a > 0 ? *cap_ : Rational(-*cap_);
}

void ScoreNumbers::SetSlope(RealBounds& slope, const Score& score, long precision) const {
  slope = RealBounds(precision, Rational(1));
  if (!cap_ || score.a == 0) return;
  RealBounds y(precision);
  SetQuotient(slope, score);
  SetTail(y, slope);
  slope = y;
  slope.Multiply(Rational(4));
  y.Add(Rational(1));
  slope.DivideByPositive(y);
  slope.DivideByPositive(y);
}

std::optional<Exact> RoundSum(const Rational& base, RealBounds x, unsigned long divisor, Format format, bool last) {
  if (mpfr_zero_p(x.lo) != 0 && mpfr_zero_p(x.hi) != 0) return RoundQuotient(base, Rational(divisor), format);
  if (base != 0) x.Add(base);
  mpfr_div_ui(x.lo, x.lo, divisor, MPFR_RNDD);
  mpfr_div_ui(x.hi, x.hi, divisor, MPFR_RNDU);
  if (mpfr_nan_p(x.lo) != 0 || mpfr_nan_p(x.hi) != 0) return std::nullopt;
  Tame(x.lo);
  Tame(x.hi);
  return RoundBetween(x.lo, x.hi, /*negate=*/false, format, last);
}

Rational PlantedFactorOfAttention() { return Rational(1) + Rational(Planted(Tier::kReferee)); }

long AttentionBits(int rungs) { return kAttentionBits[rungs - 1]; }

}  // namespace assay::oracle::referee
