// SPDX-License-Identifier: Apache-2.0

#include "subjects/peers/libtorch_loss.h"

#include <ATen/core/Reduction.h>
#include <ATen/ops/_log_softmax.h>
#include <ATen/ops/_log_softmax_backward_data.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/nll_loss_backward.h>
#include <ATen/ops/nll_loss_forward.h>
#include <ATen/ops/ones.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>

#include "subjects/peers/libtorch_views.h"

namespace assay::peers {
namespace {

constexpr std::int64_t kNoLabel = -100;  // torch's own default: no label can be it

std::int64_t ReductionOf(const assay_row_args& a) {
  return a.reduction == ASSAY_REDUCTION_MEAN  ? at::Reduction::Mean
         : a.reduction == ASSAY_REDUCTION_SUM ? at::Reduction::Sum
                                              : at::Reduction::None;
}

std::int64_t IgnoreIndexOf(const assay_row_args& a) { return a.has_ignore_index != 0 ? a.ignore_index : kNoLabel; }

at::Tensor Loss(const assay_row_args& a, const Views& v, const at::Tensor& logits) {
  return at::cross_entropy_loss(ScaledLogits(a, v, logits), v.labels.defined() ? v.labels : v.targets, {},
                                ReductionOf(a), IgnoreIndexOf(a), a.label_smoothing);
}

at::Tensor UpstreamOf(const assay_row_args& a, const Views& v) {
  const bool reduced = a.reduction != ASSAY_REDUCTION_NONE;
  const at::Tensor given =
      v.upstream.defined() ? v.upstream : at::ones({reduced ? 1 : v.logits.size(0)}, v.logits.options());
  return reduced ? given.reshape({}) : given;
}

// Labels alone: the kernels that autograd would call, without it.
void BackwardOfLabels(const assay_row_args& a, const Views& v) {
  const c10::InferenceMode guard;
  const at::Tensor log_probs = at::_log_softmax(ScaledLogits(a, v, v.logits), 1, false);
  const auto forward = at::nll_loss_forward(log_probs, v.labels, {}, ReductionOf(a), IgnoreIndexOf(a));
  const at::Tensor d_log_probs = at::nll_loss_backward(UpstreamOf(a, v), log_probs, v.labels, {}, ReductionOf(a),
                                                       IgnoreIndexOf(a), std::get<1>(forward));
  if (a.temperature == 1 && !v.mask.defined() && v.out.is_contiguous()) {
    at::Tensor out = v.out;
    at::_log_softmax_backward_data_out(out, d_log_probs, log_probs, 1, v.logits.scalar_type());
    return;
  }
  at::Tensor gradient = at::_log_softmax_backward_data(d_log_probs, log_probs, 1, v.logits.scalar_type());
  if (v.mask.defined()) gradient = gradient.masked_fill(v.mask.eq(0), 0);
  v.out.copy_(a.temperature == 1 ? gradient : gradient.div(a.temperature));
}

void BackwardByAutograd(const assay_row_args& a, const Views& v) {
  const c10::AutoGradMode guard(true);
  const at::Tensor logits = v.logits.detach().requires_grad_(true);
  Loss(a, v, logits).backward(UpstreamOf(a, v));
  const c10::AutoGradMode no_guard(false);
  v.out.copy_(logits.grad());
}

}  // namespace

assay_status TorchCrossEntropy(const assay_row_args* args) {
  if (IsEmpty(*args)) {  // torch refuses a row without columns; of no rows it gives the same
    const at::Tensor out = ViewsOf(*args, true).out;
    if (args->reduction == ASSAY_REDUCTION_SUM) out.zero_();
    if (args->reduction == ASSAY_REDUCTION_MEAN) out.fill_(std::numeric_limits<double>::quiet_NaN());
    return ASSAY_OK;
  }
  const Views& v = ViewsOf(*args, true);
  const c10::InferenceMode guard;
  v.out.copy_(Loss(*args, v, v.logits));
  return ASSAY_OK;
}

assay_status TorchCrossEntropyBackward(const assay_row_args* args) {
  if (IsEmpty(*args)) return ASSAY_OK;
  const Views& v = ViewsOf(*args, false);
  if (v.labels.defined() && args->label_smoothing == 0) {
    BackwardOfLabels(*args, v);
  } else {
    BackwardByAutograd(*args, v);
  }
  return ASSAY_OK;
}

}  // namespace assay::peers
