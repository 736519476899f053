// SPDX-License-Identifier: Apache-2.0
//
// The operands of a call of the fast tier's gradients, row by row, and what becomes of rows that f32 lanes do not
// serve. Compiled once per target.

#if defined(ASSAY_LIB_FAST_GRADIENT_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_FAST_GRADIENT_ROWS_INL_H_
#undef ASSAY_LIB_FAST_GRADIENT_ROWS_INL_H_
#else
#define ASSAY_LIB_FAST_GRADIENT_ROWS_INL_H_
#endif

#include "fast_gradients-inl.h"
#include "kernels.h"

#if ASSAY_FLOAT_LANES

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {

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

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // ASSAY_FLOAT_LANES

#endif  // include guard
