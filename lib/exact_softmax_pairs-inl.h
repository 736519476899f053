// SPDX-License-Identifier: Apache-2.0
//
// The step between the hot path of exact_softmax_f32-inl.h and exact_activations-inl.h, for long rows: about one
// quotient in five million is in doubt there, and the general path would then sum the whole row in double-double. Here
// exponentials and their sum are pairs good to bounds::kSharePairRelative, and only doubtful quotients are computed
// from them. Compiled once per target.

#if defined(ASSAY_LIB_EXACT_SOFTMAX_PAIRS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_EXACT_SOFTMAX_PAIRS_INL_H_
#undef ASSAY_LIB_EXACT_SOFTMAX_PAIRS_INL_H_
#else
#define ASSAY_LIB_EXACT_SOFTMAX_PAIRS_INL_H_
#endif

#include "exact_floats-inl.h"
#include "wide_pair.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// exp(x / T) as hi + lo for |x / T| <= 690, relative error below bounds::kExpPairRelative where lo is normal.
template <bool kUnit>
class ExpPairOfQuotient {
 public:
  // 2^-300 < T < 2^300.
  HWY_INLINE explicit ExpPairOfQuotient(double temperature) : inverse_(internal::Reciprocal({temperature, 0})) {}

  HWY_INLINE void operator()(FloatVec narrow, DoubleVec& HWY_RESTRICT hi, DoubleVec& HWY_RESTRICT lo) const {
    const Doubles d;
    const hn::RebindToUnsigned<Doubles> du;
    DoubleVec z = hn::PromoteTo(d, narrow), z_lo = hn::Zero(d);
    if (!kUnit) {
      const DoubleVec x = z;
      TwoProduct(d, x, hn::Set(d, inverse_.hi), z, z_lo);
      z_lo = hn::MulAdd(x, hn::Set(d, inverse_.lo), z_lo);
    }
    hn::Vec<decltype(du)> bits;
    const DoubleVec steps = RoundToSteps(d, z, bits);
    const DoubleVec high = hn::NegMulAdd(steps, hn::Set(d, constants::kStep1), z);  // exact, fused or not
    DoubleVec r, r_lo;
    // Exact: the steps are 0, or `high` is a multiple of 2^-58, far above the last place of the product < 2^-29.
    FastTwoSum(high, hn::Neg(hn::Mul(steps, hn::Set(d, constants::kStep2))), r, r_lo);
    r_lo = hn::NegMulAdd(steps, hn::Set(d, constants::kStep3), r_lo);
    if (!kUnit) {
      const DoubleVec first = r, rest = hn::Add(r_lo, z_lo);
      TwoSum(first, rest, r, r_lo);
    }
    // exp(r + r_lo) = 1 + r + t, t = r^2 (1/2 + r/6 + ... + r^6/8!) + r_lo.
    const double* HWY_RESTRICT c = constants::kInverseFactorialHi;
    const DoubleVec r2 = hn::Mul(r, r);
    const DoubleVec c34 = hn::MulAdd(r, hn::Set(d, c[4]), hn::Set(d, c[3]));
    const DoubleVec c56 = hn::MulAdd(r, hn::Set(d, c[6]), hn::Set(d, c[5]));
    const DoubleVec c78 = hn::MulAdd(r, hn::Set(d, c[8]), hn::Set(d, c[7]));
    const DoubleVec from3 = hn::MulAdd(r2, hn::MulAdd(r2, c78, c56), c34);
    const DoubleVec t = hn::MulAdd(r2, hn::MulAdd(r, from3, hn::Set(d, c[2])), r_lo);
    // (power + power_lo) (1 + r + t) but for power_lo t.
    const DoubleVec power = Lookup16(d, constants::kPowerHi, bits);
    const DoubleVec power_lo = Lookup16(d, constants::kPowerLo, bits);
    DoubleVec product, product_lo, sum, sum_lo, e, e_lo;
    TwoProduct(d, power, r, product, product_lo);
    FastTwoSum(power, product, sum, sum_lo);
    const DoubleVec rest = hn::Add(hn::Add(sum_lo, product_lo), hn::MulAdd(power_lo, r, power_lo));
    FastTwoSum(sum, hn::MulAdd(power, t, rest), e, e_lo);
    const DoubleVec scale = hn::BitCast(d, hn::Add(hn::Set(du, uint64_t{1023} << 52), ExponentBits(du, bits)));
    hi = hn::Mul(e, scale);
    lo = hn::Mul(e_lo, scale);
  }

 private:
  internal::ScalarPair inverse_;
};

// Adds an exponential to a sum in pairs, the low parts plainly: for a few thousand of them.
HWY_INLINE void AccumulatePair(DoubleVec e, DoubleVec e_lo, DoubleVec& HWY_RESTRICT sum,
                               DoubleVec& HWY_RESTRICT sum_lo) {
  const DoubleVec before = sum;
  DoubleVec error;
  TwoSum(before, e, sum, error);
  sum_lo = hn::Add(sum_lo, hn::Add(error, e_lo));
}
// Adds such a sum to the total.
HWY_INLINE void AddBlockOfPairs(DoubleVec sum, DoubleVec sum_lo, DoubleVec& HWY_RESTRICT total,
                                DoubleVec& HWY_RESTRICT total_lo) {
  DoubleVec block, block_lo;
  FastTwoSum(sum, sum_lo, block, block_lo);
  const DoubleVec before = total, before_lo = total_lo;
  AddPairs(before, before_lo, block, block_lo, total, total_lo);
}
inline constexpr size_t kPairsInBlock = 4096;
static_assert(kPairsInBlock % kMaxLanes == 0);

// The inverse of such a total; false where low parts that count may have underflowed. NaN is such a total.
inline bool InverseOfPairs(internal::ScalarPair sum, internal::ScalarPair* inverse) {
  if (!(sum.hi > 0x1p-399 && sum.hi < 0x1p399)) return false;
  *inverse = internal::Reciprocal(sum);
  return true;
}

// The share (hi + lo) inverse within bounds::kSharePairRelative, rounded to f32; false where that leaves it in doubt.
HWY_INLINE bool NearestShare(double p, double p_lo, double* nearest) {
  const internal::WidePair value(p, p_lo);
  const internal::WidePair error(p * bounds::kSharePairRelative);
  *nearest = internal::RoundWide(ASSAY_F32, value - error);
  return *nearest == internal::RoundWide(ASSAY_F32, value + error);
}

// One row of more than Lanes() entries.
template <bool kUnit>
class SoftmaxPairsRow {
 public:
  using Exponential = ExpOfQuotient<kUnit, false>;

  HWY_INLINE SoftmaxPairsRow(double temperature, const float* x, size_t n) : exp_pair_(temperature), x_(x), n_(n) {}

  // False where the row is not of this step's kind.
  HWY_INLINE bool Sum(const Exponential& exp) {
    const Doubles d;
    const Floats df;
    FloatVec most = hn::Zero(df);
    DoubleVec total = hn::Zero(d), total_lo = total;
    for (size_t j = 0; j < n_;) {
      const size_t end = kPairsInBlock < n_ - j ? j + kPairsInBlock : n_;
      DoubleVec sum = hn::Zero(d), sum_lo = sum, e, e_lo;
      for (; j + Lanes() <= end; j += Lanes()) {
        const FloatVec x = hn::LoadU(df, x_ + j);
        most = hn::Max(most, hn::Abs(x));
        exp_pair_(x, e, e_lo);
        AccumulatePair(e, e_lo, sum, sum_lo);
      }
      if (j < end) {
        const FloatVec x = LoadTail(x_, j, end);
        most = hn::Max(most, hn::Abs(x));
        exp_pair_(x, e, e_lo);
        const DoubleMask live = hn::FirstN(d, end - j);
        AccumulatePair(hn::IfThenElseZero(live, e), hn::IfThenElseZero(live, e_lo), sum, sum_lo);
        j = end;
      }
      AddBlockOfPairs(sum, sum_lo, total, total_lo);
    }
    HWY_ALIGN double lanes[2][kMaxLanes];
    hn::Store(total, d, lanes[0]);
    hn::Store(total_lo, d, lanes[1]);
    internal::ScalarPair sum = {0, 0};
    for (size_t i = 0; i < Lanes(); ++i) sum = internal::Add(sum, {lanes[0][i], lanes[1][i]});
    if (!InverseOfPairs(sum, &inverse_)) return false;
    return hn::AllTrue(df, hn::Le(most, hn::Set(df, exp.largest())));
  }

  // False where a quotient stays in doubt. kStore: writes them.
  template <bool kStore>
  HWY_INLINE bool Divide(const Exponential& exp, float* out) const {
    size_t j = 0;
    FloatVec share;
    for (; j + Lanes() <= n_; j += Lanes()) {
      if (HWY_UNLIKELY(!Shares(exp, hn::LoadU(Floats(), x_ + j), Lanes(), share))) return false;
      if (kStore) hn::StoreU(share, Floats(), out + j);
    }
    if (j < n_) {
      if (!Shares(exp, LoadTail(x_, j, n_), n_ - j, share)) return false;
      if (kStore) StoreTail(share, out, j, n_);
    }
    return true;
  }

 private:
  // The shares of the first `live` lanes.
  HWY_INLINE bool Shares(const Exponential& exp, FloatVec x, size_t live, FloatVec& HWY_RESTRICT share) const {
    constexpr uint64_t kReach = bounds::kDoubtfulUlps;
    const Doubles d;
    const DoubleVec p = hn::Mul(exp(x), hn::Set(d, inverse_.hi));
    DoubleMask near = NearMidpoint<kReach>(p);
    if (HWY_UNLIKELY(!hn::AllTrue(d, hn::Ge(p, hn::Set(d, 0x1p-126))))) near = NearAnyMidpoint<kReach>(p);
    share = Narrow(p);
    return HWY_LIKELY(hn::AllFalse(d, near)) || Resolve(x, near, live, share);
  }

  HWY_NOINLINE bool Resolve(FloatVec x, DoubleMask doubtful, size_t live, FloatVec& HWY_RESTRICT share) const {
    const Doubles d;
    DoubleVec e, e_lo, p, p_lo;
    exp_pair_(x, e, e_lo);
    MultiplyPairs(d, e, e_lo, hn::Set(d, inverse_.hi), hn::Set(d, inverse_.lo), p, p_lo);
    HWY_ALIGN double lanes[4][kMaxLanes];
    hn::Store(p, d, lanes[0]);
    hn::Store(p_lo, d, lanes[1]);
    hn::Store(hn::IfThenElseZero(doubtful, hn::Set(d, 1.0)), d, lanes[2]);
    hn::Store(hn::PromoteTo(d, share), d, lanes[3]);
    for (size_t i = 0; i < live; ++i) {
      if (lanes[2][i] == 0) continue;
      if (!NearestShare(lanes[0][i], lanes[1][i], &lanes[3][i])) return false;
    }
    share = Narrow(hn::Load(d, lanes[3]));
    return true;
  }

  ExpPairOfQuotient<kUnit> exp_pair_;
  const float* x_;
  size_t n_;
  internal::ScalarPair inverse_ = {0, 0};  // 1 / sum exp(x / T)
};

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // include guard
