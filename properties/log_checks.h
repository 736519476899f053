// SPDX-License-Identifier: Apache-2.0
//
// The checks of the laws of log_softmax and logsumexp, and the domains that are theirs alone; log_laws.cc says which
// belongs to which.

#pragma once

#include "properties/property.h"

namespace assay::properties {

using subjects::Case;

// One row of T = 1 without bias whose largest entry leads by at least 2: its log-probability is near 0.
Case WithDominatingEntry(Case c);

// ---- log.cc --------------------------------------------------------------------------------------------------------

Judgement CheckNeverPositive(const Case& c, Context& context);
Judgement CheckExpOfLog(const Case& c, Context& context);
Judgement CheckLogDifferences(const Case& c, Context& context);

// ---- lse.cc --------------------------------------------------------------------------------------------------------

Judgement CheckLseBounds(const Case& c, Context& context);
Judgement CheckLseShift(const Case& c, Context& context);
Judgement CheckLseConvex(const Case& c, Context& context);
Judgement CheckLseMerge(const Case& c, Context& context);

}  // namespace assay::properties
