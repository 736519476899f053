// SPDX-License-Identifier: Apache-2.0
//
// What the fast tier's gradients of softmax, log_softmax and sparsemax compute: what each sums in pass 1, which rows it
// serves, and its results. Compiled once per target.

#if defined(ASSAY_LIB_FAST_GRADIENT_OPS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_FAST_GRADIENT_OPS_INL_H_
#undef ASSAY_LIB_FAST_GRADIENT_OPS_INL_H_
#else
#define ASSAY_LIB_FAST_GRADIENT_OPS_INL_H_
#endif

#include <bit>
#include <cmath>
#include <type_traits>

#include "fast_sum-inl.h"

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

// Where no number, of those whose bits were joined by Or, is 2 or more in size, or NaN: the exponents of all others
// leave that bit 0. Shares are never so large, and this costs less than a comparison.
HWY_INLINE hn::Mask<SingleWords> AreBelowTwo(hn::Vec<SingleWords> any) {
  const SingleWords d;
  return hn::Eq(hn::And(any, hn::Set(d, 0x40000000u)), hn::Zero(d));
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
// or the doubles Wide of Factor for other T; IsLive says where it is not +0 anyway. A row for each lane:
// TakeRows of OfRow for Result; TakeWideRows of WideOfRow for Wide, and of LeastOfRow for Factor.

// p (dy - sum p dy) / T. An entry with p = 0 adds nothing and gives 0, unless its dy is not finite: then the sum is
// NaN, and the row is done again with kMasked, to the same bits as with any other dy there.
template <bool kMasked>
class FastSoftmaxGradient {
 public:
  using Retry = std::conditional_t<kMasked, void, FastSoftmaxGradient<true>>;
  using AtOtherTemperatures = FastSoftmaxGradient;
  static constexpr bool kChecks = false;
  static constexpr bool kCounts = false;
  static constexpr bool kIsBoundByMemory = true;
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
  static HWY_INLINE double WideOfRow(const FastMoments& row) { return row.sum; }
  static HWY_INLINE float LeastOfRow(const FastMoments&) { return 0; }
  HWY_INLINE void TakeWideRows(WideVec rows, SingleVec) { wide_sum_ = rows; }

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
  static constexpr bool kIsBoundByMemory = false;
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
      : exp_(ExpScale(1), 0, kUsual ? kUsualExponent : kMostExponent), inverse_(hn::Set(WideDoubles(), 1 / t)) {}

  HWY_INLINE void Take(const FastMoments& row) {
    int exponent = kUsualExponent;
    if constexpr (!kUsual) {
      exponent = ExponentOf(row);
      exp_ = FloatExp(ExpScale(1), 0, exponent);
    }
    const double scaled = row.sum * std::bit_cast<double>(static_cast<uint64_t>(1023 - exponent) << 52);
    sum_ = hn::Set(Singles(), static_cast<float>(scaled));
    wide_sum_ = hn::Set(WideDoubles(), scaled);
  }
  static HWY_INLINE float OfRow(const FastMoments& row) { return static_cast<float>(row.sum * kUsualInverse); }
  HWY_INLINE void TakeRows(SingleVec rows) { sum_ = rows; }
  // The exponent is kMostExponent for all rows, the lower limit that of the row's own: the same products.
  static HWY_INLINE double WideOfRow(const FastMoments& row) { return row.sum * kMostInverse; }
  static HWY_INLINE float LeastOfRow(const FastMoments& row) { return FloatExp::LeastOf(ExpScale(1), ExponentOf(row)); }
  HWY_INLINE void TakeWideRows(WideVec rows, SingleVec least) {
    wide_sum_ = rows;
    exp_.LimitBelow(least);
  }

  HWY_INLINE SingleVec Result(SingleVec log_p, SingleVec dy) const {
    return hn::IfThenElseZero(IsLive(log_p), hn::NegMulAdd(Factor(log_p), sum_, dy));
  }
  HWY_INLINE SingleVec Factor(SingleVec log_p) const { return exp_.Power<false, Sides::kBelow>(One{log_p}).v; }
  HWY_INLINE WideVec Wide(WideVec p, WideVec dy) const { return hn::Mul(hn::NegMulAdd(p, wide_sum_, dy), inverse_); }

 private:
  static constexpr int kUsualExponent = 66;
  static constexpr double kUsualInverse = 0x1p-66;

  // Of the largest sum that is served; 2^100 e^10 is in FloatExp's range too.
  static constexpr int kMostExponent = 100;
  static constexpr double kMostInverse = 0x1p-100;

  static HWY_INLINE int ExponentOf(const FastMoments& row) {
    return row.sum == 0 ? 0 : static_cast<int>(std::bit_cast<uint64_t>(row.sum) >> 52 & 0x7FF) - 1023 + 60;
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
  static constexpr bool kIsBoundByMemory = true;
  static constexpr bool kMayGiveMinusZero = false;  // in Result
  static constexpr double kLeastTemperature = 0x1p-200;

  static HWY_INLINE SingleVec Start(SingleVec p, SingleVec dy) { return hn::IfThenElseZero(IsLive(p), dy); }
  static HWY_INLINE SingleVec Join(SingleVec sum, SingleVec p, SingleVec dy) { return AddWhere(IsLive(p), sum, dy); }
  static HWY_INLINE SingleMask AreFine(SingleVec p, SingleVec q) {
    const SingleWords d;
    return hn::RebindMask(Singles(), AreBelowTwo(hn::Or(hn::BitCast(d, p), hn::BitCast(d, q))));
  }
  static HWY_INLINE SingleMask IsLive(SingleVec p) { return hn::Gt(p, hn::Zero(Singles())); }

  // The mean must not be rounded to a subnormal.
  static bool Serves(const FastMoments& row, size_t n) {
    const double size = std::fabs(row.sum);
    return (size >= 0x1p-120 * static_cast<double>(n) && size <= 0x1p100) || size == 0;
  }

  explicit HWY_INLINE FastSparsemaxGradient(double t) : inverse_(hn::Set(WideDoubles(), 1 / t)) {}

  HWY_INLINE void Take(const FastMoments& row) {
    minus_mean_ = hn::Set(Singles(), OfRow(row));
    wide_mean_ = hn::Set(WideDoubles(), WideOfRow(row));
  }
  // Never -0, so neither is dy plus this.
  static HWY_INLINE float OfRow(const FastMoments& row) { return 0.0f - static_cast<float>(WideOfRow(row)); }
  HWY_INLINE void TakeRows(SingleVec rows) { minus_mean_ = rows; }
  static HWY_INLINE double WideOfRow(const FastMoments& row) { return row.sum / HWY_MAX(row.count, 1.0); }
  static HWY_INLINE float LeastOfRow(const FastMoments&) { return 0; }
  HWY_INLINE void TakeWideRows(WideVec rows, SingleVec) { wide_mean_ = rows; }

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

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // ASSAY_FLOAT_LANES

#endif  // include guard
