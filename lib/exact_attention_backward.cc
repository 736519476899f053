// SPDX-License-Identifier: Apache-2.0
//
// The backward of attention, both tiers'.
// Highway compiles the part above HWY_ONCE once for each target.

// clang-format off: foreach_target.h must come before anything that includes highway.h.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "exact_attention_backward.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
// clang-format on

#include "attention.h"
#include "exact_attention_backward-inl.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {

void AttentionBackward(const internal::AttentionRequest& request) {
  const assay_attention_args& a = request.args;
  PairScratch scratch(a.head_dim, a.value_dim, a.scratch);
  for (size_t batch = 0; batch < a.batch; ++batch) {
    for (size_t head = 0; head < a.num_heads && (a.dq.data != nullptr || a.dbias.data != nullptr); ++head) {
      const BackwardHead one(request, batch, head);
      for (size_t first = 0; first < a.seq_q; first += scratch.width) {
        QueryGradients(one, scratch, first, HWY_MIN(scratch.width, a.seq_q - first));
      }
    }
    for (size_t head = 0; head < a.num_kv_heads && (a.dk.data != nullptr || a.dv.data != nullptr); ++head) {
      for (size_t first = 0; first < a.seq_kv; first += scratch.width) {
        KeyGradients(request, batch, head, scratch, first, HWY_MIN(scratch.width, a.seq_kv - first));
      }
    }
  }
}

size_t AttentionBackwardScratch(size_t head_dim, size_t value_dim) {
  return (PairScratch::Bytes(head_dim, value_dim) + 63) / 64 * 64;
}

const internal::AttentionGroup* AttentionBackwardKernels() {
  static constexpr internal::AttentionGroup kGroup = {HWY_TARGET, {&AttentionBackward, &AttentionBackwardScratch}};
  return &kGroup;
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace assay::internal {

HWY_EXPORT(AttentionBackwardKernels);

const AttentionGroup* AttentionBackwardAt(std::size_t table_index) {
  return HWY_DISPATCH_TABLE(AttentionBackwardKernels)[table_index]();
}

}  // namespace assay::internal
#endif  // HWY_ONCE
