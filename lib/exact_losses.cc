// SPDX-License-Identifier: Apache-2.0
//
// The exact tier's cross-entropy and its gradient.
// Highway compiles the part above HWY_ONCE once for each target.

// clang-format off: foreach_target.h must come before anything that includes highway.h.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "exact_losses.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
// clang-format on

#include "kernels.h"
#include "loss_targets-inl.h"
#include "scaled_store-inl.h"
#include "walk-inl.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {

using internal::WidePair;

// A row's loss, or a sum of them: NaN over infinite over finite.
struct Loss {
  bool nan = false;
  bool infinite = false;
  WidePair value;

  void Add(const Loss& other) {
    nan = nan || other.nan;
    infinite = infinite || other.infinite;
    value = value + other.value;
  }
  double Rounded(int32_t dtype) const { return nan ? kNaN : infinite ? kInf : internal::RoundWide(dtype, value); }
};

// sum t (-d) + log(S) sum t, d the difference to the reference and S the sum of exp(d): neither sum cancels. In lanes;
// false where a distance is too large for them.
HWY_NOINLINE bool RegularLoss(const AccurateRow& row, const LossTargets& targets, WidePair* loss) {
  const Doubles d;
  LaneSum distances, weights;
  DoubleMask far = hn::Ne(hn::Zero(d), hn::Zero(d));
  for (size_t j = 0; j < row.size(); j += Lanes()) {
    DoubleVec z, z_lo, error, t, t_lo, product, product_lo;
    row.Differences(j, z, z_lo, error);
    targets.Pairs(j, t, t_lo);
    const DoubleMask counts = hn::Gt(t, hn::Zero(d));
    far = hn::Or(far, hn::And(counts, hn::Lt(z, hn::Set(d, -0x1p300))));
    z = hn::IfThenElseZero(counts, hn::Neg(z));
    z_lo = hn::IfThenElseZero(counts, hn::Neg(z_lo));
    MultiplyPairs(d, t, t_lo, z, z_lo, product, product_lo);
    distances.Add(product, product_lo, j);
    weights.Add(t, t_lo, j);
  }
  const internal::ScalarPair distance = distances.Total();
  const internal::ScalarPair weight = weights.Total();
  if (hn::AllFalse(d, far)) *loss = WidePair(distance.hi, distance.lo) + WidePair(weight.hi, weight.lo) * row.LogSum();
  return hn::AllFalse(d, far);
}

// The same for any numbers.
HWY_NOINLINE WidePair IrregularLoss(const AccurateRow& row, const LossTargets& targets) {
  WidePair log_sum = row.LogSum();
  if (log_sum.IsZero() || log_sum.e < -1200) {
    // Shares below e^-1000 count: log(1 + o) = o.
    log_sum = WidePair();
    for (size_t j = 0; j < row.size(); ++j) {
      double x, b;
      if (j != row.reference() && row.At(j, x, b)) log_sum = log_sum + row.ExpAt(j);
    }
  }
  WidePair loss;
  for (size_t j = 0; j < row.size(); ++j) {
    const WidePair t = targets.At(j);
    if (!t.IsZero()) loss = loss + t * (log_sum - row.DifferenceAt(j));
  }
  return loss;
}

HWY_NOINLINE Loss LossOf(const internal::Request& request, const internal::RowPlaces& places) {
  Loss loss;
  if (IsIgnored(request, places.row)) return loss;
  AccurateRow row(request, places);
  const LossTargets targets(request, places, row);
  loss.nan = row.kind() == RowKind::kNaN || row.kind() == RowKind::kInfinite || targets.bad();
  loss.infinite = targets.hidden();
  if (loss.nan || loss.infinite || row.kind() == RowKind::kEmpty) return loss;
  row.Sum();
  WidePair error;
  if (request.args.targets.data == nullptr && request.args.label_smoothing == 0) {
    loss.value = -row.LogSoftmaxAt(static_cast<size_t>(LabelOf(request, places.row)), &error);
  } else if (!targets.regular() || !RegularLoss(row, targets, &loss.value)) {
    loss.value = IrregularLoss(row, targets);
  }
  return loss;
}

// Rows that are not ignored.
HWY_INLINE size_t CountRows(const internal::Request& request) {
  size_t count = 0;
  for (size_t row = 0; row < request.args.rows; ++row) count += IsIgnored(request, row) ? 0u : 1u;
  return count;
}

void ExactCrossEntropy(const internal::Request& request) {
  const assay_row_args& a = request.args;
  Loss total;
  ForEachRow(request, [&](const internal::RowPlaces& places) HWY_ATTR {
    const Loss loss = LossOf(request, places);
    if (a.reduction == ASSAY_REDUCTION_NONE) {
      internal::StoreNumber(a.dtype, places.out.data, 0, loss.Rounded(a.dtype));
    } else {
      total.Add(loss);
    }
  });
  if (a.reduction == ASSAY_REDUCTION_NONE) return;
  if (a.reduction == ASSAY_REDUCTION_MEAN) {
    const size_t count = CountRows(request);
    total.nan = total.nan || count == 0;
    if (count != 0) total.value = total.value / WidePair(static_cast<double>(count));
  }
  internal::StoreNumber(a.dtype, a.out.data, 0, total.Rounded(a.dtype));
}

// factor (p sum t - t) in lanes, |factor| in [2^-300, 2^150]. All in units of 2^-kLift until the end.
HWY_NOINLINE void RegularGradient(const AccurateRow& row, const LossTargets& targets, const WidePair& factor,
                                  int32_t dtype, const Out& out) {
  const Doubles d;
  LaneSum weights;
  DoubleVec t, t_lo;
  for (size_t j = 0; j < row.size(); j += Lanes()) {
    targets.Pairs(j, t, t_lo);
    weights.Add(t, t_lo, j);
  }
  const internal::ScalarPair weight = weights.Total();
  const DoubleVec lift = hn::Set(d, internal::kLifted);
  const int exponent = static_cast<int>(factor.e) - internal::kLift;
  const DoubleVec scale = hn::Set(d, std::ldexp(1.0, exponent));
  for (size_t j = 0; j < row.size(); j += Lanes()) {
    DoubleVec p, p_lo, relative, share, share_lo, g, g_lo, product, product_lo, x, b;
    row.SoftmaxLifted(j, p, p_lo, relative);
    targets.Pairs(j, t, t_lo);
    MultiplyPairs(d, p, p_lo, hn::Set(d, weight.hi), hn::Set(d, weight.lo), share, share_lo);
    AddPairs(share, share_lo, hn::Neg(hn::Mul(t, lift)), hn::Neg(hn::Mul(t_lo, lift)), g, g_lo);
    MultiplyPairs(d, g, g_lo, hn::Set(d, factor.v.hi), hn::Set(d, factor.v.lo), product, product_lo);
    const DoubleMask shown = row.Load(j, x, b);
    product = hn::IfThenElseZero(shown, product);
    product_lo = hn::IfThenElseZero(shown, product_lo);
    if (dtype == ASSAY_F64) {
      out.Store(RoundScaledPairs(product, product_lo, exponent), j);
    } else {
      out.Store(hn::Mul(product, scale), hn::Mul(product_lo, scale), j);
    }
  }
}

// The same for any numbers.
HWY_NOINLINE void IrregularGradient(const AccurateRow& row, const LossTargets& targets, const WidePair& factor,
                                    int32_t dtype, const Out& out) {
  WidePair weight;
  for (size_t j = 0; j < row.size(); ++j) weight = weight + targets.At(j);
  const WidePair share = weight * row.InverseSum();
  for (size_t j = 0; j < row.size(); ++j) {
    double x, b;
    WidePair g;
    if (row.At(j, x, b)) g = factor * (share * row.ExpAt(j) - targets.At(j));
    out.Set(j, internal::RoundWide(dtype, g));
  }
}

// `upstream` of the row's loss, which is divided by `divisor`.
HWY_NOINLINE void GradientOf(const internal::Request& request, const internal::RowPlaces& places, double upstream,
                             double divisor) {
  const assay_row_args& a = request.args;
  const Out out(request, places);
  if (IsIgnored(request, places.row)) return out.Fill(0);
  AccurateRow row(request, places);
  const LossTargets targets(request, places, row);
  if (row.kind() == RowKind::kNaN || row.kind() == RowKind::kInfinite || targets.bad()) return out.Fill(kNaN);
  if (row.kind() == RowKind::kEmpty) return out.Fill(0);
  if (!std::isfinite(upstream) || upstream == 0 || std::isinf(a.temperature)) {
    const double value = std::isfinite(upstream) ? 0 : kNaN;
    for (size_t j = 0; j < row.size(); ++j) {
      double x, b;
      out.Set(j, row.At(j, x, b) ? value : 0);
    }
    return;
  }
  row.Sum();
  const WidePair factor = WidePair(upstream) / (WidePair(divisor) * WidePair(a.temperature));
  if (targets.regular() && factor.e > -300 && factor.e < 150)
    return RegularGradient(row, targets, factor, a.dtype, out);
  IrregularGradient(row, targets, factor, a.dtype, out);
}

void ExactCrossEntropyBackward(const internal::Request& request) {
  const assay_row_args& a = request.args;
  const bool reduced = a.reduction != ASSAY_REDUCTION_NONE;
  const size_t count = a.reduction == ASSAY_REDUCTION_MEAN ? CountRows(request) : 1;
  const double divisor = count == 0 ? 1 : static_cast<double>(count);
  ForEachRow(request, [&](const internal::RowPlaces& places) HWY_ATTR {
    double upstream = 1;
    if (a.upstream.data != nullptr) {
      const std::ptrdiff_t at = reduced ? 0 : static_cast<std::ptrdiff_t>(places.row) * a.upstream.row_stride;
      upstream = internal::LoadNumber(a.dtype, a.upstream.data, at);
    }
    GradientOf(request, places, upstream, divisor);
  });
}

const internal::KernelGroup* ExactLosses() {
  using internal::kAllDtypes;
  static constexpr internal::KernelGroup kGroup = {
      HWY_TARGET, internal::KernelTable()
                      .Set(ASSAY_TIER_EXACT, ASSAY_CROSS_ENTROPY, kAllDtypes, &ExactCrossEntropy)
                      .Set(ASSAY_TIER_EXACT, ASSAY_CROSS_ENTROPY_BACKWARD, kAllDtypes, &ExactCrossEntropyBackward)};
  return &kGroup;
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace assay::internal {

HWY_EXPORT(ExactLosses);

const KernelGroup* ExactLossesAt(std::size_t table_index) { return HWY_DISPATCH_TABLE(ExactLosses)[table_index](); }

}  // namespace assay::internal
#endif  // HWY_ONCE
