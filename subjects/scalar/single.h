// SPDX-License-Identifier: Apache-2.0
//
// The table of a subject that has one operation: a control, a faulty one or a cheater.

#pragma once

#include "subjects/registry.h"
#include "subjects/scalar/rows.h"

namespace assay::subjects {

// Where in a table an operation stands.
constexpr assay_row_kernel assay_subject::*KernelOf(assay_op op) {
  constexpr assay_row_kernel assay_subject::*kKernels[ASSAY_NUM_ROW_OPS] = {
      &assay_subject::softmax,          &assay_subject::log_softmax,
      &assay_subject::logsumexp,        &assay_subject::sigmoid,
      &assay_subject::softmax_backward, &assay_subject::log_softmax_backward,
      &assay_subject::cross_entropy,    &assay_subject::cross_entropy_backward,
      &assay_subject::sparsemax,        &assay_subject::sparsemax_backward,
  };
  return kKernels[op];
}

// S, as steps of kOp for numbers of kDtype.
template <class S, assay_op kOp, assay_dtype kDtype>
BuiltIn SingleOperation(Kind kind, const char* name, const char* mechanism, const char* breaks, const char* description,
                        std::uint64_t features, assay_claim claim) {
  static assay_subject table = [&] {
    assay_subject made = {};
    made.struct_size = sizeof(assay_subject);
    made.abi_major = ASSAY_ABI_MAJOR;
    made.abi_minor = ASSAY_ABI_MINOR;
    made.name = name;
    made.version = "1";
    made.description = description;
    made.features = features;
    made.empty_row_unmasked = ASSAY_EMPTY_ROW_NAN;
    made.empty_row_masked = ASSAY_EMPTY_ROW_ZERO;
    made.alignment_bytes = 1;
    assay_row_kernel& kernel = made.*KernelOf(kOp);
    kernel.run = &Run<S, kOp>;
    kernel.dtypes = 1U << kDtype;
    kernel.claims[kDtype] = claim;
    return made;
  }();
  return {.name = name,
          .kind = kind,
          .breaks = breaks,
          .mechanism = mechanism,
          .table = &table,
          .op = kOp,
          .dtype = kDtype};
}

}  // namespace assay::subjects
