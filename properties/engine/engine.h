// SPDX-License-Identifier: Apache-2.0
//
// The RapidCheck engine: case i of a property is a pure function of (seed, property, i); a run never stops at its
// first violation; each distinct one is shrunk, and of all cases seen on the way the worst is kept as well.

#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "properties/property.h"
#include "subjects/case.h"

namespace assay::properties {

struct EngineOptions {
  std::uint64_t seed = 1;
  std::uint64_t cases = 1000;
  double seconds = 0;                 // stop after this long even where cases remain; 0 = no limit
  std::size_t max_findings = 2;       // distinct ones that are shrunk; later violations are only counted
  std::size_t shrink_attempts = 600;  // judged candidates for each finding
  double shrink_seconds = 5;          // and no longer than this: a hang costs its time limit at every attempt
  double violated_seconds = 20;       // spent on violating cases before a law with its findings is given up
  oracle::Tier tier = oracle::Tier::kBulk;
  std::function<void(std::uint64_t done)> progress;  // called every now and then
};

struct Finding {
  subjects::Case minimal;
  Judgement minimal_judgement;
  subjects::Case worst;
  Judgement worst_judgement;
};

struct PropertyResult {
  std::uint64_t cases = 0;
  std::uint64_t holds = 0;
  std::uint64_t violated = 0;
  std::uint64_t undecided = 0;
  std::uint64_t not_applicable = 0;
  std::string skip_reason;  // of the first that was not applicable
  std::string doubt;        // of the first undecided
  std::vector<Finding> findings;
};

// The i-th case of the property for such a subject.
subjects::Case CaseAt(const Property& property, const subjects::SubjectInfo& info, std::uint64_t seed,
                      std::uint64_t index);

PropertyResult RunProperty(const Property& property, subjects::Subject& subject, const EngineOptions& options);

// Follows the steps of shrink.h from a violating case to a local minimum; `finding` receives it and the worst seen.
// For violations that other engines found.
Finding Shrink(const Property& property, subjects::Subject& subject, const subjects::Case& violating,
               const EngineOptions& options);

}  // namespace assay::properties
