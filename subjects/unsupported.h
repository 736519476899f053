// SPDX-License-Identifier: Apache-2.0
//
// What WhyUnsupported and Supported share between rows and attention.

#pragma once

#include <cstdint>
#include <string>

#include "subjects/subject.h"

namespace assay::subjects {

// Whether a kernel must refuse this case of attention: scale, softcap, lengths, heads.
bool HasBadArguments(const Case& c);

// Why the operation does not serve the layouts of the case or has to write in place; else empty.
std::string WhyNotLaidOut(const SubjectInfo& info, const Case& c);

// The layouts that the operation does not serve, simplified, and out apart from its input where it must be.
void SimplifyLayouts(const SubjectInfo& info, Case* c);

// Whether the subject has no strides, but wants alignment that only strides can give.
bool AlignmentAsksForStrides(const SubjectInfo& info, const Case& c);

// Operands of the case's dtype in that one.
void ConvertTo(assay_dtype dtype, Case* c);

// The two of attention: subject.h's, for an operation and type that the subject has.
std::string WhyNoAttention(const SubjectInfo& info, const Case& c);
Case SupportedAttention(Case c, const SubjectInfo& info);

}  // namespace assay::subjects
