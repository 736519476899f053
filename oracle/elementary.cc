// SPDX-License-Identifier: Apache-2.0
//
// MPFR at a fixed 100 decimal digits, through Boost.Multiprecision.
//
// Error    A literal is read to 1e-99 relative. An exponent is below 1e5 in absolute value (checked), so an exponential
//          is within 2e-94 relative; it is at most e^100 < 1e44. Sums and quotients add less. So a result of 60
//          decimals is known to below 1e-49 of itself, and its last digit is wrong only where the exact value lies that
//          close to a tie between two of them.

#include "oracle/elementary.h"

#include <algorithm>
#include <boost/multiprecision/cpp_int.hpp>
#include <boost/multiprecision/mpfr.hpp>
#include <stdexcept>

namespace assay::oracle {
namespace {

namespace mp = boost::multiprecision;
using Real = mp::number<mp::mpfr_float_backend<100>, mp::et_off>;

constexpr int kMaxDecimals = 60;
constexpr int kMaxExponent = 100;
constexpr int kMaxMagnitude = 100'000;

Real Parse(std::string_view literal) {
  Real value;
  try {
    value = Real(std::string(literal));
  } catch (const std::exception&) {
    throw std::invalid_argument("not a decimal literal: '" + std::string(literal) + "'");
  }
  if (literal.empty() || !mp::isfinite(value) || abs(value) > kMaxMagnitude) {
    throw std::invalid_argument("not a decimal literal of at most 1e5: '" + std::string(literal) + "'");
  }
  return value;
}

Real ParseTemperature(std::string_view literal) {
  const Real value = Parse(literal);
  if (value <= 0) throw std::invalid_argument("not a positive temperature: '" + std::string(literal) + "'");
  return value;
}

Real Exp(const Real& x) {
  if (x > kMaxExponent || x < -kMaxMagnitude)
    throw std::invalid_argument("exponential out of range: exp(" + x.str(10) + ")");
  return exp(x);
}

std::string Digits(const Real& value, int decimals) {
  if (decimals < 0 || decimals > kMaxDecimals) throw std::invalid_argument("decimals must be in [0, 60]");
  const Real scaled = floor(abs(value) * pow(Real(10), decimals) + Real(0.5));
  std::string digits = scaled.convert_to<mp::cpp_int>().str();
  const auto places = static_cast<std::size_t>(decimals);
  if (digits.size() <= places) digits.insert(0, places + 1 - digits.size(), '0');
  if (places > 0) digits.insert(digits.size() - places, 1, '.');
  return value < 0 && scaled > 0 ? "-" + digits : digits;
}

}  // namespace

std::string ExpDigits(std::string_view x, int decimals) { return Digits(Exp(Parse(x)), decimals); }

std::string SumExpDigits(std::span<const std::string> x, int decimals) {
  Real sum = 0;
  for (const std::string& literal : x) sum += Exp(Parse(literal));
  return Digits(sum, decimals);
}

std::string ExpDifferenceDigits(std::string_view a, std::string_view b, int decimals) {
  return Digits(Exp(Parse(a)) - Exp(Parse(b)), decimals);
}

std::string ExpRatioDigits(std::string_view a, std::string_view b, std::string_view temperature, int decimals) {
  return Digits(Exp((Parse(a) - Parse(b)) / ParseTemperature(temperature)), decimals);
}

std::vector<std::string> SoftmaxDigits(std::span<const std::string> x, std::string_view temperature, int decimals) {
  if (x.empty()) return {};
  const Real t = ParseTemperature(temperature);
  std::vector<Real> z;
  for (const std::string& literal : x) z.push_back(Parse(literal) / t);
  const Real row_max = *std::max_element(z.begin(), z.end());
  Real sum = 0;
  for (Real& value : z) {
    value = Exp(value - row_max);
    sum += value;
  }
  std::vector<std::string> digits;
  for (const Real& value : z) digits.push_back(Digits(value / sum, decimals));
  return digits;
}

}  // namespace assay::oracle
