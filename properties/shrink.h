// SPDX-License-Identifier: Apache-2.0
//
// How a failing case gets smaller: a list of single steps, each of which makes it simpler for a person. Free of any
// engine; RapidCheck walks the steps for its findings and the fuzzer's are walked the same way. Operation and dtype
// stay.

#pragma once

#include <cstddef>
#include <vector>

#include "subjects/case.h"

namespace assay::properties {

struct Step {
  enum class Kind {
    kKeepRow,      // only row `first`; this and the next of row operations
    kDropColumns,  // without columns [first, last)
    kPlain,        // dense, offset 0, guard behind, out of place, default empty row
    kOutOfPlace,   // each of these alone, for when the failure needs another of them
    kDense,
    kDenseOperand,  // the layout of `role` alone; kOut: of out
    kOffsetZero,
    kDropOperand,  // mask, bias or upstream (`role`), which are optional
    kLabels,       // labels in place of targets: the first of each row's largest
    kNoSmoothing,
    kNoReduction,
    kNoIgnored,  // ignore_index off; ignored labels become 0
    kUnitTemperature,
    kShortTemperature,  // T cut to its leading 4 bits
    kSmallLawKey,       // law_key = first
    kKeepAlong,         // of attention: only index `first` of `axis` (kHead: that key head and its queries)
    kDropAlong,         // without indices [first, last) of `axis`
    kKeepMember,        // of the query heads of each key head only the one at `first`
    kSkipOutput,        // `role` is not asked for
    kNoScale,           // the default scale
    kUnitScale,         // a scale of 1
    kNoSoftcap,
    kUnitSoftcap,
    kNoWindow,
    kNotCausal,
    kBottomRight,
    kLseF32,
    kCutAll,  // every number of `role` cut to `first` leading bits
    kZero,    // number `first` of `role` becomes 0 (mask: 1, lengths: seq_kv)
    kWhole,   // number `first` of `role` loses its fraction
    kCut,     // number `first` of `role` cut to `last` leading bits
  };
  Kind kind;
  std::size_t first = 0;
  std::size_t last = 0;
  subjects::Role role = subjects::Role::kLogits;
  subjects::Axis axis = subjects::Axis::kOne;
};

// The steps worth trying, the boldest first.
std::vector<Step> Steps(const subjects::Case& c);

subjects::Case Apply(subjects::Case c, const Step& step);

// Whether a is simpler than b for a person: fewer elements, else fewer switches set, else a shorter T, else shorter
// numbers, else a smaller law_key; in attention elements are pairs of query and key times dimensions, over all heads. A
// law's fit may undo a step or add what another took away; only what is simpler
// counts as smaller, so that no shrinking is endless.
bool Simpler(const subjects::Case& a, const subjects::Case& b);

}  // namespace assay::properties
