// SPDX-License-Identifier: Apache-2.0
//
// The C functions of assay.h.

#include "assay/assay.h"
#include "hwy/targets.h"
#include "rows.h"

extern "C" {

assay_status assay_softmax(const assay_row_args* args) {
  return assay::internal::SoftmaxWith(assay::internal::ChosenKernels(), args, nullptr);
}

const char* assay_status_name(assay_status status) {
  switch (status) {
    case ASSAY_OK:
      return "ASSAY_OK";
    case ASSAY_BAD_STRUCT:
      return "ASSAY_BAD_STRUCT";
    case ASSAY_BAD_SHAPE:
      return "ASSAY_BAD_SHAPE";
    case ASSAY_BAD_TEMPERATURE:
      return "ASSAY_BAD_TEMPERATURE";
    case ASSAY_BAD_ENUM:
      return "ASSAY_BAD_ENUM";
    case ASSAY_NULL_POINTER:
      return "ASSAY_NULL_POINTER";
    case ASSAY_OVERLAP:
      return "ASSAY_OVERLAP";
    case ASSAY_UNSUPPORTED:
      return "ASSAY_UNSUPPORTED";
    case ASSAY_BAD_LABEL:
      return "ASSAY_BAD_LABEL";
    case ASSAY_BAD_PARAMETER:
      return "ASSAY_BAD_PARAMETER";
  }
  return "unknown status";
}

size_t assay_num_targets(void) {
  size_t count = 0;
  while (assay::internal::KernelsAt(count) != nullptr) ++count;
  return count;
}

const char* assay_target_name(size_t i) {
  const assay::internal::Kernels* kernels = assay::internal::KernelsAt(i);
  return kernels == nullptr ? nullptr : hwy::TargetName(kernels->target);
}

const assay_subject* assay_target_subject(size_t i) {
  const assay::internal::Kernels* kernels = assay::internal::KernelsAt(i);
  return kernels == nullptr ? nullptr : kernels->subject;
}

}  // extern "C"
