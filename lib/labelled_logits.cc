// SPDX-License-Identifier: Apache-2.0
//
// Loss, derivatives and calibration error of labelled logits at one inverse temperature.

#include <algorithm>
#include <cmath>
#include <limits>

#include "calibration.h"
#include "logits_row.h"
#include "scalar_exp.h"

namespace assay::internal {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kU = 0x1p-53;
constexpr double kLn2 = 0x1.62e42fefa39efp-1;

// A sum that keeps what its additions round away.
class Accumulator {
 public:
  void Add(double x) {
    const ScalarPair sum = TwoSumScalar(sum_, x);
    sum_ = sum.hi;
    rest_ += sum.lo;
  }
  double Value() const { return sum_ + rest_; }
  ScalarPair Pair() const { return TwoSumScalar(sum_, rest_); }

 private:
  double sum_ = 0;
  double rest_ = 0;
};

// log(1 + t) for 0 <= t < 2^53, to a few u: log(2^k m) = k log 2 + 2 atanh((m - 1) / (m + 1)), m in [0.75, 1.5].
double LogOnePlus(double t) {
  double m_less_1 = t;
  int k = 0;
  if (t > 0.5) {
    const double m = std::frexp(1 + t, &k);  // [1/2, 1)
    m_less_1 = (m < 0.75 ? 2 * m : m) - 1;
    if (m < 0.75) --k;
  }
  const double w = m_less_1 / (2 + m_less_1);  // |w| <= 0.2: the first term left out, w^27 / 27, is below 2^-66 w
  const double w2 = w * w;
  double series = 0;
  for (int i = 25; i >= 3; i -= 2) series = (series + 1.0 / i) * w2;
  return k * kLn2 + (2 * w + 2 * w * series);
}

// The sums over a row's visible entries, e = exp(beta d), d = (x - max) / 2^exponent <= 0.
struct RowSums {
  double rest = 0;       // sum e, less one maximum's 1
  double first = 0;      // sum e d
  double second = 0;     // sum e d^2
  double label_d = 0;    // d of the label
  bool correct = false;  // the first of the largest is the label
};

// Bin of the confidence 1 / (1 + rest): the least m >= 1 with m (1 + rest) >= 15, as an index from 0.
int BinOf(double rest) {
  for (int m = 1; m < kCalibrationBins; ++m) {
    if (m * (1 + rest) >= kCalibrationBins) return m - 1;
  }
  return kCalibrationBins - 1;
}

}  // namespace

LabelledLogits::LabelledLogits(const assay_row_args& args) : args_(args) {
  int exponent = std::numeric_limits<int>::min();
  for (std::size_t i = 0; i < args_.rows; ++i) {
    std::size_t label;
    if (!Counts(i, &label)) continue;
    ++summary_.rows;
    const LogitsRow row(args_, i);
    const RowRange range = RangeOf(row);
    if (!range.finite || !row.Visible(label)) {
      // NaN wins over an infinite loss.
      summary_.undefined = true;
      summary_.infinite = !range.finite || std::isnan(summary_.infinite) ? std::nan("") : kInf;
      continue;
    }
    if (row.At(label) < range.max) summary_.separable = false;
    if (range.min < range.max) {
      summary_.constant = false;
      // Halves, whose difference does not overflow; where a half is inexact, a difference is no more than subnormal.
      int e;
      const double spread = range.max - range.min;
      std::frexp(spread < kInf ? spread : range.max * 0.5 - range.min * 0.5, &e);
      exponent = std::max(exponent, spread < kInf ? e : e + 1);
    }
  }
  if (summary_.undefined || summary_.rows == 0 || summary_.constant) return;
  summary_.exponent = exponent;

  // d nll / d beta at 0 is the mean of (mean of d) - d_label; its sign to about 2^-95 of the terms' size.
  ScalarPair slope{0, 0};
  double terms = 0;
  for (std::size_t i = 0; i < args_.rows; ++i) {
    std::size_t label;
    if (!Counts(i, &label)) continue;
    const LogitsRow row(args_, i);
    const RowRange range = RangeOf(row);
    ScalarPair sum{0, 0};
    for (std::size_t j = 0; j < row.cols(); ++j) {
      if (row.Visible(j)) sum = Add(sum, {Difference(row.At(j), range.max), 0});
    }
    const auto count = static_cast<double>(range.visible);
    sum = Add(sum, MultiplyScalar({-count, 0}, {Difference(row.At(label), range.max), 0}));
    const double mean = sum.hi / count;
    slope = Add(slope, {mean, (std::fma(-mean, count, sum.hi) + sum.lo) / count});
    terms += std::fabs(mean);
  }
  summary_.slope_at_zero_sign = std::fabs(slope.hi) <= 0x1p-95 * terms ? 0 : slope.hi < 0 ? -1 : 1;
}

bool LabelledLogits::Counts(std::size_t i, std::size_t* label) const {
  const std::int64_t value =
      static_cast<const std::int64_t*>(args_.labels.data)[static_cast<std::ptrdiff_t>(i) * args_.labels.row_stride];
  *label = static_cast<std::size_t>(value);
  return args_.has_ignore_index == 0 || value != args_.ignore_index;
}

// (x - max) / 2^exponent, rounded once, in [-1, 0].
double LabelledLogits::Difference(double x, double max) const {
  const double difference = x - max;
  const bool fits = difference > -kInf;
  return std::ldexp(fits ? difference : x * 0.5 - max * 0.5, fits ? -summary_.exponent : 1 - summary_.exponent);
}

// Errors. With |z| = beta |d|, z is off by 2 u |z| (d and the product rounded once each), so e by (2 |z| + 2.25) u,
// relative; the sums by that, u for the product and 2 u for themselves. With mu = first / s, s = 1 + rest, a row's
// slope is mu - d_label. Off, in u: first by sum e |d| (2 beta |d| + 5.5), s by sum e (2 beta |d| + 4.5) and 1 for the
// addition, hence mu by 2 beta (second / s) + 2 beta mu^2 + 12 |mu|, where mu^2 <= second / s; the difference by |mu| +
// 3 |d_label|.
LossAt LabelledLogits::At(double beta) const {
  Accumulator nll, slope, error, curvature;
  Accumulator confidence[kCalibrationBins];
  std::uint64_t hits[kCalibrationBins] = {};
  for (std::size_t i = 0; i < args_.rows; ++i) {
    std::size_t label;
    if (!Counts(i, &label)) continue;
    const LogitsRow row(args_, i);
    const RowRange range = RangeOf(row);
    Accumulator rest, first, second;
    RowSums sums;
    bool maximum_seen = false;
    for (std::size_t j = 0; j < row.cols(); ++j) {
      if (!row.Visible(j)) continue;
      const double x = row.At(j);
      const double d = x == range.max ? 0 : Difference(x, range.max);
      if (j == label) {
        sums.label_d = d;
        sums.correct = x == range.max && !maximum_seen;
      }
      if (x == range.max && !maximum_seen) {
        maximum_seen = true;
        continue;
      }
      const double e = x == range.max ? 1 : ExpScalar(beta * d);
      rest.Add(e);
      first.Add(e * d);
      second.Add(e * d * d);
    }
    sums.rest = rest.Value();
    sums.first = first.Value();
    sums.second = second.Value();
    const double s = 1 + sums.rest;
    const double mean = sums.first / s;
    const double square = sums.second / s;
    nll.Add(LogOnePlus(sums.rest));
    if (sums.label_d < 0) nll.Add(-beta * sums.label_d);
    slope.Add(mean);
    slope.Add(-sums.label_d);
    error.Add(4 * (beta < kInf ? beta : 0) * square + 13 * std::fabs(mean) + 3 * std::fabs(sums.label_d));
    curvature.Add(std::max(0.0, square - mean * mean));
    const int bin = BinOf(sums.rest);
    confidence[bin].Add(1 / s);
    hits[bin] += sums.correct ? 1 : 0;
  }
  const auto rows = static_cast<double>(summary_.rows);
  LossAt at;
  at.nll = nll.Value() / rows;
  at.slope = slope.Value() / rows;
  // The sums over rows and the division: 3 u of the result and 2^-100 of the terms, within the factor 1.01.
  at.slope_error = 1.01 * kU * error.Value() / rows + 3 * kU * std::fabs(at.slope);
  at.curvature = curvature.Value() / rows;
  for (int bin = 0; bin < kCalibrationBins; ++bin) {
    at.ece += std::fabs(static_cast<double>(hits[bin]) - confidence[bin].Value()) / rows;
  }
  return at;
}

}  // namespace assay::internal
