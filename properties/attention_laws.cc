// SPDX-License-Identifier: Apache-2.0
//
// The laws of attention and its backward.

#include "properties/attention_checks.h"
#include "properties/fit.h"
#include "properties/fit_attention.h"
#include "properties/laws.h"

namespace assay::properties {
namespace {

constexpr Group kGroup = Group::kAttention;
constexpr Ops kForward = Of(ASSAY_ATTENTION);
constexpr Ops kBackward = Of(ASSAY_ATTENTION_BACKWARD);

constexpr Property kLaws[] = {
    // Results as means of values.
    {"attention_accuracy", kGroup, kForward,
     "Every result of attention lies within the claimed distance of its exact value.",
     "online softmax without a rescale, weights rounded to 16 bits, sums that lose terms", Valid,
     CheckAttentionAccuracy, true},
    {"lse_accuracy", kGroup, kForward, "The log-sum-exp lies within the claimed distance of its exact value.",
     "LSE in base 2, without the maximum, without the sink", AskingLse, CheckLseAccuracy, true},
    {"values_hull", kGroup, kForward,
     "Every result lies between the least and the largest value its query sees, with a sink also 0.",
     "a sum not rescaled, keys counted but not added", FiniteAttention, CheckValuesHull},
    {"constant_values", kGroup, kForward, "Where all values of a column are alike, so is its result.",
     "tails counted in the sum alone, partial results not rescaled", WithConstantValues, CheckConstantValues},
    {"linear_values", kGroup, kForward, "Two sets of values add up in the result.",
     "values that influence the weights, results clamped", FiniteAttention, CheckLinearValues},
    {"power_of_two_values", kGroup, kForward,
     "All values times 2^k give the results times 2^k, bit for bit, and the same log-sum-exp.",
     "values quantised, thresholds on results", WithMiddleValues, CheckPowerOfTwoValues},
    {"one_hot_values", kGroup, kForward, "Values of one 1 to a key return its share, exp(z - lse).",
     "shares of another base, shares that do not belong to the LSE", WithOneHotValues, CheckOneHotValues},
    // Which keys count.
    {"invisible_ignored", kGroup, kForward,
     "What an invisible key, value or bias holds, NaN included, changes no bit of a query that does not see it.",
     "0 * NaN, maxima over whole tiles", WithHiddenPairs, CheckInvisibleIgnored},
    {"causal_prefix", kGroup, kForward, "With causality a query gets what it gets alone with the keys up to its place.",
     "off by one, the other alignment, the tile bound of another query", WithCausal, CheckPlacePrefix},
    {"window_prefix", kGroup, kForward, "With a window a query gets what it gets alone with the keys in it.",
     "a window off by one, or only with causality", WithWindow, CheckPlacePrefix},
    {"lengths_prefix", kGroup, kForward, "With a key length a batch gets what it gets with no more keys than that.",
     "lengths ignored, the first one for all, a length of 0", WithLengths, CheckLengthsPrefix},
    {"places_are_mask", kGroup, kAttentionOps, "Length, causality and window hide what a mask of the same pairs hides.",
     "one of the ways to hide forgotten in a gradient", WithPlaces, CheckPlacesAreMask},
    {"bias_is_mask", kGroup, kAttentionOps, "A bias of -inf hides what a mask hides.",
     "-inf - -inf, masks filled with a large number, mask bytes other than 1", WithHidingMask, CheckBiasIsMask},
    {"nothing_visible", kGroup, kForward, "A query that sees nothing gets zeros, and -inf or its sink as log-sum-exp.",
     "0 / 0, NaN, 1 / n", WithNothingVisible, CheckNothingVisible},
    {"single_visible_key", kGroup, kForward, "A query that sees one key gets its value, bit for bit, and its score.",
     "weights other than 1, pad keys counted", WithSingleVisibleKey, CheckSingleVisibleKey},
    {"attention_special_values", kGroup, kForward,
     "A visible NaN or infinity reaches the results it must, and no others.",
     "NaN lost, NaN in other columns or queries", WithSpecialAttention, CheckAttentionSpecialValues},
    // Heads, batches, queries.
    {"grouped_heads", kGroup, kAttentionOps,
     "Query heads that share a key head get what each gets with a key head of its own; the gradients add up.",
     "heads mapped by remainder, gradients overwritten", WithGroups, CheckGroupedHeads},
    {"heads_independent", kGroup, kAttentionOps, "A head's results do not depend on the other heads.",
     "state carried from head to head, sinks by batch, NaN that spreads", FiniteAttention, CheckHeadsIndependent},
    {"batches_independent", kGroup, kAttentionOps, "A batch's results do not depend on the other batches.",
     "batch strides ignored, lengths of another batch", FiniteAttention, CheckBatchesIndependent},
    {"decode_row", kGroup, kForward, "The last query alone gets what it gets among all queries.",
     "another code for one query, causality by the query's number", WithLastQuery, CheckDecodeRow},
    // The keys in another order, in parts, one more.
    {"key_permutation", kGroup, kForward, "The order of the keys does not matter.",
     "a first tile's maximum, tails, places counted without causality", WithoutPlaces, CheckKeyPermutation},
    {"merge_by_lse", kGroup, kForward,
     "Results of parts of the keys, empty ones included, merged by their log-sum-exp give those of the whole.",
     "an LSE without maximum or sink, partial results not rescaled", WithLse, CheckMergeByLse},
    {"sink_is_a_key", kGroup, kForward, "A sink does what one more key of that score and the value 0 does.",
     "a sink in the maximum but not in the sum, counted twice, of another head", WithSink, CheckSinkIsAKey},
    // Scores.
    {"bias_shift", kGroup, kForward, "A constant added to every bias and sink changes nothing but the log-sum-exp.",
     "no maximum subtracted, a sink without the bias", WithGridBias, CheckBiasShift},
    {"softcap_order", kGroup, kForward, "The softcap bends scores alone, neither a bias nor what is hidden.",
     "softcap after bias or mask", WithSoftcapAndBias, CheckSoftcapOrder},
    {"small_softcap", kGroup, kForward, "A small softcap leaves nothing of the scores but the bias.",
     "softcap without the division, small ones ignored", WithSmallSoftcap, CheckSmallSoftcap},
    {"scale_default", kGroup, kForward, "The default scale is 1 / sqrt(head_dim).",
     "1 / sqrt(value_dim), 1, applied twice", WithDefaultScale, CheckScaleDefault},
    {"scale_power_of_two", kGroup, kAttentionOps, "The scale times 2^k, of either sign, undoes queries over 2^k.",
     "|scale|, a scale lost in a gradient", WithMiddleQueries, CheckScalePowerOfTwo},
    {"dims_padded", kGroup, kForward, "Zeros behind queries and keys change nothing where the scale is given.",
     "scales by dimension, tails of dimensions", WithExplicitScale, CheckDimsPadded},
    // The backward.
    {"dq_accuracy", kGroup, kBackward, "Every dq lies within the claimed distance of its exact value.",
     "delta or the softcap's derivative missing, sums into old content", AskingDq, CheckDqAccuracy, true},
    {"dk_accuracy", kGroup, kBackward, "Every dk lies within the claimed distance of its exact value.",
     "the scale missing, the mask missing, heads overwritten", AskingDk, CheckDkAccuracy, true},
    {"dv_accuracy", kGroup, kBackward, "Every dv lies within the claimed distance of its exact value.",
     "unnormalised shares, heads overwritten", AskingDv, CheckDvAccuracy, true},
    {"dbias_accuracy", kGroup, kBackward, "Every dbias lies within the claimed distance of its exact value.",
     "times the scale, times the softcap's derivative", AskingDbias, CheckDbiasAccuracy, true},
    {"backward_adjoint", kGroup, kBackward, "Queries times dq and keys times dk give the same sum for every key head.",
     "a factor in one of them alone", WithQueryAndKeyGradients, CheckBackwardAdjoint},
    {"gradients_from_dbias", kGroup, kBackward,
     "Without a softcap, dq and dk are dbias times the scaled keys and queries.",
     "dbias times the scale, pairs left out", WithPlainBiasGradient, CheckGradientsFromDbias},
    {"backward_invisible_zero", kGroup, kBackward,
     "What no visible pair contributes to is +0, and what is invisible changes no bit of any gradient.",
     "masks missing in one gradient, 0 * NaN", WithHiddenGradients, CheckBackwardInvisibleZero},
    {"backward_empty_rows", kGroup, kBackward, "A query whose saved log-sum-exp is -inf contributes nothing.",
     "exp(z - -inf), NaN of rows without keys", WithEmptySavedRows, CheckBackwardEmptyRows},
    {"dv_is_weighted_upstream", kGroup, kBackward, "dv is the shares, transposed, times upstream.",
     "shares by another sum than the one saved", WithFewQueries, CheckDvIsWeightedUpstream},
};

}  // namespace

std::span<const Property> AttentionLaws() { return kLaws; }

}  // namespace assay::properties
