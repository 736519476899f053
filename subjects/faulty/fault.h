// SPDX-License-Identifier: Apache-2.0
//
// How a faulty subject is written: a struct that takes one step of a reference and does it differently, in one
// operation and type. It declares what the reference does, claim included: a liar is what the suite is for.

#pragma once

#include <type_traits>
#include <vector>

#include "subjects/scalar/scalar.h"
#include "subjects/scalar/single.h"

namespace assay::subjects {

template <assay_op kOpV, assay_dtype kDtypeV, bool kClaimsV>
struct Place {
  static constexpr assay_op kOp = kOpV;
  static constexpr assay_dtype kDtype = kDtypeV;
  static constexpr bool kClaims = kClaimsV;
};

// One step away from `scalar`, with its claim.
template <class Self, assay_op kOp = ASSAY_SOFTMAX, assay_dtype kDtype = ASSAY_F32>
struct FromScalar : RowSteps<Self, ScalarReal<kOp, kDtype>>, Place<kOp, kDtype, true> {
  using Base = RowSteps<Self, ScalarReal<kOp, kDtype>>;
};

// One step away from `textbook`, without a claim.
template <class Self, assay_op kOp = ASSAY_SOFTMAX>
struct FromTextbook : TextbookSteps<Self, float, double>, Place<kOp, ASSAY_F32, false> {
  using Base = TextbookSteps<Self, float, double>;
};

template <class S>
BuiltIn Fault(const char* name, const char* mechanism, const char* breaks, const char* description) {
  return SingleOperation<S, S::kOp, S::kDtype>(
      Kind::kFaulty, name, mechanism, breaks, description, ASSAY_FEATURES_ALL,
      S::kClaims ? ScalarClaim(S::kOp, S::kDtype) : assay_claim{ASSAY_CLAIM_NONE, 0, 0, 0});
}

// What lies behind the last whole vector of eight. 1000 % 8 == 0: a test of a thousand logits never comes here.
inline std::size_t TailBegin(std::size_t cols) { return cols - cols % 8; }

inline double FloatExp(double z) { return static_cast<double>(std::exp(static_cast<float>(z))); }

// The faults by what they are about, a file each.
std::vector<BuiltIn> MaximumFaults();
std::vector<BuiltIn> TemperatureFaults();
std::vector<BuiltIn> PrecisionFaults();
std::vector<BuiltIn> LogFaults();
std::vector<BuiltIn> VisibilityFaults();
std::vector<BuiltIn> LayoutFaults();
std::vector<BuiltIn> StateFaults();
std::vector<BuiltIn> EnvironmentFaults();
std::vector<BuiltIn> GradientFaults();
std::vector<BuiltIn> LossFaults();
std::vector<BuiltIn> SparsemaxFaults();

}  // namespace assay::subjects
