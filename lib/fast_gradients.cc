// SPDX-License-Identifier: Apache-2.0
//
// The fast tier's gradients of softmax, log_softmax and sparsemax: the kernels' walk over rows.
// Highway compiles the part above HWY_ONCE once for each target.

// clang-format off: foreach_target.h must come before anything that includes highway.h.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fast_gradients.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
// clang-format on

#include "fast_gradient_rows-inl.h"
#include "fast_inner_gradients-inl.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {

#if ASSAY_FLOAT_LANES

// Rows of one group, which stays in registers between the passes; kFull where they fill it.
template <bool kUnit, bool kFull, class Op>
HWY_NOINLINE void GradientsOfShortRows(const internal::Request& request, const GradientRows& rows) {
  const size_t lanes = hn::Lanes(Singles());
  const size_t n = rows.saved.cols;
  Op op(request.args.temperature);
  const FloatRow first(rows, 0);
  const size_t count = rows.saved.rows;  // these in registers
  const std::ptrdiff_t y_stride = rows.saved.logits_row_stride;
  const std::ptrdiff_t dy_stride = rows.upstream.logits_row_stride;
  const std::ptrdiff_t out_stride = rows.saved.out_row_stride;
  for (size_t i = 0; i < count; ++i) {
    const auto at = static_cast<std::ptrdiff_t>(i);
    const FloatRow row = {first.y + at * y_stride, first.dy + at * dy_stride, first.out + at * out_stride};
    const Four y = kFull ? LoadGroup(row.y) : LoadGroup(row.y, n);
    const Four dy = kFull ? LoadGroup(row.dy) : LoadGroup(row.dy, n);
    const FastMoments moments = FastSum<Op>(y, dy).Moments();
    if (HWY_UNLIKELY(!IsServed<Op>(moments, rows, i))) {
      GradientOtherwise<kUnit, Op>(request, rows, i);
      continue;
    }
    op.Take(moments);
    if constexpr (kFull) {
      StoreAll(Map([&](SingleVec a, SingleVec b) ASSAY_LAMBDA { return FastResult<kUnit>(op, a, b); }, y, dy), row.out,
               n);
      continue;
    }
    const auto write = [&](size_t j, SingleVec saved, SingleVec upstream) ASSAY_LAMBDA {
      if (j < n) StoreSome(FastResult<kUnit>(op, saved, upstream), row.out + j, n - j);
    };
    write(0, y.v0, dy.v0);
    write(lanes, y.v1, dy.v1);
    write(2 * lanes, y.v2, dy.v2);
    write(3 * lanes, y.v3, dy.v3);
  }
}

// kLong: rows of kLongRow entries or more, bound by what memory gives.
template <bool kUnit, bool kLong, class Op>
HWY_NOINLINE void GradientsOfFloatRows(const internal::Request& request, const GradientRows& rows) {
  const size_t n = rows.saved.cols;
  Op op(request.args.temperature);
  for (size_t i = 0; i < rows.saved.rows; ++i) {
    const FloatRow row(rows, i);
    FastSum<Op, kLong> sum;
    sum.AddEntries(row.y, row.dy, n);
    const FastMoments moments = sum.Moments();
    if (HWY_UNLIKELY(!IsServed<Op>(moments, rows, i))) {
      GradientOtherwise<kUnit, Op>(request, rows, i);
      continue;
    }
    op.Take(moments);
    if (rows.way == FastWay::kStreamed) {
      WriteFloats<kUnit, true>(op, row.y, row.dy, row.out, n);
    } else if constexpr (!kLong) {
      WriteFloats<kUnit, false>(op, row.y, row.dy, row.out, n);
    } else {
      PrefetchStart(row.y + rows.saved.logits_row_stride);
      PrefetchStart(row.dy + rows.upstream.logits_row_stride);
      WriteBackwards<kUnit>(op, row.y, row.dy, row.out, n);
    }
  }
}

template <bool kUnit, class Op>
HWY_INLINE void GradientsOfRows(const internal::Request& request, const GradientRows& rows) {
  if (rows.way != FastWay::kBlocks) {
    const size_t group = 4 * hn::Lanes(Singles());
    if (rows.saved.cols < group) return GradientsOfShortRows<kUnit, false, Op>(request, rows);
    if (rows.saved.cols == group) return GradientsOfShortRows<kUnit, true, Op>(request, rows);
    if constexpr (Op::kIsBoundByMemory) {
      if (rows.saved.cols >= kLongRow) return GradientsOfFloatRows<kUnit, true, Op>(request, rows);
    }
    return GradientsOfFloatRows<kUnit, false, Op>(request, rows);
  }
  for (size_t i = 0; i < rows.saved.rows; ++i) {
    if (GradientInBlocks<kUnit, Op>(request.args.temperature, rows, i)) continue;
    GradientOtherwise<kUnit, Op>(request, rows, i);
  }
}

// What rows from `first` on that lie side by side subtract; returns those that pass 2 cannot serve.
template <bool kUnit, class Op, class In>
HWY_INLINE uint64_t SumInner(In& saved, In& upstream, const GradientRows& rows, size_t first, size_t groups,
                             InnerTaken<kUnit, Op>& taken) {
  FastMoments moments[kInnerGroups * kMostInner];
  SumGradientsOfInner<Op>(saved, upstream, groups, rows.saved.cols, moments);
  uint64_t others = 0;
  for (size_t i = 0; i < groups * kMostInner; ++i) {
    taken.Set(i, moments[i]);
    if (first + i < rows.saved.rows && !IsServed<Op>(moments[i], rows, first + i)) others |= uint64_t{1} << i;
  }
  return others;
}

// Whole groups of floats.
template <bool kUnit, class Op>
HWY_NOINLINE uint64_t GradientsOfInnerFloats(double t, const GradientRows& rows, size_t first, size_t groups) {
  const size_t n = rows.saved.cols;
  InnerFloats saved(rows.saved, first);
  InnerFloats upstream(rows.upstream, first);
  InnerTaken<kUnit, Op> taken;
  const uint64_t others = SumInner<kUnit, Op>(saved, upstream, rows, first, groups, taken);
  if (HWY_LIKELY(others == 0)) {
    WriteInnerGradients(t, saved, upstream, groups, taken, InnerFloatsOut(rows.saved, first), n);
    return 0;
  }
  for (size_t g = 0; g < groups; ++g) {
    const size_t at = first + g * kMostInner;
    InnerLogits some_saved(rows.saved, at);
    InnerLogits some_upstream(rows.upstream, at);
    const InnerOut out(rows.saved, at, static_cast<unsigned>(others >> g * kMostInner));
    WriteInnerGradients(t, some_saved, some_upstream, taken, g, out, n);
  }
  return others;
}

// One group of any kind.
template <bool kUnit, class Op>
HWY_NOINLINE uint64_t GradientsOfInnerRows(double t, const GradientRows& rows, size_t first) {
  InnerLogits saved(rows.saved, first);
  InnerLogits upstream(rows.upstream, first);
  InnerTaken<kUnit, Op> taken;
  const uint64_t others = SumInner<kUnit, Op>(saved, upstream, rows, first, 1, taken);
  const InnerOut out(rows.saved, first, static_cast<unsigned>(others));
  WriteInnerGradients(t, saved, upstream, taken, 0, out, rows.saved.cols);
  return others;
}

// Whether all operands of a call lie so.
HWY_INLINE bool IsInnerGradient(const assay_row_args& a) {
  const auto is_inner = [&a](std::ptrdiff_t row_stride, std::ptrdiff_t col_stride) {
    return AreInner(a.rows, a.cols, row_stride, col_stride);
  };
  return a.cols < size_t{1} << 32 && is_inner(a.saved.row_stride, a.saved.col_stride) &&
         is_inner(a.upstream.row_stride, a.upstream.col_stride) && is_inner(a.out.row_stride, a.out.col_stride);
}

template <bool kUnit, class Op>
HWY_NOINLINE void InnerGradients(const internal::Request& request) {
  const GradientRows rows = AllGradientRows(request);
  const double t = request.args.temperature;
  ForInnerGroups(rows.saved, [&](size_t first, size_t groups) HWY_ATTR {
    uint64_t others = groups == 0 ? GradientsOfInnerRows<kUnit, Op>(t, rows, first)
                                  : GradientsOfInnerFloats<kUnit, Op>(t, rows, first, groups);
    for (size_t i = first; others != 0; ++i, others >>= 1) {
      if ((others & 1) != 0) GradientOtherwise<kUnit, Op>(request, rows, i);
    }
  });
}

template <class Op>
void FastGradients(const internal::Request& request) {
  using Other = typename Op::AtOtherTemperatures;
  const double t = request.args.temperature;
  if (!(t >= Op::kLeastTemperature && t <= 0x1p200)) return RunExactGradient(request);
  if (IsInnerGradient(request.args)) {
    return t == 1 ? InnerGradients<true, Op>(request) : InnerGradients<false, Other>(request);
  }
  const auto serve = [&](const GradientRows& rows) HWY_ATTR {
    if (t == 1) return GradientsOfRows<true, Op>(request, rows);
    GradientsOfRows<false, Other>(request, rows);
  };
  if (!internal::Tile::Wanted(request)) return serve(AllGradientRows(request));
  internal::ForEachRowInTiles(request, &CopyAcross, [&](const internal::RowPlaces& places) HWY_ATTR {
    serve(OneGradientRow(request, places));
  });
}

#endif  // ASSAY_FLOAT_LANES

const internal::KernelGroup* FastGradientsGroup() {
  static constexpr internal::KernelGroup kGroup = {
    HWY_TARGET,
    internal::KernelTable()
#if ASSAY_FLOAT_LANES
        .Set(ASSAY_TIER_FAST, ASSAY_SOFTMAX_BACKWARD, internal::kUpTo32Bits, &FastGradients<FastSoftmaxGradient<false>>)
        .Set(ASSAY_TIER_FAST, ASSAY_LOG_SOFTMAX_BACKWARD, internal::kUpTo32Bits,
             &FastGradients<FastLogSoftmaxGradient<true>>)
        .Set(ASSAY_TIER_FAST, ASSAY_SPARSEMAX_BACKWARD, internal::kUpTo32Bits, &FastGradients<FastSparsemaxGradient>)
#endif
  };
  return &kGroup;
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace assay::internal {

HWY_EXPORT(FastGradientsGroup);

const KernelGroup* FastGradientsAt(std::size_t table_index) {
  return HWY_DISPATCH_TABLE(FastGradientsGroup)[table_index]();
}

}  // namespace assay::internal
#endif  // HWY_ONCE
