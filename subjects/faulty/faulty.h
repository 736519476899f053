// SPDX-License-Identifier: Apache-2.0
//
// Subjects that are wrong on purpose. Each faulty one gives results that pass the tolerances of a usual test on
// ordinary rows; each must be rejected by the law it names.

#pragma once

#include <vector>

#include "subjects/registry.h"

namespace assay::subjects {

std::vector<BuiltIn> Faulty();

// Compute nothing, or not always: all zeros, 1 / n, an old result, the right one at first.
std::vector<BuiltIn> Cheaters();

}  // namespace assay::subjects
