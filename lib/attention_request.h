// SPDX-License-Identifier: Apache-2.0
//
// What the attention kernels get to see: a checked call, and of it one head at a time.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "assay/assay.h"
#include "request.h"

namespace assay::internal {

// A call that CheckAttention has accepted; batch, num_heads and seq_q are not 0.
struct AttentionRequest {
  assay_op op;
  assay_attention_args args;  // a copy; absent operands are null
  double scale;               // ScaleOf(args)
};

// Everything assay.h promises to refuse but the size of the scratch, which the kernel knows; fills `request`, but for
// its scale, where the answer is ASSAY_OK.
assay_status CheckAttention(assay_op op, const assay_attention_args* args, AttentionRequest* request);

// The scale of a checked call, 1 / sqrt(head_dim) where the caller gave none: rounded, so to be called inside an
// FpEnvironment; compiled elsewhere, so that no compiler moves it out of there.
double ScaleOf(const assay_attention_args& args);

// Rows of one head: entry [i, j] lies at data + (i * row_stride + j * col_stride) elements.
struct Plane {
  const void* data = nullptr;
  std::ptrdiff_t row_stride = 0;
  std::ptrdiff_t col_stride = 0;

  const void* At(std::size_t i, std::size_t j, std::size_t element_bytes) const {
    const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(i) * row_stride + static_cast<std::ptrdiff_t>(j) * col_stride;
    return static_cast<const std::uint8_t*>(data) + at * static_cast<std::ptrdiff_t>(element_bytes);
  }
  bool present() const { return data != nullptr; }
};
struct OutPlane {
  void* data = nullptr;
  std::ptrdiff_t row_stride = 0;
  std::ptrdiff_t col_stride = 0;

  void* At(std::size_t i, std::size_t j, std::size_t element_bytes) const {
    return const_cast<void*>(Plane{data, row_stride, col_stride}.At(i, j, element_bytes));
  }
  bool present() const { return data != nullptr; }
};

// Head [batch, head] of an operand.
inline Plane PlaneOf(const assay_const_tensor& x, std::size_t batch, std::size_t head, std::size_t element_bytes) {
  if (x.data == nullptr) return {};
  const std::ptrdiff_t at =
      static_cast<std::ptrdiff_t>(batch) * x.strides[0] + static_cast<std::ptrdiff_t>(head) * x.strides[1];
  return {static_cast<const std::uint8_t*>(x.data) + at * static_cast<std::ptrdiff_t>(element_bytes), x.strides[2],
          x.strides[3]};
}
inline OutPlane PlaneOf(const assay_tensor& x, std::size_t batch, std::size_t head, std::size_t element_bytes) {
  const assay_const_tensor in = {x.data, {x.strides[0], x.strides[1], x.strides[2], x.strides[3]}};
  const Plane plane = PlaneOf(in, batch, head, element_bytes);
  return {const_cast<void*>(plane.data), plane.row_stride, plane.col_stride};
}

// Keys [first, last) are those that length, causality and window let a query see.
struct KeyRange {
  std::size_t first = 0;
  std::size_t last = 0;
};

class KeyRanges {
 public:
  KeyRanges(const assay_attention_args& a, std::size_t batch)
      : length_(LengthOf(a, batch)),
        causal_(a.causal != 0),
        window_(a.window),
        offset_(a.alignment == ASSAY_TOP_LEFT
                    ? 0
                    : static_cast<std::ptrdiff_t>(length_) - static_cast<std::ptrdiff_t>(a.seq_q)) {}

  // Both ends never fall as i grows.
  KeyRange Of(std::size_t i) const {
    const auto length = static_cast<std::ptrdiff_t>(length_);
    const std::ptrdiff_t t = static_cast<std::ptrdiff_t>(i) + offset_;
    const std::ptrdiff_t last = causal_ ? std::clamp<std::ptrdiff_t>(t + 1, 0, length) : length;
    std::ptrdiff_t first = 0;
    if (window_ != 0 && t >= 0 && static_cast<std::size_t>(t) >= window_) {
      first = t - static_cast<std::ptrdiff_t>(window_) + 1;
    }
    return {static_cast<std::size_t>(std::min(first, last)), static_cast<std::size_t>(last)};
  }
  std::size_t length() const { return length_; }

 private:
  static std::size_t LengthOf(const assay_attention_args& a, std::size_t batch) {
    if (a.lengths.data == nullptr) return a.seq_kv;
    return static_cast<std::size_t>(
        static_cast<const std::int64_t*>(a.lengths.data)[static_cast<std::ptrdiff_t>(batch) * a.lengths.strides[0]]);
  }

  std::size_t length_;
  bool causal_;
  std::size_t window_;
  std::ptrdiff_t offset_;
};

// One head of a call.
struct AttentionHead {
  const AttentionRequest& request;
  std::size_t batch;
  std::size_t head;
  KeyRanges ranges;
  Plane q, k, v, bias, mask;
  OutPlane out, lse;
  Plane sink;  // one number

  AttentionHead(const AttentionRequest& r, std::size_t batch_index, std::size_t head_index)
      : request(r), batch(batch_index), head(head_index), ranges(r.args, batch_index) {
    const assay_attention_args& a = r.args;
    const std::size_t bytes = BytesOf(a.dtype);
    const std::size_t kv = head_index / (a.num_heads / a.num_kv_heads);
    q = PlaneOf(a.q, batch_index, head_index, bytes);
    k = PlaneOf(a.k, batch_index, kv, bytes);
    v = PlaneOf(a.v, batch_index, kv, bytes);
    bias = PlaneOf(a.bias, batch_index, head_index, bytes);
    mask = PlaneOf(a.mask, batch_index, head_index, 1);
    sink = PlaneOf(a.sink, 0, head_index, bytes);
    out = PlaneOf(a.out, batch_index, head_index, bytes);
    lse = PlaneOf(a.lse, batch_index, head_index, BytesOf(a.lse_dtype));
  }
};

}  // namespace assay::internal
