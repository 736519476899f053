// SPDX-License-Identifier: Apache-2.0
//
// Attention of the two plain references, and the way from the steps of a subject to the functions of its table.

#pragma once

#include <limits>
#include <type_traits>

#include "subjects/scalar/attention_gradients.h"

namespace assay::subjects {

// All steps of both operations. A subject is `struct Mine : AttentionRowSteps<Mine, Real> { ... }`.
template <class Self, class RealT, class WideT = RealT>
struct AttentionRowSteps : AttentionSteps<Self, RealT, WideT>, AttentionGradientSteps<Self, RealT, WideT> {
  using Real = RealT;
  using Wide = WideT;
};

// In long double throughout, whatever the type of the numbers; sums compensated.
template <class Self>
struct ScalarAttentionSteps : AttentionRowSteps<Self, long double> {};

// The working precision, Real, for dot products, exponentials, hyperbolic tangents and the sum of weights; scores are
// subtracted and values added up in Wide. What leaves the range of a Real on its way is computed in Wide. The rows of
// keys lie in scratch.
template <class Self, class Real, class Wide>
struct TextbookAttentionSteps : AttentionRowSteps<Self, Real, Wide> {
  static constexpr bool kUsesScratch = true;
  using Total = PlainSum<Wide>;

  static bool IsNormal(Wide x) { return x == 0 || std::isnormal(static_cast<Real>(x)); }

  template <class Term>
  static Wide SumOf(std::size_t n, Term term) {
    Real sum = 0;
    Real magnitude = 0;
    bool normal = true;
    for (std::size_t i = 0; i < n; ++i) {
      Wide a = 0;
      Wide b = 0;
      if (!term(i, &a, &b)) continue;
      normal = normal && IsNormal(a) && IsNormal(b);
      const Real product = static_cast<Real>(a) * static_cast<Real>(b);
      sum += product;
      magnitude += std::fabs(product);
    }
    // From there on, what products lost to underflow is below a rounding of the sum.
    constexpr int kLowest = std::numeric_limits<Real>::min_exponent + 2 * std::numeric_limits<Real>::digits + 8;
    if (normal && std::isfinite(magnitude) && magnitude > std::ldexp(Real{1}, kLowest)) return static_cast<Wide>(sum);
    PlainSum<Wide> wide;
    for (std::size_t i = 0; i < n; ++i) {
      Wide a = 0;
      Wide b = 0;
      if (term(i, &a, &b)) wide.Add(a * b);
    }
    return wide.Value();
  }
  // In Wide: shares times values may be as small as they like, and values times 2^k change no bit of it.
  static Wide Out(const AttentionCall& call, Query at, const KeyRow<Wide>& row, Wide sum, std::size_t dim) {
    PlainSum<Wide> total;
    for (std::size_t key = 0; key < call.keys(); ++key) {
      if (row.z[key] != -HUGE_VAL) total.Add(row.w[key] * Self::V(call, at, key, dim));
    }
    return total.Value() / sum;
  }
  static Wide Power(Wide z, Wide top) {
    const Wide difference = z - top;
    const Real power = std::exp(static_cast<Real>(difference));
    return std::isnormal(power) ? static_cast<Wide>(power) : BoundedExp(difference);
  }
  static Wide Tanh(Wide x) { return static_cast<Wide>(std::tanh(static_cast<Real>(x))); }
  static Wide Log(Wide sum) { return static_cast<Wide>(std::log(static_cast<Real>(sum))); }
};

template <class S>
std::size_t AttentionScratch(const assay_attention_args* args) {
  constexpr std::size_t kBytes = 2 * sizeof(typename S::Wide);
  const std::size_t keys = args->seq_kv;
  return keys > std::numeric_limits<std::size_t>::max() / kBytes ? std::numeric_limits<std::size_t>::max()
                                                                 : keys * kBytes;
}

// Whether there is anything to write: sizes of a call without entries may be beyond all loops.
bool HasResults(const assay_attention_args& args, assay_op op);

// Everything between the checks and the return. A function of its own: the compiler may not move its arithmetic out of
// the environment that the caller sets up.
template <class S, assay_op kOp>
[[gnu::noinline]] void AttentionWork(const AttentionCall& call) {
  S::Begin(call);
  if (!HasResults(call.args(), kOp)) return;
  if constexpr (kOp == ASSAY_ATTENTION) {
    using Wide = typename S::Wide;
    std::vector<Wide> own(S::kUsesScratch ? 0 : 2 * call.keys());
    Wide* rows = S::kUsesScratch ? static_cast<Wide*>(call.args().scratch) : own.data();
    S::Queries(call, rows, rows + call.keys());
  } else {
    S::Groups(call);
  }
}

// An entry of a table: one operation by one subject's steps.
template <class S, assay_op kOp>
assay_status RunAttention(const assay_attention_args* args) {
  const typename S::Environment environment;
  const assay_status status = S::Check(args, kOp);
  if (status != ASSAY_OK) return status;
  if constexpr (S::kUsesScratch && kOp == ASSAY_ATTENTION) {
    const std::size_t needed = AttentionScratch<S>(args);
    if (needed > 0 && (args->scratch == nullptr || args->scratch_bytes < needed)) return ASSAY_SMALL_SCRATCH;
  }
  assay_attention_args adjusted = *args;
  S::Adjust(&adjusted);
  AttentionWork<S, kOp>(AttentionCall(adjusted));
  return ASSAY_OK;
}

// The claim of `scalar`, derived in attention.cc.
assay_attention_claim ScalarAttentionClaim(assay_op op, assay_dtype dtype);

// The kernels of the references.
assay_attention_kernel ScalarAttention(assay_op op);
assay_attention_kernel TextbookAttention(assay_op op);

}  // namespace assay::subjects
