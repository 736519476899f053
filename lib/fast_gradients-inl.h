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

using SingleMask = hn::Mask<Singles>;

// What pass 1 found.
struct FastMoments {
  double sum = 0;    // of p dy, or of dy over the live entries
  double count = 0;  // of live entries, where the operation asks for it
  bool fine = true;  // no saved output that f32 lanes cannot serve
};

// Each operation, with a Retry for rows whose sum is NaN (void: none): what pass 1 adds (Start, then Join), and as an
// object, from a row's moments, what pass 2 computes: Result in f32 for T = 1, or the doubles Wide of Factor for other
// T; Live says where it is not +0 anyway.

// p (dy - sum p dy) / T. An entry with p = 0 adds nothing and gives 0, unless its dy is not finite: then the sum is
// NaN, and the row is done again with kMasked, to the same bits as with any other dy there.
template <bool kMasked>
class FastSoftmaxGradient {
 public:
  using Retry = std::conditional_t<kMasked, void, FastSoftmaxGradient<true>>;
  static constexpr bool kChecks = false;
  static constexpr bool kCounts = false;
  static constexpr double kLeastTemperature = 0x1p-200;

  static HWY_INLINE SingleVec Start(SingleVec p, SingleVec dy) { return hn::Mul(p, Live(p, dy)); }
  static HWY_INLINE SingleVec Join(SingleVec sum, SingleVec p, SingleVec dy) { return hn::MulAdd(p, Live(p, dy), sum); }
  static HWY_INLINE SingleMask IsFine(SingleVec p) { return hn::Eq(p, p); }
  static HWY_INLINE SingleMask IsLive(SingleVec p) { return hn::Not(hn::Eq(p, hn::Zero(Singles()))); }

  // Below the first limit, products lost by underflow may be more than u of the sum; below the second, dy - sum does
  // not overflow.
  static bool Serves(const FastMoments& row, size_t n) {
    const double size = std::fabs(row.sum);
    return size >= 0x1p-110 * static_cast<double>(n) && size <= 0x1p100;
  }

  HWY_INLINE FastSoftmaxGradient(const FastMoments& row, double t)
      : sum_(hn::Set(Singles(), static_cast<float>(row.sum))),
        wide_sum_(hn::Set(WideDoubles(), row.sum)),
        inverse_(hn::Set(WideDoubles(), 1 / t)) {}

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

// (dy - exp(log p) sum dy) / T.
class FastLogSoftmaxGradient {
 public:
  using Retry = void;
  static constexpr bool kChecks = true;
  static constexpr bool kCounts = false;

  static HWY_INLINE SingleVec Start(SingleVec log_p, SingleVec dy) { return hn::IfThenElseZero(IsLive(log_p), dy); }
  static HWY_INLINE SingleVec Join(SingleVec sum, SingleVec log_p, SingleVec dy) {
    return hn::Add(sum, Start(log_p, dy));
  }
  // 2^kMost e^10 is in FloatExp's range.
  static HWY_INLINE SingleMask IsFine(SingleVec log_p) { return hn::Le(log_p, hn::Set(Singles(), 10.0f)); }
  static HWY_INLINE SingleMask IsLive(SingleVec log_p) { return hn::Gt(log_p, hn::Set(Singles(), kMinusInf)); }

  static bool Serves(const FastMoments& row, size_t) {
    const double size = std::fabs(row.sum);
    return size == 0 || (size >= 0x1p-120 && size <= 0x1p40);
  }

  // exp(log p) is multiplied by a power of two that the sum is divided by, to 2^-60: an exponential too small for
  // FloatExp then costs less than 2^-185, and divided by T less than half the smallest f32.
  static constexpr double kLeastTemperature = 0x1p-32;
  HWY_INLINE FastLogSoftmaxGradient(const FastMoments& row, double t)
      : exponent_(row.sum == 0 ? 0 : ExponentOf(row.sum) + 60),
        exp_(ExpScale(1), 0, exponent_),
        inverse_(hn::Set(WideDoubles(), 1 / t)) {
    const double scaled = row.sum * std::bit_cast<double>(static_cast<uint64_t>(1023 - exponent_) << 52);
    sum_ = hn::Set(Singles(), static_cast<float>(scaled));
    wide_sum_ = hn::Set(WideDoubles(), scaled);
  }

  HWY_INLINE SingleVec Result(SingleVec log_p, SingleVec dy) const {
    return hn::IfThenElseZero(IsLive(log_p), hn::NegMulAdd(Factor(log_p), sum_, dy));
  }
  HWY_INLINE SingleVec Factor(SingleVec log_p) const { return exp_.Power<false>(One{log_p}).v; }
  HWY_INLINE WideVec Wide(WideVec p, WideVec dy) const { return hn::Mul(hn::NegMulAdd(p, wide_sum_, dy), inverse_); }

 private:
  static HWY_INLINE int ExponentOf(double normal) {
    return static_cast<int>(std::bit_cast<uint64_t>(normal) >> 52 & 0x7FF) - 1023;
  }

  int exponent_;
  FloatExp exp_;
  SingleVec sum_;
  WideVec wide_sum_;
  WideVec inverse_;
};

// (dy - mean of dy over p > 0) / T.
class FastSparsemaxGradient {
 public:
  using Retry = void;
  static constexpr bool kChecks = true;
  static constexpr bool kCounts = true;
  static constexpr double kLeastTemperature = 0x1p-200;

  static HWY_INLINE SingleVec Start(SingleVec p, SingleVec dy) { return hn::IfThenElseZero(IsLive(p), dy); }
  static HWY_INLINE SingleVec Join(SingleVec sum, SingleVec p, SingleVec dy) { return hn::Add(sum, Start(p, dy)); }
  static HWY_INLINE SingleMask IsFine(SingleVec p) { return hn::Eq(p, p); }
  static HWY_INLINE SingleMask IsLive(SingleVec p) { return hn::Gt(p, hn::Zero(Singles())); }

  // The mean must not be rounded to a subnormal.
  static bool Serves(const FastMoments& row, size_t n) {
    const double size = std::fabs(row.sum);
    return size == 0 || (size >= 0x1p-120 * static_cast<double>(n) && size <= 0x1p100);
  }

  HWY_INLINE FastSparsemaxGradient(const FastMoments& row, double t) : inverse_(hn::Set(WideDoubles(), 1 / t)) {
    const double mean = row.count == 0 ? 0 : row.sum / row.count;
    mean_ = hn::Set(Singles(), static_cast<float>(mean));
    wide_mean_ = hn::Set(WideDoubles(), mean);
  }

  HWY_INLINE SingleVec Result(SingleVec p, SingleVec dy) const {
    return hn::IfThenElseZero(IsLive(p), hn::Sub(dy, mean_));
  }
  HWY_INLINE SingleVec Factor(SingleVec p) const { return p; }
  HWY_INLINE WideVec Wide(WideVec, WideVec dy) const { return hn::Mul(hn::Sub(dy, wide_mean_), inverse_); }

 private:
  SingleVec mean_;
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
    Note(y.v0);
    Note(y.v1);
    Note(y.v2);
    Note(y.v3);
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
  HWY_INLINE void Note(SingleVec y) {
    if constexpr (Op::kChecks) fine_ = hn::And(fine_, Op::IsFine(y));
    if constexpr (Op::kCounts) count_ += hn::CountTrue(Singles(), Op::IsLive(y));
  }

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
