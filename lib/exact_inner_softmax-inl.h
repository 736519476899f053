// SPDX-License-Identifier: Apache-2.0
//
// The hot path of the exact softmax, exact_softmax_f32-inl.h, with a lane for each row: f32 without bias or mask, rows
// side by side. Compiled once per target.

#if defined(ASSAY_LIB_EXACT_INNER_SOFTMAX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_EXACT_INNER_SOFTMAX_INL_H_
#undef ASSAY_LIB_EXACT_INNER_SOFTMAX_INL_H_
#else
#define ASSAY_LIB_EXACT_INNER_SOFTMAX_INL_H_
#endif

#include "exact_floats-inl.h"
#include "exact_inner-inl.h"
#include "exact_softmax_pairs-inl.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Columns [0, cols) of some rows of floats.
template <class T>
class InnerFloatsAt {
 public:
  HWY_INLINE InnerFloatsAt(T* data, std::ptrdiff_t stride, size_t rows) : data_(data), stride_(stride), rows_(rows) {}

  // Entry j of the rows from row i on; lanes without a row read as 0, and are not written.
  HWY_INLINE FloatVec Load(size_t i, size_t j) const {
    const T* const from = At(j);
    return HWY_LIKELY(i + Lanes() <= rows_) ? hn::LoadU(Floats(), from + i) : LoadTail(from, i, rows_);
  }
  HWY_INLINE float Get(size_t i, size_t j) const { return At(j)[i]; }
  HWY_INLINE void Set(float one, size_t i, size_t j) const { At(j)[i] = one; }
  HWY_INLINE void Store(FloatVec v, size_t i, size_t j) const {
    if (HWY_LIKELY(i + Lanes() <= rows_)) return hn::StoreU(v, Floats(), At(j) + i);
    StoreTail(v, At(j), i, rows_);
  }

 private:
  HWY_INLINE T* At(size_t j) const { return data_ + static_cast<std::ptrdiff_t>(j) * stride_; }

  T* data_;
  std::ptrdiff_t stride_;
  size_t rows_;
};

// Shares that the first sums leave in doubt.
class InnerDoubts {
 public:
  struct Share {
    size_t row;
    size_t col;
    float nearest;
  };

  // The row joins `left` where there is no more room.
  HWY_INLINE void Add(size_t row, size_t col, InnerSet& left) {
    if (size_ == kCapacity) return left.Add(row);
    shares_[size_++] = {row, col, 0};
  }
  HWY_INLINE Share* begin() { return shares_; }
  HWY_INLINE Share* end() { return shares_ + size_; }

 private:
  static constexpr size_t kCapacity = 64;

  Share shares_[kCapacity];
  size_t size_ = 0;
};

// A group of rows.
template <bool kUnit>
class InnerSoftmaxF32 {
 public:
  using Exponential = ExpOfQuotient<kUnit, false>;

  HWY_INLINE InnerSoftmaxF32(const internal::Request& request, const Exponential& exp, size_t first, size_t rows)
      : exp_(exp),
        temperature_(request.args.temperature),
        rows_(rows),
        cols_(request.args.cols),
        in_place_(request.args.out.data == request.args.logits.data),
        x_(static_cast<const float*>(request.args.logits.data) + first, request.args.logits.col_stride, rows),
        out_(static_cast<float*>(request.args.out.data) + first, request.args.out.col_stride, rows) {}

  // Each row's 1 / sum exp(x / T), the sum with errors as bounds::kShareRelativeF32 counts them. False where a row is
  // not of this path's kind; nothing is written then.
  HWY_NOINLINE bool Sum() {
    const Floats df;
    InnerDoubles high(0), low(0);
    HWY_ALIGN float largest[kInnerRows] = {};
    const Exponential exp = exp_;
    ForInnerBlocks(rows_, cols_, [&](size_t i, size_t begin, size_t end) HWY_ATTR {
      FloatVec most = hn::Load(df, largest + i);
      DoubleVec total = high.At(i), total_lo = low.At(i), next, error;
      const auto exp_at = [&](size_t j) HWY_ATTR __attribute__((always_inline)) {
        const FloatVec x = x_.Load(i, j);
        most = hn::Max(most, hn::Abs(x));
        return exp(x);
      };
      if (HWY_LIKELY(end - begin == kInnerColumns)) {
        static_assert(kInnerColumns == 8);
        DoubleVec sum0 = exp_at(begin), sum1 = exp_at(begin + 1), sum2 = exp_at(begin + 2), sum3 = exp_at(begin + 3);
        sum0 = hn::Add(sum0, exp_at(begin + 4));
        sum1 = hn::Add(sum1, exp_at(begin + 5));
        sum2 = hn::Add(sum2, exp_at(begin + 6));
        sum3 = hn::Add(sum3, exp_at(begin + 7));
        TwoSum(total, hn::Add(hn::Add(sum0, sum1), hn::Add(sum2, sum3)), next, error);
        total = next;
        total_lo = hn::Add(total_lo, error);
      } else {
        for (size_t j = begin; j < end; ++j) {
          TwoSum(total, exp_at(j), next, error);
          total = next;
          total_lo = hn::Add(total_lo, error);
        }
      }
      hn::Store(most, df, largest + i);
      high.Set(i, total);
      low.Set(i, total_lo);
    });
    bool ours = true;
    small_ = cols_ <= (size_t{1} << 24);
    for (size_t i = 0; i < rows_; ++i) {
      const double sum = high.of[i] + low.of[i];
      inverses_.of[i] = 1 / sum;
      ours = ours && largest[i] <= exp_.largest() && sum < 0x1p1000;  // NaN and infinities make the sum NaN
      small_ = small_ && largest[i] <= exp_.largest_without_subnormals();
    }
    return ours;
  }

  // Writes the shares; rows with one that pairs leave in doubt join `left`, and in place stay what they are.
  HWY_NOINLINE void Divide(InnerSet& left) const {
    InnerDoubts doubts;
    in_place_ ? Divide<Pass::kTest>(doubts, left) : Divide<Pass::kWrite>(doubts, left);
    Resolve(doubts, left);
    if (in_place_) Divide<Pass::kWriteSome>(doubts, left);
    for (const InnerDoubts::Share& share : doubts) {
      if (!left.Has(share.row)) out_.Set(share.nearest, share.row, share.col);
    }
  }

 private:
  enum class Pass { kTest, kWrite, kWriteSome };

  // Doubtful shares of a block.
  template <bool kSubnormals>
  HWY_NOINLINE void Note(size_t i, size_t begin, size_t end, InnerDoubts& doubts, InnerSet& left) const {
    const Doubles d;
    HWY_ALIGN double marks[kMaxLanes];
    for (size_t j = begin; j < end; ++j) {
      const DoubleMask near = IsDoubtful<kSubnormals>(hn::Mul(exp_(x_.Load(i, j)), inverses_.At(i)));
      hn::Store(hn::IfThenElseZero(near, hn::Set(d, 1.0)), d, marks);
      for (size_t lane = 0; lane < Lanes() && i + lane < rows_; ++lane) {
        if (marks[lane] != 0) doubts.Add(i + lane, j, left);
      }
    }
  }

  template <bool kSubnormals>
  static HWY_INLINE DoubleMask IsDoubtful(DoubleVec p) {
    constexpr uint64_t kReach = bounds::kDoubtfulUlps;
    const Doubles d;
    if (kSubnormals && HWY_UNLIKELY(!hn::AllTrue(d, hn::Ge(p, hn::Set(d, 0x1p-126))))) {
      return NearAnyMidpoint<kReach>(p);
    }
    return NearMidpoint<kReach>(p);
  }

  // 1 / sum exp(x / T) of the rows from row i on, as SoftmaxPairsRow has it; 0 where it is not of that kind.
  HWY_NOINLINE void SumPairs(size_t i, internal::ScalarPair* HWY_RESTRICT inverses) const {
    const Doubles d;
    const ExpPairOfQuotient<kUnit> exp_pair(temperature_);
    DoubleVec total = hn::Zero(d), total_lo = total, e, e_lo;
    for (size_t j = 0; j < cols_;) {
      const size_t end = HWY_MIN(cols_, j + kPairsInBlock);
      DoubleVec sum = hn::Zero(d), sum_lo = sum;
      for (; j < end; ++j) {
        exp_pair(x_.Load(i, j), e, e_lo);
        AccumulatePair(e, e_lo, sum, sum_lo);
      }
      AddBlockOfPairs(sum, sum_lo, total, total_lo);
    }
    HWY_ALIGN double lanes[2][kMaxLanes];
    hn::Store(total, d, lanes[0]);
    hn::Store(total_lo, d, lanes[1]);
    for (size_t lane = 0; lane < Lanes(); ++lane) {
      if (!InverseOfPairs({lanes[0][lane], lanes[1][lane]}, &inverses[lane])) inverses[lane] = {0, 0};
    }
  }

  // The nearest floats to doubtful shares; rows of those that stay so join `left`.
  HWY_NOINLINE void Resolve(InnerDoubts& doubts, InnerSet& left) const {
    const Doubles d;
    const ExpPairOfQuotient<kUnit> exp_pair(temperature_);
    internal::ScalarPair inverses[kMaxLanes];
    for (size_t i = 0; i < rows_; i += Lanes()) {
      bool summed = false;
      for (InnerDoubts::Share& share : doubts) {
        if (share.row < i || share.row >= i + Lanes()) continue;
        if (!summed) SumPairs(i, inverses);
        summed = true;
        const internal::ScalarPair inverse = inverses[share.row - i];
        DoubleVec e, e_lo, p, p_lo;
        exp_pair(hn::Set(Floats(), x_.Get(share.row, share.col)), e, e_lo);
        MultiplyPairs(d, e, e_lo, hn::Set(d, inverse.hi), hn::Set(d, inverse.lo), p, p_lo);
        double nearest = 0;
        if (inverse.hi == 0 || !NearestShare(hn::GetLane(p), hn::GetLane(p_lo), &nearest)) left.Add(share.row);
        share.nearest = static_cast<float>(nearest);
      }
    }
  }

  template <Pass kPass>
  HWY_INLINE void Divide(InnerDoubts& doubts, InnerSet& left) const {
    small_ ? DivideAll<kPass, false>(doubts, left) : DivideAll<kPass, true>(doubts, left);
  }

  template <Pass kPass, bool kSubnormals>
  HWY_NOINLINE void DivideAll(InnerDoubts& doubts, InnerSet& left) const {
    const Doubles d;
    const Exponential exp = exp_;
    ForInnerBlocks(rows_, cols_, [&](size_t i, size_t begin, size_t end) HWY_ATTR {
      const DoubleVec inverse = inverses_.At(i);
      DoubleMask doubtful = hn::Lt(inverse, inverse);
      HWY_UNROLL(4)
      for (size_t j = begin; j < end; ++j) {
        const FloatVec x = x_.Load(i, j);
        const DoubleVec p = hn::Mul(exp(x), inverse);
        if constexpr (kPass != Pass::kWriteSome) doubtful = hn::Or(doubtful, IsDoubtful<kSubnormals>(p));
        if constexpr (kPass == Pass::kWrite) out_.Store(Narrow(p), i, j);
        if constexpr (kPass == Pass::kWriteSome) {
          out_.Store(Narrow(hn::IfThenElse(left.At(i), hn::PromoteTo(d, x), p)), i, j);
        }
      }
      if (HWY_UNLIKELY(!hn::AllFalse(d, doubtful))) Note<kSubnormals>(i, begin, end, doubts, left);
    });
  }

  const Exponential& exp_;
  double temperature_;
  size_t rows_;
  size_t cols_;
  bool in_place_;
  bool small_ = true;  // no share is below 2^-126
  InnerFloatsAt<const float> x_;
  InnerFloatsAt<float> out_;
  InnerDoubles inverses_{0};
};

// Softmax of the call's groups; other(first, rows, left) does those that are not of this kind.
template <bool kUnit, class Fn, class RowFn>
HWY_NOINLINE void InnerSoftmaxOfFloats(const internal::Request& request, const Fn& other, const RowFn& row) {
  const ExpOfQuotient<kUnit, false> exp(request.args.temperature);
  ForInnerRows(
      request,
      [&](size_t first, size_t rows, InnerSet& left) HWY_ATTR {
        InnerSoftmaxF32<kUnit> group(request, exp, first, rows);
        if (!group.Sum()) return other(first, rows, left);
        group.Divide(left);
      },
      row);
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // include guard
