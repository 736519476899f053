// SPDX-License-Identifier: Apache-2.0
//
// Sizes, switches and layouts of drawn cases of attention.

#include "properties/engine/attention.h"

#include <algorithm>
#include <iterator>
#include <string>

#include "properties/engine/operands.h"
#include "properties/fit_attention.h"

namespace assay::properties {
namespace {

using subjects::Attention;
using subjects::Case;
using subjects::Layout;
using subjects::Operand;
using subjects::Random;
using subjects::Role;

template <class T, std::size_t kCount>
T OneOf(const T (&values)[kCount], Random& random) {
  return values[random.Below(kCount)];
}

bool OneIn(std::uint64_t n, Random& random) { return random.Below(n) == 0; }

// Positions at and around lanes and tiles of 8, 16, 32 and 64.
std::size_t Sequence(Random& random) {
  constexpr std::size_t kShort[] = {1, 2, 3, 4, 5, 7, 8, 9};
  constexpr std::size_t kTiles[] = {15, 16, 17, 23, 31, 32, 33, 64, 65};
  constexpr std::size_t kLong[] = {0, 127, 128, 129, 130, 257};
  const std::uint64_t kind = random.Below(20);
  return kind < 11 ? OneOf(kShort, random) : kind < 19 ? OneOf(kTiles, random) : OneOf(kLong, random);
}

std::size_t Dimension(Random& random) {
  constexpr std::size_t kFew[] = {1, 2, 3, 4, 7, 8, 9};
  constexpr std::size_t kMore[] = {16, 17, 32, 33};
  constexpr std::size_t kMany[] = {0, 64, 65, 128};
  const std::uint64_t kind = random.Below(24);
  return kind < 14 ? OneOf(kFew, random) : kind < 22 ? OneOf(kMore, random) : OneOf(kMany, random);
}

std::size_t WorkOf(const Attention& a) {
  return a.batch * a.num_heads * a.seq_q * a.seq_kv * (a.head_dim + a.value_dim);
}

Attention Sizes(Random& random) {
  constexpr std::size_t kBatch[] = {1, 1, 1, 1, 2, 2, 3};
  constexpr std::size_t kKvHeads[] = {1, 1, 1, 2, 2, 3};
  constexpr std::size_t kGroup[] = {1, 1, 1, 1, 2, 2, 3, 8};
  Attention a;
  a.batch = OneIn(96, random) ? 0 : OneOf(kBatch, random);
  a.num_kv_heads = OneIn(96, random) ? 0 : OneOf(kKvHeads, random);
  std::size_t group = OneOf(kGroup, random);
  const std::uint64_t relation = random.Below(6);  // decoding, square, free
  const auto sequences = [&] {
    a.seq_kv = Sequence(random);
    a.seq_q = relation == 0 ? 1 : relation <= 2 ? a.seq_kv : Sequence(random);
  };
  const bool same_dims = OneIn(2, random);
  const auto dims = [&] {
    a.head_dim = Dimension(random);
    a.value_dim = same_dims ? a.head_dim : Dimension(random);
  };
  sequences();
  dims();
  // Sizes are drawn again rather than cut, so that they stay those that matter.
  const std::uint64_t kind = random.Below(100);
  const std::size_t limit = std::size_t{1} << (kind == 0 ? 18 : kind < 10 ? 14 : 12);
  for (a.num_heads = a.num_kv_heads * group; WorkOf(a) > limit; a.num_heads = a.num_kv_heads * group) {
    switch (random.Below(5)) {
      case 0:
        a.batch = 1;
        break;
      case 1:
        a.num_kv_heads = 1 + random.Below(2);
        break;
      case 2:
        group = 1 + random.Below(2);
        break;
      case 3:
        dims();
        break;
      default:
        sequences();
        break;
    }
  }
  return a;
}

void DrawMask(Case& c, Random& random) {
  GiveMask(c, random);
  const Attention& a = c.attention;
  const std::size_t rows = a.batch * a.num_heads * a.seq_q;
  // Whole queries that see nothing; whole keys that nobody sees, as padding has them.
  const std::uint64_t blind = OneIn(3, random) ? 2 + random.Below(4) : 0;
  const std::size_t padding = OneIn(4, random) && a.seq_kv > 0 ? random.Below(a.seq_kv) : 0;
  for (std::size_t r = 0; r < rows; ++r) {
    const bool nothing = blind != 0 && OneIn(blind, random);
    for (std::size_t j = 0; j < a.seq_kv; ++j) {
      if (nothing || j + padding >= a.seq_kv + (padding == 0 ? 1 : 0)) c.mask.values.SetBits(r * a.seq_kv + j, 0);
    }
  }
}

void DrawLengths(Case& c, Random& random) {
  subjects::Give(c, Role::kLengths);
  const std::size_t keys = c.attention.seq_kv;
  for (std::size_t n = 0; n < c.lengths.values.size(); ++n) {
    std::size_t length = keys;
    switch (random.Below(6)) {
      case 0:
        length = 0;
        break;
      case 1:
        length = 1;
        break;
      case 2:
        length = keys == 0 ? 0 : keys - 1;
        break;
      case 3:
      case 4:
        length = random.Below(keys + 1);
        break;
      default:
        break;
    }
    c.lengths.values.SetBits(n, std::min(length, keys));
  }
}

}  // namespace

void DrawAttentionSwitches(Case& c, Random& random) {
  Attention& a = c.attention;
  constexpr double kScales[] = {1, 1, -1, 0.125, 0.125, 0.7, -0.3, 0, 1e4, 0x1p-40};
  constexpr double kSoftcaps[] = {30, 50, 5, 5, 0.5, 1e-3, 1e4};
  a.has_scale = OneIn(2, random);
  if (a.has_scale) a.scale = OneOf(kScales, random);
  if (OneIn(4, random)) a.softcap = OneOf(kSoftcaps, random);
  a.causal = OneIn(2, random);
  if (OneIn(5, random)) {
    const std::size_t windows[] = {1, 1, 2, 3, 4, 8, 16, a.seq_kv, a.seq_kv + 5, 1 + random.Below(a.seq_kv + 1)};
    a.window = std::max<std::size_t>(1, OneOf(windows, random));
  }
  if ((a.causal || a.window != 0) && OneIn(4, random)) a.alignment = ASSAY_TOP_LEFT;
  if (OneIn(3, random)) a.lse_dtype = ASSAY_F64;
  if (OneIn(3, random)) DrawLengths(c, random);
  if (OneIn(3, random)) DrawMask(c, random);
  if (c.op == ASSAY_ATTENTION) {
    if (OneIn(4, random)) a.skipped = 1U << (static_cast<int>(Role::kLse) - static_cast<int>(Role::kOut));
  } else {
    a.skipped = OneIn(3, random) ? static_cast<std::uint32_t>(random.Bits()) & 0x3F : 0;  // Settled mends it
  }
}

void DrawAttentionLayouts(Case& c, Random& random) {
  const bool dense = OneIn(2, random);
  subjects::ForEachInput(c, [&](Role role, Operand& operand) {
    Layout& layout = operand.layout;
    if (!dense) {
      layout = DrawLayout(random);
      layout.heads_inner = OneIn(3, random);  // [batch, position, head, dimension], as projections leave them
    }
    // Masks and biases are broadcast more often than anything else.
    const bool pairs = role == Role::kMask || role == Role::kBias;
    if (!OneIn(pairs ? 3 : 24, random) || (c.in_place && role == subjects::InPlaceRole(c.op))) return;
    layout.repeats_batch = OneIn(2, random);
    layout.repeats_head = OneIn(2, random);
    layout.repeats_row = OneIn(4, random);
    const subjects::Dims dims = subjects::DimsOf(c, role);
    if (layout.repeats_row) Repeat(operand.values, dims, 2);
    if (layout.repeats_head) Repeat(operand.values, dims, 1);
    if (layout.repeats_batch) Repeat(operand.values, dims, 0);
    if (layout.repeats_batch || layout.repeats_head || layout.repeats_row) layout.heads_inner = false;
  });
  for (const Role role : subjects::OutputsOf(c)) {
    if (dense) break;
    Layout& layout = subjects::OutLayout(c, role);
    layout = DrawLayout(random);
    layout.heads_inner = OneIn(3, random);
  }
}

Case DrawAttention(assay_op op, assay_dtype dtype, std::uint64_t key) {
  Random random(key, 0);
  Case c = subjects::MakeAttention(op, dtype, Sizes(random));
  c.law_key = subjects::Mix(key);
  if (OneIn(2, random)) c.offset = random.Below(16);
  if (OneIn(3, random)) c.guard = subjects::Guard::kBefore;
  DrawAttentionSwitches(c, random);
  c.in_place = subjects::CanBeInPlace(op) && c.attention.head_dim == c.attention.value_dim && OneIn(4, random);
  FillAttention(c, random);
  c = SettledAttention(std::move(c));
  DrawAttentionLayouts(c, random);
  SprinkleAttention(c, random);
  if (op == ASSAY_ATTENTION_BACKWARD) FillAttentionSaved(c, random);
  return SettledAttention(std::move(c));
}

}  // namespace assay::properties
