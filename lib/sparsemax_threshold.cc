// SPDX-License-Identifier: Apache-2.0

#include "sparsemax_threshold.h"

#include "scaled.h"

namespace assay::internal {
void SparseThreshold::Clear() {
  minus_a_.Clear();
  count_ = 0;
}

void SparseThreshold::Add(double x, double b) {
  minus_a_.Add(-x);
  if (has_bias_) minus_a_.AddProduct(-b, temperature_);
  ++count_;
}

void SparseThreshold::Finish() { minus_a_.Add(temperature_); }

ScalarPair SparseThreshold::Above(double x, double b, std::int64_t* exponent) const {
  ExactSum above = minus_a_;
  above.Add(x, count_);
  if (has_bias_) above.AddProduct(b, temperature_, count_);
  return above.Value(exponent);
}

double SparseThreshold::Share(double x, double b) const {
  std::int64_t exponent;
  const ScalarPair above = Above(x, b, &exponent);
  if (!(above.hi > 0)) return 0;
  if (count_ == 1) return 1;
  return (Scaled(above, exponent) / (Scaled(static_cast<double>(count_)) * Scaled(temperature_))).ToDouble();
}

bool SparseThreshold::Tau(bool divided, ScalarPair* tau) const {
  std::int64_t exponent;
  ExactSum minus_a = minus_a_;
  const ScalarPair value = minus_a.Value(&exponent);
  *tau = {0, 0};
  if (value.hi == 0) return true;
  Scaled quotient = -Scaled(value, exponent) / Scaled(static_cast<double>(count_));
  if (divided) quotient = quotient / Scaled(temperature_);
  constexpr std::int64_t kReach = 950;  // of exponents: the low half must not underflow
  if (quotient.exponent() < -kReach || quotient.exponent() > kReach) return false;
  *tau = quotient.Shifted(quotient.exponent());
  return true;
}

}  // namespace assay::internal
