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
    if (HWY_LIKELY(AllOrdinary(x))) return Share<Sides::kNone>(x);
    return Map([&](SingleVec v, SingleVec y) ASSAY_LAMBDA { return Unusual(v, y); }, x, Share<Sides::kAbove>(x));
  }

 private:
  template <Sides kSides, class Vecs>
  HWY_INLINE Vecs Share(const Vecs& x) const {
    const SingleVec one = hn::Set(Singles(), 1.0f);
    return Map([&](SingleVec e) ASSAY_LAMBDA { return ReciprocalOf(hn::Add(one, e)); }, exp_.Power<false, kSides>(x));
  }

  // Whether no entry is NaN or larger than -least_ in size: compared as integers, where NaN is larger than all.
  HWY_INLINE bool AllOrdinary(const One& x) const { return IsAtMost(SizeOf(x.v)); }
  HWY_INLINE bool AllOrdinary(const Four& x) const {
    return IsAtMost(hn::Max(hn::Max(SizeOf(x.v0), SizeOf(x.v1)), hn::Max(SizeOf(x.v2), SizeOf(x.v3))));
  }
  static HWY_INLINE hn::Vec<SingleWords> SizeOf(SingleVec v) { return hn::BitCast(SingleWords(), hn::Abs(v)); }
  HWY_INLINE bool IsAtMost(hn::Vec<SingleWords> size) const {
    return hn::AllFalse(SingleWords(), hn::Gt(size, SizeOf(least_)));
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

inline void FastSigmoid(const internal::Request& request) {
  if (request.args.bias.data != nullptr || !ExpScale(request.args.temperature).InRange()) return RunExact(request);
  const FastSigmoidOf sigmoid(request.args.temperature);
  ForRows(internal::AlongMemory(request), [&](const FastRows& rows) HWY_ATTR {
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
