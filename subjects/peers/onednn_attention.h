// SPDX-License-Identifier: Apache-2.0
//
// Attention composed of oneDNN's primitives: matmul with the scale and, where causal, the mask as its attributes;
// softmax; matmul. Head by head and block by block, so that scores stay in the cache.

#pragma once

#include "assay/assay.h"

namespace assay::peers {

assay_status OnednnAttention(const assay_attention_args* args);

}  // namespace assay::peers
