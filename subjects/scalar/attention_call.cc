// SPDX-License-Identifier: Apache-2.0
//
// Arguments in the order of the status codes that need no memory, then shapes, pointers, overlap, lengths.

#include "subjects/scalar/attention_call.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <limits>

namespace assay::subjects {
namespace {

// An operand as the checks see it.
struct Tensor {
  const void* data = nullptr;
  std::array<std::ptrdiff_t, 4> strides = {};
  std::array<std::size_t, 4> sizes = {};
  std::size_t element_bytes = 0;
  bool allowed = false;   // the operation has it
  bool required = false;  // it cannot do without

  bool HasElements() const { return std::find(sizes.begin(), sizes.end(), 0) == sizes.end(); }
  bool Used() const { return data != nullptr && HasElements(); }
};

template <class From>
Tensor MakeTensor(const From& from, std::array<std::size_t, 4> sizes, std::size_t bytes, bool allowed, bool required) {
  return {from.data, {from.strides[0], from.strides[1], from.strides[2], from.strides[3]}, sizes, bytes, allowed,
          required};
}

std::size_t Magnitude(std::ptrdiff_t stride) {
  return stride < 0 ? std::size_t{0} - static_cast<std::size_t>(stride) : static_cast<std::size_t>(stride);
}

// Bytes below and above the first entry; false where they do not fit in ptrdiff_t.
bool Reach(const Tensor& t, std::size_t* below, std::size_t* above) {
  *below = 0;
  *above = t.element_bytes;
  for (std::size_t dim = 0; dim < 4; ++dim) {
    std::size_t bytes = 0;
    std::size_t& side = t.strides[dim] < 0 ? *below : *above;
    if (__builtin_mul_overflow(t.sizes[dim] - 1, Magnitude(t.strides[dim]), &bytes) ||
        __builtin_mul_overflow(bytes, t.element_bytes, &bytes) || __builtin_add_overflow(side, bytes, &side)) {
      return false;
    }
  }
  std::size_t all = 0;
  return !__builtin_add_overflow(*below, *above, &all) &&
         all <= static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max());
}

bool Overlap(const Tensor& a, const Tensor& b) {
  std::size_t below = 0;
  std::size_t above = 0;
  Reach(a, &below, &above);
  const auto a_data = reinterpret_cast<std::uintptr_t>(a.data);
  const std::uintptr_t a_begin = a_data - below;
  const std::uintptr_t a_end = a_data + above;
  Reach(b, &below, &above);
  const auto b_data = reinterpret_cast<std::uintptr_t>(b.data);
  return a_begin < b_data + above && b_data - below < a_end;
}

// No two entries share a place: by size, each stride steps over all that the smaller ones reach together.
bool Distinct(const Tensor& t) {
  std::array<std::size_t, 4> order = {0, 1, 2, 3};
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return Magnitude(t.strides[a]) < Magnitude(t.strides[b]); });
  std::size_t reach = 0;
  for (const std::size_t dim : order) {
    if (t.sizes[dim] == 1) continue;
    if (Magnitude(t.strides[dim]) <= reach) return false;
    reach += (t.sizes[dim] - 1) * Magnitude(t.strides[dim]);
  }
  return true;
}

bool Same(const Tensor& a, const Tensor& b) {
  if (a.data != b.data || a.sizes != b.sizes) return false;
  for (std::size_t dim = 0; dim < 4; ++dim) {
    if (a.sizes[dim] != 1 && a.strides[dim] != b.strides[dim]) return false;
  }
  return true;
}

bool IsIn(std::int32_t value, std::int32_t last) { return value >= 0 && value <= last; }

assay_status CheckValues(const assay_attention_args& args) {
  if (!IsIn(args.dtype, ASSAY_BF16) || !IsIn(args.lse_dtype, ASSAY_F64) || !IsIn(args.alignment, ASSAY_TOP_LEFT)) {
    return ASSAY_BAD_ENUM;
  }
  if (args.num_kv_heads == 0 ? args.num_heads != 0 : args.num_heads % args.num_kv_heads != 0) return ASSAY_BAD_SHAPE;
  if (args.has_scale != 0 && !std::isfinite(args.scale)) return ASSAY_BAD_PARAMETER;
  if (!(args.softcap >= 0 && std::isfinite(args.softcap))) return ASSAY_BAD_PARAMETER;
  return ASSAY_OK;
}

assay_status CheckLengths(const assay_attention_args& args) {
  if (args.lengths.data == nullptr) return ASSAY_OK;
  for (std::size_t b = 0; b < args.batch; ++b) {
    const std::int64_t length =
        static_cast<const std::int64_t*>(args.lengths.data)[AttentionCall::At(args.lengths, {b, 0, 0}, 0)];
    if (length < 0 || static_cast<std::uint64_t>(length) > args.seq_kv) return ASSAY_BAD_LENGTH;
  }
  return ASSAY_OK;
}

}  // namespace

assay_status CheckAttention(const assay_attention_args* given, assay_op op) {
  if (given == nullptr) return ASSAY_NULL_POINTER;
  if (given->struct_size < sizeof *given) return ASSAY_BAD_STRUCT;
  const assay_attention_args& args = *given;
  if (const assay_status status = CheckValues(args); status != ASSAY_OK) return status;

  const bool backward = op == ASSAY_ATTENTION_BACKWARD;
  const std::size_t bytes = BytesOf(static_cast<assay_dtype>(args.dtype));
  const std::size_t lse_bytes = BytesOf(static_cast<assay_dtype>(args.lse_dtype));
  const std::array<std::size_t, 4> q = {args.batch, args.num_heads, args.seq_q, args.head_dim};
  const std::array<std::size_t, 4> k = {args.batch, args.num_kv_heads, args.seq_kv, args.head_dim};
  const std::array<std::size_t, 4> v = {args.batch, args.num_kv_heads, args.seq_kv, args.value_dim};
  const std::array<std::size_t, 4> out = {args.batch, args.num_heads, args.seq_q, args.value_dim};
  const std::array<std::size_t, 4> lse = {args.batch, args.num_heads, args.seq_q, 1};
  const std::array<std::size_t, 4> pairs = {args.batch, args.num_heads, args.seq_q, args.seq_kv};
  const Tensor inputs[] = {
      MakeTensor(args.q, q, bytes, true, true),
      MakeTensor(args.k, k, bytes, true, true),
      MakeTensor(args.v, v, bytes, true, true),
      MakeTensor(args.bias, pairs, bytes, true, false),
      MakeTensor(args.mask, pairs, 1, true, false),
      MakeTensor(args.lengths, {args.batch, 1, 1, 1}, sizeof(std::int64_t), true, false),
      MakeTensor(args.sink, {1, args.num_heads, 1, 1}, bytes, !backward, false),
      MakeTensor(args.saved_out, out, bytes, backward, backward),
      MakeTensor(args.saved_lse, lse, lse_bytes, backward, backward),
      MakeTensor(args.upstream, out, bytes, backward, backward),
  };
  const Tensor outputs[] = {
      MakeTensor(args.out, out, bytes, !backward, !backward),
      MakeTensor(args.lse, lse, lse_bytes, !backward, false),
      MakeTensor(args.dq, q, bytes, backward, false),
      MakeTensor(args.dk, k, bytes, backward, false),
      MakeTensor(args.dv, v, bytes, backward, false),
      MakeTensor(args.dbias, pairs, bytes, backward && args.bias.data != nullptr, false),
  };

  const auto is_foreign = [](const Tensor& t) { return t.data != nullptr && !t.allowed; };
  if (std::any_of(std::begin(inputs), std::end(inputs), is_foreign) ||
      std::any_of(std::begin(outputs), std::end(outputs), is_foreign)) {
    return ASSAY_BAD_PARAMETER;
  }
  std::size_t below = 0;
  std::size_t above = 0;
  for (const Tensor& in : inputs) {
    if ((in.Used() || (in.required && in.HasElements())) && !Reach(in, &below, &above)) return ASSAY_BAD_SHAPE;
  }
  for (const Tensor& written : outputs) {
    if (!written.Used() && !(written.required && written.HasElements())) continue;
    if (!Reach(written, &below, &above) || !Distinct(written)) return ASSAY_BAD_SHAPE;
  }
  for (const Tensor& in : inputs) {
    if (in.required && in.HasElements() && in.data == nullptr) return ASSAY_NULL_POINTER;
  }
  for (const Tensor& written : outputs) {
    if (written.required && written.HasElements() && written.data == nullptr) return ASSAY_NULL_POINTER;
  }
  for (const Tensor& written : outputs) {
    if (!written.Used()) continue;
    for (const Tensor& in : inputs) {
      const bool in_place = &written == &outputs[0] && &in == &inputs[0] && Same(in, written);
      if (in.Used() && !in_place && Overlap(in, written)) return ASSAY_OVERLAP;
    }
    for (const Tensor& other : outputs) {
      if (&other != &written && other.Used() && Overlap(other, written)) return ASSAY_OVERLAP;
    }
  }
  return CheckLengths(args);
}

std::uint8_t AttentionCall::MaskByte(Query at, std::size_t key) const {
  if (args_.mask.data == nullptr) return 1;
  return static_cast<const std::uint8_t*>(args_.mask.data)[At(args_.mask, at, key)];
}

std::size_t AttentionCall::Length(std::size_t b) const {
  if (args_.lengths.data == nullptr) return keys();
  return static_cast<std::size_t>(
      static_cast<const std::int64_t*>(args_.lengths.data)[At(args_.lengths, {b, 0, 0}, 0)]);
}

}  // namespace assay::subjects
