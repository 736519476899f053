// SPDX-License-Identifier: Apache-2.0
//
// The textbook bound of every operation, as bounds.h promises it, and the terms its formula adds. One function for each
// kind of operation; each derives its bound where it stands.
//
// The model throughout: the formula of assay.h, max-subtracted where it has an exponential, computed in the dtype
// itself with unit roundoff u = 2^-precision. Every addition, product and quotient has a relative error of at most u
// (underflow: half the smallest subnormal), exp and log of at most 2 u, that is one ulp. A sum of k numbers in any
// order is off by at most Gamma(k) times the sum of magnitudes, Gamma(k) = k u / (1 - k u) (Higham 2002, section 3.1);
// for k u >= 1/2 nothing is promised.

#pragma once

#include <cstdint>
#include <vector>

#include "properties/row_model.h"
#include "subjects/case.h"

namespace assay::properties {

// What can be said of one output.
struct Analysis {
  bool fixed = true;  // its value is a convention: 0, +-inf, NaN; terms and error are then 0
  double terms = 0;   // sum of |terms|
  double error = 0;   // the textbook bound on |got - exact|; infinite: nothing is promised
};

// The dtype's arithmetic.
struct Arithmetic {
  double u;
  double smallest;  // subnormal
  double largest;
  explicit Arithmetic(assay_dtype dtype);
  double Gamma(double k) const;
};

// The outputs of a row of logits (softmax, log_softmax, logsumexp, sigmoid, sparsemax).
std::vector<Analysis> AnalyzeSoftmax(const Arithmetic& a, const RowModel& row);
std::vector<Analysis> AnalyzeLogSoftmax(const Arithmetic& a, const RowModel& row);
Analysis AnalyzeLogSumExp(const Arithmetic& a, const RowModel& row);
Analysis AnalyzeSigmoid(const Arithmetic& a, const subjects::Case& c, std::size_t i);
std::vector<Analysis> AnalyzeSparsemax(const Arithmetic& a, const RowModel& row, std::uint64_t repeat);

// All outputs of a backward operation of an activation, of the loss, and of its gradient.
std::vector<Analysis> AnalyzeBackward(const Arithmetic& a, const subjects::Case& c);
std::vector<Analysis> AnalyzeLoss(const Arithmetic& a, const subjects::Case& c);
std::vector<Analysis> AnalyzeLossGradient(const Arithmetic& a, const subjects::Case& c);

// All outputs of any operation.
std::vector<Analysis> Analyze(const subjects::Case& c, std::uint64_t repeat);

}  // namespace assay::properties
