// SPDX-License-Identifier: Apache-2.0
//
// A kernel of attention for the tests of what surrounds kernels: it computes nothing, but copies each entry of an input
// of the same shape to each output, through strides alone, and fills the scratch it asked for. With a fault of choice.

#pragma once

#include <algorithm>
#include <cstring>

#include "assay/assay.h"

namespace assay::subjects::copying {

enum class Fault {
  kNone,
  kPastTheEnd,     // of one output: `victim`
  kIntoTheGap,     // of that output: one element behind its first
  kPastScratch,    // one byte behind it
  kBeforeScratch,  // one byte before it
  kChangesInput,   // of k
  kAsksTooMuch,    // for scratch
  kRefusesScratch  // SMALL_SCRATCH whatever it is given
};

// Set by the test before the call, or before the child is forked.
inline Fault fault = Fault::kNone;
inline int victim = 0;  // by the order of `outputs` below
inline std::size_t scratch_wanted = 100;

struct Dims {
  std::size_t size[4];
};

inline std::size_t BytesOf(int32_t dtype) { return dtype == ASSAY_F64 ? 8 : dtype == ASSAY_F32 ? 4 : 2; }

inline ptrdiff_t At(const ptrdiff_t* strides, std::size_t b, std::size_t h, std::size_t i, std::size_t j) {
  return static_cast<ptrdiff_t>(b) * strides[0] + static_cast<ptrdiff_t>(h) * strides[1] +
         static_cast<ptrdiff_t>(i) * strides[2] + static_cast<ptrdiff_t>(j) * strides[3];
}

// From tensor to tensor; without `from`, zeros.
inline void Copy(const assay_const_tensor& from, const assay_tensor& to, std::size_t bytes, const Dims& dims) {
  if (to.data == nullptr) return;
  for (std::size_t b = 0; b < dims.size[0]; ++b) {
    for (std::size_t h = 0; h < dims.size[1]; ++h) {
      for (std::size_t i = 0; i < dims.size[2]; ++i) {
        for (std::size_t j = 0; j < dims.size[3]; ++j) {
          auto* const at = static_cast<char*>(to.data) + At(to.strides, b, h, i, j) * static_cast<ptrdiff_t>(bytes);
          const auto* const source = static_cast<const char*>(from.data);
          if (source == nullptr) {
            std::memset(at, 0, bytes);
          } else {
            std::memmove(at, source + At(from.strides, b, h, i, j) * static_cast<ptrdiff_t>(bytes), bytes);
          }
        }
      }
    }
  }
}

inline std::size_t ScratchBytes(const assay_attention_args*) {
  return fault == Fault::kAsksTooMuch ? std::size_t{1} << 27 : scratch_wanted;
}

// Of the forward pass, out = q where value_dim is head_dim, else zeros, and lse = 0. Of the backward, dq = q, dk = k,
// dv = v, dbias = bias.
inline assay_status Run(const assay_attention_args* a) {
  const std::size_t bytes = BytesOf(a->dtype);
  const Dims of_q = {{a->batch, a->num_heads, a->seq_q, a->head_dim}};
  const Dims of_out = {{a->batch, a->num_heads, a->seq_q, a->value_dim}};
  const Dims of_k = {{a->batch, a->num_kv_heads, a->seq_kv, a->head_dim}};
  const Dims of_v = {{a->batch, a->num_kv_heads, a->seq_kv, a->value_dim}};
  const Dims of_bias = {{a->batch, a->num_heads, a->seq_q, a->seq_kv}};
  const Dims of_lse = {{a->batch, a->num_heads, a->seq_q, 1}};
  if (fault == Fault::kRefusesScratch || a->scratch_bytes < scratch_wanted) return ASSAY_SMALL_SCRATCH;
  if (scratch_wanted != 0) std::memset(a->scratch, 0x5A, a->scratch_bytes);
  Copy(a->head_dim == a->value_dim ? a->q : assay_const_tensor{}, a->out, bytes, of_out);
  Copy({}, a->lse, BytesOf(a->lse_dtype), of_lse);
  Copy(a->q, a->dq, bytes, of_q);
  Copy(a->k, a->dk, bytes, of_k);
  Copy(a->v, a->dv, bytes, of_v);
  Copy(a->bias, a->dbias, bytes, of_bias);
  const assay_tensor outputs[] = {a->out, a->lse, a->dq, a->dk, a->dv, a->dbias};
  const Dims dims[] = {of_out, of_lse, of_q, of_k, of_v, of_bias};
  volatile char* const data = static_cast<char*>(outputs[victim].data);
  const std::size_t* const size = dims[victim].size;
  const auto each = static_cast<ptrdiff_t>(victim == 1 ? BytesOf(a->lse_dtype) : bytes);
  if (fault == Fault::kPastTheEnd) {
    const ptrdiff_t last = At(outputs[victim].strides, size[0] - 1, size[1] - 1, size[2] - 1, size[3] - 1);
    data[(last + 1) * each] = 0;
  }
  if (fault == Fault::kIntoTheGap) data[each] = 0;
  auto* const scratch = static_cast<volatile char*>(a->scratch);
  if (fault == Fault::kPastScratch) scratch[a->scratch_bytes] = 1;
  if (fault == Fault::kBeforeScratch) scratch[-1] = 1;
  if (fault == Fault::kChangesInput) static_cast<char*>(const_cast<void*>(a->k.data))[0] ^= 1;
  return ASSAY_OK;
}

inline const assay_subject& Table() {
  static const assay_subject table = [] {
    assay_subject made = {};
    made.struct_size = sizeof made;
    made.abi_major = ASSAY_ABI_MAJOR;
    made.abi_minor = ASSAY_ABI_MINOR;
    made.name = "copies";
    made.features = ASSAY_FEATURES_ALL;
    for (assay_attention_kernel* const kernel : {&made.attention, &made.attention_backward}) {
      kernel->run = Run;
      kernel->scratch_bytes = ScratchBytes;
      kernel->dtypes = (1U << ASSAY_NUM_DTYPES) - 1;
    }
    return made;
  }();
  return table;
}

}  // namespace assay::subjects::copying
