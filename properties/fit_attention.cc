// SPDX-License-Identifier: Apache-2.0

#include "properties/fit_attention.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

#include "properties/fit.h"
#include "properties/forward_attention.h"

namespace assay::properties {
namespace {

using subjects::Array;
using subjects::Attention;
using subjects::Dims;
using subjects::Layout;
using subjects::Operand;
using subjects::Role;

constexpr double kInf = std::numeric_limits<double>::infinity();

constexpr std::uint32_t BitOf(Role output) {
  return std::uint32_t{1} << (static_cast<int>(output) - static_cast<int>(Role::kOut));
}

bool Reads(const Case& c, Role role) {
  const bool backward = c.op == ASSAY_ATTENTION_BACKWARD;
  switch (role) {
    case Role::kQ:
    case Role::kK:
    case Role::kV:
    case Role::kBias:
    case Role::kMask:
    case Role::kLengths:
      return true;
    case Role::kSink:
      return !backward;
    case Role::kSavedOut:
    case Role::kSavedLse:
    case Role::kUpstream:
      return backward;
    default:
      return false;
  }
}

bool IsOptional(Role role) {
  return role == Role::kBias || role == Role::kMask || role == Role::kLengths || role == Role::kSink;
}

void SettleOutputs(Case& c) {
  std::uint32_t& skipped = c.attention.skipped;
  if (c.op == ASSAY_ATTENTION) {
    skipped &= BitOf(Role::kLse);
  } else {
    skipped &= BitOf(Role::kDq) | BitOf(Role::kDk) | BitOf(Role::kDv) | BitOf(Role::kDbias);
    if (!c.bias.given) skipped |= BitOf(Role::kDbias);
    if (subjects::OutputsOf(c).empty()) skipped &= ~BitOf(Role::kDq);
  }
}

// Only what Validate lets stand beside each other, and repetition only of what is equal.
void SettleLayout(Layout& layout) {
  if (!layout.heads_inner) return;
  layout.columns_outer = layout.repeats_row = layout.repeats_head = layout.repeats_batch = false;
}

void SettleLayouts(Case& c) {
  subjects::ForEachInput(c, [&](Role role, Operand& operand) {
    const Dims dims = subjects::DimsOf(c, role);
    const bool is_out = c.in_place && role == subjects::InPlaceRole(c.op);
    Layout& layout = operand.layout;
    layout.repeats_batch = layout.repeats_batch && !is_out && IsRepeated(operand.values, dims, 0);
    layout.repeats_head = layout.repeats_head && !is_out && IsRepeated(operand.values, dims, 1);
    layout.repeats_row = layout.repeats_row && !is_out && IsRepeated(operand.values, dims, 2);
    SettleLayout(layout);
  });
  std::array<Layout, subjects::kOutputRoles> outs = {};
  for (const Role role : subjects::OutputsOf(c)) {
    Layout& layout = outs[static_cast<std::size_t>(role) - static_cast<std::size_t>(Role::kOut)];
    layout = subjects::OutLayout(c, role);
    layout.repeats_batch = layout.repeats_head = layout.repeats_row = false;
    SettleLayout(layout);
  }
  c.out = outs[0];
  std::copy(outs.begin() + 1, outs.end(), c.more_outs.begin());
}

// The top exponent bit of what is 2^limit or more in magnitude cleared.
void Tame(Array& values, double limit) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isfinite(values[i]) && std::fabs(values[i]) >= limit) {
      values.SetBits(i, values.Bits(i) & ~(std::uint64_t{1} << (8 * subjects::BytesOf(values.element()) - 2)));
    }
  }
}

// NaN, +inf, or one whose rounding decides everything.
bool HasBadLse(const Case& c) {
  for (std::size_t i = 0; i < c.saved_lse.values.size(); ++i) {
    if (c.saved_lse[i] != -kInf && !(std::fabs(c.saved_lse[i]) <= 2 * SavedLimit(c))) return true;
  }
  return false;
}

// What a forward pass of the case as it is now saves: what one of other scores has saved would make shares beyond any
// type. Where there is no finite log-sum-exp, the query contributes nothing.
void SaveAgain(Case& c) {
  for (std::size_t n = 0; n < c.attention.batch; ++n) {
    for (std::size_t h = 0; h < c.attention.num_heads; ++h) SaveForward(c, n, h, -kInf);
  }
  for (std::size_t i = 0; i < c.saved_lse.values.size(); ++i) {
    if (!std::isfinite(c.saved_lse[i])) c.saved_lse.values.Set(i, -kInf);
  }
}

}  // namespace

bool CanSee(const Case& c, std::size_t batch, std::size_t head, std::size_t i, std::size_t j) {
  const Attention& a = c.attention;
  const auto keys = static_cast<std::int64_t>(a.seq_kv);
  const std::int64_t length =
      c.lengths.given ? std::clamp(static_cast<std::int64_t>(c.lengths.values.Bits(batch)), std::int64_t{0}, keys)
                      : keys;
  const auto key = static_cast<std::int64_t>(j);
  const auto query = static_cast<std::int64_t>(i);
  const std::int64_t t = a.alignment == ASSAY_TOP_LEFT ? query : query + length - static_cast<std::int64_t>(a.seq_q);
  if (key >= length || (a.causal && key > t)) return false;
  // A window beyond every key hides nothing, whatever it is.
  if (a.window != 0 && a.window < a.seq_q + a.seq_kv && key <= t - static_cast<std::int64_t>(a.window)) return false;
  const std::size_t pair = ((batch * a.num_heads + head) * a.seq_q + i) * a.seq_kv + j;
  return (!c.mask.given || c.mask.values.Bits(pair) != 0) && (!c.bias.given || c.bias[pair] != -kInf);
}

bool SeesAny(const Case& c, std::size_t batch, std::size_t head, std::size_t i) {
  for (std::size_t j = 0; j < c.attention.seq_kv; ++j) {
    if (CanSee(c, batch, head, i, j)) return true;
  }
  return false;
}

bool IsSeen(const Case& c, std::size_t batch, std::size_t kv_head, std::size_t j) {
  const Attention& a = c.attention;
  const std::size_t group = a.num_heads / std::max<std::size_t>(1, a.num_kv_heads);
  for (std::size_t head = kv_head * group; head < (kv_head + 1) * group; ++head) {
    for (std::size_t i = 0; i < a.seq_q; ++i) {
      if (CanSee(c, batch, head, i, j)) return true;
    }
  }
  return false;
}

Case Reshaped(Case c, const Attention& to) {
  std::array<Dims, subjects::kInputRoles> before = {};
  subjects::ForEachInput(
      c, [&](Role role, Operand&) { before[static_cast<std::size_t>(role)] = subjects::DimsOf(c, role); });
  c.attention = to;
  subjects::ForEachInput(c, [&](Role role, Operand& operand) {
    const Dims from = before[static_cast<std::size_t>(role)];
    const Dims dims = subjects::DimsOf(c, role);
    if (dims == from) return;
    Array values(operand.values.element(), dims[0] * dims[1] * dims[2] * dims[3]);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::size_t at[4] = {i / (dims[3] * dims[2] * dims[1]), i / (dims[3] * dims[2]) % dims[1],
                                 i / dims[3] % dims[2], i % dims[3]};
      const bool had = at[0] < from[0] && at[1] < from[1] && at[2] < from[2] && at[3] < from[3];
      const std::size_t old = ((at[0] * from[1] + at[1]) * from[2] + at[2]) * from[3] + at[3];
      values.SetBits(i, had ? operand.values.Bits(old) : role == Role::kMask ? 1 : 0);
    }
    operand.values = std::move(values);
  });
  return c;
}

bool IsRepeated(const Array& values, const Dims& dims, std::size_t d) {
  std::size_t inner = 1;
  for (std::size_t k = d + 1; k < 4; ++k) inner *= dims[k];
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i / inner % dims[d] != 0 && values.Bits(i) != values.Bits(i - inner)) return false;
  }
  return true;
}

void Repeat(Array& values, const Dims& dims, std::size_t d) {
  std::size_t inner = 1;
  for (std::size_t k = d + 1; k < 4; ++k) inner *= dims[k];
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i / inner % dims[d] != 0) values.SetBits(i, values.Bits(i - inner));
  }
}

Case SettledAttention(Case c) {
  c.rows = c.cols = 1;
  c.temperature = 1;
  c.empty_row = ASSAY_EMPTY_ROW_AUTO;
  c.reduction = ASSAY_REDUCTION_NONE;
  c.label_smoothing = 0;
  c.has_ignore_index = false;
  c.ignore_index = 0;
  for (int i = 0; i < subjects::kInputRoles; ++i) {
    const auto role = static_cast<Role>(i);
    const bool given = c.operand(role).given;
    if (given && !Reads(c, role)) subjects::Take(c, role);
    if (!given && Reads(c, role) && !IsOptional(role)) subjects::Give(c, role);
  }
  if (!c.attention.has_scale) c.attention.scale = 0;
  SettleOutputs(c);
  if (!subjects::CanBeInPlace(c.op) || c.attention.head_dim != c.attention.value_dim) c.in_place = false;
  SettleLayouts(c);
  return c;
}

Case ValidAttention(Case c) {
  Attention to = c.attention;
  if (!std::isfinite(to.scale)) to.scale = 1;
  if (!std::isfinite(to.softcap)) to.softcap = 0;
  to.softcap = std::fabs(to.softcap);
  if (to.num_heads < to.num_kv_heads) to.num_kv_heads = to.num_heads;
  if (to.num_kv_heads == 0) to.num_heads = 0;
  if (to.num_kv_heads != 0) to.num_heads -= to.num_heads % to.num_kv_heads;
  c = Reshaped(std::move(c), to);
  for (std::size_t n = 0; c.lengths.given && n < c.lengths.values.size(); ++n) {
    const auto length = static_cast<std::int64_t>(c.lengths.values.Bits(n));
    const auto valid = std::clamp(length, std::int64_t{0}, static_cast<std::int64_t>(to.seq_kv));
    c.lengths.values.SetBits(n, static_cast<std::uint64_t>(valid));
  }
  return SettledAttention(std::move(c));
}

Case FiniteAttention(Case c) {
  c = ValidAttention(std::move(c));
  const Case given = c;
  const Attention& a = c.attention;
  if (std::fabs(a.scale) > 0x1p40) c.attention.scale = 1;
  const auto all_finite = [](Array& values) {
    for (std::size_t i = 0; i < values.size(); ++i) MakeFinite(values, i);
  };
  const auto finite_or_minus_inf = [](Array& values) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (values[i] != -kInf) MakeFinite(values, i);
    }
  };
  all_finite(c.q.values);
  for (Operand* operand : {&c.bias, &c.sink}) finite_or_minus_inf(operand->values);
  for (std::size_t n = 0; n < a.batch; ++n) {
    for (std::size_t g = 0; g < a.num_kv_heads; ++g) {
      for (std::size_t j = 0; j < a.seq_kv; ++j) {
        if (!IsSeen(c, n, g, j)) continue;
        const std::size_t key = (n * a.num_kv_heads + g) * a.seq_kv + j;
        for (std::size_t d = 0; d < a.head_dim; ++d) MakeFinite(c.k.values, key * a.head_dim + d);
        for (std::size_t e = 0; e < a.value_dim; ++e) MakeFinite(c.v.values, key * a.value_dim + e);
      }
    }
  }
  if (c.dtype == ASSAY_F64) {
    for (Operand* operand : {&c.q, &c.k}) Tame(operand->values, 0x1p480);
    for (Operand* operand : {&c.v, &c.bias, &c.sink}) Tame(operand->values, 0x1p1000);
  }
  if (c.op == ASSAY_ATTENTION_BACKWARD) {
    const bool changed = c.q.values != given.q.values || c.k.values != given.k.values || c.v.values != given.v.values ||
                         c.bias.values != given.bias.values || a.scale != given.attention.scale;
    if (changed || HasBadLse(c)) SaveAgain(c);
    all_finite(c.saved_out.values);
    for (std::size_t i = 0; i < c.upstream.values.size(); ++i) {
      if (c.saved_lse[i / a.value_dim] != -kInf) MakeFinite(c.upstream.values, i);
    }
    if (c.dtype == ASSAY_F64) {
      for (Operand* operand : {&c.saved_out, &c.upstream}) Tame(operand->values, 0x1p1000);
    }
  }
  return SettledAttention(std::move(c));
}

}  // namespace assay::properties
