// SPDX-License-Identifier: Apache-2.0
//
// The exact tier's cross-entropy and its gradient.
// Highway compiles the part above HWY_ONCE once for each target.

// clang-format off: foreach_target.h must come before anything that includes highway.h.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "exact_losses.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
// clang-format on

#include "kernels.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {

const internal::KernelGroup* ExactLosses() {
  static constexpr internal::KernelGroup kGroup = {HWY_TARGET, internal::KernelTable()};
  return &kGroup;
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace assay::internal {

HWY_EXPORT(ExactLosses);

const KernelGroup* ExactLossesAt(std::size_t table_index) { return HWY_DISPATCH_TABLE(ExactLosses)[table_index](); }

}  // namespace assay::internal
#endif  // HWY_ONCE
