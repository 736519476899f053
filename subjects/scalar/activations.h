// SPDX-License-Identifier: Apache-2.0
//
// softmax, log_softmax, logsumexp and sigmoid of one row, over the steps of a subject. In place is fine: what lies in
// an entry is read for the last time before it is written.

#pragma once

#include "subjects/scalar/steps.h"

namespace assay::subjects {

template <class S>
void SoftmaxRow(const Call& call, std::size_t row) {
  const RowScan scan = S::Scan(call, row);
  if (FillWithout<S>(call, row, scan, 0)) return;
  const typename S::Real others = S::Others(call, row, scan);
  for (std::size_t col = 0; col < call.cols(); ++col) {
    const Point p = S::At(call, row, col);
    const bool visible = S::Visible(call, row, col, p);
    S::Write(call, row, col, visible ? S::Share(S::Weight(call, row, col, p, scan), others) : 0);
  }
}

template <class S>
void LogSoftmaxRow(const Call& call, std::size_t row) {
  const RowScan scan = S::Scan(call, row);
  if (FillWithout<S>(call, row, scan, -HUGE_VAL)) return;
  const typename S::Real others = S::Others(call, row, scan);
  for (std::size_t col = 0; col < call.cols(); ++col) {
    const Point p = S::At(call, row, col);
    const bool visible = S::Visible(call, row, col, p);
    S::Write(call, row, col, visible ? S::LogShare(call, p, scan, others) : -HUGE_VAL);
  }
}

template <class S>
void LogSumExpRow(const Call& call, std::size_t row) {
  const RowScan scan = S::Scan(call, row);
  if (scan.nan) return S::Write(call, row, 0, kNotANumber<long double>);
  if (scan.infinite) return S::Write(call, row, 0, HUGE_VAL);
  if (scan.visible == 0) return S::Write(call, row, 0, -HUGE_VAL);
  S::Write(call, row, 0, S::LogSumExp(call, scan, S::Others(call, row, scan)));
}

template <class S>
void SigmoidRow(const Call& call, std::size_t row) {
  for (std::size_t col = 0; col < call.cols(); ++col) {
    const Point p = S::At(call, row, col);
    if (!S::Visible(call, row, col, p)) {
      S::Write(call, row, col, 0);
    } else if (std::isnan(p.x) || std::isnan(p.b)) {
      S::Write(call, row, col, kNotANumber<long double>);
    } else if (p.x == HUGE_VAL || p.b == HUGE_VAL) {
      S::Write(call, row, col, 1);
    } else {
      S::Write(call, row, col, S::Sigmoid(S::Z(p, {}, call.temperature())));
    }
  }
}

}  // namespace assay::subjects
