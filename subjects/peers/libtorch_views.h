// SPDX-License-Identifier: Apache-2.0
//
// The operands of a call as tensors over the caller's memory, kept as long as calls are alike: making a tensor costs as
// much as the softmax of a short row.

#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <cstring>

#include "subjects/peers/peer.h"

namespace assay::peers {

inline at::ScalarType TypeOf(std::int32_t dtype) {
  return dtype == ASSAY_F64 ? at::kDouble : dtype == ASSAY_BF16 ? at::kBFloat16 : at::kFloat;
}

struct Views {
  at::Tensor logits;  // each undefined where it is absent
  at::Tensor bias;
  at::Tensor mask;  // bytes
  at::Tensor saved;
  at::Tensor upstream;
  at::Tensor targets;
  at::Tensor labels;  // [rows]
  at::Tensor out;
};

// A matrix of one column is a vector here, as the functions of torch give and take it.
template <class Matrix>
at::Tensor View(const Matrix& m, std::size_t rows, std::size_t cols, bool vector, at::ScalarType type) {
  if (m.data == nullptr) return {};
  void* const data = const_cast<void*>(static_cast<const void*>(m.data));
  const auto size = static_cast<std::int64_t>(rows);
  if (vector) return at::from_blob(data, {size}, {m.row_stride}, at::TensorOptions(type));
  return at::from_blob(data, {size, static_cast<std::int64_t>(cols)}, {m.row_stride, m.col_stride},
                       at::TensorOptions(type));
}

// The views of this thread's latest call, made anew where the call differs from the one before it.
inline const Views& ViewsOf(const assay_row_args& a, bool vector_out) {
  static thread_local assay_row_args seen = {};
  static thread_local bool seen_vector = false;
  static thread_local Views views;
  if (std::memcmp(&seen, &a, sizeof a) == 0 && seen_vector == vector_out) return views;
  const at::ScalarType type = TypeOf(a.dtype);
  const bool reduced = a.reduction != ASSAY_REDUCTION_NONE;
  const bool loss = a.labels.data != nullptr || a.targets.data != nullptr;
  views = {};
  views.logits = View(a.logits, a.rows, a.cols, false, type);
  views.bias = View(a.bias, a.rows, a.cols, false, type);
  views.mask = View(a.mask, a.rows, a.cols, false, at::kByte);
  views.saved = View(a.saved, a.rows, a.cols, false, type);
  views.upstream = View(a.upstream, loss && reduced ? 1 : a.rows, a.cols, loss, type);
  views.targets = View(a.targets, a.rows, a.cols, false, type);
  views.labels = View(a.labels, a.rows, 1, true, at::kLong);
  views.out = View(a.out, vector_out && reduced ? 1 : a.rows, a.cols, vector_out, type);
  seen = a;
  seen_vector = vector_out;
  return views;
}

// Calls write(out): with out itself, or where its rows stand apart with a dense tensor that is then copied, since the
// kernels below softmax and its gradients expect that of their callers.
template <class Write>
void WriteDense(const at::Tensor& out, Write write) {
  at::Tensor dense = out.is_contiguous() ? out : at::empty(out.sizes(), out.options());
  write(dense);
  if (!out.is_contiguous()) out.copy_(dense);
}

// z = logits / T + bias, hidden entries -inf: one pass over memory for each that is asked for, as in a model.
inline at::Tensor ScaledLogits(const assay_row_args& a, const Views& v, const at::Tensor& logits) {
  at::Tensor z = logits;
  if (a.temperature != 1) z = z.div(a.temperature);
  if (v.bias.defined()) z = z.add(v.bias);
  if (v.mask.defined()) z = z.masked_fill(v.mask.eq(0), -std::numeric_limits<double>::infinity());
  return z;
}

}  // namespace assay::peers
