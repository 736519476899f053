// SPDX-License-Identifier: Apache-2.0
//
// The contract of attention, forward: what is visible and what special values give. The rest goes to a tier.

#include "oracle/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "oracle/attention_checks.h"
#include "oracle/attention_magnitudes.h"
#include "oracle/attention_tiers.h"
#include "oracle/loss_tiers.h"

namespace assay::oracle {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

std::string Describe(const AttentionHead& head, std::size_t i) {
  const auto row = [&](std::span<const double> x, std::size_t cols) {
    return x.empty() ? x : x.subspan(i * cols, cols);
  };
  return "attention, query " + std::to_string(i) + ", length " + std::to_string(head.length) + ", scale " +
         (head.scale ? Hex(*head.scale) : "default") + ", softcap " + Hex(head.softcap) +
         (head.sink ? ", sink " + Hex(*head.sink) : "") + ", " + FormatName(head.format) + "," +
         HexList("q", row(head.q, head.head_dim)) + HexList("k", head.k) + HexList("v", head.v) +
         HexList("bias", row(head.bias, head.seq_kv));
}

// One query.
class Query {
 public:
  Query(const AttentionHead& head, const Scores& scores, std::size_t i) : head_(head) {
    terms_.head = &head;
    terms_.scores = &scores;
    terms_.i = i;
    for (std::size_t j = 0; j < head.seq_kv; ++j) {
      const PairKind kind = scores.kind(i, j);
      nan_ = nan_ || kind == PairKind::kNaN;
      plus_inf_ = plus_inf_ || kind == PairKind::kPlusInf;
      if (kind == PairKind::kFinite) terms_.keys.push_back(j);
      if (kind != PairKind::kInvisible) largest_ = std::max(largest_, ScoreSize(head, i, j));
    }
    if (!head.sink) return;
    nan_ = nan_ || std::isnan(*head.sink);
    plus_inf_ = plus_inf_ || *head.sink == kInf;
    terms_.sink = std::isfinite(*head.sink);
  }

  double largest() const { return largest_; }

  void Run(Tier tier, std::span<Exact> out, Exact& lse, std::span<std::uint8_t> unbounded, std::span<double> weight) {
    if (nan_ || plus_inf_) {
      std::ranges::fill(out, NaNResult(head_.format));
      lse = nan_ ? NaNResult(head_.lse_format) : InfinityResult(/*negative=*/false, head_.lse_format);
      return;
    }
    std::ranges::fill(out, ZeroResult(head_.format));
    if (terms_.size() == 0) {
      lse = InfinityResult(/*negative=*/true, head_.lse_format);
      return;
    }
    for (const std::size_t j : terms_.keys) {
      for (std::size_t e = 0; e < head_.value_dim; ++e) {
        if (!std::isfinite(head_.v[j * head_.value_dim + e])) unbounded[e] = 1;
      }
    }
    terms_.skip = unbounded;
    std::vector<const ScoreKey*> keys;
    for (std::size_t t = 0; t < terms_.size(); ++t) keys.push_back(&terms_.KeyOf(t));
    terms_.groups = GroupsOf(keys);
    if (!(tier == Tier::kReferee ? referee::AttentionRow : bulk::AttentionRow)(terms_, out, lse, kRungs)) {
      ThrowUndecided(tier, (tier == Tier::kReferee ? referee::AttentionBits : bulk::PrecisionBits)(kRungs),
                     Describe(head_, terms_.i));
    }
    SetWeights(terms_, weight);
  }

 private:
  const AttentionHead& head_;
  AttentionTerms terms_;
  bool nan_ = false;
  bool plus_inf_ = false;
  double largest_ = 0;
};

}  // namespace

bool MaySee(const AttentionHead& head, std::size_t i, std::size_t j) {
  if (j >= head.length) return false;
  if (!head.mask.empty() && head.mask[i * head.seq_kv + j] == 0) return false;
  // With offset = length for bottom right and seq_q for top left: t + seq_q = i + offset.
  const std::size_t t = i + (head.top_left ? head.seq_q : head.length);
  const std::size_t key = j + head.seq_q;
  if (head.causal && key > t) return false;
  return head.window == 0 || head.window > t || key > t - head.window;
}

AttentionResult Attention(const AttentionHead& head, Tier tier) {
  CheckHead(head);
  AttentionResult result;
  const std::size_t dim = head.value_dim;
  result.out.resize(head.seq_q * dim);
  result.lse.resize(head.seq_q);
  result.unbounded.resize(head.seq_q * dim);
  result.weight.resize(head.seq_q * dim);
  result.scores.resize(head.seq_q);
  const Scores scores(head);
  for (std::size_t i = 0; i < head.seq_q; ++i) {
    Query query(head, scores, i);
    result.scores[i] = query.largest();
    query.Run(tier, std::span(result.out).subspan(i * dim, dim), result.lse[i],
              std::span(result.unbounded).subspan(i * dim, dim), std::span(result.weight).subspan(i * dim, dim));
  }
  return result;
}

}  // namespace assay::oracle
