// SPDX-License-Identifier: Apache-2.0
//
// The C functions of assay.h.

#include "assay/assay.h"
#include "attention.h"
#include "hwy/targets.h"
#include "kernels.h"

namespace {

assay::internal::AttentionKernel ChosenAttention(assay_tier tier, assay_op op) {
  using namespace assay::internal;  // NOLINT: within one function
  return AttentionKernelAt(TableIndex(ChosenKernels().target), tier, op);
}

}  // namespace

extern "C" {

#define ASSAY_DEFINE_OPERATION(name, op)                                                               \
  assay_status assay_##name(const assay_row_args* args) {                                              \
    return assay::internal::Run(assay::internal::ChosenKernels(), ASSAY_TIER_EXACT, ASSAY_##op, args); \
  }                                                                                                    \
  assay_status assay_fast_##name(const assay_row_args* args) {                                         \
    return assay::internal::Run(assay::internal::ChosenKernels(), ASSAY_TIER_FAST, ASSAY_##op, args);  \
  }

ASSAY_DEFINE_OPERATION(softmax, SOFTMAX)
ASSAY_DEFINE_OPERATION(log_softmax, LOG_SOFTMAX)
ASSAY_DEFINE_OPERATION(logsumexp, LOGSUMEXP)
ASSAY_DEFINE_OPERATION(sigmoid, SIGMOID)
ASSAY_DEFINE_OPERATION(softmax_backward, SOFTMAX_BACKWARD)
ASSAY_DEFINE_OPERATION(log_softmax_backward, LOG_SOFTMAX_BACKWARD)
ASSAY_DEFINE_OPERATION(cross_entropy, CROSS_ENTROPY)
ASSAY_DEFINE_OPERATION(cross_entropy_backward, CROSS_ENTROPY_BACKWARD)
ASSAY_DEFINE_OPERATION(sparsemax, SPARSEMAX)
ASSAY_DEFINE_OPERATION(sparsemax_backward, SPARSEMAX_BACKWARD)
#undef ASSAY_DEFINE_OPERATION

#define ASSAY_DEFINE_ATTENTION(name, tier, op)                                                              \
  assay_status name(const assay_attention_args* args) {                                                     \
    return assay::internal::RunAttention(ChosenAttention(ASSAY_TIER_##tier, ASSAY_##op), ASSAY_##op, args); \
  }
ASSAY_DEFINE_ATTENTION(assay_attention, EXACT, ATTENTION)
ASSAY_DEFINE_ATTENTION(assay_attention_backward, EXACT, ATTENTION_BACKWARD)
ASSAY_DEFINE_ATTENTION(assay_fast_attention, FAST, ATTENTION)
ASSAY_DEFINE_ATTENTION(assay_fast_attention_backward, FAST, ATTENTION_BACKWARD)
#undef ASSAY_DEFINE_ATTENTION

size_t assay_attention_scratch_bytes(const assay_attention_args* args) {
  size_t most = 0;
  for (const assay_tier tier : {ASSAY_TIER_EXACT, ASSAY_TIER_FAST}) {
    for (const assay_op op : {ASSAY_ATTENTION, ASSAY_ATTENTION_BACKWARD}) {
      const size_t bytes = assay::internal::AttentionScratch(ChosenAttention(tier, op), args);
      if (bytes > most) most = bytes;
    }
  }
  return most;
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
    case ASSAY_BAD_LENGTH:
      return "ASSAY_BAD_LENGTH";
    case ASSAY_SMALL_SCRATCH:
      return "ASSAY_SMALL_SCRATCH";
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

}  // extern "C"
