// SPDX-License-Identifier: Apache-2.0
//
// What the C API refuses of attention: values first, then shapes, pointers, overlap, lengths, scratch.

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "attention_request.h"

namespace assay::internal {
namespace {

using Sizes = std::array<std::size_t, 4>;

// The bytes that the entries of a tensor reach over, gaps included: [begin, end).
struct Reach {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
};

bool Overlap(Reach a, Reach b) { return a.begin < b.end && b.begin < a.end; }

std::size_t Magnitude(std::ptrdiff_t stride) {
  return stride < 0 ? std::size_t{0} - static_cast<std::size_t>(stride) : static_cast<std::size_t>(stride);
}

// An operand of the call.
struct Operand {
  assay_const_tensor tensor;
  Sizes sizes;
  std::size_t element_bytes;
  bool allowed;
  bool required;

  bool HasElements() const { return sizes[0] > 0 && sizes[1] > 0 && sizes[2] > 0 && sizes[3] > 0; }
  bool Present() const { return tensor.data != nullptr && HasElements(); }
};

// False when the size in bytes overflows ptrdiff_t. The operand has elements.
bool ReachOf(const Operand& x, Reach* reach) {
  std::size_t below = 0;
  std::size_t above = x.element_bytes;
  for (std::size_t i = 0; i < 4; ++i) {
    std::size_t bytes = 0;
    std::size_t* const side = x.tensor.strides[i] < 0 ? &below : &above;
    if (__builtin_mul_overflow(x.sizes[i] - 1, Magnitude(x.tensor.strides[i]), &bytes) ||
        __builtin_mul_overflow(bytes, x.element_bytes, &bytes) || __builtin_add_overflow(*side, bytes, side)) {
      return false;
    }
  }
  std::size_t bytes = 0;
  if (__builtin_add_overflow(below, above, &bytes) ||
      bytes > static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max())) {
    return false;
  }
  const auto data = reinterpret_cast<std::uintptr_t>(x.tensor.data);
  *reach = {data - below, data + above};
  return true;
}

// Whether each stride is larger than what the dimensions of smaller strides reach. Sizes are known not to overflow.
bool EntriesApart(const Operand& x) {
  std::array<std::size_t, 4> order = {0, 1, 2, 3};
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return Magnitude(x.tensor.strides[a]) < Magnitude(x.tensor.strides[b]);
  });
  std::size_t reach = 0;
  for (const std::size_t i : order) {
    if (x.sizes[i] == 1) continue;
    if (Magnitude(x.tensor.strides[i]) <= reach) return false;
    reach += (x.sizes[i] - 1) * Magnitude(x.tensor.strides[i]);
  }
  return true;
}

bool SamePlace(const Operand& a, const Operand& b) {
  for (std::size_t i = 0; i < 4; ++i) {
    if (a.sizes[i] != b.sizes[i] || (a.sizes[i] > 1 && a.tensor.strides[i] != b.tensor.strides[i])) return false;
  }
  return a.tensor.data == b.tensor.data;
}

assay_const_tensor Const(const assay_tensor& x) {
  return {x.data, {x.strides[0], x.strides[1], x.strides[2], x.strides[3]}};
}

bool IsBool(std::int32_t value, std::int32_t last) { return 0 <= value && value <= last; }

// By bits, for a comparison with a NaN raises a flag, and under a caller's DAZ a subnormal is 0.
bool IsFinite(double x) { return (std::bit_cast<std::uint64_t>(x) >> 52 & 0x7FF) != 0x7FF; }

assay_status CheckValues(const assay_attention_args& a) {
  if (!IsBool(a.dtype, ASSAY_BF16) || !IsBool(a.alignment, ASSAY_TOP_LEFT)) return ASSAY_BAD_ENUM;
  if (!IsBool(a.lse_dtype, ASSAY_F64)) return ASSAY_BAD_ENUM;
  if (a.has_scale != 0 && !IsFinite(a.scale)) return ASSAY_BAD_PARAMETER;
  constexpr std::uint64_t kMinusZero = std::uint64_t{1} << 63;
  const auto softcap = std::bit_cast<std::uint64_t>(a.softcap);
  if (softcap != kMinusZero && ((softcap & kMinusZero) != 0 || !IsFinite(a.softcap))) return ASSAY_BAD_PARAMETER;
  if (a.num_kv_heads == 0 ? a.num_heads != 0 : a.num_heads % a.num_kv_heads != 0) return ASSAY_BAD_SHAPE;
  return ASSAY_OK;
}

assay_status CheckLengths(const assay_attention_args& a) {
  if (a.lengths.data == nullptr) return ASSAY_OK;
  const auto* const lengths = static_cast<const std::int64_t*>(a.lengths.data);
  for (std::size_t i = 0; i < a.batch; ++i) {
    const std::int64_t length = lengths[static_cast<std::ptrdiff_t>(i) * a.lengths.strides[0]];
    if (length < 0 || static_cast<std::uint64_t>(length) > a.seq_kv) return ASSAY_BAD_LENGTH;
  }
  return ASSAY_OK;
}

assay_status CheckPlaces(const assay_attention_args& a, assay_op op) {
  const bool backward = op == ASSAY_ATTENTION_BACKWARD;
  const std::size_t bytes = BytesOf(a.dtype);
  const std::size_t lse_bytes = BytesOf(a.lse_dtype);
  const Sizes q = {a.batch, a.num_heads, a.seq_q, a.head_dim};
  const Sizes k = {a.batch, a.num_kv_heads, a.seq_kv, a.head_dim};
  const Sizes v = {a.batch, a.num_kv_heads, a.seq_kv, a.value_dim};
  const Sizes out = {a.batch, a.num_heads, a.seq_q, a.value_dim};
  const Sizes lse = {a.batch, a.num_heads, a.seq_q, 1};
  const Sizes pairs = {a.batch, a.num_heads, a.seq_q, a.seq_kv};
  const Operand inputs[] = {
      {a.q, q, bytes, true, true},
      {a.k, k, bytes, true, true},
      {a.v, v, bytes, true, true},
      {a.bias, pairs, bytes, true, false},
      {a.mask, pairs, 1, true, false},
      {a.lengths, {a.batch, 1, 1, 1}, sizeof(std::int64_t), true, false},
      {a.sink, {1, a.num_heads, 1, 1}, bytes, !backward, false},
      {a.saved_out, out, bytes, backward, backward},
      {a.saved_lse, lse, lse_bytes, backward, backward},
      {a.upstream, out, bytes, backward, backward},
  };
  const Operand outputs[] = {
      {Const(a.out), out, bytes, !backward, !backward},
      {Const(a.lse), lse, lse_bytes, !backward, false},
      {Const(a.dq), q, bytes, backward, false},
      {Const(a.dk), k, bytes, backward, false},
      {Const(a.dv), v, bytes, backward, false},
      {Const(a.dbias), pairs, bytes, backward && a.bias.data != nullptr, false},
  };
  Reach reach;
  for (const Operand& x : inputs) {
    if (x.tensor.data != nullptr && !x.allowed) return ASSAY_BAD_PARAMETER;
  }
  for (const Operand& x : outputs) {
    if (x.tensor.data != nullptr && !x.allowed) return ASSAY_BAD_PARAMETER;
  }
  for (const Operand& x : inputs) {
    if ((x.tensor.data != nullptr || x.required) && x.HasElements() && !ReachOf(x, &reach)) return ASSAY_BAD_SHAPE;
  }
  for (const Operand& x : outputs) {
    if ((x.tensor.data != nullptr || x.required) && x.HasElements() && (!ReachOf(x, &reach) || !EntriesApart(x))) {
      return ASSAY_BAD_SHAPE;
    }
  }
  for (const Operand& x : inputs) {
    if (x.required && x.HasElements() && x.tensor.data == nullptr) return ASSAY_NULL_POINTER;
  }
  for (const Operand& x : outputs) {
    if (x.required && x.HasElements() && x.tensor.data == nullptr) return ASSAY_NULL_POINTER;
  }
  for (std::size_t i = 0; i < std::size(outputs); ++i) {
    Reach written;
    if (!outputs[i].Present()) continue;
    ReachOf(outputs[i], &written);
    for (std::size_t j = 0; j < std::size(inputs); ++j) {
      const bool may_be_out = i == 0 && j == 0;  // out may be q
      if (!inputs[j].Present() || (may_be_out && SamePlace(inputs[j], outputs[i]))) continue;
      ReachOf(inputs[j], &reach);
      if (Overlap(reach, written)) return ASSAY_OVERLAP;
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (!outputs[j].Present()) continue;
      ReachOf(outputs[j], &reach);
      if (Overlap(reach, written)) return ASSAY_OVERLAP;
    }
  }
  return ASSAY_OK;
}

}  // namespace

assay_status CheckAttention(assay_op op, const assay_attention_args* args, AttentionRequest* request) {
  if (args == nullptr) return ASSAY_NULL_POINTER;
  if (args->struct_size < sizeof(assay_attention_args)) return ASSAY_BAD_STRUCT;
  const assay_attention_args& a = *args;
  assay_status status = CheckValues(a);
  if (status == ASSAY_OK) status = CheckPlaces(a, op);
  if (status == ASSAY_OK) status = CheckLengths(a);
  if (status != ASSAY_OK) return status;
  request->op = op;
  request->args = a;
  request->args.softcap = std::fabs(a.softcap);
  return ASSAY_OK;
}

double ScaleOf(const assay_attention_args& a) {
  return a.has_scale != 0 ? a.scale : a.head_dim == 0 ? 1 : 1 / std::sqrt(static_cast<double>(a.head_dim));
}

}  // namespace assay::internal
