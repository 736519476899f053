// SPDX-License-Identifier: Apache-2.0
//
// What every plain subject does around its arithmetic: judging the arguments, and the rows without arithmetic.

#pragma once

#include <cstddef>
#include <cstdint>

#include "assay/assay.h"

namespace assay::subjects {

// The errors of assay.h, in two steps between which the caller judges the temperature: struct and enumerations, then
// shapes, pointers and overlap. ASSAY_OK for an empty matrix too.
assay_status CheckStruct(const assay_softmax_args* args);
assay_status CheckBuffers(const assay_softmax_args& args);

// One row of a call.
struct Row {
  const float* logits;
  const std::uint8_t* mask;  // NULL = all visible
  float* probs;
  std::size_t cols;

  bool Masked(std::size_t col) const { return mask != nullptr && mask[col] == 0; }
};

Row RowOf(const assay_softmax_args& args, std::size_t row);

// Whether a row without a visible entry gives zeros; else NaN.
bool EmptyRowIsZero(const assay_softmax_args& args);

// Writes canonical quiet NaNs, or +0.
void FillNan(const Row& row);
void FillZero(const Row& row);

}  // namespace assay::subjects
