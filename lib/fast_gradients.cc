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

#include "fast_gradients-inl.h"
#include "fast_inner_gradients-inl.h"
#include "kernels.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {

#if ASSAY_FLOAT_LANES

// Results of this many bytes are not read back from any cache before they are gone: stored past it.
inline constexpr size_t kStreamBytes = size_t{1} << 23;

// How rows are served: kFloats where all three operands are floats side by side, kStreamed past the caches too.
enum class FastWay { kFloats, kStreamed, kBlocks };

// The operands of several rows of a call, or of one in a tile; `logits` stands for the input that each holds.
struct GradientRows {
  FastRows saved;
  FastRows upstream;
  FastWay way;
};

HWY_INLINE bool AreFloats(const FastRows& rows) { return rows.dtype == ASSAY_F32 && rows.logits.stride == 1; }

HWY_INLINE GradientRows GradientRowsOf(FastRows rows, internal::ConstPlace saved, std::ptrdiff_t saved_stride,
                                       internal::ConstPlace upstream, std::ptrdiff_t upstream_stride) {
  GradientRows out = {rows, rows, FastWay::kBlocks};
  out.saved.logits = saved;
  out.saved.logits_row_stride = saved_stride;
  out.upstream.logits = upstream;
  out.upstream.logits_row_stride = upstream_stride;
  if (AreFloats(out.saved) && AreFloats(out.upstream) && rows.out.stride == 1) {
    const bool stream = !rows.in_place && rows.cols * sizeof(float) >= kStreamBytes &&
                        reinterpret_cast<uintptr_t>(rows.out.data) % sizeof(float) == 0;
    out.way = stream ? FastWay::kStreamed : FastWay::kFloats;
  }
  return out;
}

HWY_INLINE GradientRows AllGradientRows(const internal::Request& request) {
  const assay_row_args& a = request.args;
  FastRows rows = AllRows(request);
  rows.in_place = a.saved.data == a.out.data || a.upstream.data == a.out.data;
  const auto place = [&a](const assay_const_matrix& m) {
    return internal::ConstPlace{m.data, a.cols > 1 ? m.col_stride : 1};
  };
  return GradientRowsOf(rows, place(a.saved), a.saved.row_stride, place(a.upstream), a.upstream.row_stride);
}

HWY_INLINE GradientRows OneGradientRow(const internal::Request& request, const internal::RowPlaces& places) {
  return GradientRowsOf(OneRow(request, places), places.saved, 0, places.upstream, 0);
}

HWY_INLINE void RunExactGradient(const internal::Request& request) {
  const internal::KernelGroup& group = *internal::ExactGradientsAt(internal::TableIndex(HWY_TARGET));
  group.rows.of[ASSAY_TIER_EXACT][request.op][request.args.dtype](request);
}

// A row that f32 lanes cannot serve.
HWY_NOINLINE void RunExactGradientRow(const internal::Request& request, const GradientRows& rows, size_t i) {
  const size_t bytes = internal::BytesOf(rows.saved.dtype);
  const auto at = [&](const void* data, std::ptrdiff_t stride) {
    return static_cast<const uint8_t*>(data) +
           static_cast<std::ptrdiff_t>(i) * stride * static_cast<std::ptrdiff_t>(bytes);
  };
  internal::Request one = request;
  one.args.rows = 1;
  const FastRows& s = rows.saved;
  const FastRows& u = rows.upstream;
  one.args.saved = {at(s.logits.data, s.logits_row_stride), 0, s.logits.stride};
  one.args.upstream = {at(u.logits.data, u.logits_row_stride), 0, u.logits.stride};
  one.args.out = {const_cast<uint8_t*>(at(s.out.data, s.out_row_stride)), 0, s.out.stride};
  RunExactGradient(one);
}

// Whether pass 2 may go on: the sum is one that f32 serves, or there is no gradient at all.
template <class Op>
HWY_INLINE bool IsServed(const FastMoments& row, const GradientRows& rows, size_t i) {
  if (HWY_LIKELY(row.fine && Op::Serves(row, rows.saved.cols))) return true;
  return row.fine && row.sum == 0 && IsZero(FastRow(rows.upstream, i));
}

// False where the row is left to the exact tier.
template <bool kUnit, class Op>
HWY_NOINLINE bool GradientInBlocks(double t, const GradientRows& rows, size_t i) {
  const FastRow saved(rows.saved, i);
  const FastRow upstream(rows.upstream, i);
  const FastMoments row = FastMomentsOf<Op>(saved, upstream);
  if (!IsServed<Op>(row, rows, i)) return false;
  Op op(t);
  op.Take(row);
  WriteBlocks<kUnit>(op, saved, upstream, FastOut(rows.saved, i));
  return true;
}

// A row that the lanes did not serve.
template <bool kUnit, class Op>
HWY_NOINLINE void GradientOtherwise(const internal::Request& request, const GradientRows& rows, size_t i) {
  if constexpr (!std::is_void_v<typename Op::Retry>) {
    if (GradientInBlocks<kUnit, typename Op::Retry>(request.args.temperature, rows, i)) return;
  }
  RunExactGradientRow(request, rows, i);
}

// Pointers to row i of floats.
struct FloatRow {
  const float* y;
  const float* dy;
  float* out;

  HWY_INLINE FloatRow(const float* y_at, const float* dy_at, float* out_at) : y(y_at), dy(dy_at), out(out_at) {}
  HWY_INLINE FloatRow(const GradientRows& rows, size_t i)
      : y(static_cast<const float*>(rows.saved.logits.data) +
          static_cast<std::ptrdiff_t>(i) * rows.saved.logits_row_stride),
        dy(static_cast<const float*>(rows.upstream.logits.data) +
           static_cast<std::ptrdiff_t>(i) * rows.upstream.logits_row_stride),
        out(static_cast<float*>(rows.saved.out.data) + static_cast<std::ptrdiff_t>(i) * rows.saved.out_row_stride) {}
};

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
    FastSum<Op> sum;
    sum.AddGroup(y, dy);
    const FastMoments moments = sum.Moments();
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
