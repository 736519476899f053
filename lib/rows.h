// SPDX-License-Identifier: Apache-2.0
//
// What the kernels get to see: checked arguments of a softmax over rows, and the target that ran.

#pragma once

#include <cstddef>
#include <cstdint>

#include "assay/assay.h"

namespace assay::internal {

// Arguments that CheckSoftmax has accepted; the kernels rely on it.
struct SoftmaxRows {
  const float* logits;
  float* probs;
  const std::uint8_t* mask;  // null: all visible
  std::size_t rows;
  std::size_t cols;
  std::ptrdiff_t logits_row_stride;  // any sign
  std::ptrdiff_t probs_row_stride;
  std::ptrdiff_t mask_row_stride;
  double temperature;  // >= 0 or +inf
  float empty_value;   // what fills a row without a visible entry: NaN or 0
  bool in_place;
  int first_step;  // 0; a test hook: 1 sends every quotient to double-double, 2 to integers
};

// Checks everything assay.h promises to refuse, then what the kernels do not serve, and fills `rows`; on any status but
// ASSAY_OK nothing else happens.
assay_status CheckSoftmax(const assay_row_args* args, SoftmaxRows* rows);

// One target's code, compiled in its own namespace.
struct Kernels {
  std::int64_t target;  // hwy's bit
  const assay_subject* subject;
  // Returns the bit of the target whose code ran, so that a test can tell.
  std::int64_t (*softmax)(const SoftmaxRows& rows);
};

// Checks, then runs on that target; `ran` (may be null) receives the bit of the target whose code ran.
assay_status SoftmaxWith(const Kernels& kernels, const assay_row_args* args, std::int64_t* ran);

// Those of the best target of this machine, and of the i-th best (null past the last).
const Kernels& ChosenKernels();
const Kernels* KernelsAt(std::size_t i);

// exp(z[i]) for z[i] <= 0 by the lanes of the i-th best target, for the exhaustive test of its error.
void ExpForTest(std::size_t target, const double* z, double* out, std::size_t n);

// The double-double exponential of exact z[i] in [-700, 0]: out_hi + out_lo.
void ExpAccurateForTest(std::size_t target, const double* z, double* out_hi, double* out_lo, std::size_t n);

}  // namespace assay::internal
