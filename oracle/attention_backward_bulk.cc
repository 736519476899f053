// SPDX-License-Identifier: Apache-2.0
//
// The bulk tier of attention, backward. In balls: p = exp(w), g = p (sum_e upstream v - delta), the parenthesis exact,
// the slope f, then one dot product with doubles for each result.

#include <array>

#include "oracle/arb_real.h"
#include "oracle/attention_balls.h"
#include "oracle/attention_tiers.h"
#include "oracle/loss_tiers.h"

namespace assay::oracle::bulk {
namespace {

// Balls of a matrix.
struct Matrix {
  Balls balls;
  arb_ptr data = nullptr;
  void Resize(std::size_t n) { data = balls.AtLeast(n); }
  void Set(std::span<const double> values) {
    Resize(values.size());
    for (std::size_t n = 0; n < values.size(); ++n) arb_set_d(data + n, values[n]);
  }
};

struct Head {
  Matrix q, k, upstream;
  std::vector<Arf> factor;  // sum_e upstream_ie v_je - delta_i of live pairs
  struct Rung {
    Matrix p, g;
    Matrix slope, gf;  // with a softcap: f, and g f
  };
  std::array<Rung, kRungs> rungs;
};

class Gradients final : public GradientTier {
 public:
  explicit Gradients(const BackwardTerms& terms) : terms_(terms), heads_(terms.group.size()) {
    FlintCleanupAtThreadExit();
    for (std::size_t h = 0; h < heads_.size(); ++h) SetHead(h);
  }

  bool Line(const PairLine& line, GradientOf what, std::span<const std::uint8_t> skip, std::span<Exact> out,
            int rungs) override {
    FlintCleanupAtThreadExit();
    std::vector<std::uint8_t> decided(skip.begin(), skip.end());
    const bool merged = NeedsMerging(line);
    std::vector<std::vector<Arf>> factors(merged ? out.size() : 0);
    if (merged) MergeAndDecide(line, what, factors, out, decided);
    const Format format = terms_.group[0].head.format;
    const Arf zero;
    const Arf one(1.0);
    Arb sum;
    bool all = false;
    for (int rung = 0; rung < rungs && !all; ++rung) {
      const slong precision = kLadder[rung];
      all = true;
      ScoreBalls balls(terms_.scores[0].scale(), precision);
      if (!merged) GatherPairs(line, what, rung);
      for (std::size_t at = 0; at < out.size(); ++at) {
        if (decided[at] != 0) continue;
        if (merged) {
          SetMergedSum(sum, line, what, factors[at], rung);
        } else if (what == GradientOf::kBias) {
          arb_set(sum, &x_[0]);
        } else {
          for (std::size_t t = 0; t < y_.size(); ++t) y_[t] = *FactorBall(line.pairs[t], what, at);
          arb_dot(sum, nullptr, 0, x_.data(), 1, y_.data(), 1, static_cast<slong>(y_.size()), precision);
        }
        if (HasScale(what)) balls.MultiplyByScale(sum);
        if (const auto exact = RoundSum(zero, sum, one, format, precision, rung == rungs - 1)) {
          out[at] = *exact;
          decided[at] = 1;
        } else {
          all = false;
        }
      }
    }
    return all;
  }

 private:
  void SetHead(std::size_t h) {
    const AttentionBackwardHead& b = terms_.group[h];
    Head& head = heads_[h];
    head.q.Set(b.head.q);
    head.k.Set(b.head.k);
    head.upstream.Set(b.upstream);
    head.factor.resize(b.head.seq_q * b.head.seq_kv);
    const std::size_t dim = b.head.value_dim;
    Arf x;
    Arf y;
    Arf delta;
    for (std::size_t i = 0; i < b.head.seq_q; ++i) {
      arf_zero(delta);
      for (std::size_t e = 0; e < dim; ++e) {
        arf_set_d(x, b.upstream[i * dim + e]);
        arf_set_d(y, b.saved_out[i * dim + e]);
        arf_submul(delta, x, y, ARF_PREC_EXACT, ARF_RND_DOWN);
      }
      for (std::size_t j = 0; j < b.head.seq_kv; ++j) {
        const std::size_t pair = i * b.head.seq_kv + j;
        if (terms_.live[h][pair] == 0) continue;
        Arf& factor = head.factor[pair];
        arf_set(factor, delta);
        for (std::size_t e = 0; e < dim; ++e) {
          arf_set_d(x, b.upstream[i * dim + e]);
          arf_set_d(y, b.head.v[j * dim + e]);
          arf_addmul(factor, x, y, ARF_PREC_EXACT, ARF_RND_DOWN);
        }
      }
    }
  }

  std::size_t IndexOf(const Pair& pair) const { return pair.i * terms_.group[pair.h].head.seq_kv + pair.j; }

  // Of all pairs of the head once one is asked for.
  const Head::Rung& RungOf(std::size_t h, int rung) {
    Head::Rung& r = heads_[h].rungs[static_cast<std::size_t>(rung)];
    if (r.p.data == nullptr) SetRung(h, kLadder[rung], r);
    return r;
  }

  // p of kValue, else g, times the slope where that belongs to it. Balls are copied bitwise, to be read only.
  void GatherPairs(const PairLine& line, GradientOf what, int rung) {
    x_.clear();
    for (const Pair& pair : line.pairs) {
      const Head::Rung& r = RungOf(pair.h, rung);
      const Matrix& matrix = what == GradientOf::kValue ? r.p : HasSlope(what) && r.gf.data != nullptr ? r.gf : r.g;
      x_.push_back(matrix.data[IndexOf(pair)]);
    }
    y_.resize(x_.size());
  }

  // sum of exp(w) f C over groups of equal w.
  void SetMergedSum(Arb& sum, const PairLine& line, GradientOf what, const std::vector<Arf>& factors, int rung) {
    const slong precision = kLadder[rung];
    Arb x;
    arb_zero(sum);
    for (std::size_t g = 0; g < factors.size(); ++g) {
      if (factors[g].sign() == 0) continue;
      const Pair& pair = line.pairs[line.groups[g][0]];
      const Head::Rung& r = RungOf(pair.h, rung);
      arb_set_arf(x, factors[g]);
      arb_mul(x, x, r.p.data + IndexOf(pair), precision);
      if (HasSlope(what) && r.slope.data != nullptr) arb_mul(x, x, r.slope.data + IndexOf(pair), precision);
      arb_add(sum, sum, x, precision);
    }
  }

  void SetRung(std::size_t h, slong precision, Head::Rung& r) {
    const double planted = Planted(Tier::kBulk);
    const AttentionHead& head = terms_.group[h].head;
    ScoreBalls balls(terms_.scores[h].scale(), precision);
    r.p.Resize(head.seq_q * head.seq_kv);
    r.g.Resize(head.seq_q * head.seq_kv);
    if (head.softcap != 0) {
      r.slope.Resize(head.seq_q * head.seq_kv);
      r.gf.Resize(head.seq_q * head.seq_kv);
    }
    Arf base;
    Arb x;
    for (std::size_t pair = 0; pair < head.seq_q * head.seq_kv; ++pair) {
      if (terms_.live[h][pair] == 0) continue;
      const ScoreKey& key = terms_.scores[h].key(pair / head.seq_kv, pair % head.seq_kv);
      arb_ptr p = r.p.data + pair;
      balls.SetZ(base, x, key);
      arb_add_arf(x, x, base, precision);
      arb_exp(p, x, precision);
      if (planted != 0 && !IsZeroExponent(key)) {
        arb_set_d(x, planted);
        arb_add_ui(x, x, 1, precision);
        arb_mul(p, p, x, precision);
      }
      arb_ptr g = r.g.data + pair;
      arb_set_arf(g, heads_[h].factor[pair]);
      arb_mul(g, g, p, precision);
      if (head.softcap == 0) continue;
      balls.SetSlope(x, key);
      arb_set(r.slope.data + pair, x);
      arb_mul(r.gf.data + pair, g, x, precision);
    }
  }

  arb_srcptr FactorBall(const Pair& pair, GradientOf what, std::size_t at) const {
    const AttentionHead& head = terms_.group[pair.h].head;
    const Head& balls = heads_[pair.h];
    if (what == GradientOf::kQuery) return balls.k.data + pair.j * head.head_dim + at;
    if (what == GradientOf::kKey) return balls.q.data + pair.i * head.head_dim + at;
    return balls.upstream.data + pair.i * head.value_dim + at;
  }

  static bool IsZeroExponent(const ScoreKey& key) { return key.a.sign() == 0 && key.b.sign() == 0; }

  // Whether equal w, or w = 0, can cancel or be rational. Without those a result is rational only where all factors are
  // 0, as balls tell too.
  bool NeedsMerging(const PairLine& line) const {
    for (const auto& members : line.groups) {
      if (members.size() > 1 || IsZeroExponent(terms_.KeyOf(line.pairs[members[0]]))) return true;
    }
    return false;
  }

  // The exact factor of exp(w) times slope times scale.
  void SetFactor(Arf& factor, const Pair& pair, GradientOf what, std::size_t at) {
    if (what == GradientOf::kBias) {
      arf_set(factor, heads_[pair.h].factor[IndexOf(pair)]);
      return;
    }
    arf_set(factor, arb_midref(FactorBall(pair, what, at)));
    if (what != GradientOf::kValue) SetProduct(factor, factor, heads_[pair.h].factor[IndexOf(pair)]);
  }

  // Factors by group of equal w; the rational results.
  void MergeAndDecide(const PairLine& line, GradientOf what, std::vector<std::vector<Arf>>& factors,
                      std::span<Exact> out, std::vector<std::uint8_t>& decided) {
    Arf factor;
    for (std::size_t at = 0; at < out.size(); ++at) {
      if (decided[at] != 0) continue;
      bool rational = true;
      Arf value;
      for (const auto& members : line.groups) {
        Arf& sum = factors[at].emplace_back();
        for (const std::size_t t : members) {
          SetFactor(factor, line.pairs[t], what, at);
          SetSum(sum, sum, factor);
        }
        if (IsZeroExponent(terms_.KeyOf(line.pairs[members[0]]))) {
          arf_set(value, sum);
        } else {
          rational = rational && sum.sign() == 0;
        }
      }
      if (!rational) continue;
      if (const auto exact = RoundScaled(value, HasScale(what))) {
        out[at] = *exact;
        decided[at] = 1;
      }
    }
  }

  // value, times the scale if asked for; nullopt where that is irrational.
  std::optional<Exact> RoundScaled(Arf& value, bool times_scale) const {
    const ScoreScale& scale = terms_.scores[0].scale();
    Arf divisor(1.0);
    if (times_scale && value.sign() != 0) {
      if (scale.root != 0 && scale.integer_root == 0) return std::nullopt;
      const Arf factor(scale.factor);
      SetProduct(value, value, factor);
      if (scale.integer_root != 0) Scale(divisor, scale.integer_root);
    }
    return RoundQuotient(value, divisor, terms_.group[0].head.format);
  }

  const BackwardTerms& terms_;
  std::vector<Head> heads_;
  // Scratch: the balls of a line's pairs, and their factors.
  std::vector<arb_struct> x_, y_;
};

}  // namespace

std::unique_ptr<GradientTier> AttentionGradients(const BackwardTerms& terms) {
  return std::make_unique<Gradients>(terms);
}

}  // namespace assay::oracle::bulk
