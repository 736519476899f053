// SPDX-License-Identifier: Apache-2.0
//
// The backward of attention from its saved output and log-sum-exp, one key head at a time: its query heads, query by
// query, add to the gradients of its keys and values. What is invisible takes no part, whatever it holds.

#pragma once

#include <vector>

#include "subjects/scalar/attention_steps.h"

namespace assay::subjects {

// The steps of the gradient; a part of AttentionRowSteps (attention.h).
template <class Self, class Real, class Wide>
struct AttentionGradientSteps {
  // Of many terms, one after the other.
  using Total = CompensatedSum<Wide>;

  static Wide SavedLse(const AttentionCall& call, Query at) { return static_cast<Wide>(call.SavedLse(at)); }
  static Wide SavedOut(const AttentionCall& call, Query at, std::size_t dim) {
    return static_cast<Wide>(call.SavedOut(at, dim));
  }
  static Wide Upstream(const AttentionCall& call, Query at, std::size_t dim) {
    return static_cast<Wide>(call.Upstream(at, dim));
  }
  // Whether a query takes part.
  static bool HasMass(Wide lse) { return !(lse == -HUGE_VAL); }
  // Whether the pair does: as forward.
  static bool Pairs(const AttentionCall& call, Query at, std::size_t key) { return Self::Visible(call, at, key); }

  static Wide Share(const AttentionCall&, Query, Wide z, Wide lse) { return Self::Power(z, lse); }
  static Wide Delta(const AttentionCall& call, Query at) {
    return Self::SumOf(call.value_dim(), [&](std::size_t dim, Wide* a, Wide* b) {
      *a = Self::Upstream(call, at, dim);
      *b = Self::SavedOut(call, at, dim);
      return true;
    });
  }
  // The upstream gradient along the key's value.
  static Wide Along(const AttentionCall& call, Query at, std::size_t key) {
    return Self::SumOf(call.value_dim(), [&](std::size_t dim, Wide* a, Wide* b) {
      *a = Self::Upstream(call, at, dim);
      *b = Self::V(call, at, key, dim);
      return true;
    });
  }
  // Of z by score.
  static Wide Slope(const AttentionCall& call, Wide score) {
    if (call.args().softcap == 0) return 1;
    const Wide tanh = Self::Tanh(score / static_cast<Wide>(call.args().softcap));
    return (1 - tanh) * (1 + tanh);
  }
  // Of the loss by z.
  static Wide ByZ(Wide share, Wide along, Wide delta) { return share * (along - delta); }

  static void WriteDq(const AttentionCall& call, Query at, std::size_t dim, Wide sum) {
    call.Set(call.args().dq, at, dim, static_cast<long double>(Self::Scale(call) * sum));
  }
  static void WriteDk(const AttentionCall& call, Query at, std::size_t dim, Wide sum) {
    call.Set(call.args().dk, at, dim, static_cast<long double>(Self::Scale(call) * sum));
  }
  static void WriteDv(const AttentionCall& call, Query at, std::size_t dim, Wide sum) {
    call.Set(call.args().dv, at, dim, static_cast<long double>(sum));
  }
  static void WriteDbias(const AttentionCall& call, Query at, std::size_t key, Wide value) {
    call.Set(call.args().dbias, at, key, static_cast<long double>(value));
  }

  // What the pair adds: share * upstream to dv, by_score times q to dk, times k to dq.
  struct Pair {
    Wide share = 0;
    Wide by_z = 0;
    Wide by_score = 0;
    bool counts = false;
  };
  // `delta` is of the query, computed where first needed: a query that sees nothing may hold anything.
  struct LazyDelta {
    bool known = false;
    Wide value = 0;
  };
  static Pair PairOf(const AttentionCall& call, Query at, std::size_t key, Wide lse, LazyDelta* delta) {
    if (!Self::HasMass(lse) || !Self::Pairs(call, at, key)) return {};
    const Wide score = Self::Score(call, at, key);
    const Wide z = Self::Capped(call, score) + Self::Bias(call, at, key);
    if (z == -HUGE_VAL) return {};
    if (!delta->known) *delta = {true, Self::Delta(call, at)};
    Pair pair;
    pair.counts = true;
    pair.share = Self::Share(call, at, z, lse);
    pair.by_z = Self::ByZ(pair.share, Self::Along(call, at, key), delta->value);
    pair.by_score = pair.by_z * Self::Slope(call, score);
    return pair;
  }

  // dk and dv: [keys, head_dim] and [keys, value_dim], or empty.
  static void QueryGradient(const AttentionCall& call, Query at, std::vector<Total>* dk, std::vector<Total>* dv) {
    const Wide lse = Self::SavedLse(call, at);
    LazyDelta delta;
    std::vector<Total> dq(call.head_dim());
    for (std::size_t key = 0; key < call.keys(); ++key) {
      const Pair pair = Self::PairOf(call, at, key, lse, &delta);
      Self::WriteDbias(call, at, key, pair.by_z);
      if (!pair.counts) continue;
      for (std::size_t dim = 0; dim < dq.size(); ++dim) {
        dq[dim].Add(pair.by_score * Self::K(call, at, key, dim));
        if (!dk->empty()) (*dk)[key * dq.size() + dim].Add(pair.by_score * Self::Q(call, at, dim));
      }
      for (std::size_t dim = 0; dim < call.value_dim() && !dv->empty(); ++dim) {
        (*dv)[key * call.value_dim() + dim].Add(pair.share * Self::Upstream(call, at, dim));
      }
    }
    for (std::size_t dim = 0; dim < dq.size(); ++dim) Self::WriteDq(call, at, dim, dq[dim].Value());
  }

  static void Groups(const AttentionCall& call) {
    const std::size_t dk_size = call.args().dk.data == nullptr ? 0 : call.keys() * call.head_dim();
    const std::size_t dv_size = call.args().dv.data == nullptr ? 0 : call.keys() * call.value_dim();
    for (std::size_t batch = 0; batch < call.batch(); ++batch) {
      for (std::size_t kv_head = 0; kv_head < call.kv_heads(); ++kv_head) {
        std::vector<Total> dk(dk_size);
        std::vector<Total> dv(dv_size);
        for (std::size_t head = 0; head < call.heads(); ++head) {
          if (Self::KvHead(call, head) != kv_head) continue;
          for (std::size_t query = 0; query < call.queries(); ++query) {
            Self::QueryGradient(call, {batch, head, query}, &dk, &dv);
          }
        }
        for (std::size_t i = 0; i < dk_size; ++i) {
          Self::WriteDk(call, {batch, kv_head, i / call.head_dim()}, i % call.head_dim(), dk[i].Value());
        }
        for (std::size_t i = 0; i < dv_size; ++i) {
          Self::WriteDv(call, {batch, kv_head, i / call.value_dim()}, i % call.value_dim(), dv[i].Value());
        }
      }
    }
  }
};

}  // namespace assay::subjects
