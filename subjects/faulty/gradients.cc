// SPDX-License-Identifier: Apache-2.0
//
// Faults of the gradients of softmax, log_softmax and sparsemax.

#include "subjects/faulty/fault.h"
#include "subjects/scalar/number.h"

namespace assay::subjects {
namespace {

struct GradientOfMasked : FromScalar<GradientOfMasked, ASSAY_SOFTMAX_BACKWARD> {
  // 0 times whatever upstream holds there.
  static bool HasMass(double, assay_op) { return true; }
};

struct GradientDotInFloat : FromScalar<GradientDotInFloat, ASSAY_SOFTMAX_BACKWARD> {
  using Sum = PlainSum<float>;
};

struct GradientWithoutTemperature : FromScalar<GradientWithoutTemperature, ASSAY_SOFTMAX_BACKWARD> {
  static Wide Gradient(Wide saved, Wide upstream, Wide sum, std::size_t count, double, assay_op op) {
    return Base::Gradient(saved, upstream, sum, count, 1, op);
  }
};

struct F16DifferenceOverflows : FromScalar<F16DifferenceOverflows, ASSAY_SOFTMAX_BACKWARD, ASSAY_F16> {
  // p (upstream - sum), the difference kept in f16: infinite beyond 65504.
  static Wide Gradient(Wide saved, Wide upstream, Wide sum, std::size_t count, double temperature, assay_op op) {
    const Wide difference = static_cast<Wide>(RoundNumber(ASSAY_F16, upstream - sum));
    return Base::Gradient(saved, difference, 0, count, temperature, op);
  }
};

struct GradientOfRoundedShare : FromScalar<GradientOfRoundedShare, ASSAY_LOG_SOFTMAX_BACKWARD> {
  static Wide Gradient(Wide saved, Wide upstream, Wide sum, std::size_t, double temperature, assay_op) {
    const auto share = static_cast<Wide>(std::exp(static_cast<float>(saved)));
    return (upstream - share * sum) / static_cast<Wide>(temperature);
  }
};

// Sums over other entries than those with mass: `Self::Counts(call, row, col)`. NaN and infinities go where they go.
template <class Self, assay_op kOp>
struct OtherSum : FromScalar<Self, kOp> {
  using Real = ScalarReal<kOp, ASSAY_F32>;

  template <assay_op>
  static void Row(const Call& call, std::size_t row) {
    CompensatedSum<Real> sum;
    std::size_t count = 0;
    for (std::size_t col = 0; col < call.cols(); ++col) {
      const auto saved = static_cast<Real>(call.Saved(row, col));
      count += Self::HasMass(call.Saved(row, col), kOp) ? 1 : 0;
      if (Self::Counts(call, row, col)) sum.Add(Self::Term(saved, static_cast<Real>(call.Upstream(row, col)), kOp));
    }
    for (std::size_t col = 0; col < call.cols(); ++col) {
      const auto saved = static_cast<Real>(call.Saved(row, col));
      const auto upstream = static_cast<Real>(call.Upstream(row, col));
      const bool mass = Self::HasMass(call.Saved(row, col), kOp);
      call.Set(row, col, mass ? Self::Gradient(saved, upstream, sum.Value(), count, call.temperature(), kOp) : 0);
    }
  }
};

struct LogGradientSumsMasked : OtherSum<LogGradientSumsMasked, ASSAY_LOG_SOFTMAX_BACKWARD> {
  static bool Counts(const Call&, std::size_t, std::size_t) { return true; }
};

struct GradientSumWithoutTail : OtherSum<GradientSumWithoutTail, ASSAY_SOFTMAX_BACKWARD> {
  static bool Counts(const Call& call, std::size_t row, std::size_t col) {
    return col < TailBegin(call.cols()) && HasMass(call.Saved(row, col), kOp);
  }
};

struct SparseSumWithoutTail : OtherSum<SparseSumWithoutTail, ASSAY_SPARSEMAX_BACKWARD> {
  static bool Counts(const Call& call, std::size_t row, std::size_t col) {
    return col < TailBegin(call.cols()) && HasMass(call.Saved(row, col), kOp);
  }
};

struct GradientOfCoarseSum : FromScalar<GradientOfCoarseSum, ASSAY_SOFTMAX_BACKWARD> {
  // The sum takes p from a copy in f16.
  static Real Term(Real saved, Real upstream, assay_op) {
    return static_cast<Real>(RoundNumber(ASSAY_F16, saved)) * upstream;
  }
};

struct TailChangesSign : FromScalar<TailChangesSign, ASSAY_SOFTMAX_BACKWARD> {
  // sum - upstream behind the last whole vector.
  static void Write(const Call& call, std::size_t row, std::size_t col, long double value) {
    call.Set(row, col, col < TailBegin(call.cols()) ? value : -value);
  }
};

struct SupportAboveEpsilon : FromScalar<SupportAboveEpsilon, ASSAY_SPARSEMAX_BACKWARD> {
  static bool HasMass(double saved, assay_op) { return !(saved <= 1e-6); }
};

struct SparseGradientAtZeros : FromScalar<SparseGradientAtZeros, ASSAY_SPARSEMAX_BACKWARD> {
  // Zeroed by a product with the support, which a NaN or an infinity survives.
  template <assay_op kOp>
  static void Row(const Call& call, std::size_t row) {
    Base::Row<kOp>(call, row);
    for (std::size_t col = 0; col < call.cols(); ++col) {
      if (!HasMass(call.Saved(row, col), kOp) && !std::isfinite(call.Upstream(row, col))) {
        call.Set(row, col, kNotANumber<long double>);
      }
    }
  }
};

}  // namespace

std::vector<BuiltIn> GradientFaults() {
  return {
      Fault<GradientOfMasked>("gradient_of_masked", "mask", "gradient_zero_where_no_mass",
                              "Multiplies by p = 0 what upstream holds there."),
      Fault<GradientDotInFloat>("gradient_dot_in_float", "accumulation", "saturation", "Sums p upstream in float."),
      Fault<GradientWithoutTemperature>("gradient_without_temperature", "temperature", "accuracy",
                                        "Does not divide the gradient by T."),
      Fault<F16DifferenceOverflows>("f16_difference_overflows", "overflow", "accuracy",
                                    "Keeps upstream minus the sum in f16."),
      Fault<GradientOfRoundedShare>("gradient_of_rounded_share", "approximation", "accuracy",
                                    "Uses a float exp in the gradient of log_softmax."),
      Fault<LogGradientSumsMasked>("log_gradient_sums_masked", "mask", "gradient_zero_where_no_mass",
                                   "Sums upstream over entries without mass, too."),
      Fault<GradientSumWithoutTail>("gradient_sum_without_tail", "tail lanes", "gradient_sums_to_zero",
                                    "Sums p upstream over whole vectors of eight only."),
      Fault<SparseSumWithoutTail>("sparse_sum_without_tail", "tail lanes", "gradient_shift",
                                  "Sums upstream over whole vectors of eight only, but divides by all."),
      Fault<GradientOfCoarseSum>("gradient_of_coarse_sum", "rounding", "gradient_symmetric",
                                 "Sums p upstream with p rounded to f16."),
      Fault<TailChangesSign>("tail_changes_sign", "tail lanes", "gradient_semidefinite",
                             "Turns the sign behind the last whole vector."),
      Fault<SupportAboveEpsilon>("support_above_epsilon", "support", "accuracy",
                                 "Takes p up to 1e-6 for outside the support."),
      Fault<SparseGradientAtZeros>("sparse_gradient_at_zeros", "NaN handling", "gradient_zero_where_no_mass",
                                   "Lets a NaN or infinite upstream through where p = 0."),
  };
}

}  // namespace assay::subjects
