// SPDX-License-Identifier: Apache-2.0
//
// The two passes of the exact tier's gradients, vector by vector: what an entry adds to the moments of its row, and
// results that double lanes cannot round once. Compiled once per target.

#if defined(ASSAY_LIB_MOMENTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_MOMENTS_INL_H_
#undef ASSAY_LIB_MOMENTS_INL_H_
#else
#define ASSAY_LIB_MOMENTS_INL_H_
#endif

#include "gradient-inl.h"
#include "lane_sum-inl.h"
#include "row-inl.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using internal::Moments;

// Adds a vector's terms to the sums at hi and lo, and what they are to the rest, lane by lane. Extremes are taken only
// where Op::InRange asks for them. special: 0, or NaN.
template <class Op, bool kF64>
HWY_INLINE DoubleMask AddEntries(DoubleVec y, DoubleVec upstream, double* HWY_RESTRICT hi, double* HWY_RESTRICT lo,
                                 DoubleVec& HWY_RESTRICT special, DoubleVec& HWY_RESTRICT low,
                                 DoubleVec& HWY_RESTRICT high, DoubleVec& HWY_RESTRICT max_upstream,
                                 DoubleVec& HWY_RESTRICT max_term) {
  const Doubles d;
  const DoubleMask live = Op::Live(y);
  const DoubleVec live_y = hn::IfThenElseZero(live, y);
  const DoubleVec dy = hn::IfThenElseZero(live, upstream);
  special = hn::Add(special, hn::Add(Op::Special(live_y), hn::Mul(dy, hn::Zero(d))));
  DoubleVec term = dy;
  if constexpr (Op::kSumsProducts && kF64) {
    DoubleVec error;
    TwoProduct(d, live_y, dy, term, error);
    AddToLanes(term, error, hi, lo);
  } else {
    if constexpr (Op::kSumsProducts) term = hn::Mul(live_y, dy);  // exact
    AddToLanes(term, hi, lo);
  }
  if constexpr (kF64 || Op::kNeedsRange) {
    low = hn::Min(low, live_y);
    high = hn::Max(high, live_y);
  }
  if constexpr (kF64) {
    max_upstream = hn::Max(max_upstream, hn::Abs(dy));
    max_term = hn::Max(max_term, hn::Abs(term));
  }
  return live;
}

// Pass 1 of a row.
template <class Op, bool kF64>
HWY_INLINE Moments MomentsOf(const Values& saved, const Values& upstream) {
  const Doubles d;
  HWY_ALIGN double hi[kMaxLanes] = {};
  HWY_ALIGN double lo[kMaxLanes] = {};
  DoubleVec special = hn::Zero(d);
  DoubleVec low = special, high = special, max_upstream = special, max_term = special;
  Moments row;
  for (size_t j = 0; j < saved.size(); j += Lanes()) {
    const size_t lane = j % kMaxLanes;
    const DoubleMask live = AddEntries<Op, kF64>(saved.Load(j), upstream.Load(j), hi + lane, lo + lane, special, low,
                                                 high, max_upstream, max_term);
    if constexpr (Op::kNeedsCount) row.count += static_cast<double>(hn::CountTrue(d, live));
  }
  row.sum = SumOfLaneSums(hi, lo, 1);
  row.special = !hn::AllTrue(d, hn::Eq(special, special));
  row.low = -LargestLane(hn::Neg(low));
  row.high = LargestLane(high);
  row.max_upstream = LargestLane(max_upstream);
  row.max_term = LargestLane(max_term);
  return row;
}

// Whether lanes serve the row.
template <class Op, bool kF64>
HWY_INLINE bool IsInRange(const Moments& row, double temperature) {
  return row.special || !(temperature < kInf) || Op::InRange(row, temperature, kF64);
}

// What pass 2 subtracts. With T = inf all results are 0, whatever overflowed in the sum.
template <class Op>
HWY_INLINE double SubtrahendOf(const Moments& row, double temperature) {
  if (row.special) return std::nan("");
  return temperature < kInf ? Op::Subtrahend(row.sum.hi, row.count) : 0;
}

// The lanes of `tiny` anew in WidePair: results of f64 that are subnormal, or became 0 by underflow. rows: of the first
// lane; step: to the next lane's, 0 where it is the same.
template <class Op>
HWY_NOINLINE void Replace(DoubleMask tiny, DoubleVec y, DoubleVec dy, const Moments* HWY_RESTRICT rows, size_t step,
                          double temperature, DoubleVec& HWY_RESTRICT result) {
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
    const Moments& row = rows[i * step];
    if (tinies[i] == 0 || row.special) continue;
    const WidePair subtrahend = Op::Subtrahend(WidePair(row.sum, 0), row.count);
    results[i] =
        internal::RoundWide(ASSAY_F64, Op::Gradient(ys[i], WidePair(dys[i]), subtrahend, WidePair(temperature)));
  }
  result = hn::Load(d, results);
}

// The results of a vector, rows, step and sum as Replace and SubtrahendOf have them; 0 where not live.
template <class Op, bool kF64>
HWY_INLINE DoubleVec GradientsOf(DoubleVec y, DoubleVec dy, DoubleVec sum, const Moments* HWY_RESTRICT rows,
                                 size_t step, double temperature) {
  const Doubles d;
  const auto live = Op::Live(y);
  DoubleVec result = hn::IfThenElseZero(live, Op::Gradient(y, dy, sum, hn::Set(d, temperature)));
  if constexpr (kF64) {
    const auto tiny = hn::And(live, Op::IsTiny(y, result));
    if (HWY_UNLIKELY(temperature < kInf && !hn::AllFalse(d, tiny))) {
      Replace<Op>(tiny, y, dy, rows, step, temperature, result);
    }
  }
  return result;
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // include guard
