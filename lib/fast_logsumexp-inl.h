// SPDX-License-Identifier: Apache-2.0
//
// The fast tier's logsumexp in f32 lanes: the sum of softmax, then its logarithm in double. A result near 0 is what is
// left of two larger terms: the exact tier does such a row, and those with NaN or infinity or without a visible entry.
// Compiled once per target.
// Error    bounds::kFastLogsumexpUlp.

#if defined(ASSAY_LIB_FAST_LOGSUMEXP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_FAST_LOGSUMEXP_INL_H_
#undef ASSAY_LIB_FAST_LOGSUMEXP_INL_H_
#else
#define ASSAY_LIB_FAST_LOGSUMEXP_INL_H_
#endif

#include "fast_log-inl.h"
#include "fast_softmax-inl.h"

#if ASSAY_FLOAT_LANES

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Below, the sum's relative error would be too large a share of its logarithm.
inline constexpr double kLeastLogsumexp = 0.5;

// A sum of exponentials and what was taken out of it: logsumexp is log(sum) + added.
struct ScaledSum {
  double sum;
  double added;
};

// Of a row that the usual scale does not suit; sum = NaN: a row for the exact tier.
inline HWY_NOINLINE ScaledSum SumOfUnusualRow(const ExpScale& scale, const FastRow& row) {
  const float row_max = MaxOfRow(row);
  if (!std::isfinite(row_max)) return {std::numeric_limits<double>::quiet_NaN(), 0};
  const RowScale row_scale = ScaleOf(scale, row_max, 30);
  const FloatExp exp(scale, row_scale.shift, row_scale.exponent);
  const double added = static_cast<double>(row_scale.shift) * (scale.exact * kLn2) - row_scale.exponent * kLn2;
  return {row_scale.shift != 0 ? SumExp<true>(row, exp, nullptr) : SumExp<false>(row, exp, nullptr), added};
}

// Writes the logarithms of usual_sums[kGroup], of which count are those of rows from `first` on. Returns the set of
// rows that are left to the exact tier.
HWY_NOINLINE inline unsigned StoreLogsumexps(const ExpScale& scale, const FastRows& rows, size_t first, size_t count,
                                             const double* HWY_RESTRICT usual_sums) {
  const Doubles d;
  HWY_ALIGN double sums[kGroup] = {1, 1, 1, 1, 1, 1, 1, 1};
  HWY_ALIGN double added[kGroup] = {};
  for (size_t i = 0; i < count; ++i) {
    sums[i] = usual_sums[i];
    added[i] = -kUsualScale.exponent * kLn2;
  }
  for (size_t i = 0; i < count; ++i) {
    if (HWY_LIKELY(IsUsual(sums[i]))) continue;
    const ScaledSum scaled = SumOfUnusualRow(scale, FastRow(rows, first + i));
    sums[i] = scaled.sum;
    added[i] = scaled.added;
  }
  HWY_ALIGN double result[kGroup];
  for (size_t i = 0; i < count; i += Lanes()) {
    hn::Store(hn::Add(Log(hn::Load(d, sums + i)), hn::Load(d, added + i)), d, result + i);
  }
  unsigned left = 0;
  for (size_t i = 0; i < count; ++i) {
    if (HWY_LIKELY(sums[i] == sums[i] && std::fabs(result[i]) >= kLeastLogsumexp &&
                   std::fabs(result[i]) < kSurelyFinite * internal::MaxFiniteOf(rows.dtype))) {
      internal::StoreNumber(rows.dtype, rows.out.data, static_cast<std::ptrdiff_t>(first + i) * rows.out_row_stride,
                            result[i]);
    } else {
      left |= 1u << i;
    }
  }
  return left;
}

template <class Row>
HWY_NOINLINE inline unsigned LogsumexpOfGroup(const ExpScale& scale, const FloatExp& constants, const FastRows& rows,
                                              size_t first, size_t count) {
  const FloatExp exp = constants;
  double sums[kGroup];
  for (size_t i = 0; i < count; ++i) sums[i] = SumExp<false>(Row(rows, first + i), exp, nullptr);
  return StoreLogsumexps(scale, rows, first, count, sums);
}

inline void InnerLogsumexp(const internal::Request& request, const ExpScale& scale, const FloatExp& exp);

inline void FastLogsumexp(const internal::Request& request) {
  const ExpScale scale(request.args.temperature);
  if (request.args.bias.data != nullptr || !scale.Serves(request.args.cols)) return RunExact(request);
  const FloatExp exp(scale, kUsualScale.shift, kUsualScale.exponent);
  if (IsInner(request.args, true)) return InnerLogsumexp(request, scale, exp);
  ForGroupsOrExact(request, [&](const FastRows& rows, size_t first, size_t count) HWY_ATTR {
    FastRows inputs = rows;
    inputs.out.stride = 1;  // one entry a row
    return AreDirect(inputs) ? LogsumexpOfGroup<DirectRow>(scale, exp, rows, first, count)
                             : LogsumexpOfGroup<FastRow>(scale, exp, rows, first, count);
  });
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // ASSAY_FLOAT_LANES

#endif  // include guard
