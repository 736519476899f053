// SPDX-License-Identifier: Apache-2.0
//
// The tables of the plain softmax and of its faulty copies.

#pragma once

#include <vector>

#include "subjects/registry.h"

namespace assay::subjects {

BuiltIn Scalar();
std::vector<BuiltIn> Faulty();

}  // namespace assay::subjects
