// SPDX-License-Identifier: Apache-2.0
//
// All faults, by what they are about.

#include "subjects/faulty/faulty.h"

#include "subjects/faulty/attention_fault.h"
#include "subjects/faulty/fault.h"

namespace assay::subjects {

std::vector<BuiltIn> Faulty() {
  std::vector<BuiltIn> all;
  for (auto* faults :
       {&MaximumFaults, &TemperatureFaults, &PrecisionFaults, &LogFaults, &VisibilityFaults, &LayoutFaults,
        &StateFaults, &EnvironmentFaults, &GradientFaults, &LossFaults, &SparsemaxFaults, &AttentionTileFaults,
        &AttentionVisibilityFaults, &AttentionScoreFaults, &AttentionHeadFaults, &AttentionLseFaults,
        &AttentionPrecisionFaults, &AttentionMachineFaults, &AttentionBackwardFaults}) {
    for (BuiltIn& fault : faults()) all.push_back(std::move(fault));
  }
  return all;
}

}  // namespace assay::subjects
