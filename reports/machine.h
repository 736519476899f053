// SPDX-License-Identifier: Apache-2.0
//
// What a report says of the machine it was made on.

#pragma once

#include <string>

namespace assay::reports {

// The processor as the system calls it; empty where nobody says.
std::string CpuModel();

}  // namespace assay::reports
