// SPDX-License-Identifier: Apache-2.0
//
// Faults of what a result may depend on: the other rows, their number, earlier calls, other threads.

#include <algorithm>
#include <atomic>
#include <thread>

#include "subjects/faulty/fault.h"

namespace assay::subjects {
namespace {

struct BatchDependentExp : FromScalar<BatchDependentExp> {
  static double Weight(const Call& call, std::size_t row, std::size_t col, Point p, const RowScan& scan) {
    // With rows enough for all threads another code path is chosen.
    if (call.rows() < 4) return Base::Weight(call, row, col, p, scan);
    return FloatExp(Z(p, scan.top, call.temperature()));
  }
};

struct OddRowRemainder : FromScalar<OddRowRemainder, ASSAY_LOGSUMEXP> {
  static double Weight(const Call& call, std::size_t row, std::size_t col, Point p, const RowScan& scan) {
    // Rows go by twos; the one left over has its own code.
    if (row + 1 < call.rows() || call.rows() % 2 == 0) return Base::Weight(call, row, col, p, scan);
    return FloatExp(Z(p, scan.top, call.temperature()));
  }
};

struct RowsShareAnOffset : FromScalar<RowsShareAnOffset, ASSAY_LOG_SOFTMAX> {
  // One maximum for the whole matrix is enough, as long as no row lies far below it.
  static inline thread_local Point top;
  static void Begin(const Call& call) {
    top = {-HUGE_VAL, 0};
    for (std::size_t row = 0; row < call.rows(); ++row) {
      for (std::size_t col = 0; col < call.cols(); ++col) {
        const Point p = At(call, row, col);
        if (Visible(call, row, col, p) && p.x < HUGE_VAL && Z(p, top, call.temperature()) > 0) top = p;
      }
    }
  }
  static double LogShare(const Call& call, Point p, const RowScan& scan, double others) {
    const double sum = std::exp(Z(scan.top, top, call.temperature())) * (1 + others);
    return Z(p, top, call.temperature()) - std::log(sum);
  }
};

struct RoughAfterNan : FromScalar<RoughAfterNan> {
  // A flag that a NaN sets and nobody clears before the next call is done.
  static inline thread_local bool before = false;
  static inline thread_local bool seen = false;
  static void Begin(const Call&) {
    before = seen;
    seen = false;
  }
  static RowScan Scan(const Call& call, std::size_t row) {
    const RowScan scan = Base::Scan(call, row);
    seen = seen || scan.nan;
    return scan;
  }
  static double Exp(double z) { return before ? FloatExp(z) : std::exp(z); }
};

struct RemembersLength : FromScalar<RemembersLength, ASSAY_SIGMOID> {
  // A buffer that grows with the longest row so far; a shorter one goes another way.
  static inline thread_local std::size_t longest = 0;
  static void Begin(const Call& call) { longest = std::max(longest, call.cols()); }
  static double Exp(double z) { return longest > 64 && current < longest ? FloatExp(z) : std::exp(z); }
  static inline thread_local std::size_t current = 0;
  template <assay_op kOp>
  static void Row(const Call& call, std::size_t row) {
    current = call.cols();
    Base::Row<kOp>(call, row);
  }
};

struct SharedSum : FromScalar<SharedSum> {
  // One running sum for all threads. Atomic, so that the race is only in what it means; the pause lets a loaded machine
  // of few cores show it, too.
  static inline std::atomic<double> shared;

  static double Others(const Call& call, std::size_t row, const RowScan& scan) {
    shared.store(-1, std::memory_order_relaxed);
    for (std::size_t col = 0; col < call.cols(); ++col) {
      const Point p = At(call, row, col);
      if (!Visible(call, row, col, p)) continue;
      const double weight = Weight(call, row, col, p, scan);
      shared.store(shared.load(std::memory_order_relaxed) + weight, std::memory_order_relaxed);
      if (col % 64 == 0) std::this_thread::yield();
    }
    return shared.load(std::memory_order_relaxed);
  }
};

struct FlickeringTail : FromScalar<FlickeringTail, ASSAY_LOG_SOFTMAX> {
  // Every other call takes another path behind the last whole vector.
  static inline thread_local unsigned calls = 0;
  static void Begin(const Call&) { ++calls; }
  static double Weight(const Call& call, std::size_t row, std::size_t col, Point p, const RowScan& scan) {
    if (calls % 2 == 0 || col < TailBegin(call.cols())) return Base::Weight(call, row, col, p, scan);
    return FloatExp(Z(p, scan.top, call.temperature()));
  }
};

}  // namespace

std::vector<BuiltIn> StateFaults() {
  return {
      Fault<BatchDependentExp>("batch_dependent_exp", "batch dependence", "batch_split",
                               "Uses a float exp where there are four rows or more."),
      Fault<OddRowRemainder>("odd_row_remainder", "batch dependence", "batch_split",
                             "Uses a float exp for the row left over from pairs."),
      Fault<RowsShareAnOffset>("rows_share_an_offset", "batch dependence", "rows_independent",
                               "Subtracts the maximum of the whole matrix."),
      Fault<RoughAfterNan>("rough_after_nan", "state", "history", "Uses a float exp in the call after a NaN."),
      Fault<RemembersLength>("remembers_length", "state", "history",
                             "Uses a float exp for rows shorter than an earlier one of more than 64."),
      Fault<FlickeringTail>("flickering_tail", "state", "repetition",
                            "In every other call uses a float exp behind the last whole vector."),
      Fault<SharedSum>("shared_sum", "threads", "concurrent_calls", "Keeps one running sum for all threads."),
  };
}

}  // namespace assay::subjects
