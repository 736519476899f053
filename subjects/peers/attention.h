// SPDX-License-Identifier: Apache-2.0
//
// What the compositions of attention by other people's libraries share. They keep the scores of one head and some
// queries at a time, as many as a cache holds, and of those the keys that the last of them sees: what whole matrices of
// scores cost in memory is not what a library is to be blamed for.

#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "subjects/peers/peer.h"

namespace assay::peers {

inline constexpr std::uint64_t kAttentionFeatures =
    ASSAY_FEATURE_CAUSAL | ASSAY_FEATURE_SCALE | ASSAY_FEATURE_VALUE_DIM | ASSAY_FEATURE_CONCURRENT;

// Heads are dense, one behind the other, and each has keys of its own: nothing else is declared.
struct DenseHead {
  const float* q;  // [seq_q, head_dim]
  const float* k;  // [seq_kv, head_dim]
  const float* v;  // [seq_kv, value_dim]
  float* out;      // [seq_q, value_dim]
};

inline std::size_t NumHeads(const assay_attention_args& a) { return a.batch * a.num_heads; }

inline DenseHead HeadAt(const assay_attention_args& a, std::size_t head) {
  return {static_cast<const float*>(a.q.data) + head * a.seq_q * a.head_dim,
          static_cast<const float*>(a.k.data) + head * a.seq_kv * a.head_dim,
          static_cast<const float*>(a.v.data) + head * a.seq_kv * a.value_dim,
          static_cast<float*>(a.out.data) + head * a.seq_q * a.value_dim};
}

// False where there is nothing to multiply: what is left of out is then written.
inline bool HasProducts(const assay_attention_args& a) {
  if (NumHeads(a) == 0 || a.seq_q == 0 || a.value_dim == 0) return false;
  if (a.seq_kv != 0 && a.head_dim != 0) return true;
  std::fill_n(static_cast<float*>(a.out.data), NumHeads(a) * a.seq_q * a.value_dim, 0.0f);
  return false;
}

// Without dimensions all scores are 0, which no library multiplies: declined.
inline bool TakesAttention(const assay_attention_args& a) {
  const double scale = a.has_scale != 0 ? a.scale : 1;
  return (a.head_dim != 0 || a.seq_kv == 0) && std::abs(scale) <= std::numeric_limits<float>::max();
}

inline double ScaleOf(const assay_attention_args& a) {
  return a.has_scale != 0 ? a.scale : 1 / std::sqrt(static_cast<double>(a.head_dim));
}

// How many keys a query sees: the first so many.
inline std::size_t VisibleKeys(const assay_attention_args& a, std::size_t query) {
  if (a.causal == 0) return a.seq_kv;
  return query + 1 + a.seq_kv > a.seq_q ? std::min(query + 1 + a.seq_kv - a.seq_q, a.seq_kv) : 0;
}

struct QueryBlock {
  std::size_t first;
  std::size_t queries;
  std::size_t keys;  // that the last of them sees
};

// Blocks of so many queries that their scores are `scores` at most, 16 at least; where causal 64 at most, since what a
// block multiplies behind the diagonal is in vain (512 x 512: 18 % less time than with 256).
inline std::vector<QueryBlock> BlocksOf(const assay_attention_args& a, std::size_t scores) {
  const std::size_t fitting = std::max<std::size_t>(16, scores / std::max<std::size_t>(a.seq_kv, 1) / 16 * 16);
  const std::size_t queries = a.causal != 0 ? std::min<std::size_t>(fitting, 64) : fitting;
  std::vector<QueryBlock> blocks;
  for (std::size_t first = 0; first < a.seq_q; first += queries) {
    const std::size_t last = std::min(first + queries, a.seq_q) - 1;
    blocks.push_back({first, last + 1 - first, VisibleKeys(a, last)});
  }
  return blocks;
}

inline void DeclareAttention(assay_subject* table, assay_attention_fn run) {
  table->attention.run = run;
  table->attention.without = ~kAttentionFeatures & ASSAY_FEATURES_ALL;
  table->attention.dtypes = 1U << ASSAY_F32;
  table->features |= kAttentionFeatures;
}

}  // namespace assay::peers
