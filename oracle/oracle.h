// SPDX-License-Identifier: Apache-2.0
//
// The truth: what a row operation gives in exact arithmetic, as the nearest float, how far the exact value lies
// from it, and how well that is known. Shares no header, formula, constant or start value with lib/.

#pragma once

#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace assay::oracle {

// One output: the exact value is (nearest + remainder_ulp * ulp), known to within width_ulp * ulp.
//   nearest        the f32 nearest to the exact value (ties to even); certain, never guessed. NaN for a NaN output.
//   ulp            unit in the last place of the *exact* value: 2^(floor(log2 exact) - 23), at least 2^-149.
//                  Where nearest is a power of two above the exact value, this is half of nearest's own ulp.
//   remainder_ulp  (exact - nearest) / ulp, in [-1, 1]; 0 for a NaN output.
//   width_ulp      width of the enclosure over ulp.
struct Exact {
  double nearest = 0;
  double ulp = 0;
  double remainder_ulp = 0;
  double width_ulp = 0;
};

// What a row without a visible entry gives; the caller resolves "auto".
enum class EmptyRow { kNaN, kZero };

// A row of logits. `mask` is empty (all visible) or as long as `logits`, nonzero = visible.
// temperature: a double >= 0 or +inf; anything else throws std::invalid_argument.
struct Row {
  std::span<const float> logits;
  std::span<const std::uint8_t> mask = {};
  double temperature = 1.0;
  EmptyRow empty_row = EmptyRow::kNaN;
};

// kReferee: MPFR, formulas as written on paper. kBulk: Arb balls, several times faster.
enum class Tier { kReferee, kBulk };
const char* TierName(Tier tier);

// The precision cap was reached and the nearest float is still in doubt.
struct Undecided : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// softmax of the row, one Exact for each entry. Throws Undecided.
std::vector<Exact> Softmax(const Row& row, Tier tier);

// |(got + got_lo) / exp(x) - 1|, rounded up, computed with Arb: for tests of exponentials in double, or in
// double-double.
double ExpRelativeError(double x, double got, double got_lo = 0);

// |got - exact| in units of exact.ulp: 0 where both are NaN, +inf where one is NaN or got is infinite.
double ErrUlp(double got, const Exact& exact);

// True iff got is the nearest float itself: same value, and +0 rather than -0; NaN only as 0x7FC00000.
bool IsNearest(float got, const Exact& exact);

// Test hook, to show that the tests see a wrong oracle: while it lives, and on its thread, the tier multiplies by
// 1 + relative every exponential that it sums, except those of the maxima, which are exp(0) (a factor common to all
// would cancel). Rows whose result is rational have no exponential and stay right.
class PlantedError {
 public:
  PlantedError(Tier tier, double relative);
  ~PlantedError();
  PlantedError(const PlantedError&) = delete;
  PlantedError& operator=(const PlantedError&) = delete;

 private:
  Tier tier_;
};

}  // namespace assay::oracle
