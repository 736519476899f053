// SPDX-License-Identifier: Apache-2.0
//
// Attention composed of ATen's functions, in two ways.

#pragma once

#include "assay/assay.h"

namespace assay::peers {

// Head by head and block by block, so that scores stay in the cache: addmm with the scale, masked_fill_ where a block
// crosses the diagonal, softmax, mm, into tensors that are kept.
assay_status TorchAttentionInBlocks(const assay_attention_args* args);

// As people write it: matmul(q, k^T) * scale, masked_fill, softmax, matmul over all heads at once.
assay_status TorchAttentionWhole(const assay_attention_args* args);

}  // namespace assay::peers
