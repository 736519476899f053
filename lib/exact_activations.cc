// SPDX-License-Identifier: Apache-2.0
//
// Highway compiles the part above HWY_ONCE once for each target.

// clang-format off: foreach_target.h must come before anything that includes highway.h.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "exact_activations.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
// clang-format on

#include "kernels.h"
#include "old_softmax-inl.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {

void SoftmaxRequest(const internal::Request& request) {
  const assay_row_args& a = request.args;
  internal::SoftmaxRows rows{static_cast<const float*>(a.logits.data),
                             static_cast<float*>(a.out.data),
                             static_cast<const uint8_t*>(a.mask.data),
                             a.rows,
                             a.cols,
                             a.logits.row_stride,
                             a.out.row_stride,
                             a.mask.row_stride,
                             a.temperature,
                             request.empty_row_is_zero ? 0.0f : std::numeric_limits<float>::quiet_NaN(),
                             a.logits.data == a.out.data,
                             request.first_step};
  SoftmaxRows(rows);
}

const internal::KernelGroup* ExactActivations() {
  static constexpr internal::KernelGroup kGroup = {
      HWY_TARGET, internal::KernelTable().Set(ASSAY_TIER_EXACT, ASSAY_SOFTMAX, internal::kF32Only, &SoftmaxRequest)};
  return &kGroup;
}

void ExpLanes(const double* z, double* hi, double* lo, size_t n, bool accurate) {
  const Doubles d;
  const size_t lanes = hn::Lanes(d);
  HWY_ALIGN double in[HWY_MAX_BYTES / sizeof(double)] = {};
  HWY_ALIGN double out[2][HWY_MAX_BYTES / sizeof(double)];
  for (size_t i = 0; i < n; i += lanes) {
    const size_t count = n - i < lanes ? n - i : lanes;
    std::memcpy(in, z + i, count * sizeof(double));
    if (accurate) {
      const Pair<DoubleVec> e = ExpAccurate(d, Pair<DoubleVec>{hn::Load(d, in), hn::Zero(d)});
      hn::Store(e.hi, d, out[0]);
      hn::Store(e.lo, d, out[1]);
      std::memcpy(lo + i, out[1], count * sizeof(double));
    } else {
      hn::Store(Exp(d, hn::Load(d, in)), d, out[0]);
    }
    std::memcpy(hi + i, out[0], count * sizeof(double));
  }
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace assay::internal {

HWY_EXPORT(ExactActivations);
HWY_EXPORT(ExpLanes);

const KernelGroup* ExactActivationsAt(std::size_t table_index) {
  return HWY_DISPATCH_TABLE(ExactActivations)[table_index]();
}

void ExpForTest(std::size_t target, const double* z, double* out, std::size_t n) {
  HWY_DISPATCH_TABLE(ExpLanes)[TableIndex(TargetAt(target))](z, out, nullptr, n, false);
}

void ExpAccurateForTest(std::size_t target, const double* z, double* out_hi, double* out_lo, std::size_t n) {
  HWY_DISPATCH_TABLE(ExpLanes)[TableIndex(TargetAt(target))](z, out_hi, out_lo, n, true);
}

}  // namespace assay::internal
#endif  // HWY_ONCE
