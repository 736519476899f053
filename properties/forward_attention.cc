// SPDX-License-Identifier: Apache-2.0

#include "properties/forward_attention.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "properties/fit_attention.h"
#include "properties/portable.h"
#include "subjects/random.h"

namespace assay::properties {
namespace {

using subjects::Attention;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// One query of one head of one batch.
struct Query {
  std::size_t batch;
  std::size_t head;
  std::size_t i;
};

struct Score {
  double z;
  double magnitude;  // |scale| sum |q k| + |bias|
};

// Of a visible pair.
Score ScoreOf(const Case& c, const Query& at, std::size_t j) {
  const Attention& a = c.attention;
  const std::size_t kv_head = at.head / (a.num_heads / a.num_kv_heads);
  const std::size_t query = (at.batch * a.num_heads + at.head) * a.seq_q + at.i;
  const std::size_t key = (at.batch * a.num_kv_heads + kv_head) * a.seq_kv + j;
  double dot = 0;
  double sum = 0;
  for (std::size_t d = 0; d < a.head_dim; ++d) {
    const double product = c.q[query * a.head_dim + d] * c.k[key * a.head_dim + d];
    dot += product;
    sum += std::fabs(product);
  }
  const double scale = a.has_scale ? a.scale : 1 / std::sqrt(static_cast<double>(std::max<std::size_t>(1, a.head_dim)));
  const double bias = c.bias.given ? c.bias[query * a.seq_kv + j] : 0;
  const double score = dot * scale;
  const double capped = a.softcap == 0 ? score : a.softcap * PortableTanh(score / a.softcap);
  return {capped + bias, sum * std::fabs(scale) + std::fabs(bias)};
}

// saved_out and saved_lse of one query; `sink` of -inf is none.
void Forward(Case& c, const Query& at, double sink) {
  const Attention& a = c.attention;
  std::vector<double> scores(a.seq_kv, -kInf);
  double max = sink;
  bool special = false;
  bool beyond = false;
  for (std::size_t j = 0; j < a.seq_kv; ++j) {
    if (!CanSee(c, at.batch, at.head, at.i, j)) continue;
    const Score score = ScoreOf(c, at, j);
    scores[j] = score.z;
    special = special || std::isnan(score.z) || score.z == kInf;
    beyond = beyond || score.magnitude > SavedLimit(c);
    max = std::max(max, score.z);
  }
  const std::size_t query = (at.batch * a.num_heads + at.head) * a.seq_q + at.i;
  std::vector<double> out(a.value_dim, special ? kNaN : 0);
  double lse = special ? kNaN : max;
  if (!special && max != -kInf) {
    const std::size_t kv_head = at.head / (a.num_heads / a.num_kv_heads);
    double sum = PortableExp(sink - max);
    for (std::size_t j = 0; j < a.seq_kv; ++j) {
      const double share = PortableExp(scores[j] - max);
      if (share == 0) continue;
      sum += share;
      const std::size_t key = (at.batch * a.num_kv_heads + kv_head) * a.seq_kv + j;
      // Halved and more, so that no sum of large values overflows before it is divided.
      for (std::size_t e = 0; e < a.value_dim; ++e) out[e] += share * (0x1p-10 * c.v[key * a.value_dim + e]);
    }
    for (double& x : out) x = x / sum * 0x1p10;
    lse = max + subjects::PortableLog(sum);
  }
  if (beyond && !special) {
    std::fill(out.begin(), out.end(), 0);
    lse = -kInf;
  }
  c.saved_lse.values.Set(query, lse);
  for (std::size_t e = 0; e < a.value_dim; ++e) c.saved_out.values.Set(query * a.value_dim + e, out[e]);
}

}  // namespace

double SavedLimit(const Case& c) {
  return c.dtype == ASSAY_F64 && c.attention.lse_dtype == ASSAY_F64 ? 0x1p49 : 0x1p20;
}

void SaveForward(Case& c, std::size_t batch, std::size_t head, double sink) {
  for (std::size_t i = 0; i < c.attention.seq_q; ++i) Forward(c, {batch, head, i}, sink);
}

}  // namespace assay::properties
