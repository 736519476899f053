// SPDX-License-Identifier: Apache-2.0
//
// What the text beside a published example says, computed where it can be.

#pragma once

#include "reports/published.h"
#include "subjects/subject.h"

namespace assay::reports {

// Fills result.claim and result.finding; leaves them alone where the text makes no claim that can be computed.
void JudgeClaim(subjects::Subject& kernel, PublishedResult& result);

}  // namespace assay::reports
