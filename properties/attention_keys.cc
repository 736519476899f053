// SPDX-License-Identifier: Apache-2.0
//
// The keys in another order, in parts whose results are merged, and with one more in place of a sink.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "properties/attention_checks.h"
#include "properties/attention_judging.h"
#include "properties/scores.h"
#include "subjects/random.h"

namespace assay::properties {
namespace {

using subjects::Random;

// Parts of the keys: [cuts[k], cuts[k + 1]). Now and then one is empty.
std::vector<std::size_t> CutsOf(std::size_t keys, Random& random) {
  std::vector<std::size_t> cuts = {0, keys};
  for (std::uint64_t more = 1 + random.Below(3); more > 0; --more) cuts.push_back(random.Below(keys + 1));
  if (random.Below(3) == 0) cuts.push_back(random.Below(2) == 0 ? 0 : keys);
  std::sort(cuts.begin(), cuts.end());
  return cuts;
}

// sum_k exp(lse_k - lse) out_k and lse = log sum_k exp(lse_k), by the parts' results within their bounds.
struct Merged {
  Approx largest;
  Approx total;
};

Merged MassOf(const std::vector<AttentionRun>& parts, std::size_t row) {
  double largest = -kInf;
  for (const AttentionRun& part : parts) largest = std::max(largest, part.Out(Role::kLse)[row]);
  Merged merged{largest, 0.0};
  if (!std::isfinite(largest)) return merged;
  Sum total;
  for (const AttentionRun& part : parts) {
    if (part.Out(Role::kLse)[row] != -kInf) total.Add(Exp(part.Known(Role::kLse, row) - merged.largest));
  }
  merged.total = total.Value();
  return merged;
}

bool EachIsEmpty(const std::vector<AttentionRun>& parts, std::size_t row) {
  for (const AttentionRun& part : parts) {
    const Attention& a = part.asked().attention;
    const std::size_t head = row / a.seq_q;
    if (part.model().Query(head / a.num_heads, head % a.num_heads, row % a.seq_q).lse != -kInf) return false;
  }
  return true;
}

Judgement JudgeMerged(const AttentionRun& run, const std::vector<AttentionRun>& parts) {
  const Case& c = run.asked();
  Entries out(c, Role::kOut);
  Entries lse(c, Role::kLse);
  const std::size_t cols = c.attention.value_dim;
  for (std::size_t row = 0; row < run.Out(Role::kLse).size(); ++row) {
    if (EachIsEmpty(parts, row)) {
      lse.Is(run.Out(Role::kLse), row, -kInf, "no part of the keys has any mass: -inf");
      continue;
    }
    const Merged merged = MassOf(parts, row);
    if (!(merged.total.error < merged.total.value)) continue;  // an LSE beyond its type says nothing
    const Approx log = merged.largest + Log(merged.total);
    lse.Near(
        run, row, log,
        fmt::format("merged from {} parts of the keys it is {:.9g}", parts.size(), static_cast<double>(log.value)));
    const Approx share = Reciprocal(merged.total);
    for (std::size_t e = 0; e < cols; ++e) {
      Sum sum;
      for (const AttentionRun& part : parts) {
        if (part.Out(Role::kLse)[row] == -kInf) continue;
        sum.Add(Exp(part.Known(Role::kLse, row) - merged.largest) * part.Known(Role::kOut, row * cols + e));
      }
      const Approx want = sum.Value() * share;
      out.Near(run, row * cols + e, want,
               fmt::format("merged from {} parts of the keys by their LSE it is {:.9g}", parts.size(),
                           static_cast<double>(want.value)));
    }
  }
  Judgement worst = out.Take();
  KeepWorse(&worst, lse.Take());
  return worst;
}

// The case with one more key: 0, with the value 0 and the bias sink, seen by every query.
Case WithSinkAsKey(const Case& c) {
  Case keyed = Plain(PlacesAsMask(c));
  if (!keyed.bias.given) {
    subjects::Give(keyed, Role::kBias);
  }
  if (!keyed.mask.given) subjects::Give(keyed, Role::kMask);
  const Case before = keyed;
  const std::size_t keys = c.attention.seq_kv;
  keyed.attention.seq_kv = keys + 1;
  for (const Role role : {Role::kK, Role::kV, Role::kBias, Role::kMask}) {
    const bool by_pair = role == Role::kBias || role == Role::kMask;
    const Tensor from(before, role);
    const Dims to = subjects::DimsOf(keyed, role);
    const Array& old = before.operand(role).values;
    Array values(old.element(), SizeOf(to));
    for (std::size_t at = 0; at < values.size(); ++at) {
      const std::size_t row = at / to[3];
      const std::size_t n = row / to[2] / to[1];
      const std::size_t h = row / to[2] % to[1];
      const std::size_t i = row % to[2];
      const std::size_t j = at % to[3];
      if ((by_pair ? j : i) < keys) {
        values.SetBits(at, old.Bits(from.At(n, h, i, j)));
      } else if (role == Role::kMask) {
        values.SetBits(at, 1);
      } else if (role == Role::kBias) {
        values.Set(at, c.sink[h]);
      }
    }
    keyed.operand(role).values = std::move(values);
  }
  subjects::Take(keyed, Role::kSink);
  return keyed;
}

}  // namespace

Judgement CheckKeyPermutation(const Case& c, Context& context) {
  Random random(c.law_key, 52);
  std::vector<std::size_t> source(c.attention.seq_kv);
  std::iota(source.begin(), source.end(), std::size_t{0});
  for (std::size_t j = source.size(); j > 1; --j) std::swap(source[j - 1], source[random.Below(j)]);
  const AttentionRun run(c, context);
  if (run.failed()) return *run.failed();
  const AttentionRun other(TakeKeys(c, source), context);
  if (other.failed()) return *other.failed();
  return AgreeEverywhere(run, "in its order", other, "with keys and values permuted");
}

Judgement CheckMergeByLse(const Case& c, Context& context) {
  Random random(c.law_key, 53);
  const std::vector<std::size_t> cuts = CutsOf(c.attention.seq_kv, random);
  const AttentionRun run(c, context);
  if (run.failed()) return *run.failed();
  const Case masked = Plain(PlacesAsMask(c));
  // A sink counts once.
  const std::size_t with_sink = random.Below(cuts.size() - 1);
  std::vector<AttentionRun> parts;
  for (std::size_t k = 0; k + 1 < cuts.size(); ++k) {
    Case part = subjects::KeepAlong(masked, Axis::kKey, [&](std::size_t j) { return j >= cuts[k] && j < cuts[k + 1]; });
    if (part.sink.given && k != with_sink) subjects::Take(part, Role::kSink);
    parts.emplace_back(std::move(part), context);
    const AttentionRun& last = parts.back();
    if (last.failed()) return *last.failed();
    const Array& lse = last.Out(Role::kLse);
    for (std::size_t row = 0; row < lse.size(); ++row) {
      if (!std::isnan(lse[row])) continue;
      return ViolatedAt(last.asked(), Role::kLse, lse, row,
                        fmt::format("with the keys {} to {} alone all scores are finite", cuts[k], cuts[k + 1]), 0,
                        kInf);
    }
  }
  return JudgeMerged(run, parts);
}

Judgement CheckSinkIsAKey(const Case& c, Context& context) {
  if (!c.sink.given) return {};
  const AttentionRun run(c, context);
  if (run.failed()) return *run.failed();
  const AttentionRun other(WithSinkAsKey(c), context);
  if (other.failed()) return *other.failed();
  return AgreeEverywhere(run, "with its sink", other, "with a key of that score and the value 0 in its place");
}

}  // namespace assay::properties
