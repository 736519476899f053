// SPDX-License-Identifier: Apache-2.0
//
// The bulk tier of attention, forward: Arb balls, whose radii are rigorous by construction. With group 0 of the largest
// z, n_g terms and values V_g in a group, d_g = z_g - z_0:
//   out = (V_0 + sum_g exp(d_g) C_g / s) / n_0, C_g = n_0 V_g - n_g V_0, s = n_0 + sum_g n_g exp(d_g)
// so that a result next to the mean of group 0 is right relative to its distance from it.

#include <cmath>
#include <vector>

#include "oracle/arb_real.h"
#include "oracle/attention_balls.h"
#include "oracle/attention_tiers.h"
#include "oracle/loss_tiers.h"

namespace assay::oracle::bulk {
namespace {

struct Scratch {
  static Scratch& OfThread() {
    FlintCleanupAtThreadExit();
    static thread_local Scratch scratch;
    return scratch;
  }
  Balls exps, coefficients;
};

class Row {
 public:
  explicit Row(const AttentionTerms& terms)
      : terms_(terms), others_(terms.groups.size() - 1), first_count_(1.0), first_values_(terms.head->value_dim) {
    Scale(first_count_, terms.groups[0].size());
    exps_ = scratch_.exps.AtLeast(others_ + 1);
    coefficients_ = scratch_.coefficients.AtLeast(others_ * terms.head->value_dim + 1);
  }

  // The rational results; `decided` tells which.
  void DecideExactly(std::span<Exact> out, std::vector<std::uint8_t>& decided) {
    Arf sum;
    Arf product;
    for (std::size_t e = 0; e < out.size(); ++e) {
      if (decided[e] != 0) continue;
      SetSumOfValues(first_values_[e], 0, e);
      bool rational = true;
      for (std::size_t g = 1; g <= others_; ++g) {
        arb_ptr coefficient = coefficients_ + e * others_ + g - 1;
        if (SetDifferenceOfDoubles(coefficient, g, e)) {
          rational = rational && arb_is_zero(coefficient) != 0;
          continue;
        }
        SetSumOfValues(sum, g, e);
        Scale(sum, terms_.groups[0].size());
        arf_mul_ui(product, first_values_[e], terms_.groups[g].size(), ARF_PREC_EXACT, ARF_RND_DOWN);
        SetDifference(sum, sum, product);
        arb_set_arf(coefficient, sum);
        rational = rational && sum.sign() == 0;
      }
      if (!rational) continue;
      out[e] = RoundQuotient(first_values_[e], first_count_, terms_.head->format);
      decided[e] = 1;
    }
  }

  bool Rung(slong precision, bool last, std::span<Exact> out, std::vector<std::uint8_t>& decided, Exact& lse,
            bool& lse_decided) {
    const double planted = Planted(Tier::kBulk);
    ScoreBalls balls(terms_.scores->scale(), precision);
    Arf base_0;
    Arf base;
    Arb rest_0;
    Arb sum;  // s - n_0
    Arb x;
    balls.SetZ(base_0, rest_0, KeyOf(0));
    for (std::size_t g = 1; g <= others_; ++g) {
      arb_ptr e = exps_ + g - 1;
      balls.SetZ(base, x, KeyOf(g));
      arb_sub(x, x, rest_0, precision);
      SetDifference(base, base, base_0);
      arb_add_arf(x, x, base, precision);
      arb_exp(e, x, precision);
      if (planted != 0) {
        arb_set_d(x, planted);
        arb_add_ui(x, x, 1, precision);
        arb_mul(e, e, x, precision);
      }
      arb_addmul_ui(sum, e, terms_.groups[g].size(), precision);
    }
    if (!lse_decided) {
      const std::size_t n = terms_.groups[0].size();
      if (n == 1) {
        arb_log1p(x, sum, precision);
      } else {
        arb_add_ui(x, sum, n, precision);
        arb_log(x, x, precision);
      }
      arb_add(x, x, rest_0, precision);
      Arf one(1.0);
      if (const auto exact = RoundSum(base_0, x, one, terms_.head->lse_format, precision, last)) {
        lse = *exact;
        lse_decided = true;
      }
    }
    bool all = lse_decided;
    arb_add_ui(sum, sum, terms_.groups[0].size(), precision);
    arb_inv(sum, sum, precision);
    for (std::size_t e = 0; e < out.size(); ++e) {
      if (decided[e] != 0) continue;
      arb_dot(x, nullptr, 0, exps_, 1, coefficients_ + e * others_, 1, static_cast<slong>(others_), precision);
      arb_mul(x, x, sum, precision);
      if (const auto exact = RoundSum(first_values_[e], x, first_count_, terms_.head->format, precision, last)) {
        out[e] = *exact;
        decided[e] = 1;
      } else {
        all = false;
      }
    }
    return all;
  }

 private:
  const ScoreKey& KeyOf(std::size_t g) const { return terms_.KeyOf(terms_.groups[g][0]); }

  // C_g of two groups of one term each, where it is a double: the error of a difference is itself a double (Knuth 1969,
  // 4.2.2), and is 0 for most pairs of f32.
  bool SetDifferenceOfDoubles(arb_ptr coefficient, std::size_t g, std::size_t e) const {
    if (terms_.groups[0].size() != 1 || terms_.groups[g].size() != 1) return false;
    const double a = terms_.Value(terms_.groups[g][0], e);
    const double b = terms_.Value(terms_.groups[0][0], e);
    const double difference = a - b;
    const double b_part = a - difference;
    if ((a - (difference + b_part)) + (b_part - b) != 0 || !std::isfinite(difference)) return false;
    arb_set_d(coefficient, difference);
    return true;
  }

  void SetSumOfValues(Arf& sum, std::size_t g, std::size_t e) {
    arf_set_d(sum, terms_.Value(terms_.groups[g][0], e));
    for (std::size_t n = 1; n < terms_.groups[g].size(); ++n) {
      arf_set_d(value_, terms_.Value(terms_.groups[g][n], e));
      SetSum(sum, sum, value_);
    }
  }

  const AttentionTerms& terms_;
  const std::size_t others_;
  Scratch& scratch_ = Scratch::OfThread();
  Arf first_count_;
  std::vector<Arf> first_values_;  // V_0 of each column
  Arf value_;
  arb_ptr exps_;          // of the groups but the first
  arb_ptr coefficients_;  // C_g by column
};

}  // namespace

bool AttentionRow(const AttentionTerms& terms, std::span<Exact> out, Exact& lse, int rungs) {
  std::vector<std::uint8_t> decided(terms.skip.begin(), terms.skip.end());
  bool lse_decided = false;
  Row row(terms);
  row.DecideExactly(out, decided);
  for (int rung = 0; rung < rungs; ++rung) {
    if (row.Rung(kLadder[rung], rung == rungs - 1, out, decided, lse, lse_decided)) return true;
  }
  return false;
}

}  // namespace assay::oracle::bulk
