// SPDX-License-Identifier: Apache-2.0
//
// The exact tier's softmax, log_softmax, logsumexp and sigmoid of f64.
// Highway compiles the part above HWY_ONCE once for each target.

// clang-format off: foreach_target.h must come before anything that includes highway.h.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "exact_doubles.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
// clang-format on

#include "accurate_sigmoid-inl.h"
#include "exact_doubles-inl.h"
#include "kernels.h"
#include "walk-inl.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {

HWY_NOINLINE void DoubleSoftmaxRow(const internal::Request& request, const internal::RowPlaces& places) {
  const Out out(request, places);
  AccurateRow row(request, places);
  if (FillFixed(row.kind(), request, out)) return;
  row.Sum();
  for (size_t j = 0; j < row.size(); j += Lanes()) out.Store(SoftmaxDoubles(row, j), j);
}

HWY_NOINLINE void DoubleLogSoftmaxRow(const internal::Request& request, const internal::RowPlaces& places) {
  const Out out(request, places);
  AccurateRow row(request, places);
  if (FillFixed(row.kind(), request, out)) return;
  row.Sum();
  for (size_t j = 0; j < row.size(); j += Lanes()) out.Store(LogSoftmaxDoubles(row, j), j);
}

HWY_NOINLINE void DoubleLogSumExpRow(const internal::Request& request, const internal::RowPlaces& places) {
  const Out out(request, places);
  AccurateRow row(request, places);
  if (row.kind() != RowKind::kFinite) return out.Set(0, FixedLogSumExp(row.kind()));
  row.Sum();
  out.Set(0, LogSumExpDouble(row));
}

HWY_NOINLINE void DoubleSigmoidRow(const internal::Request& request, const internal::RowPlaces& places) {
  const AccurateSigmoid sigmoid(request.args.temperature);
  const Row row(request, places);
  const Out out(request, places);
  for (size_t j = 0; j < row.size(); j += Lanes()) {
    DoubleVec x, b, hi, lo, relative;
    row.Load(j, x, b);
    sigmoid.Lifted(x, b, row.has_bias(), hi, lo, relative);
    out.Store(RoundScaledPairs(hi, lo, -internal::kLift), j);
  }
}

const internal::KernelGroup* ExactDoubles() {
  using internal::kF64Only;
  static constexpr internal::KernelGroup kGroup = {
      HWY_TARGET, internal::KernelTable()
                      .Set(ASSAY_TIER_EXACT, ASSAY_SOFTMAX, kF64Only, &EachRow<&DoubleSoftmaxRow>)
                      .Set(ASSAY_TIER_EXACT, ASSAY_LOG_SOFTMAX, kF64Only, &EachRow<&DoubleLogSoftmaxRow>)
                      .Set(ASSAY_TIER_EXACT, ASSAY_LOGSUMEXP, kF64Only, &EachRow<&DoubleLogSumExpRow>)
                      .Set(ASSAY_TIER_EXACT, ASSAY_SIGMOID, kF64Only, &EachRow<&DoubleSigmoidRow>)};
  return &kGroup;
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace assay::internal {

HWY_EXPORT(ExactDoubles);

const KernelGroup* ExactDoublesAt(std::size_t table_index) { return HWY_DISPATCH_TABLE(ExactDoubles)[table_index](); }

}  // namespace assay::internal
#endif  // HWY_ONCE
