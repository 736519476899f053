// SPDX-License-Identifier: Apache-2.0
//
// From a case to the arguments of the C API, data and strides aside: which member holds which operand.

#pragma once

#include <cstdint>

#include "subjects/arena.h"
#include "subjects/case.h"
#include "subjects/placed.h"

namespace assay::subjects {

// The scalars alone; each row is `repeat` times as wide as the case says.
assay_row_args RowScalarsOf(const Case& c, std::uint64_t repeat);
assay_attention_args AttentionScalarsOf(const Case& c);

// Enters an operand of a row operation, or of attention.
void Enter(Role role, const Placed& placed, assay_row_args* args);
void Enter(Role role, const Placed& placed, assay_attention_args* args);

}  // namespace assay::subjects
