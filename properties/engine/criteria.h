// SPDX-License-Identifier: Apache-2.0
//
// What people use instead of a bound: the four comparisons against a reference that libraries ship, on the rows they
// ship them with. To show what they accept; no law uses them.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "subjects/case.h"
#include "subjects/subject.h"

namespace assay::properties {

struct Criterion {
  const char* name;  // "rtol 1e-3, atol 1e-7"
  // Whether it accepts `got` beside the reference. NaN is never accepted.
  bool (*accepts)(std::span<const double> got, std::span<const double> want);
};

// |got - want| <= atol + rtol |want| for every element, with (rtol, atol) = (1e-3, 1e-7), (1.3e-6, 1e-5) (PyTorch's
// assert_close for f32) and (1e-2, 1e-2); and sum (got - want)^2 <= 1e-6 sum want^2.
inline constexpr std::size_t kCriteria = 4;
const std::array<Criterion, kCriteria>& Criteria();

// The benign rows of such tests: contiguous, T = 1, no mask, N(0, 1) logits; backward: saved are the exact results
// of such logits, rounded, and upstream is N(0, 1); losses: random labels. Attention: one head of `rows` queries and
// `cols` keys of 16 dimensions, N(0, 1), every key visible, the default scale. A pure function of its arguments.
subjects::Case BenignCase(assay_op op, assay_dtype dtype, std::size_t rows, std::size_t cols, std::uint64_t seed);

// Lengths of rows at which AcceptanceOf looks; of attention, numbers of keys, up to 1000.
inline constexpr std::size_t kBenignCols[] = {8, 32, 128, 512, 1000, 4096, 16384, 65536};

// For each criterion: the smallest of kBenignCols from which on it accepts the subject's results at every length tried,
// the exact values, rounded, being the reference; nothing where it rejects the longest.
using Acceptance = std::array<std::optional<std::size_t>, kCriteria>;
Acceptance AcceptanceOf(subjects::Subject& subject, assay_op op, assay_dtype dtype, std::uint64_t seed = 1);

}  // namespace assay::properties
