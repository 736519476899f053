// SPDX-License-Identifier: Apache-2.0

/// @file
/// The C++ front of calibration.h: the temperature that fits given labels best.

#pragma once

#include "assay/calibration.h"
#include "assay/softmax.hpp"

namespace assay {

/// Where the loss is least: see assay_fit_outcome.
enum class FitOutcome : int {
  kMinimum = ASSAY_FIT_MINIMUM,      ///< at the temperature given
  kZero = ASSAY_FIT_ZERO,            ///< it falls as T goes to 0
  kInfinite = ASSAY_FIT_INFINITE,    ///< it falls as T goes to inf
  kFlat = ASSAY_FIT_FLAT,            ///< it is the same everywhere
  kUndefined = ASSAY_FIT_UNDEFINED,  ///< it is NaN or inf everywhere
};

/// What FitTemperature finds: see assay_temperature_fit. "Before" is at FitOptions::temperature.
struct TemperatureFit {
  double temperature = 1.0;                   ///< the minimiser, or as FitOutcome says
  double temperature_error = 0.0;             ///< |temperature / minimiser - 1| is at most this
  double nll_before = 0.0;                    ///< mean cross-entropy
  double nll_after = 0.0;                     ///< the same at the fitted temperature
  double ece_before = 0.0;                    ///< expected calibration error, 15 bins
  double ece_after = 0.0;                     ///< the same at the fitted temperature
  std::size_t rows = 0;                       ///< that are not ignored
  FitOutcome outcome = FitOutcome::kMinimum;  ///< what temperature means
};

/// Options of FitTemperature.
struct FitOptions {
  double temperature = 1.0;                       ///< what "before" means
  MatrixView<const std::uint8_t> mask = {};       ///< nonzero = visible; absent: all visible
  std::optional<std::int64_t> ignore_index = {};  ///< rows with this label do not count
};

/// Finds the T > 0 at which the mean cross-entropy of softmax(logits / T) against labels is least. See
/// assay_fit_temperature; on any status but kOk nothing is written.
template <class Logits>
Status FitTemperature(const Logits& logits, VectorView<const std::int64_t> labels, TemperatureFit& fit,
                      const FitOptions& options = {}) noexcept {
  const auto view = detail::Matrix<const Logits&>(logits);
  using T = std::remove_const_t<detail::ElementOf<std::remove_const_t<decltype(view)>>>;
  static_assert(Element<T>, "logits are float, double, Float16 or BFloat16");
  detail::Call call(view.rows, view.cols, kDtypeOf<T>, options.temperature);
  call.args().logits = call.In(view);
  call.args().labels = call.In(labels, view.rows);
  call.Set(options.mask, {});
  call.args().has_ignore_index = options.ignore_index.has_value() ? 1 : 0;
  call.args().ignore_index = options.ignore_index.value_or(0);
  if (call.status() != Status::kOk) return call.status();
  assay_temperature_fit found;
  const auto status = static_cast<Status>(assay_fit_temperature(&call.args(), &found));
  if (status != Status::kOk) return status;
  fit = {found.temperature,
         found.temperature_error,
         found.nll_before,
         found.nll_after,
         found.ece_before,
         found.ece_after,
         static_cast<std::size_t>(found.rows),
         static_cast<FitOutcome>(found.outcome)};
  return status;
}

}  // namespace assay
