// SPDX-License-Identifier: Apache-2.0
//
// How strong a law is against a fault: how many cases it takes to see it.

#pragma once

#include <cstdint>
#include <string>

#include "properties/engine/engine.h"

namespace assay::properties {

struct Power {
  std::uint64_t cases = 0;     // judged, not applicable ones apart
  std::uint64_t violated = 0;  // of them
  double per_case = 0;         // estimated probability that a case shows the fault
  // Cases that show it with 95 % probability: the n with 1 - (1 - per_case)^n >= 0.95. 0 where none showed it.
  std::uint64_t for_95_percent = 0;
};

// From the first `cases` cases of the property; nothing is shrunk and nothing is quarantined.
Power DetectionPower(const Property& property, subjects::Subject& subject, std::uint64_t seed = 1,
                     std::uint64_t cases = 400, Ops ops = kAllOps);

// "1", "37"; "> 400" where none of so many cases showed it.
std::string PowerText(const Power& power);

}  // namespace assay::properties
