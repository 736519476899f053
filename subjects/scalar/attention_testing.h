// SPDX-License-Identifier: Apache-2.0
//
// Calls of attention on buffers of our own, for the tests of the plain subjects: no Case, no guard pages.

#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <random>
#include <vector>

#include "assay/assay.h"
#include "subjects/scalar/number.h"

namespace assay::subjects {

// One call, operands dense; an empty vector is an absent operand.
struct TestAttention {
  assay_op op = ASSAY_ATTENTION;
  assay_dtype dtype = ASSAY_F32;
  assay_dtype lse_dtype = ASSAY_F64;
  std::size_t batch = 1;
  std::size_t heads = 1;
  std::size_t kv_heads = 1;
  std::size_t queries = 1;
  std::size_t keys = 1;
  std::size_t head_dim = 1;
  std::size_t value_dim = 1;
  bool has_scale = false;
  double scale = 0;
  double softcap = 0;
  std::size_t window = 0;
  bool causal = false;
  assay_alignment alignment = ASSAY_BOTTOM_RIGHT;
  std::vector<double> q, k, v, bias, sink, saved_out, saved_lse, upstream;
  std::vector<std::uint8_t> mask;
  std::vector<std::int64_t> lengths;
  // Last changes to the arguments.
  std::function<void(assay_attention_args&)> change = [](assay_attention_args&) {};

  std::size_t Rows() const { return batch * heads * queries; }
};

// Outputs by name; dense, or empty.
struct TestAttentionResult {
  assay_status status = ASSAY_OK;
  std::vector<double> out, lse, dq, dk, dv, dbias;

  std::array<const std::vector<double>*, 6> All() const { return {&out, &lse, &dq, &dk, &dv, &dbias}; }
};

inline TestAttentionResult CallAttention(const assay_subject& table, const TestAttention& c) {
  std::vector<std::vector<std::uint64_t>> buffers;
  buffers.reserve(32);
  const auto encode = [&](assay_dtype dtype, const std::vector<double>& values) -> void* {
    buffers.emplace_back(values.size() + 1, 0xA5A5A5A5A5A5A5A5);
    for (std::size_t i = 0; i < values.size(); ++i) {
      StoreNumber(dtype, buffers.back().data(), static_cast<std::ptrdiff_t>(i), values[i]);
    }
    return values.empty() ? nullptr : buffers.back().data();
  };
  using Sizes = std::array<std::size_t, 4>;
  const auto place = [](auto* tensor, auto* data, const Sizes& sizes) {
    tensor->data = data;
    std::size_t stride = 1;
    for (std::size_t dim = 4; dim-- > 0;) {
      tensor->strides[dim] = static_cast<std::ptrdiff_t>(stride);
      stride *= sizes[dim];
    }
  };
  const Sizes q = {c.batch, c.heads, c.queries, c.head_dim};
  const Sizes k = {c.batch, c.kv_heads, c.keys, c.head_dim};
  const Sizes v = {c.batch, c.kv_heads, c.keys, c.value_dim};
  const Sizes out = {c.batch, c.heads, c.queries, c.value_dim};
  const Sizes row = {c.batch, c.heads, c.queries, 1};
  const Sizes pairs = {c.batch, c.heads, c.queries, c.keys};

  assay_attention_args args = {};
  args.struct_size = sizeof args;
  args.batch = c.batch;
  args.num_heads = c.heads;
  args.num_kv_heads = c.kv_heads;
  args.seq_q = c.queries;
  args.seq_kv = c.keys;
  args.head_dim = c.head_dim;
  args.value_dim = c.value_dim;
  args.has_scale = c.has_scale ? 1 : 0;
  args.scale = c.scale;
  args.softcap = c.softcap;
  args.window = c.window;
  args.causal = c.causal ? 1 : 0;
  args.alignment = c.alignment;
  args.dtype = c.dtype;
  args.lse_dtype = c.lse_dtype;
  place(&args.q, encode(c.dtype, c.q), q);
  place(&args.k, encode(c.dtype, c.k), k);
  place(&args.v, encode(c.dtype, c.v), v);
  place(&args.bias, encode(c.dtype, c.bias), pairs);
  place(&args.sink, encode(c.dtype, c.sink), {1, c.heads, 1, 1});
  place(&args.saved_out, encode(c.dtype, c.saved_out), out);
  place(&args.saved_lse, encode(c.lse_dtype, c.saved_lse), row);
  place(&args.upstream, encode(c.dtype, c.upstream), out);
  place(&args.mask, c.mask.empty() ? nullptr : c.mask.data(), pairs);
  place(&args.lengths, c.lengths.empty() ? nullptr : c.lengths.data(), {c.batch, 1, 1, 1});

  TestAttentionResult result;
  struct Output {
    assay_tensor* tensor;
    Sizes sizes;
    assay_dtype dtype;
    std::vector<double>* to;
  };
  std::vector<Output> outputs;
  if (c.op == ASSAY_ATTENTION) {
    outputs = {{&args.out, out, c.dtype, &result.out}, {&args.lse, row, c.lse_dtype, &result.lse}};
  } else {
    outputs = {
        {&args.dq, q, c.dtype, &result.dq}, {&args.dk, k, c.dtype, &result.dk}, {&args.dv, v, c.dtype, &result.dv}};
    if (!c.bias.empty()) outputs.push_back({&args.dbias, pairs, c.dtype, &result.dbias});
  }
  for (const Output& output : outputs) {
    std::size_t size = 1;
    for (const std::size_t n : output.sizes) size *= n;
    buffers.emplace_back(size + 1, 0xA5A5A5A5A5A5A5A5);
    place(output.tensor, buffers.back().data(), output.sizes);
  }
  const assay_attention_kernel& kernel = c.op == ASSAY_ATTENTION ? table.attention : table.attention_backward;
  std::vector<std::uint64_t> scratch;
  if (kernel.scratch_bytes != nullptr) {
    scratch.assign(kernel.scratch_bytes(&args) / 8 + 9, 0xA5A5A5A5A5A5A5A5);
    args.scratch = reinterpret_cast<void*>((reinterpret_cast<std::uintptr_t>(scratch.data()) + 63) / 64 * 64);
    args.scratch_bytes = kernel.scratch_bytes(&args);
  }
  c.change(args);

  result.status = kernel.run(&args);
  if (result.status != ASSAY_OK) return result;
  for (const Output& output : outputs) {
    const assay_tensor& t = *output.tensor;
    if (t.data == nullptr) continue;
    for (std::size_t i = 0; i < output.sizes[0]; ++i) {
      for (std::size_t j = 0; j < output.sizes[1]; ++j) {
        for (std::size_t m = 0; m < output.sizes[2]; ++m) {
          for (std::size_t n = 0; n < output.sizes[3]; ++n) {
            const std::ptrdiff_t at =
                static_cast<std::ptrdiff_t>(i) * t.strides[0] + static_cast<std::ptrdiff_t>(j) * t.strides[1] +
                static_cast<std::ptrdiff_t>(m) * t.strides[2] + static_cast<std::ptrdiff_t>(n) * t.strides[3];
            output.to->push_back(LoadNumber(output.dtype, t.data, at));
          }
        }
      }
    }
  }
  return result;
}

// N(0, 1) numbers of the dtype.
inline std::vector<double> Normals(assay_dtype dtype, std::size_t n, std::mt19937_64* engine, double spread = 1) {
  std::normal_distribution<double> normal(0, spread);
  std::vector<double> values(n);
  for (double& value : values) value = RoundNumber(dtype, normal(*engine));
  return values;
}

// Gives q, k, v, and of the backward upstream; saved_out and saved_lse as `table` computes them forward.
inline void GiveNormals(const assay_subject& table, TestAttention* c, std::mt19937_64* engine, double spread = 1) {
  c->q = Normals(c->dtype, c->Rows() * c->head_dim, engine, spread);
  c->k = Normals(c->dtype, c->batch * c->kv_heads * c->keys * c->head_dim, engine);
  c->v = Normals(c->dtype, c->batch * c->kv_heads * c->keys * c->value_dim, engine);
  if (c->op == ASSAY_ATTENTION) return;
  TestAttention forward = *c;
  forward.op = ASSAY_ATTENTION;
  const TestAttentionResult saved = CallAttention(table, forward);
  c->saved_out = saved.out;
  c->saved_lse = saved.lse;
  c->upstream = Normals(c->dtype, c->Rows() * c->value_dim, engine);
}

// An ordinary call: as many key heads as heads, as many dimensions of values as of keys, whole tiles of keys, nothing
// hidden.
inline TestAttention BenignAttention(const assay_subject& table, assay_op op, assay_dtype dtype, std::uint64_t seed) {
  TestAttention c;
  c.op = op;
  c.dtype = dtype;
  c.lse_dtype = ASSAY_F32;
  c.heads = c.kv_heads = 2;
  c.queries = c.keys = 64;
  c.head_dim = c.value_dim = 16;
  std::mt19937_64 engine(seed);
  GiveNormals(table, &c, &engine);
  return c;
}

}  // namespace assay::subjects
