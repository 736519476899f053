// SPDX-License-Identifier: Apache-2.0
//
// The gradient of the fast tier's cross-entropy in f32 lanes: softmax times a factor, but for one entry. Compiled once
// per target. Error    bounds::kFastLossGradientRelative.

#if defined(ASSAY_LIB_FAST_LOSS_GRADIENT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_FAST_LOSS_GRADIENT_INL_H_
#undef ASSAY_LIB_FAST_LOSS_GRADIENT_INL_H_
#else
#define ASSAY_LIB_FAST_LOSS_GRADIENT_INL_H_
#endif

#include "fast_loss-inl.h"
#include "fast_softmax-inl.h"

#if ASSAY_FLOAT_LANES

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Of the maximum's exponential in a row whose gradient takes it own scale.
inline constexpr int kGradientPower = 60;

// Writes one result.
HWY_INLINE void StoreAt(const FastOut& out, int32_t dtype, int64_t j, double value) {
  internal::StoreNumber(dtype, out.place().data, j * out.place().stride, value);
}
HWY_INLINE void StoreAt(const DirectOut& out, int32_t /*dtype*/, int64_t j, double finite) {
  out.direct()[j] = static_cast<float>(finite) + 0.0f;  // no -0
}

// factor * (p - [j is the label and visible]) for the row, given its sum.
template <bool kShifted, class Row, class Out>
HWY_INLINE void WriteGradient(const Row& row, const Out& out, const float* keep, const FloatExp& exp, double sum,
                              double factor, int64_t label, float logit, int32_t dtype) {
  const Singles d;
  const float own =  // before out, where it may be kept, is overwritten
      keep != nullptr ? keep[label] : hn::GetLane(exp.Power<kShifted>(One{hn::Set(d, logit)}).v);
  const double scaled = factor / sum;
  const auto scaled_high = static_cast<float>(scaled);
  const SingleVec high = hn::Set(d, scaled_high);
  const SingleVec low = hn::Set(d, static_cast<float>(scaled - static_cast<double>(scaled_high)));
  const auto share = [&](SingleVec e) ASSAY_LAMBDA {
    return hn::Add(hn::MulAdd(e, high, hn::Mul(e, low)), hn::Zero(d));  // no -0
  };
  if (keep != nullptr) {
    WriteRow(row, out, keep, [&](const auto& e) ASSAY_LAMBDA { return Map(share, e); });
  } else {
    WriteRow(row, out, nullptr, [&](const auto& x) ASSAY_LAMBDA { return Map(share, exp.Power<kShifted>(x)); });
  }
  if (logit == kMinusInf) return;
  StoreAt(out, dtype, label, factor * (static_cast<double>(own) / sum - 1));
}

// A row that the usual scale does not suit. With NaN or infinity it gives NaN, with nothing visible 0.
inline HWY_NOINLINE void GradientOfUnusualRow(const ExpScale& scale, const FastRows& rows, size_t i, double factor,
                                              int64_t label, float* keep) {
  const FastRow row(rows, i);
  const FastOut out(rows, i);
  const float row_max = MaxOfRow(row);
  const float logit = LogitAt(row, label);
  if (!std::isfinite(row_max)) {
    const double value = row_max == kMinusInf ? 0 : std::numeric_limits<double>::quiet_NaN();
    for (size_t j = 0; j < row.size(); ++j) StoreAt(out, rows.dtype, static_cast<int64_t>(j), value);
    return;
  }
  const RowScale row_scale = ScaleOf(scale, row_max, kGradientPower);
  const FloatExp exp(scale, row_scale.shift, row_scale.exponent);
  if (row_scale.shift != 0) {
    const double sum = SumExp<true>(row, exp, keep);
    WriteGradient<true>(row, out, keep, exp, sum, factor, label, logit, rows.dtype);
  } else {
    const double sum = SumExp<false>(row, exp, keep);
    WriteGradient<false>(row, out, keep, exp, sum, factor, label, logit, rows.dtype);
  }
}

// So that what stands for an invisible entry, 2^-125, gives 0, and both words of factor / sum are normal.
HWY_INLINE bool SuitsGradient(double sum, double factor) {
  const double scaled = std::fabs(factor) / sum;
  return IsUsual(sum) && scaled <= 0x1p-26 && scaled >= 0x1p-100;
}

// An ignored row's gradient.
inline HWY_NOINLINE void WriteZeros(const FastRows& rows, size_t i) {
  const FastOut out(rows, i);
  for (size_t j = 0; j < rows.cols; ++j) StoreAt(out, rows.dtype, static_cast<int64_t>(j), 0);
}

template <class Row, class Out>
HWY_NOINLINE inline void GradientsOfGroup(const ExpScale& scale, const FloatExp& constants, const Labels& labels,
                                          const double* HWY_RESTRICT factors, const FastRows& rows, size_t first,
                                          size_t count) {
  const FloatExp exp = constants;
  HWY_ALIGN float scratch[kScratchFloats];
  const size_t n = rows.cols;
  const bool into_out = n < kRecomputedFloats && !rows.in_place && Out(rows, first).direct() != nullptr;
  const auto keep_of = [&](size_t i) ASSAY_LAMBDA {
    return into_out ? Out(rows, first + i).direct() : n <= kScratchFloats ? scratch + i * n : nullptr;
  };
  double sums[kGroup];
  for (size_t i = 0; i < count; ++i) sums[i] = SumExp<false>(Row(rows, first + i), exp, keep_of(i));
  for (size_t i = 0; i < count; ++i) {
    const size_t index = rows.first + first + i;
    const int64_t label = labels.Of(index);
    if (labels.IsIgnored(index)) {
      WriteZeros(rows, first + i);
      continue;
    }
    if (HWY_LIKELY(SuitsGradient(sums[i], factors[i]))) {
      const Row row(rows, first + i);
      WriteGradient<false>(row, Out(rows, first + i), keep_of(i), exp, sums[i], factors[i], label, LogitAt(row, label),
                           rows.dtype);
    } else {
      GradientOfUnusualRow(scale, rows, first + i, factors[i], label, keep_of(i));
    }
  }
}

// upstream / (divisor T) of a row, and whether the lanes can take it.
HWY_INLINE double FactorOf(const assay_row_args& a, double divisor, size_t row) {
  double upstream = 1;
  if (a.upstream.data != nullptr) {
    const bool reduced = a.reduction != ASSAY_REDUCTION_NONE;
    upstream = internal::LoadNumber(a.dtype, a.upstream.data,
                                    reduced ? 0 : static_cast<std::ptrdiff_t>(row) * a.upstream.row_stride);
  }
  return upstream / (divisor * a.temperature);
}
HWY_INLINE bool FactorInRange(double factor) { return std::fabs(factor) > 0x1p-30 && std::fabs(factor) < 0x1p30; }

inline void InnerCrossEntropyBackward(const internal::Request& request, const ExpScale& scale, const FloatExp& exp,
                                      const Labels& labels, double divisor);

inline void FastCrossEntropyBackward(const internal::Request& request) {
  const assay_row_args& a = request.args;
  const bool reduced = a.reduction != ASSAY_REDUCTION_NONE;
  if (!IsPlainLoss(a)) return RunExact(request);
  const Labels labels(a);
  const double divisor = labels.Divisor();
  if (divisor == 0 || (reduced && !FactorInRange(FactorOf(a, divisor, 0)))) {
    return RunExact(request);
  }
  const ExpScale scale(a.temperature);
  const FloatExp exp(scale, kUsualScale.shift, kUsualScale.exponent);
  if (IsInner(a, false)) return InnerCrossEntropyBackward(request, scale, exp, labels, divisor);
  const bool by_row = !reduced && a.upstream.data != nullptr;
  double factors[kGroup];
  for (double& factor : factors) factor = FactorOf(a, divisor, 0);
  ForGroups(request, [&](const FastRows& rows, size_t first, size_t count) HWY_ATTR {
    bool in_range = FactorInRange(factors[0]);
    if (by_row) {
      in_range = true;
      for (size_t i = 0; i < count; ++i) {
        factors[i] = FactorOf(a, divisor, rows.first + first + i);
        in_range = in_range && FactorInRange(factors[i]);
      }
    }
    if (HWY_LIKELY(in_range)) {
      return AreDirect(rows) ? GradientsOfGroup<DirectRow, DirectOut>(scale, exp, labels, factors, rows, first, count)
                             : GradientsOfGroup<FastRow, FastOut>(scale, exp, labels, factors, rows, first, count);
    }
    for (size_t i = 0; i < count; ++i) {
      if (FactorInRange(factors[i])) {
        GradientsOfGroup<FastRow, FastOut>(scale, exp, labels, factors + i, rows, first + i, 1);
      } else {
        RunExactRow(request, rows, first + i);
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
