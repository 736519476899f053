// SPDX-License-Identifier: Apache-2.0
//
// From a case of attention to the oracle: its exact results in the order of the subject's, and their bounds.

#pragma once

#include <vector>

#include "oracle/attention.h"
#include "properties/attention_bounds.h"

namespace assay::properties {

// What is said of a result: its exact value; that it is NaN or infinite; nothing.
enum class Said : std::uint8_t { kValue, kNotFinite, kNothing };

struct ExactOutput {
  Role role = Role::kOut;
  std::vector<oracle::Exact> exact;
  std::vector<Said> said;
  // What bounds are made of, the oracle's where it tells it.
  std::vector<double> weight;
  std::vector<double> scores;
};

// Every output of the case, in the order of subjects::OutputsOf. Throws oracle::Undecided.
std::vector<ExactOutput> AttentionTruth(const Case& c, oracle::Tier tier);

// What its bounds are made of, whatever the subject.
Magnitudes MagnitudesOf(const Case& c, const AttentionModel& model, const ExactOutput& truth);

// The bounds of one of them.
std::vector<Bound> BoundsOf(const Case& c, const subjects::SubjectInfo& info, const AttentionModel& model,
                            const ExactOutput& truth);

}  // namespace assay::properties
