// SPDX-License-Identifier: Apache-2.0
//
// The checks of the laws of attention and their domains; attention_laws.cc says which belongs to which.

#pragma once

#include "properties/property.h"

namespace assay::properties {

using subjects::Case;

// ---- attention_domains.cc: what is visible ----------------------------------------------------------------------

// All of them but WithSpecialAttention include FiniteAttention.

// No causality, window and lengths.
Case WithoutPlaces(Case c);
// Causal, without a window; a window; lengths; one of the three.
Case WithCausal(Case c);
Case WithWindow(Case c);
Case WithLengths(Case c);
Case WithPlaces(Case c);
// Bottom-right alignment, and LSE asked for.
Case WithLastQuery(Case c);
// Some pair is invisible; by the mask; some key is hidden by it from every query.
Case WithHiddenPairs(Case c);
Case WithHidingMask(Case c);
// Some query sees nothing; every query sees one key at most, without a sink.
Case WithNothingVisible(Case c);
Case WithSingleVisibleKey(Case c);
// Several query heads for each key head, where there are several.
Case WithGroups(Case c);
// The LSE is asked for.
Case WithLse(Case c);

// ---- attention_numbers.cc: which numbers there are -----------------------------------------------------------------

// All values of a column alike, no sink; of exponents that leave room for shifts; key j a 1 in column j mod value_dim.
Case WithConstantValues(Case c);
Case WithMiddleValues(Case c);
Case WithOneHotValues(Case c);
// A visible NaN or infinity somewhere.
Case WithSpecialAttention(Case c);
// A sink.
Case WithSink(Case c);
// Bias and sink on a grid on which sums with a shift are exact; and so with a softcap and a mask over whole keys.
Case WithGridBias(Case c);
Case WithSoftcapAndBias(Case c);
// A softcap of at most 2^-10.
Case WithSmallSoftcap(Case c);
// The default scale; an explicit one; one that can be multiplied by powers of two, as the queries can.
Case WithDefaultScale(Case c);
Case WithExplicitScale(Case c);
Case WithMiddleQueries(Case c);

// ---- attention_domains.cc: what is asked for ------------------------------------------------------------------------

// Any valid numbers; the output that a law reads is asked for.
Case AskingLse(Case c);
Case AskingDq(Case c);
Case AskingDk(Case c);
Case AskingDv(Case c);
Case AskingDbias(Case c);
Case WithQueryAndKeyGradients(Case c);
// A bias and its gradient, no softcap.
Case WithPlainBiasGradient(Case c);
Case WithHiddenGradients(Case c);
// Some saved LSE is -inf.
Case WithEmptySavedRows(Case c);
// So few queries to a key head that each can have a value of its own.
Case WithFewQueries(Case c);

// ---- attention_accuracy.cc -----------------------------------------------------------------------------------------

Judgement CheckAttentionAccuracy(const Case& c, Context& context);
Judgement CheckLseAccuracy(const Case& c, Context& context);
Judgement CheckDqAccuracy(const Case& c, Context& context);
Judgement CheckDkAccuracy(const Case& c, Context& context);
Judgement CheckDvAccuracy(const Case& c, Context& context);
Judgement CheckDbiasAccuracy(const Case& c, Context& context);

// ---- attention_values.cc: results as means of values ---------------------------------------------------------------

Judgement CheckValuesHull(const Case& c, Context& context);
Judgement CheckConstantValues(const Case& c, Context& context);
Judgement CheckLinearValues(const Case& c, Context& context);
Judgement CheckPowerOfTwoValues(const Case& c, Context& context);
Judgement CheckOneHotValues(const Case& c, Context& context);

// ---- attention_visible.cc: which keys count ------------------------------------------------------------------------

Judgement CheckInvisibleIgnored(const Case& c, Context& context);
Judgement CheckPlacePrefix(const Case& c, Context& context);  // causal_prefix, window_prefix
Judgement CheckLengthsPrefix(const Case& c, Context& context);
Judgement CheckPlacesAreMask(const Case& c, Context& context);
Judgement CheckBiasIsMask(const Case& c, Context& context);
Judgement CheckNothingVisible(const Case& c, Context& context);
Judgement CheckSingleVisibleKey(const Case& c, Context& context);
Judgement CheckAttentionSpecialValues(const Case& c, Context& context);

// ---- attention_heads.cc: heads, batches, queries --------------------------------------------------------------------

Judgement CheckGroupedHeads(const Case& c, Context& context);
Judgement CheckHeadsIndependent(const Case& c, Context& context);
Judgement CheckBatchesIndependent(const Case& c, Context& context);
Judgement CheckDecodeRow(const Case& c, Context& context);

// ---- attention_keys.cc: the keys in another order, in parts, one more
// ------------------------------------------------

Judgement CheckKeyPermutation(const Case& c, Context& context);
Judgement CheckMergeByLse(const Case& c, Context& context);
Judgement CheckSinkIsAKey(const Case& c, Context& context);

// ---- attention_scores.cc: bias, softcap, scale ----------------------------------------------------------------------

Judgement CheckBiasShift(const Case& c, Context& context);
Judgement CheckSoftcapOrder(const Case& c, Context& context);
Judgement CheckSmallSoftcap(const Case& c, Context& context);
Judgement CheckScaleDefault(const Case& c, Context& context);
Judgement CheckScalePowerOfTwo(const Case& c, Context& context);
Judgement CheckDimsPadded(const Case& c, Context& context);

// ---- attention_gradients.cc -----------------------------------------------------------------------------------------

Judgement CheckBackwardAdjoint(const Case& c, Context& context);
Judgement CheckGradientsFromDbias(const Case& c, Context& context);
Judgement CheckBackwardInvisibleZero(const Case& c, Context& context);
Judgement CheckBackwardEmptyRows(const Case& c, Context& context);
Judgement CheckDvIsWeightedUpstream(const Case& c, Context& context);

}  // namespace assay::properties
