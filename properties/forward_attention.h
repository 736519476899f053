// SPDX-License-Identifier: Apache-2.0
//
// A forward pass in plain double for what a backward is given: good enough for shares that sum to about 1, since the
// backward is exact in whatever it is given. Never for verdicts.

#pragma once

#include <cstddef>

#include "subjects/case.h"

namespace assay::properties {

// Beyond this, in |scale| sum |q k| + |bias| or in |lse|, the rounding of scores and of saved_lse decides what a share
// exp(z - saved_lse) is: errors of 2^20 units of roundoff of float, or of double where scores and lse are in it, are
// 2^-4 and less in the exponent.
double SavedLimit(const subjects::Case& c);

// saved_out and saved_lse of every query of head `head` in batch `batch`, rounded to their types, with a sink that is
// none where it is -inf. A query beyond SavedLimit contributes nothing: its saved_lse is -inf. IEEE operations alone:
// the same on every machine.
void SaveForward(subjects::Case& c, std::size_t batch, std::size_t head, double sink);

}  // namespace assay::properties
