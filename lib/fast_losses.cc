// SPDX-License-Identifier: Apache-2.0
//
// The fast tier's cross-entropy and its gradient.
// Highway compiles the part above HWY_ONCE once for each target.

// clang-format off: foreach_target.h must come before anything that includes highway.h.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fast_losses.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
// clang-format on

#include "fast_inner_loss-inl.h"
#include "fast_loss_gradient-inl.h"
#include "kernels.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {

const internal::KernelGroup* FastLosses() {
  using internal::kUpTo32Bits;
  static constexpr internal::KernelGroup kRows = {
    HWY_TARGET,
    internal::KernelTable()
#if ASSAY_FLOAT_LANES
        .Set(ASSAY_TIER_FAST, ASSAY_CROSS_ENTROPY, kUpTo32Bits, &FastCrossEntropy)
        .Set(ASSAY_TIER_FAST, ASSAY_CROSS_ENTROPY_BACKWARD, kUpTo32Bits, &FastCrossEntropyBackward)
#endif
  };
  return &kRows;
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace assay::internal {

HWY_EXPORT(FastLosses);

const KernelGroup* FastLossesAt(std::size_t table_index) { return HWY_DISPATCH_TABLE(FastLosses)[table_index](); }

}  // namespace assay::internal
#endif  // HWY_ONCE
