// SPDX-License-Identifier: Apache-2.0
//
// The steps that a row operation is made of, each a function that another subject may put its own in the place of: a
// subject is a struct that derives from Steps<itself, Real>, and the row functions (activations.h, gradients.h, loss.h,
// sparsemax.h) are written over it. What Steps does is what is right.

#pragma once

#include <cmath>
#include <cstddef>
#include <limits>

#include "assay/assay.h"
#include "subjects/scalar/call.h"
#include "subjects/scalar/environment.h"
#include "subjects/scalar/exact.h"

namespace assay::subjects {

template <class Real>
inline constexpr Real kInfinity = std::numeric_limits<Real>::infinity();
template <class Real>
inline constexpr Real kNotANumber = std::numeric_limits<Real>::quiet_NaN();

// What is known of a row of logits after one look at it.
struct RowScan {
  std::size_t visible = 0;
  bool nan = false;       // a visible NaN
  bool infinite = false;  // a visible +inf, of logit or bias
  std::size_t at = 0;     // the first entry with the largest z
  Point top;              // that entry

  bool Ordinary() const { return visible > 0 && !nan && !infinite; }
};

// RealT  the type of exponentials and sums.
// WideT  that of differences of z and of the last products and quotients of a gradient.
template <class Self, class RealT, class WideT = RealT>
struct Steps {
  using Real = RealT;
  using Wide = WideT;
  using Sum = CompensatedSum<Real>;
  using Environment = DefaultEnvironment;

  // ---- The call --------------------------------------------------------------------------------------

  static assay_status Check(const assay_row_args* args, assay_op op) { return subjects::Check(args, op); }
  // What a subject takes for the arguments.
  static void Adjust(assay_row_args*) {}
  // Before the first row of every call.
  static void Begin(const Call&) {}

  // ---- Entries ---------------------------------------------------------------------------------------

  static double Logit(const Call& call, std::size_t row, std::size_t col) { return call.Logit(row, col); }
  static Point At(const Call& call, std::size_t row, std::size_t col) {
    return {Self::Logit(call, row, col), call.Bias(row, col)};
  }
  // A NaN is visible.
  static bool Visible(const Call& call, std::size_t row, std::size_t col, Point p) {
    return !call.Masked(row, col) && !(p.x == -HUGE_VAL) && !(p.b == -HUGE_VAL);
  }

  static RowScan Scan(const Call& call, std::size_t row) {
    RowScan scan;
    for (std::size_t col = 0; col < call.cols(); ++col) {
      const Point p = Self::At(call, row, col);
      if (!Self::Visible(call, row, col, p)) continue;
      if (++scan.visible == 1) {
        scan.at = col;
        scan.top = p;
      }
      scan.nan = scan.nan || std::isnan(p.x) || std::isnan(p.b);
      scan.infinite = scan.infinite || p.x == HUGE_VAL || p.b == HUGE_VAL;
      if (!scan.nan && !scan.infinite && Self::Z(p, scan.top, call.temperature()) > 0) {
        scan.at = col;
        scan.top = p;
      }
    }
    return scan;
  }

  // ---- Exponentials and logarithms -------------------------------------------------------------------

  // z(p) - z(origin).
  static Real Z(Point p, Point origin, double temperature) {
    return static_cast<Real>(Difference<Wide>(p, origin, temperature));
  }
  static Real Exp(Real z) { return std::exp(z); }
  // The weight exp(z - max) of a visible entry.
  static Real Weight(const Call& call, std::size_t, std::size_t, Point p, const RowScan& scan) {
    return Self::Exp(Self::Z(p, scan.top, call.temperature()));
  }
  // The sum of weights of the visible entries but scan.at, whose weight is 1.
  static Real Others(const Call& call, std::size_t row, const RowScan& scan) {
    typename Self::Sum sum;
    for (std::size_t col = 0; col < call.cols(); ++col) {
      const Point p = Self::At(call, row, col);
      if (col == scan.at || !Self::Visible(call, row, col, p)) continue;
      sum.Add(static_cast<typename Self::Sum::Real>(Self::Weight(call, row, col, p, scan)));
    }
    return static_cast<Real>(sum.Value());
  }
  // log of the sum of all weights: of few others it keeps all digits.
  static Real LogOfSum(Real others) { return std::log1p(others); }

  // ---- Results ---------------------------------------------------------------------------------------

  static bool EmptyRowIsZero(const Call& call) { return call.EmptyRowIsZero(); }
  static Wide Share(Real weight, Real others) { return static_cast<Wide>(weight / (1 + others)); }
  static Wide LogShare(const Call& call, Point p, const RowScan& scan, Real others) {
    return static_cast<Wide>(Self::Z(p, scan.top, call.temperature()) - Self::LogOfSum(others));
  }
  static Wide LogSumExp(const Call& call, const RowScan& scan, Real others) {
    return static_cast<Wide>(Self::Z(scan.top, {}, call.temperature())) + static_cast<Wide>(Self::LogOfSum(others));
  }
  static Wide Sigmoid(Real z) {
    const Real small = Self::Exp(-std::fabs(z));
    return static_cast<Wide>((z < 0 ? small : 1) / (1 + small));
  }
  static void Write(const Call& call, std::size_t row, std::size_t col, long double value) {
    call.Set(row, col, value);
  }
};

// Rows that have no arithmetic: NaN, or what no mass gives. True where this is one of them.
template <class S>
bool FillWithout(const Call& call, std::size_t row, const RowScan& scan, long double no_mass) {
  if (scan.Ordinary()) return false;
  const bool nan = scan.nan || scan.infinite || !S::EmptyRowIsZero(call);
  call.Fill(row, nan ? kNotANumber<long double> : no_mass);
  return true;
}

}  // namespace assay::subjects
