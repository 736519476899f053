// SPDX-License-Identifier: Apache-2.0
//
// The hot path of the exact softmax: contiguous f32 without bias or mask. No pass for the maximum: exp(x / T) itself is
// summed where it is in range. Rounded quotients are tested in integers; a row with a doubtful one is left to
// exact_softmax_pairs-inl.h where it is long, else, as every other kind of row, to exact_activations-inl.h. Compiled
// once per target.

#if defined(ASSAY_LIB_EXACT_SOFTMAX_F32_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_EXACT_SOFTMAX_F32_INL_H_
#undef ASSAY_LIB_EXACT_SOFTMAX_F32_INL_H_
#else
#define ASSAY_LIB_EXACT_SOFTMAX_F32_INL_H_
#endif

#include "exact_activations-inl.h"
#include "exact_floats-inl.h"
#include "exact_softmax_pairs-inl.h"
#include "walk-inl.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

inline constexpr size_t kMaxGroup = 16;
// Rows up to this long keep their exponentials, in 32 KiB of stack; half as much beside a tile of places.h.
inline constexpr size_t kKeptF32 = 4096;
inline constexpr size_t kKeptF32InTile = internal::kTileBytes / (2 * sizeof(float));

// One row. kRough: see ExpOfQuotient. kKeep: its exponentials are kept in `kept`, n and kMaxLanes doubles; else
// computed twice.
template <bool kUnit, bool kRough, bool kKeep>
class SoftmaxF32Row {
 public:
  using Exponential = ExpOfQuotient<kUnit, kRough>;
  static constexpr uint64_t kReach = kRough ? bounds::kRoughDoubtfulUlps : bounds::kDoubtfulUlps;

  // sum exp(x / T). False where the row is not of this path's kind.
  HWY_INLINE bool Sum(const Exponential& exp, const float* HWY_RESTRICT x, size_t n, double* HWY_RESTRICT kept) {
    const Doubles d;
    const Floats df;
    constexpr size_t kChain = 4;
    const size_t lanes = Lanes();
    FloatVec most = hn::Zero(df);
    DoubleVec total = hn::Zero(d), total_lo = total;
    size_t j = 0;
    while (j + 4 * lanes <= n) {
      DoubleVec sum0 = hn::Zero(d), sum1 = sum0, sum2 = sum0, sum3 = sum0;
      for (size_t i = 0; i < kChain && j + 4 * lanes <= n; ++i, j += 4 * lanes) {
        sum0 = hn::Add(sum0, ExpAt(exp, x, j, kept, most));
        sum1 = hn::Add(sum1, ExpAt(exp, x, j + lanes, kept, most));
        sum2 = hn::Add(sum2, ExpAt(exp, x, j + 2 * lanes, kept, most));
        sum3 = hn::Add(sum3, ExpAt(exp, x, j + 3 * lanes, kept, most));
      }
      DoubleVec next, error;
      TwoSum(total, hn::Add(hn::Add(sum0, sum1), hn::Add(sum2, sum3)), next, error);
      total = next;
      total_lo = hn::Add(total_lo, error);
    }
    DoubleVec sum = hn::Zero(d);
    for (; j + lanes <= n; j += lanes) sum = hn::Add(sum, ExpAt(exp, x, j, kept, most));
    if (j < n) {
      const FloatVec tail = LoadTail(x, j, n);
      most = hn::Max(most, hn::Abs(tail));
      const DoubleVec e = exp(tail);
      if (kKeep) hn::Store(e, d, kept + j);
      sum = hn::Add(sum, hn::IfThenElseZero(hn::FirstN(d, n - j), e));
    }
    const FloatVec largest = hn::Set(df, exp.largest());
    small_ = n <= (size_t{1} << 24) && hn::AllTrue(df, hn::Le(most, hn::Set(df, exp.largest_without_subnormals())));
    if (kRough) {
      sum_ = hn::GetLane(hn::SumOfLanes(d, hn::Add(total, hn::Add(total_lo, sum))));
    } else {
      DoubleVec next, error;
      TwoSum(total, sum, next, error);
      sum_ = SumOfPairs(next, hn::Add(total_lo, error));
    }
    // NaN and infinities make the sum NaN.
    return hn::AllTrue(df, hn::Le(most, largest)) && sum_ < 0x1p1000;
  }

  // False where a quotient is in doubt. kStore: writes them.
  template <bool kStore>
  HWY_INLINE bool Divide(const Exponential& exp, const float* x, size_t n, const double* HWY_RESTRICT kept,
                         float* out) const {
    return HWY_LIKELY(small_) ? DivideAll<kStore, false>(exp, x, n, kept, out)
                              : DivideAll<kStore, true>(exp, x, n, kept, out);
  }

 private:
  static HWY_INLINE DoubleVec ExpAt(const Exponential& exp, const float* HWY_RESTRICT x, size_t j,
                                    double* HWY_RESTRICT kept, FloatVec& HWY_RESTRICT most) {
    const FloatVec narrow = hn::LoadU(Floats(), x + j);
    most = hn::Max(most, hn::Abs(narrow));
    const DoubleVec e = exp(narrow);
    if (kKeep) hn::Store(e, Doubles(), kept + j);
    return e;
  }

  template <bool kStore, bool kSubnormals>
  HWY_INLINE bool DivideAll(const Exponential& exp, const float* x, size_t n, const double* HWY_RESTRICT kept,
                            float* out) const {
    const Doubles d;
    const DoubleVec inverse = hn::Set(d, 1 / sum_);
    DoubleMask doubtful = hn::Lt(inverse, inverse);
    size_t j = 0;
    for (; j + Lanes() <= n; j += Lanes()) {
      const DoubleVec e = kKeep ? hn::Load(d, kept + j) : exp(hn::LoadU(Floats(), x + j));
      const FloatVec share = Share<kSubnormals>(hn::Mul(e, inverse), doubtful);
      if (kStore) hn::StoreU(share, Floats(), out + j);
    }
    if (j < n) {
      const DoubleVec e = kKeep ? hn::Load(d, kept + j) : exp(LoadTail(x, j, n));
      const FloatVec share = Share<kSubnormals>(hn::Mul(e, inverse), doubtful);
      if (kStore) StoreTail(share, out, j, n);
    }
    return hn::AllFalse(d, doubtful);
  }

  template <bool kSubnormals>
  static HWY_INLINE FloatVec Share(DoubleVec p, DoubleMask& HWY_RESTRICT doubtful) {
    const Doubles d;
    DoubleMask near = NearMidpoint<kReach>(p);
    if (kSubnormals && HWY_UNLIKELY(!hn::AllTrue(d, hn::Ge(p, hn::Set(d, 0x1p-126)))))
      near = NearAnyMidpoint<kReach>(p);
    doubtful = hn::Or(doubtful, near);
    return Narrow(p);
  }

  double sum_ = 0;
  bool small_ = false;  // no share is below 2^-126
};

template <bool kUnit, size_t kKeptRow>
class SoftmaxF32Call {
 public:
  HWY_INLINE explicit SoftmaxF32Call(const internal::Request& request)
      : request_(request),
        n_(request.args.cols),
        rough_(request.args.temperature),
        precise_(request.args.temperature) {}

  HWY_INLINE void Run() {
    HWY_ALIGN double kept[kKeptRow + kMaxLanes];
    const size_t rows = request_.args.rows;
    if (n_ > kKeptRow) {
      // In longer rows some quotient would mostly be in doubt.
      const bool rough = HWY_NATIVE_FMA != 0 && n_ <= size_t{1} << 17;
      for (size_t i = 0; i < rows; ++i) rough ? Group<true, false>(i, 1, kept) : Group<false, false>(i, 1, kept);
      return;
    }
    const size_t fit = kKeptRow / (n_ + kMaxLanes);
    const size_t group = fit < 1 ? 1 : fit < kMaxGroup ? fit : kMaxGroup;
    for (size_t i = 0; i < rows; i += group)
      Group<HWY_NATIVE_FMA != 0, true>(i, group < rows - i ? group : rows - i, kept);
  }

 private:
  const float* X(size_t i) const {
    const assay_const_matrix& m = request_.args.logits;
    return static_cast<const float*>(m.data) + static_cast<std::ptrdiff_t>(i) * m.row_stride;
  }
  float* Shares(size_t i) const {
    const assay_matrix& m = request_.args.out;
    return static_cast<float*>(m.data) + static_cast<std::ptrdiff_t>(i) * m.row_stride;
  }

  // Rows [first, first + count), all sums before all quotients: what one row waits for, others fill.
  template <bool kRough, bool kKeep>
  HWY_INLINE void Group(size_t first, size_t count, double* HWY_RESTRICT kept) const {
    const size_t row_kept = (n_ + kMaxLanes - 1) / kMaxLanes * kMaxLanes;
    SoftmaxF32Row<kUnit, kRough, kKeep> rows[kMaxGroup];
    bool done[kMaxGroup];
    for (size_t i = 0; i < count; ++i) {
      done[i] = rows[i].Sum(Exponential<kRough>(), X(first + i), n_, kept + i * row_kept);
    }
    for (size_t i = 0; i < count; ++i) {
      done[i] = done[i] && Divide(Exponential<kRough>(), rows[i], first + i, kept + i * row_kept);
    }
    for (size_t i = 0; i < count; ++i) {
      if (HWY_UNLIKELY(!done[i])) Again<kRough, kKeep>(first + i, kept);
    }
  }

  // A row that could not be decided.
  template <bool kRough, bool kKeep>
  HWY_NOINLINE void Again(size_t i, double* HWY_RESTRICT kept) const {
    SoftmaxF32Row<kUnit, false, kKeep> row;
    if (kRough && row.Sum(precise_, X(i), n_, kept) && Divide(precise_, row, i, kept)) {
      if (request_.ladder_counts != nullptr) ++request_.ladder_counts->precise_rows;
      return;
    }
    if constexpr (!kKeep) {
      SoftmaxPairsRow<kUnit> pairs(request_.args.temperature, X(i), n_);
      const bool ours = pairs.Sum(precise_) && (X(i) != Shares(i) || pairs.template Divide<false>(precise_, nullptr));
      if (ours && pairs.template Divide<true>(precise_, Shares(i))) {
        if (request_.ladder_counts != nullptr) ++request_.ladder_counts->pair_rows;
        return;
      }
    }
    SoftmaxRow(request_, internal::PlacesOf(request_, i), kept, kKeptRow);
  }

  template <class RowOfKind>
  HWY_INLINE bool Divide(const typename RowOfKind::Exponential& exp, const RowOfKind& row, size_t i,
                         const double* HWY_RESTRICT kept) const {
    // In place, a row with a doubtful quotient must stay whole.
    if (X(i) == Shares(i) && !row.template Divide<false>(exp, X(i), n_, kept, nullptr)) return false;
    return row.template Divide<true>(exp, X(i), n_, kept, Shares(i));
  }

  template <bool kRough>
  const ExpOfQuotient<kUnit, kRough>& Exponential() const {
    if constexpr (kRough) {
      return rough_;
    } else {
      return precise_;
    }
  }

  const internal::Request& request_;
  size_t n_;
  ExpOfQuotient<kUnit, true> rough_;
  ExpOfQuotient<kUnit, false> precise_;
};

template <size_t kKeptRow>
HWY_NOINLINE void SoftmaxF32Rows(const internal::Request& request) {
  if (request.args.temperature == 1) return SoftmaxF32Call<true, kKeptRow>(request).Run();
  SoftmaxF32Call<false, kKeptRow>(request).Run();
}

// Whether a call's values are for this path, wherever they lie.
HWY_INLINE bool IsPlainSoftmax(const internal::Request& request) {
  const assay_row_args& a = request.args;
  if (a.bias.data != nullptr || a.mask.data != nullptr || request.first_step > 0) return false;
  return a.temperature > 0x1p-300 && a.temperature < 0x1p300;
}

// False where the request is not for this path.
HWY_INLINE bool SoftmaxF32(const internal::Request& request) {
  const assay_row_args& a = request.args;
  if (!IsPlainSoftmax(request)) return false;
  if (a.cols == 1 || (a.logits.col_stride == 1 && a.out.col_stride == 1)) {
    SoftmaxF32Rows<kKeptF32>(request);
    return true;
  }
  if (!internal::Tile::Wanted(request)) return false;
  ForEachTile(request, SoftmaxF32Rows<kKeptF32InTile>);
  return true;
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // include guard
