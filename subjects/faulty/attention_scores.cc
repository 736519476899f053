// SPDX-License-Identifier: Apache-2.0
//
// Faults of scores: scale, softcap, bias, dimensions left out, overflow.

#include "subjects/faulty/attention_fault.h"

namespace assay::subjects {
namespace {

struct ScaleOfValueDim : FromScalarAttention<ScaleOfValueDim> {
  static Wide Scale(const AttentionCall& call) {
    if (call.args().has_scale != 0 || call.value_dim() == 0) return Base::Scale(call);
    return 1 / std::sqrt(static_cast<Wide>(call.value_dim()));
  }
};

struct ScaleTwice : FromScalarAttention<ScaleTwice> {
  // The caller's, on top of the default.
  static Wide Scale(const AttentionCall& call) {
    const Wide by_default = 1 / std::sqrt(static_cast<Wide>(call.head_dim()));
    return call.args().has_scale != 0 ? Base::Scale(call) * by_default : by_default;
  }
};

struct ScaleWithoutSign : FromScalarAttention<ScaleWithoutSign> {
  static Wide Scale(const AttentionCall& call) { return std::fabs(Base::Scale(call)); }
};

struct ScaleZeroAsDefault : FromScalarAttention<ScaleZeroAsDefault> {
  // Takes 0 for "not given".
  static Wide Scale(const AttentionCall& call) {
    return call.args().scale == 0 ? 1 / std::sqrt(static_cast<Wide>(call.head_dim())) : Base::Scale(call);
  }
};

struct ScaledQueryInFloat : FromScalarAttention<ScaledQueryInFloat> {
  // Folded into the queries, as floats: what under- or overflows there is lost.
  static Wide Dot(const AttentionCall& call, Query at, std::size_t key) {
    const Wide scale = Scale(call);
    return SumOf(call.head_dim(), [&](std::size_t dim, Wide* a, Wide* b) {
      *a = static_cast<Wide>(static_cast<float>(Q(call, at, dim) * scale));
      *b = K(call, at, key, dim);
      return true;
    });
  }
  static Wide Score(const AttentionCall& call, Query at, std::size_t key) { return Dot(call, at, key); }
};

struct SoftcapAfterBias : FromScalarAttention<SoftcapAfterBias> {
  static Wide Z(const AttentionCall& call, Query at, std::size_t key) {
    return Capped(call, Score(call, at, key) + Bias(call, at, key));
  }
};

struct SoftcapAfterMask : FromScalarAttention<SoftcapAfterMask> {
  // -inf goes through tanh and comes out as -softcap.
  static bool Allowed(const AttentionCall& call, Query at, std::size_t key) {
    return call.args().softcap != 0 || Base::Allowed(call, at, key);
  }
  static Wide Z(const AttentionCall& call, Query at, std::size_t key) {
    const bool hidden = call.args().softcap != 0 && call.MaskByte(at, key) == 0;
    return hidden ? static_cast<Wide>(-call.args().softcap) : Base::Z(call, at, key);
  }
};

struct SoftcapBeforeScale : FromScalarAttention<SoftcapBeforeScale> {
  static Wide Z(const AttentionCall& call, Query at, std::size_t key) {
    const Wide dot = call.head_dim() == 0 ? 0 : Dot(call, at, key);
    const Wide scale = call.head_dim() == 0 ? 0 : Scale(call);
    return scale * Capped(call, dot) + Bias(call, at, key);
  }
};

struct SoftcapWithoutDivision : FromScalarAttention<SoftcapWithoutDivision> {
  static Wide Capped(const AttentionCall& call, Wide score) {
    const auto softcap = static_cast<Wide>(call.args().softcap);
    return softcap == 0 ? score : softcap * std::tanh(score);
  }
};

struct SoftcapNotBelowOne : FromScalarAttention<SoftcapNotBelowOne> {
  static Wide Capped(const AttentionCall& call, Wide score) {
    const auto softcap = static_cast<Wide>(std::fmax(call.args().softcap, 1));
    return call.args().softcap == 0 ? score : softcap * std::tanh(score / softcap);
  }
};

struct TanhByExp : FromScalarAttention<TanhByExp> {
  // 1 - 2 / (exp(2 x) + 1) in float: for small x all digits cancel.
  static Wide Tanh(Wide x) { return static_cast<Wide>(1 - 2 / (std::exp(2 * static_cast<float>(x)) + 1)); }
};

struct BiasTimesScale : FromScalarAttention<BiasTimesScale> {
  static Wide Bias(const AttentionCall& call, Query at, std::size_t key) {
    return call.args().bias.data == nullptr ? 0 : Scale(call) * Base::Bias(call, at, key);
  }
};

struct BiasOfFirstHead : FromScalarAttention<BiasOfFirstHead> {
  static void Adjust(assay_attention_args* args) { args->bias.strides[1] = 0; }
};

struct BiasOfFirstQuery : FromScalarAttention<BiasOfFirstQuery> {
  // As of a bias [1, keys], whatever was given.
  static void Adjust(assay_attention_args* args) { args->bias.strides[2] = 0; }
};

struct DotWithoutTail : FromScalarAttention<DotWithoutTail> {
  static Wide Q(const AttentionCall& call, Query at, std::size_t dim) {
    return dim < TailBegin(call.head_dim()) ? Base::Q(call, at, dim) : 0;
  }
};

struct ScoreOverflows : FromScalarAttention<ScoreOverflows> {
  // The dot product is infinite beyond the largest float.
  static Wide Dot(const AttentionCall& call, Query at, std::size_t key) {
    const Wide dot = Base::Dot(call, at, key);
    return std::fabs(dot) >= 0x1p128L ? std::copysign(static_cast<Wide>(HUGE_VAL), dot) : dot;
  }
};

struct F16ScoreOverflows : FromScalarAttention<F16ScoreOverflows, ASSAY_ATTENTION, ASSAY_F16> {
  static Wide Dot(const AttentionCall& call, Query at, std::size_t key) {
    const Wide dot = Base::Dot(call, at, key);
    return std::fabs(dot) >= 65520 ? std::copysign(static_cast<Wide>(HUGE_VAL), dot) : dot;
  }
};

}  // namespace

std::vector<BuiltIn> AttentionScoreFaults() {
  return {
      AttentionFault<ScaleOfValueDim>("scale_of_value_dim", "scale", "scale_default",
                                      "Scales by the root of value_dim by default."),
      AttentionFault<ScaleTwice>("scale_twice", "scale", "scale_default",
                                 "Scales by the caller's scale and by the default, too."),
      AttentionFault<ScaleWithoutSign>("scale_without_sign", "scale", "scale_power_of_two",
                                       "Takes a negative scale for positive."),
      AttentionFault<ScaleZeroAsDefault>("scale_zero_as_default", "scale", "attention_accuracy",
                                         "Takes a scale of 0 for none given."),
      AttentionFault<ScaledQueryInFloat>("scaled_query_in_float", "scale", "attention_accuracy",
                                         "Multiplies the queries by the scale, in float."),
      AttentionFault<SoftcapAfterBias>("softcap_after_bias", "softcap", "softcap_order",
                                       "Caps the sum of score and bias."),
      AttentionFault<SoftcapAfterMask>("softcap_after_mask", "softcap", "softcap_order",
                                       "Caps what the mask has made -inf."),
      AttentionFault<SoftcapBeforeScale>("softcap_before_scale", "softcap", "attention_accuracy",
                                         "Scales what has been capped."),
      AttentionFault<SoftcapWithoutDivision>("softcap_without_division", "softcap", "attention_accuracy",
                                             "Forgets to divide by the softcap before tanh."),
      AttentionFault<SoftcapNotBelowOne>("softcap_not_below_one", "softcap", "small_softcap",
                                         "Takes a softcap below 1 for 1."),
      AttentionFault<TanhByExp>("tanh_by_exp", "cancellation", "attention_accuracy",
                                "1 - 2 / (exp(2 x) + 1) in float for tanh."),
      AttentionFault<BiasTimesScale>("bias_times_scale", "bias", "bias_shift", "Scales the bias, too."),
      AttentionFault<BiasOfFirstHead>("bias_of_first_head", "broadcast", "heads_independent",
                                      "Reads the bias of the first head for all."),
      AttentionFault<BiasOfFirstQuery>("bias_of_first_query", "broadcast", "decode_row",
                                       "Reads the bias of the first query for all."),
      AttentionFault<DotWithoutTail>("dot_without_tail", "tail lanes", "dims_padded",
                                     "Takes whole vectors of eight dimensions only into the score."),
      AttentionFault<ScoreOverflows>("score_overflows", "overflow", "finite_inputs_no_nan",
                                     "Keeps dot products in float."),
      AttentionFault<F16ScoreOverflows>("f16_score_overflows", "overflow", "finite_inputs_no_nan",
                                        "Keeps dot products in f16, where they are infinite."),
  };
}

}  // namespace assay::subjects
