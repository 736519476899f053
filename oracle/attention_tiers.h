// SPDX-License-Identifier: Apache-2.0
//
// Inside oracle/ only: what attention.cc and attention_backward.cc ask of a tier. Special values are dealt with before:
// every number that a tier meets is finite.
//
// Both tiers decide first, exactly, what is rational; z of equal keys are equal (attention_scores.h), groups have
// distinct z. By Lindemann-Weierstrass, without softcap (all z are algebraic), exponentials of distinct z are linearly
// independent over the algebraic numbers, so that
//   out  = sum_g exp(z_g) V_g / sum_g exp(z_g) n_g is algebraic iff every V_g / n_g is the same, its value then;
//   lse  is algebraic iff a single term is summed: z, rational or a rational plus a rational over sqrt(D);
//   a gradient = sum_g exp(w_g) C_g, w = z - saved_lse, times the scale, is algebraic iff C_g = 0 for every w_g != 0,
//          its value then scale * C_(w = 0).
// Every other result is transcendental and lies strictly inside its enclosure. With a softcap "if" holds, "only if" is
// not known (it is a case of Schanuel's conjecture); what the last rung leaves in doubt there is `certain = false`.

#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "oracle/attention.h"
#include "oracle/attention_scores.h"
#include "oracle/tiers.h"

namespace assay::oracle {

// A query with at least one term: visible keys, and the sink as the last term.
struct AttentionTerms {
  const AttentionHead* head = nullptr;
  const Scores* scores = nullptr;
  std::size_t i = 0;
  std::vector<std::size_t> keys;
  bool sink = false;
  Groups groups;
  std::span<const std::uint8_t> skip;  // [value_dim]: columns that are not asked for

  std::size_t size() const { return keys.size() + (sink ? 1 : 0); }
  const ScoreKey& KeyOf(std::size_t term) const {
    return term < keys.size() ? scores->key(i, keys[term]) : scores->sink();
  }
  // 0 for the sink.
  double Value(std::size_t term, std::size_t e) const {
    return term < keys.size() ? head->v[keys[term] * head->value_dim + e] : 0;
  }
};

// Which gradient, and which of its numbers.
enum class GradientOf { kQuery, kKey, kValue, kBias };

// A pair of a query (of head h of the group) and a key.
struct Pair {
  std::size_t h = 0;
  std::size_t i = 0;
  std::size_t j = 0;
};

// The pairs that one row (a query: dq) or one column (a key: dk, dv) of gradients adds up.
struct PairLine {
  std::vector<Pair> pairs;
  Groups groups;  // of equal w
};

struct BackwardTerms {
  std::span<const AttentionBackwardHead> group;
  std::span<const Scores> scores;               // of z - saved_lse, by head
  std::vector<std::vector<std::uint8_t>> live;  // by head, [seq_q, seq_kv]: z finite and visible, saved_lse > -inf

  const ScoreKey& KeyOf(const Pair& pair) const { return scores[pair.h].key(pair.i, pair.j); }
};

// What multiplies exp(w) times the slope, and the scale, of a pair in one result. kQuery: k_jd, kKey: q_id, both times
// sum_e upstream_ie v_je - delta_i; kBias: that alone; kValue: upstream_ie.
bool HasScale(GradientOf what);
bool HasSlope(GradientOf what);

// Gradients of one call; a tier keeps here what lines have in common.
class GradientTier {
 public:
  virtual ~GradientTier() = default;
  // The results of one line, by d or e, but for those to skip; of kBias: a line of one pair, one result. False:
  // undecided at the last rung.
  virtual bool Line(const PairLine& line, GradientOf what, std::span<const std::uint8_t> skip, std::span<Exact> out,
                    int rungs) = 0;
};

// False: undecided at the last rung. `terms` must outlive the tier.
namespace referee {
bool AttentionRow(const AttentionTerms& terms, std::span<Exact> out, Exact& lse, int rungs = kRungs);
std::unique_ptr<GradientTier> AttentionGradients(const BackwardTerms& terms);
long AttentionBits(int rungs);
}  // namespace referee

namespace bulk {
bool AttentionRow(const AttentionTerms& terms, std::span<Exact> out, Exact& lse, int rungs = kRungs);
std::unique_ptr<GradientTier> AttentionGradients(const BackwardTerms& terms);
}  // namespace bulk

}  // namespace assay::oracle
