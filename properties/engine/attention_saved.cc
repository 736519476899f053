// SPDX-License-Identifier: Apache-2.0
//
// What the backward of attention is given: a forward pass in plain double, good enough for shares that sum to about 1,
// since the backward is exact in whatever it is given; and upstream gradients.

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "properties/engine/attention.h"
#include "properties/engine/operands.h"
#include "properties/fit_attention.h"
#include "properties/portable.h"

namespace assay::properties {
namespace {

using subjects::Array;
using subjects::Attention;
using subjects::Case;
using subjects::Random;
using subjects::Role;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

bool OneIn(std::uint64_t n, Random& random) { return random.Below(n) == 0; }

// One query of one head of one batch.
struct Query {
  std::size_t batch;
  std::size_t head;
  std::size_t i;
};

// z of a visible pair.
double ScoreOf(const Case& c, const Query& at, std::size_t j) {
  const Attention& a = c.attention;
  const std::size_t kv_head = at.head / (a.num_heads / a.num_kv_heads);
  const std::size_t query = (at.batch * a.num_heads + at.head) * a.seq_q + at.i;
  const std::size_t key = (at.batch * a.num_kv_heads + kv_head) * a.seq_kv + j;
  double dot = 0;
  for (std::size_t d = 0; d < a.head_dim; ++d) dot += c.q[query * a.head_dim + d] * c.k[key * a.head_dim + d];
  const double dim = static_cast<double>(std::max<std::size_t>(1, a.head_dim));
  double score = dot * (a.has_scale ? a.scale : 1 / std::sqrt(dim));
  if (a.softcap != 0) score = a.softcap * PortableTanh(score / a.softcap);
  return c.bias.given ? score + c.bias[query * a.seq_kv + j] : score;
}

// saved_out and saved_lse of one query; `sink` of -inf is none.
void Forward(Case& c, const Query& at, double sink) {
  const Attention& a = c.attention;
  std::vector<double> scores(a.seq_kv, -kInf);
  double max = sink;
  bool special = false;
  for (std::size_t j = 0; j < a.seq_kv; ++j) {
    if (!CanSee(c, at.batch, at.head, at.i, j)) continue;
    scores[j] = ScoreOf(c, at, j);
    special = special || std::isnan(scores[j]) || scores[j] == kInf;
    max = std::max(max, scores[j]);
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
  c.saved_lse.values.Set(query, lse);
  for (std::size_t e = 0; e < a.value_dim; ++e) c.saved_out.values.Set(query * a.value_dim + e, out[e]);
}

void FillUpstreamOf(Case& c, Random& random) {
  Array& values = c.upstream.values;
  const std::size_t dim = c.attention.value_dim;
  if (values.empty()) return;
  const double most = subjects::FormatOf(values.element()).max_finite;
  const std::uint64_t kind = random.Below(8);
  constexpr double kScales[] = {0x1p-10, 1, 1, 30};
  const double scale = kScales[random.Below(4)];
  const std::size_t chosen = random.Below(values.size());
  if (kind == 6) FillPattern(static_cast<Pattern>(random.Below(kPatterns)), random, values, 0, values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (kind <= 2) values.Set(i, scale * random.Normal());
    if (kind == 3) values.Set(i, i == chosen ? scale : 0);
    if (kind == 4) values.Set(i, scale);
    if (kind == 5) values.Set(i, most * random.Uniform(-1, 1) * 0x1p-6);
    if (kind == 7) values.Set(i, i / dim % 2 == 0 ? random.Normal() : 0);  // every other query counts
    // Rows without a visible key contribute nothing, whatever they hold.
    constexpr double kSpecial[] = {kInf, -kInf, kNaN};
    if (c.saved_lse[i / dim] == -kInf && OneIn(3, random)) values.Set(i, kSpecial[random.Below(3)]);
  }
  if (OneIn(24, random)) values.Set(chosen, OneIn(2, random) ? kInf : kNaN);
}

}  // namespace

void FillAttentionSaved(Case& c, Random& random) {
  const Attention& a = c.attention;
  const subjects::Layout layout = c.saved_lse.layout;
  subjects::Give(c, Role::kSavedLse);  // of lse_dtype
  c.saved_lse.layout = layout;
  const bool with_sink = OneIn(4, random);
  for (std::size_t n = 0; n < a.batch; ++n) {
    for (std::size_t h = 0; h < a.num_heads; ++h) {
      const double sink = with_sink ? 2 * random.Normal() : -kInf;
      for (std::size_t i = 0; i < a.seq_q; ++i) Forward(c, {n, h, i}, sink);
    }
  }
  if (OneIn(8, random)) {
    c.origin += ", junk saved";
    for (std::size_t i = 0; i < c.saved_lse.values.size(); ++i) {
      if (OneIn(3, random) && c.saved_lse[i] != -kInf) c.saved_lse.values.Set(i, c.saved_lse[i] + random.Normal());
    }
    for (std::size_t i = 0; i < c.saved_out.values.size(); ++i) {
      if (OneIn(3, random)) c.saved_out.values.Set(i, random.Normal());
    }
  }
  FillUpstreamOf(c, random);
  for (const Role role : {Role::kSavedLse, Role::kSavedOut, Role::kUpstream}) {
    subjects::Layout& one = c.operand(role).layout;
    one.repeats_row = one.repeats_head = one.repeats_batch = false;
  }
}

}  // namespace assay::properties
