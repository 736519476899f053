// SPDX-License-Identifier: Apache-2.0
//
// Faults of the maximum, and of sums that are kept relative to a maximum that moves (online softmax).

#include <limits>

#include "subjects/faulty/fault.h"

namespace assay::subjects {
namespace {

// Its largest entry need not be one of the row: no entry is left out of the sum, and shares are of the sum alone.
template <class Self, assay_op kOp = ASSAY_SOFTMAX>
struct LooseMaximum : FromScalar<Self, kOp> {
  using Base = typename FromScalar<Self, kOp>::Base;

  // Goes through the row once more, from `start`; wants(col) says which entries count.
  template <class Wants>
  static RowScan ScanFrom(const Call& call, std::size_t row, Point start, Wants wants) {
    RowScan scan = Base::Scan(call, row);
    scan.at = call.cols();
    scan.top = start;
    for (std::size_t col = 0; col < call.cols(); ++col) {
      const Point p = Self::At(call, row, col);
      if (wants(col, p) && Self::Z(p, scan.top, call.temperature()) > 0) scan.top = p;
    }
    return scan;
  }
  static double Share(double weight, double sum) { return weight / sum; }
  static double LogSumExp(const Call& call, const RowScan& scan, double sum) {
    return Self::Z(scan.top, {}, call.temperature()) + std::log(sum);
  }
};

struct FiniteStartMaximum : LooseMaximum<FiniteStartMaximum> {
  static RowScan Scan(const Call& call, std::size_t row) {
    return ScanFrom(call, row, {-1e4, 0}, [&](std::size_t col, Point p) { return Visible(call, row, col, p); });
  }
};

struct MaximumFromZero : LooseMaximum<MaximumFromZero> {
  static RowScan Scan(const Call& call, std::size_t row) {
    return ScanFrom(call, row, {0, 0}, [&](std::size_t col, Point p) { return Visible(call, row, col, p); });
  }
};

struct MaximumFromFltMin : LooseMaximum<MaximumFromFltMin, ASSAY_LOGSUMEXP> {
  static RowScan Scan(const Call& call, std::size_t row) {
    // FLT_MIN is the smallest positive float, not the lowest.
    const Point start = {static_cast<double>(std::numeric_limits<float>::min()), 0};
    return ScanFrom(call, row, start, [&](std::size_t col, Point p) { return Visible(call, row, col, p); });
  }
};

struct MaximumWithoutTail : LooseMaximum<MaximumWithoutTail> {
  static RowScan Scan(const Call& call, std::size_t row) {
    const RowScan scan = Base::Scan(call, row);
    if (scan.at < TailBegin(call.cols()) || !scan.Ordinary()) return scan;
    // The largest is in the tail: it is not seen.
    return ScanFrom(call, row, {-1e4, 0}, [&](std::size_t col, Point p) {
      return col < TailBegin(call.cols()) && Visible(call, row, col, p);
    });
  }
  static double Others(const Call& call, std::size_t row, const RowScan& scan) {
    return Base::Others(call, row, scan) + (scan.at < call.cols() ? 1 : 0);
  }
};

struct MaximumOverMasked : LooseMaximum<MaximumOverMasked> {
  static RowScan Scan(const Call& call, std::size_t row) {
    return ScanFrom(call, row, {-HUGE_VAL, 0}, [](std::size_t, Point p) { return p.b > -HUGE_VAL; });
  }
};

struct MaximumWithoutBias : LooseMaximum<MaximumWithoutBias> {
  static RowScan Scan(const Call& call, std::size_t row) {
    RowScan scan = Base::Scan(call, row);
    scan.at = call.cols();
    scan.top = {-HUGE_VAL, 0};
    for (std::size_t col = 0; col < call.cols(); ++col) {
      const Point p = At(call, row, col);
      if (Visible(call, row, col, p) && p.x > scan.top.x) scan.top.x = p.x;
    }
    return scan;
  }
};

struct StaleRowMaximum : LooseMaximum<StaleRowMaximum> {
  static inline thread_local Point stale;
  static void Begin(const Call&) { stale = {-HUGE_VAL, 0}; }
  static RowScan Scan(const Call& call, std::size_t row) {
    const RowScan scan =
        ScanFrom(call, row, stale, [&](std::size_t col, Point p) { return Visible(call, row, col, p); });
    stale = scan.top;
    return scan;
  }
};

struct RereadsMaximum : FromScalar<RereadsMaximum> {
  static double Weight(const Call& call, std::size_t row, std::size_t, Point p, const RowScan& scan) {
    // In place, a probability lies there by now.
    return Exp(Z(p, At(call, row, scan.at), call.temperature()));
  }
};

// Sums relative to the largest entry so far; `Self::Rescale` takes the sum to a new one.
template <class Self, assay_op kOp = ASSAY_SOFTMAX>
struct Online : FromScalar<Self, kOp> {
  static double Others(const Call& call, std::size_t row, const RowScan& scan) {
    Point top;
    double sum = 0;
    for (std::size_t col = 0; col < call.cols(); ++col) {
      const Point p = Self::At(call, row, col);
      if (!Self::Visible(call, row, col, p)) continue;
      if (sum == 0) top = p;
      const double step = Self::Z(p, top, call.temperature());
      if (step > 0) {
        sum = Self::Rescale(sum, step, col, call.cols());
        top = p;
      }
      sum += Self::Exp(Self::Z(p, top, call.temperature()));
    }
    return sum * Self::Exp(Self::Z(top, scan.top, call.temperature())) - 1;
  }
};

struct OnlineTailWithoutRescale : Online<OnlineTailWithoutRescale> {
  static double Rescale(double sum, double step, std::size_t col, std::size_t cols) {
    return col < TailBegin(cols) ? sum * std::exp(-step) : sum;
  }
};

struct LseOnlineTailWithoutRescale : Online<LseOnlineTailWithoutRescale, ASSAY_LOGSUMEXP> {
  static double Rescale(double sum, double step, std::size_t col, std::size_t cols) {
    return OnlineTailWithoutRescale::Rescale(sum, step, col, cols);
  }
};

struct OnlineBlocksWithoutRescale : Online<OnlineBlocksWithoutRescale> {
  static double Rescale(double sum, double step, std::size_t col, std::size_t) {
    return col < 1024 ? sum * std::exp(-step) : sum;
  }
};

struct OnlineRescaleInFloat : Online<OnlineRescaleInFloat> {
  static double Rescale(double sum, double step, std::size_t, std::size_t) { return sum * FloatExp(-step); }
};

}  // namespace

std::vector<BuiltIn> MaximumFaults() {
  return {
      Fault<FiniteStartMaximum>("finite_start_maximum", "running maximum", "exact_shift",
                                "Starts its maximum at -10000."),
      Fault<MaximumFromZero>("maximum_from_zero", "running maximum", "exact_shift", "Starts its maximum at 0."),
      Fault<MaximumFromFltMin>("maximum_from_flt_min", "running maximum", "accuracy",
                               "Starts its maximum at FLT_MIN, the smallest positive float."),
      Fault<MaximumWithoutTail>("maximum_without_tail", "tail lanes", "accuracy",
                                "Takes the maximum over whole vectors of eight only."),
      Fault<MaximumOverMasked>("maximum_over_masked", "mask", "masked_content_ignored",
                               "Takes the maximum over masked entries, too."),
      Fault<MaximumWithoutBias>("maximum_without_bias", "bias", "accuracy",
                                "Takes the maximum before the bias is added."),
      Fault<StaleRowMaximum>("stale_row_maximum", "state", "rows_independent", "Keeps the maximum of the rows before."),
      Fault<RereadsMaximum>("rereads_maximum", "in place", "in_place", "Reads the maximum again while it writes."),
      Fault<OnlineTailWithoutRescale>(
          "online_tail_without_rescale", "online rescaling", "permutation",
          "Does not rescale its running sum for a new maximum behind the last whole vector."),
      Fault<LseOnlineTailWithoutRescale>("lse_online_tail_without_rescale", "online rescaling", "lse_merge",
                                         "Does not rescale its running sum in the tail, for logsumexp."),
      Fault<OnlineBlocksWithoutRescale>("online_blocks_without_rescale", "online rescaling", "split_merge",
                                        "Does not rescale its running sum for a new maximum behind the first 1024."),
      Fault<OnlineRescaleInFloat>("online_rescale_in_float", "online rescaling", "accuracy",
                                  "Rescales its running sum by a factor rounded to float."),
  };
}

}  // namespace assay::subjects
