// SPDX-License-Identifier: Apache-2.0
//
// A case as a program: one C++ file that needs nothing of ours, puts the same bytes in front of a shared library and
// compares what comes back with the exact values, which stand in it.

#pragma once

#include <string>

#include "subjects/case.h"
#include "subjects/subject.h"

namespace assay::cli {

// The text of the file. `info` decides strides where the subject asks for alignment, and the error that is allowed.
std::string EmitCpp(const subjects::Case& c, const subjects::SubjectInfo& info, const std::string& case_file);

}  // namespace assay::cli
