// SPDX-License-Identifier: Apache-2.0
//
// The referee of attention, backward: every result is (a power, exp(w_0), of the largest w of its line) times
// sum_t exp(w_t - w_0) f_t C_t times the scale, C_t an exact rational; bounded by MPFR from below and above.

#include <cmath>
#include <vector>

#include "oracle/attention_numbers.h"
#include "oracle/attention_tiers.h"

namespace assay::oracle::referee {
namespace {

class Gradients final : public GradientTier {
 public:
  explicit Gradients(const BackwardTerms& terms) : terms_(terms), numbers_(terms.group[0].head) {
    for (std::size_t h = 0; h < terms.group.size(); ++h) SetHead(h);
  }

  bool Line(const PairLine& line, GradientOf what, std::span<const std::uint8_t> skip, std::span<Exact> out,
            int rungs) override {
    FreeCacheAtThreadExit();
    std::vector<std::uint8_t> decided(skip.begin(), skip.end());
    std::vector<std::vector<Rational>> factors(out.size());
    for (std::size_t at = 0; at < out.size(); ++at) {
      if (decided[at] != 0) continue;
      for (const Pair& pair : line.pairs) factors[at].push_back(Factor(pair, what, at));
      if (const auto exact = DecideExactly(line, what, factors[at])) {
        out[at] = *exact;
        decided[at] = 1;
      }
    }
    for (int rung = 0; rung < rungs; ++rung) {
      if (Rung(line, what, factors, kAttentionBits[rung], rung == rungs - 1, out, decided)) return true;
    }
    return false;
  }

 private:
  struct Head {
    std::vector<Score> scores;       // of live pairs
    std::vector<Rational> gradient;  // sum_e upstream_ie v_je - delta_i
  };

  void SetHead(std::size_t h) {
    const AttentionBackwardHead& b = terms_.group[h];
    Head& head = heads_.emplace_back();
    head.scores.resize(terms_.live[h].size());
    head.gradient.resize(terms_.live[h].size());
    const std::size_t dim = b.head.value_dim;
    for (std::size_t pair = 0; pair < terms_.live[h].size(); ++pair) {
      if (terms_.live[h][pair] == 0) continue;
      const std::size_t i = pair / b.head.seq_kv;
      const std::size_t j = pair % b.head.seq_kv;
      head.scores[pair] = numbers_.ScoreOf(b.head, i, j, b.saved_lse[i]);
      bool finite = true;
      for (std::size_t e = 0; e < dim; ++e) {
        finite = finite && std::isfinite(b.upstream[i * dim + e]) && std::isfinite(b.saved_out[i * dim + e]) &&
                 std::isfinite(b.head.v[j * dim + e]);
      }
      for (std::size_t e = 0; finite && e < dim; ++e) {
        head.gradient[pair] +=
            Rational(b.upstream[i * dim + e]) * (Rational(b.head.v[j * dim + e]) - Rational(b.saved_out[i * dim + e]));
      }
    }
  }

  std::size_t IndexOf(const Pair& pair) const { return pair.i * terms_.group[pair.h].head.seq_kv + pair.j; }
  const Score& ScoreOf(const Pair& pair) const { return heads_[pair.h].scores[IndexOf(pair)]; }

  Rational Factor(const Pair& pair, GradientOf what, std::size_t at) const {
    const AttentionBackwardHead& b = terms_.group[pair.h];
    const Rational& gradient = heads_[pair.h].gradient[IndexOf(pair)];
    switch (what) {
      case GradientOf::kQuery:
        return gradient * Rational(b.head.k[pair.j * b.head.head_dim + at]) * numbers_.rational_scale();
      case GradientOf::kKey:
        return gradient * Rational(b.head.q[pair.i * b.head.head_dim + at]) * numbers_.rational_scale();
      case GradientOf::kValue:
        return Rational(b.upstream[pair.i * b.head.value_dim + at]);
      default:
        return gradient;
    }
  }

  // The rational results.
  std::optional<Exact> DecideExactly(const PairLine& line, GradientOf what,
                                     const std::vector<Rational>& factors) const {
    Rational value(0);
    for (const auto& members : line.groups) {
      Rational sum(0);
      for (const std::size_t t : members) sum += factors[t];
      const Score& w = ScoreOf(line.pairs[members[0]]);
      if (numbers_.IsZero(w)) {
        value = sum;
      } else if (sum != 0) {
        return std::nullopt;
      }
    }
    if (value != 0 && HasScale(what) && numbers_.has_root()) return std::nullopt;
    return RoundQuotient(value, Rational(1), terms_.group[0].head.format);
  }

  bool Rung(const PairLine& line, GradientOf what, const std::vector<std::vector<Rational>>& factors, long precision,
            bool last, std::span<Exact> out, std::vector<std::uint8_t>& decided) const {
    const Rational planted = PlantedFactorOfAttention();
    Rational base_0;
    Rational base;
    RealBounds rest_0(precision);
    RealBounds slope(precision);
    numbers_.SetZ(base_0, rest_0, ScoreOf(line.pairs[line.groups[0][0]]), precision);
    std::vector<RealBounds> shares(line.pairs.size(), RealBounds(precision));  // exp(w - w_0) f
    for (std::size_t t = 0; t < line.pairs.size(); ++t) {
      const Score& w = ScoreOf(line.pairs[t]);
      RealBounds x(precision);
      numbers_.SetZ(base, x, w, precision);
      x.Subtract(rest_0);
      x.Add(base - base_0);
      x.Apply(mpfr_exp);
      if (HasSlope(what)) {
        numbers_.SetSlope(slope, w, precision);
        x.MultiplyByNonnegative(slope);
      }
      if (planted != 1 && !numbers_.IsZero(w)) x.Multiply(planted);
      shares[t] = x;
    }
    RealBounds power = rest_0;  // exp(w_0)
    power.Add(base_0);
    power.Apply(mpfr_exp);
    bool all = true;
    for (std::size_t at = 0; at < out.size(); ++at) {
      if (decided[at] != 0) continue;
      RealBounds sum(precision);
      for (std::size_t t = 0; t < shares.size(); ++t) sum.AddProduct(shares[t], factors[at][t]);
      sum.MultiplyByNonnegative(power);
      if (HasScale(what)) numbers_.DivideByRoot(sum);
      if (const auto exact = RoundSum(Rational(0), sum, 1, terms_.group[0].head.format, last)) {
        out[at] = *exact;
        decided[at] = 1;
      } else {
        all = false;
      }
    }
    return all;
  }

  const BackwardTerms& terms_;
  const ScoreNumbers numbers_;
  std::vector<Head> heads_;
};

}  // namespace

std::unique_ptr<GradientTier> AttentionGradients(const BackwardTerms& terms) {
  return std::make_unique<Gradients>(terms);
}

}  // namespace assay::oracle::referee
