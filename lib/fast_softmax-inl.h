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

#include "fast_inner-inl.h"

#if ASSAY_FLOAT_LANES

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

inline constexpr size_t kScratchFloats = 8192;  // 32 KiB
static_assert(kGroup * kMostShort <= kScratchFloats);
inline constexpr size_t kRecomputedFloats = size_t{1} << 24;  // entries of a row that is far beyond the caches

// 1 / sum as two f32 words.
struct Inverse {
  float high;
  float low;
};

template <bool kShifted, class Row>
HWY_INLINE double SumExp(const Row& row, const FloatExp& exp, float* keep) {
  if (keep == nullptr) {
    return SumOverRow(row, [&](const auto& x, size_t, size_t) ASSAY_LAMBDA { return exp.Power<kShifted>(x); });
  }
  return SumOverRow(row, [&](const auto& x, size_t j, size_t count) ASSAY_LAMBDA {
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
  const auto share = [&](SingleVec e) ASSAY_LAMBDA { return hn::MulAdd(e, high, hn::Mul(e, low)); };
  if (keep != nullptr) {
    WriteRow(row, out, keep, [&](const auto& e) ASSAY_LAMBDA { return Map(share, e); });
  } else {
    WriteRow(row, out, nullptr, [&](const auto& x) ASSAY_LAMBDA { return Map(share, exp.Power<kShifted>(x)); });
  }
}

HWY_INLINE Inverse InverseOf(double sum) {
  const double inverse = 1.0 / sum;
  const auto high = static_cast<float>(inverse);
  return {high, static_cast<float>(inverse - static_cast<double>(high))};
}

template <bool kShifted, class Row, class Out>
HWY_NOINLINE void SoftmaxOfScaledRow(const ExpScale& scale, RowScale row_scale, const Row& row, const Out& out,
                                     float* keep) {
  const FloatExp exp(scale, row_scale.shift, row_scale.exponent);
  const double sum = SumExp<kShifted>(row, exp, keep);
  WriteShares<kShifted>(row, out, keep, exp, InverseOf(sum));
}

// A row with a look at its maximum first. Returns whether it has been done; false: nothing is written.
template <class Row, class Out>
HWY_NOINLINE bool SoftmaxOfUnusualRow(const ExpScale& scale, const Row& row, const Out& out, float* keep) {
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
HWY_NOINLINE unsigned SoftmaxOfGroup(const ExpScale& scale, const FloatExp& constants, const FastRows& rows,
                                     size_t first, size_t count) {
  const FloatExp exp = constants;  // in registers: what is written might otherwise be taken for a change of it
  HWY_ALIGN float scratch[kScratchFloats];
  const size_t n = rows.cols;
  const bool into_out = n < kRecomputedFloats && !rows.in_place && Out(rows, first).direct() != nullptr;
  const auto keep_of = [&](size_t i) ASSAY_LAMBDA {
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

// A row in place, too long for scratch: a look at its maximum first, so that it can be overwritten by exponentials.
HWY_INLINE unsigned SoftmaxInPlace(const ExpScale& scale, const FastRows& rows, size_t i) {
  const DirectOut out(rows, i);
  return SoftmaxOfUnusualRow(scale, DirectRow(rows, i), out, out.direct()) ? 0 : 1;
}

inline void InnerSoftmax(const internal::Request& request, const ExpScale& scale, const FloatExp& exp);

inline void FastSoftmax(const internal::Request& request) {
  const ExpScale scale(request.args.temperature);
  if (request.args.bias.data != nullptr || !scale.Serves(request.args.cols)) return RunExact(request);
  const FloatExp exp(scale, kUsualScale.shift, kUsualScale.exponent);
  if (IsInner(request.args, false)) return InnerSoftmax(request, scale, exp);
  ForGroupsOrExact(request, [&](const FastRows& rows, size_t first, size_t count) HWY_ATTR {
    if (!AreDirect(rows)) return SoftmaxOfGroup<FastRow, FastOut>(scale, exp, rows, first, count);
    if (rows.in_place && rows.cols > kScratchFloats) return SoftmaxInPlace(scale, rows, first);
    return SoftmaxOfGroup<DirectRow, DirectOut>(scale, exp, rows, first, count);
  });
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // ASSAY_FLOAT_LANES

#endif  // include guard
