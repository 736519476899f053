// SPDX-License-Identifier: Apache-2.0
//
// libtorch's attention as people write it, beside the peer libtorch, which has it in blocks.

#include <torch/csrc/api/include/torch/version.h>

#include "subjects/peers/attention.h"
#include "subjects/peers/libtorch_attention.h"

ASSAY_PEER_EXPORT const assay_subject* assay_subject_v1() {
  static const assay_subject table = [] {
    assay_subject subject = {};
    subject.struct_size = sizeof subject;
    subject.abi_major = ASSAY_ABI_MAJOR;
    subject.abi_minor = ASSAY_ABI_MINOR;
    subject.name = "libtorch-whole";
    subject.version = TORCH_VERSION;
    subject.description =
        "matmul, scale, masked_fill, softmax, matmul of libtorch (ATen) over all heads, by one thread.";
    assay::peers::DeclareAttention(&subject, assay::peers::TorchAttentionWhole);
    return subject;
  }();
  return &table;
}
