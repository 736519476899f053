// SPDX-License-Identifier: Apache-2.0
//
// The yardsticks of `assay bench`: a copy of one buffer to another by ordinary stores, and one past the caches. No
// function of a row can read and write its data in less time.

#pragma once

#include <cstddef>

namespace assay::reports {

// By the widest vectors of this machine. `from` and `to` are multiples of 64.
void PlainCopy(void* to, const void* from, std::size_t bytes);

// By non-temporal stores; false, and nothing done, where this build knows none for the machine.
bool NonTemporalCopy(void* to, const void* from, std::size_t bytes);

}  // namespace assay::reports
