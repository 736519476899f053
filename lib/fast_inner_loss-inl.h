// SPDX-License-Identifier: Apache-2.0
//
// The fast tier's cross-entropy of labels and its gradient for rows that lie side by side: a lane for each row. The
// passes and the bits are those of contiguous rows; a row that the usual scale does not suit is done by itself.
// Compiled once per target.

#if defined(ASSAY_LIB_FAST_INNER_LOSS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_FAST_INNER_LOSS_INL_H_
#undef ASSAY_LIB_FAST_INNER_LOSS_INL_H_
#else
#define ASSAY_LIB_FAST_INNER_LOSS_INL_H_
#endif

#include "fast_inner_logs-inl.h"
#include "fast_loss_gradient-inl.h"

#if ASSAY_FLOAT_LANES

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class In>
HWY_NOINLINE uint64_t LossesOfInner(const ExpScale& scale, const FloatExp& constants, const Labels& labels,
                                    const FastRows& rows, size_t first, size_t groups, size_t count,
                                    double* HWY_RESTRICT losses) {
  const FloatExp exp = constants;
  In in(rows, first);
  InnerSums sums;
  UsualSumsOfInner<false>(in, groups, rows.cols, exp, sums);
  double totals[kInnerGroups * kMostInner];
  for (size_t i = 0; i < count; ++i) totals[i] = sums.total(i);
  return LossesOf(scale, labels, rows, first, count, totals, sums.row_max, losses);
}

inline HWY_NOINLINE void InnerCrossEntropy(const ExpScale& scale, const FloatExp& exp, const Labels& labels,
                                           const FastRows& rows, LossSink& sink) {
  ForInnerGroups(rows, [&](size_t first, size_t groups) HWY_ATTR {
    if (!sink.IsOpen()) return;
    double losses[kInnerGroups * kMostInner];
    const size_t count = HWY_MIN(HWY_MAX(groups, 1) * kMostInner, rows.rows - first);
    const uint64_t left = groups == 0
                              ? LossesOfInner<InnerLogits>(scale, exp, labels, rows, first, 1, count, losses)
                              : LossesOfInner<InnerFloats>(scale, exp, labels, rows, first, groups, count, losses);
    sink.Take(rows, first, count, losses, left);
  });
}

// What pass 2 of the gradient multiplies each row's exponentials by, factor / sum as two f32 words; and what the entry
// of its label gives.
class InnerFactors {
 public:
  // Of a row that SuitsGradient.
  HWY_INLINE void Set(size_t i, double factor, double sum, const FloatExp& exp, float logit) {
    const double scaled = factor / sum;
    high_[i] = static_cast<float>(scaled);
    low_[i] = static_cast<float>(scaled - static_cast<double>(high_[i]));
    shown_[i] = logit != kMinusInf;
    const float own = hn::GetLane(exp.Power<false>(One{hn::Set(Singles(), logit)}).v);
    of_label_[i] = factor * (static_cast<double>(own) / sum - 1);
  }
  // Of exponentials of group g.
  template <class Vecs>
  HWY_INLINE Vecs Of(const Vecs& e, size_t g) const {
    const Singles d;
    const SingleVec high = hn::Load(d, high_ + g * kMostInner);
    const SingleVec low = hn::Load(d, low_ + g * kMostInner);
    return Map(
        [&](SingleVec v) ASSAY_LAMBDA {
          return hn::Add(hn::MulAdd(v, high, hn::Mul(v, low)), hn::Zero(d));  // no -0
        },
        e);
  }
  // Overwrites the entry of row first + i's label.
  HWY_INLINE void StoreLabel(const FastRows& rows, size_t first, size_t i, int64_t label) const {
    if (shown_[i]) StoreAt(FastOut(rows, first + i), rows.dtype, label, of_label_[i]);
  }

 private:
  HWY_ALIGN float high_[kInnerGroups * kMostInner] = {};
  HWY_ALIGN float low_[kInnerGroups * kMostInner] = {};
  double of_label_[kInnerGroups * kMostInner];
  bool shown_[kInnerGroups * kMostInner];
};

// Gradients of rows from `first` on; returns the rows that the usual scale does not suit, or that are ignored.
template <class In>
HWY_NOINLINE uint64_t LossGradientsOfInner(const FloatExp& constants, const Labels& labels,
                                           const double* HWY_RESTRICT row_factors, const FastRows& rows, size_t first,
                                           size_t groups, size_t count) {
  const FloatExp exp = constants;
  const size_t n = rows.cols;
  In in(rows, first);
  RowDoubles totals[kInnerGroups];
  SumExpInner(in, groups, n, exp, nullptr, totals);
  InnerFactors factors;
  uint64_t others = 0;
  for (size_t i = 0; i < count; ++i) {
    const double sum = totals[i / kMostInner].of[i % kMostInner];
    if (labels.IsIgnored(first + i) || !FactorInRange(row_factors[i]) || !SuitsGradient(sum, row_factors[i])) {
      others |= uint64_t{1} << i;
    } else {
      factors.Set(i, row_factors[i], sum, exp, LogitAt(FastRow(rows, first + i), labels.Of(first + i)));
    }
  }
  const auto write = [&](const auto& x, size_t g) ASSAY_LAMBDA { return factors.Of(exp.Power<false>(x), g); };
  if constexpr (kIsDirect<In>) {
    if (HWY_LIKELY(others == 0 || !rows.in_place)) {
      WriteInner(in, InnerFloatsOut(rows, first), groups, n, write);
    } else {
      for (size_t g = 0; g < groups; ++g) {
        InnerLogits some(rows, first + g * kMostInner);
        const InnerOut out(rows, first + g * kMostInner, static_cast<unsigned>(others >> g * kMostInner));
        WriteInner(some, out, 1, n, [&](const auto& x, size_t) ASSAY_LAMBDA { return write(x, g); });
      }
    }
  } else {
    WriteInner(in, InnerOut(rows, first, static_cast<unsigned>(others)), groups, n, write);
  }
  for (size_t i = 0; i < count; ++i) {
    if ((others >> i & 1) == 0) factors.StoreLabel(rows, first, i, labels.Of(first + i));
  }
  return others;
}

inline HWY_NOINLINE void InnerCrossEntropyBackward(const internal::Request& request, const ExpScale& scale,
                                                   const FloatExp& exp, const Labels& labels, double divisor) {
  const FastRows rows = AllRows(request);
  ForInnerGroups(rows, [&](size_t first, size_t groups) HWY_ATTR {
    double factors[kInnerGroups * kMostInner];
    const size_t count = HWY_MIN(HWY_MAX(groups, 1) * kMostInner, rows.rows - first);
    for (size_t i = 0; i < count; ++i) factors[i] = FactorOf(request.args, divisor, first + i);
    uint64_t others = groups == 0 ? LossGradientsOfInner<InnerLogits>(exp, labels, factors, rows, first, 1, count)
                                  : LossGradientsOfInner<InnerFloats>(exp, labels, factors, rows, first, groups, count);
    for (size_t i = 0; others != 0; ++i, others >>= 1) {
      if ((others & 1) == 0) continue;
      const size_t row = first + i;
      if (!FactorInRange(factors[i])) {
        RunExactRow(request, rows, row);
      } else if (labels.IsIgnored(row)) {
        WriteZeros(rows, row);
      } else {
        GradientOfUnusualRow(scale, rows, row, factors[i], labels.Of(row), nullptr);
      }
    }
  });
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // ASSAY_FLOAT_LANES

#endif  // include guard
