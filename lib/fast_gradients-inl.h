// SPDX-License-Identifier: Apache-2.0
//
// The fast tier's gradients in f32 lanes. Pass 1 sums what is subtracted, in f32 over chains of four entries and in
// double beyond; pass 2 writes the results. At T = 1 these are f32 too, else double, so that quotients are rounded
// once. Rows with NaN, infinities, or sums at which f32 may lose more than the bound are left to the exact tier. Error
// error_bounds.h, gradients of the fast tier. Compiled once per target.

#if defined(ASSAY_LIB_FAST_GRADIENTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_FAST_GRADIENTS_INL_H_
#undef ASSAY_LIB_FAST_GRADIENTS_INL_H_
#else
#define ASSAY_LIB_FAST_GRADIENTS_INL_H_
#endif

#include "fast_gradient_ops-inl.h"
#include "hwy/cache_control.h"

#if ASSAY_FLOAT_LANES

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The vector at `from` of which `count` lanes are part of the row; the others read as 0.
HWY_INLINE SingleVec LoadOrZero(const float* from, size_t count) {
  const Singles d;
  return HWY_LIKELY(count >= hn::Lanes(d)) ? hn::LoadU(d, from) : hn::MaskedLoad(hn::FirstN(d, count), d, from);
}

HWY_INLINE Four LoadGroup(const float* from) {
  const Singles d;
  const size_t lanes = hn::Lanes(d);
  return {hn::LoadU(d, from), hn::LoadU(d, from + lanes), hn::LoadU(d, from + 2 * lanes),
          hn::LoadU(d, from + 3 * lanes)};
}
HWY_INLINE Four LoadGroup(const float* from, size_t count) {
  const size_t lanes = hn::Lanes(Singles());
  const auto load = [&](size_t i)
                        HWY_ATTR { return i < count ? LoadOrZero(from + i, count - i) : hn::Zero(Singles()); };
  return {load(0), load(lanes), load(2 * lanes), load(3 * lanes)};
}

// From here on a row is long: what costs something once a row pays.
inline constexpr size_t kLongRow = 512;

// Pass 1. A group is four vectors of the row, zeros past its end. Live entries are counted by popcount, or, if kLong,
// lane by lane: less for each group, but with a sum over the lanes at the end.
template <class Op, bool kLong = false>
class FastSum {
 public:
  HWY_INLINE FastSum()
      : fine_(hn::Eq(hn::Zero(Singles()), hn::Zero(Singles()))),
        any_(hn::Zero(SingleWords())),
        counts_(hn::Zero(Counts())) {}

  // Of a row of one group: nothing is added to zeros.
  HWY_INLINE FastSum(const Four& y, const Four& dy) : FastSum() {
    Look(y);
    sum_ = PairSum(SumOf(y, dy));
  }

  HWY_INLINE void AddEntries(const float* y, const float* dy, size_t n) {
    const size_t group = 4 * hn::Lanes(Singles());
    size_t j = 0;
    for (; j + group <= n; j += group) AddGroup(LoadGroup(y + j), LoadGroup(dy + j));
    if (j < n) AddGroup(LoadGroup(y + j, n - j), LoadGroup(dy + j, n - j));
  }

  HWY_INLINE FastMoments Moments() const {
    FastMoments row;
    row.sum = hn::GetLane(hn::SumOfLanes(WideDoubles(), sum_.Lanes()));
    if constexpr (Op::kCounts) {
      row.count = static_cast<double>(kLong ? SumOfCounts() : count_);
    }
    if constexpr (Op::kCounts) {
      row.fine = hn::AllTrue(SingleWords(), AreBelowTwo(any_));
    } else if constexpr (Op::kChecks) {
      row.fine = hn::AllTrue(Singles(), fine_);
    }
    return row;
  }

 private:
  using Counts = hn::RebindToUnsigned<Singles>;

  HWY_INLINE void AddGroup(const Four& y, const Four& dy) {
    Look(y);
    sum_.Add(SumOf(y, dy));
  }
  HWY_INLINE void Look(const Four& y) {
    if constexpr (Op::kCounts) {
      const SingleWords d;
      const auto bits = [&](SingleVec x) ASSAY_LAMBDA { return hn::BitCast(d, x); };
      any_ = hn::Or3(hn::Or3(any_, bits(y.v0), bits(y.v1)), bits(y.v2), bits(y.v3));
    } else if constexpr (Op::kChecks) {
      fine_ = hn::And(fine_, hn::And(Op::AreFine(y.v0, y.v1), Op::AreFine(y.v2, y.v3)));
    }
    if constexpr (Op::kCounts) {
      if constexpr (!kLong) {
        count_ += CountOf(Op::IsLive(y.v0), Op::IsLive(y.v1), Op::IsLive(y.v2), Op::IsLive(y.v3));
      } else {
        Count(y.v0);
        Count(y.v1);
        Count(y.v2);
        Count(y.v3);
      }
    }
  }
  static HWY_INLINE SingleVec SumOf(const Four& y, const Four& dy) {
    const SingleVec first = Op::Join(Op::Start(y.v0, dy.v0), y.v1, dy.v1);
    return hn::Add(first, Op::Join(Op::Start(y.v2, dy.v2), y.v3, dy.v3));
  }
  HWY_INLINE void Count(SingleVec y) {
    const Counts d;
    counts_ = hn::Sub(counts_, hn::VecFromMask(d, hn::RebindMask(d, Op::IsLive(y))));
  }
  HWY_INLINE size_t SumOfCounts() const {
    const hn::RepartitionToWide<Counts> dw;
    const hn::Half<Counts> half;
    return hn::GetLane(hn::SumOfLanes(
        dw, hn::Add(hn::PromoteTo(dw, hn::LowerHalf(half, counts_)), hn::PromoteTo(dw, hn::UpperHalf(half, counts_)))));
  }

  PairSum sum_;
  SingleMask fine_;
  hn::Vec<SingleWords> any_;  // bits of what was saved, where live entries are counted
  size_t count_ = 0;
  hn::Vec<Counts> counts_;
};

template <class Op>
HWY_INLINE FastMoments FastMomentsOf(const FastRow& saved, const FastRow& upstream) {
  HWY_ALIGN float saved_block[kBlock];
  HWY_ALIGN float upstream_block[kBlock];
  FastSum<Op> sum;
  for (size_t j = 0; j < saved.size(); j += kBlock) {
    const size_t count = HWY_MIN(kBlock, saved.size() - j);
    sum.AddEntries(saved.Block(j, count, saved_block), upstream.Block(j, count, upstream_block), count);
  }
  return sum.Moments();
}

HWY_NOINLINE inline bool IsZero(const FastRow& row) {
  const Singles d;
  HWY_ALIGN float block[kBlock];
  for (size_t j = 0; j < row.size(); j += kBlock) {
    const size_t count = HWY_MIN(kBlock, row.size() - j);
    const float* x = row.Block(j, count, block);
    auto zero = hn::Eq(hn::Zero(d), hn::Zero(d));
    for (size_t i = 0; i < count; i += hn::Lanes(d)) {
      zero = hn::And(zero, hn::Eq(LoadOrZero(x + i, count - i), hn::Zero(d)));
    }
    if (!hn::AllTrue(d, zero)) return false;
  }
  return true;
}

// In double; the lower half of the lanes as `op` has it, the upper one as `upper`.
template <class Op>
HWY_INLINE SingleVec WideResult(const Op& op, const Op& upper, SingleVec y, SingleVec dy) {
  const Singles d;
  const WideDoubles dw;
  const hn::Half<Singles> half;
  const SingleVec factor = op.Factor(y);
  const auto low = hn::DemoteTo(
      half, op.Wide(hn::PromoteTo(dw, hn::LowerHalf(half, factor)), hn::PromoteTo(dw, hn::LowerHalf(half, dy))));
  const auto high = hn::DemoteTo(
      half, upper.Wide(hn::PromoteTo(dw, hn::UpperHalf(half, factor)), hn::PromoteTo(dw, hn::UpperHalf(half, dy))));
  return hn::Add(hn::IfThenElseZero(Op::IsLive(y), hn::Combine(d, high, low)), hn::Zero(d));
}

template <bool kUnit, class Op>
HWY_INLINE SingleVec FastResult(const Op& op, SingleVec y, SingleVec dy) {
  const Singles d;
  if constexpr (kUnit && !Op::kMayGiveMinusZero) return op.Result(y, dy);
  if constexpr (kUnit) return hn::Add(op.Result(y, dy), hn::Zero(d));  // no -0
  return WideResult(op, op, y, dy);
}

// Pass 2 for entries of a row of floats side by side.
template <bool kUnit, bool kStream, class Op>
HWY_INLINE void WriteFloats(const Op& op, const float* y, const float* dy, float* out, size_t n) {
  const Singles d;
  const size_t lanes = hn::Lanes(d);
  size_t j = 0;
  if constexpr (kStream) {
    const size_t bytes = lanes * sizeof(float);
    const size_t first = HWY_MIN(n, (bytes - reinterpret_cast<uintptr_t>(out) % bytes) % bytes / sizeof(float));
    if (first != 0) {
      StoreSome(FastResult<kUnit>(op, LoadOrZero(y, first), LoadOrZero(dy, first)), out, first);
    }
    j = first;
  }
  HWY_UNROLL(4)
  for (; j + lanes <= n; j += lanes) {
    const SingleVec result = FastResult<kUnit>(op, hn::LoadU(d, y + j), hn::LoadU(d, dy + j));
    if constexpr (kStream) {
      hn::Stream(result, d, out + j);
    } else {
      hn::StoreU(result, d, out + j);
    }
  }
  if (j < n) StoreSome(FastResult<kUnit>(op, LoadOrZero(y + j, n - j), LoadOrZero(dy + j, n - j)), out + j, n - j);
  if constexpr (kStream) hwy::FlushStream();
}

// Pass 2 of a whole row in cache, from its end to its start: pass 1 read the end last, so that it is still in L1. Of
// 4 x 32768 entries this saves 4 to 6 % of the time.
template <bool kUnit, class Op>
HWY_INLINE void WriteBackwards(const Op& op, const float* y, const float* dy, float* out, size_t n) {
  constexpr size_t kPart = 1024;
  for (size_t end = n; end != 0;) {
    const size_t first = (end - 1) / kPart * kPart;
    WriteFloats<kUnit, false>(op, y + first, dy + first, out + first, end - first);
    end = first;
  }
}

// The start of the row that is next, which the processor's own prefetcher does not see coming; more than four lines
// cost what they save. Of 64 x 1024 this saves 2 to 4 % of the time.
HWY_INLINE void PrefetchStart(const float* x) {
  constexpr size_t kLine = 64 / sizeof(float);
  for (size_t j = 0; j < 4 * kLine; j += kLine) hwy::Prefetch(x + j);
}

// Pass 2 of a row in blocks.
template <bool kUnit, class Op>
HWY_INLINE void WriteBlocks(const Op& op, const FastRow& saved, const FastRow& upstream, const FastOut& out) {
  HWY_ALIGN float saved_block[kBlock];
  HWY_ALIGN float upstream_block[kBlock];
  HWY_ALIGN float results[kBlock];
  float* const to = out.direct();
  for (size_t j = 0; j < saved.size(); j += kBlock) {
    const size_t count = HWY_MIN(kBlock, saved.size() - j);
    const float* y = saved.Block(j, count, saved_block);
    const float* dy = upstream.Block(j, count, upstream_block);
    WriteFloats<kUnit, false>(op, y, dy, to != nullptr ? to + j : results, count);
    if (to == nullptr) out.Store(results, j, count);
  }
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // ASSAY_FLOAT_LANES

#endif  // include guard
