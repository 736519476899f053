// SPDX-License-Identifier: Apache-2.0
//
// Inside oracle/ only: what is decided exactly about the rational numbers z = x / T + bias, before any ladder. The
// operands are finite, 0 < T < inf.

#pragma once

#include "oracle/round.h"

namespace assay::oracle {

// A number: its sign, and its magnitude in 128 bits; a point where those hold it exactly.
struct SignedInterval {
  Interval magnitude;
  int sign = 0;
};

// One z.
struct Argument {
  double x = 0;
  double bias = 0;
};

// The sign of z(a) - z(b).
int CompareZ(const Argument& a, const Argument& b, double temperature);

// z(a), and z(a) - z(b), as the quotient of exact sums.
SignedInterval ZOf(const Argument& a, double temperature);
SignedInterval DifferenceOfZ(const Argument& a, const Argument& b, double temperature);

// z(a) - z(b) in long double, and a bound on its error (relative to the larger of the two differences).
struct Approximate {
  long double value;
  long double error;
};
Approximate ApproximateDifference(const Argument& a, const Argument& b, double temperature);

}  // namespace assay::oracle
