// SPDX-License-Identifier: Apache-2.0
//
// How a failing case gets smaller: a list of single steps, each of which makes it simpler for a person. Free of any
// engine; RapidCheck walks the steps for its findings and the fuzzer's are walked the same way.

#pragma once

#include <cstddef>
#include <vector>

#include "subjects/case.h"

namespace assay::properties {

struct Step {
  enum class Kind {
    kKeepRow,      // only row `first`
    kDropColumns,  // without columns [first, last)
    kPlain,        // no gaps, offset 0, guard behind, out of place, default empty row
    kOutOfPlace,   // each of these alone, for when the failure needs another of them
    kDense,
    kOffsetZero,
    kDropMask,
    kUnitTemperature,
    kShortTemperature,  // T cut to its leading 4 bits
    kSmallLawKey,       // law_key = first
    kCutAll,            // every logit cut to `first` leading bits
    kZero,              // logit `first` becomes 0
    kWhole,             // logit `first` loses its fraction
    kCut,               // logit `first` cut to `last` leading bits
  };
  Kind kind;
  std::size_t first = 0;
  std::size_t last = 0;
};

// The steps worth trying, the boldest first.
std::vector<Step> Steps(const subjects::Case& c);

subjects::Case Apply(subjects::Case c, const Step& step);

// Whether a is simpler than b for a person: fewer elements, else fewer switches set, else a shorter T, else shorter
// logits, else a smaller law_key. A law's fit may undo a step or add what another took away; only what is simpler
// counts as smaller, so that no shrinking is endless.
bool Simpler(const subjects::Case& a, const subjects::Case& b);

}  // namespace assay::properties
