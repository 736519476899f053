// SPDX-License-Identifier: Apache-2.0
//
// The threshold tau of a support of a sparsemax row, exactly: an entry v = x + b T lies above it iff k v > A, with k
// entries in the support and A = sum v - T over them; its share is (k v - A) / (k T).

#pragma once

#include <cstdint>

#include "exact_sum.h"

namespace assay::internal {

class SparseThreshold {
 public:
  // Bias is not looked at where there is none.
  SparseThreshold(double temperature, bool has_bias) : temperature_(temperature), has_bias_(has_bias) {}

  // The support: Clear, Add its entries, Finish.
  void Clear();
  void Add(double x, double b);
  void Finish();

  std::uint64_t count() const { return count_; }
  // (k v - A) / (k T) of any entry, exactly 0 where it is not positive, else right to three roundings.
  double Share(double x, double b) const;
  bool Contains(double x, double b) const { return Above(x, b).hi > 0; }

  // tau = A / k, or A / (k T) where that is asked for, to 2^-97 of itself, as hi + lo; false where double cannot hold
  // it.
  bool Tau(bool divided, ScalarPair* tau) const;

 private:
  // k v - A.
  ScalarPair Above(double x, double b, std::int64_t* exponent) const;
  ScalarPair Above(double x, double b) const {
    std::int64_t exponent;
    return Above(x, b, &exponent);
  }

  double temperature_;
  bool has_bias_;
  std::uint64_t count_ = 0;
  ExactSum minus_a_;
};

}  // namespace assay::internal
