// SPDX-License-Identifier: Apache-2.0
//
// Laws of cross-entropy and its gradient: checks and the domains that are theirs alone.

#pragma once

#include "properties/property.h"

namespace assay::properties {

using subjects::Case;

// ---- loss.cc: what a loss is worth ---------------------------------------------------------------------------

// Finite rows with labels and an ignore_index.
Case WithIgnoreIndex(Case c);
Judgement CheckNonnegativeLoss(const Case& c, Context& context);
Judgement CheckIgnoredRows(const Case& c, Context& context);
Judgement CheckReductionsAgree(const Case& c, Context& context);

// ---- loss_targets.cc: what its targets are --------------------------------------------------------------------

// One finite row, not ignored, 0 < label_smoothing <= 1.
Case WithSmoothing(Case c);
// Finite rows with labels; with none of them ignored.
Case WithLabels(Case c);
Case WithLabelsThatCount(Case c);
// Finite rows, one of them with a positive target that is masked, where a row has two entries.
Case WithMaskedTarget(Case c);
// A label out of range, or a smoothing outside [0, 1], and nothing else that is wrong.
Case WithBadLabels(Case c);
Judgement CheckLabelSmoothing(const Case& c, Context& context);
Judgement CheckLabelsEqualOneHot(const Case& c, Context& context);
Judgement CheckMaskedTarget(const Case& c, Context& context);
Judgement CheckBadLabels(const Case& c, Context& context);

// ---- loss_gradient.cc ------------------------------------------------------------------------------------------

Judgement CheckCrossEntropyGradientMatches(const Case& c, Context& context);

}  // namespace assay::properties
