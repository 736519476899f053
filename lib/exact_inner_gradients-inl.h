// SPDX-License-Identifier: Apache-2.0
//
// The exact tier's gradients of rows that lie side by side: a lane for each row, its terms added up in the order of a
// contiguous row, by the same eight virtual lanes. Compiled once per target.

#if defined(ASSAY_LIB_EXACT_INNER_GRADIENTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_EXACT_INNER_GRADIENTS_INL_H_
#undef ASSAY_LIB_EXACT_INNER_GRADIENTS_INL_H_
#else
#define ASSAY_LIB_EXACT_INNER_GRADIENTS_INL_H_
#endif

#include "exact_inner-inl.h"
#include "moments-inl.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Pass 1 of a group. Column j of a block is virtual lane j.
template <class Op, bool kF64>
HWY_NOINLINE void MomentsOfInner(const InnerNumbers& saved, const InnerNumbers& upstream, size_t rows, size_t cols,
                                 Moments* HWY_RESTRICT moments) {
  const Doubles d;
  HWY_ALIGN double hi[kMaxLanes * kInnerRows] = {};
  HWY_ALIGN double lo[kMaxLanes * kInnerRows] = {};
  InnerDoubles specials(0), counts(0), lows(0), highs(0), max_upstreams(0), max_terms(0);
  ForInnerBlocks(rows, cols, [&](size_t i, size_t begin, size_t end) HWY_ATTR {
    DoubleVec special = specials.At(i), count = counts.At(i), low = lows.At(i), high = highs.At(i);
    DoubleVec max_upstream = max_upstreams.At(i), max_term = max_terms.At(i);
    for (size_t j = begin; j < end; ++j) {
      const size_t at = (j - begin) * kInnerRows + i;
      const DoubleMask live = AddEntries<Op, kF64>(saved.Load(i, j), upstream.Load(i, j), hi + at, lo + at, special,
                                                   low, high, max_upstream, max_term);
      if constexpr (Op::kNeedsCount) count = hn::Add(count, hn::IfThenElseZero(live, hn::Set(d, 1.0)));
    }
    specials.Set(i, special);
    counts.Set(i, count);
    lows.Set(i, low);
    highs.Set(i, high);
    max_upstreams.Set(i, max_upstream);
    max_terms.Set(i, max_term);
  });
  for (size_t i = 0; i < rows; ++i) {
    moments[i] = {SumOfLaneSums(hi + i, lo + i, kInnerRows),
                  counts.of[i],
                  specials.of[i] != specials.of[i],
                  lows.of[i],
                  highs.of[i],
                  max_upstreams.of[i],
                  max_terms.of[i]};
  }
}

// The gradients of a group but for rows that lanes do not serve, which join `left`.
template <class Op, bool kF64>
HWY_NOINLINE void GradientsOfInner(const internal::Request& request, size_t first, size_t rows, InnerSet& left) {
  const assay_row_args& a = request.args;
  const InnerNumbers saved(a.saved, a.dtype, first, rows);
  const InnerNumbers upstream(a.upstream, a.dtype, first, rows);
  const InnerResults out(request, first, rows);
  Moments moments[kInnerRows];
  MomentsOfInner<Op, kF64>(saved, upstream, rows, a.cols, moments);
  InnerDoubles sums(0);
  bool all = true;
  for (size_t i = 0; i < rows; ++i) {
    sums.of[i] = SubtrahendOf<Op>(moments[i], a.temperature);
    if (IsInRange<Op, kF64>(moments[i], a.temperature)) continue;
    left.Add(i);
    all = false;
  }
  // In place those that are left stay what they are.
  const InnerNumbers* kept = a.out.data == a.saved.data ? &saved : a.out.data == a.upstream.data ? &upstream : nullptr;
  if (all) kept = nullptr;
  ForInnerBlocks(rows, a.cols, [&](size_t i, size_t begin, size_t end) HWY_ATTR {
    const DoubleVec sum = sums.At(i);
    for (size_t j = begin; j < end; ++j) {
      DoubleVec result =
          GradientsOf<Op, kF64>(saved.Load(i, j), upstream.Load(i, j), sum, moments + i, 1, a.temperature);
      result = RoundNumbers(a.dtype, result);
      if (HWY_UNLIKELY(kept != nullptr)) result = hn::IfThenElse(left.At(i), kept->Load(i, j), result);
      out.Store(result, i, j);
    }
  });
}

// Whether a call is for these lanes.
HWY_INLINE bool IsInnerExactGradient(const internal::Request& request) {
  const assay_row_args& a = request.args;
  return ResultsAreSideBySide(request) && AreSideBySide(a.saved.row_stride, a.saved.col_stride) &&
         AreSideBySide(a.upstream.row_stride, a.upstream.col_stride);
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // include guard
