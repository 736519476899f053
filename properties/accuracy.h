// SPDX-License-Identifier: Apache-2.0
//
// The law of accuracy, of every operation: each output against the oracle.

#pragma once

#include "properties/property.h"

namespace assay::properties {

// Every valid case: NaN, infinities and empty rows have their exact results, too.
subjects::Case WithExactResult(subjects::Case c);

// Violated where an output is further from the exact value than BoundsOf allows, or is not the nearest number where
// that is claimed, or is no NaN where one is due. Where it holds, severity is the largest error / bound. Says nothing
// about outputs without a bound, nor about rows with a visible +inf where the subject declares ASSAY_PLUS_INF_ANYTHING.
Judgement CheckAccuracy(const subjects::Case& c, Context& context);

}  // namespace assay::properties
