// SPDX-License-Identifier: Apache-2.0
//
// The attention kernels of each target, and the one way into them.

#pragma once

#include <cstddef>
#include <cstdint>

#include "attention_request.h"

namespace assay::internal {

// Serves a checked request inside an FpEnvironment; args.scratch is as large as the scratch function says.
using AttentionFn = void (*)(const AttentionRequest& request);
// Bytes of scratch, a multiple of 64.
using AttentionScratchFn = std::size_t (*)(std::size_t head_dim, std::size_t value_dim);

struct AttentionKernel {
  AttentionFn run = nullptr;
  AttentionScratchFn scratch_bytes = nullptr;
};

// What one source file has for one target; the fast tier may have none.
struct AttentionGroup {
  std::int64_t target = 0;
  AttentionKernel kernel;
};
const AttentionGroup* ExactAttentionAt(std::size_t table_index);
const AttentionGroup* FastAttentionAt(std::size_t table_index);
const AttentionGroup* AttentionBackwardAt(std::size_t table_index);

// That of the target with this entry in Highway's dispatch tables (TableIndex of kernels.h).
AttentionKernel AttentionKernelAt(std::size_t table_index, assay_tier tier, assay_op op);

// Checks, then runs the kernel between a saved and a restored environment.
assay_status RunAttention(const AttentionKernel& kernel, assay_op op, const assay_attention_args* args);
// What a call needs; 0 for arguments that are refused.
std::size_t AttentionScratch(const AttentionKernel& kernel, const assay_attention_args* args);

}  // namespace assay::internal
