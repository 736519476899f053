// SPDX-License-Identifier: Apache-2.0
//
// What the gradients of the exact tier learn of a row in its first pass, and for which rows double lanes will do: those
// where no intermediate overflows and what underflows is far below the bound, 2^-50 of the terms. The limits are wide
// of the mark on purpose; rows beyond them are slow, not wrong. f32 and shorter types never leave double's range, but
// for the exponential.

#pragma once

#include "rounding.h"

namespace assay::internal {

// Of the live entries of a row; extremes are 0 where the operation and type do not need them.
struct Moments {
  ScalarPair sum = {0, 0};  // of p dy, or of dy
  double count = 0;         // of live entries
  bool special = false;     // NaN or infinite where that makes the row NaN
  double low = 0;           // the least saved output, or 0
  double high = 0;          // the largest, or 0
  double max_upstream = 0;  // of |dy|
  double max_term = 0;      // of |p dy|
};

// |arguments| of the exponential in lanes and in scalars; with larger ones no dy and T of a type give a result other
// than without exponential, or infinity.
inline constexpr double kLaneExpReach = 700;
inline constexpr double kScaledExpReach = 6000;  // 2^8656, where sum / T lies within 2^-2200 and 2^2200

inline bool Within(double value, double low, double high) { return low <= value && value <= high; }
inline bool UsualTemperature(double t) { return Within(t, 0x1p-100, 0x1p100); }

// The products up to 2^800, their sum below 2^864; it and dy - sum are good to 2^-1010 of the largest product.
inline bool SoftmaxInRange(const Moments& row, double t) {
  return UsualTemperature(t) && Within(row.low, -0x1p400, 0x1p400) && Within(row.high, -0x1p400, 0x1p400) &&
         (row.max_upstream == 0 || (row.max_upstream <= 0x1p400 && row.max_term >= 0x1p-900));
}

// f32: an exponential below e^-700 = 2^-1010 gives, with any sum below 2^192 and T, less than 2^-700, which no result
// feels: dy / T, if it is not 0, is above 2^-250.
inline bool LogSoftmaxFloatInRange(const Moments& row, double t) { return UsualTemperature(t) && row.high <= 300; }

// f64: the least product of exponential and a sum of terms is e^-650 2^-80 > 2^-1018: an underflow, 2^-1075, is below
// 2^-56 of it.
inline bool LogSoftmaxInRange(const Moments& row, double t) {
  return UsualTemperature(t) && Within(row.low, -650, 0) && row.high <= 300 &&
         (row.max_upstream == 0 || Within(row.max_upstream, 0x1p-80, 0x1p400));
}

inline bool SparsemaxInRange(const Moments& row, double t) {
  return UsualTemperature(t) && (row.max_upstream == 0 || Within(row.max_upstream, 0x1p-900, 0x1p900));
}

}  // namespace assay::internal
