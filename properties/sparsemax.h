// SPDX-License-Identifier: Apache-2.0
//
// Laws of sparsemax (Martins & Astudillo 2016), p = max(z - tau, 0) with sum 1: the Euclidean projection onto the
// simplex. Checks and the domains that are theirs alone.

#pragma once

#include "properties/property.h"

namespace assay::properties {

using subjects::Case;

// Finite rows of T > 0.
Case WithPositiveTemperature(Case c);
// Finite rows of logits on the grid on which shifts are exact (OnShiftGrid), with the T and the bias they have: a shift
// by s moves all z by s / T.
Case WithLogitsOnGrid(Case c);
// Finite rows of T = 1 without bias or mask, with at least one column.
Case WithPlainScores(Case c);

// ---- sparsemax.cc: what defines it -----------------------------------------------------------------------------

Judgement CheckSparsemaxSimplex(const Case& c, Context& context);
Judgement CheckSparsemaxExactZeros(const Case& c, Context& context);
Judgement CheckSparsemaxKkt(const Case& c, Context& context);
Judgement CheckSparsemaxOrder(const Case& c, Context& context);

// ---- sparsemax_rows.cc: rows with a known result -----------------------------------------------------------------

Judgement CheckSparsemaxShift(const Case& c, Context& context);
Judgement CheckSparsemaxTies(const Case& c, Context& context);
Judgement CheckSparsemaxProjection(const Case& c, Context& context);

}  // namespace assay::properties
