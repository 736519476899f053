// SPDX-License-Identifier: Apache-2.0
//
// Faults of precision: sums, differences, exponentials and roundings in too small a type.

#include <array>
#include <bit>
#include <cstdint>

#include "subjects/faulty/fault.h"
#include "subjects/scalar/number.h"

namespace assay::subjects {
namespace {

// 64 lanes, each a sum in a type of 16 bits; the lanes are added up exactly.
template <assay_dtype kDtype>
class LaneSum {
 public:
  using Real = double;
  void Add(double term) {
    double& lane = lanes_[next_++ % lanes_.size()];
    lane = RoundNumber(kDtype, lane + term);
  }
  double Value() const {
    double sum = 0;
    for (const double lane : lanes_) sum += lane;
    return sum;
  }

 private:
  std::array<double, 64> lanes_ = {};
  std::size_t next_ = 0;
};

struct FloatAccumulator : FromScalar<FloatAccumulator> {
  using Sum = PlainSum<float>;
};

struct LseFloatAccumulator : FromScalar<LseFloatAccumulator, ASSAY_LOGSUMEXP> {
  using Sum = PlainSum<float>;
};

struct Bf16Accumulator : FromScalar<Bf16Accumulator, ASSAY_SOFTMAX, ASSAY_BF16> {
  using Sum = LaneSum<ASSAY_BF16>;
};

struct F16Accumulator : FromScalar<F16Accumulator, ASSAY_SOFTMAX, ASSAY_F16> {
  using Sum = LaneSum<ASSAY_F16>;
};

struct RoundedShift : FromScalar<RoundedShift> {
  static double Z(Point p, Point origin, double temperature) {
    // Up to |x - max| 2^-24 of the result, relatively.
    const auto shifted = static_cast<double>(static_cast<float>(p.x - origin.x));
    return Base::Z({shifted, p.b}, {0, origin.b}, temperature);
  }
};

struct F16Shift : FromScalar<F16Shift, ASSAY_SOFTMAX, ASSAY_F16> {
  static double Z(Point p, Point origin, double temperature) {
    return Base::Z({RoundNumber(ASSAY_F16, p.x - origin.x), p.b}, {0, origin.b}, temperature);
  }
};

struct CoarseLogits : FromScalar<CoarseLogits> {
  static double Logit(const Call& call, std::size_t row, std::size_t col) {
    // 14 significant bits.
    const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(call.Logit(row, col)));
    const double exact = call.Logit(row, col);
    return std::isfinite(exact) ? static_cast<double>(std::bit_cast<float>(bits & ~0x3FFU)) : exact;
  }
};

struct FloatTail : FromScalar<FloatTail> {
  static double Weight(const Call& call, std::size_t row, std::size_t col, Point p, const RowScan& scan) {
    if (col < TailBegin(call.cols())) return Base::Weight(call, row, col, p, scan);
    return FloatExp(Z(p, scan.top, call.temperature()));
  }
};

struct ReciprocalInFloat : FromScalar<ReciprocalInFloat> {
  static double Share(double weight, double others) {
    const float inverse = 1 / static_cast<float>(1 + others);
    return static_cast<double>(static_cast<float>(weight) * inverse);
  }
};

struct AddsEpsilon : FromScalar<AddsEpsilon> {
  // Against division by zero, which cannot happen.
  static double Share(double weight, double others) { return weight / (1 + others + 1e-7); }
};

struct ClampedExponent : FromScalar<ClampedExponent> {
  // exp cannot underflow this way: and nothing ever reaches 0.
  static double Exp(double z) { return std::exp(std::fmax(z, -80)); }
};

struct FlushesSubnormals : FromScalar<FlushesSubnormals> {
  static void Write(const Call& call, std::size_t row, std::size_t col, long double value) {
    call.Set(row, col, std::fabs(value) < 0x1p-126L ? 0 : value);
  }
};

struct FlushesF16Subnormals : FromScalar<FlushesF16Subnormals, ASSAY_SOFTMAX, ASSAY_F16> {
  static void Write(const Call& call, std::size_t row, std::size_t col, long double value) {
    call.Set(row, col, std::fabs(value) < 0x1p-14L ? 0 : value);
  }
};

struct TruncatesToBf16 : FromScalar<TruncatesToBf16, ASSAY_SOFTMAX, ASSAY_BF16> {
  static void Write(const Call& call, std::size_t row, std::size_t col, long double value) {
    // The upper half of the float.
    float truncated = static_cast<float>(value);
    if (!std::isnan(truncated)) {
      truncated = std::bit_cast<float>(std::bit_cast<std::uint32_t>(truncated) & 0xFFFF0000U);
    }
    call.Set(row, col, static_cast<long double>(truncated));
  }
};

struct RoundsThroughF16 : FromScalar<RoundsThroughF16, ASSAY_SOFTMAX, ASSAY_BF16> {
  static void Write(const Call& call, std::size_t row, std::size_t col, long double value) {
    call.Set(row, col, static_cast<long double>(RoundNumber(ASSAY_F16, value)));
  }
};

struct SigmoidOverflows : FromTextbook<SigmoidOverflows, ASSAY_SIGMOID> {
  // exp(-z) is infinite in float where the result is still a subnormal.
  static double Sigmoid(float z) { return static_cast<double>(1 / (1 + std::exp(-z))); }
};

struct SigmoidByTanh : FromScalar<SigmoidByTanh, ASSAY_SIGMOID> {
  // For z << 0 all digits cancel.
  static double Sigmoid(double z) { return 0.5 + 0.5 * std::tanh(0.5 * z); }
};

struct SigmoidSaturates : FromScalar<SigmoidSaturates, ASSAY_SIGMOID> {
  static double Sigmoid(double z) { return Base::Sigmoid(std::fmax(z, -6)); }
};

}  // namespace

std::vector<BuiltIn> PrecisionFaults() {
  return {
      Fault<FloatAccumulator>("float_accumulator", "accumulation", "simplex", "Sums in float, one after the other."),
      Fault<LseFloatAccumulator>("lse_float_accumulator", "accumulation", "accuracy",
                                 "Sums in float, one after the other, for logsumexp."),
      Fault<Bf16Accumulator>("bf16_accumulator", "accumulation", "absorption", "Sums in bf16, in 64 lanes."),
      Fault<F16Accumulator>("f16_accumulator", "accumulation", "accuracy", "Sums in f16, in 64 lanes."),
      Fault<RoundedShift>("rounded_shift", "cancellation", "accuracy",
                          "Rounds x - max to float before the exponential."),
      Fault<F16Shift>("f16_shift", "cancellation", "accuracy", "Rounds x - max to f16 before the exponential."),
      Fault<CoarseLogits>("coarse_logits", "rounding", "sensitivity", "Keeps 14 bits of each logit."),
      Fault<FloatTail>("float_tail", "tail lanes", "order", "Uses a float exp behind the last whole vector."),
      Fault<ReciprocalInFloat>("reciprocal_in_float", "rounding", "accuracy",
                               "Multiplies by a reciprocal rounded to float."),
      Fault<AddsEpsilon>("adds_epsilon", "clamp", "single_visible", "Adds 1e-7 to the sum."),
      Fault<ClampedExponent>("clamped_exponent", "clamp", "ratio", "Takes exponents below -80 for -80."),
      Fault<FlushesSubnormals>("flushes_subnormals", "subnormals", "accuracy", "Gives 0 for results below 2^-126."),
      Fault<FlushesF16Subnormals>("flushes_f16_subnormals", "subnormals", "accuracy",
                                  "Gives 0 for f16 results below 2^-14."),
      Fault<TruncatesToBf16>("truncates_to_bf16", "rounding", "accuracy", "Cuts the lower half of a float off."),
      Fault<RoundsThroughF16>("rounds_through_f16", "rounding", "accuracy", "Rounds to f16 before it rounds to bf16."),
      Fault<SigmoidOverflows>("sigmoid_overflows", "overflow", "accuracy", "1 / (1 + exp(-z)) in float for every z."),
      Fault<SigmoidByTanh>("sigmoid_by_tanh", "cancellation", "accuracy", "1/2 + tanh(z / 2) / 2."),
      Fault<SigmoidSaturates>("sigmoid_saturates", "clamp", "two_classes", "Takes z below -6 for -6."),
  };
}

}  // namespace assay::subjects
