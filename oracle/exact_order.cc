// SPDX-License-Identifier: Apache-2.0
//
// z(a) - z(b) = ((a.x - b.x) + T (a.bias - b.bias)) / T, T > 0. The numerator is a sum of dyadic numbers: at most about
// 4300 bits, which arf_t holds exactly; the quotient is rounded once each way.

#include "oracle/exact_order.h"

#include <cmath>
#include <limits>

#include "oracle/arb_real.h"

namespace assay::oracle {
namespace {

using Extended = std::numeric_limits<long double>;
// Below, no operation on doubles may overflow or lose bits to underflow: exponents reach from -2148 to 2101.
static_assert(Extended::digits >= 64 && Extended::min_exponent < -4300 && Extended::max_exponent > 4300);

// (a.x - b.x) + T (a.bias - b.bias), exactly.
void SetNumerator(arf_ptr result, const Argument& a, const Argument& b, double temperature) {
  static thread_local Float term;
  arf_set_d(result, a.bias);
  arf_set_d(term, b.bias);
  arf_sub(result, result, term, ARF_PREC_EXACT, ARF_RND_DOWN);
  arf_set_d(term, temperature);
  arf_mul(result, result, term, ARF_PREC_EXACT, ARF_RND_DOWN);
  arf_set_d(term, a.x);
  arf_add(result, result, term, ARF_PREC_EXACT, ARF_RND_DOWN);
  arf_set_d(term, b.x);
  arf_sub(result, result, term, ARF_PREC_EXACT, ARF_RND_DOWN);
}

}  // namespace

Approximate ApproximateDifference(const Argument& a, const Argument& b, double temperature) {
  // Three roundings on the way to each value, of at most 2^-64 of the largest number met, and one in the error.
  const long double by_x = (static_cast<long double>(a.x) - b.x) / temperature;
  const long double by_bias = static_cast<long double>(a.bias) - b.bias;
  return {by_x + by_bias, 0x1p-61L * (std::fabs(by_x) + std::fabs(by_bias))};
}

int CompareZ(const Argument& a, const Argument& b, double temperature) {
  if (a.bias == b.bias) return (a.x > b.x) - (a.x < b.x);
  if (a.x == b.x) return a.bias > b.bias ? 1 : -1;
  const Approximate difference = ApproximateDifference(a, b, temperature);
  if (std::fabs(difference.value) > difference.error) return difference.value > 0 ? 1 : -1;
  FlintCleanupAtThreadExit();
  static thread_local Float numerator;
  SetNumerator(numerator, a, b, temperature);
  return arf_sgn(numerator);
}

SignedInterval DifferenceOfZ(const Argument& a, const Argument& b, double temperature) {
  FlintCleanupAtThreadExit();
  static thread_local Float numerator, divisor, quotient;
  SetNumerator(numerator, a, b, temperature);
  arf_set_d(divisor, temperature);
  SignedInterval result;
  result.sign = arf_sgn(numerator);
  arf_div(quotient, numerator, divisor, 128, ARF_RND_DOWN);
  result.magnitude.lo = MagnitudeOf(static_cast<arf_srcptr>(quotient));
  arf_div(quotient, numerator, divisor, 128, ARF_RND_UP);
  result.magnitude.hi = MagnitudeOf(static_cast<arf_srcptr>(quotient));
  return result;
}

SignedInterval ZOf(const Argument& a, double temperature) { return DifferenceOfZ(a, {}, temperature); }

}  // namespace assay::oracle
