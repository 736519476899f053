// SPDX-License-Identifier: Apache-2.0
//
// Faults of the backward of attention.

#include "subjects/faulty/attention_fault.h"
#include "subjects/scalar/number.h"

namespace assay::subjects {
namespace {

struct DeltaWithoutTail : FromScalarBackward<DeltaWithoutTail> {
  static Wide Delta(const AttentionCall& call, Query at) {
    return SumOf(TailBegin(call.value_dim()), [&](std::size_t dim, Wide* a, Wide* b) {
      *a = Upstream(call, at, dim);
      *b = SavedOut(call, at, dim);
      return true;
    });
  }
};

struct DkByDefaultScale : FromScalarBackward<DkByDefaultScale> {
  static void WriteDk(const AttentionCall& call, Query at, std::size_t dim, Wide sum) {
    const Wide scale = 1 / std::sqrt(static_cast<Wide>(call.head_dim()));
    call.Set(call.args().dk, at, dim, scale * sum);
  }
};

struct DbiasTimesScale : FromScalarBackward<DbiasTimesScale> {
  static void WriteDbias(const AttentionCall& call, Query at, std::size_t key, Wide value) {
    Base::WriteDbias(call, at, key, call.head_dim() == 0 ? value : Scale(call) * value);
  }
};

struct DbiasOfScore : FromScalarBackward<DbiasOfScore> {
  // The softcap's slope belongs to the score, which the bias is not part of.
  static void WriteDbias(const AttentionCall& call, Query at, std::size_t key, Wide value) {
    if (value != 0 && call.head_dim() > 0) value *= Slope(call, Score(call, at, key));
    Base::WriteDbias(call, at, key, value);
  }
};

struct SlopeForgotten : FromScalarBackward<SlopeForgotten> {
  static Wide Slope(const AttentionCall&, Wide) { return 1; }
};

struct RootOfSlope : FromScalarBackward<RootOfSlope> {
  static Wide Slope(const AttentionCall& call, Wide score) { return std::sqrt(Base::Slope(call, score)); }
};

struct OverwritesGroup : FromScalarBackward<OverwritesGroup> {
  // Each head of a group writes the gradients of its keys: the last one stays.
  static void QueryGradient(const AttentionCall& call, Query at, std::vector<Total>* dk, std::vector<Total>* dv) {
    if (at.row == 0) {
      std::fill(dk->begin(), dk->end(), Total());
      std::fill(dv->begin(), dv->end(), Total());
    }
    Base::QueryGradient(call, at, dk, dv);
  }
};

struct BackwardHeadMapModulo : FromScalarBackward<BackwardHeadMapModulo> {
  static std::size_t KvHead(const AttentionCall& call, std::size_t head) { return head % call.kv_heads(); }
};

struct RecomputesLse : FromScalarBackward<RecomputesLse> {
  // From the scores, which know of no sink.
  static Wide SavedLse(const AttentionCall& call, Query at) {
    std::vector<Wide> z(call.keys());
    KeyRow<Wide> row{.z = z.data(), .w = nullptr};
    Scan(call, at, &row);
    if (!row.Ordinary()) return Base::SavedLse(call, at);
    return row.top + std::log(SumOf(call.keys(), [&](std::size_t key, Wide* a, Wide* b) {
             *a = Power(z[key], row.top);
             *b = 1;
             return z[key] != -HUGE_VAL;
           }));
  }
};

struct EmptyRowGradientNan : FromScalarBackward<EmptyRowGradientNan> {
  // exp(-inf - -inf) in rows that see nothing.
  static void WriteDq(const AttentionCall& call, Query at, std::size_t dim, Wide sum) {
    Base::WriteDq(call, at, dim, HasMass(SavedLse(call, at)) ? sum : std::nan(""));
  }
};

struct EmptyRowTakesPart : FromScalarBackward<EmptyRowTakesPart> {
  // A saved LSE of -inf counts as 0.
  static bool HasMass(Wide) { return true; }
  static Wide Share(const AttentionCall&, Query, Wide z, Wide lse) { return Power(z, lse == -HUGE_VAL ? 0 : lse); }
};

struct AddsToOldDq : FromScalarBackward<AddsToOldDq> {
  // Tiles of keys add to what lies in dq, which nobody has cleared.
  static void WriteDq(const AttentionCall& call, Query at, std::size_t dim, Wide sum) {
    const assay_tensor& dq = call.args().dq;
    if (dq.data == nullptr) return;
    const auto old = static_cast<Wide>(LoadNumber(call.dtype(), dq.data, AttentionCall::At(dq, at, dim)));
    call.Set(dq, at, dim, Scale(call) * sum + old);
  }
};

struct BackwardWithoutCausal : FromScalarBackward<BackwardWithoutCausal> {
  static bool InCausal(const AttentionCall&, Query, std::size_t) { return true; }
};

struct BackwardWithoutWindow : FromScalarBackward<BackwardWithoutWindow> {
  static bool InWindow(const AttentionCall&, Query, std::size_t) { return true; }
};

struct BackwardTopLeft : FromScalarBackward<BackwardTopLeft> {
  static std::int64_t Position(const AttentionCall&, Query at) { return static_cast<std::int64_t>(at.row); }
};

struct BackwardWithoutBias : FromScalarBackward<BackwardWithoutBias> {
  static Wide Bias(const AttentionCall& call, Query at, std::size_t key) {
    return std::isfinite(call.Bias(at, key)) ? 0 : Base::Bias(call, at, key);
  }
};

struct MaskedValueLeaks : FromScalarBackward<MaskedValueLeaks> {
  // upstream times value first, times a share of 0 after: no 0 where the value is NaN.
  static Pair PairOf(const AttentionCall& call, Query at, std::size_t key, Wide lse, LazyDelta* delta) {
    Pair pair = Base::PairOf(call, at, key, lse, delta);
    if (pair.counts || !HasMass(lse)) return pair;
    pair.by_z = pair.by_score = 0 * Along(call, at, key);
    pair.counts = std::isnan(pair.by_z);
    return pair;
  }
};

struct SharesRoundedToBf16 : FromScalarBackward<SharesRoundedToBf16, ASSAY_BF16> {
  static Wide Share(const AttentionCall&, Query, Wide z, Wide lse) {
    return static_cast<Wide>(RoundNumber(ASSAY_BF16, Power(z, lse)));
  }
};

struct ShareOfTwoPowers : FromScalarBackward<ShareOfTwoPowers> {
  // exp(z) / exp(lse), in float: infinite over infinite from 89 on, 0 over 0 below -104.
  static Wide Share(const AttentionCall&, Query, Wide z, Wide lse) {
    if (lse > 88.72L && z > 88.72L) return std::nan("");
    return lse < -103.98L && z < -103.98L ? std::nan("") : Power(z, lse);
  }
};

struct DkInFloat : FromScalarBackward<DkInFloat> {
  static void QueryGradient(const AttentionCall& call, Query at, std::vector<Total>* dk, std::vector<Total>* dv) {
    std::vector<Total> fresh(dk->size());
    Base::QueryGradient(call, at, &fresh, dv);
    for (std::size_t i = 0; i < dk->size(); ++i) {
      // The sum so far is a float.
      const auto sum = static_cast<float>((*dk)[i].Value() + fresh[i].Value());
      (*dk)[i] = {};
      (*dk)[i].Add(static_cast<Wide>(sum));
    }
  }
};

struct DvWithoutTail : FromScalarBackward<DvWithoutTail> {
  // Rows go by eights; those left over do not reach dv.
  static void QueryGradient(const AttentionCall& call, Query at, std::vector<Total>* dk, std::vector<Total>* dv) {
    std::vector<Total> nowhere;
    Base::QueryGradient(call, at, dk, at.row < TailBegin(call.queries()) ? dv : &nowhere);
  }
};

struct BackwardDropsSmallShares : FromScalarBackward<BackwardDropsSmallShares> {
  // Shares below exp(-17) are skipped, however large what they are multiplied by.
  static Wide Share(const AttentionCall&, Query, Wide z, Wide lse) { return z - lse < -17 ? 0 : Power(z, lse); }
};

struct DvByDkStrides : FromScalarBackward<DvByDkStrides> {
  static void Adjust(assay_attention_args* args) {
    if (args->dv.data != nullptr && args->dk.data != nullptr) std::copy_n(args->dk.strides, 4, args->dv.strides);
  }
};

struct DeltaInFloat : FromScalarBackward<DeltaInFloat> {
  // upstream v - delta cancels where all values are alike.
  static Wide Delta(const AttentionCall& call, Query at) {
    return static_cast<Wide>(static_cast<float>(Base::Delta(call, at)));
  }
};

}  // namespace

std::vector<BuiltIn> AttentionBackwardFaults() {
  return {
      AttentionFault<DeltaWithoutTail>("delta_without_tail", "tail lanes", "dq_accuracy",
                                       "Takes whole vectors of eight dimensions only into delta."),
      AttentionFault<DkByDefaultScale>("dk_by_default_scale", "scale", "backward_adjoint",
                                       "Scales dk by the default, whatever the caller's scale."),
      AttentionFault<DbiasTimesScale>("dbias_times_scale", "scale", "gradients_from_dbias", "Scales dbias, too."),
      AttentionFault<DbiasOfScore>("dbias_of_score", "softcap", "dbias_accuracy",
                                   "Multiplies dbias by the softcap's slope."),
      AttentionFault<SlopeForgotten>("slope_forgotten", "softcap", "dk_accuracy", "Forgets the softcap's slope."),
      AttentionFault<RootOfSlope>("root_of_slope", "softcap", "dq_accuracy", "Takes the root of the softcap's slope."),
      AttentionFault<OverwritesGroup>("overwrites_group", "grouped heads", "dk_accuracy",
                                      "Keeps dk and dv of the last head of a group only."),
      AttentionFault<BackwardHeadMapModulo>("backward_head_map_modulo", "head map", "dv_accuracy",
                                            "Takes key head h mod num_kv_heads."),
      AttentionFault<RecomputesLse>("recomputes_lse", "sink", "dv_is_weighted_upstream",
                                    "Computes the LSE again, without the sink it had."),
      AttentionFault<EmptyRowGradientNan>("empty_row_gradient_nan", "empty row", "backward_empty_rows",
                                          "Gives NaN for dq of a query that saw nothing."),
      AttentionFault<EmptyRowTakesPart>("empty_row_takes_part", "empty row", "backward_empty_rows",
                                        "Takes a saved LSE of -inf for 0."),
      AttentionFault<AddsToOldDq>("adds_to_old_dq", "state", "all_written", "Adds dq to what lies there."),
      AttentionFault<BackwardWithoutCausal>("backward_without_causal", "mask", "backward_invisible_zero",
                                            "Forgets causality."),
      AttentionFault<BackwardWithoutWindow>("backward_without_window", "window", "places_are_mask",
                                            "Forgets the window."),
      AttentionFault<BackwardTopLeft>("backward_top_left", "alignment", "backward_invisible_zero",
                                      "Aligns queries and keys to the top left."),
      AttentionFault<BackwardWithoutBias>("backward_without_bias", "bias", "dv_accuracy", "Forgets the bias."),
      AttentionFault<MaskedValueLeaks>("masked_value_leaks", "mask", "backward_invisible_zero",
                                       "Multiplies values behind the mask by 0, NaN included."),
      AttentionFault<SharesRoundedToBf16>("shares_rounded_to_bf16", "rounding", "dv_accuracy",
                                          "Rounds shares to bf16."),
      AttentionFault<ShareOfTwoPowers>("share_of_two_powers", "overflow", "dv_accuracy", "exp(z) / exp(lse) in float."),
      AttentionFault<DkInFloat>("dk_in_float", "accumulation", "dk_accuracy", "Sums dk in float."),
      AttentionFault<DvWithoutTail>("dv_without_tail", "tail lanes", "dv_is_weighted_upstream",
                                    "Sums dv over whole blocks of eight queries only."),
      AttentionFault<BackwardDropsSmallShares>("backward_drops_small_shares", "approximation", "dv_accuracy",
                                               "Takes shares below exp(-17) for 0."),
      AttentionFault<DvByDkStrides>("dv_by_dk_strides", "stride", "strides", "Writes dv by the strides of dk."),
      AttentionFault<DeltaInFloat>("delta_in_float", "cancellation", "dq_accuracy", "Rounds delta to float."),
  };
}

}  // namespace assay::subjects
