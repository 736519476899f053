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

#include "gradient-inl.h"
#include "kernels.h"
#include "lane_sum-inl.h"
#include "row-inl.h"
#include "walk-inl.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using internal::Moments;

// Pass 1. Extremes are taken only where Op::InRange asks for them.
template <class Op, bool kF64>
HWY_INLINE Moments MomentsOf(const Values& saved, const Values& upstream) {
  const Doubles d;
  const DoubleVec zero = hn::Zero(d);
  LaneSum sum;
  DoubleVec special = zero;  // 0, or NaN
  DoubleVec low = zero;
  DoubleVec high = zero;
  DoubleVec max_upstream = zero;
  DoubleVec max_term = zero;
  Moments row;
  for (size_t j = 0; j < saved.size(); j += Lanes()) {
    const DoubleVec y = saved.Load(j);
    const auto live = Op::Live(y);
    const DoubleVec live_y = hn::IfThenElseZero(live, y);
    const DoubleVec dy = hn::IfThenElseZero(live, upstream.Load(j));
    special = hn::Add(special, hn::Add(Op::Special(live_y), hn::Mul(dy, zero)));
    DoubleVec term = dy;
    if constexpr (Op::kSumsProducts && kF64) {
      DoubleVec error;
      TwoProduct(d, live_y, dy, term, error);
      sum.Add(term, error, j);
    } else {
      if constexpr (Op::kSumsProducts) term = hn::Mul(live_y, dy);  // exact
      sum.Add(term, j);
    }
    if constexpr (Op::kNeedsCount) row.count += static_cast<double>(hn::CountTrue(d, live));
    if constexpr (kF64 || Op::kNeedsRange) {
      low = hn::Min(low, live_y);
      high = hn::Max(high, live_y);
    }
    if constexpr (kF64) {
      max_upstream = hn::Max(max_upstream, hn::Abs(dy));
      max_term = hn::Max(max_term, hn::Abs(term));
    }
  }
  row.sum = sum.Total();
  row.special = !hn::AllTrue(d, hn::Eq(special, special));
  row.low = -LargestLane(hn::Neg(low));
  row.high = LargestLane(high);
  row.max_upstream = LargestLane(max_upstream);
  row.max_term = LargestLane(max_term);
  return row;
}

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

// The lanes of `tiny` anew in WidePair: results of f64 that are subnormal, or became 0 by underflow.
template <class Op>
HWY_NOINLINE void Replace(DoubleMask tiny, DoubleVec y, DoubleVec dy, WidePair subtrahend, WidePair t,
                          DoubleVec& HWY_RESTRICT result) {
  const Doubles d;
  HWY_ALIGN double results[kMaxLanes];
  HWY_ALIGN double ys[kMaxLanes];
  HWY_ALIGN double dys[kMaxLanes];
  HWY_ALIGN double tinies[kMaxLanes];
  hn::Store(result, d, results);
  hn::Store(y, d, ys);
  hn::Store(dy, d, dys);
  hn::Store(hn::IfThenElseZero(tiny, hn::Set(d, 1.0)), d, tinies);
  for (size_t i = 0; i < Lanes(); ++i) {
    if (tinies[i] == 0) continue;
    results[i] = internal::RoundWide(ASSAY_F64, Op::Gradient(ys[i], WidePair(dys[i]), subtrahend, t));
  }
  result = hn::Load(d, results);
}

template <class Op, bool kF64>
HWY_INLINE void GradientOfRow(const internal::Request& request, const internal::RowPlaces& places) {
  const Doubles d;
  const assay_row_args& args = request.args;
  const Values saved(places.saved, args.dtype, args.cols, Op::kPast);
  const Values upstream(places.upstream, args.dtype, args.cols, 0);
  const Out out(request, places);
  const Moments row = MomentsOf<Op, kF64>(saved, upstream);
  const bool finite = !row.special && args.temperature < kInf;
  if (finite && !Op::InRange(row, args.temperature, kF64)) {
    return GradientOfAnyRange<Op>(saved, upstream, out, args.temperature, row.count);
  }
  // With T = inf all results are 0, whatever overflowed in the sum.
  double minus = row.special ? std::nan("") : 0;
  if (finite) minus = Op::Subtrahend(row.sum.hi, row.count);
  WidePair subtrahend;
  if (kF64 && finite) subtrahend = Op::Subtrahend(WidePair(row.sum, 0), row.count);
  const DoubleVec sum = hn::Set(d, minus);
  const DoubleVec t = hn::Set(d, args.temperature);
  for (size_t j = 0; j < args.cols; j += Lanes()) {
    const DoubleVec y = saved.Load(j);
    const DoubleVec dy = upstream.Load(j);
    const auto live = Op::Live(y);
    DoubleVec result = hn::IfThenElseZero(live, Op::Gradient(y, dy, sum, t));
    if constexpr (kF64) {
      const auto tiny = hn::And(live, Op::IsTiny(y, result));
      if (HWY_UNLIKELY(finite && !hn::AllFalse(d, tiny))) {
        Replace<Op>(tiny, y, dy, subtrahend, WidePair(args.temperature), result);
      }
    }
    out.Store(result, j);
  }
}

template <class Op, bool kF64>
void Gradients(const internal::Request& request) {
  ForEachRow(request, [&](const internal::RowPlaces& places) HWY_ATTR { GradientOfRow<Op, kF64>(request, places); });
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
