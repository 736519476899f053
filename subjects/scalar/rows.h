// SPDX-License-Identifier: Apache-2.0
//
// From the steps of a subject to the functions of its table.

#pragma once

#include "subjects/scalar/activations.h"
#include "subjects/scalar/gradients.h"
#include "subjects/scalar/loss.h"
#include "subjects/scalar/sparsemax.h"

namespace assay::subjects {

// All steps of all operations. A subject is `struct Mine : RowSteps<Mine, Real> { ... }` with its own versions of some.
template <class Self, class RealT, class WideT = RealT>
struct RowSteps : Steps<Self, RealT, WideT>,
                  GradientSteps<Self, RealT, WideT>,
                  LossSteps<Self, RealT, WideT>,
                  SparsemaxSteps<Self, RealT> {
  using Real = RealT;
  using Wide = WideT;

  // One row of any operation but the loss and its gradient.
  template <assay_op kOp>
  static void Row(const Call& call, std::size_t row) {
    if constexpr (kOp == ASSAY_SOFTMAX) {
      SoftmaxRow<Self>(call, row);
    } else if constexpr (kOp == ASSAY_LOG_SOFTMAX) {
      LogSoftmaxRow<Self>(call, row);
    } else if constexpr (kOp == ASSAY_LOGSUMEXP) {
      LogSumExpRow<Self>(call, row);
    } else if constexpr (kOp == ASSAY_SIGMOID) {
      SigmoidRow<Self>(call, row);
    } else if constexpr (kOp == ASSAY_SPARSEMAX && Self::kExactSparsemax) {
      ExactSparsemaxRow<Self>(call, row);
    } else if constexpr (kOp == ASSAY_SPARSEMAX) {
      SortedSparsemaxRow<Self>(call, row);
    } else {
      GradientRow<Self, kOp>(call, row);
    }
  }

  // All rows, in order.
  template <assay_op kOp>
  static void Rows(const Call& call) {
    for (std::size_t row = 0; row < call.rows(); ++row) Self::template Row<kOp>(call, row);
  }
};

// Everything between the checks and the return. A function of its own: the compiler may not move its arithmetic out of
// the environment that the caller sets up.
template <class S, assay_op kOp>
[[gnu::noinline]] void Work(const Call& call) {
  S::Begin(call);
  if constexpr (kOp == ASSAY_CROSS_ENTROPY) {
    CrossEntropy<S>(call);
  } else if (kOp == ASSAY_LOGSUMEXP || !IsEmpty(call.args())) {
    if constexpr (kOp == ASSAY_CROSS_ENTROPY_BACKWARD) {
      CrossEntropyGradient<S>(call);
    } else {
      S::template Rows<kOp>(call);
    }
  }
}

// An entry of a table: one operation by one subject's steps.
template <class S, assay_op kOp>
assay_status Run(const assay_row_args* args) {
  const typename S::Environment environment;  // checks compare T with 0, which DAZ makes of a subnormal
  const assay_status status = S::Check(args, kOp);
  if (status != ASSAY_OK) return status;
  assay_row_args adjusted = *args;
  S::Adjust(&adjusted);
  Work<S, kOp>(Call(adjusted));
  return ASSAY_OK;
}

}  // namespace assay::subjects
