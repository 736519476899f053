// SPDX-License-Identifier: Apache-2.0
//
// The referee of attention, forward: dot products in exact rationals, then exponentials and sums bounded by MPFR from
// below and above, with more bits until every number is decided. With group 0 of the largest z, V_g and n_g the sum of
// values and the count of a group, e_g = exp(z_g - z_0):
//   out = (V_0 + T) / n_0, T = sum_g e_g C_g / s, C_g = n_0 V_g - n_g V_0, s = n_0 + sum_g n_g e_g, over all g but 0.
// Where e_g is beyond MPFR's range and the sign of T in doubt: T has the sign of sum_g exp(z_g - z_r) C_g, r the first
// group with C_r != 0.

#include <vector>

#include "oracle/attention_numbers.h"
#include "oracle/attention_tiers.h"

namespace assay::oracle::referee {
namespace {

struct Column {
  Rational first;                      // V_0
  std::vector<Rational> coefficients;  // C_g of the groups but the first
};

class Row {
 public:
  explicit Row(const AttentionTerms& terms) : terms_(terms), numbers_(*terms.head) {
    for (const auto& members : terms.groups) {
      const std::size_t term = members[0];
      const bool is_key = term < terms.keys.size();
      scores_.push_back(is_key ? numbers_.ScoreOf(*terms.head, terms.i, terms.keys[term])
                               : Score{Rational(0), Rational(*terms.head->sink)});
    }
  }

  void DecideExactly(std::span<Exact> out, std::vector<std::uint8_t>& decided) {
    columns_.resize(out.size());
    const Rational n_0(terms_.groups[0].size());
    for (std::size_t e = 0; e < out.size(); ++e) {
      if (decided[e] != 0) continue;
      Column& column = columns_[e];
      column.first = SumOfValues(0, e);
      bool rational = true;
      for (std::size_t g = 1; g < terms_.groups.size(); ++g) {
        column.coefficients.push_back(n_0 * SumOfValues(g, e) - Rational(terms_.groups[g].size()) * column.first);
        rational = rational && column.coefficients.back() == 0;
      }
      if (!rational) continue;
      out[e] = RoundQuotient(column.first, n_0, terms_.head->format);
      decided[e] = 1;
    }
  }

  bool Rung(long precision, bool last, std::span<Exact> out, std::vector<std::uint8_t>& decided, Exact& lse,
            bool& lse_decided) {
    SetZ(precision);
    const std::size_t n_0 = terms_.groups[0].size();
    const Rational planted = PlantedFactorOfAttention();
    std::vector<RealBounds> exps;
    RealBounds sum(precision);  // s - n_0
    for (std::size_t g = 1; g < terms_.groups.size(); ++g) {
      exps.push_back(Exp(g, 0, precision));
      if (planted != 1) exps.back().Multiply(planted);
      sum.AddProduct(exps.back(), Rational(terms_.groups[g].size()));
    }
    if (!lse_decided) {
      RealBounds log = sum;
      if (n_0 == 1) {
        log.Apply(mpfr_log1p);
      } else {
        log.Add(Rational(n_0));
        log.Apply(mpfr_log);
      }
      log.Add(rest_[0]);
      if (const auto exact = RoundSum(base_[0], log, 1, terms_.head->lse_format, last)) {
        lse = *exact;
        lse_decided = true;
      }
    }
    bool all = lse_decided;
    sum.Add(Rational(n_0));
    for (std::size_t e = 0; e < out.size(); ++e) {
      if (decided[e] != 0) continue;
      const Column& column = columns_[e];
      RealBounds t(precision);
      for (std::size_t g = 0; g < exps.size(); ++g) t.AddProduct(exps[g], column.coefficients[g]);
      if (t.SignIfKnown() == 0) ClipBySign(column, t, precision);
      t.DivideByPositive(sum);
      if (const auto exact = RoundSum(column.first, t, n_0, terms_.head->format, last)) {
        out[e] = *exact;
        decided[e] = 1;
      } else {
        all = false;
      }
    }
    return all;
  }

 private:
  Rational SumOfValues(std::size_t g, std::size_t e) const {
    Rational sum(0);
    for (const std::size_t term : terms_.groups[g]) sum += Rational(terms_.Value(term, e));
    return sum;
  }

  void SetZ(long precision) {
    base_.assign(scores_.size(), Rational(0));
    rest_.assign(scores_.size(), RealBounds(precision));
    for (std::size_t g = 0; g < scores_.size(); ++g) {
      RealBounds rest(precision);
      numbers_.SetZ(base_[g], rest, scores_[g], precision);
      rest_[g] = rest;
    }
  }

  // exp(z_g - z_r).
  RealBounds Exp(std::size_t g, std::size_t r, long precision) const {
    RealBounds e(precision);
    e.Add(rest_[g]);
    e.Subtract(rest_[r]);
    e.Add(base_[g] - base_[r]);
    e.Apply(mpfr_exp);
    return e;
  }

  void ClipBySign(const Column& column, RealBounds& t, long precision) const {
    std::size_t r = 1;
    while (column.coefficients[r - 1] == 0) ++r;
    RealBounds scaled(precision, column.coefficients[r - 1]);
    for (std::size_t g = r + 1; g < scores_.size(); ++g) {
      if (column.coefficients[g - 1] != 0) scaled.AddProduct(Exp(g, r, precision), column.coefficients[g - 1]);
    }
    if (scaled.SignIfKnown() > 0) mpfr_set_zero(t.lo, 1);
    if (scaled.SignIfKnown() < 0) mpfr_set_zero(t.hi, 1);
  }

  const AttentionTerms& terms_;
  const ScoreNumbers numbers_;
  std::vector<Score> scores_;  // by group
  std::vector<Column> columns_;
  std::vector<Rational> base_;
  std::vector<RealBounds> rest_;
};

}  // namespace

bool AttentionRow(const AttentionTerms& terms, std::span<Exact> out, Exact& lse, int rungs) {
  std::vector<std::uint8_t> decided(terms.skip.begin(), terms.skip.end());
  bool lse_decided = false;
  Row row(terms);
  row.DecideExactly(out, decided);
  for (int rung = 0; rung < rungs; ++rung) {
    if (row.Rung(kAttentionBits[rung], rung == rungs - 1, out, decided, lse, lse_decided)) return true;
  }
  return false;
}

}  // namespace assay::oracle::referee
