// SPDX-License-Identifier: Apache-2.0

#include "oracle/attention_magnitudes.h"

#include <cmath>

#include "oracle/arb_real.h"
#include "oracle/attention_balls.h"
#include "oracle/loss_tiers.h"

namespace assay::oracle {
namespace {

using bulk::Arb;
using bulk::Arf;

// 2^-33 of each exponential leaves room for the sums at 64 bits, and for 2^-40 where those are of 2^20 products.
constexpr slong kGood = -33;
constexpr slong kBits = 64;
constexpr slong kPrecisions[] = {kBits, 256, 1280, 8192};

// exp(z - base_0 - rest_0), or without those exp(z), as good as that; the last precision's where none is.
void SetExp(Arb& e, const ScoreScale& scale, const ScoreKey& key, const ScoreKey* reference) {
  for (const slong precision : kPrecisions) {
    bulk::ScoreBalls balls(scale, precision);
    Arf base;
    Arf base_0;
    Arb rest_0;
    balls.SetZ(base, e, key);
    if (reference != nullptr) {
      balls.SetZ(base_0, rest_0, *reference);
      arb_sub(e, e, rest_0, precision);
      bulk::SetDifference(base, base, base_0);
    }
    arb_add_arf(e, e, base, precision);
    arb_exp(e, e, precision);
    if (bulk::IsGood(e, kGood)) return;
  }
}

// |x y|, whose exponent long double holds.
long double Magnitude(double x, double y) { return std::fabs(static_cast<long double>(x) * y); }

// From above, to 2^-50.
void SetUpper(Arf& result, long double x) {
  int exponent = 0;
  const long double fraction = std::frexp(x, &exponent);
  arf_set_d(result, UpperDouble(fraction));
  arf_mul_2exp_si(result, result, exponent);
}

}  // namespace

void SetWeights(const AttentionTerms& terms, std::span<double> weight) {
  FlintCleanupAtThreadExit();
  std::vector<Arf> exps(terms.groups.size());
  Arb e;
  Arb sum;
  arb_set_ui(sum, terms.groups[0].size());
  arf_one(exps[0]);
  const ScoreKey& first = terms.KeyOf(terms.groups[0][0]);
  for (std::size_t g = 1; g < terms.groups.size(); ++g) {
    SetExp(e, terms.scores->scale(), terms.KeyOf(terms.groups[g][0]), &first);
    arb_get_ubound_arf(exps[g], e, kBits);
    arb_addmul_ui(sum, e, terms.groups[g].size(), kBits);
  }
  Arf least;
  arb_get_lbound_arf(least, sum, kBits);
  Arf total;
  Arf value;
  for (std::size_t c = 0; c < weight.size(); ++c) {
    if (terms.skip[c] != 0) continue;
    arf_zero(total);
    for (std::size_t g = 0; g < terms.groups.size(); ++g) {
      for (const std::size_t term : terms.groups[g]) {
        arf_set_d(value, std::fabs(terms.Value(term, c)));
        arf_addmul(total, value, exps[g], kBits, ARF_RND_UP);
      }
    }
    arf_div(total, total, least, kBits, ARF_RND_UP);
    weight[c] = bulk::UpperDouble(total);
  }
}

PairWeights::PairWeights(const BackwardTerms& terms) : terms_(terms) {
  FlintCleanupAtThreadExit();
  Arb e;
  Arf sum;
  for (std::size_t h = 0; h < terms.group.size(); ++h) {
    const AttentionBackwardHead& b = terms.group[h];
    const std::size_t pairs = b.head.seq_q * b.head.seq_kv;
    share_.emplace_back(pairs);
    gradient_.emplace_back(pairs);
    for (std::size_t pair = 0; pair < pairs; ++pair) {
      if (terms.live[h][pair] == 0) continue;
      const std::size_t i = pair / b.head.seq_kv;
      const std::size_t j = pair % b.head.seq_kv;
      SetExp(e, terms.scores[h].scale(), terms.scores[h].key(i, j), nullptr);
      arb_get_ubound_arf(share_[h][pair], e, kBits);
      long double terms_of_g = 0;
      for (std::size_t c = 0; c < b.head.value_dim; ++c) {
        const double dy = b.upstream[i * b.head.value_dim + c];
        terms_of_g += Magnitude(dy, b.head.v[j * b.head.value_dim + c]);
        terms_of_g += Magnitude(dy, b.saved_out[i * b.head.value_dim + c]);
      }
      SetUpper(sum, terms_of_g * (1 + 0x1p-40L));
      arf_mul(gradient_[h][pair], sum, share_[h][pair], kBits, ARF_RND_UP);
    }
  }
  if (terms.group.empty()) return;
  Arb scale;
  arb_one(scale);
  bulk::ScoreBalls(terms.scores[0].scale(), kBits).MultiplyByScale(scale);
  arb_abs(scale, scale);
  arb_get_ubound_arf(scale_, scale, kBits);
}

double PairWeights::Weight(const PairLine& line, GradientOf what, std::size_t at) const {
  Arf sum;
  Arf x;
  for (const Pair& pair : line.pairs) {
    const AttentionBackwardHead& b = terms_.group[pair.h];
    const std::size_t p = pair.i * b.head.seq_kv + pair.j;
    if (what == GradientOf::kBias) {
      arf_add(sum, sum, gradient_[pair.h][p], kBits, ARF_RND_UP);
      continue;
    }
    const double factor = what == GradientOf::kQuery ? b.head.k[pair.j * b.head.head_dim + at]
                          : what == GradientOf::kKey ? b.head.q[pair.i * b.head.head_dim + at]
                                                     : b.upstream[pair.i * b.head.value_dim + at];
    arf_set_d(x, std::fabs(factor));
    arf_addmul(sum, x, (what == GradientOf::kValue ? share_ : gradient_)[pair.h][p], kBits, ARF_RND_UP);
  }
  if (HasScale(what)) arf_mul(sum, sum, scale_, kBits, ARF_RND_UP);
  return bulk::UpperDouble(sum);
}

}  // namespace assay::oracle
