// SPDX-License-Identifier: Apache-2.0
//
// Domains of the laws of attention: what is visible, and what is asked for. Each is a projection (fit.h).

#include <algorithm>
#include <utility>

#include "properties/attention_case.h"
#include "properties/attention_checks.h"
#include "properties/fit.h"

namespace assay::properties {
namespace {

using subjects::Random;

std::uint32_t BitOf(Role output) {
  return std::uint32_t{1} << (static_cast<unsigned>(output) - static_cast<unsigned>(Role::kOut));
}

bool HidesSomething(const Case& c) {
  bool hides = false;
  ForEachPair(
      c, [&](std::size_t n, std::size_t h, std::size_t i, std::size_t j) { hides = hides || !CanSee(c, n, h, i, j); });
  return hides;
}

bool MaskHides(const Case& c) {
  for (std::size_t i = 0; i < c.mask.values.size(); ++i) {
    if (c.mask.values.Bits(i) == 0) return true;
  }
  return false;
}

// About one pair in four is hidden, at least one.
void Hide(Case* c) {
  if (!c->mask.given) subjects::Give(*c, Role::kMask);
  Array& mask = c->mask.values;
  Random random(c->law_key, 31);
  for (std::size_t i = 0; i < mask.size(); ++i) {
    if (random.Below(4) == 0) mask.SetBits(i, 0);
  }
  if (!mask.empty()) mask.SetBits(random.Below(mask.size()), 0);
}

}  // namespace

Case WithoutPlaces(Case c) {
  c = FiniteAttention(std::move(c));
  c.attention.causal = false;
  c.attention.window = 0;
  if (c.lengths.given) subjects::Take(c, Role::kLengths);
  return FiniteAttention(std::move(c));
}

Case WithCausal(Case c) {
  c = FiniteAttention(std::move(c));
  c.attention.causal = true;
  c.attention.window = 0;
  return FiniteAttention(std::move(c));
}

Case WithWindow(Case c) {
  c = FiniteAttention(std::move(c));
  const std::size_t most = c.attention.seq_kv + c.attention.seq_q;
  if (c.attention.window == 0 || c.attention.window > most) {
    c.attention.window = 1 + subjects::Mix(c.law_key) % (c.attention.seq_kv + 1);
  }
  return FiniteAttention(std::move(c));
}

Case WithLengths(Case c) {
  c = FiniteAttention(std::move(c));
  if (c.lengths.given) return c;
  subjects::Give(c, Role::kLengths);
  Random random(c.law_key, 32);
  const std::uint64_t keys = c.attention.seq_kv;
  for (std::size_t n = 0; n < c.lengths.values.size(); ++n) {
    const std::uint64_t kind = random.Below(5);
    c.lengths.values.SetBits(n, kind == 0 ? 0 : kind == 1 ? keys : random.Below(keys + 1));
  }
  return FiniteAttention(std::move(c));
}

Case WithPlaces(Case c) {
  c = FiniteAttention(std::move(c));
  if (!c.lengths.given && c.attention.window == 0) c.attention.causal = true;
  return FiniteAttention(std::move(c));
}

Case WithLastQuery(Case c) {
  c = WithLse(std::move(c));
  c.attention.alignment = ASSAY_BOTTOM_RIGHT;
  return FiniteAttention(std::move(c));
}

Case WithHiddenPairs(Case c) {
  c = FiniteAttention(std::move(c));
  if (!HidesSomething(c)) Hide(&c);
  return FiniteAttention(std::move(c));
}

Case WithHidingMask(Case c) {
  c = FiniteAttention(std::move(c));
  if (!c.mask.given || !MaskHides(c)) Hide(&c);
  return FiniteAttention(std::move(c));
}

// By an empty batch, where one can be empty alone, or by a row of the mask.
Case WithNothingVisible(Case c) {
  c = FiniteAttention(std::move(c));
  const Attention& a = c.attention;
  bool nothing = a.batch * a.num_heads * a.seq_q == 0;
  ForEachQuery(c, [&](std::size_t n, std::size_t h, std::size_t i) { nothing = nothing || !SeesAny(c, n, h, i); });
  if (nothing) return c;
  Random random(c.law_key, 33);
  if (random.Below(2) == 0) {
    if (!c.lengths.given) {
      subjects::Give(c, Role::kLengths);
      for (std::size_t n = 0; n < a.batch; ++n) c.lengths.values.SetBits(n, a.seq_kv);
    }
    c.lengths.values.SetBits(random.Below(a.batch), 0);
    c.lengths.layout = {};
    return FiniteAttention(std::move(c));
  }
  if (!c.mask.given) subjects::Give(c, Role::kMask);
  const std::size_t row = random.Below(a.batch * a.num_heads * a.seq_q);
  for (std::size_t j = 0; j < a.seq_kv; ++j) c.mask.values.SetBits(row * a.seq_kv + j, 0);
  return FiniteAttention(std::move(c));
}

// By a window of one key, or by a mask of one key for each query.
Case WithSingleVisibleKey(Case c) {
  c = FiniteAttention(std::move(c));
  if (c.sink.given) subjects::Take(c, Role::kSink);
  Attention& a = c.attention;
  if (subjects::Mix(c.law_key) % 2 == 0) {
    a.causal = true;
    a.window = 1;
    return FiniteAttention(std::move(c));
  }
  a.causal = false;
  a.window = 0;
  if (c.lengths.given) subjects::Take(c, Role::kLengths);
  if (!c.mask.given) subjects::Give(c, Role::kMask);
  for (std::size_t row = 0; a.seq_kv > 0 && row < a.batch * a.num_heads * a.seq_q; ++row) {
    const std::size_t only = subjects::Mix(c.law_key ^ row) % a.seq_kv;
    for (std::size_t j = 0; j < a.seq_kv; ++j) {
      const std::size_t pair = row * a.seq_kv + j;
      const std::uint64_t byte = c.mask.values.Bits(pair);
      c.mask.values.SetBits(pair, j != only ? 0 : byte == 0 ? 1 : byte);
      if (j == only && c.bias.given && c.bias[pair] == -kInf) c.bias.values.Set(pair, 0);
    }
  }
  return FiniteAttention(std::move(c));
}

// Where every query head has a key head of its own, all come to use the first.
Case WithGroups(Case c) {
  c = FiniteAttention(std::move(c));
  Attention& a = c.attention;
  if (a.num_heads < 2 || a.num_kv_heads < a.num_heads) return c;
  const Case before = c;
  a.num_kv_heads = 1;
  for (const Role role : {Role::kK, Role::kV}) {
    Gather(&c, role, subjects::DimsOf(before, role), before.operand(role),
           [](std::size_t n, std::size_t, std::size_t j, std::size_t d) {
             return Dims{n, 0, j, d};
           });
    c.operand(role).layout = {};
  }
  return FiniteAttention(std::move(c));
}

Case WithLse(Case c) {
  c = FiniteAttention(std::move(c));
  c.attention.skipped &= ~BitOf(Role::kLse);
  return FiniteAttention(std::move(c));
}

// ---- What is asked for ---------------------------------------------------------------------------------------------

namespace {

Case Asking(Case c, std::initializer_list<Role> outputs) {
  c = Valid(std::move(c));
  for (const Role output : outputs) {
    if (output == Role::kDbias && !c.bias.given) subjects::Give(c, Role::kBias);
    c.attention.skipped &= ~BitOf(output);
  }
  return Settled(std::move(c));
}

}  // namespace

Case AskingLse(Case c) { return Asking(std::move(c), {Role::kLse}); }
Case AskingDq(Case c) { return Asking(std::move(c), {Role::kDq}); }
Case AskingDk(Case c) { return Asking(std::move(c), {Role::kDk}); }
Case AskingDv(Case c) { return Asking(std::move(c), {Role::kDv}); }
Case AskingDbias(Case c) { return Asking(std::move(c), {Role::kDbias}); }

Case WithQueryAndKeyGradients(Case c) { return FiniteAttention(Asking(std::move(c), {Role::kDq, Role::kDk})); }

Case WithPlainBiasGradient(Case c) {
  c.attention.softcap = 0;
  return FiniteAttention(Asking(std::move(c), {Role::kDq, Role::kDk, Role::kDbias}));
}

Case WithHiddenGradients(Case c) { return WithHiddenPairs(Asking(std::move(c), {Role::kDq, Role::kDk, Role::kDv})); }

Case WithEmptySavedRows(Case c) {
  c = FiniteAttention(Asking(std::move(c), {Role::kDq, Role::kDk, Role::kDv}));
  Array& lse = c.saved_lse.values;
  for (std::size_t i = 0; i < lse.size(); ++i) {
    if (lse[i] == -kInf) return c;
  }
  if (!lse.empty()) lse.Set(subjects::Mix(c.law_key) % lse.size(), -kInf);
  return FiniteAttention(std::move(c));
}

Case WithFewQueries(Case c) {
  c = FiniteAttention(Asking(std::move(c), {Role::kDv}));
  const std::size_t most = std::max<std::size_t>(1, 64 / std::max<std::size_t>(1, GroupSize(c.attention)));
  if (c.attention.seq_q <= most) return c;
  return FiniteAttention(subjects::KeepAlong(c, Axis::kQuery, [&](std::size_t i) { return i < most; }));
}

}  // namespace assay::properties
