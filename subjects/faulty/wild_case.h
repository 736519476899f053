// SPDX-License-Identifier: Apache-2.0
//
// Cases on which faults show: everything that a kernel may be asked for, more often than anybody asks.

#pragma once

#include "subjects/case.h"
#include "subjects/testing.h"

namespace assay::subjects {

inline Case WildCase(assay_op op, assay_dtype dtype, std::uint64_t seed) {
  Random random(seed, 2);
  const auto chance = [&](std::uint64_t one_in) { return random.Below(one_in) == 0; };
  constexpr std::size_t kCols[] = {1, 2, 3, 7, 8, 9, 13, 64, 100, 3000};
  const std::size_t rows = chance(4) ? 5 : 1 + random.Below(3);
  Case c = MakeCase(op, dtype, rows, kCols[random.Below(std::size(kCols))]);
  constexpr double kTemperatures[] = {0.3, 3, 0, HUGE_VAL, 1e5, 1e-310, 0x1p-20, -1};
  if (chance(2)) c.temperature = kTemperatures[random.Below(std::size(kTemperatures))];
  c.empty_row = static_cast<assay_empty_row>(random.Below(3));

  const auto fill = [&](Role role, double offset, double scale) {
    Operand& operand = c.operand(role);
    const bool special = chance(4);
    constexpr double kSpecial[] = {-HUGE_VAL, -HUGE_VAL, HUGE_VAL, NAN, 0};
    for (std::size_t i = 0; i < operand.values.size(); ++i) {
      const bool odd = special && chance(4);
      operand.values.Set(i, odd ? kSpecial[random.Below(std::size(kSpecial))] : offset + scale * random.Normal());
    }
    operand.layout = AnyLayout(&random, false);
  };
  constexpr double kScales[] = {0, 0.1, 1, 10, 40, 1000, 1e30};
  constexpr double kOffsets[] = {0, 0, -2e4, 3e4, -3e9};
  const double scale = kScales[random.Below(std::size(kScales))];
  const double offset = kOffsets[random.Below(std::size(kOffsets))];
  if (HasLogits(op)) {
    fill(Role::kLogits, offset, scale);
    if (chance(3)) {
      Give(c, Role::kBias);
      fill(Role::kBias, 0, kScales[random.Below(std::size(kScales))]);
    }
    if (TakesMask(op) && chance(2)) {
      Give(c, Role::kMask);
      for (std::size_t i = 0; i < c.mask.values.size(); ++i)
        c.mask.values.SetBits(i, chance(3) ? 0 : chance(4) ? 0x80 : 1);
      c.mask.layout = AnyLayout(&random, false);
    }
  }
  if (IsBackwardOfActivation(op)) {
    fill(Role::kUpstream, 0, chance(4) ? 50000 : 1);
    for (std::size_t i = 0; i < c.saved.values.size(); ++i) {
      const double p = chance(4) ? 0 : chance(8) ? 5e-7 : random.Uniform();
      c.saved.values.Set(i, op == ASSAY_LOG_SOFTMAX_BACKWARD ? (p == 0 ? -HUGE_VAL : -5 * p) : p);
    }
  }
  if (IsLoss(op)) {
    c.reduction = static_cast<assay_reduction>(random.Below(3));
    c.label_smoothing = chance(2) ? 0.1 : 0;
    if (chance(3)) {
      Take(c, Role::kLabels);
      Give(c, Role::kTargets);
      for (std::size_t i = 0; i < c.targets.values.size(); ++i) c.targets.values.Set(i, random.Uniform());
    } else {
      for (std::size_t i = 0; i < c.rows; ++i) {
        c.labels.values.SetBits(i, random.Below(c.cols + (chance(20) ? 1 : 0)));
      }
      c.labels.layout.gap = random.Below(2);
      c.has_ignore_index = chance(2);
      c.ignore_index = static_cast<std::int64_t>(random.Below(c.cols));
    }
    if (op == ASSAY_CROSS_ENTROPY_BACKWARD && chance(2)) {
      Give(c, Role::kUpstream);
      for (std::size_t i = 0; i < c.upstream.values.size(); ++i) c.upstream.values.Set(i, random.Normal());
    }
  }
  if (chance(8) && HasLogits(op) && op != ASSAY_CROSS_ENTROPY) {
    // One row, again and again.
    for (std::size_t i = c.cols; i < c.logits.values.size(); ++i) {
      c.logits.values.SetBits(i, c.logits.values.Bits(i % c.cols));
    }
    c.logits.layout.repeats_row = true;
  }
  c.in_place = CanBeInPlace(op) && !c.logits.layout.repeats_row && chance(4);
  c.out = AnyLayout(&random, false);
  c.offset = random.Below(8);
  c.guard = chance(4) ? Guard::kBefore : Guard::kAfter;
  if (c.guard == Guard::kBefore) c.offset = 8 * random.Below(2);
  return c;
}

}  // namespace assay::subjects
