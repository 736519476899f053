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
#include <type_traits>

#include "fast_sum-inl.h"

#if ASSAY_FLOAT_LANES

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

inline constexpr size_t kMostInner = HWY_LANES(float);  // lanes of Singles: rows of a group
// Groups that are served at once, so that 256 bytes are read side by side: with columns a page apart that is thrice as
// fast as 64.
inline constexpr size_t kInnerGroups = 64 / kMostInner;

// Fewer rows are cheaper one by one: lanes without a row cost what the others do.
inline constexpr size_t kLeastInner = 4;

HWY_INLINE bool AreInner(size_t rows, size_t cols, std::ptrdiff_t row_stride, std::ptrdiff_t col_stride) {
  return rows >= kLeastInner && cols > 1 && row_stride == 1 && col_stride != 1;
}
// Whether neighbouring logits, and results, are those of neighbouring rows.
HWY_INLINE bool IsInner(const assay_row_args& a, bool one_column) {
  return AreInner(a.rows, a.cols, a.logits.row_stride, a.logits.col_stride) &&
         (one_column || (a.out.row_stride == 1 && a.out.col_stride != 1));
}

// Columns of a group of rows as floats: where they lie, or in a buffer.
class InnerColumns {
 public:
  HWY_INLINE InnerColumns(const float* x, std::ptrdiff_t stride) : x_(x), stride_(stride) {}
  HWY_INLINE SingleVec Load(size_t j) const {
    return hn::LoadU(Singles(), x_ + static_cast<std::ptrdiff_t>(j) * stride_);
  }

 private:
  const float* x_;
  std::ptrdiff_t stride_;
};

// Logits of whole groups of visible floats: what is fast.
class InnerFloats {
 public:
  static constexpr size_t kMostColumns = 16 * kMostInner;  // of Columns

  HWY_INLINE InnerFloats(const FastRows& rows, size_t first)
      : x_(static_cast<const float*>(rows.LogitsAt(first))), stride_(rows.logits.stride) {}
  // The columns [j, j + count) of group g.
  HWY_INLINE InnerColumns Columns(size_t g, size_t j, size_t /*count*/) {
    return {x_ + g * kMostInner + static_cast<std::ptrdiff_t>(j) * stride_, stride_};
  }

 private:
  const float* x_;
  std::ptrdiff_t stride_;
};

// Logits of one group, of any type, with a mask or with fewer rows; lanes without a row read as 0.
class InnerLogits {
 public:
  static constexpr size_t kMostColumns = 4 * kMostInner;

  HWY_INLINE InnerLogits(const FastRows& rows, size_t first)
      : count_(HWY_MIN(kMostInner, rows.rows - first)),
        dtype_(rows.dtype),
        x_(static_cast<const uint8_t*>(rows.LogitsAt(first))),
        stride_(rows.logits.stride * static_cast<std::ptrdiff_t>(internal::BytesOf(rows.dtype))),
        mask_(static_cast<const uint8_t*>(rows.MaskAt(first))),
        mask_stride_(rows.mask.stride),
        mask_row_stride_(rows.mask_row_stride) {}

  HWY_NOINLINE InnerColumns Columns(size_t /*g*/, size_t j, size_t count) {
    const Singles d;
    const auto part = hn::FirstN(d, count_);
    HWY_ALIGN uint16_t halves[kMostInner] = {};
    for (size_t i = 0; i < count; ++i) {
      const void* from = x_ + static_cast<std::ptrdiff_t>(j + i) * stride_;
      SingleVec x = hn::Zero(d);
      if (dtype_ == ASSAY_F32) {
        x = hn::MaskedLoad(part, d, static_cast<const float*>(from));
      } else {
        std::memcpy(halves, from, count_ * sizeof(uint16_t));
        x = FloatsOf(dtype_, hn::Load(Sixteens(), halves));
      }
      if (mask_ != nullptr) x = hn::IfThenElse(HiddenAt(j + i), hn::Set(d, kMinusInf), x);
      hn::Store(x, d, buffer_ + i * kMostInner);
    }
    return {buffer_, kMostInner};
  }

 private:
  HWY_INLINE SingleMask HiddenAt(size_t j) const {
    const SingleWords du;
    HWY_ALIGN uint8_t shown[HWY_MAX_BYTES] = {};
    const uint8_t* mask = mask_ + static_cast<std::ptrdiff_t>(j) * mask_stride_;
    if (mask_row_stride_ == 1) {
      std::memcpy(shown, mask, count_);
    } else {
      for (size_t i = 0; i < count_; ++i) shown[i] = mask[static_cast<std::ptrdiff_t>(i) * mask_row_stride_];
    }
    const auto bytes = hn::PromoteTo(du, hn::Load(hn::Rebind<uint8_t, Singles>(), shown));
    return hn::RebindMask(Singles(), hn::Eq(bytes, hn::Zero(du)));
  }

  size_t count_;
  int32_t dtype_;
  const uint8_t* x_;
  std::ptrdiff_t stride_;  // in bytes
  const uint8_t* mask_;
  std::ptrdiff_t mask_stride_;
  std::ptrdiff_t mask_row_stride_;
  HWY_ALIGN float buffer_[kMostColumns * kMostInner];
};

// Where the results of whole groups of floats go.
class InnerFloatsOut {
 public:
  HWY_INLINE InnerFloatsOut(const FastRows& rows, size_t first)
      : out_(static_cast<float*>(rows.OutAt(first))),
        stride_(rows.out.stride),
        streamed_(rows.rows * rows.cols >= kStreamedFloats && !rows.in_place && IsWhole(out_) &&
                  IsWhole(out_ + stride_)) {}
  // Whether results are better written past the caches: they are large, and every vector is a line of a cache.
  HWY_INLINE bool IsStreamed() const { return streamed_; }
  HWY_INLINE float* At(size_t g, size_t j) const {
    return out_ + g * kMostInner + static_cast<std::ptrdiff_t>(j) * stride_;
  }

 private:
  static HWY_INLINE bool IsWhole(const float* vector) { return reinterpret_cast<uintptr_t>(vector) % 64 == 0; }

  float* out_;
  std::ptrdiff_t stride_;
  bool streamed_;
};

// Where the results of one group go; rows of the set `left` are not written.
class InnerOut {
 public:
  HWY_INLINE InnerOut(const FastRows& rows, size_t first, unsigned left)
      : count_(HWY_MIN(kMostInner, rows.rows - first)),
        dtype_(rows.dtype),
        out_(static_cast<uint8_t*>(rows.OutAt(first))),
        stride_(rows.out.stride * static_cast<std::ptrdiff_t>(internal::BytesOf(rows.dtype))),
        left_(left) {}

  // The results of columns [j, j + count).
  HWY_NOINLINE void Store(const float* HWY_RESTRICT results, size_t j, size_t count) const {
    const Singles d;
    HWY_ALIGN float flags[kMostInner];
    for (size_t i = 0; i < kMostInner; ++i) flags[i] = i < count_ && (left_ >> i & 1) == 0 ? 1.0f : 0.0f;
    const auto written = hn::Gt(hn::Load(d, flags), hn::Zero(d));
    for (size_t i = 0; i < count; ++i) {
      uint8_t* to = out_ + static_cast<std::ptrdiff_t>(j + i) * stride_;
      const SingleVec v = hn::Load(d, results + i * kMostInner);
      if (dtype_ == ASSAY_F32) {
        hn::BlendedStore(v, written, d, reinterpret_cast<float*>(to));
        continue;
      }
      HWY_ALIGN uint16_t halves[kMostInner];
      hn::Store(SixteensOf(dtype_, v), Sixteens(), halves);
      if (HWY_LIKELY(left_ == 0)) {
        std::memcpy(to, halves, count_ * sizeof(uint16_t));
        continue;
      }
      for (size_t r = 0; r < count_; ++r) {
        if ((left_ >> r & 1) == 0) std::memcpy(to + r * sizeof(uint16_t), halves + r, sizeof(uint16_t));
      }
    }
  }

 private:
  size_t count_;
  int32_t dtype_;
  uint8_t* out_;
  std::ptrdiff_t stride_;  // in bytes
  unsigned left_;
};

template <class In>
inline constexpr bool kIsDirect = std::is_same_v<In, InnerFloats>;

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
