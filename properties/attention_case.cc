// SPDX-License-Identifier: Apache-2.0

#include "properties/attention_case.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace assay::properties {

std::size_t SizeOf(const Dims& dims) { return dims[0] * dims[1] * dims[2] * dims[3]; }

std::size_t KeyLength(const Case& c, std::size_t n) {
  return c.lengths.given ? static_cast<std::size_t>(c.lengths.values.Bits(n)) : c.attention.seq_kv;
}

KeyRange KeysOf(const Case& c, std::size_t n, std::size_t i) {
  const Attention& a = c.attention;
  const auto length = static_cast<std::ptrdiff_t>(KeyLength(c, n));
  const auto query = static_cast<std::ptrdiff_t>(i);
  const std::ptrdiff_t place =
      a.alignment == ASSAY_TOP_LEFT ? query : query + length - static_cast<std::ptrdiff_t>(a.seq_q);
  const std::ptrdiff_t end = a.causal ? std::clamp<std::ptrdiff_t>(place + 1, 0, length) : length;
  // A window that reaches to the first key from the last place there is hides nothing, however large it is.
  const bool bounded = a.window != 0 && a.window < a.seq_q + a.seq_kv;
  const std::ptrdiff_t first =
      bounded ? std::clamp<std::ptrdiff_t>(place - static_cast<std::ptrdiff_t>(a.window) + 1, 0, end) : 0;
  return {static_cast<std::size_t>(first), static_cast<std::size_t>(end)};
}

double ScaleOf(const Case& c) {
  if (c.attention.has_scale) return c.attention.scale;
  return c.attention.head_dim == 0 ? 1 : 1 / std::sqrt(static_cast<double>(c.attention.head_dim));
}

Case Plain(Case c) {
  subjects::ForEachInput(c, [](Role, subjects::Operand& operand) { operand.layout = {}; });
  c.out = {};
  c.more_outs = {};
  c.in_place = false;
  return c;
}

Case PlacesAsMask(Case c) {
  const Attention& a = c.attention;
  if (!a.causal && a.window == 0 && !c.lengths.given) return c;
  std::vector<KeyRange> keys;
  for (std::size_t n = 0; n < a.batch; ++n) {
    for (std::size_t i = 0; i < a.seq_q; ++i) keys.push_back(KeysOf(c, n, i));
  }
  if (!c.mask.given) subjects::Give(c, Role::kMask);
  c.mask.layout = {};
  std::size_t pair = 0;
  ForEachPair(c, [&](std::size_t n, std::size_t, std::size_t i, std::size_t j) {
    const KeyRange& range = keys[n * a.seq_q + i];
    if (j < range.first || j >= range.end) c.mask.values.SetBits(pair, 0);
    ++pair;
  });
  c.attention.causal = false;
  c.attention.window = 0;
  if (c.lengths.given) subjects::Take(c, Role::kLengths);
  return c;
}

Case Only(const Case& c, Axis axis, std::size_t index) {
  return subjects::KeepAlong(c, axis, [index](std::size_t i) { return i == index; });
}

Case PrefixOf(const Case& c, std::size_t n, std::size_t i) {
  const KeyRange keys = KeysOf(c, n, i);
  Case one = Plain(c);
  one.attention.causal = false;
  one.attention.window = 0;
  if (one.lengths.given) subjects::Take(one, Role::kLengths);
  one = Only(Only(one, Axis::kBatch, n), Axis::kQuery, i);
  return subjects::KeepAlong(one, Axis::kKey, [&](std::size_t j) { return j >= keys.first && j < keys.end; });
}

Case TakeKeys(const Case& c, const std::vector<std::size_t>& source) {
  Case taken = Plain(c);
  taken.attention.seq_kv = source.size();
  for (const Role role : {Role::kK, Role::kV}) {
    Gather(&taken, role, subjects::DimsOf(c, role), c.operand(role),
           [&](std::size_t n, std::size_t h, std::size_t j, std::size_t d) {
             return Dims{n, h, source[j], d};
           });
  }
  for (const Role role : {Role::kBias, Role::kMask}) {
    if (!c.operand(role).given) continue;
    Gather(&taken, role, subjects::DimsOf(c, role), c.operand(role),
           [&](std::size_t n, std::size_t h, std::size_t i, std::size_t j) {
             return Dims{n, h, i, source[j]};
           });
  }
  return taken;
}

}  // namespace assay::properties
