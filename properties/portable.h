// SPDX-License-Identifier: Apache-2.0
//
// exp and tanh for generators and domains, never for verdicts: IEEE operations alone, the same on every machine (libm
// is not).

#pragma once

#include <cmath>

namespace assay::properties {

// e^x for x <= 0 within a few 2^-52: argument reduction by ln 2 in two words (Cody & Waite 1980), then the Taylor
// series.
inline double PortableExp(double x) {
  if (x < -745) return 0;
  const double k = std::floor(x * 0x1.71547652b82fep+0 + 0.5);
  const double r = (x - k * 0x1.62e42feep-1) - k * 0x1.a39ef35793c76p-33;
  double sum = 1;
  for (int i = 16; i > 0; --i) sum = 1 + r / i * sum;
  return std::ldexp(sum, static_cast<int>(k));  // exact but for subnormals
}

// tanh x, absolutely within a few 2^-52.
inline double PortableTanh(double x) {
  if (std::isnan(x)) return x;
  const double e = PortableExp(-2 * std::fabs(x));
  const double t = (1 - e) / (1 + e);
  return x < 0 ? -t : t;
}

}  // namespace assay::properties
