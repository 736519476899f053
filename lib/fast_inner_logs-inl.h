// SPDX-License-Identifier: Apache-2.0
//
// The fast tier's log_softmax and logsumexp of rows that lie side by side: a lane for each row. The passes and the bits
// are those of contiguous rows; a row that the usual scale does not suit is done by itself. Compiled once per target.

#if defined(ASSAY_LIB_FAST_INNER_LOGS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_FAST_INNER_LOGS_INL_H_
#undef ASSAY_LIB_FAST_INNER_LOGS_INL_H_
#else
#define ASSAY_LIB_FAST_INNER_LOGS_INL_H_
#endif

#include "fast_inner_softmax-inl.h"
#include "fast_log_softmax-inl.h"
#include "fast_logsumexp-inl.h"

#if ASSAY_FLOAT_LANES

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// UsualSum of each row, its largest entry, and the least of those that are not -inf.
struct InnerSums {
  RowDoubles totals[kInnerGroups];
  HWY_ALIGN float row_max[kInnerGroups * kMostInner];
  HWY_ALIGN float least[kInnerGroups * kMostInner];

  HWY_INLINE double total(size_t i) const { return totals[i / kMostInner].of[i % kMostInner]; }
};

// kLeast: with `least`.
template <bool kLeast, class In>
HWY_INLINE void UsualSumsOfInner(In& in, size_t groups, size_t n, const FloatExp& exp, InnerSums& sums) {
  const Singles d;
  const SingleVec minus_inf = hn::Set(d, kMinusInf);
  const SingleVec inf = hn::Neg(minus_inf);
  for (size_t i = 0; i < groups * kMostInner; i += kMostInner) {
    hn::Store(minus_inf, d, sums.row_max + i);
    hn::Store(inf, d, sums.least + i);
  }
  const SingleVec past = exp.Power<false, Sides::kBelow>(One{minus_inf}).v;
  SumOverInner(
      in, groups, n, past,
      [&](const auto& x, size_t g, size_t) ASSAY_LAMBDA {
        float* const most_at = sums.row_max + g * kMostInner;
        SingleVec most = hn::Load(d, most_at);
        (void)Map([&](SingleVec v) ASSAY_LAMBDA { return most = hn::Max(v, most); }, x);
        hn::Store(most, d, most_at);
        if constexpr (kLeast) {
          float* const least_at = sums.least + g * kMostInner;
          SingleVec least = hn::Load(d, least_at);
          (void)Map([&](SingleVec v)
                        ASSAY_LAMBDA { return least = hn::Min(least, hn::IfThenElse(hn::Eq(v, minus_inf), inf, v)); },
                    x);
          hn::Store(least, d, least_at);
        }
        return exp.Power<false, Sides::kBelow>(x);
      },
      sums.totals);
}

// What WriteLogs subtracts and multiplies by.
class InnerLogs {
 public:
  HWY_INLINE InnerLogs(double inverse_temperature, const double* lse, size_t groups)
      : high_(hn::Set(Singles(), static_cast<float>(inverse_temperature))),
        low_(hn::Set(Singles(), static_cast<float>(inverse_temperature -
                                                   static_cast<double>(static_cast<float>(inverse_temperature))))),
        least_(hn::Set(Singles(), LeastOf(inverse_temperature))) {
    const Singles d;
    const WideDoubles dw;
    for (size_t i = 0; i < groups * kMostInner; i += kMostInner) {
      const RowWords words = WordsOf(hn::Load(dw, lse + i), hn::Load(dw, lse + i + hn::Lanes(dw)));
      hn::Store(hn::Neg(words.high), d, minus_lse_high_ + i);
      hn::Store(hn::Neg(words.low), d, minus_lse_low_ + i);
    }
  }
  template <class Vecs>
  HWY_INLINE Vecs Of(const Vecs& x, size_t g) const {
    const SingleVec minus_lse_high = hn::Load(Singles(), minus_lse_high_ + g * kMostInner);
    const SingleVec minus_lse_low = hn::Load(Singles(), minus_lse_low_ + g * kMostInner);
    return Map(
        [&](SingleVec v) ASSAY_LAMBDA {
          const SingleVec small = hn::MulAdd(hn::Max(v, least_), low_, minus_lse_low);
          return hn::Add(hn::MulAdd(v, high_, minus_lse_high), small);
        },
        x);
  }

 private:
  SingleVec high_;
  SingleVec low_;
  SingleVec least_;
  HWY_ALIGN float minus_lse_high_[kInnerGroups * kMostInner];
  HWY_ALIGN float minus_lse_low_[kInnerGroups * kMostInner];
};

HWY_INLINE void LogsOf(const InnerSums& sums, size_t count, double* HWY_RESTRICT lse) {
  const Doubles d;
  for (size_t i = 0; i < count; i += Lanes()) {
    const double* of = &sums.totals[i / kMostInner].of[i % kMostInner];
    hn::Store(hn::Sub(Log(hn::Load(d, of)), hn::Set(d, kUsualScale.exponent * kLn2)), d, lse + i);
  }
}

// The rows whose logarithms WriteLogs<false> may write; `left`: those for the exact tier.
HWY_INLINE uint64_t UsualLogs(const ExpScale& scale, double inverse_temperature, const InnerSums& sums,
                              const double* lse, int32_t dtype, size_t count, uint64_t* left) {
  uint64_t usual = 0;
  for (size_t i = 0; i < count; ++i) {
    const double z = static_cast<double>(sums.row_max[i]) * scale.exact;
    if (dtype != ASSAY_F32) {
      const double reach = static_cast<double>(sums.row_max[i]) - static_cast<double>(sums.least[i]);
      if (reach * inverse_temperature > kSurelyFinite * internal::MaxFiniteOf(dtype)) {
        *left |= uint64_t{1} << i;
        continue;
      }
    }
    if (IsUsual(sums.total(i), z) && lse[i] - z * kLn2 > kLn2) usual |= uint64_t{1} << i;
  }
  return usual;
}

// As SoftmaxOfInnerFloats; groups = 0: one group of any kind. Returns the rows for the exact tier.
template <class In>
HWY_NOINLINE uint64_t LogSoftmaxOfInner(const ExpScale& scale, double inverse_temperature, const FloatExp& constants,
                                        const FastRows& rows, size_t first, size_t groups) {
  const FloatExp exp = constants;
  const size_t n = rows.cols;
  const size_t count = kIsDirect<In> ? groups * kMostInner : HWY_MIN(kMostInner, rows.rows - first);
  In in(rows, first);
  InnerSums sums;
  HWY_ALIGN double lse[kInnerGroups * kMostInner];
  UsualSumsOfInner<!kIsDirect<In>>(in, groups, n, exp, sums);
  LogsOf(sums, groups * kMostInner, lse);
  uint64_t left = 0;
  const uint64_t usual = UsualLogs(scale, inverse_temperature, sums, lse, rows.dtype, count, &left);
  const uint64_t others = ~usual & (count == 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1);
  const InnerLogs logs(inverse_temperature, lse, groups);
  const auto write = [&](const auto& x, size_t g) ASSAY_LAMBDA { return logs.Of(x, g); };
  if constexpr (kIsDirect<In>) {
    if (HWY_LIKELY(others == 0 || !rows.in_place)) {
      WriteInner(in, InnerFloatsOut(rows, first), groups, n, write);
    } else {
      for (size_t g = 0; g < groups; ++g) {
        InnerLogits some(rows, first + g * kMostInner);
        const InnerOut out(rows, first + g * kMostInner, static_cast<unsigned>(others >> g * kMostInner));
        WriteInner(some, out, 1, n, [&](const auto& x, size_t) ASSAY_LAMBDA { return logs.Of(x, g); });
      }
    }
  } else {
    WriteInner(in, InnerOut(rows, first, static_cast<unsigned>(others)), groups, n, write);
  }
  for (size_t i = 0; i < count; ++i) {
    if (((others & ~left) >> i & 1) == 0) continue;
    const bool done =
        LogSoftmaxOfUnusualRow(scale, inverse_temperature, FastRow(rows, first + i), FastOut(rows, first + i));
    if (!done) left |= uint64_t{1} << i;
  }
  return left;
}

inline HWY_NOINLINE void InnerLogSoftmax(const internal::Request& request, const ExpScale& scale,
                                         double inverse_temperature, const FloatExp& exp) {
  const FastRows rows = AllRows(request);
  ForInnerGroupsOrExact(request, rows, [&](size_t first, size_t groups) HWY_ATTR {
    return groups == 0 ? LogSoftmaxOfInner<InnerLogits>(scale, inverse_temperature, exp, rows, first, 1)
                       : LogSoftmaxOfInner<InnerFloats>(scale, inverse_temperature, exp, rows, first, groups);
  });
}

template <class In>
HWY_NOINLINE uint64_t LogsumexpOfInner(const ExpScale& scale, const FloatExp& constants, const FastRows& rows,
                                       size_t first, size_t groups) {
  const FloatExp exp = constants;
  In in(rows, first);
  const size_t count = kIsDirect<In> ? groups * kMostInner : HWY_MIN(kMostInner, rows.rows - first);
  RowDoubles totals[kInnerGroups];
  SumExpInner(in, groups, rows.cols, exp, nullptr, totals);
  uint64_t left = 0;
  for (size_t i = 0; i < count; i += kGroup) {
    const size_t some = HWY_MIN(kGroup, count - i);
    left |= uint64_t{StoreLogsumexps(scale, rows, first + i, some, &totals[i / kMostInner].of[i % kMostInner])} << i;
  }
  return left;
}

inline HWY_NOINLINE void InnerLogsumexp(const internal::Request& request, const ExpScale& scale, const FloatExp& exp) {
  const FastRows rows = AllRows(request);
  ForInnerGroupsOrExact(request, rows, [&](size_t first, size_t groups) HWY_ATTR {
    return groups == 0 ? LogsumexpOfInner<InnerLogits>(scale, exp, rows, first, 1)
                       : LogsumexpOfInner<InnerFloats>(scale, exp, rows, first, groups);
  });
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // ASSAY_FLOAT_LANES

#endif  // include guard
