// SPDX-License-Identifier: Apache-2.0
//
// The fast tier's softmax, log_softmax, logsumexp and sigmoid.
// Highway compiles the part above HWY_ONCE once for each target.

// clang-format off: foreach_target.h must come before anything that includes highway.h.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fast_activations.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
// clang-format on

#include <cstring>

#include "exp-inl.h"
#include "fast_exp-inl.h"
#include "fast_inner_logs-inl.h"
#include "fast_log_softmax-inl.h"
#include "fast_logsumexp-inl.h"
#include "fast_sigmoid-inl.h"
#include "fast_softmax-inl.h"
#include "kernels.h"
#include "lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {

void FastExpLanes(const float* z, float* out, size_t n) {
#if ASSAY_FLOAT_LANES
  const Singles d;
  const FloatExp exp(ExpScale(1), 0, 30);
  const auto exp_of = [&](SingleVec x) HWY_ATTR { return hn::Mul(exp.Power<false>(One{x}).v, hn::Set(d, 0x1p-30f)); };
#else
  const Floats d;
  const auto exp_of = [&](FloatVec x) HWY_ATTR { return hn::DemoteTo(d, Exp(Doubles(), hn::PromoteTo(Doubles(), x))); };
#endif
  const size_t lanes = hn::Lanes(d);
  HWY_ALIGN float in[HWY_MAX_BYTES / sizeof(float)] = {};
  HWY_ALIGN float result[HWY_MAX_BYTES / sizeof(float)];
  for (size_t i = 0; i < n; i += lanes) {
    const size_t count = n - i < lanes ? n - i : lanes;
    std::memcpy(in, z + i, count * sizeof(float));
    hn::Store(exp_of(hn::Load(d, in)), d, result);
    std::memcpy(out + i, result, count * sizeof(float));
  }
}

const internal::KernelGroup* FastActivations() {
  using internal::kUpTo32Bits;
  static constexpr internal::KernelGroup kRows = {
    HWY_TARGET,
    internal::KernelTable()
#if ASSAY_FLOAT_LANES
        .Set(ASSAY_TIER_FAST, ASSAY_SOFTMAX, kUpTo32Bits, &FastSoftmax)
        .Set(ASSAY_TIER_FAST, ASSAY_LOG_SOFTMAX, kUpTo32Bits, &FastLogSoftmax)
        .Set(ASSAY_TIER_FAST, ASSAY_LOGSUMEXP, kUpTo32Bits, &FastLogsumexp)
        .Set(ASSAY_TIER_FAST, ASSAY_SIGMOID, kUpTo32Bits, &FastSigmoid)
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

HWY_EXPORT(FastActivations);
HWY_EXPORT(FastExpLanes);

const KernelGroup* FastActivationsAt(std::size_t table_index) {
  return HWY_DISPATCH_TABLE(FastActivations)[table_index]();
}

void FastExpForTest(std::size_t target, const float* z, float* out, std::size_t n) {
  HWY_DISPATCH_TABLE(FastExpLanes)[TableIndex(TargetAt(target))](z, out, n);
}

}  // namespace assay::internal
#endif  // HWY_ONCE
