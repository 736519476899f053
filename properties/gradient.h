// SPDX-License-Identifier: Apache-2.0
//
// Laws of the gradients: checks and the domains that are theirs alone.

#pragma once

#include "properties/property.h"

namespace assay::properties {

using subjects::Case;

// Finite rows, at least one entry without mass where a row has two entries.
Case WithoutMassSomewhere(Case c);
// Rows in which every entry counts; logits that can be doubled.
Case WithSpreadToDouble(Case c);

Judgement CheckGradientSumsToZero(const Case& c, Context& context);
Judgement CheckGradientShift(const Case& c, Context& context);
Judgement CheckGradientSymmetric(const Case& c, Context& context);
Judgement CheckGradientSemidefinite(const Case& c, Context& context);
Judgement CheckGradientZeroWhereNoMass(const Case& c, Context& context);
Judgement CheckSaturation(const Case& c, Context& context);

}  // namespace assay::properties
