// SPDX-License-Identifier: Apache-2.0

/// @file
/// The C++ front of sampling.h: softmax of each row's most likely entries, the rest 0.

#pragma once

#include "assay/sampling.h"
#include "assay/softmax.hpp"

namespace assay {

/// Options of TopK, TopP and TopKTopP.
struct SamplingOptions {
  double temperature = 1.0;                  ///< as in SoftmaxOptions
  MatrixView<const std::uint8_t> mask = {};  ///< as in SoftmaxOptions
  EmptyRow empty_row = EmptyRow::kAuto;      ///< as in SoftmaxOptions
  Tier tier = Tier::kExact;                  ///< of the shares; what is kept is the same in both
};

/// Top-k, then top-p on what it keeps: see assay_top_k_top_p. On any status but kOk nothing is written.
template <class Out>
Status TopKTopP(detail::Like<Out> logits, std::size_t k, double p, Out&& probs,
                const SamplingOptions& options = {}) noexcept {
  const detail::Matrix<Out> out(probs);
  using T = detail::ElementOf<detail::Matrix<Out>>;
  static_assert(Element<T>, "probs holds float, double, Float16 or BFloat16");
  detail::Call call(out.rows, out.cols, kDtypeOf<T>, options.temperature);
  call.args().logits = call.In(logits);
  call.args().out = call.Out(out);
  call.Set(options.mask, {});
  call.args().empty_row = static_cast<std::int32_t>(options.empty_row);
  if (call.status() != Status::kOk) return call.status();
  return static_cast<Status>(assay_top_k_top_p(&call.args(), k, p, static_cast<assay_tier>(options.tier)));
}

/// Softmax of the k largest logits of each row, equal ones by column; k = 0: of all.
template <class Out>
Status TopK(detail::Like<Out> logits, std::size_t k, Out&& probs, const SamplingOptions& options = {}) noexcept {
  return TopKTopP(logits, k, 1.0, probs, options);
}

/// Softmax of the fewest largest logits whose shares sum to p or more; p = 0: of the first of the largest; p = 1: of
/// all.
template <class Out>
Status TopP(detail::Like<Out> logits, double p, Out&& probs, const SamplingOptions& options = {}) noexcept {
  return TopKTopP(logits, 0, p, probs, options);
}

}  // namespace assay
