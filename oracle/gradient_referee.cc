// SPDX-License-Identifier: Apache-2.0
//
// The referee for the backward operations: the formulas as on paper, in exact rationals; only log_softmax has an
// exponential, bounded by MPFR from below and above, with more digits until every entry is decided.

#include "oracle/loss_tiers.h"
#include "oracle/referee_numbers.h"

namespace assay::oracle::referee {
namespace {

Rational PlantedFactor() { return Rational(1) + Rational(Planted(Tier::kReferee)); }

// (dy - exp(l) sum) / T, for sum != 0 and l != 0: exp(l) is transcendental, and so is the result.
template <unsigned kDigits>
std::optional<Exact> OneMinusExp(double dy, double l, const Rational& sum, double temperature, Format format,
                                 bool last) {
  Bounds<kDigits> e;
  if (l > static_cast<double>(kTail)) {
    // A result beyond every format, as |dy| < 2^1024, |sum| >= 2^-1074 and T < 2^1024.
    mpfr_set_ui_2exp(Raw(e.lo), 1, kTail, MPFR_RNDN);
    e.hi = e.lo;
  } else if (l < -static_cast<double>(kTail)) {
    mpfr_set_ui_2exp(Raw(e.hi), 1, -kTail, MPFR_RNDN);
  } else {
    mpfr_set_d(Raw(e.hi), l, MPFR_RNDN);
    mpfr_exp(Raw(e.lo), Raw(e.hi), MPFR_RNDD);
    e.hi = e.lo;
    mpfr_nextabove(Raw(e.hi));
    if (const double planted = Planted(Tier::kReferee); planted != 0) {
      const Rational factor = PlantedFactor();
      mpfr_mul_q(Raw(e.lo), Raw(e.lo), Raw(factor), MPFR_RNDD);
      mpfr_mul_q(Raw(e.hi), Raw(e.hi), Raw(factor), MPFR_RNDU);
    }
  }
  Bounds<kDigits> value;
  mpfr_mul_q(Raw(value.lo), Raw(sum > 0 ? e.hi : e.lo), Raw(sum), MPFR_RNDU);
  mpfr_d_sub(Raw(value.lo), dy, Raw(value.lo), MPFR_RNDD);
  mpfr_div_d(Raw(value.lo), Raw(value.lo), temperature, MPFR_RNDD);
  mpfr_mul_q(Raw(value.hi), Raw(sum > 0 ? e.lo : e.hi), Raw(sum), MPFR_RNDD);
  mpfr_d_sub(Raw(value.hi), dy, Raw(value.hi), MPFR_RNDU);
  mpfr_div_d(Raw(value.hi), Raw(value.hi), temperature, MPFR_RNDU);
  return RoundBetween(Raw(value.lo), Raw(value.hi), /*negate=*/false, format, last);
}

}  // namespace

void SoftmaxBackward(const LiveGradient& row, std::span<Exact> out) {
  const bool planted = Planted(Tier::kReferee) != 0;
  const Rational temperature(row.temperature);
  Rational sum(0);
  for (std::size_t j = 0; j < out.size(); ++j) {
    Rational product = Rational(row.saved[j]) * Rational(row.upstream[j]);
    if (planted && j > 0) product *= PlantedFactor();
    sum += product;
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = RoundQuotient(Rational(row.saved[i]) * (Rational(row.upstream[i]) - sum), temperature, row.format);
  }
}

bool LogSoftmaxBackward(const LiveGradient& row, std::span<Exact> out, int rungs) {
  const Rational temperature(row.temperature);
  Rational sum(0);
  for (const double dy : row.upstream) sum += Rational(dy);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const double dy = row.upstream[i];
    const double l = row.saved[i];
    if (sum == 0) {
      out[i] = RoundQuotient(Rational(dy), temperature, row.format);
      continue;
    }
    if (l == 0) {
      out[i] = RoundQuotient(Rational(dy) - sum, temperature, row.format);
      continue;
    }
    const bool decided = Climb(rungs, [&]<unsigned kDigits>(bool last) {
      const auto exact = OneMinusExp<kDigits>(dy, l, sum, row.temperature, row.format, last);
      if (exact) out[i] = *exact;
      return exact.has_value();
    });
    if (!decided) return false;
  }
  return true;
}

void SparsemaxBackward(const LiveGradient& row, std::span<Exact> out) {
  const bool planted = Planted(Tier::kReferee) != 0;
  const Rational support(static_cast<unsigned long>(out.size()));
  const Rational denominator = support * Rational(row.temperature);
  Rational sum(0);
  for (std::size_t j = 0; j < out.size(); ++j) {
    Rational term(row.upstream[j]);
    if (planted && j > 0) term *= PlantedFactor();
    sum += term;
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = RoundQuotient(support * Rational(row.upstream[i]) - sum, denominator, row.format);
  }
}

}  // namespace assay::oracle::referee
