// SPDX-License-Identifier: Apache-2.0
//
// What a case needs against what a subject declares.

#include <cmath>

#include "subjects/arena.h"
#include "subjects/subject.h"

namespace assay::subjects {

std::string WhyUnsupported(const SubjectInfo& info, const Case& c) {
  const auto lacks = [&](assay_feature feature) { return (info.features & feature) == 0; };
  if (!info.has_softmax) return "no softmax";
  if (c.has_mask && lacks(ASSAY_FEATURE_MASK)) return "no mask";
  const bool bad_temperature = !(c.temperature >= 0);  // NaN too
  if (bad_temperature && lacks(ASSAY_FEATURE_STATUS)) return "no refusal of bad arguments";
  const bool limit = c.temperature == 0 || c.temperature == INFINITY;
  if (limit && lacks(ASSAY_FEATURE_TEMPERATURE_LIMITS)) return "no temperature limits (T = 0, T = inf)";
  if (!bad_temperature && !limit && c.temperature != 1 && lacks(ASSAY_FEATURE_TEMPERATURE)) return "no temperature";
  const Strides strides = StridesFor(c, info.alignment_bytes);
  const bool strided = strides.logits != c.cols || strides.probs != c.cols || (c.has_mask && strides.mask != c.cols);
  if (strided && lacks(ASSAY_FEATURE_ROW_STRIDE)) return "no row strides other than cols";
  if (c.in_place && lacks(ASSAY_FEATURE_IN_PLACE)) return "not in place";
  const assay_empty_row convention = c.has_mask ? info.empty_row_masked : info.empty_row_unmasked;
  if (c.empty_row != ASSAY_EMPTY_ROW_AUTO && c.empty_row != convention && lacks(ASSAY_FEATURE_EMPTY_ROW)) {
    return "no choice of empty_row";
  }
  return {};
}

}  // namespace assay::subjects
