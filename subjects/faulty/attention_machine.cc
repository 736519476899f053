// SPDX-License-Identifier: Apache-2.0
//
// Faults of attention on the machine: bounds, tails left unwritten, scratch, environment, arguments, zeros.

#include <cfenv>
#include <cstring>

#include "subjects/faulty/attention_fault.h"

namespace assay::subjects {
namespace {

float* OutAt(const AttentionCall& call, Query at, std::size_t dim) {
  return static_cast<float*>(call.args().out.data) + AttentionCall::At(call.args().out, at, dim);
}

struct DropsDimTail : FromScalarAttention<DropsDimTail> {
  static void Write(const AttentionCall& call, Query at, std::size_t dim, long double value) {
    if (dim < TailBegin(call.value_dim())) Base::Write(call, at, dim, value);
  }
};

struct OverReadsKeys : FromScalarAttention<OverReadsKeys> {
  // The last key of each head is loaded in vectors of eight dimensions. What they bring behind it is not used.
  static void Scan(const AttentionCall& call, Query at, KeyRow<Wide>* row) {
    if (call.head_dim() % 8 != 0 && call.keys() > 0) {
      const auto* k = static_cast<const volatile float*>(call.args().k.data);
      const Query last = {at.batch, KvHead(call, at.head), call.keys() - 1};
      (void)k[AttentionCall::At(call.args().k, last, call.head_dim() - 1) + 1];
    }
    Base::Scan(call, at, row);
  }
};

struct OverReadsBias : FromScalarAttention<OverReadsBias> {
  // A bias for each key of a tile of eight.
  static void Scan(const AttentionCall& call, Query at, KeyRow<Wide>* row) {
    if (call.args().bias.data != nullptr && call.keys() % 8 != 0) {
      const auto* bias = static_cast<const volatile float*>(call.args().bias.data);
      (void)bias[AttentionCall::At(call.args().bias, at, call.keys())];
    }
    Base::Scan(call, at, row);
  }
};

struct WritesPaddedDims : FromScalarAttention<WritesPaddedDims> {
  // Whole vectors of eight, as far as the next query leaves room for them.
  static void Write(const AttentionCall& call, Query at, std::size_t dim, long double value) {
    Base::Write(call, at, dim, value);
    const std::size_t dims = call.value_dim();
    const assay_tensor& out = call.args().out;
    if (dim + 1 < dims || out.strides[3] != 1) return;
    for (std::size_t pad = dims; pad % 8 != 0 && static_cast<std::ptrdiff_t>(pad) < out.strides[2]; ++pad) {
      *OutAt(call, at, pad) = 0;
    }
  }
};

struct ScratchTooSmall : FromTextbookAttention<ScratchTooSmall> {
  // Asks for room for the keys, and uses it for whole tiles of eight.
  static void Begin(const AttentionCall& call) {
    auto* scratch = static_cast<Wide*>(call.args().scratch);
    const std::size_t keys = call.keys();
    if (scratch != nullptr) std::fill(scratch, scratch + 2 * ((keys + 7) / 8 * 8), 0);
  }
};

struct ScratchNotCleared : FromTextbookAttention<ScratchNotCleared> {
  // A key that is not allowed leaves in scratch what was there: of the query before, or of nobody.
  static void Scan(const AttentionCall& call, Query at, KeyRow<Wide>* row) {
    for (std::size_t key = 0; key < call.keys(); ++key) {
      if (!InLength(call, at, key)) {
        row->z[key] = -HUGE_VAL;
        continue;
      }
      if (Allowed(call, at, key)) row->z[key] = Visible(call, at, key) ? Z(call, at, key) : -HUGE_VAL;
      if (row->z[key] == -HUGE_VAL) continue;
      ++row->visible;
      See(row->z[key], row);
    }
    if (call.HasSink()) See(Sink(call, at), row);
  }
};

struct AttentionFeelsRounding : FromScalarAttention<AttentionFeelsRounding> {
  // Computes in whatever the caller has set.
  struct Environment {
    Environment() = default;
    ~Environment() {}  // not trivial: a variable of it is not unused
  };
};

struct AttentionLeavesFlags : FromScalarAttention<AttentionLeavesFlags> {
  // Restores the modes, but the flags of its arithmetic stay up.
  struct Environment {
    Environment() { std::feholdexcept(&saved); }
    ~Environment() { std::feupdateenv(&saved); }
    std::fenv_t saved;
  };
};

struct AcceptsNegativeSoftcap : FromScalarAttention<AcceptsNegativeSoftcap> {
  static assay_status Check(const assay_attention_args* args, assay_op op) {
    if (args == nullptr || args->struct_size < sizeof *args || !(args->softcap < 0)) return Base::Check(args, op);
    assay_attention_args turned = *args;
    turned.softcap = -args->softcap;
    return Base::Check(&turned, op);
  }
};

struct ClampsLengths : FromScalarAttention<ClampsLengths> {
  // A length that is too long or negative is cut to what there is.
  static assay_status Check(const assay_attention_args* args, assay_op op) {
    const assay_status status = Base::Check(args, op);
    return status == ASSAY_BAD_LENGTH ? ASSAY_OK : status;
  }
  static std::size_t Length(const AttentionCall& call, std::size_t batch) {
    return std::min(call.Length(batch), call.keys());
  }
};

struct KeepsMinusZero : FromScalarAttention<KeepsMinusZero> {
  static void Write(const AttentionCall& call, Query at, std::size_t dim, long double value) {
    Base::Write(call, at, dim, value);
    if (std::signbit(value) && static_cast<float>(value) == 0) *OutAt(call, at, dim) = -0.0F;
  }
};

}  // namespace

std::vector<BuiltIn> AttentionMachineFaults() {
  return {
      AttentionFault<DropsDimTail>("drops_dim_tail", "tail lanes", "all_written",
                                   "Writes whole vectors of eight dimensions only."),
      AttentionFault<OverReadsKeys>("over_reads_keys", "memory", "memory_bounds", "Reads one entry past the last key."),
      AttentionFault<OverReadsBias>("over_reads_bias", "memory", "memory_bounds",
                                    "Reads a bias for the key behind the last."),
      AttentionFault<WritesPaddedDims>("writes_padded_dims", "memory", "memory_bounds",
                                       "Writes zeros behind the dimensions of each query."),
      AttentionFault<ScratchTooSmall>("scratch_too_small", "scratch", "memory_bounds",
                                      "Uses more scratch than it asks for."),
      AttentionFault<ScratchNotCleared>("scratch_not_cleared", "scratch", "bias_is_mask",
                                        "Takes what lies in scratch for the score of a masked key."),
      AttentionFault<AttentionFeelsRounding>("attention_feels_rounding", "environment", "fp_environment_ignored",
                                             "Computes in the caller's rounding mode."),
      AttentionFault<AttentionLeavesFlags>("attention_leaves_flags", "environment", "fp_environment_restored",
                                           "Leaves the sticky flags of its own arithmetic."),
      AttentionFault<AcceptsNegativeSoftcap>("accepts_negative_softcap", "arguments", "bad_arguments",
                                             "Takes a negative softcap for positive."),
      AttentionFault<ClampsLengths>("clamps_lengths", "arguments", "bad_arguments",
                                    "Takes a length beyond the keys for all keys."),
      AttentionFault<KeepsMinusZero>("attention_keeps_minus_zero", "sign of zero", "positive_zero",
                                     "Writes -0 where a negative result is too small."),
  };
}

}  // namespace assay::subjects
