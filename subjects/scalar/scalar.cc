// SPDX-License-Identifier: Apache-2.0
//
// Tables only: name, fault, and the property that must reject it.

#include "subjects/scalar/scalar.h"

#include "subjects/scalar/softmax.h"

namespace assay::subjects {
namespace {

// Before the last rounding, d carries a relative error of 2^-53 and z = d / T twice that; |z| <= 104 where the result
// is not 0, so exp(z) is off by 104 * 2^-52, plus 1 ULP (2^-52) of std::exp; the quotient doubles that and the sum adds
// at most cols * 2^-53. Relative to half an ULP of a float, 2^-25, all that is 0.0001 + cols * 2^-29 ULP: below 0.01 up
// to 5 million columns, and in practice far beyond, since the errors of a sum do not all have one sign.
constexpr double kMaxUlp = 0.51;

// Each faulty subject declares what the correct one does: a liar is what the suite is for.
template <Fault kFault>
const assay_subject* Table(const char* name, const char* description) {
  static const assay_subject table = {
      .struct_size = sizeof(assay_subject),
      .abi_major = ASSAY_ABI_MAJOR,
      .abi_minor = ASSAY_ABI_MINOR,
      .name = name,
      .version = "1",
      .description = description,
      .features = ASSAY_FEATURES_ALL,
      .empty_row_unmasked = ASSAY_EMPTY_ROW_NAN,
      .empty_row_masked = ASSAY_EMPTY_ROW_ZERO,
      .alignment_bytes = 1,
      .over_read_bytes = 0,
      .softmax_f32 = {.kind = ASSAY_CLAIM_MAX_ULP, .reserved = 0, .max_ulp = kMaxUlp},
      .softmax = &Softmax<kFault>,
  };
  return &table;
}

template <Fault kFault>
BuiltIn Make(const char* name, const char* breaks, const char* description) {
  return {name, Kind::kFaulty, breaks, Table<kFault>(name, description)};
}

}  // namespace

BuiltIn Scalar() {
  return {"scalar", Kind::kReference, "", Table<Fault::kNone>("scalar", "Plain C++ in double with std::exp.")};
}

std::vector<BuiltIn> Faulty() {
  return {
      Make<Fault::kFloatAccumulator>("float_accumulator", "simplex", "Sums in float, one after the other."),
      Make<Fault::kRoundedShift>("rounded_shift", "accuracy", "Rounds x - max to float before the exponential."),
      Make<Fault::kFiniteStartMaximum>("finite_start_maximum", "exact_shift", "Starts its maximum at -10000."),
      Make<Fault::kOneHotAtZeroTemperature>("one_hot_at_zero_temperature", "temperature_to_zero",
                                            "At T = 0 gives all to the first of equal maxima."),
      Make<Fault::kInverseTemperature>("inverse_temperature", "subnormal_temperature", "Multiplies by 1 / T."),
      Make<Fault::kCappedTemperature>("capped_temperature", "temperature_to_infinity", "Takes T > 1000 for 1000."),
      Make<Fault::kMaskAsLargeNegative>("mask_as_large_negative", "masked_is_zero", "Masks by a logit of -1e9."),
      Make<Fault::kMaximumOverMasked>("maximum_over_masked", "masked_content_ignored",
                                      "Takes the maximum over masked entries, too."),
      Make<Fault::kMaskBeforeScale>("mask_before_scale", "masked_equals_compacted",
                                    "Masks by adding -10000 before T divides."),
      Make<Fault::kFloatTail>("float_tail", "order", "Uses a float exp behind the last whole vector."),
      Make<Fault::kStaleRowMaximum>("stale_row_maximum", "rows_independent", "Keeps the maximum of the rows before."),
      Make<Fault::kAlignedPeel>("aligned_peel", "alignment", "Uses a float exp before the first 32-byte boundary."),
      Make<Fault::kIgnoresRowStride>("ignores_row_stride", "row_stride", "Writes rows without gaps."),
      Make<Fault::kRereadsMaximum>("rereads_maximum", "in_place", "Reads the maximum again while it writes."),
      Make<Fault::kIgnoresNan>("ignores_nan", "special_values", "Treats NaN as masked."),
      Make<Fault::kEmptyRowZero>("empty_row_zero", "empty_row", "Gives zeros for every empty row."),
      Make<Fault::kDropsTail>("drops_tail", "all_written", "Writes whole vectors of eight only."),
      Make<Fault::kOverReads>("over_reads", "memory_bounds", "Reads one entry past the row."),
      Make<Fault::kAcceptsNegativeTemperature>("accepts_negative_temperature", "bad_arguments",
                                               "Refuses only a NaN temperature."),
  };
}

}  // namespace assay::subjects
