// SPDX-License-Identifier: Apache-2.0
//
// How a faulty attention subject is written: as fault.h says of rows, one step of attention done differently.

#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "subjects/faulty/fault.h"
#include "subjects/scalar/attention.h"

namespace assay::subjects {

// One step away from `scalar`, with its claim.
template <class Self, assay_op kOp = ASSAY_ATTENTION, assay_dtype kDtype = ASSAY_F32>
struct FromScalarAttention : ScalarAttentionSteps<Self>, Place<kOp, kDtype, true> {
  using Base = ScalarAttentionSteps<Self>;
};
template <class Self, assay_dtype kDtype = ASSAY_F32>
using FromScalarBackward = FromScalarAttention<Self, ASSAY_ATTENTION_BACKWARD, kDtype>;

// One step away from `textbook`, without a claim, its rows of keys in scratch.
template <class Self>
struct FromTextbookAttention : TextbookAttentionSteps<Self, float, double>, Place<ASSAY_ATTENTION, ASSAY_F32, false> {
  using Base = TextbookAttentionSteps<Self, float, double>;
};

template <class S>
BuiltIn AttentionFault(const char* name, const char* mechanism, const char* breaks, const char* description) {
  static assay_subject table = [&] {
    assay_subject made = {};
    made.struct_size = sizeof(assay_subject);
    made.abi_major = ASSAY_ABI_MAJOR;
    made.abi_minor = ASSAY_ABI_MINOR;
    made.name = name;
    made.version = "1";
    made.description = description;
    made.features = ASSAY_FEATURES_ALL;
    made.alignment_bytes = 1;
    assay_attention_kernel& kernel = S::kOp == ASSAY_ATTENTION ? made.attention : made.attention_backward;
    kernel.run = &RunAttention<S, S::kOp>;
    if (S::kUsesScratch && S::kOp == ASSAY_ATTENTION) kernel.scratch_bytes = &AttentionScratch<S>;
    kernel.dtypes = 1U << S::kDtype;
    if (S::kClaims) kernel.claims[S::kDtype] = ScalarAttentionClaim(S::kOp, S::kDtype);
    return made;
  }();
  return {.name = name,
          .kind = Kind::kFaulty,
          .breaks = breaks,
          .mechanism = mechanism,
          .table = &table,
          .op = S::kOp,
          .dtype = S::kDtype};
}

inline long double FloatExpOf(long double z) { return static_cast<long double>(std::exp(static_cast<float>(z))); }

// The faults by what they are about, a file each.
std::vector<BuiltIn> AttentionTileFaults();
std::vector<BuiltIn> AttentionVisibilityFaults();
std::vector<BuiltIn> AttentionScoreFaults();
std::vector<BuiltIn> AttentionHeadFaults();
std::vector<BuiltIn> AttentionLseFaults();
std::vector<BuiltIn> AttentionPrecisionFaults();
std::vector<BuiltIn> AttentionMachineFaults();
std::vector<BuiltIn> AttentionBackwardFaults();

}  // namespace assay::subjects
