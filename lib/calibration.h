// SPDX-License-Identifier: Apache-2.0
//
// The mean cross-entropy of a labelled data set as a function of the inverse temperature, with its derivatives and a
// bound on their errors. Exposed for tests.

#pragma once

#include <cstddef>
#include <cstdint>

#include "assay/assay.h"
#include "rounding.h"

namespace assay::internal {

inline constexpr int kCalibrationBins = 15;

// The loss at one inverse temperature. `slope` is d nll / d beta, beta the inverse temperature of the scaled logits;
// |slope - exact| <= slope_error.
struct LossAt {
  double nll = 0;
  double slope = 0;
  double slope_error = 0;
  double curvature = 0;
  double ece = 0;
};

class LabelledLogits {
 public:
  // What the data say before any temperature.
  struct Summary {
    std::uint64_t rows = 0;      // that count
    bool undefined = false;      // the loss is NaN or infinite at every T
    double infinite = 0;         // ... this
    bool separable = true;       // every label's logit is its row's largest
    bool constant = true;        // every row's visible logits are equal
    int slope_at_zero_sign = 0;  // of the derivative at beta = 0
    int exponent = 0;            // differences of a row are at most 2^exponent, the largest at least half of it
  };

  // args have been checked: logits, mask and labels of a cross-entropy.
  explicit LabelledLogits(const assay_row_args& args);

  const Summary& summary() const { return summary_; }

  // At inverse temperature beta of the logits over 2^exponent, 0 <= beta <= inf.
  LossAt At(double beta) const;

 private:
  double Difference(double x, double max) const;
  bool Counts(std::size_t i, std::size_t* label) const;

  const assay_row_args& args_;
  Summary summary_;
};

}  // namespace assay::internal
