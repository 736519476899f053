// SPDX-License-Identifier: Apache-2.0
//
// How far from exact a result may be, for each output from the input and the claim. The only place with such numbers;
// each is derived where it stands in bounds.cc.

#pragma once

#include <cstdint>
#include <vector>

#include "oracle/oracle.h"
#include "subjects/case.h"
#include "subjects/subject.h"

namespace assay::properties {

// |got - exact| <= ulps * ulp(exact) + absolute. Infinite `absolute`: nothing is promised here (no textbook bound
// exists for n u >= 1, or an intermediate may overflow in the working precision).
struct Bound {
  double ulps = 0;
  double absolute = 0;
};

// Whether the subject claims correct rounding for the case's operation and dtype, so that equal exact values mean equal
// bits.
bool ClaimsNearest(const subjects::SubjectInfo& info, const subjects::Case& c);

// For every output, in the order of RunResult::out.
//   correctly rounded: 0.5 ulps. BOUND: max_ulp ulps plus terms times the sum of |terms| of the formula in assay.h.
//   none: the textbook bound of the working precision (the dtype's own u; Blanchard, Higham & Higham 2021) for the
//   max-subtracted formula, first order with the quadratic remainder covered, gradual underflow included. Sums too long
//   for a 16-bit type's u are held to f32's.
//   Infinite where that formula may overflow on the way, and for n u >= 1/2. Entries whose value is fixed (invisible
//   ones, rows with a visible NaN, rows without a visible entry) have the bound 0.
// `repeat` as in RunOptions. What the bounds are computed from (shares, sums) is double, rounded outwards by far more
// than its error.
std::vector<Bound> BoundsOf(const subjects::Case& c, const subjects::SubjectInfo& info, std::uint64_t repeat = 1);

// The same where the subject has no claim, whatever it claims: to compare a claim with the textbook.
std::vector<Bound> TextbookBounds(const subjects::Case& c, std::uint64_t repeat = 1);

// The sum of |terms| of every output: of what the formula in assay.h adds, z in place of logits / T + bias.
//   softmax, sigmoid p   log_softmax |z| + |log sum|   logsumexp |log sum|   sparsemax |z| + |tau|
//   backward p (|dy| + sum p |dy|) / T, (|dy| + exp(saved) sum |dy|) / T, (|dy| + mean |dy|) / T
//   loss sum t |log p|, over all rows and divided as they are   gradient |upstream| (p sum t + t) / T, divided likewise
// 0 for entries whose value is fixed.
std::vector<double> TermsOf(const subjects::Case& c, std::uint64_t repeat = 1);

// An upper bound on |got - exact| in units of value, when only `got` is known: the exact value may lie in the next
// higher binade, or further where the bound spans several.
double SlackAround(const Bound& bound, subjects::Element element, double got);

// The bound in ULP of a known exact value.
double InUlp(const Bound& bound, const oracle::Exact& exact);

}  // namespace assay::properties
