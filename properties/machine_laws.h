// SPDX-License-Identifier: Apache-2.0
//
// The checks of the machine laws and the domains that are theirs alone; machine_laws.cc says which belongs to which.

#pragma once

#include <string>
#include <vector>

#include "properties/property.h"

namespace assay::properties {

using subjects::Case;

// ---- memory.cc: what a call does to memory ---------------------------------------------------------------------

Judgement CheckMemoryBounds(const Case& c, Context& context);
Judgement CheckAllWritten(const Case& c, Context& context);
Judgement CheckPaddingIgnored(const Case& c, Context& context);

// ---- independence.cc: what must not matter to a row, bit for bit -----------------------------------------------

// No or at least two rows, each with a result of its own.
Case WithRowsOfTheirOwn(Case c);
// Some operand or out is not dense; where all are, there is a gap behind the rows of out at least.
Case WithLayouts(Case c);
Judgement CheckRowsIndependent(const Case& c, Context& context);
Judgement CheckBatchSplit(const Case& c, Context& context);
Judgement CheckAlignment(const Case& c, Context& context);
Judgement CheckStrides(const Case& c, Context& context);
Judgement CheckInPlace(const Case& c, Context& context);

// ---- calls.cc: what must not matter to a call: the calls before it and beside it ---------------------------------

Judgement CheckRepetition(const Case& c, Context& context);
Judgement CheckHistory(const Case& c, Context& context);
Judgement CheckConcurrentCalls(const Case& c, Context& context);

// ---- environment.cc: the caller's floating-point environment -----------------------------------------------------

Judgement CheckFpEnvironmentRestored(const Case& c, Context& context);
Judgement CheckFpEnvironmentIgnored(const Case& c, Context& context);

// ---- arguments.cc, values.cc: what is refused, and which bits zeros and NaNs have ---------------------------------

// T negative, NaN, or 0 where that has no limit; of attention, a bad scale, softcap, length or number of heads, see
// arguments_attention.cc. Out of place; not empty, as an empty shape may be answered first.
Case WithBadArguments(Case c);
Case WithBadAttention(Case c);
// What is wrong with a case of attention and what a call of it may answer: several where several things are wrong, none
// where nothing is.
struct Refusal {
  std::string what;  // "softcap = -1"
  std::vector<assay_status> due;
};
Refusal RefusalOf(const Case& c);
Judgement CheckBadArguments(const Case& c, Context& context);

// Some visible logit or bias is NaN, or +inf where that gives NaN; or a saved output or a visible upstream is NaN.
// Of attention: some number of q is NaN, or of a backward of upstream; a NaN among the values is the canonical one, as
// one visible key gives its value row bit for bit.
Case WithNaN(Case c);
// Valid; of attention no value is -0, for the same reason.
Case WithPlusZeros(Case c);
Judgement CheckCanonicalNaN(const Case& c, Context& context);
Judgement CheckPositiveZero(const Case& c, Context& context);
Judgement CheckFiniteInputsNoNaN(const Case& c, Context& context);

// ---- huge.cc: more elements than 32 bits count --------------------------------------------------------------------

// A dense finite row of 4096 columns, which is then repeated.
Case WithWholePages(Case c);
Judgement CheckIndexOverflow(const Case& c, Context& context);

}  // namespace assay::properties
