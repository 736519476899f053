// SPDX-License-Identifier: Apache-2.0
//
// sparsemax of one row: max(z - tau, 0), tau so that the results sum to 1 (Martins & Astudillo 2016). Two ways: exact,
// and sorted as the paper has it.

#pragma once

#include <algorithm>
#include <vector>

#include "subjects/scalar/steps.h"

namespace assay::subjects {

// Exact: z - tau = (k N_j - sum N + m) / (k m) over the k entries of the support, where N is m (z - max z) as an
// expansion, so that who is in the support is decided exactly, and nothing cancels. The support by Michelot 1986: begin
// with all, drop those that are not above tau, and again, until none is dropped; tau only grows.
template <class S>
class ExactSparsemax {
 public:
  using Real = typename S::Real;

  ExactSparsemax(const Call& call, std::size_t row, const RowScan& scan) : call_(call), top_(scan.top) {
    Expansion<Real> none;
    m_ = AddScaledDifference(top_, top_, call.temperature(), &none);
    std::size_t before = 0;
    do {
      before = support_.count;
      Support next;
      for (std::size_t col = 0; col < call.cols(); ++col) {
        const Point p = S::At(call, row, col);
        Expansion<Real> above;
        if (!S::Visible(call, row, col, p) || !Above(p, &above)) continue;
        ++next.count;
        next.sum.AddTimes(Scaled(p), 1);
      }
      support_ = next;
    } while (support_.count != before);
  }

  Real Result(Point p) const {
    Expansion<Real> above;
    if (!Above(p, &above)) return 0;
    return above.Value() / (static_cast<Real>(support_.count) * m_);
  }

 private:
  struct Support {
    std::size_t count = 0;
    Expansion<Real> sum;  // of N
  };

  Expansion<Real> Scaled(Point p) const {
    Expansion<Real> n;
    AddScaledDifference(p, top_, call_.temperature(), &n);
    return n;
  }

  // Whether z of p is above tau of the support so far, and by how much times k m.
  bool Above(Point p, Expansion<Real>* above) const {
    // Further than 1 below the maximum nothing is in the support; this also keeps the scaled numbers in range.
    if (S::Z(p, top_, call_.temperature()) < -1.5) return false;
    if (support_.count == 0) return true;
    above->AddTimes(Scaled(p), static_cast<Real>(support_.count));
    above->AddTimes(support_.sum, -1);
    above->Add(m_);
    return above->Positive();
  }

  const Call& call_;
  Point top_;
  Support support_;
  Real m_ = 1;
};

// The steps of the sorted way; a part of RowSteps (rows.h).
template <class Self, class Real>
struct SparsemaxSteps {
  static constexpr bool kExactSparsemax = true;

  // tau - max z, from the z - max z of the visible entries, largest first: k is the last for which 1 + k z > the sum of
  // the k largest.
  static Real Threshold(const std::vector<Real>& z) {
    Real sum = 0;
    Real threshold = 0;
    for (std::size_t i = 0; i < z.size(); ++i) {
      sum += z[i];
      const auto k = static_cast<Real>(i + 1);
      if (!Self::InSupport(z[i], sum, k)) break;
      threshold = (sum - 1) / k;
    }
    return threshold;
  }
  static bool InSupport(Real z, Real sum, Real k) { return 1 + k * z > sum; }
  // The visible entries that may be in the support, largest first.
  static std::vector<Real> Sorted(const Call& call, std::size_t row, const RowScan& scan) {
    std::vector<Real> z;
    for (std::size_t col = 0; col < call.cols(); ++col) {
      const Point p = Self::At(call, row, col);
      if (Self::Visible(call, row, col, p)) z.push_back(Self::Z(p, scan.top, call.temperature()));
    }
    std::sort(z.begin(), z.end(), std::greater<>());
    return z;
  }
};

template <class S>
void ExactSparsemaxRow(const Call& call, std::size_t row) {
  const RowScan scan = S::Scan(call, row);
  if (FillWithout<S>(call, row, scan, 0)) return;
  const ExactSparsemax<S> sparsemax(call, row, scan);
  for (std::size_t col = 0; col < call.cols(); ++col) {
    const Point p = S::At(call, row, col);
    S::Write(call, row, col, S::Visible(call, row, col, p) ? sparsemax.Result(p) : 0);
  }
}

template <class S>
void SortedSparsemaxRow(const Call& call, std::size_t row) {
  using Real = typename S::Real;
  const RowScan scan = S::Scan(call, row);
  if (FillWithout<S>(call, row, scan, 0)) return;
  const Real threshold = S::Threshold(S::Sorted(call, row, scan));
  for (std::size_t col = 0; col < call.cols(); ++col) {
    const Point p = S::At(call, row, col);
    const bool visible = S::Visible(call, row, col, p);
    S::Write(call, row, col, visible ? std::fmax(S::Z(p, scan.top, call.temperature()) - threshold, Real{0}) : 0);
  }
}

}  // namespace assay::subjects
