// SPDX-License-Identifier: Apache-2.0
//
// oneDNN's softmax, logsoftmax and logistic primitives with the backward passes of the first two. A primitive, its
// memory objects and its arguments are made once for a call and kept for calls like it. Attention: onednn_attention.cc.

#include <omp.h>

#include <dnnl.hpp>
#include <unordered_map>

#include "subjects/peers/attention.h"
#include "subjects/peers/onednn_attention.h"

namespace assay::peers {
namespace {

using dnnl::memory;

// All that a primitive and its arguments depend on.
struct Key {
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::int32_t dtype = 0;
  assay_const_matrix in = {};
  assay_const_matrix upstream = {};
  assay_matrix out = {};
};

bool Same(const Key& a, const Key& b) {
  const auto same = [](const auto& x, const auto& y) { return x.data == y.data && x.row_stride == y.row_stride; };
  return a.rows == b.rows && a.cols == b.cols && a.dtype == b.dtype && same(a.in, b.in) &&
         same(a.upstream, b.upstream) && same(a.out, b.out);
}

const dnnl::engine& Engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

memory::desc Matrix(const Key& key, std::ptrdiff_t row_stride) {
  const auto rows = static_cast<memory::dim>(key.rows);
  const auto cols = static_cast<memory::dim>(key.cols);
  const auto type = key.dtype == ASSAY_BF16 ? memory::data_type::bf16 : memory::data_type::f32;
  // Strides of a single row mean nothing.
  return {{rows, cols}, type, memory::dims{key.rows == 1 ? cols : static_cast<memory::dim>(row_stride), 1}};
}

// A primitive with its arguments; Make fills them for a key.
struct Prepared {
  dnnl::primitive primitive;
  std::unordered_map<int, memory> arguments;

  void Set(int role, const memory::desc& desc, const void* data) {
    arguments.insert_or_assign(role, memory(desc, Engine(), const_cast<void*>(data)));
  }
};

template <class Forward>
void MakeForward(const Key& key, const typename Forward::desc& desc, Prepared& p) {
  p.primitive = Forward(typename Forward::primitive_desc(desc, Engine()));
  p.Set(DNNL_ARG_SRC, Matrix(key, key.in.row_stride), key.in.data);
  p.Set(DNNL_ARG_DST, Matrix(key, key.out.row_stride), key.out.data);
}

// In oneDNN 2 source and destination of these two share one descriptor; softmax_v2 has one each.
void MakeSoftmax(const Key& key, Prepared& p, dnnl::algorithm algorithm) {
  using Forward = dnnl::softmax_v2_forward;
  MakeForward<Forward>(key,
                       Forward::desc(dnnl::prop_kind::forward_inference, algorithm, Matrix(key, key.in.row_stride),
                                     Matrix(key, key.out.row_stride), 1),
                       p);
}

void MakeSigmoid(const Key& key, Prepared& p) {
  using Forward = dnnl::eltwise_forward;
  MakeForward<Forward>(key,
                       Forward::desc(dnnl::prop_kind::forward_inference, dnnl::algorithm::eltwise_logistic,
                                     Matrix(key, key.in.row_stride), 0, 0),
                       p);
}

void MakeBackward(const Key& key, Prepared& p, dnnl::algorithm algorithm) {
  using Forward = dnnl::softmax_v2_forward;
  using Backward = dnnl::softmax_v2_backward;
  const memory::desc saved = Matrix(key, key.in.row_stride);
  const memory::desc upstream = Matrix(key, key.upstream.row_stride);
  const memory::desc out = Matrix(key, key.out.row_stride);
  const Forward::primitive_desc forward(Forward::desc(dnnl::prop_kind::forward_training, algorithm, saved, saved, 1),
                                        Engine());
  p.primitive =
      Backward(Backward::primitive_desc(Backward::desc(algorithm, out, upstream, saved, 1), Engine(), forward));
  p.Set(DNNL_ARG_DST, saved, key.in.data);
  p.Set(DNNL_ARG_DIFF_DST, upstream, key.upstream.data);
  p.Set(DNNL_ARG_DIFF_SRC, out, key.out.data);
}

using Make = void (*)(const Key& key, Prepared& p);

template <Make kMake>
assay_status Run(const assay_row_args* args) {
  if (IsEmpty(*args)) return ASSAY_OK;
  static thread_local Key made;
  static thread_local Prepared prepared;
  const bool backward = args->logits.data == nullptr;
  const Key key = {args->rows,     args->cols, args->dtype, backward ? args->saved : args->logits,
                   args->upstream, args->out};
  omp_set_num_threads(1);
  try {
    if (!Same(key, made)) {
      made = {};
      prepared.arguments.clear();
      kMake(key, prepared);
      made = key;
    }
    dnnl::stream stream(Engine());
    prepared.primitive.execute(stream, prepared.arguments);
    stream.wait();
  } catch (const dnnl::error& error) {
    return ASSAY_UNSUPPORTED;
  }
  return ASSAY_OK;
}

void Softmax(const Key& key, Prepared& p) { MakeSoftmax(key, p, dnnl::algorithm::softmax_accurate); }
void LogSoftmax(const Key& key, Prepared& p) { MakeSoftmax(key, p, dnnl::algorithm::softmax_log); }
void SoftmaxBackward(const Key& key, Prepared& p) { MakeBackward(key, p, dnnl::algorithm::softmax_accurate); }
void LogSoftmaxBackward(const Key& key, Prepared& p) { MakeBackward(key, p, dnnl::algorithm::softmax_log); }

#define ASSAY_TEXT(x) #x
#define ASSAY_VERSION(major, minor, patch) ASSAY_TEXT(major) "." ASSAY_TEXT(minor) "." ASSAY_TEXT(patch)

assay_subject Table() {
  assay_subject table = {};
  table.struct_size = sizeof table;
  table.abi_major = ASSAY_ABI_MAJOR;
  table.abi_minor = ASSAY_ABI_MINOR;
  table.name = "onednn";
  table.version = ASSAY_VERSION(DNNL_VERSION_MAJOR, DNNL_VERSION_MINOR, DNNL_VERSION_PATCH);
  table.description =
      "The primitives softmax_v2 (accurate, log), eltwise logistic and matmul of oneDNN, run by one thread.";
  table.features = ASSAY_FEATURE_ROW_STRIDE | ASSAY_FEATURE_IN_PLACE | ASSAY_FEATURE_CONCURRENT;
  table.softmax.run = Run<Softmax>;
  table.log_softmax.run = Run<LogSoftmax>;
  table.sigmoid.run = Run<MakeSigmoid>;
  table.softmax_backward.run = Run<SoftmaxBackward>;
  table.log_softmax_backward.run = Run<LogSoftmaxBackward>;
  // A logistic whose result has strides of its own does not exist: one descriptor serves both.
  table.sigmoid.without = ASSAY_FEATURE_ROW_STRIDE;
  for (assay_row_kernel* const kernel : {&table.softmax, &table.log_softmax, &table.sigmoid}) {
    kernel->dtypes = 1U << ASSAY_F32 | 1U << ASSAY_BF16;
  }
  DeclareAttention(&table, OnednnAttention);
  return table;
}

}  // namespace
}  // namespace assay::peers

ASSAY_PEER_EXPORT const assay_subject* assay_subject_v1() {
  static const assay_subject table = assay::peers::Table();
  return &table;
}
