// SPDX-License-Identifier: Apache-2.0
//
// The truth of attention, forward and backward: as oracle.h says of rows. Inputs are doubles that hold them exactly;
// everything is row by row and dense. The formulas and special values are those of DESIGN's attention contract,
// restated here.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "oracle/oracle.h"

namespace assay::oracle {

// One head: s_ij = scale * sum_d q_id k_jd, z_ij = softcap tanh(s_ij / softcap) + bias_ij (softcap = 0: s_ij +
// bias_ij). Key j is visible to query i iff j < length, mask_ij != 0, z_ij > -inf, j <= t if causal, j > t - window if
// window != 0, where t = i + length - seq_q, or i with top_left.
struct AttentionHead {
  std::size_t seq_q = 0;
  std::size_t seq_kv = 0;
  std::size_t head_dim = 0;
  std::size_t value_dim = 0;
  std::span<const double> q;                // [seq_q, head_dim]
  std::span<const double> k;                // [seq_kv, head_dim]
  std::span<const double> v;                // [seq_kv, value_dim]
  std::span<const double> bias = {};        // [seq_q, seq_kv], or empty
  std::span<const std::uint8_t> mask = {};  // [seq_q, seq_kv], or empty
  std::size_t length = 0;                   // at most seq_kv
  bool causal = false;
  bool top_left = false;
  std::size_t window = 0;
  std::optional<double> scale;  // finite; none: the real number 1 / sqrt(head_dim)
  double softcap = 0;
  std::optional<double> sink;  // joins the sum with exp(sink); -inf: none
  Format format = Format::kF32;
  Format lse_format = Format::kF32;
};

// Whether mask, length, causality and window let query i see key j (bias and scores apart).
bool MaySee(const AttentionHead& head, std::size_t i, std::size_t j);

// out_ie = sum_j p_ij v_je and lse_i = log(sum_j exp(z_ij) + exp(sink)), p_ij = exp(z_ij - lse_i).
//   nothing visible: +0, lse -inf or the sink. NaN or +inf among visible z or as sink: out NaN; lse NaN where there is
//   a NaN, else +inf. A value that is NaN or infinite at a visible key: `unbounded` (out must be NaN or infinite
//   there). Decided exactly first, ties included: columns where the values of equal z have the same mean for every z,
//   the sink a key of value 0 (so one key, equal scores, equal values); the lse of a single term.
struct AttentionResult {
  std::vector<Exact> out;               // [seq_q, value_dim]
  std::vector<Exact> lse;               // [seq_q]
  std::vector<std::uint8_t> unbounded;  // [seq_q, value_dim]: the result must not be finite; out means nothing there
  // What bounds need, in double, good to a relative 2^-30 and not below the real value (+inf beyond the largest):
  std::vector<double> weight;  // [seq_q, value_dim]: sum_j p_ij |v_je|
  std::vector<double> scores;  // [seq_q]: max over visible j of |scale| sum_d |q_id k_jd| + |bias_ij|; 0 where none
};
AttentionResult Attention(const AttentionHead& head, Tier tier);

// The query heads of one key head: they share seq_q, seq_kv, k, v, dims, length, scale, softcap and format.
struct AttentionBackwardHead {
  AttentionHead head;                 // sink is not read: it is in saved_lse
  std::span<const double> saved_out;  // [seq_q, value_dim]
  std::span<const double> saved_lse;  // [seq_q]
  std::span<const double> upstream;   // [seq_q, value_dim]
};

// Exact in saved_out and saved_lse: p_ij = exp(z_ij - saved_lse_i) (saved_lse = -inf: 0), delta_i = sum_e upstream_ie
// saved_out_ie, g_ij = p_ij (sum_e upstream_ie v_je - delta_i), f_ij = 1 - tanh(s_ij / softcap)^2 (softcap = 0: 1);
//   dbias_ij = g_ij, dq_id = scale sum_j g_ij f_ij k_jd; over all heads of the group:
//   dk_jd = scale sum_i g_ij f_ij q_id, dv_je = sum_i p_ij upstream_ie.
// Invisible pairs contribute exactly nothing; +0 where nothing contributes. Results that a NaN or infinity among
// visible inputs reaches are marked in `unchecked`.
struct AttentionGradient {
  std::vector<Exact> exact;
  std::vector<double>
      weight;  // sum of the absolute values of all that is added, products multiplied out, f = 1; good as above
  std::vector<double> scores;  // S of the pairs that this result depends on, as above
  std::vector<std::uint8_t> unchecked;
};
struct AttentionGradients {
  std::vector<AttentionGradient> dq;     // by head of the group: [seq_q, head_dim]
  std::vector<AttentionGradient> dbias;  // by head of the group: [seq_q, seq_kv]
  AttentionGradient dk;                  // [seq_kv, head_dim]
  AttentionGradient dv;                  // [seq_kv, value_dim]
};
AttentionGradients AttentionBackward(std::span<const AttentionBackwardHead> group, Tier tier);

}  // namespace assay::oracle
