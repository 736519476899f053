// SPDX-License-Identifier: Apache-2.0

#include "subjects/peers/onednn_attention.h"

#include <omp.h>

#include <cstring>
#include <dnnl.hpp>
#include <unordered_map>

#include "subjects/peers/attention.h"

namespace assay::peers {
namespace {

using dnnl::memory;

constexpr std::size_t kScores = std::size_t{1} << 17;  // in a block: half of a second-level cache

const dnnl::engine& Engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

memory::desc Matrix(std::size_t rows, std::size_t cols, bool transposed = false) {
  const auto r = static_cast<memory::dim>(rows), c = static_cast<memory::dim>(cols);
  return {{r, c}, memory::data_type::f32, transposed ? memory::dims{1, r} : memory::dims{c, 1}};
}

struct Step {
  dnnl::primitive primitive;
  std::unordered_map<int, memory> arguments;

  void Set(int role, const memory::desc& desc, void* data) {
    arguments.insert_or_assign(role, memory(desc, Engine(), data));
  }
  void Point(int role, const float* data) { arguments.at(role).set_data_handle(const_cast<float*>(data)); }
};

// The three steps of a block of queries; they serve every head by other pointers.
struct OnednnBlock {
  QueryBlock block;
  Step scores, softmax, out;
  std::vector<float> hidden;  // 0, or -inf where a query does not see a key; added to the scores
};

Step Multiply(const memory::desc& a, const memory::desc& b, const memory::desc& c, const dnnl::primitive_attr& attr) {
  Step step;
  step.primitive = dnnl::matmul(dnnl::matmul::primitive_desc(dnnl::matmul::desc(a, b, c), attr, Engine()));
  step.Set(DNNL_ARG_SRC, a, nullptr);
  step.Set(DNNL_ARG_WEIGHTS, b, nullptr);
  step.Set(DNNL_ARG_DST, c, nullptr);
  return step;
}

void Make(const assay_attention_args& a, const QueryBlock& block, float* scores, OnednnBlock* made) {
  made->block = block;
  if (block.keys == 0) return;
  const memory::desc matrix = Matrix(block.queries, block.keys);
  dnnl::primitive_attr attr;
  attr.set_output_scales(0, {static_cast<float>(ScaleOf(a))});
  if (a.causal != 0) {
    dnnl::post_ops post;
    post.append_binary(dnnl::algorithm::binary_add, matrix);
    attr.set_post_ops(post);
    made->hidden.assign(block.queries * block.keys, 0);
    for (std::size_t i = 0; i < block.queries; ++i) {
      float* const row = made->hidden.data() + i * block.keys;
      std::fill(row + VisibleKeys(a, block.first + i), row + block.keys, -std::numeric_limits<float>::infinity());
    }
  }
  made->scores = Multiply(Matrix(block.queries, a.head_dim), Matrix(a.head_dim, block.keys, true), matrix, attr);
  made->scores.Point(DNNL_ARG_DST, scores);
  if (a.causal != 0) {
    made->scores.Set(DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1, matrix, made->hidden.data());
  }
  using Softmax = dnnl::softmax_v2_forward;
  made->softmax.primitive = Softmax(Softmax::primitive_desc(
      Softmax::desc(dnnl::prop_kind::forward_inference, dnnl::algorithm::softmax_accurate, matrix, matrix, 1),
      Engine()));
  made->softmax.Set(DNNL_ARG_SRC, matrix, scores);
  made->softmax.Set(DNNL_ARG_DST, matrix, scores);
  made->out = Multiply(matrix, Matrix(block.keys, a.value_dim), Matrix(block.queries, a.value_dim), {});
  made->out.Point(DNNL_ARG_SRC, scores);
}

// What primitives depend on; not where the buffers are.
bool Alike(const assay_attention_args& a, const assay_attention_args& b) {
  return a.seq_q == b.seq_q && a.seq_kv == b.seq_kv && a.head_dim == b.head_dim && a.value_dim == b.value_dim &&
         a.causal == b.causal && a.has_scale == b.has_scale && (a.has_scale == 0 || a.scale == b.scale);
}

void RunBlocks(const assay_attention_args& a) {
  static thread_local assay_attention_args seen = {};
  static thread_local std::vector<float> scores;
  static thread_local std::vector<OnednnBlock> blocks;
  if (!Alike(seen, a)) {
    seen = {};
    const std::vector<QueryBlock> plan = BlocksOf(a, kScores);
    scores.resize(plan.front().queries * a.seq_kv);
    blocks = std::vector<OnednnBlock>(plan.size());
    for (std::size_t i = 0; i < plan.size(); ++i) Make(a, plan[i], scores.data(), &blocks[i]);
    seen = a;
  }
  dnnl::stream stream(Engine());
  for (std::size_t h = 0; h < NumHeads(a); ++h) {
    const DenseHead head = HeadAt(a, h);
    for (OnednnBlock& one : blocks) {
      float* const out = head.out + one.block.first * a.value_dim;
      if (one.block.keys == 0) {
        std::fill_n(out, one.block.queries * a.value_dim, 0.0f);
        continue;
      }
      one.scores.Point(DNNL_ARG_SRC, head.q + one.block.first * a.head_dim);
      one.scores.Point(DNNL_ARG_WEIGHTS, head.k);
      one.out.Point(DNNL_ARG_WEIGHTS, head.v);
      one.out.Point(DNNL_ARG_DST, out);
      for (Step* const step : {&one.scores, &one.softmax, &one.out}) step->primitive.execute(stream, step->arguments);
    }
  }
  stream.wait();
}

}  // namespace

assay_status OnednnAttention(const assay_attention_args* args) {
  if (!TakesAttention(*args)) return ASSAY_UNSUPPORTED;
  if (!HasProducts(*args)) return ASSAY_OK;
  omp_set_num_threads(1);
  try {
    RunBlocks(*args);
  } catch (const dnnl::error&) {
    return ASSAY_UNSUPPORTED;
  }
  return ASSAY_OK;
}

}  // namespace assay::peers
