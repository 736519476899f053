// SPDX-License-Identifier: Apache-2.0
//
// Plain float loops over visible entries: a weight for each, divided by the sum of all where the control normalises.

#include "subjects/controls/controls.h"

#include <cmath>
#include <cstddef>
#include <limits>

#include "subjects/scalar/call.h"

namespace assay::subjects {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

bool Visible(const Row& row, std::size_t col) { return !row.Masked(col) && !(row.logits[col] == -kInf); }

// What a control makes of z = logit / T, given the largest z of the row. A control that ignores T needs no limits of
// it.
struct Plain {
  static constexpr bool kNormalises = true;
  static constexpr bool kIgnoresTemperature = false;
};
struct Naive : Plain {
  static float Weight(float z, float) { return std::exp(z); }
};
struct Linear : Plain {
  static float Weight(float z, float) { return z; }
};
struct Hardmax : Plain {
  static constexpr bool kIgnoresTemperature = true;
  static float Weight(float z, float largest) { return z == largest ? 1.0F : 0.0F; }
};
struct ReluNormalized : Plain {
  static float Weight(float z, float) { return std::fmax(z, 0.0F); }
};
struct Sigmoid : Plain {
  static constexpr bool kNormalises = false;
  static float Weight(float z, float) { return 1.0F / (1.0F + std::exp(-z)); }
};

template <class Control>
void RunRow(const assay_softmax_args& args, const Row& row) {
  const auto scaled = [&](std::size_t col) {
    const double logit = row.logits[col];
    return static_cast<float>(Control::kIgnoresTemperature ? logit : logit / args.temperature);
  };
  float largest = -kInf;
  bool empty = true;
  bool not_finite = false;
  for (std::size_t col = 0; col < row.cols; ++col) {
    if (!Visible(row, col)) continue;
    empty = false;
    not_finite = not_finite || !(row.logits[col] < kInf);
    largest = std::fmax(largest, scaled(col));
  }
  if (not_finite) return FillNan(row);
  if (empty) return EmptyRowIsZero(args) ? FillZero(row) : FillNan(row);
  float sum = 0;
  for (std::size_t col = 0; col < row.cols; ++col) {
    if (Visible(row, col)) sum += Control::Weight(scaled(col), largest);
  }
  if (!Control::kNormalises) sum = 1;
  for (std::size_t col = 0; col < row.cols; ++col) {
    row.probs[col] = Visible(row, col) ? Control::Weight(scaled(col), largest) / sum : 0.0F;
  }
}

template <class Control>
assay_status Run(const assay_softmax_args* args) {
  assay_status status = CheckStruct(args);
  if (status != ASSAY_OK) return status;
  if (!(args->temperature >= 0)) return ASSAY_BAD_TEMPERATURE;
  status = CheckBuffers(*args);
  if (status != ASSAY_OK || args->cols == 0) return status;
  const bool limit = args->temperature == 0 || std::isinf(args->temperature);
  if (limit && !Control::kIgnoresTemperature) return ASSAY_UNSUPPORTED;
  for (std::size_t row = 0; row < args->rows; ++row) RunRow<Control>(*args, RowOf(*args, row));
  return ASSAY_OK;
}

template <class Control>
BuiltIn Make(const char* name, const char* breaks, const char* description) {
  static const assay_subject table = {
      .struct_size = sizeof(assay_subject),
      .abi_major = ASSAY_ABI_MAJOR,
      .abi_minor = ASSAY_ABI_MINOR,
      .name = name,
      .version = "1",
      .description = description,
      .features =
          Control::kIgnoresTemperature ? ASSAY_FEATURES_ALL : ASSAY_FEATURES_ALL & ~ASSAY_FEATURE_TEMPERATURE_LIMITS,
      .empty_row_unmasked = ASSAY_EMPTY_ROW_NAN,
      .empty_row_masked = ASSAY_EMPTY_ROW_ZERO,
      .alignment_bytes = 1,
      .over_read_bytes = 0,
      .softmax_f32 = {.kind = ASSAY_CLAIM_NONE, .reserved = 0, .max_ulp = 0},
      .softmax = &Run<Control>,
  };
  return {name, Kind::kControl, breaks, &table};
}

}  // namespace

std::vector<BuiltIn> Controls() {
  return {
      Make<Naive>("naive", "exact_shift", "exp(z) over its sum, in float, without subtracting the maximum."),
      Make<Linear>("linear", "simplex", "z over the sum of z."),
      Make<Hardmax>("hardmax", "temperature_to_infinity", "Equal shares among the maxima at every temperature."),
      Make<ReluNormalized>("relu_normalized", "exact_shift", "max(z, 0) over its sum."),
      Make<Sigmoid>("sigmoid", "simplex", "1 / (1 + exp(-z)) of each entry, without a sum."),
  };
}

}  // namespace assay::subjects
