// SPDX-License-Identifier: Apache-2.0
//
// The checks of the row laws and the domains that are theirs alone; row_laws.cc says which belongs to which.

#pragma once

#include "properties/property.h"

namespace assay::properties {

using subjects::Case;

// ---- row_domains.cc ----------------------------------------------------------------------------------------------

// Finite rows with T > 0, so that every z is a real number; and without bias, so that T alone scales them.
Case WithScores(Case c);
Case WithScaledScores(Case c);
// T = 0, or finite rows without bias at a T so small that all but the maxima vanish.
Case WithVanishingTemperature(Case c);
// Finite rows without bias at a subnormal T.
Case WithSubnormalTemperature(Case c);
// T = inf, or a T so large that no finite logit of the case counts, without bias.
Case WithUnboundedTemperature(Case c);
// T a power of two, by which every finite logit can be divided without rounding.
Case WithPowerOfTwoTemperature(Case c);
// Two columns on the shift grid; the identity for sigmoid of finite entries.
Case WithTwoClasses(Case c);
// One row under a mask.
Case WithMaskedRow(Case c);
// Visible entries of a finite sentinel or of twice that, T = 1; all hidden ones 0.
Case WithSentinel(Case c);
// One visible entry in each row.
Case WithSingleVisible(Case c);
// A visible NaN or +inf somewhere.
Case WithSpecialValue(Case c);
// A row without a visible entry.
Case WithEmptyRow(Case c);
// One dense row of 2^16 to 2^20 entries, one of them large; and one of a page, to be repeated.
Case WithManySmallTerms(Case c);
Case WithPageOfSmallTerms(Case c);

// ---- simplex.cc, order.cc: a single result -------------------------------------------------------------------------

Judgement CheckSimplex(const Case& c, Context& context);
Judgement CheckSoftArgmax(const Case& c, Context& context);
Judgement CheckOrder(const Case& c, Context& context);
Judgement CheckArgmax(const Case& c, Context& context);

// ---- ratio.cc: how results depend on logits
// --------------------------------------------------------------------------

Judgement CheckRatio(const Case& c, Context& context);
Judgement CheckSensitivity(const Case& c, Context& context);
Judgement CheckTwoClasses(const Case& c, Context& context);

// ---- symmetry.cc: other calls of equal exact results
// -------------------------------------------------------------------

Judgement CheckExactShift(const Case& c, Context& context);
Judgement CheckPermutation(const Case& c, Context& context);
Judgement CheckPowerOfTwoTemperature(const Case& c, Context& context);

// ---- temperature.cc
// -------------------------------------------------------------------------------------------------------

Judgement CheckTemperatureToZero(const Case& c, Context& context);
Judgement CheckTemperatureToInfinity(const Case& c, Context& context);
Judgement CheckEntropy(const Case& c, Context& context);
Judgement CheckSentinelIsNoMask(const Case& c, Context& context);

// ---- mass.cc: sums over many entries or several calls
// -------------------------------------------------------------------

Judgement CheckDuplication(const Case& c, Context& context);
Judgement CheckAbsorption(const Case& c, Context& context);
Judgement CheckAbsorptionLong(const Case& c, Context& context);
Judgement CheckSplitMerge(const Case& c, Context& context);

// ---- masking.cc
// ------------------------------------------------------------------------------------------------------------

Judgement CheckMinusInfPadding(const Case& c, Context& context);
Judgement CheckMaskedIsZero(const Case& c, Context& context);
Judgement CheckMaskedContentIgnored(const Case& c, Context& context);
Judgement CheckMaskedEqualsCompacted(const Case& c, Context& context);
Judgement CheckMaskFormsAgree(const Case& c, Context& context);

// ---- special.cc
// ------------------------------------------------------------------------------------------------------------

Judgement CheckSingleVisible(const Case& c, Context& context);
Judgement CheckSpecialValues(const Case& c, Context& context);
Judgement CheckEmptyRow(const Case& c, Context& context);

}  // namespace assay::properties
