// SPDX-License-Identifier: Apache-2.0
//
// Attention's share of shrink.h: fewer batches, heads, queries, keys and dimensions, and its switches off.

#pragma once

#include <cstddef>
#include <vector>

#include "properties/shrink.h"

namespace assay::properties {

// The steps over axes and switches, the boldest first; those of operands, layouts and numbers are shrink.h's own.
std::vector<Step> AttentionSteps(const subjects::Case& c);

bool IsAttentionStep(const Step& step);
subjects::Case ApplyToAttention(subjects::Case c, const Step& step);

// What Simpler compares: multiplications of a call, an empty axis counting as one; and switches that are set.
std::size_t AttentionWork(const subjects::Case& c);
int AttentionSwitches(const subjects::Case& c);

}  // namespace assay::properties
