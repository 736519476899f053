// SPDX-License-Identifier: Apache-2.0
//
// What people use, or might, instead of softmax. Each must break a law: that is what the law is for.

#pragma once

#include <vector>

#include "subjects/registry.h"

namespace assay::subjects {

std::vector<BuiltIn> Controls();

}  // namespace assay::subjects
