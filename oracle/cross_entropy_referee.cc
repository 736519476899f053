// SPDX-License-Identifier: Apache-2.0
//
// The referee for cross-entropy and its gradient. Targets and distances from the largest score are exact rationals;
// exponentials and logarithms are bounded by MPFR from below and above.
//
// With w = x + bias T, u = w - max w <= 0, m the number of maxima and r = sum of exp(u / T) over the others:
//   lse - z_j = log(m + r) - u_j / T, so that  loss = sum t_j (-u_j / T) + (sum t) log(m + r),
// a sum of terms none of which is negative: nothing cancels. p_j = exp(u_j / T) / (m + r), and a maximum has
// p = 1/m - r / (m (m + r)), which keeps p - t accurate for t = 1/m, and on its side of a midpoint a/m - c for any m.
//
// Bounds of e = exp(u / T) at P bits. Rounding twice downwards (away from 0), a~ <= u / T <= a~ + |a~| 2^(2-P). With
// e~ = exp(a~) rounded down and |a~| <= 2^21: e~ <= e <= e~ (1 + 2^(1-P)) (1 + 1.01 |a~| 2^(2-P))
// <= e~ (1 + 2^(3-P) (|a~| + 1)). Every other operation is rounded outwards.

#include <algorithm>

#include "oracle/loss_tiers.h"
#include "oracle/referee_numbers.h"

namespace assay::oracle::referee {
namespace {

// What is rational of a row.
struct ExactRow {
  std::vector<Rational> u;
  std::vector<Rational> t;
  Rational sum_t{0};
  std::size_t maxima = 0;
};

ExactRow MakeExact(const LiveLoss& loss) {
  const LiveRow& row = loss.row;
  const std::size_t n = row.logits.size();
  const Rational temperature(row.temperature);
  const Rational rest = Rational(1) - Rational(loss.smoothing);
  const Rational share = Rational(loss.smoothing) / Rational(static_cast<unsigned long>(n));
  ExactRow exact;
  exact.u.resize(n);
  exact.t.resize(n);
  for (std::size_t j = 0; j < n; ++j) {
    exact.u[j] = Rational(row.logits[j]);
    if (!row.bias.empty()) exact.u[j] += Rational(row.bias[j]) * temperature;
    exact.t[j] = Rational(loss.targets[j]);
    if (loss.smoothing != 0) exact.t[j] = rest * exact.t[j] + share;
    exact.sum_t += exact.t[j];
  }
  for (const double hidden : loss.hidden_targets) exact.sum_t += rest * Rational(hidden);
  const Rational max = *std::max_element(exact.u.begin(), exact.u.end());
  for (Rational& u : exact.u) {
    u -= max;
    exact.maxima += u == 0;
  }
  return exact;
}

template <unsigned kDigits>
struct Exponentials {
  std::vector<Bounds<kDigits>> e;  // exp(u / T); unused for the maxima
  Bounds<kDigits> others;          // their sum, r
  Bounds<kDigits> sum;             // m + r
};

template <unsigned kDigits>
Bounds<kDigits> BoundExp(const Rational& u, double temperature) {
  Bounds<kDigits> e;
  Real<kDigits> argument;
  mpfr_set_q(Raw(argument), Raw(u), MPFR_RNDD);
  mpfr_div_d(Raw(argument), Raw(argument), temperature, MPFR_RNDD);
  if (mpfr_cmp_si(Raw(argument), -kTail) < 0) {
    mpfr_set_ui_2exp(Raw(e.hi), 1, -kTail, MPFR_RNDN);
    return e;
  }
  mpfr_exp(Raw(e.lo), Raw(argument), MPFR_RNDD);
  const double factor = 1 - mpfr_get_d(Raw(argument), MPFR_RNDD);
  mpfr_mul_d(Raw(e.hi), Raw(e.lo), factor, MPFR_RNDU);
  mpfr_mul_2si(Raw(e.hi), Raw(e.hi), 3 - mpfr_get_prec(Raw(e.lo)), MPFR_RNDU);
  mpfr_add(Raw(e.hi), Raw(e.hi), Raw(e.lo), MPFR_RNDU);
  if (const double planted = Planted(Tier::kReferee); planted != 0) {
    const Rational planted_factor = Rational(1) + Rational(planted);
    mpfr_mul_q(Raw(e.lo), Raw(e.lo), Raw(planted_factor), MPFR_RNDD);
    mpfr_mul_q(Raw(e.hi), Raw(e.hi), Raw(planted_factor), MPFR_RNDU);
  }
  return e;
}

template <unsigned kDigits>
Exponentials<kDigits> BoundExps(const ExactRow& row, double temperature) {
  Exponentials<kDigits> exps;
  exps.e.resize(row.u.size());
  for (std::size_t j = 0; j < row.u.size(); ++j) {
    if (row.u[j] == 0) continue;
    exps.e[j] = BoundExp<kDigits>(row.u[j], temperature);
    mpfr_add(Raw(exps.others.lo), Raw(exps.others.lo), Raw(exps.e[j].lo), MPFR_RNDD);
    mpfr_add(Raw(exps.others.hi), Raw(exps.others.hi), Raw(exps.e[j].hi), MPFR_RNDU);
  }
  mpfr_add_ui(Raw(exps.sum.lo), Raw(exps.others.lo), row.maxima, MPFR_RNDD);
  mpfr_add_ui(Raw(exps.sum.hi), Raw(exps.others.hi), row.maxima, MPFR_RNDU);
  return exps;
}

// log(m + r), relatively accurate.
template <unsigned kDigits>
Bounds<kDigits> BoundLog(const ExactRow& row, double temperature) {
  const Exponentials<kDigits> exps = BoundExps<kDigits>(row, temperature);
  Bounds<kDigits> log;
  if (row.maxima == 1) {
    mpfr_log1p(Raw(log.lo), Raw(exps.others.lo), MPFR_RNDD);
    mpfr_log1p(Raw(log.hi), Raw(exps.others.hi), MPFR_RNDU);
  } else {
    mpfr_log(Raw(log.lo), Raw(exps.sum.lo), MPFR_RNDD);
    mpfr_log(Raw(log.hi), Raw(exps.sum.hi), MPFR_RNDU);
  }
  return log;
}

}  // namespace

std::optional<Exact> Loss(std::span<const LiveLoss> rows, double divisor, Format format, int rungs) {
  const Rational divide_by(divisor);
  std::vector<ExactRow> exact_rows;
  Rational rational(0);
  bool has_log = false;
  for (const LiveLoss& loss : rows) {
    exact_rows.push_back(MakeExact(loss));
    const ExactRow& row = exact_rows.back();
    Rational distances(0);
    for (std::size_t j = 0; j < row.u.size(); ++j) {
      if (row.t[j] != 0) distances -= row.t[j] * row.u[j];
    }
    rational += distances / Rational(loss.row.temperature);
    has_log = has_log || (row.u.size() > 1 && row.sum_t != 0);
  }
  rational /= divide_by;
  if (!has_log) return RoundQuotient(rational, Rational(1), format);

  std::optional<Exact> result;
  Climb(rungs, [&]<unsigned kDigits>(bool last) {
    Bounds<kDigits> total;
    for (std::size_t r = 0; r < rows.size(); ++r) {
      const ExactRow& row = exact_rows[r];
      if (row.u.size() == 1 || row.sum_t == 0) continue;
      Bounds<kDigits> log = BoundLog<kDigits>(row, rows[r].row.temperature);
      mpfr_mul_q(Raw(log.lo), Raw(log.lo), Raw(row.sum_t), MPFR_RNDD);
      mpfr_mul_q(Raw(log.hi), Raw(log.hi), Raw(row.sum_t), MPFR_RNDU);
      mpfr_add(Raw(total.lo), Raw(total.lo), Raw(log.lo), MPFR_RNDD);
      mpfr_add(Raw(total.hi), Raw(total.hi), Raw(log.hi), MPFR_RNDU);
    }
    mpfr_div_d(Raw(total.lo), Raw(total.lo), divisor, MPFR_RNDD);
    mpfr_div_d(Raw(total.hi), Raw(total.hi), divisor, MPFR_RNDU);
    mpfr_add_q(Raw(total.lo), Raw(total.lo), Raw(rational), MPFR_RNDD);
    mpfr_add_q(Raw(total.hi), Raw(total.hi), Raw(rational), MPFR_RNDU);
    result = RoundBetween(Raw(total.lo), Raw(total.hi), /*negate=*/false, format, last);
    return result.has_value();
  });
  return result;
}

bool LossGradient(const LiveLoss& loss, double upstream, double divisor, Format format, std::span<Exact> out,
                  int rungs) {
  const ExactRow row = MakeExact(loss);
  const std::size_t n = out.size();
  const bool negative = upstream < 0;
  const Rational scale =
      Rational(negative ? -upstream : upstream) / (Rational(divisor) * Rational(loss.row.temperature));
  // The gradient is a p - c.
  const Rational a = scale * row.sum_t;
  if (a == 0) {
    std::fill(out.begin(), out.end(), ZeroResult(format));
    return true;
  }
  std::vector<Rational> c(n);
  for (std::size_t j = 0; j < n; ++j) {
    if (row.t[j] != 0) c[j] = scale * row.t[j];
  }
  if (row.maxima == n) {
    const Rational sign(negative ? -1 : 1);
    const Rational share = a / Rational(static_cast<unsigned long>(n));
    for (std::size_t j = 0; j < n; ++j) out[j] = RoundQuotient(sign * (share - c[j]), Rational(1), format);
    return true;
  }

  std::vector<bool> decided(n, false);
  return Climb(rungs, [&]<unsigned kDigits>(bool last) {
    const Exponentials<kDigits> exps = BoundExps<kDigits>(row, loss.row.temperature);
    const Bounds<kDigits> factor(a);
    const Rational share = a / Rational(static_cast<unsigned long>(row.maxima));
    const Bounds<kDigits> share_bounds(share);
    bool all_decided = true;
    for (std::size_t j = 0; j < n; ++j) {
      if (decided[j]) continue;
      // a p - c; a maximum: (a/m - c) - a/m r / (m + r).
      const bool is_max = row.u[j] == 0;
      const Bounds<kDigits>& e = is_max ? exps.others : exps.e[j];
      const Bounds<kDigits>& by = is_max ? share_bounds : factor;
      const Rational rest = is_max ? share - c[j] : c[j];
      Bounds<kDigits> value;
      mpfr_div(Raw(value.lo), Raw(e.lo), Raw(exps.sum.hi), MPFR_RNDD);
      mpfr_div(Raw(value.hi), Raw(e.hi), Raw(exps.sum.lo), MPFR_RNDU);
      mpfr_mul(Raw(value.lo), Raw(value.lo), Raw(by.lo), MPFR_RNDD);
      mpfr_mul(Raw(value.hi), Raw(value.hi), Raw(by.hi), MPFR_RNDU);
      mpfr_sub_q(Raw(value.lo), Raw(value.lo), Raw(rest), MPFR_RNDD);
      mpfr_sub_q(Raw(value.hi), Raw(value.hi), Raw(rest), MPFR_RNDU);
      const auto exact = RoundBetween(Raw(value.lo), Raw(value.hi), negative != is_max, format, last);
      if (exact) out[j] = *exact;
      decided[j] = exact.has_value();
      all_decided = all_decided && decided[j];
    }
    return all_decided;
  });
}

}  // namespace assay::oracle::referee
