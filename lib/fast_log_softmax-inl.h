// SPDX-License-Identifier: Apache-2.0
//
// The fast tier's log_softmax in f32 lanes. Two passes serve most rows: the sum of the exponentials and the maximum,
// then x / T - lse, both in two f32 words. That needs |log p| > log 2, or lse's error would show; a row with a larger
// share, and one that the usual scale does not suit, takes a pass more: with rho = the sum of all other entries'
// exponentials over the maximum's own, and k maxima,
//
//   log p = -log1p(k - 1 + rho) of a maximum, without cancellation however small it is; the others as above.
//
// Rows with NaN or infinity or without a visible entry are left to the exact tier. Compiled once per target.
// Error    bounds::kFastLogSoftmaxUlp.

#if defined(ASSAY_LIB_FAST_LOG_SOFTMAX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_FAST_LOG_SOFTMAX_INL_H_
#undef ASSAY_LIB_FAST_LOG_SOFTMAX_INL_H_
#else
#define ASSAY_LIB_FAST_LOG_SOFTMAX_INL_H_
#endif

#include "exp-inl.h"
#include "fast_inner-inl.h"
#include "fast_log-inl.h"

#if ASSAY_FLOAT_LANES

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Of the maximum's exponential: entries down to 2^-215 of it are summed, what is left out of 2^33 entries is below
// 2^-182.
inline constexpr int kLogPower = 90;

// Where a row's entries stand against its sum.
struct LogRow {
  float row_max;
  float shift;
  double lse;      // less shift / T
  double max_log;  // log p of the maximum
};

// Below, the product with 1 / T alone is beyond the largest f32, and its low part must not make a NaN of it.
HWY_INLINE float LeastOf(double inverse_temperature) {
  return static_cast<float>(HWY_MAX(-0x1p130 / inverse_temperature, -0x1.fffffep127));
}

// Writes (x - shift) / T - lse; kMaximum: max_log for the maximum.
template <bool kMaximum, class Row, class Out>
HWY_INLINE void WriteLogs(double inverse_temperature, const LogRow& sums, const Row& row, const Out& out) {
  const Singles d;
  const auto inverse = static_cast<float>(inverse_temperature);
  const auto lse_high = static_cast<float>(sums.lse);
  const SingleVec high = hn::Set(d, inverse);
  const SingleVec low = hn::Set(d, static_cast<float>(inverse_temperature - static_cast<double>(inverse)));
  const SingleVec minus_lse_high = hn::Set(d, -lse_high);
  const SingleVec minus_lse_low = hn::Set(d, static_cast<float>(static_cast<double>(lse_high) - sums.lse));
  const SingleVec shift = hn::Set(d, sums.shift);
  const SingleVec row_max = hn::Set(d, sums.row_max);
  const SingleVec max_log = hn::Set(d, static_cast<float>(sums.max_log) + 0.0f);  // no -0
  const SingleVec least = hn::Set(d, LeastOf(inverse_temperature));
  const auto log_of = [&](SingleVec x) ASSAY_LAMBDA {
    const SingleVec shifted = kMaximum ? hn::Sub(x, shift) : x;
    const SingleVec big = hn::MulAdd(shifted, high, minus_lse_high);
    const SingleVec small = hn::MulAdd(hn::Max(shifted, least), low, minus_lse_low);
    const SingleVec log = hn::Add(big, small);
    return kMaximum ? hn::IfThenElse(hn::Eq(x, row_max), max_log, log) : log;
  };
  WriteRow(row, out, nullptr, [&](const auto& x) ASSAY_LAMBDA { return Map(log_of, x); });
}

// The sum of the exponentials of all entries but the maxima, and the number of these.
template <bool kShifted>
HWY_NOINLINE inline double SumOthers(const FloatExp& exp, const FastRow& row, float most, size_t* maxima) {
  const Singles d;
  const SingleVec row_max = hn::Set(d, most);
  size_t count = 0;  // not in lanes of 32 bits: a row may have more maxima
  const auto without_maximum = [&](SingleVec x, SingleVec e) ASSAY_LAMBDA {
    count += hn::CountTrue(d, hn::Eq(x, row_max));
    return hn::IfThenElseZero(hn::And(hn::Lt(x, row_max), exp.Reaches(x)), e);
  };
  const double sum = SumOverRow(
      row, [&](const auto& x, size_t, size_t) ASSAY_LAMBDA { return Map(without_maximum, x, exp.Power<kShifted>(x)); });
  *maxima = count;
  return sum;
}

// For a row with a large share, or of an unusual scale. False: a row for the exact tier.
inline HWY_NOINLINE bool LogsOfUnusualRow(const ExpScale& scale, const FastRow& row, LogRow* logs) {
  const Doubles d;
  const float row_max = MaxOfRow(row);
  if (!std::isfinite(row_max)) return false;
  const RowScale row_scale = ScaleOf(scale, row_max, kLogPower);
  if (row_scale.shift >= 0x1p103f) return false;  // x - shift could overflow
  const FloatExp exp(scale, row_scale.shift, row_scale.exponent);
  const double z = static_cast<double>(row_max) * scale.exact;
  const bool shifted = row_scale.shift != 0;
  size_t maxima = 0;
  const double others =
      shifted ? SumOthers<true>(exp, row, row_max, &maxima) : SumOthers<false>(exp, row, row_max, &maxima);
  // log2 of the maximum's own exponential over 2^kLogPower, in [-1/2, 1/2]; Exp wants it below 0.
  const double own = shifted ? 0 : z + (row_scale.exponent - kLogPower);
  const DoubleVec inverse_own = Exp(d, hn::Set(d, (-1 - own) * kLn2));
  const double rho = 2 * others * 0x1p-90 * hn::GetLane(inverse_own);
  const double max_log = -hn::GetLane(Log1p(hn::Set(d, static_cast<double>(maxima - 1) + rho)));
  *logs = {row_max, row_scale.shift, (shifted ? 0 : z * kLn2) - max_log, max_log};
  return true;
}

inline HWY_NOINLINE bool LogSoftmaxOfUnusualRow(const ExpScale& scale, double inverse_temperature, const FastRow& row,
                                                const FastOut& out) {
  LogRow logs;
  if (!LogsOfUnusualRow(scale, row, &logs)) return false;
  WriteLogs<true>(inverse_temperature, logs, row, out);
  return true;
}

// The sum at the usual scale and the maximum of a row.
template <class Row>
HWY_INLINE double UsualSum(const FloatExp& exp, const Row& row, float* row_max) {
  const Singles d;
  SingleVec most = hn::Set(d, kMinusInf);
  const auto see = [&](SingleVec x) ASSAY_LAMBDA { return most = hn::Max(x, most); };
  const double sum = SumOverRow(row, [&](const auto& x, size_t, size_t) ASSAY_LAMBDA {
    (void)Map(see, x);
    return exp.Power<false, Sides::kBelow>(x);
  });
  *row_max = hn::GetLane(hn::MaxOfLanes(d, most));
  return sum;
}

// Whether some log p of a 16-bit type may round to -inf: near that limit an f32 cannot tell.
HWY_NOINLINE inline bool MayOverflow(const FastRow& row, int32_t dtype, float row_max, double inverse_temperature) {
  const Singles d;
  HWY_ALIGN float buffer[kBlock];
  const SingleVec most = hn::Set(d, row_max);
  SingleVec least = most;
  for (size_t j = 0; j < row.size(); j += kBlock) {
    const size_t count = HWY_MIN(kBlock, row.size() - j);
    const float* from = row.Block(j, count, buffer);
    for (size_t i = 0; i < count; i += hn::Lanes(d)) {
      const SingleVec x = LoadSome(from + i, count - i);
      least = hn::Min(least, hn::IfThenElse(hn::Eq(x, hn::Set(d, kMinusInf)), most, x));
    }
  }
  const double reach = static_cast<double>(row_max) - static_cast<double>(hn::GetLane(hn::MinOfLanes(d, least)));
  return reach * inverse_temperature > kSurelyFinite * internal::MaxFiniteOf(dtype);
}

// As SoftmaxOfGroup.
template <class Row, class Out>
HWY_NOINLINE inline unsigned LogSoftmaxOfGroup(const ExpScale& scale, double inverse_temperature,
                                               const FloatExp& constants, const FastRows& rows, size_t first,
                                               size_t count) {
  const Doubles d;
  const FloatExp exp = constants;
  float row_max[kGroup];
  HWY_ALIGN double sums[kGroup] = {};
  HWY_ALIGN double lse[kGroup];
  for (size_t i = 0; i < count; ++i) sums[i] = UsualSum(exp, Row(rows, first + i), &row_max[i]);
  for (size_t i = 0; i < count; i += Lanes()) {
    const DoubleVec log = hn::Sub(Log(hn::Load(d, sums + i)), hn::Set(d, kUsualScale.exponent * kLn2));
    hn::Store(log, d, lse + i);
  }
  unsigned left = 0;
  for (size_t i = 0; i < count; ++i) {
    const double z = static_cast<double>(row_max[i]) * scale.exact;
    if (rows.dtype != ASSAY_F32 && MayOverflow(FastRow(rows, first + i), rows.dtype, row_max[i], inverse_temperature)) {
      left |= 1u << i;
      continue;
    }
    if (HWY_LIKELY(IsUsual(sums[i], z) && lse[i] - z * kLn2 > kLn2)) {
      WriteLogs<false>(inverse_temperature, {row_max[i], 0, lse[i], 0}, Row(rows, first + i), Out(rows, first + i));
    } else if (!LogSoftmaxOfUnusualRow(scale, inverse_temperature, FastRow(rows, first + i),
                                       FastOut(rows, first + i))) {
      left |= 1u << i;
    }
  }
  return left;
}

inline void InnerLogSoftmax(const internal::Request& request, const ExpScale& scale, double inverse_temperature,
                            const FloatExp& exp);

inline void FastLogSoftmax(const internal::Request& request) {
  const ExpScale scale(request.args.temperature);
  if (request.args.bias.data != nullptr || !scale.Serves(request.args.cols)) return RunExact(request);
  const double inverse_temperature = 1.0 / request.args.temperature;
  const FloatExp exp(scale, kUsualScale.shift, kUsualScale.exponent);
  if (IsInner(request.args, false)) return InnerLogSoftmax(request, scale, inverse_temperature, exp);
  ForGroupsOrExact(request, [&](const FastRows& rows, size_t first, size_t count) HWY_ATTR {
    return AreDirect(rows)
               ? LogSoftmaxOfGroup<DirectRow, DirectOut>(scale, inverse_temperature, exp, rows, first, count)
               : LogSoftmaxOfGroup<FastRow, FastOut>(scale, inverse_temperature, exp, rows, first, count);
  });
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // ASSAY_FLOAT_LANES

#endif  // include guard
