// SPDX-License-Identifier: Apache-2.0
//
// libtorch: the functions of ATen below PyTorch's softmax and its kin, on one thread. Sparsemax, which it has not, is
// the usual composition by sort and cumulative sum; attention in libtorch_attention.cc.

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/_log_softmax.h>
#include <ATen/ops/_log_softmax_backward_data.h>
#include <ATen/ops/_softmax.h>
#include <ATen/ops/_softmax_backward_data.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/where.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/api/include/torch/version.h>

#include "subjects/peers/attention.h"
#include "subjects/peers/libtorch_attention.h"
#include "subjects/peers/libtorch_loss.h"
#include "subjects/peers/libtorch_views.h"

namespace assay::peers {
namespace {

constexpr std::uint32_t kSingleAndDouble = 1U << ASSAY_F32 | 1U << ASSAY_F64;
constexpr std::uint32_t kDtypes = kSingleAndDouble | 1U << ASSAY_BF16;

assay_status Softmax(const assay_row_args* args) {
  const Views& v = ViewsOf(*args, false);
  const at::Tensor z = ScaledLogits(*args, v, v.logits);
  WriteDense(v.out, [&](at::Tensor& out) { at::_softmax_out(out, z, 1, false); });
  return ASSAY_OK;
}

assay_status LogSoftmax(const assay_row_args* args) {
  const Views& v = ViewsOf(*args, false);
  const at::Tensor z = ScaledLogits(*args, v, v.logits);
  WriteDense(v.out, [&](at::Tensor& out) { at::_log_softmax_out(out, z, 1, false); });
  return ASSAY_OK;
}

assay_status Logsumexp(const assay_row_args* args) {
  const Views& v = ViewsOf(*args, true);
  at::Tensor out = v.out;
  at::logsumexp_out(out, ScaledLogits(*args, v, v.logits), {1});
  return ASSAY_OK;
}

assay_status Sigmoid(const assay_row_args* args) {
  const Views& v = ViewsOf(*args, false);
  at::Tensor out = v.out;
  at::sigmoid_out(out, ScaledLogits(*args, v, v.logits));
  return ASSAY_OK;
}

assay_status SoftmaxBackward(const assay_row_args* args) {
  const Views& v = ViewsOf(*args, false);
  const at::Tensor saved = v.saved.contiguous();
  const at::Tensor upstream = v.upstream.contiguous();
  WriteDense(v.out, [&](at::Tensor& out) {
    at::_softmax_backward_data_out(out, upstream, saved, 1, saved.scalar_type());
    if (args->temperature != 1) out.div_(args->temperature);
  });
  return ASSAY_OK;
}

assay_status LogSoftmaxBackward(const assay_row_args* args) {
  const Views& v = ViewsOf(*args, false);
  const at::Tensor saved = v.saved.contiguous();
  const at::Tensor upstream = v.upstream.contiguous();
  WriteDense(v.out, [&](at::Tensor& out) {
    at::_log_softmax_backward_data_out(out, upstream, saved, 1, saved.scalar_type());
    if (args->temperature != 1) out.div_(args->temperature);
  });
  return ASSAY_OK;
}

// Martins & Astudillo (2016), algorithm 1.
assay_status Sparsemax(const assay_row_args* args) {
  const Views& v = ViewsOf(*args, false);
  at::Tensor z = ScaledLogits(*args, v, v.logits);
  z = z - std::get<0>(z.max(1, true));
  const at::Tensor sorted = std::get<0>(z.sort(1, true));
  const at::Tensor sums = sorted.cumsum(1);
  const at::Tensor counts = at::arange(1, z.size(1) + 1, z.options());
  const at::Tensor size = (counts * sorted + 1).gt(sums).sum(1, true).clamp_min(1);
  const at::Tensor threshold = (sums.gather(1, size - 1) - 1) / size;
  v.out.copy_((z - threshold).clamp_min(0));
  return ASSAY_OK;
}

assay_status SparsemaxBackward(const assay_row_args* args) {
  const Views& v = ViewsOf(*args, false);
  const at::Tensor support = v.saved.gt(0);
  const at::Tensor mean = (v.upstream * support).sum(1, true) / support.sum(1, true);
  const at::Tensor gradient = at::where(support, v.upstream - mean, 0);
  v.out.copy_(args->temperature == 1 ? gradient : gradient / args->temperature);
  return ASSAY_OK;
}

// Around every function: one thread, no autograd, exceptions into a status, and T within its type.
template <assay_row_fn kRun, bool kInference = true>
assay_status Run(const assay_row_args* args) {
  static thread_local const bool single = (at::set_num_threads(1), true);
  static_cast<void>(single);
  const bool takes = args->dtype == ASSAY_F64 ? TakesTemperature<double>(*args) : TakesTemperature<float>(*args);
  if (!takes) return ASSAY_UNSUPPORTED;
  try {
    if (!kInference) return kRun(args);
    if (IsEmpty(*args) && kRun != Logsumexp) return ASSAY_OK;
    if (args->rows == 0) return ASSAY_OK;
    const c10::InferenceMode guard;
    return kRun(args);
  } catch (const c10::Error&) {
    return ASSAY_UNSUPPORTED;
  }
}

void Set(assay_row_kernel& kernel, assay_row_fn run, std::uint32_t dtypes) {
  kernel.run = run;
  kernel.dtypes = dtypes;
}

assay_subject Table() {
  assay_subject table = {};
  table.struct_size = sizeof table;
  table.abi_major = ASSAY_ABI_MAJOR;
  table.abi_minor = ASSAY_ABI_MINOR;
  table.name = "libtorch";
  table.version = TORCH_VERSION;
  table.description =
      "The functions of libtorch (ATen) on the CPU, run by one thread; sparsemax and attention are compositions.";
  table.features = ASSAY_FEATURE_MASK | ASSAY_FEATURE_BIAS | ASSAY_FEATURE_TEMPERATURE | ASSAY_FEATURE_ROW_STRIDE |
                   ASSAY_FEATURE_PROBABILITY_TARGETS | ASSAY_FEATURE_LABEL_SMOOTHING | ASSAY_FEATURE_IGNORE_INDEX |
                   ASSAY_FEATURE_REDUCTION | ASSAY_FEATURE_CONCURRENT;
  table.empty_row_masked = ASSAY_EMPTY_ROW_NAN;
  Set(table.softmax, Run<Softmax>, kDtypes);
  Set(table.log_softmax, Run<LogSoftmax>, kDtypes);
  Set(table.logsumexp, Run<Logsumexp>, kDtypes);
  Set(table.sigmoid, Run<Sigmoid>, kDtypes);
  Set(table.softmax_backward, Run<SoftmaxBackward>, kDtypes);
  Set(table.log_softmax_backward, Run<LogSoftmaxBackward>, kDtypes);
  Set(table.cross_entropy, Run<TorchCrossEntropy, false>, kSingleAndDouble);
  Set(table.cross_entropy_backward, Run<TorchCrossEntropyBackward, false>, kSingleAndDouble);
  Set(table.sparsemax, Run<Sparsemax>, kSingleAndDouble);
  Set(table.sparsemax_backward, Run<SparsemaxBackward>, kSingleAndDouble);
  DeclareAttention(&table, TorchAttentionInBlocks);
  return table;
}

}  // namespace
}  // namespace assay::peers

ASSAY_PEER_EXPORT const assay_subject* assay_subject_v1() {
  static const assay_subject table = assay::peers::Table();
  return &table;
}
