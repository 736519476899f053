// SPDX-License-Identifier: Apache-2.0
//
// Plain float loops over visible entries: a weight for each, divided by the sum of all where the control normalises.

#include "subjects/controls/controls.h"

#include <cmath>
#include <cstddef>

#include "subjects/scalar/single.h"

namespace assay::subjects {
namespace {

// What a control makes of z = logit / T + bias, given the largest z of the row. A control that ignores T needs no
// limits of it.
struct Plain {
  static constexpr bool kNormalises = true;
  static constexpr bool kIgnoresTemperature = false;
};
struct Unshifted : Plain {
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
struct ElementwiseSigmoid : Plain {
  static constexpr bool kNormalises = false;
  static float Weight(float z, float) { return 1.0F / (1.0F + std::exp(-z)); }
};

template <class Control>
struct ControlSteps : RowSteps<ControlSteps<Control>, float> {
  using Base = RowSteps<ControlSteps<Control>, float>;

  static assay_status Check(const assay_row_args* args, assay_op op) {
    const assay_status status = Base::Check(args, op);
    if (status != ASSAY_OK) return status;
    const bool limit = args->temperature == 0 || std::isinf(args->temperature);
    return limit && !Control::kIgnoresTemperature ? ASSAY_UNSUPPORTED : ASSAY_OK;
  }

  static float Scaled(const Call& call, Point p) {
    return static_cast<float>((Control::kIgnoresTemperature ? p.x : p.x / call.temperature()) + p.b);
  }

  template <assay_op>
  static void Row(const Call& call, std::size_t row) {
    float largest = -kInfinity<float>;
    float sum = 0;
    RowScan scan;
    ForVisible(call, row, [&](Point p) {
      ++scan.visible;
      scan.nan = scan.nan || std::isnan(p.x) || std::isnan(p.b);
      scan.infinite = scan.infinite || p.x == HUGE_VAL || p.b == HUGE_VAL;
      largest = std::fmax(largest, Scaled(call, p));
    });
    if (FillWithout<ControlSteps>(call, row, scan, 0)) return;
    ForVisible(call, row, [&](Point p) { sum += Control::Weight(Scaled(call, p), largest); });
    if (!Control::kNormalises) sum = 1;
    for (std::size_t col = 0; col < call.cols(); ++col) {
      const Point p = Base::At(call, row, col);
      const bool visible = Base::Visible(call, row, col, p);
      call.Set(row, col, visible ? Control::Weight(Scaled(call, p), largest) / sum : 0.0F);
    }
  }

  template <class Visit>
  static void ForVisible(const Call& call, std::size_t row, Visit visit) {
    for (std::size_t col = 0; col < call.cols(); ++col) {
      const Point p = Base::At(call, row, col);
      if (Base::Visible(call, row, col, p)) visit(p);
    }
  }
};

template <class Control>
BuiltIn Make(const char* name, const char* breaks, const char* description) {
  const std::uint64_t without = Control::kIgnoresTemperature ? 0 : ASSAY_FEATURE_TEMPERATURE_LIMITS;
  return SingleOperation<ControlSteps<Control>, ASSAY_SOFTMAX, ASSAY_F32>(
      Kind::kControl, name, "", breaks, description, ASSAY_FEATURES_ALL & ~without, {ASSAY_CLAIM_NONE, 0, 0, 0});
}

}  // namespace

std::vector<BuiltIn> Controls() {
  return {
      Make<Unshifted>("unshifted", "exact_shift", "exp(z) over its sum, in float, without subtracting the maximum."),
      Make<Linear>("linear", "simplex", "z over the sum of z."),
      Make<Hardmax>("hardmax", "temperature_to_infinity", "Equal shares among the maxima at every temperature."),
      Make<ReluNormalized>("relu_normalized", "exact_shift", "max(z, 0) over its sum."),
      Make<ElementwiseSigmoid>("elementwise_sigmoid", "simplex", "1 / (1 + exp(-z)) of each entry, without a sum."),
  };
}

}  // namespace assay::subjects
