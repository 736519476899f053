// SPDX-License-Identifier: Apache-2.0
//
// The laws of gradients and of the loss. All tolerances are the results' own bounds, carried through the law's formula
// (approx.h); where sum y is not 1 the law says what that is worth.

#include "properties/fit.h"
#include "properties/gradient.h"
#include "properties/laws.h"
#include "properties/loss.h"

namespace assay::properties {
namespace {

constexpr Ops kLossGradient = Of(ASSAY_CROSS_ENTROPY_BACKWARD);
// The Jacobian of log_softmax is not symmetric.
constexpr Ops kSymmetric = Of(ASSAY_SOFTMAX_BACKWARD) | Of(ASSAY_SPARSEMAX_BACKWARD);

constexpr Property kGradientLaws[] = {
    {"gradient_sums_to_zero", Group::kGradient, kActivationBackwards | kLossGradient,
     "The gradient of a row sums to zero, but for what its saved shares lack to 1.",
     "sums in the dtype, dropped tails, a moment over the wrong entries", WithFiniteRows, CheckGradientSumsToZero},
    {"gradient_shift", Group::kGradient, kSymmetric,
     "A constant added to a row's upstream leaves its gradient as it is, but for what the shares lack to 1.",
     "missing moments, moments of the row before", OnShiftGrid, CheckGradientShift},
    {"gradient_symmetric", Group::kGradient, kSymmetric,
     "The Jacobian is symmetric: <J a, b> = <a, J b> for any two upstreams.", "transposed or dropped terms",
     WithFiniteRows, CheckGradientSymmetric},
    {"gradient_semidefinite", Group::kGradient, kSymmetric | kLossGradient,
     "The Jacobian is positive semidefinite, and the gradient of the loss monotone.", "flipped signs, dropped terms",
     WithSavedProbabilities, CheckGradientSemidefinite},
    {"gradient_zero_where_no_mass", Group::kGradient, kActivationBackwards | kLossGradient,
     "An entry without mass gets exactly +0, and what stands there, NaN included, changes no bit.", "0 times inf",
     WithoutMassSomewhere, CheckGradientZeroWhereNoMass},
    {"saturation", Group::kGradient, kSymmetric | kLossGradient,
     "The more of the mass one entry has, the smaller is the gradient, and no smaller than it must be.",
     "1 - p taken for a rounded p, clamped shares", WithSpreadToDouble, CheckSaturation},
    {"cross_entropy_gradient_matches", Group::kGradient, kLossGradient,
     "The gradient of the loss is upstream (p sum t - t) / T of the subject's own softmax and log_softmax; where it "
     "has no softmax, of the exact one.",
     "a factor forgotten: T, the mean's divisor, the upstream, the sum of the targets", WithFiniteRows,
     CheckCrossEntropyGradientMatches, true},
    {"nonnegative_loss", Group::kGradient, Of(ASSAY_CROSS_ENTROPY),
     "No loss is below +0, and where all mass is at the only visible entry it is exactly that.",
     "log p rounded above 0, -0", WithFiniteRows, CheckNonnegativeLoss},
    {"ignored_rows", Group::kGradient, kLosses,
     "A row whose label is ignore_index gets +0 and changes neither sum, mean nor the other rows; a mean of none is "
     "NaN.",
     "ignored rows counted by the mean, 0 times NaN", WithIgnoreIndex, CheckIgnoredRows},
    {"reductions_agree", Group::kGradient, kLosses,
     "The sum is that of the rows' losses and the mean the sum over the rows that count; so are the gradients.",
     "sums in the dtype, wrong divisors, upstream read by row though it is one number", WithFiniteRows,
     CheckReductionsAgree},
    {"label_smoothing", Group::kGradient, kLosses,
     "The smoothed loss is the mix of the plain and the uniform one, and uniform means over the visible classes.",
     "smoothing spread over masked classes, 1 - s forgotten", WithSmoothing, CheckLabelSmoothing},
    {"labels_equal_one_hot", Group::kGradient, kLosses, "Labels and targets of 1 and 0 give the same.",
     "two code paths that differ, 0 times inf", WithLabelsThatCount, CheckLabelsEqualOneHot},
    {"masked_target", Group::kGradient, kLosses,
     "A target behind a mask costs +inf, and the gradient there is exactly +0.", "finite sentinels, inf times 0",
     WithMaskedTarget, CheckMaskedTarget},
    {"bad_labels", Group::kGradient, kLosses,
     "A label out of range or a smoothing outside [0, 1] is refused by its status and nothing is written.",
     "labels as indices unchecked, labels cut to 32 bits", WithBadLabels, CheckBadLabels},
};

}  // namespace

std::span<const Property> GradientLaws() { return kGradientLaws; }

}  // namespace assay::properties
