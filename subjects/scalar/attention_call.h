// SPDX-License-Identifier: Apache-2.0
//
// What every plain attention subject does around its arithmetic: judging the arguments, and reaching the operands entry
// by entry whatever their type and strides.

#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "assay/assay.h"
#include "subjects/scalar/number.h"

namespace assay::subjects {

// Everything assay.h promises to refuse, but for scratch; reads lengths and nothing else of the operands.
assay_status CheckAttention(const assay_attention_args* args, assay_op op);

// One query: [batch, head, row].
struct Query {
  std::size_t batch = 0;
  std::size_t head = 0;
  std::size_t row = 0;
};

// The operands of a checked call. Its sizes are below 2^63.
class AttentionCall {
 public:
  explicit AttentionCall(const assay_attention_args& args) : args_(args) {}

  const assay_attention_args& args() const { return args_; }
  std::size_t batch() const { return args_.batch; }
  std::size_t heads() const { return args_.num_heads; }
  std::size_t kv_heads() const { return args_.num_kv_heads; }
  std::size_t queries() const { return args_.seq_q; }
  std::size_t keys() const { return args_.seq_kv; }
  std::size_t head_dim() const { return args_.head_dim; }
  std::size_t value_dim() const { return args_.value_dim; }
  assay_dtype dtype() const { return static_cast<assay_dtype>(args_.dtype); }
  assay_dtype lse_dtype() const { return static_cast<assay_dtype>(args_.lse_dtype); }

  double Q(Query at, std::size_t dim) const { return Load(args_.q, at, dim); }
  double K(std::size_t b, std::size_t kv_head, std::size_t key, std::size_t dim) const {
    return Load(args_.k, {b, kv_head, key}, dim);
  }
  double V(std::size_t b, std::size_t kv_head, std::size_t key, std::size_t dim) const {
    return Load(args_.v, {b, kv_head, key}, dim);
  }
  double Bias(Query at, std::size_t key) const { return args_.bias.data == nullptr ? 0 : Load(args_.bias, at, key); }
  std::uint8_t MaskByte(Query at, std::size_t key) const;  // nonzero = visible; without a mask 1
  std::size_t Length(std::size_t b) const;                 // how many keys of the batch exist
  bool HasSink() const { return args_.sink.data != nullptr; }
  double Sink(std::size_t head) const { return HasSink() ? Load(args_.sink, {0, head, 0}, 0) : -HUGE_VAL; }
  double SavedOut(Query at, std::size_t dim) const { return Load(args_.saved_out, at, dim); }
  double SavedLse(Query at) const { return LoadNumber(lse_dtype(), args_.saved_lse.data, At(args_.saved_lse, at, 0)); }
  double Upstream(Query at, std::size_t dim) const { return Load(args_.upstream, at, dim); }

  // Nothing where the output is absent.
  void Set(const assay_tensor& out, Query at, std::size_t dim, long double value) const {
    if (out.data != nullptr) StoreNumber(dtype(), out.data, At(out, at, dim), value);
  }
  void SetLse(Query at, long double value) const {
    if (args_.lse.data != nullptr) StoreNumber(lse_dtype(), args_.lse.data, At(args_.lse, at, 0), value);
  }

  template <class Tensor>
  static std::ptrdiff_t At(const Tensor& tensor, Query at, std::size_t dim) {
    return static_cast<std::ptrdiff_t>(at.batch) * tensor.strides[0] +
           static_cast<std::ptrdiff_t>(at.head) * tensor.strides[1] +
           static_cast<std::ptrdiff_t>(at.row) * tensor.strides[2] +
           static_cast<std::ptrdiff_t>(dim) * tensor.strides[3];
  }

 private:
  double Load(const assay_const_tensor& tensor, Query at, std::size_t dim) const {
    return LoadNumber(dtype(), tensor.data, At(tensor, at, dim));
  }

  const assay_attention_args& args_;
};

}  // namespace assay::subjects
