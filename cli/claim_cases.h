// SPDX-License-Identifier: Apache-2.0
//
// The inputs on which `assay claims` looks for the largest error: every operation and type, each family of logits at
// each temperature, with and without a bias, short rows and long ones. A pure function of (seed, index).

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "assay/assay.h"
#include "subjects/case.h"

namespace assay::cli {

// What a case was drawn from: shown with the largest error.
struct ClaimCase {
  const char* family = "";
  std::size_t cols = 0;
  double temperature = 1;
  bool bias = false;

  std::string Text() const;  // "normal-10, n = 1000, T = 0.7, bias"
};

// All combinations for one operation, rows of min_cols to max_cols entries; a bias only where `with_bias`.
std::vector<ClaimCase> ClaimCases(assay_op op, std::size_t min_cols, std::size_t max_cols, bool with_bias);

// One row. Beyond 2^16 entries they are drawn from 2^16 of the family's numbers, each entry with its bias from as many
// pairs, so that the oracle has no more exponentials to compute. Backward operations: the saved output is the nearest
// softmax, log_softmax or sparsemax that the scalar reference gives for the family's row, upstream is N(0, 1); losses
// alternate labels and targets, with and without smoothing.
subjects::Case DrawClaimCase(const ClaimCase& from, assay_op op, assay_dtype dtype, std::uint64_t seed);

}  // namespace assay::cli
