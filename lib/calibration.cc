// SPDX-License-Identifier: Apache-2.0
//
// The fit of a temperature: a bracket of the zero of the loss's derivative, then Newton steps inside it.

#include "assay/calibration.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "calibration.h"
#include "fp_environment.h"
#include "request.h"

namespace assay::internal {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

struct Minimum {
  double beta = 0;
  double relative_error = kInf;
};

// |beta - exact| / beta = |T / exact - 1|, bounded. The loss is generalised self-concordant: |f'''| <= f'', since no
// difference exceeds 1 (Bach 2010, section 2). So f'' >= f''(beta) exp(-r) within r of beta, and f' reaches f''(beta)
// (1 - exp(-r)) more on either side: if that is at least |f'(beta)| with its error, the zero lies within r. For r <= 1,
// 1 - exp(-r) >= 0.63 r. The computed curvature is given a tenth for its own error, far more than rounding takes where
// it is not tiny.
double RelativeError(const LossAt& at, double beta) {
  const double r = (std::fabs(at.slope) + at.slope_error) / (0.63 * 0.9 * at.curvature);
  const bool curvature_holds = at.curvature > 0x1p+10 * at.slope_error;
  return r <= 1 && curvature_holds ? r / beta * (1 + 0x1p-40) + 0x1p-52 : kInf;
}

// The zero of a derivative that is negative at 0 and positive in the end.
Minimum FindMinimum(const LabelledLogits& data) {
  constexpr double kLeast = 0x1p-1000;
  constexpr double kMost = 0x1p+1000;
  double low = 0;  // the derivative is negative there
  double high = kInf;
  double beta = 1;
  LossAt at = data.At(beta);
  // Steps 2, 4, 16, ... up or down, until the sign changes.
  for (double step = 2; low == 0 || high == kInf;) {
    if (std::fabs(at.slope) <= at.slope_error) return {beta, RelativeError(at, beta)};
    (at.slope < 0 ? low : high) = beta;
    if (low != 0 && high != kInf) break;
    if (beta <= kLeast) return {0, kInf};
    if (beta >= kMost) return {kInf, kInf};
    beta = at.slope < 0 ? std::min(beta * step, kMost) : std::max(beta / step, kLeast);
    step = std::min(step * step, 0x1p+64);
    at = data.At(beta);
  }
  Minimum best{beta, RelativeError(at, beta)};
  for (int i = 0; i < 128 && high > low * (1 + 0x1p-51); ++i) {
    double next = beta - at.slope / at.curvature;
    if (high > 8 * low) {
      next = std::sqrt(low) * std::sqrt(high);
    } else if (!(next > low && next < high) || i > 64) {
      next = low + (high - low) / 2;
    }
    if (next == beta || next <= low || next >= high) break;
    beta = next;
    at = data.At(beta);
    const double error = RelativeError(at, beta);
    if (error <= best.relative_error) best = {beta, error};
    if (std::fabs(at.slope) <= at.slope_error) break;
    (at.slope < 0 ? low : high) = beta;
  }
  // Where the curvature is too small for a bound, the bracket still holds: its ends' signs are certain.
  if (best.relative_error == kInf && low > 0 && high < kInf) {
    best = {beta, std::max(high / beta, beta / low) - 1 + 0x1p-52};
  }
  return best;
}

// What the fit says at a temperature or a limit of it.
void Fit(const assay_row_args& args, assay_temperature_fit* fit) {
  const LabelledLogits data(args);
  const LabelledLogits::Summary& summary = data.summary();
  *fit = {};
  fit->rows = summary.rows;
  fit->temperature = args.temperature;
  if (summary.rows == 0) {
    fit->outcome = ASSAY_FIT_FLAT;
    fit->nll_before = fit->nll_after = fit->ece_before = fit->ece_after = std::nan("");
    return;
  }
  if (summary.undefined) {
    fit->outcome = ASSAY_FIT_UNDEFINED;
    fit->temperature = fit->ece_before = fit->ece_after = std::nan("");
    fit->nll_before = fit->nll_after = summary.infinite;
    return;
  }
  int e;
  const double m = std::frexp(args.temperature, &e);
  const LossAt before = data.At(args.temperature == kInf ? 0 : std::ldexp(1 / m, summary.exponent - e));
  double beta = 1;
  if (summary.constant) {
    fit->outcome = ASSAY_FIT_FLAT;
  } else if (summary.separable) {
    fit->outcome = ASSAY_FIT_ZERO;
    fit->temperature = 0;
    beta = kInf;
  } else if (summary.slope_at_zero_sign >= 0) {
    fit->outcome = ASSAY_FIT_INFINITE;
    fit->temperature = kInf;
    beta = 0;
  } else {
    const Minimum minimum = FindMinimum(data);
    beta = minimum.beta;
    fit->temperature = std::ldexp(1 / beta, summary.exponent);
    fit->temperature_error = minimum.relative_error;
    fit->outcome = fit->temperature == 0      ? ASSAY_FIT_ZERO
                   : fit->temperature == kInf ? ASSAY_FIT_INFINITE
                                              : ASSAY_FIT_MINIMUM;
    if (fit->outcome != ASSAY_FIT_MINIMUM) {
      fit->temperature_error = 0;
    } else if (fit->temperature < std::numeric_limits<double>::min()) {
      fit->temperature_error = kInf;  // a subnormal, rounded to few bits
    }
  }
  const LossAt after = summary.constant ? before : data.At(beta);
  fit->nll_before = before.nll;
  fit->ece_before = before.ece;
  fit->nll_after = after.nll;
  fit->ece_after = after.ece;
}

}  // namespace
}  // namespace assay::internal

extern "C" assay_status assay_fit_temperature(const assay_row_args* args, assay_temperature_fit* fit) {
  using namespace assay::internal;
  if (args == nullptr || fit == nullptr) return ASSAY_NULL_POINTER;
  if (args->struct_size < sizeof(assay_row_args)) return ASSAY_BAD_STRUCT;
  assay_row_args loss = *args;
  double sum;  // room for a result of any type, so that the checks of cross_entropy are ours
  loss.out = {&sum, 1, 1};
  loss.reduction = ASSAY_REDUCTION_SUM;
  Request request;
  const assay_status status = CheckRequest(ASSAY_CROSS_ENTROPY, &loss, &request);
  if (status != ASSAY_OK) return status;
  if (args->bias.data != nullptr || args->targets.data != nullptr ||
      std::bit_cast<std::uint64_t>(request.args.label_smoothing) != 0) {
    return ASSAY_BAD_PARAMETER;
  }
  if (args->cols == 0) request.args.rows = 0;
  const FpEnvironment environment;
  Fit(request.args, fit);
  return ASSAY_OK;
}
