// SPDX-License-Identifier: Apache-2.0

/// @file
/// The C++ front of the ten row operations of assay.h, for float, double, Float16 and BFloat16 in both tiers.
///
/// Inputs and outputs are MatrixViews, or spans, vectors and arrays, which count as one row; all of one call have the
/// element type and the shape of the output, otherwise the call does not compile, or answers kBadShape. What is
/// written, special values, overlap and errors: assay_op and assay_row_args in assay.h. On any status but kOk nothing
/// is written.

#pragma once

#include "assay/view.hpp"

namespace assay {

/// Names for the templates below, and the call that they end in.
namespace detail {

template <class T>
MatrixView<T> ViewOf(const MatrixView<T>& m);
template <class Row>
requires requires(Row&& row) { std::span(row); }
auto ViewOf(Row&& row) -> MatrixView<std::remove_pointer_t<decltype(std::span(row).data())>>;

template <class T>
VectorView<T> VectorOf(const VectorView<T>& v);
template <class Row>
requires requires(Row&& row) { std::span(row); }
auto VectorOf(Row&& row) -> VectorView<std::remove_pointer_t<decltype(std::span(row).data())>>;

// The view and the element type of an output argument.
template <class Out>
using Matrix = decltype(ViewOf(std::declval<Out>()));
template <class Out>
using Vector = decltype(VectorOf(std::declval<Out>()));
template <class View>
using ElementOf = std::remove_pointer_t<decltype(View::data)>;

// Inputs of the output's element type.
template <class Out>
using Like = MatrixView<const ElementOf<Matrix<Out>>>;
template <class Out>
using RowsLike = MatrixView<const ElementOf<Vector<Out>>>;
template <class Out>
using ValuesLike = VectorView<const ElementOf<Vector<Out>>>;

// A call in the making: collects operands and whether their shapes and types agree.
class Call {
 public:
  Call(std::size_t rows, std::size_t cols, assay_dtype dtype, double temperature) noexcept {
    args_.struct_size = sizeof(args_);
    args_.rows = rows;
    args_.cols = cols;
    args_.dtype = dtype;
    args_.temperature = temperature;
  }

  assay_row_args& args() noexcept { return args_; }
  Status status() const noexcept { return status_; }

  template <class T>
  assay_const_matrix In(const MatrixView<T>& m) noexcept {
    if (m.rows != args_.rows || m.cols != args_.cols) Refuse(Status::kBadShape);
    return {m.data, m.row_stride, m.col_stride};
  }

  template <class T>
  assay_const_matrix In(const VectorView<T>& v, std::size_t size) noexcept {
    if (v.size != size) Refuse(Status::kBadShape);
    return {v.data, v.stride, 1};
  }

  template <class T>
  assay_matrix Out(const MatrixView<T>& m) noexcept {
    if (m.rows != args_.rows || m.cols != args_.cols) Refuse(Status::kBadShape);
    return {m.data, m.row_stride, m.col_stride};
  }

  template <class T>
  assay_matrix Out(const VectorView<T>& v, std::size_t size) noexcept {
    if (v.size != size) Refuse(Status::kBadShape);
    return {v.data, v.stride, 1};
  }

  void Set(const MatrixView<const std::uint8_t>& mask, const AnyMatrixView& bias) noexcept {
    if (mask.data != nullptr) args_.mask = In(mask);
    if (bias.data == nullptr) return;
    if (bias.rows != args_.rows || bias.cols != args_.cols) Refuse(Status::kBadShape);
    if (bias.dtype != args_.dtype) Refuse(Status::kBadParameter);
    args_.bias = {bias.data, bias.row_stride, bias.col_stride};
  }

  void Set(const SoftmaxOptions& options) noexcept {
    Set(options.mask, options.bias);
    args_.empty_row = static_cast<std::int32_t>(options.empty_row);
  }

  void Set(const CrossEntropyOptions& options) noexcept {
    Set(options.mask, options.bias);
    args_.label_smoothing = options.label_smoothing;
    args_.has_ignore_index = options.ignore_index.has_value() ? 1 : 0;
    args_.ignore_index = options.ignore_index.value_or(0);
    args_.reduction = static_cast<std::int32_t>(options.reduction);
  }

  void Refuse(Status status) noexcept {
    if (status_ == Status::kOk) status_ = status;
  }

  Status Run(Tier tier, assay_row_fn exact, assay_row_fn fast) noexcept {
    if (status_ != Status::kOk) return status_;
    if (tier != Tier::kExact && tier != Tier::kFast) return Status::kBadEnum;
    return static_cast<Status>((tier == Tier::kFast ? fast : exact)(&args_));
  }

 private:
  assay_row_args args_ = {};
  Status status_ = Status::kOk;
};

// From logits to a matrix.
template <class T>
Status Forward(const MatrixView<const T>& logits, const MatrixView<T>& out, const SoftmaxOptions& options,
               assay_row_fn exact, assay_row_fn fast) noexcept {
  static_assert(Element<T>, "out holds float, double, Float16 or BFloat16");
  Call call(out.rows, out.cols, kDtypeOf<T>, options.temperature);
  call.args().logits = call.In(logits);
  call.args().out = call.Out(out);
  call.Set(options);
  return call.Run(options.tier, exact, fast);
}

// From a saved output and an upstream gradient to a gradient.
template <class T>
Status Backward(const MatrixView<const T>& saved, const MatrixView<const T>& upstream, const MatrixView<T>& out,
                const BackwardOptions& options, assay_row_fn exact, assay_row_fn fast) noexcept {
  static_assert(Element<T>, "out holds float, double, Float16 or BFloat16");
  Call call(out.rows, out.cols, kDtypeOf<T>, options.temperature);
  call.args().saved = call.In(saved);
  call.args().upstream = call.In(upstream);
  call.args().out = call.Out(out);
  return call.Run(options.tier, exact, fast);
}

// How many losses a reduction leaves.
inline std::size_t NumLosses(Reduction reduction, std::size_t rows) noexcept {
  return reduction == Reduction::kNone ? rows : 1;
}

inline void SetTruth(Call& call, const VectorView<const std::int64_t>& labels) noexcept {
  call.args().labels = call.In(labels, call.args().rows);
}
template <class T>
void SetTruth(Call& call, const MatrixView<const T>& targets) noexcept {
  call.args().targets = call.In(targets);
}

template <class T, class Truth>
Status Loss(const MatrixView<const T>& logits, const Truth& truth, const VectorView<T>& losses,
            const CrossEntropyOptions& options) noexcept {
  static_assert(Element<T>, "losses are float, double, Float16 or BFloat16");
  Call call(logits.rows, logits.cols, kDtypeOf<T>, options.temperature);
  call.args().logits = call.In(logits);
  SetTruth(call, truth);
  call.args().out = call.Out(losses, NumLosses(options.reduction, logits.rows));
  call.Set(options);
  return call.Run(options.tier, &assay_cross_entropy, &assay_fast_cross_entropy);
}

template <class T, class Truth>
Status LossBackward(const MatrixView<const T>& logits, const Truth& truth, const MatrixView<T>& gradient,
                    const CrossEntropyOptions& options, const VectorView<const T>& upstream) noexcept {
  static_assert(Element<T>, "gradient holds float, double, Float16 or BFloat16");
  Call call(gradient.rows, gradient.cols, kDtypeOf<T>, options.temperature);
  call.args().logits = call.In(logits);
  SetTruth(call, truth);
  call.args().out = call.Out(gradient);
  if (upstream.data != nullptr) {
    call.args().upstream = call.In(upstream, NumLosses(options.reduction, gradient.rows));
  }
  call.Set(options);
  return call.Run(options.tier, &assay_cross_entropy_backward, &assay_fast_cross_entropy_backward);
}

}  // namespace detail

/// probs = exp(z) / sum exp(z) of each row, z = logits / temperature + bias.
template <class Out>
Status Softmax(detail::Like<Out> logits, Out&& probs, const SoftmaxOptions& options = {}) noexcept {
  return detail::Forward(logits, detail::Matrix<Out>(probs), options, &assay_softmax, &assay_fast_softmax);
}

/// log_probs = z - log(sum exp(z)) of each row.
template <class Out>
Status LogSoftmax(detail::Like<Out> logits, Out&& log_probs, const SoftmaxOptions& options = {}) noexcept {
  return detail::Forward(logits, detail::Matrix<Out>(log_probs), options, &assay_log_softmax, &assay_fast_log_softmax);
}

/// lse = log(sum exp(z)), one for each row.
template <class Out>
Status LogSumExp(detail::RowsLike<Out> logits, Out&& lse, const SoftmaxOptions& options = {}) noexcept {
  using T = detail::ElementOf<detail::Vector<Out>>;
  static_assert(Element<T>, "lse holds float, double, Float16 or BFloat16");
  detail::Call call(logits.rows, logits.cols, kDtypeOf<T>, options.temperature);
  call.args().logits = call.In(logits);
  call.args().out = call.Out(detail::Vector<Out>(lse), logits.rows);
  call.Set(options);
  return call.Run(options.tier, &assay_logsumexp, &assay_fast_logsumexp);
}

/// out = 1 / (1 + exp(-z)), entry by entry. It takes no mask: kBadParameter.
template <class Out>
Status Sigmoid(detail::Like<Out> logits, Out&& out, const SoftmaxOptions& options = {}) noexcept {
  return detail::Forward(logits, detail::Matrix<Out>(out), options, &assay_sigmoid, &assay_fast_sigmoid);
}

/// The nearest point of the simplex: probs = max(z - tau, 0), tau so that they sum to 1.
template <class Out>
Status Sparsemax(detail::Like<Out> logits, Out&& probs, const SoftmaxOptions& options = {}) noexcept {
  return detail::Forward(logits, detail::Matrix<Out>(probs), options, &assay_sparsemax, &assay_fast_sparsemax);
}

/// The gradient of Softmax: p (upstream - sum p upstream) / T, p = probs.
template <class Out>
Status SoftmaxBackward(detail::Like<Out> probs, detail::Like<Out> upstream, Out&& gradient,
                       const BackwardOptions& options = {}) noexcept {
  return detail::Backward(probs, upstream, detail::Matrix<Out>(gradient), options, &assay_softmax_backward,
                          &assay_fast_softmax_backward);
}

/// The gradient of LogSoftmax: (upstream - exp(log_probs) sum upstream) / T.
template <class Out>
Status LogSoftmaxBackward(detail::Like<Out> log_probs, detail::Like<Out> upstream, Out&& gradient,
                          const BackwardOptions& options = {}) noexcept {
  return detail::Backward(log_probs, upstream, detail::Matrix<Out>(gradient), options, &assay_log_softmax_backward,
                          &assay_fast_log_softmax_backward);
}

/// The gradient of Sparsemax: (upstream - its mean over probs > 0) / T where probs > 0, else 0.
template <class Out>
Status SparsemaxBackward(detail::Like<Out> probs, detail::Like<Out> upstream, Out&& gradient,
                         const BackwardOptions& options = {}) noexcept {
  return detail::Backward(probs, upstream, detail::Matrix<Out>(gradient), options, &assay_sparsemax_backward,
                          &assay_fast_sparsemax_backward);
}

/// Cross-entropy against labels: with Reduction::kNone one loss a row, otherwise a single one.
template <class Out>
Status CrossEntropy(detail::RowsLike<Out> logits, VectorView<const std::int64_t> labels, Out&& losses,
                    const CrossEntropyOptions& options = {}) noexcept {
  return detail::Loss(logits, labels, detail::Vector<Out>(losses), options);
}

/// Cross-entropy against target distributions, one for each row.
template <class Out>
Status CrossEntropy(detail::RowsLike<Out> logits, detail::RowsLike<Out> targets, Out&& losses,
                    const CrossEntropyOptions& options = {}) noexcept {
  return detail::Loss(logits, targets, detail::Vector<Out>(losses), options);
}

/// The gradient of the loss against labels with respect to logits; upstream as the losses, absent: 1.
template <class Out>
Status CrossEntropyBackward(detail::Like<Out> logits, VectorView<const std::int64_t> labels, Out&& gradient,
                            const CrossEntropyOptions& options = {},
                            VectorView<const detail::ElementOf<detail::Matrix<Out>>> upstream = {}) noexcept {
  return detail::LossBackward(logits, labels, detail::Matrix<Out>(gradient), options, upstream);
}

/// The gradient of the loss against target distributions.
template <class Out>
Status CrossEntropyBackward(detail::Like<Out> logits, detail::Like<Out> targets, Out&& gradient,
                            const CrossEntropyOptions& options = {},
                            VectorView<const detail::ElementOf<detail::Matrix<Out>>> upstream = {}) noexcept {
  return detail::LossBackward(logits, targets, detail::Matrix<Out>(gradient), options, upstream);
}

}  // namespace assay
