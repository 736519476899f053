// SPDX-License-Identifier: Apache-2.0
//
// Faults of the temperature, and of what it divides.

#include <algorithm>

#include "subjects/faulty/fault.h"

namespace assay::subjects {
namespace {

bool IsLimit(double temperature) { return temperature == 0 || std::isinf(temperature); }

struct OneHotAtZeroTemperature : FromScalar<OneHotAtZeroTemperature> {
  static double Weight(const Call& call, std::size_t row, std::size_t col, Point p, const RowScan& scan) {
    // The first maximum takes all, its equals nothing.
    if (call.temperature() == 0) return col == scan.at ? 1 : 0;
    return Base::Weight(call, row, col, p, scan);
  }
};

struct InverseTemperature : FromScalar<InverseTemperature> {
  static double Z(Point p, Point origin, double temperature) {
    if (IsLimit(temperature)) return Base::Z(p, origin, temperature);
    // 1 / T is inf where T < 2^-1024, and inf * 0 NaN.
    return (p.x - origin.x) * (1 / temperature) + (p.b - origin.b);
  }
};

struct FloatTemperature : FromScalar<FloatTemperature> {
  static double Z(Point p, Point origin, double temperature) {
    return Base::Z(p, origin, static_cast<double>(static_cast<float>(temperature)));
  }
};

struct CappedTemperature : FromScalar<CappedTemperature> {
  static double Z(Point p, Point origin, double temperature) {
    return Base::Z(p, origin, std::isinf(temperature) ? temperature : std::min(temperature, 1e3));
  }
};

struct TemperatureAfterExp : FromScalar<TemperatureAfterExp> {
  // exp(x - max) / T over the sum of the same: T cancels.
  static double Z(Point p, Point origin, double temperature) {
    return Base::Z(p, origin, IsLimit(temperature) ? temperature : 1);
  }
};

template <class Self, assay_op kOp>
struct InvertedTemperature : FromScalar<Self, kOp> {
  static double Z(Point p, Point origin, double temperature) {
    using Base = typename FromScalar<Self, kOp>::Base;
    return Base::Z(p, origin, IsLimit(temperature) ? temperature : 1 / temperature);
  }
};
struct MultipliesByTemperature : InvertedTemperature<MultipliesByTemperature, ASSAY_SOFTMAX> {};
struct LogMultipliesByTemperature : InvertedTemperature<LogMultipliesByTemperature, ASSAY_LOG_SOFTMAX> {};

struct TemperatureAfterBias : FromScalar<TemperatureAfterBias> {
  static double Z(Point p, Point origin, double temperature) {
    if (IsLimit(temperature)) return Base::Z(p, origin, temperature);
    return Base::Z({p.x + p.b, 0}, {origin.x + origin.b, 0}, temperature);
  }
};

struct ScaledBeforeMaximum : FromTextbook<ScaledBeforeMaximum> {
  // Each z is rounded before the maximum is subtracted.
  static float Z(Point p, Point origin, double temperature) {
    if (IsLimit(temperature)) return Base::Z(p, origin, temperature);
    const auto rounded = [&](Point q) { return static_cast<float>(q.x / temperature) + static_cast<float>(q.b); };
    return rounded(p) - rounded(origin);
  }
};

}  // namespace

std::vector<BuiltIn> TemperatureFaults() {
  return {
      Fault<OneHotAtZeroTemperature>("one_hot_at_zero_temperature", "temperature", "temperature_to_zero",
                                     "At T = 0 gives all to the first of equal maxima."),
      Fault<InverseTemperature>("inverse_temperature", "temperature", "subnormal_temperature", "Multiplies by 1 / T."),
      Fault<FloatTemperature>("float_temperature", "temperature", "accuracy", "Rounds T to float."),
      Fault<CappedTemperature>("capped_temperature", "temperature", "temperature_to_infinity",
                               "Takes T > 1000 for 1000."),
      Fault<TemperatureAfterExp>("temperature_after_exp", "temperature", "power_of_two_temperature",
                                 "Divides the exponentials by T, which cancels."),
      Fault<MultipliesByTemperature>("multiplies_by_temperature", "temperature", "entropy", "Multiplies logits by T."),
      Fault<LogMultipliesByTemperature>("log_multiplies_by_temperature", "temperature", "argmax",
                                        "Multiplies logits by T, in log_softmax."),
      Fault<TemperatureAfterBias>("temperature_after_bias", "bias", "accuracy", "Divides logit and bias by T."),
      Fault<ScaledBeforeMaximum>("scaled_before_maximum", "overflow", "finite_inputs_no_nan",
                                 "Rounds each x / T to float before it subtracts the maximum."),
  };
}

}  // namespace assay::subjects
