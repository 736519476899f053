// SPDX-License-Identifier: Apache-2.0
//
// Faults of precision: shares and sums in too small a type, approximations, small shares dropped.

#include <bit>
#include <cstdint>

#include "subjects/faulty/attention_fault.h"
#include "subjects/scalar/number.h"

namespace assay::subjects {
namespace {

struct FloatExponential : FromScalarAttention<FloatExponential> {
  static Wide Power(Wide z, Wide top) { return FloatExpOf(z - top); }
};

struct FloatScores : FromScalarAttention<FloatScores> {
  // exp of what a float keeps of a score: off by |z| 2^-24.
  static Wide Z(const AttentionCall& call, Query at, std::size_t key) {
    const Wide z = Base::Z(call, at, key);
    return std::fabs(z) < 0x1p127L ? static_cast<Wide>(static_cast<float>(z)) : z;
  }
};

struct SharesInBf16 : FromScalarAttention<SharesInBf16, ASSAY_ATTENTION, ASSAY_BF16> {
  // Before they meet the values; the sum has them unrounded.
  static Wide Out(const AttentionCall& call, Query at, const KeyRow<Wide>& row, Wide sum, std::size_t dim) {
    Wide total = 0;
    for (std::size_t key = 0; key < call.keys(); ++key) {
      if (row.z[key] == -HUGE_VAL) continue;
      total += static_cast<Wide>(RoundNumber(ASSAY_BF16, row.w[key])) * V(call, at, key, dim);
    }
    return total / sum;
  }
};

struct AccumulatesInF16 : FromScalarAttention<AccumulatesInF16, ASSAY_ATTENTION, ASSAY_F16> {
  // 16 keys at a time.
  static Wide Out(const AttentionCall& call, Query at, const KeyRow<Wide>& row, Wide sum, std::size_t dim) {
    Wide total = 0;
    Wide tile = 0;
    for (std::size_t key = 0; key < call.keys(); ++key) {
      if (row.z[key] != -HUGE_VAL) tile += row.w[key] / sum * V(call, at, key, dim);
      if (key % 16 != 15 && key + 1 != call.keys()) continue;
      total = static_cast<Wide>(RoundNumber(ASSAY_F16, total + tile));
      tile = 0;
    }
    return total;
  }
};

struct FloatAccumulators : FromScalarAttention<FloatAccumulators> {
  static Wide Out(const AttentionCall& call, Query at, const KeyRow<Wide>& row, Wide sum, std::size_t dim) {
    PlainSum<float> total;
    for (std::size_t key = 0; key < call.keys(); ++key) {
      if (row.z[key] != -HUGE_VAL) total.Add(static_cast<float>(row.w[key] * V(call, at, key, dim)));
    }
    return static_cast<Wide>(total.Value()) / sum;
  }
};

struct FloatReciprocal : FromScalarAttention<FloatReciprocal> {
  static Wide Out(const AttentionCall& call, Query at, const KeyRow<Wide>& row, Wide sum, std::size_t dim) {
    return Base::Out(call, at, row, 1, dim) * static_cast<Wide>(1 / static_cast<float>(sum));
  }
};

struct SumPlusEpsilon : FromScalarAttention<SumPlusEpsilon> {
  // Against division by zero.
  static Wide Out(const AttentionCall& call, Query at, const KeyRow<Wide>& row, Wide sum, std::size_t dim) {
    return Base::Out(call, at, row, sum + 1e-6L, dim);
  }
};

struct DropsSmallShares : FromScalarAttention<DropsSmallShares> {
  // "Too small to matter in float": to the output they may be all there is.
  static Wide Weight(const AttentionCall&, Query, std::size_t, Wide z, const KeyRow<Wide>& row) {
    return z - row.top < -17 ? 0 : Power(z, row.top);
  }
};

struct BlockScaledValues : FromScalarAttention<BlockScaledValues> {
  // Each key's values as integers of 20 bits, relative to the largest of them.
  static Wide V(const AttentionCall& call, Query at, std::size_t key, std::size_t dim) {
    Wide largest = 0;
    for (std::size_t i = 0; i < call.value_dim(); ++i) {
      largest = std::max(largest, std::fabs(Base::V(call, at, key, i)));
    }
    const Wide v = Base::V(call, at, key, dim);
    if (!std::isfinite(v) || !std::isfinite(largest) || largest == 0) return v;
    const Wide unit = largest * 0x1p-20L;
    return std::nearbyint(v / unit) * unit;
  }
};

struct ValuesThroughF16 : FromScalarAttention<ValuesThroughF16> {
  // Beyond 65504 they saturate.
  static Wide V(const AttentionCall& call, Query at, std::size_t key, std::size_t dim) {
    const Wide v = Base::V(call, at, key, dim);
    return std::isfinite(v) ? std::clamp<Wide>(v, -65504, 65504) : v;
  }
};

struct FlushesSmallValues : FromScalarAttention<FlushesSmallValues> {
  static Wide V(const AttentionCall& call, Query at, std::size_t key, std::size_t dim) {
    const Wide v = Base::V(call, at, key, dim);
    return std::fabs(v) < 0x1p-126L ? 0 : v;
  }
};

struct LastShareIsTheRest : FromScalarAttention<LastShareIsTheRest> {
  // 1 minus the others, so that shares add up: for a small last share nothing is left of it but rounding.
  static Wide Out(const AttentionCall& call, Query at, const KeyRow<Wide>& row, Wide sum, std::size_t dim) {
    if (call.HasSink() || call.keys() == 0 || row.z[call.keys() - 1] == -HUGE_VAL) {
      return Base::Out(call, at, row, sum, dim);
    }
    double others = 0;
    Wide total = 0;
    for (std::size_t key = 0; key + 1 < call.keys(); ++key) {
      if (row.z[key] == -HUGE_VAL) continue;
      others += static_cast<double>(row.w[key] / sum);
      total += row.w[key] / sum * V(call, at, key, dim);
    }
    return total + static_cast<Wide>(1 - others) * V(call, at, call.keys() - 1, dim);
  }
};

struct TruncatesOutToBf16 : FromScalarAttention<TruncatesOutToBf16, ASSAY_ATTENTION, ASSAY_BF16> {
  static void Write(const AttentionCall& call, Query at, std::size_t dim, long double value) {
    if (std::isnan(value)) return Base::Write(call, at, dim, value);
    // The upper half of the float.
    const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(value));
    Base::Write(call, at, dim, static_cast<long double>(std::bit_cast<float>(bits & 0xFFFF0000U)));
  }
};

struct FlushesTextbookShares : FromTextbookAttention<FlushesTextbookShares> {
  // Plain float, and shares below 2^-24 are dropped: further than the textbook may be off.
  static Wide Power(Wide z, Wide top) { return z - top < -16.6 ? 0 : Base::Power(z, top); }
};

}  // namespace

std::vector<BuiltIn> AttentionPrecisionFaults() {
  return {
      AttentionFault<FloatExponential>("float_exponential", "approximation", "one_hot_values", "Uses a float exp."),
      AttentionFault<FloatScores>("float_scores", "rounding", "attention_accuracy", "Rounds scores to float."),
      AttentionFault<SharesInBf16>("shares_in_bf16", "rounding", "attention_accuracy",
                                   "Rounds shares to bf16 before they meet the values."),
      AttentionFault<AccumulatesInF16>("accumulates_in_f16", "accumulation", "attention_accuracy",
                                       "Rounds its output to f16 after each 16 keys."),
      AttentionFault<FloatAccumulators>("float_accumulators", "accumulation", "attention_accuracy",
                                        "Sums its output in float."),
      AttentionFault<FloatReciprocal>("float_reciprocal", "rounding", "values_hull",
                                      "Multiplies by a reciprocal rounded to float."),
      AttentionFault<SumPlusEpsilon>("sum_plus_epsilon", "clamp", "single_visible_key", "Adds 1e-6 to the sum."),
      AttentionFault<DropsSmallShares>("drops_small_shares", "approximation", "one_hot_values",
                                       "Takes shares below exp(-17) for 0."),
      AttentionFault<BlockScaledValues>("block_scaled_values", "rounding", "linear_values",
                                        "Keeps the values of a key as integers relative to their largest."),
      AttentionFault<ValuesThroughF16>("values_through_f16", "clamp", "power_of_two_values",
                                       "Takes values beyond 65504 for 65504."),
      AttentionFault<FlushesSmallValues>("flushes_small_values", "subnormals", "attention_accuracy",
                                         "Takes values below 2^-126 for 0."),
      AttentionFault<LastShareIsTheRest>("last_share_is_the_rest", "cancellation", "one_hot_values",
                                         "Takes the last share for 1 minus the others, in double."),
      AttentionFault<TruncatesOutToBf16>("truncates_out_to_bf16", "rounding", "attention_accuracy",
                                         "Cuts the lower half of a float off."),
      AttentionFault<FlushesTextbookShares>("flushes_textbook_shares", "approximation", "one_hot_values",
                                            "Plain float that takes shares below 2^-24 for 0."),
  };
}

}  // namespace assay::subjects
