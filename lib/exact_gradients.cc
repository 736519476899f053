// SPDX-License-Identifier: Apache-2.0
//
// The exact tier's gradients of softmax, log_softmax and sparsemax: double lanes and one compensated sum a row; scalars
// of any exponent (wide_pair.h) for rows that double's range cannot hold. Error: error_bounds.h, gradients.
// Highway compiles the part above HWY_ONCE once for each target.

// clang-format off: foreach_target.h must come before anything that includes highway.h.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "exact_gradients.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
// clang-format on

#include "exact_inner_gradients-inl.h"
#include "gradient-inl.h"
#include "kernels.h"
#include "moments-inl.h"
#include "row-inl.h"
#include "walk-inl.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// A row of any range, entry by entry.
template <class Op>
HWY_NOINLINE void GradientOfAnyRange(const Values& saved, const Values& upstream, const Out& out, double temperature,
                                     double count) {
  WidePair sum;
  for (size_t j = 0; j < saved.size(); ++j) {
    const double y = saved.At(j);
    if (!Op::Live(y)) continue;
    const WidePair dy(upstream.At(j));
    sum = sum + (Op::kSumsProducts ? WidePair(y) * dy : dy);
  }
  const WidePair subtrahend = Op::Subtrahend(sum, count);
  const WidePair t(temperature);
  for (size_t j = 0; j < saved.size(); ++j) {
    const double y = saved.At(j);
    out.Set(j,
            Op::Live(y) ? internal::RoundWide(ASSAY_F64, Op::Gradient(y, WidePair(upstream.At(j)), subtrahend, t)) : 0);
  }
}

template <class Op, bool kF64>
HWY_INLINE void GradientOfRow(const internal::Request& request, const internal::RowPlaces& places) {
  const Doubles d;
  const assay_row_args& args = request.args;
  const Values saved(places.saved, args.dtype, args.cols, Op::kPast);
  const Values upstream(places.upstream, args.dtype, args.cols, 0);
  const Out out(request, places);
  const Moments row = MomentsOf<Op, kF64>(saved, upstream);
  if (!IsInRange<Op, kF64>(row, args.temperature)) {
    return GradientOfAnyRange<Op>(saved, upstream, out, args.temperature, row.count);
  }
  const DoubleVec sum = hn::Set(d, SubtrahendOf<Op>(row, args.temperature));
  for (size_t j = 0; j < args.cols; j += Lanes()) {
    out.Store(GradientsOf<Op, kF64>(saved.Load(j), upstream.Load(j), sum, &row, 0, args.temperature), j);
  }
}

template <class Op, bool kF64>
void Gradients(const internal::Request& request) {
  const auto row = [&](const internal::RowPlaces& places) HWY_ATTR { GradientOfRow<Op, kF64>(request, places); };
  if (!IsInnerExactGradient(request)) return ForEachRow(request, row);
  ForInnerRows(
      request,
      [&](size_t first, size_t rows, InnerSet& left)
          HWY_ATTR { GradientsOfInner<Op, kF64>(request, first, rows, left); },
      row);
}

const internal::KernelGroup* ExactGradients() {
  static constexpr internal::KernelGroup kGroup = {
      HWY_TARGET,
      internal::KernelTable()
          .Set(ASSAY_TIER_EXACT, ASSAY_SOFTMAX_BACKWARD, internal::kUpTo32Bits, &Gradients<OfSoftmax, false>)
          .Set(ASSAY_TIER_EXACT, ASSAY_SOFTMAX_BACKWARD, internal::kF64Only, &Gradients<OfSoftmax, true>)
          .Set(ASSAY_TIER_EXACT, ASSAY_LOG_SOFTMAX_BACKWARD, internal::kUpTo32Bits, &Gradients<OfLogSoftmax, false>)
          .Set(ASSAY_TIER_EXACT, ASSAY_LOG_SOFTMAX_BACKWARD, internal::kF64Only, &Gradients<OfLogSoftmax, true>)
          .Set(ASSAY_TIER_EXACT, ASSAY_SPARSEMAX_BACKWARD, internal::kUpTo32Bits, &Gradients<OfSparsemax, false>)
          .Set(ASSAY_TIER_EXACT, ASSAY_SPARSEMAX_BACKWARD, internal::kF64Only, &Gradients<OfSparsemax, true>)};
  return &kGroup;
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace assay::internal {

HWY_EXPORT(ExactGradients);

const KernelGroup* ExactGradientsAt(std::size_t table_index) {
  return HWY_DISPATCH_TABLE(ExactGradients)[table_index]();
}

}  // namespace assay::internal
#endif  // HWY_ONCE
