// SPDX-License-Identifier: Apache-2.0
//
// The fast tier's sums of exponentials: pairs of f32 vectors, then double (so that no mass is lost at any length), and
// what a row's exponentials are scaled by. Compiled once per target.

#if defined(ASSAY_LIB_FAST_SUM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_FAST_SUM_INL_H_
#undef ASSAY_LIB_FAST_SUM_INL_H_
#else
#define ASSAY_LIB_FAST_SUM_INL_H_
#endif

#include <cmath>

#include "fast_walk-inl.h"

#if ASSAY_FLOAT_LANES

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Sums vectors of f32 in double.
class PairSum {
 public:
  HWY_INLINE PairSum() : low_(hn::Zero(WideDoubles())), high_(hn::Zero(WideDoubles())) {}
  // Of a first vector alone.
  explicit HWY_INLINE PairSum(SingleVec v)
      : low_(hn::PromoteTo(WideDoubles(), hn::LowerHalf(hn::Half<Singles>(), v))),
        high_(hn::PromoteTo(WideDoubles(), hn::UpperHalf(hn::Half<Singles>(), v))) {}

  HWY_INLINE void Add(SingleVec v) {
    const hn::Half<Singles> half;
    const WideDoubles dw;
    low_ = hn::Add(low_, hn::PromoteTo(dw, hn::LowerHalf(half, v)));
    high_ = hn::Add(high_, hn::PromoteTo(dw, hn::UpperHalf(half, v)));
  }
  HWY_INLINE WideVec Lanes() const { return hn::Add(low_, high_); }

 private:
  WideVec low_;
  WideVec high_;
};

// Adds fn(v, j, count) of the n entries at x, the first of which is entry j of its row; see SumOverRow.
template <class Fn>
HWY_INLINE void AddSpan(const float* x, size_t n, size_t j, const Fn& fn, PairSum& even, PairSum& odd) {
  const size_t lanes = hn::Lanes(Singles());
  size_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    const Four e = fn(LoadFour(x + i), j + i, 4 * lanes);
    even.Add(hn::Add(e.v0, e.v1));
    odd.Add(hn::Add(e.v2, e.v3));
  }
  for (; i < n; i += 2 * lanes) {
    SingleVec pair = fn(One{LoadSome(x + i, n - i)}, j + i, n - i).v;
    const size_t next = i + lanes;
    if (next < n) pair = hn::Add(pair, fn(One{LoadSome(x + next, n - next)}, j + next, n - next).v);
    even.Add(pair);
  }
}

// The sum over a row of fn(v, j, count), One or Four vectors v at entry j of which count lanes are within the row; the
// others read as -inf. In one order, wherever the row lies.
template <class Fn>
HWY_INLINE double SumOverRow(const FastRow& row, const Fn& fn) {
  PairSum even;
  PairSum odd;
  HWY_ALIGN float buffer[kBlock];
  for (size_t j = 0; j < row.size(); j += kBlock) {
    const size_t count = HWY_MIN(kBlock, row.size() - j);
    AddSpan(row.Block(j, count, buffer), count, j, fn, even, odd);
  }
  return hn::GetLane(hn::SumOfLanes(WideDoubles(), hn::Add(even.Lanes(), odd.Lanes())));
}
template <class Fn>
HWY_INLINE double SumOverRow(const DirectRow& row, const Fn& fn) {
  PairSum even;
  PairSum odd;
  AddSpan(row.data(), row.size(), 0, fn, even, odd);
  return hn::GetLane(hn::SumOfLanes(WideDoubles(), hn::Add(even.Lanes(), odd.Lanes())));
}

// How the exponentials of one row are scaled.
struct RowScale {
  float shift;
  int exponent;
};

// Good for most rows, without a look at them: those whose sum then lies between the limits lost nothing, because no
// entry was above FloatExp's range (it would be 2^kMaxPower), and one below it has a share under 2^(-125-26); both
// words of 1 / sum are then multiples of 2^-149.
inline constexpr RowScale kUsualScale = {0, 50};
inline constexpr double kLeastSum = 0x1p26;
inline constexpr double kMostSum = 0x1p98;

// A result below this share of its type's largest number does not round to an infinity.
inline constexpr double kSurelyFinite = 0.97;

// The same by the maximum's z = log2(e) / T row_max, for sums where nothing stopped an entry above the range; the sum
// of a row with NaN is NaN.
HWY_INLINE bool IsUsual(double sum, double z) { return z >= -24 && z <= 70 && sum == sum; }

HWY_INLINE bool IsUsual(double sum) { return sum >= kLeastSum && sum < kMostSum; }

// For a row whose largest entry is `row_max`, finite: its exponential becomes about 2^power. x - shift is exact for all
// x that matter: those within 215 T / log2(e) of row_max, if that is large, lie between row_max / 2 and 2 row_max.
HWY_INLINE RowScale ScaleOf(const ExpScale& scale, float row_max, int power) {
  const double z = static_cast<double>(row_max) * scale.exact;
  if (!(std::fabs(z) <= kLongestUnshifted)) return {row_max, power};
  return {0, power - static_cast<int>(std::lrint(z))};
}

// The largest entry of a row; NaN if there is one.
template <class Row>
HWY_INLINE float MaxOfRow(const Row& row) {
  const Singles d;
  const size_t lanes = hn::Lanes(d);
  HWY_ALIGN float buffer[kBlock];
  SingleVec most = hn::Set(d, kMinusInf);
  SingleVec most_odd = most;
  auto ordered = hn::Eq(most, most);
  for (size_t j = 0; j < row.size(); j += kBlock) {
    const size_t count = HWY_MIN(kBlock, row.size() - j);
    const float* x = row.Block(j, count, buffer);
    for (size_t i = 0; i < count; i += 2 * lanes) {
      const SingleVec a = LoadSome(x + i, count - i);
      const SingleVec b = i + lanes < count ? LoadSome(x + i + lanes, count - i - lanes) : a;
      const SingleVec either = hn::Add(a, b);
      ordered = hn::And(ordered, hn::Eq(either, either));  // not Ne: in Highway 1.0.3 it is false for NaN
      most = hn::Max(a, most);
      most_odd = hn::Max(b, most_odd);
    }
  }
  // +inf and -inf in one pair are taken for NaN: such a row is not for these lanes either.
  if (!hn::AllTrue(d, ordered)) return std::numeric_limits<float>::quiet_NaN();
  return hn::GetLane(hn::MaxOfLanes(d, hn::Max(most, most_odd)));
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // ASSAY_FLOAT_LANES

#endif  // include guard
