// SPDX-License-Identifier: Apache-2.0
//
// The exact tier's softmax, log_softmax, logsumexp and sigmoid of f32, f16 and bf16.
// Highway compiles the part above HWY_ONCE once for each target.

// clang-format off: foreach_target.h must come before anything that includes highway.h.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "exact_activations.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
// clang-format on

#include <cstring>

#include "exact_activations-inl.h"
#include "exact_inner_activations-inl.h"
#include "exact_inner_softmax-inl.h"
#include "exact_sigmoid-inl.h"
#include "exact_softmax_f32-inl.h"
#include "kernels.h"
#include "walk-inl.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {

using InnerFn = void (*)(const internal::Request& request, size_t first, size_t rows, InnerSet& left);
using RowFn = void (*)(const internal::Request& request, const internal::RowPlaces& places);

template <RowFn kRow, InnerFn kInner>
void Activation(const internal::Request& request) {
  if (!IsInnerActivation(request)) return EachRow<kRow>(request);
  ForInnerRows(
      request, [&](size_t first, size_t rows, InnerSet& left) HWY_ATTR { kInner(request, first, rows, left); },
      [&](const internal::RowPlaces& places) HWY_ATTR { kRow(request, places); });
}

template <bool kUnit>
HWY_NOINLINE void SoftmaxOfInnerFloats(const internal::Request& request) {
  InnerSoftmaxOfFloats<kUnit>(
      request,
      [&](size_t first, size_t rows, InnerSet& left) HWY_ATTR { ExactInnerSoftmax(request, first, rows, left); },
      [&](const internal::RowPlaces& places) HWY_ATTR { SoftmaxRow(request, places); });
}

void SoftmaxOfFloats(const internal::Request& request) {
  if (!IsInnerActivation(request) || !IsPlainSoftmax(request)) {
    if (!SoftmaxF32(request)) Activation<SoftmaxRow, ExactInnerSoftmax>(request);
  } else if (request.args.temperature == 1) {
    SoftmaxOfInnerFloats<true>(request);
  } else {
    SoftmaxOfInnerFloats<false>(request);
  }
}

constexpr internal::KernelTable ExactActivationsTable() {
  internal::KernelTable table;
  table.Set(ASSAY_TIER_EXACT, ASSAY_SOFTMAX, internal::kUpTo32Bits, &Activation<SoftmaxRow, ExactInnerSoftmax>);
  table.Set(ASSAY_TIER_EXACT, ASSAY_SOFTMAX, internal::kF32Only, &SoftmaxOfFloats);
  table.Set(ASSAY_TIER_EXACT, ASSAY_LOG_SOFTMAX, internal::kUpTo32Bits,
            &Activation<LogSoftmaxRow, ExactInnerLogSoftmax>);
  table.Set(ASSAY_TIER_EXACT, ASSAY_LOGSUMEXP, internal::kUpTo32Bits, &Activation<LogSumExpRow, ExactInnerLogSumExp>);
  table.Set(ASSAY_TIER_EXACT, ASSAY_SIGMOID, internal::kUpTo32Bits, &EachRow<SigmoidRow>);
  return table;
}

const internal::KernelGroup* ExactActivations() {
  static constexpr internal::KernelGroup kGroup = {HWY_TARGET, ExactActivationsTable()};
  return &kGroup;
}

void ExpLanes(const double* z, double* hi, double* lo, size_t n, bool accurate) {
  const Doubles d;
  const size_t lanes = Lanes();
  HWY_ALIGN double in[kMaxLanes] = {};
  HWY_ALIGN double out[2][kMaxLanes];
  for (size_t i = 0; i < n; i += lanes) {
    const size_t count = n - i < lanes ? n - i : lanes;
    std::memcpy(in, z + i, count * sizeof(double));
    if (accurate) {
      DoubleVec e_hi, e_lo;
      ExpAccurate(d, hn::Load(d, in), hn::Zero(d), e_hi, e_lo);
      hn::Store(e_hi, d, out[0]);
      hn::Store(e_lo, d, out[1]);
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
