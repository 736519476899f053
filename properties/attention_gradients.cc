// SPDX-License-Identifier: Apache-2.0
//
// The backward: gradients that belong to one another, and pairs that contribute nothing.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "properties/attention_checks.h"
#include "properties/attention_judging.h"
#include "properties/fit.h"
#include "subjects/random.h"

namespace assay::properties {
namespace {

using subjects::Random;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Whether pair (n, h, i, j) contributes to a gradient.
bool Contributes(const AttentionRun& run, std::size_t n, std::size_t h, std::size_t i, std::size_t j) {
  const Case& c = run.asked();
  const double lse = c.saved_lse[(n * c.attention.num_heads + h) * c.attention.seq_q + i];
  return lse != -kInf && run.model().Query(n, h, i).visible[j] != 0;
}

// By query, and by key of a key head: whether any pair of it contributes.
struct Reached {
  std::vector<std::uint8_t> queries;
  std::vector<std::uint8_t> keys;
};

Reached ReachedOf(const AttentionRun& run) {
  const Attention& a = run.asked().attention;
  Reached reached{std::vector<std::uint8_t>(a.batch * a.num_heads * a.seq_q),
                  std::vector<std::uint8_t>(a.batch * a.num_kv_heads * a.seq_kv)};
  ForEachPair(run.asked(), [&](std::size_t n, std::size_t h, std::size_t i, std::size_t j) {
    if (!Contributes(run, n, h, i, j)) return;
    reached.queries[(n * a.num_heads + h) * a.seq_q + i] = 1;
    reached.keys[(n * a.num_kv_heads + h / GroupSize(a)) * a.seq_kv + j] = 1;
  });
  return reached;
}

// What nothing contributes to is +0.
Judgement ZeroWhereNothingIs(const AttentionRun& run, const Reached& reached) {
  const Case& c = run.asked();
  const Attention& a = c.attention;
  Judgement worst;
  for (const Role output : {Role::kDq, Role::kDk, Role::kDv, Role::kDbias}) {
    if (!run.Has(output)) continue;
    const Array& got = run.Out(output);
    const std::size_t cols = subjects::DimsOf(c, output)[3];
    Entries entries(c, output);
    for (std::size_t at = 0; at < got.size(); ++at) {
      const std::size_t row = at / cols;
      bool some = false;
      if (output == Role::kDbias) {
        some = Contributes(run, row / a.seq_q / a.num_heads, row / a.seq_q % a.num_heads, row % a.seq_q, at % cols);
      } else {
        some = (output == Role::kDq ? reached.queries : reached.keys)[row] != 0;
      }
      if (!some) entries.Is(got, at, 0, "no visible pair contributes to it: +0");
    }
    KeepWorse(&worst, entries.Take());
  }
  return worst;
}

Judgement SameEverywhere(const AttentionRun& run, const AttentionRun& other, const std::string& how) {
  Judgement worst;
  for (const Role output : kAttentionOutputs) {
    if (!run.Has(output)) continue;
    Entries entries(run.asked(), output);
    for (std::size_t i = 0; i < run.Out(output).size(); ++i) {
      entries.SameBits(other.Out(output), i, how, run.Out(output), i, "as it was");
    }
    KeepWorse(&worst, entries.Take());
  }
  return worst;
}

double LoudOf(const Case& c, Random& random) {
  const double largest = subjects::FormatOf(subjects::ElementOf(c.dtype)).max_finite;
  const double loud[] = {kNaN, kInf, -kInf, largest, 1e4};
  return loud[random.Below(std::size(loud))];
}

}  // namespace

// sum q dq = sum k dk = scale sum g f (q k), over the heads of a group: exactly so whatever was saved.
Judgement CheckBackwardAdjoint(const Case& c, Context& context) {
  const AttentionRun run(c, context);
  if (run.failed()) return *run.failed();
  const Attention& a = c.attention;
  const Reached reached = ReachedOf(run);
  const std::size_t group = GroupSize(a);
  Judgement worst;
  for (std::size_t pair = 0; pair < a.batch * a.num_kv_heads; ++pair) {
    Sum by_queries;
    Sum by_keys;
    const std::size_t queries = group * a.seq_q;
    for (std::size_t row = pair * queries; row < (pair + 1) * queries; ++row) {
      if (reached.queries[row] == 0) continue;
      for (std::size_t at = row * a.head_dim; at < (row + 1) * a.head_dim; ++at) {
        by_queries.Add(Approx(c.q[at]) * run.Known(Role::kDq, at));
      }
    }
    for (std::size_t row = pair * a.seq_kv; row < (pair + 1) * a.seq_kv; ++row) {
      if (reached.keys[row] == 0) continue;
      for (std::size_t at = row * a.head_dim; at < (row + 1) * a.head_dim; ++at) {
        by_keys.Add(Approx(c.k[at]) * run.Known(Role::kDk, at));
      }
    }
    const Approx queries_sum = by_queries.Value();
    const Approx keys_sum = by_keys.Value();
    const double severity = ZeroSeverity(queries_sum - keys_sum);
    if (severity > 1) {
      KeepWorse(&worst,
                Violated(fmt::format("batch {}, key head {}: sum q dq is {:.9g}, but sum k dk {:.9g}",
                                     pair / a.num_kv_heads, pair % a.num_kv_heads,
                                     static_cast<double>(queries_sum.value), static_cast<double>(keys_sum.value)),
                         severity));
    } else if (worst.verdict == Verdict::kHolds) {
      worst.severity = std::max(worst.severity, severity);
    }
  }
  return worst;
}

// Without a softcap, dbias = g: dq = scale g k and dk = scale g^T q.
Judgement CheckGradientsFromDbias(const Case& c, Context& context) {
  const AttentionRun run(c, context);
  if (run.failed()) return *run.failed();
  const Attention& a = c.attention;
  const std::size_t group = GroupSize(a);
  // 1 / sqrt(d) is rounded twice in double.
  const long double scale = static_cast<long double>(ScaleOf(c));
  const Approx factor(scale, a.has_scale ? 0 : std::fabs(scale) * 0x1p-51L);
  const std::size_t dims = a.head_dim;
  std::vector<Sum> dq(run.Out(Role::kDq).size());
  std::vector<Sum> dk(run.Out(Role::kDk).size());
  std::size_t pair = 0;
  ForEachPair(c, [&](std::size_t n, std::size_t h, std::size_t i, std::size_t j) {
    const std::size_t at = pair++;
    if (!Contributes(run, n, h, i, j)) return;
    const Approx g = run.Known(Role::kDbias, at) * factor;
    const std::size_t query = ((n * a.num_heads + h) * a.seq_q + i) * dims;
    const std::size_t key = ((n * a.num_kv_heads + h / group) * a.seq_kv + j) * dims;
    for (std::size_t d = 0; d < dims; ++d) {
      dq[query + d].Add(g * Approx(c.k[key + d]));
      dk[key + d].Add(g * Approx(c.q[query + d]));
    }
  });
  Judgement worst;
  for (const Role output : {Role::kDq, Role::kDk}) {
    const std::vector<Sum>& sums = output == Role::kDq ? dq : dk;
    Entries entries(c, output);
    for (std::size_t at = 0; at < sums.size(); ++at) {
      const Approx want = sums[at].Value();
      entries.Near(run, at, want, fmt::format("from dbias it is {:.9g}", static_cast<double>(want.value)));
    }
    KeepWorse(&worst, entries.Take());
  }
  return worst;
}

// Other content in keys, values, biases and upstream that nobody sees: zeros there, and no other bit changed.
Judgement CheckBackwardInvisibleZero(const Case& c, Context& context) {
  const Attention& a = c.attention;
  const AttentionRun run(c, context);
  if (run.failed()) return *run.failed();
  Judgement zeros = ZeroWhereNothingIs(run, ReachedOf(run));
  if (zeros.verdict == Verdict::kViolated) return zeros;

  Random random(c.law_key, 57);
  const double content = LoudOf(c, random);
  Case loud = c;
  for (std::size_t n = 0; n < a.batch; ++n) {
    for (std::size_t g = 0; g < a.num_kv_heads; ++g) {
      for (std::size_t j = 0; j < a.seq_kv; ++j) {
        if (IsSeen(c, n, g, j)) continue;
        const std::size_t key = (n * a.num_kv_heads + g) * a.seq_kv + j;
        for (std::size_t d = 0; d < a.head_dim; ++d) loud.k.values.Set(key * a.head_dim + d, content);
        for (std::size_t e = 0; e < a.value_dim; ++e) loud.v.values.Set(key * a.value_dim + e, content);
      }
    }
  }
  std::size_t pair = 0;
  ForEachPair(c, [&](std::size_t n, std::size_t h, std::size_t i, std::size_t j) {
    const std::size_t at = pair++;
    if (c.bias.given && c.bias[at] != -kInf && !CanSee(c, n, h, i, j)) loud.bias.values.Set(at, content);
  });
  ForEachQuery(c, [&](std::size_t n, std::size_t h, std::size_t i) {
    if (SeesAny(c, n, h, i)) return;
    const std::size_t row = (n * a.num_heads + h) * a.seq_q + i;
    for (std::size_t e = 0; e < a.value_dim; ++e) loud.upstream.values.Set(row * a.value_dim + e, content);
  });
  const AttentionRun other(Settled(std::move(loud)), context);
  if (other.failed()) return *other.failed();
  return SameEverywhere(run, other, fmt::format("with {} where nothing is visible", content));
}

// A row of saved_lse -inf contributes nothing, whatever upstream and saved_out hold there, and however large its q.
Judgement CheckBackwardEmptyRows(const Case& c, Context& context) {
  const Attention& a = c.attention;
  const AttentionRun run(c, context);
  if (run.failed()) return *run.failed();
  Judgement zeros = ZeroWhereNothingIs(run, ReachedOf(run));
  if (zeros.verdict == Verdict::kViolated) return zeros;

  Random random(c.law_key, 58);
  const double content = LoudOf(c, random);
  Case loud = c;
  for (std::size_t row = 0; row < c.saved_lse.values.size(); ++row) {
    if (c.saved_lse[row] != -kInf) continue;
    for (std::size_t e = 0; e < a.value_dim; ++e) {
      loud.upstream.values.Set(row * a.value_dim + e, content);
      loud.saved_out.values.Set(row * a.value_dim + e, content);
    }
    for (std::size_t d = 0; d < a.head_dim; ++d) loud.q.values.Set(row * a.head_dim + d, 3000);
  }
  const AttentionRun other(Settled(std::move(loud)), context);
  if (other.failed()) return *other.failed();
  return SameEverywhere(run, other, fmt::format("with {} in the rows whose LSE is -inf", content));
}

// With an upstream of one 1 to a column, one column for each query of the group, dv holds the shares p themselves.
Judgement CheckDvIsWeightedUpstream(const Case& c, Context& context) {
  const Attention& a = c.attention;
  const std::size_t group = GroupSize(a);
  const std::size_t queries = group * a.seq_q;
  if (queries == 0) return {};
  Attention to = a;
  to.value_dim = queries;
  Case shares = Reshaped(Plain(c), to);
  for (subjects::Operand* operand : {&shares.v, &shares.saved_out, &shares.upstream}) {
    operand->values = Array(operand->values.element(), operand->values.size());
  }
  for (std::size_t row = 0; row < a.batch * a.num_heads * a.seq_q; ++row) {
    shares.upstream.values.Set(row * queries + row % queries, 1);
  }
  const AttentionRun run(c, context);
  if (run.failed()) return *run.failed();
  const AttentionRun p(shares, context);
  if (p.failed()) return *p.failed();

  Entries of_shares(p.asked(), Role::kDv);
  Entries entries(c, Role::kDv);
  for (std::size_t key = 0; key < a.batch * a.num_kv_heads * a.seq_kv; ++key) {
    const std::size_t pair = key / std::max<std::size_t>(a.seq_kv, 1);
    std::vector<Sum> sums(a.value_dim);
    for (std::size_t r = 0; r < queries; ++r) {
      const std::size_t row = pair * queries + r;
      const std::size_t n = row / a.seq_q / a.num_heads;
      const std::size_t h = row / a.seq_q % a.num_heads;
      const std::size_t j = key % a.seq_kv;
      if (!Contributes(run, n, h, row % a.seq_q, j)) continue;
      const std::size_t at = key * queries + r;
      const QueryModel& query = run.model().Query(n, h, row % a.seq_q);
      const Approx want = Exp(Approx(query.z[j], static_cast<long double>(query.blur)) - Approx(c.saved_lse[row]));
      of_shares.Near(p, at, want,
                     fmt::format("with an upstream of 1 from query {} of head {} alone, p is {:.9g}", row % a.seq_q, h,
                                 static_cast<double>(want.value)));
      for (std::size_t e = 0; e < a.value_dim; ++e) {
        sums[e].Add(p.Known(Role::kDv, at) * Approx(c.upstream[row * a.value_dim + e]));
      }
    }
    for (std::size_t e = 0; e < a.value_dim; ++e) {
      const Approx want = sums[e].Value();
      entries.Near(run, key * a.value_dim + e, want,
                   fmt::format("the shares times upstream are {:.9g}", static_cast<double>(want.value)));
    }
  }
  Judgement worst = of_shares.Take();
  KeepWorse(&worst, entries.Take());
  return worst;
}

}  // namespace assay::properties
