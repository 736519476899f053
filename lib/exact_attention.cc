// SPDX-License-Identifier: Apache-2.0
//
// The exact tier's attention.
// Highway compiles the part above HWY_ONCE once for each target.

// clang-format off: foreach_target.h must come before anything that includes highway.h.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "exact_attention.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
// clang-format on

#include "attention.h"
#include "exact_attention-inl.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {

void ExactAttentionForward(const internal::AttentionRequest& request) {
  const assay_attention_args& a = request.args;
  for (size_t batch = 0; batch < a.batch; ++batch) {
    for (size_t head = 0; head < a.num_heads; ++head) {
      const internal::AttentionHead one(request, batch, head);
      RunExactHead(one, a.scratch);
    }
  }
}

size_t ExactAttentionScratch(size_t head_dim, size_t value_dim) { return ExactTile::ScratchBytes(head_dim, value_dim); }

const internal::AttentionGroup* ExactAttention() {
  static constexpr internal::AttentionGroup kGroup = {HWY_TARGET, {&ExactAttentionForward, &ExactAttentionScratch}};
  return &kGroup;
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace assay::internal {

HWY_EXPORT(ExactAttention);

const AttentionGroup* ExactAttentionAt(std::size_t table_index) {
  return HWY_DISPATCH_TABLE(ExactAttention)[table_index]();
}

}  // namespace assay::internal
#endif  // HWY_ONCE
