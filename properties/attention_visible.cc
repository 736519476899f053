// SPDX-License-Identifier: Apache-2.0
//
// Which keys count: what is invisible has no influence, and every way to hide a key hides the same.

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
// A call derived from the case that must agree with it everywhere.
Judgement AgreesWith(const Case& c, const std::string& how, const Case& other, const std::string& how_other,
                     Context& context) {
  const AttentionRun run(c, context);
  if (run.failed()) return *run.failed();
  const AttentionRun derived(other, context);
  if (derived.failed()) return *derived.failed();
  return AgreeEverywhere(run, how, derived, how_other);
}

}  // namespace

// Some keys get other content, in k and v, and some pairs another bias. Bit for bit where a query sees none of them, as
// the same numbers are visible to the same code.
Judgement CheckInvisibleIgnored(const Case& c, Context& context) {
  const Attention& a = c.attention;
  Random random(c.law_key, 43);
  const double largest = subjects::FormatOf(subjects::ElementOf(c.dtype)).max_finite;
  const double loud[] = {kNaN, kInf, -kInf, largest, -largest, 1e4};
  const double content = loud[random.Below(std::size(loud))];
  // By key head: keys that get other content. All that nobody sees, and a few others.
  const std::size_t heads = a.batch * a.num_kv_heads;
  std::vector<std::uint8_t> changed(heads * a.seq_kv, 1);
  ForEachPair(c, [&](std::size_t n, std::size_t h, std::size_t i, std::size_t j) {
    if (CanSee(c, n, h, i, j)) changed[(n * a.num_kv_heads + h / GroupSize(a)) * a.seq_kv + j] = 0;
  });
  for (std::uint8_t& key : changed) key = key != 0 || random.Below(6) == 0 ? 1 : 0;
  Case other = c;
  for (const Role role : {Role::kK, Role::kV}) {
    const std::size_t cols = subjects::DimsOf(c, role)[3];
    Array& values = other.operand(role).values;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (changed[i / cols] != 0) values.Set(i, content);
    }
  }
  std::vector<std::uint8_t> blind;  // queries that see none of them
  ForEachQuery(c, [&](std::size_t n, std::size_t h, std::size_t i) {
    bool sees = false;
    for (std::size_t j = 0; j < a.seq_kv; ++j) {
      const std::size_t pair = ((n * a.num_heads + h) * a.seq_q + i) * a.seq_kv + j;
      if (CanSee(c, n, h, i, j)) {
        sees = sees || changed[(n * a.num_kv_heads + h / GroupSize(a)) * a.seq_kv + j] != 0;
      } else if (c.bias.given && c.bias[pair] != -kInf) {
        other.bias.values.Set(pair, content);
      }
    }
    blind.push_back(sees ? 0 : 1);
  });
  other = Settled(std::move(other));
  const AttentionRun run(c, context);
  if (run.failed()) return *run.failed();
  const AttentionRun derived(other, context);
  if (derived.failed()) return *derived.failed();
  Judgement worst;
  for (const Role output : kForwardOutputs) {
    if (!run.Has(output)) continue;
    Entries entries(c, output);
    const std::size_t cols = subjects::DimsOf(c, output)[3];
    for (std::size_t i = 0; i < run.Out(output).size(); ++i) {
      if (blind[i / cols] == 0) continue;
      entries.SameBits(derived.Out(output), i, fmt::format("with {} where the query sees nothing", content),
                       run.Out(output), i, "as it was");
    }
    KeepWorse(&worst, entries.Take());
  }
  return worst;
}

// A few queries, each alone with the keys that its place lets it see.
Judgement CheckPlacePrefix(const Case& c, Context& context) {
  const Attention& a = c.attention;
  if (a.batch * a.num_heads * a.seq_q == 0) return {};
  const AttentionRun run(c, context);
  if (run.failed()) return *run.failed();
  Random random(c.law_key, 44);
  Judgement worst;
  for (int pick = 0; pick < 3; ++pick) {
    const std::size_t n = random.Below(a.batch);
    const std::size_t i = pick == 0 ? a.seq_q - 1 : random.Below(a.seq_q);
    const KeyRange keys = KeysOf(c, n, i);
    const AttentionRun alone(PrefixOf(c, n, i), context);
    if (alone.failed()) return *alone.failed();
    for (const Role output : kForwardOutputs) {
      if (!run.Has(output)) continue;
      const Dims dims = subjects::DimsOf(c, output);
      const Dims there = subjects::DimsOf(alone.asked(), output);
      Entries entries(c, output);
      for (std::size_t h = 0; h < a.num_heads; ++h) {
        for (std::size_t e = 0; e < dims[3]; ++e) {
          entries.Agree(run, At(dims, n, h, i, e), "in its place", alone, At(there, 0, h, 0, e),
                        fmt::format("alone with the keys {} to {}", keys.first, keys.end));
        }
      }
      KeepWorse(&worst, entries.Take());
    }
    if (worst.verdict == Verdict::kViolated) break;
  }
  return worst;
}

Judgement CheckLengthsPrefix(const Case& c, Context& context) {
  const AttentionRun run(c, context);
  if (run.failed()) return *run.failed();
  Judgement worst;
  for (std::size_t n = 0; n < c.attention.batch; ++n) {
    const std::size_t length = KeyLength(c, n);
    Case cut = Plain(c);
    subjects::Take(cut, Role::kLengths);
    cut = subjects::KeepAlong(Only(cut, Axis::kBatch, n), Axis::kKey, [&](std::size_t j) { return j < length; });
    const AttentionRun alone(cut, context);
    if (alone.failed()) return *alone.failed();
    for (const Role output : kForwardOutputs) {
      if (!run.Has(output)) continue;
      Entries entries(c, output);
      const std::size_t size = alone.Out(output).size();
      for (std::size_t i = 0; i < size; ++i) {
        entries.Agree(run, n * size + i, fmt::format("with a key length of {}", length), alone, i,
                      "with no more keys than that");
      }
      KeepWorse(&worst, entries.Take());
    }
  }
  return worst;
}

Judgement CheckPlacesAreMask(const Case& c, Context& context) {
  return AgreesWith(c, "as it is", PlacesAsMask(c), "with a mask for length, causality and window", context);
}

Judgement CheckBiasIsMask(const Case& c, Context& context) {
  Case hidden = c;
  subjects::Take(hidden, Role::kMask);
  if (!hidden.bias.given) subjects::Give(hidden, Role::kBias);
  hidden.bias.layout = {};
  for (std::size_t i = 0; c.mask.given && i < c.mask.values.size(); ++i) {
    if (c.mask.values.Bits(i) == 0) hidden.bias.values.Set(i, -kInf);
  }
  return AgreesWith(c, "under the mask", Settled(std::move(hidden)), "with a bias of -inf in its place", context);
}

Judgement CheckNothingVisible(const Case& c, Context& context) {
  const AttentionRun run(c, context);
  if (run.failed()) return *run.failed();
  Entries out(c, Role::kOut);
  Entries lse(c, Role::kLse);
  std::size_t row = 0;
  const std::size_t cols = c.attention.value_dim;
  ForEachQuery(c, [&](std::size_t n, std::size_t h, std::size_t i) {
    const std::size_t at = row++;
    if (run.model().Query(n, h, i).count != 0) return;
    for (std::size_t e = 0; e < cols; ++e) out.Is(run.Out(Role::kOut), at * cols + e, 0, "its query sees nothing: +0");
    if (!run.Has(Role::kLse)) return;
    const double sink = c.sink.given ? c.sink[h] : -kInf;
    if (sink == -kInf) {
      lse.Is(run.Out(Role::kLse), at, -kInf, "its query sees nothing: it is -inf");
    } else {
      lse.Near(run, at, sink, fmt::format("its query sees nothing: it is the sink, {:.9g}", sink));
    }
  });
  Judgement worst = out.Take();
  KeepWorse(&worst, lse.Take());
  return worst;
}

Judgement CheckSingleVisibleKey(const Case& c, Context& context) {
  const AttentionRun run(c, context);
  if (run.failed()) return *run.failed();
  const Tensor v(c, Role::kV);
  Entries out(c, Role::kOut);
  Entries lse(c, Role::kLse);
  std::size_t row = 0;
  ForEachQuery(c, [&](std::size_t n, std::size_t h, std::size_t i) {
    const std::size_t at = row++;
    const QueryModel& query = run.model().Query(n, h, i);
    if (query.count != 1) return;
    const auto key =
        static_cast<std::size_t>(std::find(query.visible.begin(), query.visible.end(), 1) - query.visible.begin());
    const std::size_t cols = c.attention.value_dim;
    for (std::size_t e = 0; e < cols; ++e) {
      out.Is(run.Out(Role::kOut), at * cols + e, v(n, h / GroupSize(c.attention), key, e) + 0.0,
             fmt::format("its query sees key {} alone: it is that key's value", key));
    }
    if (!run.Has(Role::kLse)) return;
    lse.Near(run, at, Approx(query.z[key], static_cast<long double>(query.blur)),
             fmt::format("its query sees key {} alone: it is that key's score, {:.9g}", key,
                         static_cast<double>(query.z[key])));
  });
  Judgement worst = out.Take();
  KeepWorse(&worst, lse.Take());
  return worst;
}

// Which results a NaN or an infinity reaches, and that it reaches no others.
Judgement CheckAttentionSpecialValues(const Case& c, Context& context) {
  const AttentionRun run(c, context);
  if (run.failed()) return *run.failed();
  const Array& out = run.Out(Role::kOut);
  const Tensor v(c, Role::kV);
  Judgement worst;
  const auto wrong = [&](Role output, const Array& got, std::size_t at, const std::string& what, double want) {
    if (worst.verdict != Verdict::kViolated) worst = ViolatedAt(c, output, got, at, what, want, kInf);
  };
  std::size_t row = 0;
  ForEachQuery(c, [&](std::size_t n, std::size_t h, std::size_t i) {
    const QueryModel& query = run.model().Query(n, h, i);
    const std::size_t at = row++;
    for (std::size_t e = 0; e < c.attention.value_dim; ++e) {
      const std::size_t entry = at * c.attention.value_dim + e;
      bool odd = false;
      for (std::size_t j = 0; j < c.attention.seq_kv; ++j) {
        odd = odd || (query.visible[j] != 0 && !std::isfinite(v(n, h / GroupSize(c.attention), j, e)));
      }
      if (query.special()) {
        if (!std::isnan(out[entry])) wrong(Role::kOut, out, entry, "a visible score is NaN or +inf: NaN", kNaN);
      } else if (odd && std::isfinite(out[entry])) {
        wrong(Role::kOut, out, entry, "a visible value of that column is NaN or infinite, and so it must be", kNaN);
      } else if (!odd && (std::isnan(out[entry]) ||
                          (std::isinf(out[entry]) && std::isfinite(run.BoundOf(Role::kOut, entry).absolute)))) {
        wrong(Role::kOut, out, entry, "all scores and values that its query sees in that column are finite", 0);
      }
    }
    if (!run.Has(Role::kLse)) return;
    const Array& lse = run.Out(Role::kLse);
    const auto want = static_cast<double>(query.lse);
    if (query.special() || std::isinf(want)) {
      if (Distance(lse[at], want) != 0) wrong(Role::kLse, lse, at, fmt::format("it is {}", want), want);
    } else if (std::isnan(lse[at]) ||
               (std::isinf(lse[at]) && std::fabs(want) < subjects::FormatOf(lse.element()).max_finite)) {
      wrong(Role::kLse, lse, at, "all visible scores are finite", want);
    }
  });
  return worst;
}

}  // namespace assay::properties
