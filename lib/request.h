// SPDX-License-Identifier: Apache-2.0
//
// What the kernels get to see: a checked call of a row operation.

#pragma once

#include "assay/assay.h"

namespace assay::internal {

// How often a later step of the exact tier's ladder decided, for tests.
struct LadderCounts {
  std::size_t precise_rows = 0;    // by the precise exponential, after the rough one
  std::size_t pair_rows = 0;       // by exact_softmax_pairs-inl.h
  std::size_t double_doubles = 0;  // results that reached the second step, and of these
  std::size_t integers = 0;        // the third
};

// A call that CheckRequest has accepted; the kernels rely on it, and on rows, cols > 0.
struct Request {
  assay_op op;
  assay_row_args args;                    // a copy; temperature is not -0, absent operands are null
  bool empty_row_is_zero;                 // what a row without a visible entry gives: no mass, or else NaN
  int first_step = 0;                     // of the exact tier's ladder; 0, or a test hook: 1 double-double, 2 integers
  LadderCounts* ladder_counts = nullptr;  // a test hook
};

// Everything assay.h promises to refuse; fills `request` where the answer is ASSAY_OK.
assay_status CheckRequest(assay_op op, const assay_row_args* args, Request* request);

// What the operation has: the checks and the walk over rows follow from it.
constexpr bool IsActivationBackward(assay_op op) {  // saved and upstream instead of logits
  return op == ASSAY_SOFTMAX_BACKWARD || op == ASSAY_LOG_SOFTMAX_BACKWARD || op == ASSAY_SPARSEMAX_BACKWARD;
}
constexpr bool IsLoss(assay_op op) { return op == ASSAY_CROSS_ENTROPY || op == ASSAY_CROSS_ENTROPY_BACKWARD; }
constexpr bool HasOneColumn(assay_op op) { return op == ASSAY_LOGSUMEXP || op == ASSAY_CROSS_ENTROPY; }

constexpr std::size_t BytesOf(std::int32_t dtype) { return dtype == ASSAY_F64 ? 8 : dtype == ASSAY_F32 ? 4 : 2; }

}  // namespace assay::internal
