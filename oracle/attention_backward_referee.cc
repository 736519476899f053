// SPDX-License-Identifier: Apache-2.0
//
// The referee of attention, backward: every result is exp(w_r) times sum_t exp(w_t - w_r) f_t C_t times the scale, C_t
// an exact rational, r the largest w whose C, of all equal w together, is not 0; bounded by MPFR from below and above.

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
    std::vector<Result> results(out.size());
    for (std::size_t at = 0; at < out.size(); ++at) {
      if (decided[at] != 0) continue;
      results[at] = ResultOf(line, what, at);
      if (const auto exact = DecideExactly(line, what, results[at])) {
        out[at] = *exact;
        decided[at] = 1;
      }
    }
    for (int rung = 0; rung < rungs; ++rung) {
      if (Rung(line, what, results, kAttentionBits[rung], rung == rungs - 1, out, decided)) return true;
    }
    return false;
  }

 private:
  // One result of a line.
  struct Result {
    std::vector<Rational> factors;  // C by group of equal w
    std::size_t reference = 0;      // group r
  };

  // exp(w - w_r) f by group, and exp(w_r).
  struct Shares {
    std::vector<RealBounds> by_group;
    RealBounds power;
  };

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

  const Score& ScoreOfGroup(const PairLine& line, std::size_t g) const {
    return ScoreOf(line.pairs[line.groups[g][0]]);
  }

  Result ResultOf(const PairLine& line, GradientOf what, std::size_t at) const {
    Result result;
    for (const auto& members : line.groups) {
      Rational sum(0);
      for (const std::size_t t : members) sum += Factor(line.pairs[t], what, at);
      result.factors.push_back(sum);
    }
    while (result.reference + 1 < result.factors.size() && result.factors[result.reference] == 0) ++result.reference;
    return result;
  }

  std::optional<Exact> DecideExactly(const PairLine& line, GradientOf what, const Result& result) const {
    Rational value(0);
    for (std::size_t g = 0; g < line.groups.size(); ++g) {
      if (result.factors[g] == 0) continue;
      if (!numbers_.IsZero(ScoreOfGroup(line, g))) return std::nullopt;
      value = result.factors[g];
    }
    if (value != 0 && HasScale(what) && numbers_.has_root()) return std::nullopt;
    return RoundQuotient(value, Rational(1), terms_.group[0].head.format);
  }

  Shares SharesOf(const PairLine& line, GradientOf what, std::size_t reference, long precision) const {
    const Rational planted = PlantedFactorOfAttention();
    Shares shares = {{}, RealBounds(precision)};
    Rational base_r;
    Rational base;
    RealBounds rest_r(precision);
    RealBounds slope(precision);
    numbers_.SetZ(base_r, rest_r, ScoreOfGroup(line, reference), precision);
    for (std::size_t g = 0; g < line.groups.size(); ++g) {
      const Score& w = ScoreOfGroup(line, g);
      RealBounds x(precision);
      numbers_.SetZ(base, x, w, precision);
      x.Subtract(rest_r);
      x.Add(base - base_r);
      x.Apply(mpfr_exp);
      if (HasSlope(what)) {
        numbers_.SetSlope(slope, w, precision);
        x.MultiplyByNonnegative(slope);
      }
      if (planted != 1 && !numbers_.IsZero(w)) x.Multiply(planted);
      shares.by_group.push_back(x);
    }
    shares.power = rest_r;
    shares.power.Add(base_r);
    shares.power.Apply(mpfr_exp);
    return shares;
  }

  bool Rung(const PairLine& line, GradientOf what, const std::vector<Result>& results, long precision, bool last,
            std::span<Exact> out, std::vector<std::uint8_t>& decided) const {
    std::vector<std::optional<Shares>> shares(line.groups.size());  // by reference
    bool all = true;
    for (std::size_t at = 0; at < out.size(); ++at) {
      if (decided[at] != 0) continue;
      auto& of_reference = shares[results[at].reference];
      if (!of_reference) of_reference = SharesOf(line, what, results[at].reference, precision);
      RealBounds sum(precision);
      for (std::size_t g = 0; g < line.groups.size(); ++g) {
        sum.AddProduct(of_reference->by_group[g], results[at].factors[g]);
      }
      sum.MultiplyByNonnegative(of_reference->power);
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
