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

#include <bit>
#include <cmath>
#include <type_traits>

#include "fast_sum-inl.h"
#include "hwy/cache_control.h"

#if ASSAY_FLOAT_LANES

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// What pass 1 found.
struct FastMoments {
  double sum = 0;    // of p dy, or of dy over the live entries
  double count = 0;  // of live entries, where the operation asks for it
  bool fine = true;  // no saved output that f32 lanes cannot serve
};

// Where neither is NaN.
HWY_INLINE SingleMask AreOrdered(SingleVec a, SingleVec b) {
#if HWY_TARGET <= HWY_AVX3
  return SingleMask{_mm512_cmp_ps_mask(a.raw, b.raw, _CMP_ORD_Q)};
#else
  return hn::And(hn::Eq(a, a), hn::Eq(b, b));
#endif
}

// sum + v where `live`, else sum.
HWY_INLINE SingleVec AddWhere(SingleMask live, SingleVec sum, SingleVec v) {
#if HWY_TARGET <= HWY_AVX3
  return SingleVec{_mm512_mask_add_ps(sum.raw, live.raw, sum.raw, v.raw)};
#else
  return hn::Add(sum, hn::IfThenElseZero(live, v));
#endif
}

// How many lanes are true in all.
HWY_INLINE size_t CountOf(SingleMask a, SingleMask b, SingleMask c, SingleMask d) {
#if HWY_TARGET <= HWY_AVX3
  const __mmask32 low = _mm512_kunpackw(a.raw, b.raw);
  const __mmask32 high = _mm512_kunpackw(c.raw, d.raw);
  return static_cast<size_t>(std::popcount(static_cast<uint64_t>(_mm512_kunpackd(low, high))));
#else
  const Singles s;
  return hn::CountTrue(s, a) + hn::CountTrue(s, b) + hn::CountTrue(s, c) + hn::CountTrue(s, d);
#endif
}

// Each operation, with a Retry for rows that it does not serve (void: none) and the form for T other than 1: what pass
// 1 adds (Start, then Join), and as an object that took a row's moments, what pass 2 computes: Result in f32 for T = 1,
// or the doubles Wide of Factor for other T; IsLive says where it is not +0 anyway. TakeRows: a row for each lane,
// given OfRow of each; for Result alone.

// p (dy - sum p dy) / T. An entry with p = 0 adds nothing and gives 0, unless its dy is not finite: then the sum is
// NaN, and the row is done again with kMasked, to the same bits as with any other dy there.
template <bool kMasked>
class FastSoftmaxGradient {
 public:
  using Retry = std::conditional_t<kMasked, void, FastSoftmaxGradient<true>>;
  using AtOtherTemperatures = FastSoftmaxGradient;
  static constexpr bool kChecks = false;
  static constexpr bool kCounts = false;
  static constexpr bool kMayGiveMinusZero = true;
  static constexpr double kLeastTemperature = 0x1p-200;

  static HWY_INLINE SingleVec Start(SingleVec p, SingleVec dy) { return hn::Mul(p, Live(p, dy)); }
  static HWY_INLINE SingleVec Join(SingleVec sum, SingleVec p, SingleVec dy) { return hn::MulAdd(p, Live(p, dy), sum); }
  static HWY_INLINE SingleMask IsLive(SingleVec p) { return hn::Not(hn::Eq(p, hn::Zero(Singles()))); }

  // Below the first limit, products lost by underflow may be more than u of the sum; below the second, dy - sum does
  // not overflow.
  static bool Serves(const FastMoments& row, size_t n) {
    const double size = std::fabs(row.sum);
    return size >= 0x1p-110 * static_cast<double>(n) && size <= 0x1p100;
  }

  explicit HWY_INLINE FastSoftmaxGradient(double t) : inverse_(hn::Set(WideDoubles(), 1 / t)) {}

  HWY_INLINE void Take(const FastMoments& row) {
    sum_ = hn::Set(Singles(), OfRow(row));
    wide_sum_ = hn::Set(WideDoubles(), row.sum);
  }
  static HWY_INLINE float OfRow(const FastMoments& row) { return static_cast<float>(row.sum); }
  HWY_INLINE void TakeRows(SingleVec rows) { sum_ = rows; }

  HWY_INLINE SingleVec Result(SingleVec p, SingleVec dy) const { return hn::Mul(p, hn::Sub(Live(p, dy), sum_)); }
  HWY_INLINE SingleVec Factor(SingleVec p) const { return p; }
  HWY_INLINE WideVec Wide(WideVec p, WideVec dy) const { return hn::Mul(p, hn::Mul(hn::Sub(dy, wide_sum_), inverse_)); }

 private:
  static HWY_INLINE SingleVec Live(SingleVec p, SingleVec dy) {
    if constexpr (kMasked) return hn::IfThenElseZero(IsLive(p), dy);
    return dy;
  }

  SingleVec sum_;
  WideVec wide_sum_;
  WideVec inverse_;
};

// (dy - exp(log p) sum dy) / T. exp(log p) is multiplied by 2^exponent, which the sum is divided by: their product is
// exact, so no exponent changes a result unless it makes an exponential too small for FloatExp (it then counts as
// 2^-125).
//
// kUsual: one exponent for all rows, at T = 1. The sum is divided to at least 2^-126, and what is too small adds less
// than 2^-150 to dy, half the smallest f32, whatever the exponent. Otherwise the sum is divided to 2^-60: what is too
// small costs less than 2^-185, and divided by T less than 2^-150.
template <bool kUsual>
class FastLogSoftmaxGradient {
 public:
  using Retry = std::conditional_t<kUsual, FastLogSoftmaxGradient<false>, void>;
  using AtOtherTemperatures = FastLogSoftmaxGradient<false>;
  static constexpr bool kChecks = true;
  static constexpr bool kCounts = false;
  static constexpr bool kMayGiveMinusZero = true;
  static constexpr double kLeastTemperature = 0x1p-32;

  static HWY_INLINE SingleVec Start(SingleVec log_p, SingleVec dy) { return hn::IfThenElseZero(IsLive(log_p), dy); }
  static HWY_INLINE SingleVec Join(SingleVec sum, SingleVec log_p, SingleVec dy) {
    return AddWhere(IsLive(log_p), sum, dy);
  }
  // 2^exponent e^10 is in FloatExp's range.
  static HWY_INLINE SingleMask AreFine(SingleVec log_p, SingleVec log_q) {
    const SingleVec most = hn::Set(Singles(), 10.0f);
    return hn::And(hn::Le(log_p, most), hn::Le(log_q, most));
  }
  static HWY_INLINE SingleMask IsLive(SingleVec log_p) { return hn::Gt(log_p, hn::Set(Singles(), kMinusInf)); }

  static bool Serves(const FastMoments& row, size_t) {
    const double size = std::fabs(row.sum);
    return (size >= (kUsual ? 0x1p-60 : 0x1p-120) && size <= (kUsual ? 0x1p38 : 0x1p40)) || size == 0;
  }

  explicit HWY_INLINE FastLogSoftmaxGradient(double t)
      : exp_(ExpScale(1), 0, kUsualExponent), inverse_(hn::Set(WideDoubles(), 1 / t)) {}

  HWY_INLINE void Take(const FastMoments& row) {
    int exponent = kUsualExponent;
    if constexpr (!kUsual) {
      exponent = row.sum == 0 ? 0 : ExponentOf(row.sum) + 60;
      exp_ = FloatExp(ExpScale(1), 0, exponent);
    }
    const double scaled = row.sum * std::bit_cast<double>(static_cast<uint64_t>(1023 - exponent) << 52);
    sum_ = hn::Set(Singles(), static_cast<float>(scaled));
    wide_sum_ = hn::Set(WideDoubles(), scaled);
  }
  static HWY_INLINE float OfRow(const FastMoments& row) { return static_cast<float>(row.sum * kUsualInverse); }
  HWY_INLINE void TakeRows(SingleVec rows) { sum_ = rows; }

  HWY_INLINE SingleVec Result(SingleVec log_p, SingleVec dy) const {
    return hn::IfThenElseZero(IsLive(log_p), hn::NegMulAdd(Factor(log_p), sum_, dy));
  }
  HWY_INLINE SingleVec Factor(SingleVec log_p) const { return exp_.Power<false, Sides::kBelow>(One{log_p}).v; }
  HWY_INLINE WideVec Wide(WideVec p, WideVec dy) const { return hn::Mul(hn::NegMulAdd(p, wide_sum_, dy), inverse_); }

 private:
  static constexpr int kUsualExponent = 66;
  static constexpr double kUsualInverse = 0x1p-66;

  static HWY_INLINE int ExponentOf(double normal) {
    return static_cast<int>(std::bit_cast<uint64_t>(normal) >> 52 & 0x7FF) - 1023;
  }

  FloatExp exp_;
  SingleVec sum_;
  WideVec wide_sum_;
  WideVec inverse_;
};

// (dy - mean of dy over p > 0) / T.
class FastSparsemaxGradient {
 public:
  using Retry = void;
  using AtOtherTemperatures = FastSparsemaxGradient;
  static constexpr bool kChecks = true;
  static constexpr bool kCounts = true;
  static constexpr bool kMayGiveMinusZero = false;  // in Result
  static constexpr double kLeastTemperature = 0x1p-200;

  static HWY_INLINE SingleVec Start(SingleVec p, SingleVec dy) { return hn::IfThenElseZero(IsLive(p), dy); }
  static HWY_INLINE SingleVec Join(SingleVec sum, SingleVec p, SingleVec dy) { return AddWhere(IsLive(p), sum, dy); }
  static HWY_INLINE SingleMask AreFine(SingleVec p, SingleVec q) { return AreOrdered(p, q); }
  static HWY_INLINE SingleMask IsLive(SingleVec p) { return hn::Gt(p, hn::Zero(Singles())); }

  // The mean must not be rounded to a subnormal.
  static bool Serves(const FastMoments& row, size_t n) {
    const double size = std::fabs(row.sum);
    return (size >= 0x1p-120 * static_cast<double>(n) && size <= 0x1p100) || size == 0;
  }

  explicit HWY_INLINE FastSparsemaxGradient(double t) : inverse_(hn::Set(WideDoubles(), 1 / t)) {}

  HWY_INLINE void Take(const FastMoments& row) {
    const double mean = row.sum / HWY_MAX(row.count, 1.0);
    minus_mean_ = hn::Set(Singles(), OfRow(row));
    wide_mean_ = hn::Set(WideDoubles(), mean);
  }
  // Never -0, so neither is dy plus this.
  static HWY_INLINE float OfRow(const FastMoments& row) {
    return 0.0f - static_cast<float>(row.sum / HWY_MAX(row.count, 1.0));
  }
  HWY_INLINE void TakeRows(SingleVec rows) { minus_mean_ = rows; }

  HWY_INLINE SingleVec Result(SingleVec p, SingleVec dy) const {
    return hn::IfThenElseZero(IsLive(p), hn::Add(dy, minus_mean_));
  }
  HWY_INLINE SingleVec Factor(SingleVec p) const { return p; }
  HWY_INLINE WideVec Wide(WideVec, WideVec dy) const { return hn::Mul(hn::Sub(dy, wide_mean_), inverse_); }

 private:
  SingleVec minus_mean_;
  WideVec wide_mean_;
  WideVec inverse_;
};

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

// Pass 1. A group is four vectors of the row, zeros past its end.
template <class Op>
class FastSum {
 public:
  HWY_INLINE FastSum() : fine_(hn::Eq(hn::Zero(Singles()), hn::Zero(Singles()))) {}

  HWY_INLINE void AddGroup(const Four& y, const Four& dy) {
    if constexpr (Op::kChecks) {
      fine_ = hn::And(fine_, hn::And(Op::AreFine(y.v0, y.v1), Op::AreFine(y.v2, y.v3)));
    }
    if constexpr (Op::kCounts) {
      count_ += CountOf(Op::IsLive(y.v0), Op::IsLive(y.v1), Op::IsLive(y.v2), Op::IsLive(y.v3));
    }
    const SingleVec first = Op::Join(Op::Start(y.v0, dy.v0), y.v1, dy.v1);
    sum_.Add(hn::Add(first, Op::Join(Op::Start(y.v2, dy.v2), y.v3, dy.v3)));
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
    if constexpr (Op::kCounts) row.count = static_cast<double>(count_);
    if constexpr (Op::kChecks) row.fine = hn::AllTrue(Singles(), fine_);
    return row;
  }

 private:
  PairSum sum_;
  SingleMask fine_;
  size_t count_ = 0;
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

template <bool kUnit, class Op>
HWY_INLINE SingleVec FastResult(const Op& op, SingleVec y, SingleVec dy) {
  const Singles d;
  if constexpr (kUnit && !Op::kMayGiveMinusZero) return op.Result(y, dy);
  if constexpr (kUnit) return hn::Add(op.Result(y, dy), hn::Zero(d));  // no -0
  const WideDoubles dw;
  const hn::Half<Singles> half;
  const SingleVec factor = op.Factor(y);
  const auto low = hn::DemoteTo(
      half, op.Wide(hn::PromoteTo(dw, hn::LowerHalf(half, factor)), hn::PromoteTo(dw, hn::LowerHalf(half, dy))));
  const auto high = hn::DemoteTo(
      half, op.Wide(hn::PromoteTo(dw, hn::UpperHalf(half, factor)), hn::PromoteTo(dw, hn::UpperHalf(half, dy))));
  return hn::Add(hn::IfThenElseZero(Op::IsLive(y), hn::Combine(d, high, low)), hn::Zero(d));
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
