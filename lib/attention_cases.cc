// SPDX-License-Identifier: Apache-2.0

#include "attention_cases.h"

#include <algorithm>

#include "number.h"
#include "request.h"

namespace assay::internal {
namespace {

constexpr std::size_t kQueries[] = {1, 2, 3, 5, 8, 9, 16, 17, 33, 40, 65};
constexpr std::size_t kKeyCounts[] = {0, 1, 2, 7, 31, 33, 64, 100, 255, 256, 257, 300};
constexpr std::size_t kDimensions[] = {1, 2, 3, 4, 7, 8, 16, 17, 33};

template <std::size_t kSize>
std::size_t OneOf(const std::size_t (&values)[kSize], Stream& random) {
  return values[random.Below(kSize)];
}

}  // namespace

FixedAttention::Tensor FixedAttention::Make(std::size_t n, std::size_t h, std::size_t i, std::size_t j,
                                            std::size_t element_bytes) const {
  Tensor tensor;
  tensor.bytes.assign(n * h * i * j * element_bytes, 0xA5);
  const auto at = [](std::size_t x) { return static_cast<std::ptrdiff_t>(x); };
  const std::ptrdiff_t strides[] = {at(h * i * j), at(i * j), at(j), 1};
  std::copy(std::begin(strides), std::end(strides), tensor.strides);
  return tensor;
}

assay_const_tensor FixedAttention::Numbers(std::size_t h, std::size_t i, std::size_t j, int most, assay_dtype dtype) {
  inputs_.push_back(std::make_unique<Tensor>(Make(args_.batch, h, i, j, BytesOf(dtype))));
  Tensor& tensor = *inputs_.back();
  const auto range = static_cast<std::uint64_t>(32 * most + 1);
  for (std::size_t at = 0; at < args_.batch * h * i * j; ++at) {
    const double value = (static_cast<double>(random_.Below(range)) - 16.0 * most) / 16;
    StoreNumber(dtype, tensor.bytes.data(), static_cast<std::ptrdiff_t>(at), value);
  }
  return {tensor.bytes.data(), {tensor.strides[0], tensor.strides[1], tensor.strides[2], tensor.strides[3]}};
}

assay_tensor FixedAttention::Output(std::size_t h, std::size_t i, std::size_t j, assay_dtype dtype) {
  outputs_.push_back(std::make_unique<Tensor>(Make(args_.batch, h, i, j, BytesOf(dtype))));
  Tensor& tensor = *outputs_.back();
  return {tensor.bytes.data(), {tensor.strides[0], tensor.strides[1], tensor.strides[2], tensor.strides[3]}};
}

void FixedAttention::Options() {
  assay_attention_args& a = args_;
  a.causal = random_.OneIn(2) ? 1 : 0;
  a.alignment = random_.OneIn(3) ? ASSAY_TOP_LEFT : ASSAY_BOTTOM_RIGHT;
  a.window = random_.OneIn(4) ? 1 + random_.Below(a.seq_kv + 1) : 0;
  a.lse_dtype = random_.OneIn(3) ? ASSAY_F64 : ASSAY_F32;
  if (random_.OneIn(3)) {
    constexpr double kScales[] = {1, -0.5, 0.125, 0};
    a.has_scale = 1;
    a.scale = kScales[random_.Below(4)];
  }
  if (random_.OneIn(3)) {
    constexpr double kCaps[] = {30, 2, 0.5, 0x1p-10};
    a.softcap = kCaps[random_.Below(4)];
  }
  if (random_.OneIn(3)) a.bias = Numbers(a.num_heads, a.seq_q, a.seq_kv, 4, static_cast<assay_dtype>(a.dtype));
  if (random_.OneIn(3)) {
    inputs_.push_back(std::make_unique<Tensor>(Make(a.batch, a.num_heads, a.seq_q, a.seq_kv, 1)));
    Tensor& mask = *inputs_.back();
    for (std::uint8_t& byte : mask.bytes) byte = random_.OneIn(4) ? 0 : 1;
    a.mask = {mask.bytes.data(), {mask.strides[0], mask.strides[1], mask.strides[2], mask.strides[3]}};
  }
  if (random_.OneIn(3)) {
    inputs_.push_back(std::make_unique<Tensor>(Make(a.batch, 1, 1, 1, sizeof(std::int64_t))));
    auto* const lengths = reinterpret_cast<std::int64_t*>(inputs_.back()->bytes.data());
    for (std::size_t i = 0; i < a.batch; ++i) lengths[i] = static_cast<std::int64_t>(random_.Below(a.seq_kv + 1));
    a.lengths = {lengths, {1, 0, 0, 0}};
  }
}

FixedAttention::FixedAttention(assay_op op, assay_dtype dtype, std::size_t index)
    : op_(op), random_(index * 64 + static_cast<std::size_t>(op) * 4 + static_cast<std::size_t>(dtype)) {
  assay_attention_args& a = args_;
  a.struct_size = sizeof a;
  a.dtype = dtype;
  a.batch = 1 + random_.Below(2);
  a.num_kv_heads = 1 + random_.Below(2);
  a.num_heads = a.num_kv_heads * (1 + random_.Below(3));
  a.seq_q = OneOf(kQueries, random_);
  a.seq_kv = OneOf(kKeyCounts, random_);
  a.head_dim = OneOf(kDimensions, random_);
  a.value_dim = random_.OneIn(2) ? a.head_dim : OneOf(kDimensions, random_);
  a.q = Numbers(a.num_heads, a.seq_q, a.head_dim, random_.OneIn(4) ? 16 : 2, dtype);
  a.k = Numbers(a.num_kv_heads, a.seq_kv, a.head_dim, 2, dtype);
  a.v = Numbers(a.num_kv_heads, a.seq_kv, a.value_dim, 3, dtype);
  Options();
  const auto lse_dtype = static_cast<assay_dtype>(a.lse_dtype);
  if (op == ASSAY_ATTENTION) {
    if (random_.OneIn(3)) {
      a.sink = Numbers(a.num_heads, 1, 1, 3, dtype);
      a.sink.strides[0] = 0;
    }
    a.out = Output(a.num_heads, a.seq_q, a.value_dim, dtype);
    a.lse = Output(a.num_heads, a.seq_q, 1, lse_dtype);
    return;
  }
  a.saved_out = Numbers(a.num_heads, a.seq_q, a.value_dim, 3, dtype);
  a.saved_lse = Numbers(a.num_heads, a.seq_q, 1, 8, lse_dtype);
  a.upstream = Numbers(a.num_heads, a.seq_q, a.value_dim, 2, dtype);
  a.dq = Output(a.num_heads, a.seq_q, a.head_dim, dtype);
  a.dk = Output(a.num_kv_heads, a.seq_kv, a.head_dim, dtype);
  a.dv = Output(a.num_kv_heads, a.seq_kv, a.value_dim, dtype);
  if (a.bias.data != nullptr) a.dbias = Output(a.num_heads, a.seq_q, a.seq_kv, dtype);
}

assay_status FixedAttention::Run(const assay_subject& subject) {
  const assay_attention_kernel& kernel = op_ == ASSAY_ATTENTION ? subject.attention : subject.attention_backward;
  for (const auto& output : outputs_) std::fill(output->bytes.begin(), output->bytes.end(), std::uint8_t{0xA5});
  args_.scratch_bytes = kernel.scratch_bytes(&args_);
  scratch_.assign(args_.scratch_bytes + 64, 0xFF);
  const auto address = reinterpret_cast<std::uintptr_t>(scratch_.data());
  args_.scratch = scratch_.data() + (64 - address % 64) % 64;
  return kernel.run(&args_);
}

std::vector<std::uint8_t> FixedAttention::Outputs() const {
  std::vector<std::uint8_t> all;
  for (const auto& output : outputs_) all.insert(all.end(), output->bytes.begin(), output->bytes.end());
  return all;
}

}  // namespace assay::internal
