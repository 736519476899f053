// SPDX-License-Identifier: Apache-2.0
//
// The bulk tier for cross-entropy and its gradient. What is rational is kept exactly, over a common denominator;
// exponentials, their sum and logarithm are Arb balls; from their ends on, everything is rounded outwards.
//
// With g = max w - w >= 0, w = x + bias T, and K = k t (k entries, no division by it yet):
//   k T loss = sum K g + T (sum K) log(m + r),  k T gradient = (sum K) p - K.
// A maximum has m p = 1 - r / (m + r), so that nothing is lost for p near 1/m.

#include <flint/fmpq.h>

#include <algorithm>

#include "oracle/bulk_numbers.h"
#include "oracle/loss_tiers.h"

namespace assay::oracle::bulk {
namespace {

class Fraction {
 public:
  Fraction() { fmpq_init(x_); }
  ~Fraction() { fmpq_clear(x_); }
  Fraction(const Fraction&) = delete;
  Fraction& operator=(const Fraction&) = delete;
  operator fmpq*() { return x_; }
  operator const fmpq*() const { return x_; }

 private:
  fmpq_t x_;
};

// What is rational of a row.
struct ExactRow {
  std::vector<Arf> gap;     // g
  std::vector<Arf> target;  // K
  Arf sum_target;           // of the hidden targets, too
  std::size_t maxima = 0;
};

ExactRow MakeExact(const LiveLoss& loss) {
  const std::size_t n = loss.row.logits.size();
  const Arf temperature(loss.row.temperature);
  ExactRow row;
  row.gap.resize(n);
  row.target.resize(n);
  std::size_t top = 0;
  Arf bias;
  for (std::size_t j = 0; j < n; ++j) {
    arf_set_d(row.gap[j], loss.row.logits[j]);
    if (!loss.row.bias.empty()) {
      arf_set_d(bias, loss.row.bias[j]);
      arf_addmul(row.gap[j], bias, temperature, ARF_PREC_EXACT, ARF_RND_DOWN);
    }
    if (arf_cmp(row.gap[j], row.gap[top]) > 0) top = j;
  }
  Arf max;
  arf_set(max, row.gap[top]);

  const Arf smoothing(loss.smoothing);
  Arf factor(1.0);
  SetDifference(factor, factor, smoothing);
  Scale(factor, n);
  for (std::size_t j = 0; j < n; ++j) {
    SetDifference(row.gap[j], max, row.gap[j]);
    row.maxima += row.gap[j].sign() == 0;
    arf_set_d(row.target[j], loss.targets[j]);
    SetProduct(row.target[j], row.target[j], factor);
    SetSum(row.target[j], row.target[j], smoothing);
    SetSum(row.sum_target, row.sum_target, row.target[j]);
  }
  Arf hidden;
  for (const double target : loss.hidden_targets) {
    arf_set_d(hidden, target);
    SetProduct(hidden, hidden, factor);
    SetSum(row.sum_target, row.sum_target, hidden);
  }
  return row;
}

struct Exponentials {
  std::vector<Arb> e;  // exp(-g / T); empty unless asked for
  Arb others;          // their sum over all but the maxima
};

Exponentials Exps(const ExactRow& row, double temperature, slong precision, bool keep) {
  const double planted = Planted(Tier::kBulk);
  const Arf t(temperature);
  Exponentials exps;
  if (keep) exps.e = std::vector<Arb>(row.gap.size());
  Arb value;
  Arb factor;
  arb_set_d(factor, planted);
  arb_add_ui(factor, factor, 1, precision);
  for (std::size_t j = 0; j < row.gap.size(); ++j) {
    if (row.gap[j].sign() == 0) continue;
    const arb_ptr e = keep ? exps.e[j] : value;
    arb_set_arf(e, row.gap[j]);
    arb_neg(e, e);
    if (temperature != 1) arb_div_arf(e, e, t, precision);
    if (arf_cmp_si(arb_midref(e), -2 * kTail) < 0) {
      // In [0, 2^-kTail]: the midpoint is below -2^21, off by less than half of itself.
      arb_zero(e);
      mag_set_ui_2exp_si(arb_radref(e), 1, -kTail);
    } else {
      arb_exp(e, e, precision);
      if (planted != 0) arb_mul(e, e, factor, precision);
    }
    arb_add(exps.others, exps.others, e, precision);
  }
  return exps;
}

// log(maxima + others), relatively accurate.
void SetLog(Ends& log, const ExactRow& row, double temperature, slong precision) {
  Exponentials exps = Exps(row, temperature, precision, /*keep=*/false);
  if (row.maxima == 1) {
    arb_log1p(exps.others, exps.others, precision);
  } else {
    arb_add_ui(exps.others, exps.others, row.maxima, precision);
    arb_log(exps.others, exps.others, precision);
  }
  SetNonnegative(log, exps.others, precision);
}

// lo or hi of a nonnegative x / y with y > 0 in its own bounds.
void SetQuotient(Ends& result, const Ends& x, const Ends& y, slong precision) {
  arf_div(result.lo, x.lo, y.hi, precision, ARF_RND_FLOOR);
  arf_div(result.hi, x.hi, y.lo, precision, ARF_RND_CEIL);
}

}  // namespace

std::optional<Exact> Loss(std::span<const LiveLoss> rows, double divisor, Format format, int rungs) {
  // The sum of (sum K g) / (k T), over all rows, and of what multiplies the logarithms.
  std::vector<ExactRow> exact_rows;
  Fraction rational;
  Fraction term;
  Fraction weight;
  bool has_log = false;
  const Arf divide_by(divisor);
  for (const LiveLoss& loss : rows) {
    exact_rows.push_back(MakeExact(loss));
    const ExactRow& row = exact_rows.back();
    Arf distances;
    for (std::size_t j = 0; j < row.gap.size(); ++j) {
      if (row.target[j].sign() == 0) continue;
      arf_addmul(distances, row.target[j], row.gap[j], ARF_PREC_EXACT, ARF_RND_DOWN);
    }
    Arf denominator(loss.row.temperature);
    Scale(denominator, row.gap.size());
    SetProduct(denominator, denominator, divide_by);
    arf_get_fmpq(term, distances);
    arf_get_fmpq(weight, denominator);
    fmpq_div(term, term, weight);
    fmpq_add(rational, rational, term);
    has_log = has_log || (row.gap.size() > 1 && row.sum_target.sign() != 0);
  }
  Arf numerator;
  Arf denominator;
  arf_set_fmpz(numerator, fmpq_numref(static_cast<const fmpq*>(rational)));
  arf_set_fmpz(denominator, fmpq_denref(static_cast<const fmpq*>(rational)));
  if (!has_log) return RoundQuotient(numerator, denominator, format);

  const Arf one(1.0);
  for (int rung = 0; rung < rungs; ++rung) {
    const slong precision = kLadder[rung];
    Ends total;
    Ends log;
    Arf lo;
    for (std::size_t r = 0; r < rows.size(); ++r) {
      const ExactRow& row = exact_rows[r];
      if (row.gap.size() == 1 || row.sum_target.sign() == 0) continue;
      SetLog(log, row, rows[r].row.temperature, precision);
      SetProduct(log.lo, log.lo, row.sum_target);
      SetProduct(log.hi, log.hi, row.sum_target);
      arf_div_ui(log.lo, log.lo, row.gap.size(), precision, ARF_RND_FLOOR);
      arf_div_ui(log.hi, log.hi, row.gap.size(), precision, ARF_RND_CEIL);
      arf_add(total.lo, total.lo, log.lo, precision, ARF_RND_FLOOR);
      arf_add(total.hi, total.hi, log.hi, precision, ARF_RND_CEIL);
    }
    arf_div(total.lo, total.lo, divide_by, precision, ARF_RND_FLOOR);
    arf_div(total.hi, total.hi, divide_by, precision, ARF_RND_CEIL);
    arf_div(lo, numerator, denominator, precision, ARF_RND_FLOOR);
    arf_add(total.lo, total.lo, lo, precision, ARF_RND_FLOOR);
    arf_div(lo, numerator, denominator, precision, ARF_RND_CEIL);
    arf_add(total.hi, total.hi, lo, precision, ARF_RND_CEIL);
    if (const auto exact = RoundBetween(total, one, /*negate=*/false, format, rung == rungs - 1)) return exact;
  }
  return std::nullopt;
}

bool LossGradient(const LiveLoss& loss, double upstream, double divisor, Format format, std::span<Exact> out,
                  int rungs) {
  ExactRow row = MakeExact(loss);
  const std::size_t n = out.size();
  const bool negative = upstream < 0;
  const Arf scale(negative ? -upstream : upstream);
  Arf denominator(loss.row.temperature);
  const Arf divide_by(divisor);
  SetProduct(denominator, denominator, divide_by);
  Scale(denominator, n);
  // gradient = (a p - c) / denominator.
  Arf a;
  SetProduct(a, row.sum_target, scale);
  if (a.sign() == 0) {
    std::fill(out.begin(), out.end(), ZeroResult(format));
    return true;
  }
  std::vector<Arf> c = std::move(row.target);
  for (Arf& cj : c) SetProduct(cj, cj, scale);
  if (row.maxima == n) {
    // p = 1 / n.
    Scale(denominator, n);
    for (std::size_t j = 0; j < n; ++j) {
      Scale(c[j], n);
      SetDifference(c[j], negative ? c[j] : a, negative ? a : c[j]);
      out[j] = RoundQuotient(c[j], denominator, format);
    }
    return true;
  }

  Arf denominator_of_max;
  arf_set(denominator_of_max, denominator);
  Scale(denominator_of_max, row.maxima);
  std::vector<bool> decided(n, false);
  Ends others;
  Ends sum;
  Ends e;
  Ends p;
  Arf rest;
  for (int rung = 0; rung < rungs; ++rung) {
    const slong precision = kLadder[rung];
    const Exponentials exps = Exps(row, loss.row.temperature, precision, /*keep=*/true);
    SetNonnegative(others, exps.others, precision);
    arf_add_ui(sum.lo, others.lo, row.maxima, precision, ARF_RND_FLOOR);
    arf_add_ui(sum.hi, others.hi, row.maxima, precision, ARF_RND_CEIL);
    bool all_decided = true;
    for (std::size_t j = 0; j < n; ++j) {
      if (decided[j]) continue;
      const bool is_max = row.gap[j].sign() == 0;
      if (is_max) {
        // m (a p - c) = (a - m c) - a r / (m + r).
        SetQuotient(p, others, sum, precision);
        arf_set(rest, c[j]);
        Scale(rest, row.maxima);
        SetDifference(rest, a, rest);
      } else {
        SetNonnegative(e, exps.e[j], precision);
        SetQuotient(p, e, sum, precision);
        arf_set(rest, c[j]);
      }
      arf_mul(p.lo, p.lo, a, precision, ARF_RND_FLOOR);
      arf_mul(p.hi, p.hi, a, precision, ARF_RND_CEIL);
      arf_sub(p.lo, p.lo, rest, precision, ARF_RND_FLOOR);
      arf_sub(p.hi, p.hi, rest, precision, ARF_RND_CEIL);
      const auto exact =
          RoundBetween(p, is_max ? denominator_of_max : denominator, negative != is_max, format, rung == rungs - 1);
      if (exact) out[j] = *exact;
      decided[j] = exact.has_value();
      all_decided = all_decided && decided[j];
    }
    if (all_decided) return true;
  }
  return false;
}

}  // namespace assay::oracle::bulk
