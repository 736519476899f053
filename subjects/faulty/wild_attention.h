// SPDX-License-Identifier: Apache-2.0
//
// Cases of attention on which faults show: every feature more often than anybody asks for it.

#pragma once

#include <cmath>
#include <iterator>

#include "subjects/case.h"
#include "subjects/random.h"
#include "subjects/subject.h"

namespace assay::subjects {

inline Layout WildLayout(Random* random) {
  Layout layout;
  if (random->Below(3) == 0) return layout;
  layout.gap = random->Below(4);
  layout.step = 1 + random->Below(2);
  layout.heads_inner = random->Below(3) == 0;
  layout.columns_outer = !layout.heads_inner && random->Below(3) == 0;
  layout.rows_backward = random->Below(3) == 0;
  layout.cols_backward = random->Below(3) == 0;
  return layout;
}

// `forward` computes saved outputs for the backward.
inline Case WildAttention(assay_op op, assay_dtype dtype, std::uint64_t seed, Subject* forward) {
  Random random(seed, 3);
  const auto chance = [&](std::uint64_t one_in) { return random.Below(one_in) == 0; };
  const auto any = [&](const auto& list) { return list[random.Below(std::size(list))]; };
  constexpr std::size_t kDims[] = {0, 1, 2, 3, 5, 8, 8, 9, 12, 16};
  constexpr std::size_t kKeys[] = {0, 1, 2, 3, 7, 8, 9, 16, 17, 24, 33, 40};
  constexpr std::size_t kQueries[] = {0, 1, 1, 2, 3, 5, 9, 12};
  Attention attention;
  attention.batch = 1 + random.Below(2);
  attention.num_kv_heads = 1 + random.Below(3);
  attention.num_heads = attention.num_kv_heads * (1 + random.Below(3));
  attention.seq_q = any(kQueries);
  attention.seq_kv = any(kKeys);
  attention.head_dim = any(kDims);
  attention.value_dim = chance(3) ? any(kDims) : attention.head_dim;
  constexpr double kScales[] = {1, -1, 0, 0.125, 3, 1e30, 1e-40};
  attention.has_scale = chance(2);
  if (attention.has_scale) attention.scale = any(kScales);
  constexpr double kCaps[] = {0.5, 5, 30, 1e-3, 1e4, -2};
  if (chance(3)) attention.softcap = any(kCaps);
  if (attention.softcap < 0 && !chance(4)) attention.softcap = 0.5;
  if (chance(2)) attention.window = 1 + random.Below(20);
  attention.causal = chance(2);
  attention.alignment = chance(3) ? ASSAY_TOP_LEFT : ASSAY_BOTTOM_RIGHT;
  attention.lse_dtype = chance(2) ? ASSAY_F32 : ASSAY_F64;
  Case c = MakeAttention(op, dtype, attention);

  constexpr double kSpecial[] = {NAN, HUGE_VAL, -HUGE_VAL, 0, 1e30};
  const auto fill = [&](Role role, double spread) {
    Operand& operand = c.operand(role);
    const bool special = chance(6);
    for (std::size_t i = 0; i < operand.values.size(); ++i) {
      operand.values.Set(i, special && chance(12) ? any(kSpecial) : spread * random.Normal());
    }
    operand.layout = WildLayout(&random);
  };
  constexpr double kSpreads[] = {1, 1, 4, 30, 1e4, 1e25};
  fill(Role::kQ, any(kSpreads));
  fill(Role::kK, 1);
  constexpr double kValueSpreads[] = {1, 1, 1e20, 1e-40};
  fill(Role::kV, any(kValueSpreads));
  if (chance(2)) {
    Give(c, Role::kBias);
    constexpr double kBiasSpreads[] = {1, 30, 300};
    fill(Role::kBias, any(kBiasSpreads));
    const bool hides = chance(2);
    for (std::size_t i = 0; i < c.bias.values.size(); ++i) {
      if (hides && chance(3)) c.bias.values.Set(i, -HUGE_VAL);
    }
    if (op == ASSAY_ATTENTION_BACKWARD && !chance(8)) c.attention.skipped = 0;
  }
  if (chance(2)) {
    Give(c, Role::kMask);
    const std::uint64_t hidden = 1 + random.Below(4);
    for (std::size_t i = 0; i < c.mask.values.size(); ++i) {
      c.mask.values.SetBits(i, chance(hidden) ? 0 : chance(4) ? 0x80 : 1);
    }
    c.mask.layout = WildLayout(&random);
  }
  if (chance(2)) {
    Give(c, Role::kLengths);
    for (std::size_t b = 0; b < attention.batch; ++b) {
      const std::size_t length = chance(4) ? 0 : random.Below(attention.seq_kv + 1) + (chance(40) ? 1 : 0);
      c.lengths.values.SetBits(b, length);
    }
  }
  if (op == ASSAY_ATTENTION && chance(3)) {
    Give(c, Role::kSink);
    constexpr double kSinkSpreads[] = {1, 200};
    fill(Role::kSink, any(kSinkSpreads));
    c.sink.layout = {};
  }
  if (op == ASSAY_ATTENTION_BACKWARD) {
    Case saved = c;
    saved.op = ASSAY_ATTENTION;
    saved.attention.skipped = 0;
    saved.upstream = saved.saved_out = saved.saved_lse = {};
    if (chance(3)) {
      Give(saved, Role::kSink);
      for (std::size_t h = 0; h < attention.num_heads; ++h) saved.sink.values.Set(h, random.Normal());
    }
    const RunResult result = forward->Run(saved);
    if (result.status == ASSAY_OK) {
      c.saved_out.values = result.out;
      c.saved_lse.values = result.more.at(0);
    }
    fill(Role::kUpstream, chance(4) ? 1e15 : 1);
    c.saved_lse.layout = WildLayout(&random);
  }
  for (const Role role : OutputsOf(c)) OutLayout(c, role) = WildLayout(&random);
  if (op == ASSAY_ATTENTION && attention.value_dim == attention.head_dim) c.in_place = chance(4);
  c.guard = chance(4) ? Guard::kBefore : Guard::kAfter;
  return c;
}

}  // namespace assay::subjects
