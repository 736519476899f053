// SPDX-License-Identifier: Apache-2.0
//
// Cross-entropy and its gradient with respect to the logits, over the steps of a subject.

#pragma once

#include "subjects/scalar/steps.h"

namespace assay::subjects {

// The steps of a loss; a part of RowSteps (rows.h).
template <class Self, class Real, class Wide>
struct LossSteps {
  // t, with its share of the smoothing.
  static Wide Target(const Call& call, std::size_t row, std::size_t col, bool visible, const RowScan& scan) {
    const auto smoothing = static_cast<Wide>(call.args().label_smoothing);
    const Wide own = (1 - smoothing) * static_cast<Wide>(call.Target(row, col));
    return visible ? own + smoothing / static_cast<Wide>(scan.visible) : own;
  }
  static bool Ignored(const Call& call, std::size_t row) { return call.Ignored(row); }
  // t times -log p of a visible entry, t > 0.
  static Real Cost(const Call& call, Wide target, Point p, const RowScan& scan, Real others) {
    return static_cast<Real>(target * -Self::LogShare(call, p, scan, others));
  }
  // Of a row with a positive t at an invisible entry.
  static Real HiddenCost() { return kInfinity<Real>; }
  static std::size_t Divisor(const Call& call, std::size_t counted) {
    return call.args().reduction == ASSAY_REDUCTION_MEAN ? counted : 1;
  }
  static Wide LossGradient(Wide share, Wide target, Wide total, Wide upstream, std::size_t divisor,
                           double temperature) {
    return upstream * (share * total - target) / static_cast<Wide>(temperature) / static_cast<Wide>(divisor);
  }
};

inline bool GoodTarget(double target) { return target >= 0 && target < HUGE_VAL; }

template <class S>
typename S::Real LossOfRow(const Call& call, std::size_t row) {
  using Real = typename S::Real;
  const RowScan scan = S::Scan(call, row);
  const bool special = scan.nan || scan.infinite;
  const Real others = scan.Ordinary() ? S::Others(call, row, scan) : 0;
  typename S::Sum sum;
  bool infinite = false;
  for (std::size_t col = 0; col < call.cols(); ++col) {
    if (special || !GoodTarget(call.Target(row, col))) return kNotANumber<Real>;
    const Point p = S::At(call, row, col);
    const bool visible = S::Visible(call, row, col, p);
    const auto target = S::Target(call, row, col, visible, scan);
    if (!(target > 0)) continue;
    infinite = infinite || !visible;
    if (visible) sum.Add(static_cast<typename S::Sum::Real>(S::Cost(call, target, p, scan, others)));
  }
  return infinite ? S::HiddenCost() : static_cast<Real>(sum.Value());
}

template <class S>
std::size_t CountedRows(const Call& call) {
  std::size_t counted = 0;
  for (std::size_t row = 0; row < call.rows(); ++row) counted += S::Ignored(call, row) ? 0 : 1;
  return counted;
}

// No row, or rows without columns: nothing but the reduced loss of no row.
template <class S>
void CrossEntropy(const Call& call) {
  using Real = typename S::Real;
  const bool reduced = call.args().reduction != ASSAY_REDUCTION_NONE;
  const std::size_t rows = call.cols() == 0 ? 0 : call.rows();
  typename S::Sum sum;
  for (std::size_t row = 0; row < rows; ++row) {
    const Real loss = S::Ignored(call, row) ? 0 : LossOfRow<S>(call, row);
    if (reduced) {
      sum.Add(static_cast<typename S::Sum::Real>(loss));
    } else {
      S::Write(call, row, 0, loss);
    }
  }
  if (!reduced) return;
  const auto divisor = static_cast<Real>(S::Divisor(call, rows == 0 ? 0 : CountedRows<S>(call)));
  S::Write(call, 0, 0, static_cast<Real>(sum.Value()) / divisor);
}

template <class S>
void CrossEntropyGradientRow(const Call& call, std::size_t row, std::size_t divisor) {
  using Wide = typename S::Wide;
  if (S::Ignored(call, row)) return call.Fill(row, 0);
  const RowScan scan = S::Scan(call, row);
  const double upstream = call.LossUpstream(row);
  bool bad = scan.nan || scan.infinite;
  typename S::Sum sum;
  for (std::size_t col = 0; col < call.cols(); ++col) {
    bad = bad || !GoodTarget(call.Target(row, col));
    const bool visible = S::Visible(call, row, col, S::At(call, row, col));
    sum.Add(static_cast<typename S::Sum::Real>(S::Target(call, row, col, visible, scan)));
  }
  if (bad) return call.Fill(row, kNotANumber<long double>);
  const auto total = static_cast<Wide>(sum.Value());
  const typename S::Real others = scan.Ordinary() ? S::Others(call, row, scan) : 0;
  for (std::size_t col = 0; col < call.cols(); ++col) {
    const Point p = S::At(call, row, col);
    long double gradient = 0;
    if (S::Visible(call, row, col, p)) {
      const auto target = S::Target(call, row, col, true, scan);
      gradient = !std::isfinite(upstream)
                     ? kNotANumber<Wide>
                     : S::LossGradient(S::Share(S::Weight(call, row, col, p, scan), others), target, total,
                                       static_cast<Wide>(upstream), divisor, call.temperature());
    }
    S::Write(call, row, col, gradient);
  }
}

template <class S>
void CrossEntropyGradient(const Call& call) {
  const std::size_t divisor = S::Divisor(call, CountedRows<S>(call));
  for (std::size_t row = 0; row < call.rows(); ++row) CrossEntropyGradientRow<S>(call, row, divisor);
}

}  // namespace assay::subjects
