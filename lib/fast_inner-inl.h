// SPDX-License-Identifier: Apache-2.0
//
// Rows that lie side by side, their columns apart: a lane for each row, so that memory is read and written by whole
// vectors across the rows. Every sum is added up in the order of SumOverRow, by accumulators in memory for each of its
// lanes, so that a row's bits are those it has where its columns are contiguous. Compiled once per target.

#if defined(ASSAY_LIB_FAST_INNER_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_FAST_INNER_INL_H_
#undef ASSAY_LIB_FAST_INNER_INL_H_
#else
#define ASSAY_LIB_FAST_INNER_INL_H_
#endif

#include <cstring>

#include "fast_inner_rows-inl.h"
#include "fast_sum-inl.h"

#if ASSAY_FLOAT_LANES

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// A double for each row of a group.
struct RowDoubles {
  HWY_INLINE WideVec Low() const { return hn::Load(WideDoubles(), of); }
  HWY_INLINE WideVec High() const { return hn::Load(WideDoubles(), of + kMostInner / 2); }

  HWY_ALIGN double of[kMostInner];
};

// The lanes of PairSum for each row of a group.
class InnerSum {
 public:
  HWY_INLINE InnerSum() { std::memset(of_, 0, sizeof(of_)); }

  // PairSum's lane.
  class Lane {
   public:
    HWY_INLINE Lane(InnerSum& sum, size_t lane)
        : at_(sum.of_ + lane * kMostInner),
          low_(hn::Load(WideDoubles(), at_)),
          high_(hn::Load(WideDoubles(), at_ + kMostInner / 2)) {}
    HWY_INLINE void Add(SingleVec v) {
      const hn::Half<Singles> half;
      const WideDoubles dw;
      low_ = hn::Add(low_, hn::PromoteTo(dw, hn::LowerHalf(half, v)));
      high_ = hn::Add(high_, hn::PromoteTo(dw, hn::UpperHalf(half, v)));
    }
    HWY_INLINE void Keep() const {
      hn::Store(low_, WideDoubles(), at_);
      hn::Store(high_, WideDoubles(), at_ + kMostInner / 2);
    }

   private:
    double* at_;
    WideVec low_;
    WideVec high_;
  };

  // PairSum::Lanes, into the lower half of the lanes.
  HWY_INLINE void Join() { AddUpper(kMostInner / 2); }
  HWY_INLINE void Add(const InnerSum& other) {
    const WideDoubles dw;
    for (size_t i = 0; i < kMostInner / 2 * kMostInner; i += hn::Lanes(dw)) {
      hn::Store(hn::Add(hn::Load(dw, of_ + i), hn::Load(dw, other.of_ + i)), dw, of_ + i);
    }
  }
  // As hn::SumOfLanes adds them.
  HWY_INLINE void Total(RowDoubles& total) {
    for (size_t lanes = kMostInner / 4; lanes > 0; lanes /= 2) AddUpper(lanes);
    std::memcpy(total.of, of_, sizeof(total.of));
  }

 private:
  // Lane i += lane i + lanes, i < lanes.
  HWY_INLINE void AddUpper(size_t lanes) {
    const WideDoubles dw;
    const size_t size = lanes * kMostInner;
    for (size_t i = 0; i < size; i += hn::Lanes(dw)) {
      hn::Store(hn::Add(hn::Load(dw, of_ + i), hn::Load(dw, of_ + size + i)), dw, of_ + i);
    }
  }

  HWY_ALIGN double of_[kMostInner * kMostInner];
};

// For each row of some groups what SumOverRow gives: fn(v, g, j) of the vectors of group g, One at column j or Four at
// j, j + kMostInner and so on; `past` is fn's result past the end of a row.
template <class In, class Fn>
HWY_INLINE void SumOverInner(In& in, size_t groups, size_t n, SingleVec past, const Fn& fn, RowDoubles* totals) {
  constexpr size_t kStep = kMostInner;
  constexpr size_t kColumns = 4 * kStep;
  InnerSum even[kInnerGroups];
  InnerSum odd[kInnerGroups];
  size_t j = 0;
  while (j + kColumns <= n) {
    const size_t count = HWY_MIN(In::kMostColumns, (n - j) / kColumns * kColumns);
    InnerColumns columns = in.Columns(0, j, count);
    for (size_t lane = 0; lane < kStep; ++lane) {
      for (size_t g = 0; g < groups; ++g) {
        if constexpr (kIsDirect<In>) columns = in.Columns(g, j, count);
        InnerSum::Lane even_lane(even[g], lane);
        InnerSum::Lane odd_lane(odd[g], lane);
        for (size_t i = lane; i < count; i += kColumns) {
          const Four e = fn(
              Four{columns.Load(i), columns.Load(i + kStep), columns.Load(i + 2 * kStep), columns.Load(i + 3 * kStep)},
              g, j + i);
          even_lane.Add(hn::Add(e.v0, e.v1));
          odd_lane.Add(hn::Add(e.v2, e.v3));
        }
        even_lane.Keep();
        odd_lane.Keep();
      }
    }
    j += count;
  }
  for (size_t g = 0; g < groups; ++g) {
    const size_t rest = n - j;
    const InnerColumns columns = in.Columns(g, j, rest);
    const auto at = [&](size_t i) ASSAY_LAMBDA { return i < rest ? fn(One{columns.Load(i)}, g, j + i).v : past; };
    for (size_t begin = 0; begin < rest; begin += 2 * kStep) {
      for (size_t lane = 0; lane < kStep; ++lane) {
        SingleVec pair = at(begin + lane);
        if (begin + kStep < rest) pair = hn::Add(pair, at(begin + kStep + lane));
        InnerSum::Lane even_lane(even[g], lane);
        even_lane.Add(pair);
        even_lane.Keep();
      }
    }
    even[g].Join();
    odd[g].Join();
    even[g].Add(odd[g]);
    even[g].Total(totals[g]);
  }
}

// Writes fn(v, g) for every vector v, One or Four, of some groups; kStream: past the caches.
template <bool kStream, class Fn>
HWY_INLINE void WriteInnerFloats(InnerFloats& in, const InnerFloatsOut& out, size_t groups, size_t n, const Fn& fn) {
  const Singles d;
  const auto store = [&](SingleVec v, size_t g, size_t j) ASSAY_LAMBDA {
    if constexpr (kStream) return hn::Stream(v, d, out.At(g, j));
    hn::StoreU(v, d, out.At(g, j));
  };
  size_t j = 0;
  for (; j + 4 <= n; j += 4) {
    for (size_t g = 0; g < groups; ++g) {
      const InnerColumns columns = in.Columns(g, j, 4);
      const Four v = fn(Four{columns.Load(0), columns.Load(1), columns.Load(2), columns.Load(3)}, g);
      store(v.v0, g, j);
      store(v.v1, g, j + 1);
      store(v.v2, g, j + 2);
      store(v.v3, g, j + 3);
    }
  }
  for (; j < n; ++j) {
    for (size_t g = 0; g < groups; ++g) store(fn(One{in.Columns(g, j, 1).Load(0)}, g).v, g, j);
  }
  if constexpr (kStream) hwy::FlushStream();
}
template <class Fn>
HWY_INLINE void WriteInner(InnerFloats& in, const InnerFloatsOut& out, size_t groups, size_t n, const Fn& fn) {
  if (out.IsStreamed()) return WriteInnerFloats<true>(in, out, groups, n, fn);
  WriteInnerFloats<false>(in, out, groups, n, fn);
}
template <class Fn>
HWY_INLINE void WriteInner(InnerLogits& in, const InnerOut& out, size_t /*groups*/, size_t n, const Fn& fn) {
  HWY_ALIGN float results[InnerLogits::kMostColumns * kMostInner];
  for (size_t j = 0; j < n; j += InnerLogits::kMostColumns) {
    const size_t count = HWY_MIN(InnerLogits::kMostColumns, n - j);
    const InnerColumns columns = in.Columns(0, j, count);
    size_t i = 0;
    for (; i + 4 <= count; i += 4) {
      const Four x = {columns.Load(i), columns.Load(i + 1), columns.Load(i + 2), columns.Load(i + 3)};
      StoreAll(fn(x, 0), results + i * kMostInner, 4 * kMostInner);
    }
    for (; i < count; ++i) StoreAll(fn(One{columns.Load(i)}, 0), results + i * kMostInner, kMostInner);
    out.Store(results, j, count);
  }
}

// fn(first, groups) for the rows of a call: several groups where all are whole groups of visible floats, or 0 for one
// group of another kind.
template <class Fn>
HWY_INLINE void ForInnerGroups(const FastRows& rows, const Fn& fn) {
  const bool floats = rows.dtype == ASSAY_F32 && rows.mask.data == nullptr;
  size_t first = 0;
  while (first < rows.rows) {
    const size_t whole = floats ? (rows.rows - first) / kMostInner : 0;
    const size_t groups = HWY_MIN(whole, kInnerGroups);
    fn(first, groups);
    first += HWY_MAX(groups, 1) * kMostInner;
  }
}

// The same; fn returns the set of rows, from `first` on, that are left to the exact tier.
template <class Fn>
HWY_INLINE void ForInnerGroupsOrExact(const internal::Request& request, const FastRows& rows, const Fn& fn) {
  ForInnerGroups(rows, [&](size_t first, size_t groups) HWY_ATTR {
    uint64_t left = fn(first, groups);
    for (size_t i = first; left != 0; ++i, left >>= 1) {
      if ((left & 1) != 0) RunExactRow(request, rows, i);
    }
  });
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // ASSAY_FLOAT_LANES

#endif  // include guard
