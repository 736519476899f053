// SPDX-License-Identifier: Apache-2.0
//
// Projections onto the domains of laws: total, idempotent, the operation kept, and the identity where the case already
// lies in the domain. Those that several laws share stand here; a law's own stands beside its check.

#pragma once

#include "subjects/case.h"

namespace assay::properties {

using subjects::Case;

// Of attention, Settled, Valid, WithFiniteRows, OutOfPlace and InPlace mean what fit_attention.h says; the others are
// of rows.

// Operands that the operation does not read taken out, those it needs given (labels where a loss has neither labels nor
// targets), and no layout that contradicts the values: a row repeated by stride 0 where the rows differ, or in place.
Case Settled(Case c);

// T >= 0 and not NaN; not 0 where the operation has no limit there. Labels in range or ignored, smoothing in [0, 1]:
// what every kernel must accept. A loss without columns has no rows either: its labels would lie nowhere. Settled. All
// other projections include this one.
Case Valid(Case c);

// In each row at least one visible entry, and all visible ones finite (logits and bias, or saved, upstream where the
// probability is not 0, targets; no target negative): NaN and infinities are made finite by clearing their top exponent
// bit; hidden rows show their first entry. Saved outputs are kept as they are otherwise: any finite numbers.
Case WithFiniteRows(Case c);

// The same with saved outputs that are probabilities (log-probabilities): nonnegative, summing to 1 within rounding.
Case WithSavedProbabilities(Case c);

// A single row; zeros where there is none.
Case OneRowOf(Case c);

// T = 1, no bias.
Case WithoutScaling(Case c);

// No mask, and no -inf.
Case AllVisible(Case c);

// A boolean mask that hides something where a row has two entries, and finite rows behind it.
Case WithMask(Case c);

// No or at least two rows.
Case WithSeveralRows(Case c);

// Out of place; in place where the operation can be.
Case OutOfPlace(Case c);
Case InPlace(Case c);

// Finite rows (logits; upstream where there are none) of T = 1 without bias on a grid that every dtype holds with room
// for shifts: multiples of 2^-(k) with |x| <= 2^(precision - 2 - k): x + shift and differences of any two are exact in
// the dtype for shifts on the same grid and range (ShiftSteps(dtype) steps of GridStep(dtype)).
Case OnShiftGrid(Case c);
double GridStep(assay_dtype dtype);
std::uint64_t ShiftSteps(assay_dtype dtype);

// x with its top exponent bit cleared where it is NaN or infinite.
void MakeFinite(subjects::Array& values, std::size_t i);

}  // namespace assay::properties
