// SPDX-License-Identifier: Apache-2.0
//
// The error of an exponential in double or double-double, with Arb.

#include <cmath>
#include <limits>

#include "oracle/arb_real.h"
#include "oracle/oracle.h"

namespace assay::oracle {

double ExpRelativeError(double x, double got, double got_lo) {
  if (std::isnan(x) || std::isnan(got)) {
    return std::isnan(x) && std::isnan(got) ? 0 : std::numeric_limits<double>::infinity();
  }
  if (std::isinf(x) || std::isinf(got)) {
    const bool right = got == (x > 0 ? x : 0) && std::isinf(x);
    return right ? 0 : std::numeric_limits<double>::infinity();
  }
  if (got == 0) return 1;
  // A double needs less than the sum of two; the exhaustive test asks a billion times.
  const slong precision = got_lo == 0 ? 128 : 192;
  FlintCleanupAtThreadExit();
  static thread_local Ball sum, value;
  static thread_local Float end;
  // (got + got_lo) * exp(-x) - 1, without a division.
  arb_set_d(sum, got);
  if (got_lo != 0) {
    arb_set_d(value, got_lo);
    arb_add(sum, sum, value, precision);
  }
  arb_set_d(value, -x);
  arb_exp(value, value, precision);
  arb_mul(value, value, sum, precision);
  arb_sub_ui(value, value, 1, precision);
  arb_abs(value, value);
  arb_get_ubound_arf(end, value, precision);
  return arf_get_d(end, ARF_RND_UP);
}

}  // namespace assay::oracle
