// SPDX-License-Identifier: Apache-2.0
//
// A subject in a child process that is started again after it died.

#pragma once

#include <memory>
#include <string>

#include "subjects/child.h"
#include "subjects/subject.h"

namespace assay::subjects {

// Loads in a child. `label` begins every message; throws OpenError where loading fails.
std::unique_ptr<Subject> OpenIsolated(std::string label, Loader load, const OpenOptions& options);

}  // namespace assay::subjects
