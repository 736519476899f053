// SPDX-License-Identifier: Apache-2.0
//
// The check functions of the catalogue, a file for each group; catalogue.cc gives them their names and sentences.

#pragma once

#include "properties/property.h"

namespace assay::properties {

using subjects::Case;

// accuracy.cc
Judgement CheckSimplex(const Case& c, Context& context);
Judgement CheckAccuracy(const Case& c, Context& context);
Judgement CheckOrder(const Case& c, Context& context);

// shift.cc
Judgement CheckExactShift(const Case& c, Context& context);

// temperature.cc
Judgement CheckSharesAmongMaxima(const Case& c, Context& context);
Judgement CheckUniform(const Case& c, Context& context);

// masking.cc
Judgement CheckMaskedIsZero(const Case& c, Context& context);
Judgement CheckMaskedContentIgnored(const Case& c, Context& context);
Judgement CheckMaskedEqualsCompacted(const Case& c, Context& context);

// independence.cc
Judgement CheckRowsIndependent(const Case& c, Context& context);
Judgement CheckAlignment(const Case& c, Context& context);
Judgement CheckRowStride(const Case& c, Context& context);
Judgement CheckInPlace(const Case& c, Context& context);

// special.cc
Judgement CheckSpecialValues(const Case& c, Context& context);
Judgement CheckEmptyRow(const Case& c, Context& context);
Judgement CheckBadArguments(const Case& c, Context& context);

// memory.cc
Judgement CheckAllWritten(const Case& c, Context& context);
Judgement CheckMemoryBounds(const Case& c, Context& context);

}  // namespace assay::properties
