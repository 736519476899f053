// SPDX-License-Identifier: Apache-2.0
//
// The two plain references: every operation, dtype and feature of assay.h in C++ loops.
//   scalar    one or two types wider than the results, so that nearly all of them are the nearest number; it claims so.
//   textbook  as a textbook has it, in the working precision, with the maximum subtracted; it claims nothing.

#pragma once

#include <type_traits>

#include "subjects/registry.h"
#include "subjects/scalar/rows.h"

namespace assay::subjects {

// The type that `scalar` computes in. Gradients multiply by 1 / T and sparsemax decides by exact sums: both want the
// exponents of long double.
template <assay_op kOp, assay_dtype kDtype>
using ScalarReal = std::conditional_t<kDtype == ASSAY_F64 || kOp == ASSAY_SOFTMAX_BACKWARD ||
                                          kOp == ASSAY_LOG_SOFTMAX_BACKWARD || kOp == ASSAY_CROSS_ENTROPY_BACKWARD ||
                                          kOp == ASSAY_SPARSEMAX || kOp == ASSAY_SPARSEMAX_BACKWARD,
                                      long double, double>;

// The claim of `scalar` for an operation and dtype, derived in scalar.cc.
assay_claim ScalarClaim(assay_op op, assay_dtype dtype);

// Subtracts in the wider type (the textbook is in real numbers: a difference of two floats is one rounding away), then
// stays in the working precision: exponentials, plain sums, the logarithm of the sum.
template <class Self, class Real, class Wide>
struct TextbookSteps : RowSteps<Self, Real, Wide> {
  using Sum = PlainSum<Real>;
  static constexpr bool kExactSparsemax = false;
  static Real LogOfSum(Real others) { return std::log(1 + others); }
};

BuiltIn Scalar();
BuiltIn Textbook();

}  // namespace assay::subjects
