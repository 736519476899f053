// SPDX-License-Identifier: Apache-2.0
//
// How far from exact a result of attention may be: by the formula of assay_attention_claim, or by the textbook where
// nothing is claimed. The only place with such numbers; each is derived where it stands in attention_bounds.cc.

#pragma once

#include <vector>

#include "properties/attention_model.h"
#include "properties/bounds.h"

namespace assay::properties {

// For every entry of an output. Infinite where nothing is promised: a claim's S or W beyond double, a value that is NaN
// or infinite, or (textbook) an intermediate that may overflow or lose its last bits in the working precision.
std::vector<Bound> AttentionBounds(const Case& c, const subjects::SubjectInfo& info, const AttentionModel& model,
                                   Role output);

// The same from magnitudes that are known better.
std::vector<Bound> AttentionBounds(const Case& c, const subjects::SubjectInfo& info, const AttentionModel& model,
                                   Role output, const Magnitudes& magnitudes);

}  // namespace assay::properties
