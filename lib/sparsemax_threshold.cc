// SPDX-License-Identifier: Apache-2.0

#include "sparsemax_threshold.h"

#include "wide_pair.h"

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
  return RoundWide(ASSAY_F64,
                   WidePair(above, exponent) / (WidePair(static_cast<double>(count_)) * WidePair(temperature_)));
}

bool SparseThreshold::Tau(bool divided, ScalarPair* tau) const {
  std::int64_t exponent;
  ExactSum minus_a = minus_a_;
  const ScalarPair value = minus_a.Value(&exponent);
  *tau = {0, 0};
  if (value.hi == 0) return true;
  WidePair quotient = -WidePair(value, exponent) / WidePair(static_cast<double>(count_));
  if (divided) quotient = quotient / WidePair(temperature_);
  constexpr std::int64_t kReach = 950;  // of exponents: the low half must not underflow
  if (quotient.e < -kReach || quotient.e > kReach) return false;
  *tau = quotient.ToPair();
  return true;
}

}  // namespace assay::internal
