// SPDX-License-Identifier: Apache-2.0
//
// The catalogue: every law with its name, its sentence, its domain and its check, once.

#include <algorithm>
#include <cmath>

#include "properties/fit.h"
#include "properties/judging.h"
#include "properties/laws.h"

namespace assay::properties {
namespace {

constexpr Property kCatalogue[] = {
    {"simplex", "The shares of a row lie in [0, 1] and sum to 1 within their own errors.",
     "sums in f32, missing normalisation, negative shares", WithFiniteRows, CheckSimplex},
    {"accuracy", "Every share lies within the claimed distance of its exact value.",
     "x - max rounded to f32, poor exponentials, flushed subnormals", WithFiniteRows, CheckAccuracy},
    {"exact_shift", "Adding a representable constant to a whole row leaves its shares unchanged.",
     "no maximum subtracted, a maximum that starts from a finite value", OnShiftGrid, CheckExactShift},
    {"temperature_to_zero", "At T = 0, and as T goes to 0, the maxima of a row share equally and all else is 0.",
     "arg max taken for the limit, division by zero", WithVanishingTemperature, CheckSharesAmongMaxima},
    {"subnormal_temperature", "A subnormal T is an ordinary T: the maxima of a row share equally.",
     "1/T overflowing, T flushed to zero", WithSubnormalTemperature, CheckSharesAmongMaxima},
    {"temperature_to_infinity", "At T = inf, and as T goes to inf, all visible entries share equally.",
     "T clamped, T in f32, hard maxima", WithUnboundedTemperature, CheckUniform},
    {"masked_is_zero", "A masked entry, like one of -inf, gets exactly +0.",
     "a large negative number in place of a mask", WithMask, CheckMaskedIsZero},
    {"masked_content_ignored", "What a masked entry holds, NaN included, changes no bit of the row.",
     "maxima or NaN checks that look behind the mask", WithMask, CheckMaskedContentIgnored},
    {"masked_equals_compacted", "The visible entries get the shares of the row without the masked ones.",
     "mask applied before the temperature", WithMaskOneRow, CheckMaskedEqualsCompacted},
    {"order", "A higher logit never gets a smaller share, and equal logits get equal shares.",
     "tails computed by another formula than whole vectors", WithFiniteRows, CheckOrder},
    {"rows_independent", "A row's shares do not depend on the other rows of the call.", "state carried from row to row",
     WithSeveralRows, CheckRowsIndependent},
    {"alignment", "Where the buffers lie in memory changes no bit.", "loops peeled by address", WithValidTemperature,
     CheckAlignment},
    {"row_stride", "Gaps between rows change no bit and are left alone.", "strides ignored, whole vectors stored",
     WithGaps, CheckRowStride},
    {"in_place", "In place gives the same bits as out of place.", "inputs read again after they were overwritten",
     InPlace, CheckInPlace},
    {"special_values", "A visible NaN or +inf makes its whole row NaN, and a single visible entry gets exactly 1.",
     "comparisons that lose NaN", WithSpecialValue, CheckSpecialValues},
    {"empty_row", "A row with nothing visible follows the declared convention.", "0/0, conventions mixed up",
     WithEmptyRow, CheckEmptyRow},
    {"bad_arguments", "A negative or NaN temperature is refused by a status and nothing is written.",
     "missing argument checks", WithBadTemperature, CheckBadArguments},
    {"all_written", "Every output is written, whatever the buffer held before.", "dropped tails", OutOfPlace,
     CheckAllWritten},
    {"memory_bounds", "Nothing outside the outputs is written and nothing outside the inputs is read.",
     "whole-vector loads and stores at the end of a row", WithValidTemperature, CheckMemoryBounds},
};

// Only an oracle's word needs a second opinion; all other laws compare a subject with itself.
bool AsksTheOracle(const Property& property) { return property.check == CheckAccuracy; }

}  // namespace

const char* VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kHolds:
      return "holds";
    case Verdict::kViolated:
      return "violated";
    case Verdict::kUndecided:
      return "undecided";
    case Verdict::kNotApplicable:
      return "not applicable";
  }
  return "?";
}

std::span<const Property> Catalogue() { return kCatalogue; }

const Property* FindProperty(std::string_view name) {
  const auto* found = std::find_if(std::begin(kCatalogue), std::end(kCatalogue),
                                   [name](const Property& property) { return name == property.name; });
  return found == std::end(kCatalogue) ? nullptr : found;
}

subjects::Case Prepare(const Property& property, subjects::Case c, const subjects::SubjectInfo& info) {
  const auto lacks = [&](assay_feature feature) { return (info.features & feature) == 0; };
  if (lacks(ASSAY_FEATURE_MASK)) {
    c.has_mask = false;
    c.mask.clear();
  }
  const bool limit = c.temperature == 0 || std::isinf(c.temperature);
  if (lacks(limit ? ASSAY_FEATURE_TEMPERATURE_LIMITS : ASSAY_FEATURE_TEMPERATURE)) c.temperature = 1;
  if (lacks(ASSAY_FEATURE_STATUS) && !(c.temperature >= 0)) c.temperature = 1;
  if (lacks(ASSAY_FEATURE_ROW_STRIDE)) c.logits_gap = c.probs_gap = 0;
  if (lacks(ASSAY_FEATURE_IN_PLACE)) c.in_place = false;
  if (lacks(ASSAY_FEATURE_EMPTY_ROW)) c.empty_row = ASSAY_EMPTY_ROW_AUTO;
  return property.fit(std::move(c));
}

Judgement Judge(const Property& property, const subjects::Case& c, Context& context) {
  const std::string unsupported = subjects::WhyUnsupported(context.subject.info(), c);
  if (!unsupported.empty()) return NotApplicable(unsupported);
  Judgement judgement = property.check(c, context);
  if (judgement.verdict == Verdict::kViolated && context.tier == oracle::Tier::kBulk && AsksTheOracle(property)) {
    Context referee{context.subject, oracle::Tier::kReferee};
    const Judgement second = property.check(c, referee);
    if (second.verdict != Verdict::kViolated) {
      return {Verdict::kUndecided, "violated by the bulk oracle, not by the referee: " + judgement.reason, 0,
              std::nullopt};
    }
    judgement = second;
  }
  return judgement;
}

}  // namespace assay::properties
