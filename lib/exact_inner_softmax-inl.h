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

// A group of rows.
template <bool kUnit>
class InnerSoftmaxF32 {
 public:
  using Exponential = ExpOfQuotient<kUnit, false>;

  HWY_INLINE InnerSoftmaxF32(const internal::Request& request, const Exponential& exp, size_t first, size_t rows)
      : exp_(exp),
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

  // Writes the shares; rows with a doubtful one join `left`, and in place stay what they are.
  HWY_NOINLINE void Divide(InnerSet& left) const {
    if (HWY_UNLIKELY(in_place_)) {
      small_ ? DivideAll<Pass::kTest, false>(left) : DivideAll<Pass::kTest, true>(left);
      small_ ? DivideAll<Pass::kWriteSome, false>(left) : DivideAll<Pass::kWriteSome, true>(left);
    } else {
      small_ ? DivideAll<Pass::kWrite, false>(left) : DivideAll<Pass::kWrite, true>(left);
    }
  }

 private:
  enum class Pass { kTest, kWrite, kWriteSome };

  template <Pass kPass, bool kSubnormals>
  HWY_NOINLINE void DivideAll(InnerSet& left) const {
    const Doubles d;
    constexpr uint64_t kReach = bounds::kDoubtfulUlps;
    const Exponential exp = exp_;
    ForInnerBlocks(rows_, cols_, [&](size_t i, size_t begin, size_t end) HWY_ATTR {
      const DoubleVec inverse = inverses_.At(i);
      DoubleMask doubtful = hn::Lt(inverse, inverse);
      HWY_UNROLL(4)
      for (size_t j = begin; j < end; ++j) {
        const FloatVec x = x_.Load(i, j);
        const DoubleVec p = hn::Mul(exp(x), inverse);
        DoubleMask near = NearMidpoint<kReach>(p);
        if (kSubnormals && HWY_UNLIKELY(!hn::AllTrue(d, hn::Ge(p, hn::Set(d, 0x1p-126))))) {
          near = NearAnyMidpoint<kReach>(p);
        }
        doubtful = hn::Or(doubtful, near);
        if constexpr (kPass == Pass::kWrite) out_.Store(Narrow(p), i, j);
        if constexpr (kPass == Pass::kWriteSome) {
          out_.Store(Narrow(hn::IfThenElse(left.At(i), hn::PromoteTo(d, x), p)), i, j);
        }
      }
      if (kPass != Pass::kWriteSome && HWY_UNLIKELY(!hn::AllFalse(d, doubtful))) left.Add(i, doubtful);
    });
  }

  const Exponential& exp_;
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
