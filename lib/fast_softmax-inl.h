// SPDX-License-Identifier: Apache-2.0
//
// The fast tier's softmax in f32 lanes. Every row goes one way, whatever lies around it:
//
//   1  e = 2^k exp((x - shift) / T), kept in out or in scratch where it fits, and its sum; k and shift are constants
//      that suit most rows, so that no pass looks for the maximum; a row whose sum says otherwise is done again with
//      those of its own maximum (the same bits: k scales everything exactly);
//   2  p = e / sum, by the reciprocal in two words; exponentials that were not kept are computed again.
//
// Rows with NaN or infinity or without a visible entry are left to the exact tier. Compiled once per target.
// Error    bounds::kFastSoftmaxUlp.

#if defined(ASSAY_LIB_FAST_SOFTMAX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_FAST_SOFTMAX_INL_H_
#undef ASSAY_LIB_FAST_SOFTMAX_INL_H_
#else
#define ASSAY_LIB_FAST_SOFTMAX_INL_H_
#endif

#include "fast_sum-inl.h"

#if ASSAY_FLOAT_LANES

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

inline constexpr size_t kScratchFloats = 8192;  // 32 KiB
static_assert(kGroup * kMostShort <= kScratchFloats);

// 1 / sum as two f32 words.
struct Inverse {
  float high;
  float low;
};

template <bool kShifted, class Row>
HWY_INLINE double SumExp(const Row& row, const FloatExp& exp, float* HWY_RESTRICT keep) {
  if (keep == nullptr) {
    return SumOverRow(row, [&](const auto& x, size_t, size_t) HWY_ATTR { return exp.Power<kShifted>(x); });
  }
  return SumOverRow(row, [&](const auto& x, size_t j, size_t count) HWY_ATTR {
    const auto e = exp.Power<kShifted>(x);
    StoreAll(e, keep + j, count);
    return e;
  });
}

// Writes e * inverse for the whole row.
template <bool kShifted, class Row, class Out>
HWY_INLINE void WriteShares(const Row& row, const Out& out, const float* keep, const FloatExp& exp, Inverse inverse) {
  const Singles d;
  const SingleVec high = hn::Set(d, inverse.high);
  const SingleVec low = hn::Set(d, inverse.low);
  const auto share = [&](SingleVec e) HWY_ATTR { return hn::MulAdd(e, high, hn::Mul(e, low)); };
  if (keep != nullptr) {
    WriteRow(row, out, keep, [&](const auto& e) HWY_ATTR { return Map(share, e); });
  } else {
    WriteRow(row, out, nullptr, [&](const auto& x) HWY_ATTR { return Map(share, exp.Power<kShifted>(x)); });
  }
}

HWY_INLINE Inverse InverseOf(double sum) {
  const double inverse = 1.0 / sum;
  const auto high = static_cast<float>(inverse);
  return {high, static_cast<float>(inverse - static_cast<double>(high))};
}

template <bool kShifted>
HWY_NOINLINE inline void SoftmaxOfScaledRow(const ExpScale& scale, RowScale row_scale, const FastRow& row, const FastOut& out,
                                     float* keep) {
  const FloatExp exp(scale, row_scale.shift, row_scale.exponent);
  const double sum = SumExp<kShifted>(row, exp, keep);
  WriteShares<kShifted>(row, out, keep, exp, InverseOf(sum));
}

// A row that the usual scale does not suit. Returns whether it has been done; false: nothing is written but `keep`.
inline HWY_NOINLINE bool SoftmaxOfUnusualRow(const ExpScale& scale, const FastRow& row, const FastOut& out,
                                             float* keep) {
  const float row_max = MaxOfRow(row);
  if (!std::isfinite(row_max)) return false;
  const RowScale row_scale = ScaleOf(scale, row_max, 30);
  if (row_scale.shift != 0) {
    SoftmaxOfScaledRow<true>(scale, row_scale, row, out, keep);
  } else {
    SoftmaxOfScaledRow<false>(scale, row_scale, row, out, keep);
  }
  return true;
}

// Rows [first, first + count), count <= kGroup. Returns the set of those that are left to the exact tier.
template <class Row, class Out>
HWY_NOINLINE inline unsigned SoftmaxOfGroup(const ExpScale& scale, const FloatExp& constants, const FastRows& rows,
                                     size_t first, size_t count) {
  const FloatExp exp = constants;  // in registers: what is written might otherwise be taken for a change of it
  HWY_ALIGN float scratch[kScratchFloats];
  const size_t n = rows.cols;
  const bool into_out = !rows.in_place && Out(rows, first).direct() != nullptr;
  const auto keep_of = [&](size_t i) HWY_ATTR {
    return into_out ? Out(rows, first + i).direct() : n <= kScratchFloats ? scratch + i * n : nullptr;
  };
  double sums[kGroup];
  for (size_t i = 0; i < count; ++i) sums[i] = SumExp<false>(Row(rows, first + i), exp, keep_of(i));
  unsigned left = 0;
  for (size_t i = 0; i < count; ++i) {
    if (HWY_LIKELY(IsUsual(sums[i]))) {
      WriteShares<false>(Row(rows, first + i), Out(rows, first + i), keep_of(i), exp, InverseOf(sums[i]));
    } else if (!SoftmaxOfUnusualRow(scale, FastRow(rows, first + i), FastOut(rows, first + i), keep_of(i))) {
      left |= 1u << i;
    }
  }
  return left;
}

inline void FastSoftmax(const internal::Request& request) {
  const ExpScale scale(request.args.temperature);
  if (request.args.bias.data != nullptr || !scale.InRange()) return RunExact(request);
  const FloatExp exp(scale, kUsualScale.shift, kUsualScale.exponent);
  ForGroupsOrExact(request, [&](const FastRows& rows, size_t first, size_t count) HWY_ATTR {
    return AreDirect(rows) ? SoftmaxOfGroup<DirectRow, DirectOut>(scale, exp, rows, first, count)
                           : SoftmaxOfGroup<FastRow, FastOut>(scale, exp, rows, first, count);
  });
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // ASSAY_FLOAT_LANES

#endif  // include guard
