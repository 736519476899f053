// SPDX-License-Identifier: Apache-2.0
//
// What replay shows of a call of attention: one query (of a gradient by key: one key) with every pair it depends on,
// then its results beside the exact ones.

#pragma once

#include <optional>

#include "properties/property.h"
#include "subjects/subject.h"

namespace assay::cli {

// Around the entry that the witness names; without one around the first. `result` is one that returned ASSAY_OK.
void PrintAttention(const subjects::Case& c, const subjects::SubjectInfo& info,
                    const std::optional<properties::Witness>& witness, const subjects::RunResult& result);

}  // namespace assay::cli
