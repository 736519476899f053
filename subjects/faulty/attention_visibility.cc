// SPDX-License-Identifier: Apache-2.0
//
// Faults of which keys a query sees: causality, windows, alignment, lengths, masks, NaN and infinities.

#include <cstring>

#include "subjects/faulty/attention_fault.h"

namespace assay::subjects {
namespace {

struct CausalStrict : FromScalarAttention<CausalStrict> {
  static bool InCausal(const AttentionCall& call, Query at, std::size_t key) {
    return call.args().causal == 0 || static_cast<std::int64_t>(key) < Position(call, at);
  }
};

struct CausalOneAhead : FromScalarAttention<CausalOneAhead> {
  static bool InCausal(const AttentionCall& call, Query at, std::size_t key) {
    return call.args().causal == 0 || static_cast<std::int64_t>(key) <= Position(call, at) + 1;
  }
};

struct WindowOneMore : FromScalarAttention<WindowOneMore> {
  static bool InWindow(const AttentionCall& call, Query at, std::size_t key) {
    const std::int64_t back = Position(call, at) - static_cast<std::int64_t>(key);
    return call.args().window == 0 || back <= 0 || static_cast<std::size_t>(back) <= call.args().window;
  }
};

struct WindowOnlyCausal : FromScalarAttention<WindowOnlyCausal> {
  static bool InWindow(const AttentionCall& call, Query at, std::size_t key) {
    return call.args().causal == 0 || Base::InWindow(call, at, key);
  }
};

struct WindowImpliesCausal : FromScalarAttention<WindowImpliesCausal> {
  static bool InWindow(const AttentionCall& call, Query at, std::size_t key) {
    return Base::InWindow(call, at, key) &&
           (call.args().window == 0 || static_cast<std::int64_t>(key) <= Position(call, at));
  }
};

struct AlwaysTopLeft : FromScalarAttention<AlwaysTopLeft> {
  static std::int64_t Position(const AttentionCall&, Query at) { return static_cast<std::int64_t>(at.row); }
};

struct AlignsToCapacity : FromScalarAttention<AlignsToCapacity> {
  // The last query belongs to the last place for keys, whether it is filled or not.
  static std::int64_t Position(const AttentionCall& call, Query at) {
    if (call.args().alignment == ASSAY_TOP_LEFT) return static_cast<std::int64_t>(at.row);
    return static_cast<std::int64_t>(at.row + call.keys()) - static_cast<std::int64_t>(call.queries());
  }
};

struct UnsignedPosition : FromScalarAttention<UnsignedPosition> {
  // Positions before the first key wrap around: more queries than keys see everything.
  static bool InCausal(const AttentionCall& call, Query at, std::size_t key) {
    return call.args().causal == 0 || key <= static_cast<std::size_t>(Position(call, at));
  }
};

struct IgnoresLengths : FromScalarAttention<IgnoresLengths> {
  static std::size_t Length(const AttentionCall& call, std::size_t) { return call.keys(); }
};

struct LengthOfFirstBatch : FromScalarAttention<LengthOfFirstBatch> {
  static std::size_t Length(const AttentionCall& call, std::size_t) { return call.Length(0); }
};

struct ZeroLengthIsFull : FromScalarAttention<ZeroLengthIsFull> {
  static std::size_t Length(const AttentionCall& call, std::size_t batch) {
    return call.Length(batch) == 0 ? call.keys() : call.Length(batch);
  }
};

struct EmptyQueryNan : FromScalarAttention<EmptyQueryNan> {
  // 0 / 0.
  static void Fill(const AttentionCall& call, Query at, const KeyRow<Wide>& row) {
    KeyRow<Wide> nan = row;
    nan.nan = nan.nan || row.visible == 0;
    Base::Fill(call, at, nan);
  }
};

struct MaskedByScore : FromScalarAttention<MaskedByScore> {
  // Masked keys stay, with a score far below: the mean of their values where there is nothing else.
  static bool Allowed(const AttentionCall&, Query, std::size_t) { return true; }
  static Wide Z(const AttentionCall& call, Query at, std::size_t key) {
    return call.MaskByte(at, key) == 0 ? -1e9L : Base::Z(call, at, key);
  }
  static Wide V(const AttentionCall& call, Query at, std::size_t key, std::size_t dim) {
    const Wide v = Base::V(call, at, key, dim);
    return call.MaskByte(at, key) == 0 && !std::isfinite(v) ? 0 : v;
  }
};

struct ZeroTimesNan : FromScalarAttention<ZeroTimesNan> {
  // Values behind the mask, times a share of 0.
  static Wide Out(const AttentionCall& call, Query at, const KeyRow<Wide>& row, Wide sum, std::size_t dim) {
    Wide leak = 0;
    for (std::size_t key = 0; key < call.keys(); ++key) leak += row.w[key] * V(call, at, key, dim) * 0;
    return std::isnan(leak) ? leak : Base::Out(call, at, row, sum, dim);
  }
};

struct AttentionMaskOfOne : FromScalarAttention<AttentionMaskOfOne> {
  static bool Allowed(const AttentionCall& call, Query at, std::size_t key) { return call.MaskByte(at, key) == 1; }
};

struct AttentionBiasClamped : FromScalarAttention<AttentionBiasClamped> {
  // A bias of -inf hides no longer.
  static bool Visible(const AttentionCall& call, Query at, std::size_t key) {
    return InLength(call, at, key) && Allowed(call, at, key) && InCausal(call, at, key) && InWindow(call, at, key);
  }
  static Wide Bias(const AttentionCall& call, Query at, std::size_t key) {
    const Wide bias = Base::Bias(call, at, key);
    return std::isnan(bias) ? bias : std::fmax(bias, -30);
  }
};

struct InfiniteBiasNan : FromScalarAttention<InfiniteBiasNan> {
  // Begins with the first key, whether it is visible or not: exp(-inf - -inf).
  static void Scan(const AttentionCall& call, Query at, KeyRow<Wide>* row) {
    Base::Scan(call, at, row);
    row->nan = row->nan || (row->visible > 0 && call.Bias(at, 0) == -HUGE_VAL);
  }
};

struct NanAsMasked : FromScalarAttention<NanAsMasked> {
  // Written as z > -inf, which is false of NaN.
  static Wide Z(const AttentionCall& call, Query at, std::size_t key) {
    const Wide z = Base::Z(call, at, key);
    return z > -HUGE_VAL ? z : -HUGE_VAL;
  }
};

struct InfinityIsTheLargest : FromScalarAttention<InfinityIsTheLargest> {
  // Saturates scores at the largest float, so that +inf takes all.
  static Wide Z(const AttentionCall& call, Query at, std::size_t key) {
    return std::isinf(Base::Z(call, at, key)) && Base::Z(call, at, key) > 0 ? 0x1p127L : Base::Z(call, at, key);
  }
};

struct AttentionForeignNan : FromScalarAttention<AttentionForeignNan> {
  static void Write(const AttentionCall& call, Query at, std::size_t dim, long double value) {
    Base::Write(call, at, dim, value);
    if (!std::isnan(value)) return;
    // What x86 makes of inf - inf: the sign is set.
    const std::uint32_t bits = 0xFFC00000;
    const assay_tensor& out = call.args().out;
    std::memcpy(static_cast<float*>(out.data) + AttentionCall::At(out, at, dim), &bits, sizeof bits);
  }
};

}  // namespace

std::vector<BuiltIn> AttentionVisibilityFaults() {
  return {
      AttentionFault<CausalStrict>("causal_strict", "off by one", "causal_prefix",
                                   "Hides the key at the query's own place."),
      AttentionFault<CausalOneAhead>("causal_one_ahead", "off by one", "causal_prefix",
                                     "Shows one key behind the query."),
      AttentionFault<WindowOneMore>("window_one_more", "off by one", "window_prefix",
                                    "Sees one key more than the window."),
      AttentionFault<WindowOnlyCausal>("window_only_causal", "window", "window_prefix",
                                       "Has a window only where it is causal."),
      AttentionFault<WindowImpliesCausal>("window_implies_causal", "window", "window_prefix",
                                          "Is causal wherever there is a window."),
      AttentionFault<AlwaysTopLeft>("always_top_left", "alignment", "decode_row",
                                    "Aligns queries and keys to the top left."),
      AttentionFault<AlignsToCapacity>("aligns_to_capacity", "alignment", "lengths_prefix",
                                       "Aligns to the last place for keys, not to the last key."),
      AttentionFault<UnsignedPosition>("unsigned_position", "alignment", "causal_prefix",
                                       "Lets queries before the first key see all."),
      AttentionFault<IgnoresLengths>("ignores_lengths", "lengths", "lengths_prefix", "Ignores the lengths of keys."),
      AttentionFault<LengthOfFirstBatch>("length_of_first_batch", "lengths", "batches_independent",
                                         "Takes the length of the first batch for all."),
      AttentionFault<ZeroLengthIsFull>("zero_length_is_full", "lengths", "nothing_visible",
                                       "Takes a length of 0 for none given."),
      AttentionFault<EmptyQueryNan>("empty_query_nan", "empty row", "nothing_visible",
                                    "Gives NaN where a query sees nothing."),
      AttentionFault<MaskedByScore>("masked_by_score", "mask", "nothing_visible", "Masks by a score of -1e9."),
      AttentionFault<ZeroTimesNan>("zero_times_nan", "mask", "invisible_ignored",
                                   "Multiplies values behind the mask by 0, NaN included."),
      AttentionFault<AttentionMaskOfOne>("attention_mask_of_one", "mask", "attention_accuracy",
                                         "Takes only a mask byte of 1 for visible."),
      AttentionFault<AttentionBiasClamped>("attention_bias_clamped", "bias", "bias_is_mask",
                                           "Takes a bias below -30 for -30."),
      AttentionFault<InfiniteBiasNan>("infinite_bias_nan", "bias", "bias_is_mask",
                                      "Gives NaN where the first key has a bias of -inf."),
      AttentionFault<NanAsMasked>("nan_as_masked", "NaN handling", "attention_special_values",
                                  "Takes a score that is NaN for masked."),
      AttentionFault<InfinityIsTheLargest>("infinity_is_the_largest", "special values", "attention_special_values",
                                           "Takes a score of +inf for the largest float."),
      AttentionFault<AttentionForeignNan>("attention_foreign_nan", "NaN handling", "canonical_nan",
                                          "Writes NaNs with the sign set."),
  };
}

}  // namespace assay::subjects
