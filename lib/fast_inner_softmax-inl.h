// SPDX-License-Identifier: Apache-2.0
//
// The fast tier's softmax of rows that lie side by side: a lane for each row. The passes and the bits are those of
// contiguous rows; a row that the usual scale does not suit is done by itself. Compiled once per target.

#if defined(ASSAY_LIB_FAST_INNER_SOFTMAX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_FAST_INNER_SOFTMAX_INL_H_
#undef ASSAY_LIB_FAST_INNER_SOFTMAX_INL_H_
#else
#define ASSAY_LIB_FAST_INNER_SOFTMAX_INL_H_
#endif

#include "fast_inner-inl.h"
#include "fast_softmax-inl.h"

#if ASSAY_FLOAT_LANES

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// A double for each row as two f32 words.
struct RowWords {
  SingleVec high;
  SingleVec low;
};
HWY_INLINE RowWords WordsOf(WideVec low_rows, WideVec high_rows) {
  const hn::Half<Singles> half;
  const WideDoubles dw;
  const auto low = hn::DemoteTo(half, low_rows);
  const auto high = hn::DemoteTo(half, high_rows);
  const auto low_rest = hn::DemoteTo(half, hn::Sub(low_rows, hn::PromoteTo(dw, low)));
  const auto high_rest = hn::DemoteTo(half, hn::Sub(high_rows, hn::PromoteTo(dw, high)));
  return {hn::Combine(Singles(), high, low), hn::Combine(Singles(), high_rest, low_rest)};
}

// Where exponentials are kept between the passes: in out.
class InnerKept {
 public:
  explicit HWY_INLINE InnerKept(const InnerFloatsOut& out) : out_(out) {}
  HWY_INLINE void Keep(const One& e, size_t g, size_t j) const { Store(e.v, g, j); }
  HWY_INLINE void Keep(const Four& e, size_t g, size_t j) const {
    Store(e.v0, g, j);
    Store(e.v1, g, j + kMostInner);
    Store(e.v2, g, j + 2 * kMostInner);
    Store(e.v3, g, j + 3 * kMostInner);
  }

 private:
  HWY_INLINE void Store(SingleVec v, size_t g, size_t j) const { hn::StoreU(v, Singles(), out_.At(g, j)); }

  const InnerFloatsOut& out_;
};

HWY_INLINE uint64_t UnusualOf(const RowDoubles* totals, size_t count) {
  uint64_t unusual = 0;
  for (size_t i = 0; i < count; ++i) {
    if (!IsUsual(totals[i / kMostInner].of[i % kMostInner])) unusual |= uint64_t{1} << i;
  }
  return unusual;
}

// SumExp at the usual scale, for each row.
template <class In>
HWY_INLINE void SumExpInner(In& in, size_t groups, size_t n, const FloatExp& exp, const InnerKept* kept,
                            RowDoubles* totals) {
  const SingleVec past = exp.Power<false>(One{hn::Set(Singles(), kMinusInf)}).v;
  if (kept == nullptr) {
    return SumOverInner(
        in, groups, n, past, [&](const auto& x, size_t, size_t) ASSAY_LAMBDA { return exp.Power<false>(x); }, totals);
  }
  SumOverInner(
      in, groups, n, past,
      [&](const auto& x, size_t g, size_t j) ASSAY_LAMBDA {
        const auto e = exp.Power<false>(x);
        kept->Keep(e, g, j);
        return e;
      },
      totals);
}

// The inverses of the rows' sums.
class InnerShares {
 public:
  HWY_INLINE InnerShares(const RowDoubles* totals, size_t groups) {
    const Singles d;
    const WideVec one = hn::Set(WideDoubles(), 1.0);
    for (size_t g = 0; g < groups; ++g) {
      const RowWords words = WordsOf(hn::Div(one, totals[g].Low()), hn::Div(one, totals[g].High()));
      hn::Store(words.high, d, high_ + g * kMostInner);
      hn::Store(words.low, d, low_ + g * kMostInner);
    }
  }
  // Of exponentials of group g.
  template <class Vecs>
  HWY_INLINE Vecs Of(const Vecs& e, size_t g) const {
    const SingleVec high = hn::Load(Singles(), high_ + g * kMostInner);
    const SingleVec low = hn::Load(Singles(), low_ + g * kMostInner);
    return Map([&](SingleVec v) ASSAY_LAMBDA { return hn::MulAdd(v, high, hn::Mul(v, low)); }, e);
  }

 private:
  HWY_ALIGN float high_[kInnerGroups * kMostInner];
  HWY_ALIGN float low_[kInnerGroups * kMostInner];
};

// Groups from row `first` on of visible floats. Returns the rows that the usual scale does not suit.
template <bool kKept>
HWY_NOINLINE uint64_t SoftmaxOfInnerFloats(const FloatExp& constants, const FastRows& rows, size_t first,
                                           size_t groups) {
  const FloatExp exp = constants;
  const size_t n = rows.cols;
  InnerFloats in(rows, first);
  const InnerFloatsOut out(rows, first);
  RowDoubles totals[kInnerGroups];
  const InnerKept kept(out);
  SumExpInner(in, groups, n, exp, kKept ? &kept : nullptr, totals);
  const uint64_t unusual = UnusualOf(totals, groups * kMostInner);
  const InnerShares shares(totals, groups);
  if constexpr (kKept) {
    FastRows again = rows;
    again.logits = {rows.out.data, rows.out.stride};
    again.logits_row_stride = rows.out_row_stride;
    InnerFloats in_out(again, first);
    WriteInner(in_out, out, groups, n, [&](const auto& e, size_t g) ASSAY_LAMBDA { return shares.Of(e, g); });
    return unusual;
  }
  if (HWY_LIKELY(unusual == 0 || !rows.in_place)) {
    WriteInner(in, out, groups, n,
               [&](const auto& x, size_t g) ASSAY_LAMBDA { return shares.Of(exp.Power<false>(x), g); });
    return unusual;
  }
  for (size_t g = 0; g < groups; ++g) {
    InnerLogits some(rows, first + g * kMostInner);
    const InnerOut some_out(rows, first + g * kMostInner, static_cast<unsigned>(unusual >> g * kMostInner));
    WriteInner(some, some_out, 1, n,
               [&](const auto& x, size_t) ASSAY_LAMBDA { return shares.Of(exp.Power<false>(x), g); });
  }
  return unusual;
}

// The same for a group of any kind.
inline HWY_NOINLINE uint64_t SoftmaxOfInnerRows(const FloatExp& constants, const FastRows& rows, size_t first) {
  const FloatExp exp = constants;
  const size_t n = rows.cols;
  InnerLogits in(rows, first);
  RowDoubles totals[1];
  SumExpInner(in, 1, n, exp, nullptr, totals);
  const uint64_t unusual = UnusualOf(totals, HWY_MIN(kMostInner, rows.rows - first));
  const InnerShares shares(totals, 1);
  const InnerOut out(rows, first, static_cast<unsigned>(unusual));
  WriteInner(in, out, 1, n, [&](const auto& x, size_t g) ASSAY_LAMBDA { return shares.Of(exp.Power<false>(x), g); });
  return unusual;
}

// Logits and results of so many bytes stay in the second cache between the passes. Larger ones are read again, which is
// cheaper than waiting for what is written to.
inline constexpr size_t kInnerCacheBytes = size_t{1} << 20;

inline HWY_NOINLINE void InnerSoftmax(const internal::Request& request, const ExpScale& scale, const FloatExp& exp) {
  const FastRows rows = AllRows(request);
  const bool keep = !rows.in_place && rows.rows * rows.cols <= kInnerCacheBytes / (2 * sizeof(float));
  ForInnerGroupsOrExact(request, rows, [&](size_t first, size_t groups) HWY_ATTR {
    uint64_t unusual = groups == 0 ? SoftmaxOfInnerRows(exp, rows, first)
                       : keep      ? SoftmaxOfInnerFloats<true>(exp, rows, first, groups)
                                   : SoftmaxOfInnerFloats<false>(exp, rows, first, groups);
    uint64_t left = 0;
    for (size_t i = 0; unusual != 0; ++i, unusual >>= 1) {
      if ((unusual & 1) == 0) continue;
      const bool done = SoftmaxOfUnusualRow(scale, FastRow(rows, first + i), FastOut(rows, first + i), nullptr);
      if (!done) left |= uint64_t{1} << i;
    }
    return left;
  });
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // ASSAY_FLOAT_LANES

#endif  // include guard
