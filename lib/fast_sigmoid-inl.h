// SPDX-License-Identifier: Apache-2.0
//
// The fast tier's sigmoid in f32 lanes: 1 / (1 + exp(-x / T)), and 2^-64 / (2^-64 + 2^-64 exp(-x / T)) where the
// exponential would overflow, up to results that round to 0. Compiled once per target.
// Error    bounds::kFastSigmoidUlp.

#if defined(ASSAY_LIB_FAST_SIGMOID_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_FAST_SIGMOID_INL_H_
#undef ASSAY_LIB_FAST_SIGMOID_INL_H_
#else
#define ASSAY_LIB_FAST_SIGMOID_INL_H_
#endif

#include "fast_walk-inl.h"

#if ASSAY_FLOAT_LANES

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// 1 / v for 1 <= v < 2^122.
HWY_INLINE SingleVec ReciprocalOf(SingleVec v) {
  const SingleVec one = hn::Set(Singles(), 1.0f);
#if HWY_TARGET <= HWY_AVX3
  // Good to 2^-14; one step of Newton's makes that 2^-28. A quarter of a division's time.
  const SingleVec r{_mm512_rcp14_ps(v.raw)};
  return hn::MulAdd(r, hn::NegMulAdd(v, r, one), r);
#else
  return hn::Div(one, v);
#endif
}

class FastSigmoidOf {
 public:
  explicit HWY_INLINE FastSigmoidOf(double temperature)
      : exp_(ExpScale(-temperature), 0, 0),
        scaled_exp_(ExpScale(-temperature), 0, -64),
        least_(hn::Set(Singles(), static_cast<float>(-120 * ExpScale(temperature).unit))) {}

  template <class Vecs>
  HWY_INLINE Vecs operator()(const Vecs& x) const {
    const SingleVec one = hn::Set(Singles(), 1.0f);
    const Vecs share = Map([&](SingleVec e) ASSAY_LAMBDA { return ReciprocalOf(hn::Add(one, e)); },
                           exp_.Power<false, Sides::kAbove>(x));
    if (HWY_LIKELY(AllOrdinary(x))) return share;
    return Map([&](SingleVec v, SingleVec y) ASSAY_LAMBDA { return Unusual(v, y); }, x, share);
  }

 private:
  // Whether no entry is NaN or below least_.
  HWY_INLINE bool AllOrdinary(const One& x) const { return hn::AllTrue(Singles(), hn::Ge(x.v, least_)); }
  HWY_INLINE bool AllOrdinary(const Four& x) const {
    // Half the comparisons; NaN gets into the sum, and so may infinities, which are seen to one by one.
    const SingleVec lowest = hn::Min(hn::Min(x.v0, x.v1), hn::Min(x.v2, x.v3));
    const SingleVec sum = hn::Add(hn::Add(x.v0, x.v1), hn::Add(x.v2, x.v3));
    return hn::AllTrue(Singles(), hn::And(hn::Ge(lowest, least_), hn::Eq(sum, sum)));
  }

  // y, but for the entries that are.
  HWY_INLINE SingleVec Unusual(SingleVec v, SingleVec y) const {
    const Singles d;
    const SingleVec scale = hn::Set(d, 0x1p-64f);
    const SingleVec small = hn::Div(scale, hn::Add(scale, scaled_exp_.Power<false>(One{v}).v));
    const SingleVec canonical = hn::BitCast(d, hn::Set(SingleWords(), 0x7FC00000u));
    y = hn::IfThenElse(hn::Lt(v, least_), small, y);
    return hn::IfThenElse(hn::Eq(v, v), y, canonical);
  }

  FloatExp exp_;
  FloatExp scaled_exp_;
  SingleVec least_;
};

template <class Row, class Out>
HWY_NOINLINE inline void SigmoidOfRows(const FastSigmoidOf& constants, const FastRows& rows) {
  const FastSigmoidOf sigmoid = constants;  // in registers
  for (size_t i = 0; i < rows.rows; ++i) WriteRow(Row(rows, i), Out(rows, i), nullptr, sigmoid);
}

// Rows without gaps as one: entry by entry it makes no difference.
HWY_INLINE FastRows Joined(FastRows rows) {
  const auto n = static_cast<std::ptrdiff_t>(rows.cols);
  if (AreDirect(rows) && rows.logits_row_stride == n && rows.out_row_stride == n) {
    rows.cols *= rows.rows;
    rows.rows = 1;
  }
  return rows;
}

inline void FastSigmoid(const internal::Request& request) {
  if (request.args.bias.data != nullptr || !ExpScale(request.args.temperature).InRange()) return RunExact(request);
  const FastSigmoidOf sigmoid(request.args.temperature);
  ForRows(request, [&](const FastRows& all) HWY_ATTR {
    const FastRows rows = Joined(all);
    AreDirect(rows) ? SigmoidOfRows<DirectRow, DirectOut>(sigmoid, rows)
                    : SigmoidOfRows<FastRow, FastOut>(sigmoid, rows);
  });
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // ASSAY_FLOAT_LANES

#endif  // include guard
