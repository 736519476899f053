// SPDX-License-Identifier: Apache-2.0
//
// The contract of attention, backward: which pairs contribute, and which results a NaN or an infinity reaches. The rest
// goes to a tier, line by line.

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

bool AllFinite(std::span<const double> x) {
  return std::ranges::all_of(x, [](double value) { return std::isfinite(value); });
}

// A pair that takes part, and how far it is fit to.
struct Fitness {
  bool takes_part = false;
  bool share = false;     // p is a number
  bool gradient = false;  // and so is g
};

class Backward {
 public:
  Backward(std::span<const AttentionBackwardHead> group, Tier tier) : group_(group), tier_(tier), scores_(Of(group)) {
    terms_.group = group;
    terms_.scores = scores_;
    for (std::size_t h = 0; h < group.size(); ++h) Survey(h);
  }

  AttentionGradients Run() {
    if (group_.empty()) return {};
    const auto ask = tier_ == Tier::kReferee ? referee::AttentionGradients : bulk::AttentionGradients;
    asked_ = ask(terms_);
    const PairWeights weights(terms_);
    weights_ = &weights;
    AttentionGradients result;
    for (std::size_t h = 0; h < group_.size(); ++h) {
      result.dq.push_back(Blank(group_[h].head.seq_q * group_[h].head.head_dim));
      result.dbias.push_back(Blank(group_[h].head.seq_q * group_[h].head.seq_kv));
      for (std::size_t i = 0; i < group_[h].head.seq_q; ++i) Row(h, i, result);
    }
    const AttentionHead& head = group_[0].head;
    result.dk = Blank(head.seq_kv * head.head_dim);
    result.dv = Blank(head.seq_kv * head.value_dim);
    for (std::size_t j = 0; j < head.seq_kv; ++j) Column(j, result);
    return result;
  }

 private:
  static std::vector<Scores> Of(std::span<const AttentionBackwardHead> group) {
    std::vector<Scores> scores;
    for (const AttentionBackwardHead& b : group) scores.emplace_back(b.head, b.saved_lse);
    return scores;
  }

  AttentionGradient Blank(std::size_t n) const {
    AttentionGradient gradient;
    gradient.exact.assign(n, ZeroResult(group_[0].head.format));
    gradient.weight.resize(n);
    gradient.scores.resize(n);
    gradient.unchecked.resize(n);
    return gradient;
  }

  void Survey(std::size_t h) {
    const AttentionBackwardHead& b = group_[h];
    const AttentionHead& head = b.head;
    std::vector<Fitness>& fitness = fitness_.emplace_back(head.seq_q * head.seq_kv);
    std::vector<std::uint8_t>& live = terms_.live.emplace_back(head.seq_q * head.seq_kv);
    sizes_.emplace_back(head.seq_q * head.seq_kv);
    const auto row = [](std::span<const double> x, std::size_t i, std::size_t cols) {
      return x.subspan(i * cols, cols);
    };
    std::vector<std::uint8_t> value_is_fine(head.seq_kv);
    std::vector<std::uint8_t> key_is_fine(head.seq_kv);
    for (std::size_t j = 0; j < head.seq_kv; ++j) {
      value_is_fine[j] = AllFinite(row(head.v, j, head.value_dim));
      key_is_fine[j] = AllFinite(row(head.k, j, head.head_dim));
    }
    for (std::size_t i = 0; i < head.seq_q; ++i) {
      if (b.saved_lse[i] == -kInf) continue;
      const bool query_is_fine = AllFinite(row(head.q, i, head.head_dim)) && std::isfinite(b.saved_lse[i]);
      const bool row_is_fine =
          AllFinite(row(b.upstream, i, head.value_dim)) && AllFinite(row(b.saved_out, i, head.value_dim));
      for (std::size_t j = 0; j < head.seq_kv; ++j) {
        const PairKind kind = scores_[h].kind(i, j);
        if (kind == PairKind::kInvisible) continue;
        const std::size_t pair = i * head.seq_kv + j;
        Fitness& fit = fitness[pair];
        fit.takes_part = true;
        fit.share = kind == PairKind::kFinite && query_is_fine && key_is_fine[j] != 0;
        fit.gradient = fit.share && row_is_fine && value_is_fine[j] != 0;
        live[pair] = fit.share;
        sizes_[h][pair] = ScoreSize(head, i, j);
      }
    }
  }

  const Fitness& FitnessOf(const Pair& pair) const {
    return fitness_[pair.h][pair.i * group_[pair.h].head.seq_kv + pair.j];
  }

  // The results of a line that has not been asked for yet, from `begin` in `result`.
  void Ask(const PairLine& line, GradientOf what, std::size_t begin, std::size_t count, AttentionGradient& result) {
    if (line.pairs.empty() || count == 0) return;
    const auto unchecked = std::span(result.unchecked).subspan(begin, count);
    bool all_fit = true;
    double largest = 0;
    for (const Pair& pair : line.pairs) {
      const Fitness& fit = FitnessOf(pair);
      all_fit = all_fit && (what == GradientOf::kValue ? fit.share : fit.gradient);
      largest = std::max(largest, sizes_[pair.h][pair.i * group_[pair.h].head.seq_kv + pair.j]);
      const AttentionBackwardHead& b = group_[pair.h];
      for (std::size_t e = 0; what == GradientOf::kValue && e < count; ++e) {
        if (!std::isfinite(b.upstream[pair.i * count + e])) unchecked[e] = 1;
      }
    }
    std::fill_n(result.scores.begin() + static_cast<std::ptrdiff_t>(begin), count, largest);
    if (!all_fit) {
      std::ranges::fill(unchecked, std::uint8_t{1});
      return;
    }
    if (!asked_->Line(line, what, unchecked, std::span(result.exact).subspan(begin, count), kRungs)) {
      ThrowUndecided(tier_, (tier_ == Tier::kReferee ? referee::AttentionBits : bulk::PrecisionBits)(kRungs),
                     Describe(line, what));
    }
    for (std::size_t at = 0; at < count; ++at) {
      if (unchecked[at] == 0) result.weight[begin + at] = weights_->Weight(line, what, at);
    }
  }

  void Group(PairLine& line) const {
    std::vector<const ScoreKey*> keys;
    for (const Pair& pair : line.pairs) {
      if (!FitnessOf(pair).share) return;  // nothing will be asked
      keys.push_back(&terms_.KeyOf(pair));
    }
    line.groups = GroupsOf(keys);
  }

  void Row(std::size_t h, std::size_t i, AttentionGradients& result) {
    const AttentionHead& head = group_[h].head;
    PairLine line;
    for (std::size_t j = 0; j < head.seq_kv; ++j) {
      const Pair pair = {h, i, j};
      if (!FitnessOf(pair).takes_part) continue;
      line.pairs.push_back(pair);
      PairLine single = {{pair}, {{0}}};
      Ask(single, GradientOf::kBias, i * head.seq_kv + j, 1, result.dbias[h]);
    }
    Group(line);
    Ask(line, GradientOf::kQuery, i * head.head_dim, head.head_dim, result.dq[h]);
  }

  void Column(std::size_t j, AttentionGradients& result) {
    PairLine line;
    for (std::size_t h = 0; h < group_.size(); ++h) {
      for (std::size_t i = 0; i < group_[h].head.seq_q; ++i) {
        const Pair pair = {h, i, j};
        if (FitnessOf(pair).takes_part) line.pairs.push_back(pair);
      }
    }
    Group(line);
    const AttentionHead& head = group_[0].head;
    Ask(line, GradientOf::kKey, j * head.head_dim, head.head_dim, result.dk);
    Ask(line, GradientOf::kValue, j * head.value_dim, head.value_dim, result.dv);
  }

  std::string Describe(const PairLine& line, GradientOf what) const {
    constexpr const char* kNames[] = {"dq", "dk", "dv", "dbias"};
    const AttentionBackwardHead& b = group_[line.pairs[0].h];
    return std::string("attention_backward, ") + kNames[static_cast<int>(what)] + ", query " +
           std::to_string(line.pairs[0].i) + ", key " + std::to_string(line.pairs[0].j) + ", scale " +
           (b.head.scale ? Hex(*b.head.scale) : "default") + ", softcap " + Hex(b.head.softcap) + "," +
           HexList("q", b.head.q) + HexList("k", b.head.k) + HexList("v", b.head.v) +
           HexList("saved_lse", b.saved_lse) + HexList("saved_out", b.saved_out) + HexList("upstream", b.upstream);
  }

  const std::span<const AttentionBackwardHead> group_;
  const Tier tier_;
  const std::vector<Scores> scores_;
  BackwardTerms terms_;
  std::vector<std::vector<Fitness>> fitness_;
  std::vector<std::vector<double>> sizes_;  // ScoreSize of pairs that take part
  std::unique_ptr<GradientTier> asked_;
  const PairWeights* weights_ = nullptr;
};

}  // namespace

bool HasScale(GradientOf what) { return what == GradientOf::kQuery || what == GradientOf::kKey; }
bool HasSlope(GradientOf what) { return HasScale(what); }

AttentionGradients AttentionBackward(std::span<const AttentionBackwardHead> group, Tier tier) {
  CheckGroup(group);
  return Backward(group, tier).Run();
}

}  // namespace assay::oracle
