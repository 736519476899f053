// SPDX-License-Identifier: Apache-2.0
//
// Projections of any case onto the domain of a law. Each is total, idempotent and changes as little as it can; what a
// law must choose (a temperature, a mask, a place) it takes from Case::law_key, so that the case alone decides.

#pragma once

#include "subjects/case.h"

namespace assay::properties {

using subjects::Case;

// T >= 0: NaN becomes 1, a negative T its absolute value.
Case WithValidTemperature(Case c);

// Valid T, every visible logit finite, and at least one visible entry in each row: NaN and +inf are made finite by
// clearing their top exponent bit, hidden rows show their first entry.
Case WithFiniteRows(Case c);

// Finite rows on the grid 2^-6 with |x| <= 2^13: x + shift and (x + shift) - max are then exact in f32 for a shift on
// the same grid, |shift| <= 2^14.
Case OnShiftGrid(Case c);

// Finite rows; T = 0, or so small that every gap below a row's maximum is at least 512 T: all shares but the maxima's
// are then below e^-512, and 0 in f32.
Case WithVanishingTemperature(Case c);

// Finite rows, subnormal T: by the same argument as above, as two floats differ by at least 2^-149 >> 512 T.
Case WithSubnormalTemperature(Case c);

// Finite rows; T = +inf, or 2^201, where z spans less than 2^-72 and no share differs from 1/k in f32.
Case WithUnboundedTemperature(Case c);

// A mask that hides something where a row has two entries, and finite rows behind it.
Case WithMask(Case c);
// The same with a single row.
Case WithMaskOneRow(Case c);

// Valid T, and no or at least two rows; a single one gets another of 3000s in front.
Case WithSeveralRows(Case c);

// The same, out of place, with a gap behind each row.
Case WithGaps(Case c);

// Valid T; in place, out of place.
Case InPlace(Case c);
Case OutOfPlace(Case c);

// Some row holds NaN or +inf where it is visible, or exactly one visible entry. Valid T.
Case WithSpecialValue(Case c);

// Some row has nothing visible. Valid T.
Case WithEmptyRow(Case c);

// T negative or NaN; out of place; not empty, as an empty shape may be answered before T is looked at.
Case WithBadTemperature(Case c);

}  // namespace assay::properties
