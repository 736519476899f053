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
