// SPDX-License-Identifier: Apache-2.0
//
// Cases for the tests of this folder.

#pragma once

#include <cmath>
#include <cstdint>
#include <iterator>
#include <string>
#include <vector>

#include "subjects/case.h"
#include "subjects/random.h"

namespace assay::subjects {

// Softmax in f32.
inline Case DenseCase(std::size_t rows, std::size_t cols, const std::vector<float>& logits) {
  Case c = MakeCase(ASSAY_SOFTMAX, ASSAY_F32, rows, cols);
  c.logits.values.Resize(logits.size());
  for (std::size_t i = 0; i < logits.size(); ++i) c.logits.values.Set(i, static_cast<double>(logits[i]));
  return c;
}

// Softmax in f32 of standard normal logits.
inline Case NormalCase(std::size_t rows, std::size_t cols, std::uint64_t seed) {
  Case c = MakeCase(ASSAY_SOFTMAX, ASSAY_F32, rows, cols);
  Random random(seed, 0);
  for (std::size_t i = 0; i < c.logits.values.size(); ++i) c.logits.values.Set(i, random.Normal());
  return c;
}

inline Layout AnyLayout(Random* random, bool input) {
  Layout layout;
  if (random->Below(2) == 0) return layout;
  layout.gap = random->Below(4);
  layout.step = 1 + random->Below(3);
  layout.columns_outer = random->Below(2) == 0;
  layout.rows_backward = random->Below(3) == 0;
  layout.cols_backward = random->Below(3) == 0;
  layout.repeats_row = input && random->Below(8) == 0;
  return layout;
}

// A valid case of any operation, type and layout; numbers are random bits half of the time, so NaN and infinities
// occur; arguments that a kernel must refuse occur, too.
inline Case AnyCase(std::uint64_t seed) {
  Random random(seed, 1);
  const auto chance = [&](std::uint64_t one_in) { return random.Below(one_in) == 0; };
  Case c = MakeCase(static_cast<assay_op>(random.Below(ASSAY_NUM_ROW_OPS)),
                    static_cast<assay_dtype>(random.Below(ASSAY_NUM_DTYPES)), random.Below(5), random.Below(7));
  constexpr double kTemperatures[] = {1, 1, 0.5, 0, -0.0, HUGE_VAL, -1, NAN, 0x1p-1074};
  c.temperature = kTemperatures[random.Below(std::size(kTemperatures))];
  c.empty_row = static_cast<assay_empty_row>(random.Below(3));
  if (IsLoss(c.op)) {
    c.reduction = static_cast<assay_reduction>(random.Below(3));
    constexpr double kSmoothings[] = {0, 0.1, 1, 2, NAN};
    c.label_smoothing = kSmoothings[random.Below(std::size(kSmoothings))];
    if (chance(2)) {
      Take(c, Role::kLabels);
      Give(c, Role::kTargets);
    } else if (chance(2)) {
      c.has_ignore_index = true;
      c.ignore_index = chance(2) ? -100 : 1;
    }
    if (c.op == ASSAY_CROSS_ENTROPY_BACKWARD && chance(2)) Give(c, Role::kUpstream);
  }
  if (HasLogits(c.op) && chance(2)) Give(c, Role::kBias);
  if (TakesMask(c.op) && chance(2)) Give(c, Role::kMask);
  ForEachInput(c, [&](Role role, Operand& operand) {
    operand.layout = AnyLayout(&random, true);
    const std::size_t size = operand.values.size();
    for (std::size_t i = 0; i < size; ++i) {
      if (role == Role::kMask) {
        operand.values.SetBits(i, random.Below(3));
      } else if (role == Role::kLabels) {
        const auto label = static_cast<std::int64_t>(random.Below(8)) - (chance(8) ? 100 : 0);
        operand.values.SetBits(i, static_cast<std::uint64_t>(label));
      } else if (chance(2)) {
        operand.values.SetBits(i, random.Bits());
      } else {
        operand.values.Set(i, random.Normal());
      }
    }
    const std::size_t cols = ShapeOf(c, role).cols;
    for (std::size_t i = cols; i < size && operand.layout.repeats_row; ++i) {
      operand.values.SetBits(i, operand.values.Bits(i - cols));
    }
  });
  c.out = AnyLayout(&random, false);
  c.in_place = CanBeInPlace(c.op) && chance(4) && !c.operand(InPlaceRole(c.op)).layout.repeats_row;
  c.offset = random.Below(4);
  c.guard = chance(2) ? Guard::kBefore : Guard::kAfter;
  c.law_key = random.Bits();
  c.property = "property";
  c.origin = "origin";
  return c;
}

inline Layout AnyAttentionLayout(Random* random, bool input) {
  Layout layout = AnyLayout(random, input);
  layout.heads_inner = !layout.columns_outer && !layout.repeats_row && random->Below(4) == 0;
  layout.repeats_head = input && random->Below(8) == 0;
  layout.repeats_batch = input && random->Below(8) == 0;
  return layout;
}

// Makes the values such that the layout may repeat what it says.
inline void RepeatValues(const Case& c, Role role, Operand* operand) {
  const Dims dims = DimsOf(c, role);
  const Layout& layout = operand->layout;
  for (std::size_t i = 0; i < operand->values.size(); ++i) {
    std::size_t d = i % dims[3];
    std::size_t s = i / dims[3] % dims[2];
    std::size_t h = i / dims[3] / dims[2] % dims[1];
    std::size_t b = i / dims[3] / dims[2] / dims[1];
    if (layout.repeats_row) s = 0;
    if (layout.repeats_head) h = 0;
    if (layout.repeats_batch) b = 0;
    operand->values.SetBits(i, operand->values.Bits(((b * dims[1] + h) * dims[2] + s) * dims[3] + d));
  }
}

// As AnyCase, of attention.
inline Case AnyAttention(std::uint64_t seed) {
  Random random(seed, 4);
  const auto chance = [&](std::uint64_t one_in) { return random.Below(one_in) == 0; };
  const auto size = [&](std::uint64_t most) { return chance(16) ? 0 : 1 + random.Below(most); };
  Attention a;
  a.batch = size(3);
  a.num_kv_heads = size(3);
  a.num_heads = chance(16) ? size(5) : a.num_kv_heads * (1 + random.Below(3));
  a.seq_q = size(4);
  a.seq_kv = size(5);
  a.head_dim = size(5);
  a.value_dim = chance(2) ? a.head_dim : size(5);
  constexpr double kScales[] = {0.5, 1, -2, 0, -0.0, HUGE_VAL, NAN};
  a.has_scale = chance(2);
  if (a.has_scale) a.scale = kScales[random.Below(std::size(kScales))];
  constexpr double kSoftcaps[] = {0, 0, 0, 2, 30, -0.0, -1, HUGE_VAL, NAN};
  a.softcap = kSoftcaps[random.Below(std::size(kSoftcaps))];
  a.window = chance(3) ? random.Below(4) : 0;
  a.causal = chance(3);
  a.alignment = chance(3) ? ASSAY_TOP_LEFT : ASSAY_BOTTOM_RIGHT;
  a.lse_dtype = chance(3) ? ASSAY_F64 : ASSAY_F32;
  const assay_op op = chance(2) ? ASSAY_ATTENTION : ASSAY_ATTENTION_BACKWARD;
  Case c = MakeAttention(op, static_cast<assay_dtype>(random.Below(ASSAY_NUM_DTYPES)), a);
  if (chance(3)) Give(c, Role::kBias);
  if (chance(3)) Give(c, Role::kMask);
  if (chance(3)) Give(c, Role::kLengths);
  if (op == ASSAY_ATTENTION && chance(3)) Give(c, Role::kSink);
  if (op == ASSAY_ATTENTION && chance(2)) Skip(c, Role::kLse);
  if (op == ASSAY_ATTENTION_BACKWARD) {
    if (c.bias.given && chance(2)) c.attention.skipped &= ~(1U << (static_cast<int>(Role::kDbias) - kInputRoles));
    if (chance(4)) Skip(c, Role::kDq);
    if (chance(4)) Skip(c, Role::kDv);
  }
  ForEachInput(c, [&](Role role, Operand& operand) {
    operand.layout = AnyAttentionLayout(&random, true);
    for (std::size_t i = 0; i < operand.values.size(); ++i) {
      if (role == Role::kMask) {
        operand.values.SetBits(i, random.Below(3));
      } else if (role == Role::kLengths) {
        operand.values.SetBits(i, chance(16) ? random.Bits() : random.Below(a.seq_kv + 1));
      } else if (chance(4)) {
        operand.values.SetBits(i, random.Bits());
      } else {
        operand.values.Set(i, random.Normal());
      }
    }
    RepeatValues(c, role, &operand);
  });
  for (const Role role : OutputsOf(c)) OutLayout(c, role) = AnyAttentionLayout(&random, false);
  const Layout& q = c.q.layout;
  c.in_place = op == ASSAY_ATTENTION && a.head_dim == a.value_dim && chance(3) && !q.repeats_row && !q.repeats_head &&
               !q.repeats_batch;
  c.offset = random.Below(4);
  c.guard = chance(2) ? Guard::kBefore : Guard::kAfter;
  c.law_key = random.Bits();
  c.property = "property";
  c.origin = "origin";
  return c;
}

inline std::vector<std::uint64_t> Bits(const Array& values) {
  std::vector<std::uint64_t> bits;
  for (std::size_t i = 0; i < values.size(); ++i) bits.push_back(values.Bits(i));
  return bits;
}

inline std::vector<double> Values(const Array& values) {
  std::vector<double> all;
  for (std::size_t i = 0; i < values.size(); ++i) all.push_back(values[i]);
  return all;
}

#ifdef ASSAY_TEST_SUBJECTS
inline std::string TestSubject(const std::string& name) { return ASSAY_TEST_SUBJECTS "/" + name + ".so"; }
#endif

}  // namespace assay::subjects
