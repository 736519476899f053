// SPDX-License-Identifier: Apache-2.0
//
// The laws of rows: shares, masks, temperature, special values.

#include "properties/accuracy.h"
#include "properties/fit.h"
#include "properties/laws.h"
#include "properties/row_checks.h"

namespace assay::properties {
namespace {

constexpr Ops kSoftmax = Of(ASSAY_SOFTMAX);
constexpr Ops kShares = kSoftmax | Of(ASSAY_LOG_SOFTMAX);
constexpr Ops kSums = kShares | Of(ASSAY_LOGSUMEXP);
constexpr Ops kSigmoid = Of(ASSAY_SIGMOID);
constexpr Ops kSparsemax = Of(ASSAY_SPARSEMAX);
constexpr Ops kMaskable = kSums | kSparsemax | kLosses;
constexpr Ops kForward = kSums | kSigmoid | kSparsemax | Of(ASSAY_CROSS_ENTROPY);
constexpr Ops kWithLogits = kForward | kLosses;

constexpr Property kLaws[] = {
    {"simplex", Group::kRow, kSoftmax, "The shares of a row lie in [0, 1] and sum to 1 within their own errors.",
     "sums in f32, missing normalisation, negative shares", WithFiniteRows, CheckSimplex},
    {"accuracy", Group::kRow, kRowOps, "Every result lies within the claimed distance of its exact value.",
     "x - max rounded, poor exponentials, flushed subnormals", WithExactResult, CheckAccuracy, true},
    {"exact_shift", Group::kRow, kShares | kLosses,
     "Adding a representable constant to a whole row leaves its shares unchanged.",
     "no maximum subtracted, a maximum that starts from a finite value", OnShiftGrid, CheckExactShift},
    {"order", Group::kRow, kActivations, "A higher score never gets a smaller result, and equal logits get equal ones.",
     "tails computed by another formula than whole vectors", WithScores, CheckOrder},
    {"ratio", Group::kRow, kSoftmax, "Two shares stand in the ratio exp(z_i - z_j) of their scores.",
     "clamped or truncated exponentials, scores rounded twice", WithScores, CheckRatio},
    {"permutation", Group::kRow, kRowOps, "Permuting the columns permutes the results.",
     "lanes that differ, sums that depend on where the large terms lie", WithFiniteRows, CheckPermutation},
    {"duplication", Group::kRow, kSums, "With every entry twice, shares halve and the log-sum-exp rises by log 2.",
     "dropped or padded tails, sums of a fixed length", WithScores, CheckDuplication},
    {"temperature_to_zero", Group::kRow, kShares | kSparsemax,
     "At T = 0, and as T goes to 0, the maxima of a row share as their bias says and all else vanishes.",
     "arg max taken for the limit, division by zero", WithVanishingTemperature, CheckTemperatureToZero},
    {"subnormal_temperature", Group::kRow, kShares | kSparsemax,
     "A subnormal T is an ordinary T: the maxima of a row share equally.", "1/T overflowing, T flushed to zero",
     WithSubnormalTemperature, CheckTemperatureToZero},
    {"temperature_to_infinity", Group::kRow, kSums | kSigmoid | kSparsemax,
     "At T = inf, and as T goes to inf, only the bias is left: without one, all visible entries share equally.",
     "T clamped, T in f32, inf / inf", WithUnboundedTemperature, CheckTemperatureToInfinity},
    {"entropy", Group::kRow, kSoftmax, "A higher temperature never lowers the entropy of a row.",
     "logits multiplied by T, T clamped on one side", WithScaledScores, CheckEntropy, false, false, 1,
     ASSAY_FEATURE_TEMPERATURE},
    {"power_of_two_temperature", Group::kRow, kForward,
     "T = 2^k gives what T = 1 gives for logits divided by 2^k, where that is exact.",
     "temperature applied after the exponential, 1/T rounded", WithPowerOfTwoTemperature, CheckPowerOfTwoTemperature},
    {"sensitivity", Group::kRow, kSums | kSigmoid,
     "Moving the logits by at most eps moves a share by a factor of at most exp(2 eps / T).",
     "logits rounded to fewer bits, tables with steps", WithScores, CheckSensitivity},
    {"two_classes", Group::kRow, kSoftmax | kSigmoid, "A row of two is a sigmoid: softmax([x, y])_1 = sigmoid(x - y).",
     "a sigmoid that saturates, 1 - p in place of the other share", WithTwoClasses, CheckTwoClasses},
    {"minus_inf_padding", Group::kRow, kMaskable, "Columns of -inf beside a row change none of its results.",
     "-inf - -inf, lanes of padding counted", WithFiniteRows, CheckMinusInfPadding},
    {"masked_is_zero", Group::kRow, kShares | kSparsemax | Of(ASSAY_CROSS_ENTROPY_BACKWARD),
     "An invisible entry gets exactly +0, in log_softmax -inf.", "a large negative number in place of a mask", WithMask,
     CheckMaskedIsZero},
    {"masked_content_ignored", Group::kRow, kMaskable,
     "What logits and bias hold at a masked entry, NaN included, changes no bit of the results.",
     "maxima or NaN checks that look behind the mask", WithMask, CheckMaskedContentIgnored},
    {"masked_equals_compacted", Group::kRow, kSums | kSparsemax,
     "The visible entries get the results of the row without the masked ones.", "mask applied before the temperature",
     WithMaskedRow, CheckMaskedEqualsCompacted},
    {"mask_forms_agree", Group::kRow, kSums | kSparsemax,
     "A boolean mask, logits of -inf and a bias of -inf hide alike.", "one of the three forms forgotten, or halved",
     WithMask, CheckMaskFormsAgree},
    {"sentinel_is_no_mask", Group::kRow, kSums | kSparsemax,
     "A large negative logit or bias hides nothing: among lower ones it takes all, and what is masked takes nothing.",
     "masks filled with -1e9, maxima that start from it", WithSentinel, CheckSentinelIsNoMask},
    {"single_visible", Group::kRow, kSums | kSparsemax,
     "The only visible entry of a row gets exactly 1, log exactly +0, and the log-sum-exp is its score.",
     "x - x through different roundings, 1 / sum", WithSingleVisible, CheckSingleVisible},
    {"special_values", Group::kRow, kWithLogits,
     "A visible NaN makes its row NaN; so does +inf, but the log-sum-exp is +inf and a sigmoid 1.",
     "comparisons that lose NaN", WithSpecialValue, CheckSpecialValues},
    {"empty_row", Group::kRow, kMaskable, "A row with nothing visible follows the declared convention.",
     "0/0, conventions mixed up", WithEmptyRow, CheckEmptyRow},
    {"absorption", Group::kRow, kSums, "Many small terms beside a large one keep their mass.",
     "sums that stall, accumulators of few bits", WithManySmallTerms, CheckAbsorption, false, false, 16},
    {"absorption_long", Group::kRow, kSums, "So do 2^24 and more of them.", "f32 counts that end at 2^24",
     WithPageOfSmallTerms, CheckAbsorptionLong, false, true},
    {"split_merge", Group::kRow, kSoftmax, "The shares of a part, times the part's weight, are those of the row.",
     "a running sum not rescaled at a new maximum", WithScores, CheckSplitMerge},
    {"argmax", Group::kRow, kShares | kSparsemax,
     "The largest result is where the largest score is, and halving T does not lower it.",
     "ties broken by rounding, the temperature inverted", WithScores, CheckArgmax},
    {"soft_argmax", Group::kRow, kSoftmax, "The mean index lies between the first and the last visible one.",
     "mass that leaks to invisible entries, missing normalisation", WithFiniteRows, CheckSoftArgmax},
};

}  // namespace

std::span<const Property> RowLaws() { return kLaws; }

}  // namespace assay::properties
