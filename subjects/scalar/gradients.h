// SPDX-License-Identifier: Apache-2.0
//
// The gradients of softmax, log_softmax and sparsemax from their saved output, one row at a time. Entries without mass
// take no part: their upstream may hold anything.

#pragma once

#include "subjects/scalar/steps.h"

namespace assay::subjects {

// The steps of a gradient; a part of RowSteps (rows.h).
template <class Self, class Real, class Wide>
struct GradientSteps {
  static double Saved(const Call& call, std::size_t row, std::size_t col) { return call.Saved(row, col); }
  static double Upstream(const Call& call, std::size_t row, std::size_t col) { return call.Upstream(row, col); }
  // Whether an entry takes part; NaN does.
  static bool HasMass(double saved, assay_op op) {
    if (op == ASSAY_LOG_SOFTMAX_BACKWARD) return !(saved == -HUGE_VAL);
    return op == ASSAY_SPARSEMAX_BACKWARD ? !(saved <= 0) : saved != 0;
  }
  // Of an entry that takes part. Of a saved sparsemax only the support counts.
  static bool IsFine(double saved, assay_op op) {
    return op == ASSAY_SPARSEMAX_BACKWARD ? !std::isnan(saved) : std::isfinite(saved);
  }
  // What of an entry is summed over the row.
  static Real Term(Real saved, Real upstream, assay_op op) {
    return op == ASSAY_SOFTMAX_BACKWARD ? saved * upstream : upstream;
  }
  // `sum` of the terms, over `count` entries.
  static Wide Gradient(Wide saved, Wide upstream, Wide sum, std::size_t count, double temperature, assay_op op) {
    if (std::isinf(temperature)) return 0;
    const auto t = static_cast<Wide>(temperature);
    switch (op) {
      case ASSAY_SOFTMAX_BACKWARD:
        return saved * (upstream - sum) / t;
      case ASSAY_LOG_SOFTMAX_BACKWARD:
        return (upstream - (sum == 0 ? 0 : std::exp(saved) * sum)) / t;
      default:
        return (upstream - sum / static_cast<Wide>(count)) / t;
    }
  }
};

template <class S, assay_op kOp>
void GradientRow(const Call& call, std::size_t row) {
  using Real = typename S::Real;
  using Wide = typename S::Wide;
  typename S::Sum sum;
  std::size_t count = 0;
  bool nan = false;
  for (std::size_t col = 0; col < call.cols(); ++col) {
    const double saved = S::Saved(call, row, col);
    if (!S::HasMass(saved, kOp)) continue;
    const double upstream = S::Upstream(call, row, col);
    nan = nan || !S::IsFine(saved, kOp) || !std::isfinite(upstream);
    ++count;
    sum.Add(static_cast<typename S::Sum::Real>(S::Term(static_cast<Real>(saved), static_cast<Real>(upstream), kOp)));
  }
  const auto total = static_cast<Wide>(sum.Value());
  for (std::size_t col = 0; col < call.cols(); ++col) {
    const double saved = S::Saved(call, row, col);
    long double gradient = 0;
    if (S::HasMass(saved, kOp)) {
      const auto upstream = static_cast<Wide>(S::Upstream(call, row, col));
      gradient = nan ? kNotANumber<Wide>
                     : S::Gradient(static_cast<Wide>(saved), upstream, total, count, call.temperature(), kOp);
    }
    S::Write(call, row, col, gradient);
  }
}

}  // namespace assay::subjects
