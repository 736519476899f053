// SPDX-License-Identifier: Apache-2.0

#include "subjects/peers/libtorch_attention.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/_softmax.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/softmax.h>
#include <c10/core/InferenceMode.h>

#include <cstring>

#include "subjects/peers/attention.h"

namespace assay::peers {
namespace {

constexpr std::size_t kScores = std::size_t{1} << 17;  // in a block: half of a second-level cache
constexpr double kInf = std::numeric_limits<double>::infinity();

std::int64_t Int(std::size_t n) { return static_cast<std::int64_t>(n); }

at::Tensor View(const void* data, at::IntArrayRef sizes) {
  return at::from_blob(const_cast<void*>(data), sizes, at::TensorOptions(at::kFloat));
}

// True where a query of the block does not see a key, of the `width` last keys of the block.
at::Tensor HiddenIn(const assay_attention_args& a, const QueryBlock& block, std::size_t width) {
  const at::Tensor hidden = at::empty({Int(block.queries), Int(width)}, at::kBool);
  for (std::size_t i = 0; i < block.queries; ++i) {
    const std::size_t visible = VisibleKeys(a, block.first + i);
    for (std::size_t j = 0; j < width; ++j) {
      hidden.data_ptr<bool>()[i * width + j] = block.keys - width + j >= visible;
    }
  }
  return hidden;
}

// Everything of a block that depends on the call alone and not on what its buffers hold.
struct TorchBlock {
  bool empty = false;  // no key: out is zero
  at::Tensor q, keys, v, out;
  at::Tensor scores, crossing, probs;  // crossing: those of the scores that the diagonal may hide
  at::Tensor hidden;
};

void MakeBlocks(const assay_attention_args& a, std::vector<TorchBlock>* made) {
  const std::vector<QueryBlock> blocks = BlocksOf(a, kScores);
  const std::size_t most = blocks.front().queries * a.seq_kv;
  const at::Tensor scores = at::empty({Int(most)}, at::kFloat);
  const at::Tensor probs = at::empty({Int(most)}, at::kFloat);
  for (std::size_t h = 0; h < NumHeads(a); ++h) {
    const DenseHead head = HeadAt(a, h);
    for (const QueryBlock& block : blocks) {
      TorchBlock one;
      const std::int64_t queries = Int(block.queries), keys = Int(block.keys);
      one.empty = block.keys == 0;
      one.q = View(head.q + block.first * a.head_dim, {queries, Int(a.head_dim)});
      one.keys = View(head.k, {keys, Int(a.head_dim)}).t();
      one.v = View(head.v, {keys, Int(a.value_dim)});
      one.out = View(head.out + block.first * a.value_dim, {queries, Int(a.value_dim)});
      one.scores = scores.narrow(0, 0, queries * keys).view({queries, keys});
      one.probs = probs.narrow(0, 0, queries * keys).view({queries, keys});
      if (a.causal != 0 && !one.empty) {
        const std::size_t width = std::min(block.queries, block.keys);
        one.crossing = one.scores.narrow(1, Int(block.keys - width), Int(width));
        one.hidden = HiddenIn(a, block, width);
      }
      made->push_back(std::move(one));
    }
  }
}

void RunBlocks(const assay_attention_args& a) {
  static thread_local assay_attention_args seen = {};
  static thread_local std::vector<TorchBlock> blocks;
  if (std::memcmp(&seen, &a, sizeof a) != 0) {
    seen = {};
    blocks.clear();
    MakeBlocks(a, &blocks);
    seen = a;
  }
  const double scale = ScaleOf(a);
  for (TorchBlock& block : blocks) {
    if (block.empty) {
      block.out.zero_();
      continue;
    }
    at::addmm_out(block.scores, block.scores, block.q, block.keys, 0, scale);
    if (block.hidden.defined()) block.crossing.masked_fill_(block.hidden, -kInf);
    at::_softmax_out(block.probs, block.scores, 1, false);
    at::mm_out(block.out, block.probs, block.v);
  }
}

void RunWhole(const assay_attention_args& a) {
  static thread_local assay_attention_args seen = {};
  static thread_local at::Tensor q, k, v, out, hidden;
  if (std::memcmp(&seen, &a, sizeof a) != 0) {
    const std::int64_t batch = Int(a.batch), heads = Int(a.num_heads);
    q = View(a.q.data, {batch, heads, Int(a.seq_q), Int(a.head_dim)});
    k = View(a.k.data, {batch, heads, Int(a.seq_kv), Int(a.head_dim)});
    v = View(a.v.data, {batch, heads, Int(a.seq_kv), Int(a.value_dim)});
    out = View(a.out.data, {batch, heads, Int(a.seq_q), Int(a.value_dim)});
    hidden = a.causal != 0 ? HiddenIn(a, {0, a.seq_q, a.seq_kv}, a.seq_kv) : at::Tensor();
    seen = a;
  }
  at::Tensor scores = at::matmul(q, k.transpose(-2, -1)) * ScaleOf(a);
  if (hidden.defined()) scores = scores.masked_fill(hidden, -kInf);
  out.copy_(at::matmul(at::softmax(scores, -1), v));
}

template <class Run>
assay_status Guarded(const assay_attention_args& a, Run run) {
  static thread_local const bool single = (at::set_num_threads(1), true);
  static_cast<void>(single);
  if (!TakesAttention(a)) return ASSAY_UNSUPPORTED;
  if (!HasProducts(a)) return ASSAY_OK;
  try {
    const c10::InferenceMode guard;
    run(a);
  } catch (const c10::Error&) {
    return ASSAY_UNSUPPORTED;
  }
  return ASSAY_OK;
}

}  // namespace

assay_status TorchAttentionInBlocks(const assay_attention_args* args) { return Guarded(*args, RunBlocks); }
assay_status TorchAttentionWhole(const assay_attention_args* args) { return Guarded(*args, RunWhole); }

}  // namespace assay::peers
