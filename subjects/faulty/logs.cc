// SPDX-License-Identifier: Apache-2.0
//
// Faults of log_softmax and logsumexp.

#include <bit>
#include <cstdint>
#include <cstring>

#include "subjects/faulty/fault.h"

namespace assay::subjects {
namespace {

struct LogOfSoftmax : FromScalar<LogOfSoftmax, ASSAY_LOG_SOFTMAX> {
  static double LogShare(const Call& call, Point p, const RowScan& scan, double others) {
    return std::log(static_cast<double>(static_cast<float>(Exp(Z(p, scan.top, call.temperature())) / (1 + others))));
  }
};

struct LogitsMinusLse : FromScalar<LogitsMinusLse, ASSAY_LOG_SOFTMAX> {
  static double LogShare(const Call& call, Point p, const RowScan& scan, double others) {
    const auto lse = static_cast<float>(Z(scan.top, {}, call.temperature()) + LogOfSum(others));
    return Z(p, {}, call.temperature()) - static_cast<double>(lse);
  }
};

struct LogWithoutLog1p : FromScalar<LogWithoutLog1p, ASSAY_LOG_SOFTMAX> {
  static double LogOfSum(double others) { return std::log(1 + others); }
};

struct RoughLog : FromScalar<RoughLog, ASSAY_LOG_SOFTMAX> {
  // As of a polynomial that is not 0 at 1.
  static double LogOfSum(double others) { return std::log1p(others) - 0x1p-30; }
};

struct LseWithoutMaximum : FromScalar<LseWithoutMaximum, ASSAY_LOGSUMEXP> {
  static double LogSumExp(const Call& call, const RowScan& scan, double others) {
    return std::log(std::exp(Z(scan.top, {}, call.temperature())) * (1 + others));
  }
};

struct LseOfFloatExp : FromScalar<LseOfFloatExp, ASSAY_LOGSUMEXP> {
  static double Exp(double z) { return FloatExp(z); }
};

struct SteppedLog : FromScalar<SteppedLog, ASSAY_LOGSUMEXP> {
  // A table without interpolation.
  static double LogOfSum(double others) { return std::floor(std::log1p(others) * 1024) / 1024; }
};

struct LseCoarseLogits : FromScalar<LseCoarseLogits, ASSAY_LOGSUMEXP> {
  static double Logit(const Call& call, std::size_t row, std::size_t col) {
    // 14 significant bits, the others cut off.
    const double exact = call.Logit(row, col);
    const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(exact));
    return std::isfinite(exact) ? static_cast<double>(std::bit_cast<float>(bits & ~0x3FFU)) : exact;
  }
};

struct KeepsMinusZero : FromScalar<KeepsMinusZero, ASSAY_LOG_SOFTMAX> {
  // -(log(sum) - z): of a row of one it is -(0 - 0).
  static double LogShare(const Call& call, Point p, const RowScan& scan, double others) {
    return -(LogOfSum(others) - Z(p, scan.top, call.temperature()));
  }
  static void Write(const Call& call, std::size_t row, std::size_t col, long double value) {
    call.Set(row, col, value);
    if (call.Result(row, col) != 0 || !std::signbit(value)) return;
    const std::uint32_t bits = 0x80000000;
    const assay_matrix& out = call.args().out;
    auto* const place = static_cast<float*>(out.data) + static_cast<std::ptrdiff_t>(row) * out.row_stride +
                        static_cast<std::ptrdiff_t>(col) * out.col_stride;
    std::memcpy(place, &bits, sizeof bits);
  }
};

struct LogSumWithoutTail : FromScalar<LogSumWithoutTail, ASSAY_LOG_SOFTMAX> {
  static double Weight(const Call& call, std::size_t row, std::size_t col, Point p, const RowScan& scan) {
    return col < TailBegin(call.cols()) ? Base::Weight(call, row, col, p, scan) : 0;
  }
};

}  // namespace

std::vector<BuiltIn> LogFaults() {
  return {
      Fault<LogOfSoftmax>("log_of_softmax", "cancellation", "log_differences",
                          "Takes the logarithm of its softmax in float."),
      Fault<LogitsMinusLse>("logits_minus_lse", "cancellation", "log_near_zero",
                            "Subtracts a logsumexp rounded to float from the logits."),
      Fault<LogWithoutLog1p>("log_without_log1p", "cancellation", "log_near_zero",
                             "Adds 1 to the sum of the others before it takes the logarithm."),
      Fault<RoughLog>("rough_log", "approximation", "never_positive", "Its logarithm of 1 is -2^-30."),
      Fault<LseWithoutMaximum>("lse_without_maximum", "overflow", "accuracy",
                               "Takes the logarithm of the sum of exp(z) itself."),
      Fault<SteppedLog>("stepped_log", "approximation", "lse_convex", "Its logarithm has steps of 2^-10."),
      Fault<LseCoarseLogits>("lse_coarse_logits", "rounding", "lse_shift",
                             "Keeps 14 bits of each logit, for logsumexp."),
      Fault<KeepsMinusZero>("keeps_minus_zero", "special values", "positive_zero", "Writes -0 where zero is due."),
      Fault<LogSumWithoutTail>("log_sum_without_tail", "tail lanes", "exp_of_log",
                               "Sums whole vectors of eight only, in log_softmax."),
      Fault<LseOfFloatExp>("lse_of_float_exp", "approximation", "accuracy", "Uses a float exp for logsumexp."),
  };
}

}  // namespace assay::subjects
