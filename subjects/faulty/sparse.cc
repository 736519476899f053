// SPDX-License-Identifier: Apache-2.0
//
// Faults of sparsemax: the support, and the threshold that follows from it.

#include <algorithm>

#include "subjects/faulty/fault.h"
#include "subjects/scalar/number.h"

namespace assay::subjects {
namespace {

// The sorted way in place of the exact one.
template <class Self>
struct SortedSparsemax : FromScalar<Self, ASSAY_SPARSEMAX> {
  static constexpr bool kExactSparsemax = false;
};

struct SupportOfDistinct : SortedSparsemax<SupportOfDistinct> {
  static std::vector<Real> Sorted(const Call& call, std::size_t row, const RowScan& scan) {
    std::vector<Real> z = Base::Sorted(call, row, scan);
    z.erase(std::unique(z.begin(), z.end()), z.end());
    return z;
  }
};

struct SupportOfSixteen : SortedSparsemax<SupportOfSixteen> {
  static std::vector<Real> Sorted(const Call& call, std::size_t row, const RowScan& scan) {
    std::vector<Real> z = Base::Sorted(call, row, scan);
    if (z.size() > 16) z.resize(16);
    return z;
  }
};

struct SupportOfSixtyFour : SortedSparsemax<SupportOfSixtyFour> {
  static std::vector<Real> Sorted(const Call& call, std::size_t row, const RowScan& scan) {
    std::vector<Real> z = Base::Sorted(call, row, scan);
    if (z.size() > 64) z.resize(64);
    return z;
  }
};

struct ThresholdByBisection : SortedSparsemax<ThresholdByBisection> {
  static Real Threshold(const std::vector<Real>& z) {
    Real low = -1;
    Real high = 0;
    for (int i = 0; i < 30; ++i) {
      const Real middle = (low + high) / 2;
      Real sum = 0;
      for (const Real one : z) sum += std::fmax(one - middle, Real{0});
      (sum > 1 ? low : high) = middle;
    }
    return low;
  }
};

struct ThresholdInFloat : SortedSparsemax<ThresholdInFloat> {
  static Real Threshold(const std::vector<Real>& z) {
    return static_cast<Real>(static_cast<float>(Base::Threshold(z)));
  }
};

struct SparseTemperatureAfter : FromScalar<SparseTemperatureAfter, ASSAY_SPARSEMAX> {
  // The threshold of the logits as they are.
  static Real Z(Point p, Point origin, double temperature) {
    return Base::Z(p, origin, temperature == 0 || std::isinf(temperature) ? temperature : 1);
  }
  static constexpr bool kExactSparsemax = false;
};

// Sums of scores as they are, in float. It claims what the exact way does.
struct UnshiftedFloatScores : TextbookSteps<UnshiftedFloatScores, float, double>,
                              Place<ASSAY_SPARSEMAX, ASSAY_F32, true> {
  using Base = TextbookSteps<UnshiftedFloatScores, float, double>;
  static float Z(Point p, Point origin, double temperature) {
    return Base::Z(p, temperature == 0 || std::isinf(temperature) ? origin : Point{}, temperature);
  }
};

struct F16Tail : FromScalar<F16Tail, ASSAY_SPARSEMAX> {
  static void Write(const Call& call, std::size_t row, std::size_t col, long double value) {
    // 11 bits behind the last whole vector.
    call.Set(row, col, col < TailBegin(call.cols()) ? value : static_cast<long double>(RoundNumber(ASSAY_F16, value)));
  }
};

}  // namespace

std::vector<BuiltIn> SparsemaxFaults() {
  return {
      Fault<SupportOfDistinct>("support_of_distinct", "support", "sparsemax_ties",
                               "Counts equal logits once when it looks for the threshold."),
      Fault<SupportOfSixteen>("support_of_sixteen", "support", "sparsemax_projection",
                              "Looks for the threshold among the 16 largest."),
      Fault<SparseTemperatureAfter>("sparse_temperature_after", "temperature", "sparsemax_kkt", "Ignores T."),
      Fault<UnshiftedFloatScores>("unshifted_float_scores", "cancellation", "sparsemax_shift",
                                  "Sums in float without subtracting the maximum."),
      Fault<F16Tail>("f16_tail", "tail lanes", "sparsemax_order", "Rounds to f16 behind the last whole vector."),
      Fault<SupportOfSixtyFour>("support_of_sixty_four", "support", "sparsemax_simplex",
                                "Looks for the threshold among the 64 largest."),
      Fault<ThresholdByBisection>("threshold_by_bisection", "approximation", "sparsemax_exact_zeros",
                                  "Finds the threshold by 30 bisections, from below."),
      Fault<ThresholdInFloat>("threshold_in_float", "rounding", "accuracy", "Rounds the threshold to float."),
  };
}

}  // namespace assay::subjects
