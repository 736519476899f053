// SPDX-License-Identifier: Apache-2.0
//
// The targets of one row of a loss: t = (1 - s) target + s / visible, a label being a target of 1 there. In
// double-double lanes where the numbers allow it, which are all but extreme ones of f64. Compiled once per target.

#if defined(ASSAY_LIB_LOSS_TARGETS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_LIB_LOSS_TARGETS_INL_H_
#undef ASSAY_LIB_LOSS_TARGETS_INL_H_
#else
#define ASSAY_LIB_LOSS_TARGETS_INL_H_
#endif

#include <limits>

#include "accurate_row-inl.h"
#include "dd-inl.h"
#include "lane_sum-inl.h"
#include "row-inl.h"
#include "wide_pair.h"

HWY_BEFORE_NAMESPACE();
namespace assay {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The label of a row; -1 where the call has targets instead.
HWY_INLINE int64_t LabelOf(const internal::Request& request, size_t row) {
  const assay_const_matrix& labels = request.args.labels;
  if (labels.data == nullptr) return -1;
  return static_cast<const int64_t*>(labels.data)[static_cast<std::ptrdiff_t>(row) * labels.row_stride];
}

HWY_INLINE bool IsIgnored(const internal::Request& request, size_t row) {
  const assay_row_args& a = request.args;
  return a.has_ignore_index != 0 && a.labels.data != nullptr && LabelOf(request, row) == a.ignore_index;
}

class LossTargets {
 public:
  HWY_NOINLINE LossTargets(const internal::Request& request, const internal::RowPlaces& places, const AccurateRow& row)
      : row_(row),
        label_(LabelOf(request, places.row)),
        targets_(places.targets, request.args.dtype, request.args.cols, 0) {
    const double smoothing = request.args.label_smoothing;
    keep_ = internal::TwoSumScalar(1, -smoothing);
    if (row.visible() > 0 && smoothing > 0) {
      share_ = internal::WidePair(smoothing) / internal::WidePair(static_cast<double>(row.visible()));
      share_lanes_ = share_.ToPair();
    }
    Scan(smoothing);
  }

  bool bad() const { return bad_; }        // a target is negative, NaN or infinite
  bool hidden() const { return hidden_; }  // an invisible entry has a positive one
  // No target is above 2^150, as all of f32 are: the lanes below hold, no product or sum of t, a share and a factor in
  // [2^-300, 2^150] leaves double's range, and e^-1000 of all of them is below its smallest number.
  bool regular() const { return regular_; }

  // t of the vector at entry j; 0 where invisible, but for what `hidden` is about.
  HWY_NOINLINE void Pairs(size_t j, DoubleVec& HWY_RESTRICT hi, DoubleVec& HWY_RESTRICT lo) const {
    const Doubles d;
    DoubleVec t, t_lo, x, b;
    MultiplyPairs(d, Raw(j), hn::Zero(d), hn::Set(d, keep_.hi), hn::Set(d, keep_.lo), t, t_lo);
    const DoubleMask shown = row_.Load(j, x, b);
    AddPairs(t, t_lo, hn::IfThenElseZero(shown, hn::Set(d, share_lanes_.hi)),
             hn::IfThenElseZero(shown, hn::Set(d, share_lanes_.lo)), hi, lo);
  }
  // The same of one entry, whatever the numbers.
  internal::WidePair At(size_t j) const {
    double x, b;
    const internal::WidePair kept = internal::WidePair(RawAt(j)) * internal::WidePair(keep_.hi, keep_.lo);
    return row_.At(j, x, b) ? kept + share_ : kept;
  }

 private:
  HWY_INLINE DoubleVec Raw(size_t j) const {
    const Doubles d;
    if (label_ < 0) return targets_.Load(j);
    const DoubleMask here = hn::Eq(hn::Iota(d, static_cast<double>(j)), hn::Set(d, static_cast<double>(label_)));
    return hn::IfThenElseZero(here, hn::Set(d, 1.0));
  }
  double RawAt(size_t j) const { return label_ < 0 ? targets_.At(j) : j == static_cast<size_t>(label_) ? 1 : 0; }

  HWY_NOINLINE void Scan(double smoothing) {
    const Doubles d;
    const DoubleVec zero = hn::Zero(d);
    DoubleMask bad = hn::Ne(zero, zero);
    DoubleMask hidden = bad;
    DoubleVec most = zero;
    DoubleVec least = hn::Set(d, 1.0);
    DoubleVec x, b;
    for (size_t j = 0; j < row_.size(); j += Lanes()) {
      const DoubleVec t = Raw(j);
      bad = hn::Or(bad, hn::Not(hn::And(hn::Ge(t, zero), hn::Lt(t, hn::Set(d, kInf)))));
      const DoubleMask positive = hn::Gt(t, zero);
      hidden = hn::Or(hidden, hn::AndNot(row_.Load(j, x, b), positive));
      most = hn::Max(most, hn::IfThenElseZero(positive, t));
      least = hn::Min(least, hn::IfThenElse(positive, t, least));
    }
    bad_ = !hn::AllFalse(d, bad);
    hidden_ = !hn::AllFalse(d, hidden) && smoothing < 1;
    regular_ = LargestLane(most) <= 0x1p150 && hn::GetLane(hn::MinOfLanes(d, least)) >= 0x1p-200 &&
               (smoothing == 0 || share_.e >= -200);
  }

  const AccurateRow& row_;
  int64_t label_;
  Values targets_;
  internal::ScalarPair keep_ = {1, 0};         // 1 - s
  internal::WidePair share_;                   // s / visible
  internal::ScalarPair share_lanes_ = {0, 0};  // the same
  bool bad_ = false;
  bool hidden_ = false;
  bool regular_ = true;
};

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace assay
HWY_AFTER_NAMESPACE();

#endif  // include guard
