// SPDX-License-Identifier: Apache-2.0
//
// The choice of an attention kernel and the call of it.

#include "attention.h"

#include "fp_environment.h"
#include "kernels.h"

namespace assay::internal {
namespace {

bool IsServed(std::int32_t dtype) { return dtype == ASSAY_F32 || dtype == ASSAY_F16 || dtype == ASSAY_BF16; }

}  // namespace

AttentionKernel AttentionKernelAt(std::size_t table_index, assay_tier tier, assay_op op) {
  if (op == ASSAY_ATTENTION_BACKWARD) return AttentionBackwardAt(table_index)->kernel;
  const AttentionKernel fast = FastAttentionAt(table_index)->kernel;
  return tier == ASSAY_TIER_FAST && fast.run != nullptr ? fast : ExactAttentionAt(table_index)->kernel;
}

std::size_t AttentionScratch(const AttentionKernel& kernel, const assay_attention_args* args) {
  if (args == nullptr || args->struct_size < sizeof(assay_attention_args)) return 0;
  return kernel.scratch_bytes(args->head_dim, args->value_dim);
}

assay_status RunAttention(const AttentionKernel& kernel, assay_op op, const assay_attention_args* args) {
  AttentionRequest request;
  const assay_status status = CheckAttention(op, args, &request);
  if (status != ASSAY_OK) return status;
  if (!IsServed(args->dtype) || kernel.run == nullptr) return ASSAY_UNSUPPORTED;
  const bool empty = args->batch == 0 || args->num_heads == 0;
  if (empty) return ASSAY_OK;
  if (args->scratch == nullptr || args->scratch_bytes < AttentionScratch(kernel, args)) return ASSAY_SMALL_SCRATCH;
  const FpEnvironment environment;
  request.scale = ScaleOf(request.args);
  kernel.run(request);
  return ASSAY_OK;
}

}  // namespace assay::internal
