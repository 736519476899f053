// SPDX-License-Identifier: Apache-2.0
//
// Faults of the log-sum-exp and of the sink.

#include "subjects/faulty/attention_fault.h"
#include "subjects/scalar/number.h"

namespace assay::subjects {
namespace {

struct LseInBase2 : FromScalarAttention<LseInBase2> {
  // As the exponentials were computed.
  static Wide Lse(const AttentionCall& call, Query at, const KeyRow<Wide>& row, Wide sum) {
    return Base::Lse(call, at, row, sum) / std::log(2.0L);
  }
};

struct LseWithoutMaximum : FromScalarAttention<LseWithoutMaximum> {
  // log of the sum of exp(z), in double: infinite above 709, -inf below -745.
  static Wide Lse(const AttentionCall& call, Query at, const KeyRow<Wide>& row, Wide sum) {
    const Wide lse = Base::Lse(call, at, row, sum);
    return lse > 709.78L ? HUGE_VAL : lse < -745.13L ? -HUGE_VAL : lse;
  }
};

struct LseOfFloatSum : FromScalarAttention<LseOfFloatSum> {
  static Wide Lse(const AttentionCall& call, Query at, const KeyRow<Wide>& row, Wide) {
    PlainSum<float> sum;
    for (std::size_t key = 0; key < call.keys(); ++key) sum.Add(static_cast<float>(row.w[key]));
    sum.Add(static_cast<float>(SinkWeight(call, at, row)));
    return row.top + std::log(static_cast<Wide>(sum.Value()));
  }
};

struct LseThroughFloat : FromScalarAttention<LseThroughFloat> {
  // Whatever type was asked for.
  static void WriteLse(const AttentionCall& call, Query at, long double value) {
    Base::WriteLse(call, at, static_cast<long double>(static_cast<float>(value)));
  }
};

struct LseThroughF16 : FromScalarAttention<LseThroughF16, ASSAY_ATTENTION, ASSAY_F16> {
  // In the type of the output.
  static void WriteLse(const AttentionCall& call, Query at, long double value) {
    Base::WriteLse(call, at, static_cast<long double>(RoundNumber(ASSAY_F16, value)));
  }
};

struct EmptyLseIsLow : FromScalarAttention<EmptyLseIsLow> {
  // The lowest float, where a query sees nothing: merged, it is no longer nothing.
  static void WriteLse(const AttentionCall& call, Query at, long double value) {
    Base::WriteLse(call, at, value == -HUGE_VALL ? -0x1.fffffep127L : value);
  }
};

struct SinkOnlyInMaximum : FromScalarAttention<SinkOnlyInMaximum> {
  static Wide SinkWeight(const AttentionCall&, Query, const KeyRow<Wide>&) { return 0; }
};

struct SinkNotInLse : FromScalarAttention<SinkNotInLse> {
  static Wide Lse(const AttentionCall& call, Query at, const KeyRow<Wide>& row, Wide sum) {
    return Base::Lse(call, at, row, sum - SinkWeight(call, at, row));
  }
};

struct SinkOfBatch : FromScalarAttention<SinkOfBatch> {
  static Wide Sink(const AttentionCall& call, Query at) {
    return static_cast<Wide>(call.Sink(at.batch % call.heads()));
  }
};

struct SinkTimesScale : FromScalarAttention<SinkTimesScale> {
  static Wide Sink(const AttentionCall& call, Query at) {
    const Wide sink = Base::Sink(call, at);
    return call.head_dim() == 0 || !std::isfinite(sink) ? sink : Scale(call) * sink;
  }
};

struct SinkInEveryTile : FromScalarAttention<SinkInEveryTile> {
  // Once for each tile of 16 keys.
  static Wide SinkWeight(const AttentionCall& call, Query at, const KeyRow<Wide>& row) {
    return static_cast<Wide>((call.keys() + 15) / 16) * Base::SinkWeight(call, at, row);
  }
};

struct SinkAlone : FromScalarAttention<SinkAlone> {
  // Where a query sees nothing, the LSE is -inf in spite of the sink.
  static void Fill(const AttentionCall& call, Query at, const KeyRow<Wide>& row) {
    KeyRow<Wide> without = row;
    if (row.visible == 0 && !row.nan && !row.infinite) without.top = -HUGE_VAL;
    Base::Fill(call, at, without);
  }
};

struct SinkNotInMaximum : FromScalarAttention<SinkNotInMaximum> {
  // exp(sink - top) in float is infinite where the sink is 89 above all scores; and what is divided by it is 0, LSE
  // too.
  static Wide Lse(const AttentionCall& call, Query at, const KeyRow<Wide>& row, Wide sum) {
    const Wide own = *std::max_element(row.z, row.z + call.keys());
    return row.top - own > 88.72L ? HUGE_VAL : Base::Lse(call, at, row, sum);
  }
};

}  // namespace

std::vector<BuiltIn> AttentionLseFaults() {
  return {
      AttentionFault<LseInBase2>("lse_in_base_2", "logarithm", "merge_by_lse", "Gives the LSE in base 2."),
      AttentionFault<LseWithoutMaximum>("attention_lse_without_maximum", "overflow", "lse_accuracy",
                                        "Sums exp(z) for the LSE as it is, in double."),
      AttentionFault<LseOfFloatSum>("lse_of_float_sum", "accumulation", "lse_accuracy", "Sums in float for the LSE."),
      AttentionFault<LseThroughFloat>("lse_through_float", "rounding", "lse_accuracy",
                                      "Rounds the LSE to float where double was asked for."),
      AttentionFault<LseThroughF16>("lse_through_f16", "rounding", "merge_by_lse", "Rounds the LSE to f16."),
      AttentionFault<EmptyLseIsLow>("empty_lse_is_low", "empty row", "nothing_visible",
                                    "Gives the lowest float for an LSE of -inf."),
      AttentionFault<SinkOnlyInMaximum>("sink_only_in_maximum", "sink", "sink_is_a_key",
                                        "Leaves the sink out of the sum."),
      AttentionFault<SinkNotInLse>("sink_not_in_lse", "sink", "lse_accuracy", "Leaves the sink out of the LSE."),
      AttentionFault<SinkOfBatch>("sink_of_batch", "sink", "sink_is_a_key", "Takes a sink for each batch, not head."),
      AttentionFault<SinkTimesScale>("sink_times_scale", "sink", "sink_is_a_key", "Scales the sink, too."),
      AttentionFault<SinkInEveryTile>("sink_in_every_tile", "sink", "sink_is_a_key",
                                      "Counts the sink once for each 16 keys."),
      AttentionFault<SinkAlone>("sink_alone", "sink", "nothing_visible",
                                "Forgets the sink in the LSE where a query sees nothing."),
      AttentionFault<SinkNotInMaximum>("sink_not_in_maximum", "sink", "lse_accuracy",
                                       "Takes the maximum without the sink, in float."),
  };
}

}  // namespace assay::subjects
