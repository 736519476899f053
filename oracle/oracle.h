// SPDX-License-Identifier: Apache-2.0
//
// The truth: what a row operation gives in exact arithmetic, as the nearest number of the result's type, how far the
// exact value lies from it, and how well that is known. Shares no header, formula, constant or start value with lib/.
//
// Inputs are doubles, which hold every f32, f16 and bf16 exactly. The formulas and the special values are those of
// DESIGN's row contract, restated at each function.

#pragma once

#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace assay::oracle {

// The type of the results.
enum class Format { kF32, kF64, kF16, kBF16 };
const char* FormatName(Format format);

// One output: the exact value is (nearest + remainder_ulp * ulp), known to within width_ulp * ulp.
//   nearest        the number of the type nearest to the exact value (ties to even), maybe infinite where the exact
//                  value rounds beyond the largest finite one; NaN for a NaN output.
//   ulp            unit in the last place of the *exact* value in the type, at least its smallest subnormal. Where
//                  nearest is a power of two above the exact value, this is half of nearest's own ulp.
//   remainder_ulp  (exact - nearest) / ulp, in [-1, 1]; 0 for a NaN or infinite output.
//   width_ulp      width of the enclosure over ulp, at most 2^-40.
//   certain        nearest is proven. False only for attention, gradients, losses, whose exact value may be so near a
//                  midpoint (or a tie at the precision cap) that either neighbour could be the nearest; error measures
//                  stay right to within width_ulp. Softmax, log_softmax, logsumexp and sigmoid are always certain.
struct Exact {
  double nearest = 0;
  double ulp = 0;
  double remainder_ulp = 0;
  double width_ulp = 0;
  bool certain = true;
};

// What a row without a visible entry gives; the caller resolves "auto". kZero is no mass: -inf in log_softmax.
enum class EmptyRow { kNaN, kZero };

// A row of logits: z = logits / temperature + bias. `bias` and `mask` are empty or as long as `logits`; mask nonzero =
// visible. An entry is visible unless the mask hides it or its logit or bias is -inf.
// temperature: a double >= 0 or +inf; anything else throws std::invalid_argument.
//   T = inf: z = bias.  T = 0: only the largest visible logits live, with z = bias (softmax, log_softmax, sparsemax,
//   sigmoid alone; elsewhere std::invalid_argument).
// repeat: the whole row counts this many times, one behind the other; results are those of the first copy.
struct Row {
  std::span<const double> logits;
  std::span<const double> bias = {};
  std::span<const std::uint8_t> mask = {};
  double temperature = 1.0;
  EmptyRow empty_row = EmptyRow::kNaN;
  Format format = Format::kF32;
  std::uint64_t repeat = 1;
};

// kReferee: MPFR, formulas as written on paper. kBulk: Arb balls, several times faster.
enum class Tier { kReferee, kBulk };
const char* TierName(Tier tier);

// The precision cap was reached and the result is still in doubt.
struct Undecided : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// All functions below throw Undecided, and std::invalid_argument for arguments outside their words.

// One Exact for each entry. Invisible: +0 (log_softmax: -inf). A visible NaN or +inf: the whole row NaN.
std::vector<Exact> Softmax(const Row& row, Tier tier);
std::vector<Exact> LogSoftmax(const Row& row, Tier tier);
// max(z - tau, 0) over the visible entries, tau so that they sum to 1 (Martins & Astudillo 2016, eq. 2 to 4). Rational,
// and decided exactly: zeros are exact zeros, and entries equal to tau are outside the support.
std::vector<Exact> Sparsemax(const Row& row, Tier tier);
// log of the sum of exp(z); nothing visible: -inf; a visible NaN: NaN; else a visible +inf: +inf.
Exact LogSumExp(const Row& row, Tier tier);
// 1 / (1 + exp(-z)) of each entry; +inf gives 1, -inf +0, NaN NaN. mask must be empty.
std::vector<Exact> Sigmoid(const Row& row, Tier tier);

// Backward: saved output and upstream gradient of a row, of equal length; 0 < temperature <= inf.
//   softmax: p (dy - sum p dy) / T     log_softmax: (dy - exp(log p) sum dy) / T
//   sparsemax: (dy - mean of dy over p > 0) / T where p > 0, +0 elsewhere
// Entries with p = 0 (log p = -inf) give +0 and their dy is ignored. NaN in saved (or an infinite p of softmax, a log p
// of +inf), or a NaN or infinite dy where p is not 0: all other entries NaN, at T = inf too. Sparsemax with negative p:
// not in the support. Softmax and sparsemax are rational in all of this and decided exactly, ties included.
struct Gradient {
  std::span<const double> saved;
  std::span<const double> upstream;
  double temperature = 1.0;
  Format format = Format::kF32;
};
std::vector<Exact> SoftmaxBackward(const Gradient& row, Tier tier);
std::vector<Exact> LogSoftmaxBackward(const Gradient& row, Tier tier);
std::vector<Exact> SparsemaxBackward(const Gradient& row, Tier tier);

// A row and its target distribution: t_j = (1 - smoothing) target_j + smoothing / (visible entries), the second term
// for visible entries only. A label is a target of 1 there and 0 elsewhere: pass it so.
//   loss      sum over j of t_j (lse - z_j), where 0 * inf = 0 and a positive t_j at an invisible entry makes it +inf.
//   gradient  scale * (p_j sum t - t_j) / T at visible entries, +0 at invisible ones; T = inf gives +0.
//   NaN       a visible NaN or +inf, or a target that is negative, NaN or infinite: loss and gradient row NaN.
//             Nothing visible: loss +inf if some (1 - smoothing) target_j is positive, else +0; gradient +0.
struct LossRow {
  Row row;  // its format is the result's; repeat must be 1
  std::span<const double> targets;
  double smoothing = 0;  // in [0, 1]
};
// (sum of the rows' losses, all of one format) / divisor, finite and > 0: a single row with divisor 1 is the unreduced
// loss. No row: 0 / divisor, and NaN for divisor 0; as an f32.
Exact CrossEntropy(std::span<const LossRow> rows, double divisor, Tier tier);
// The gradient of upstream * loss / divisor with respect to the row's logits. NaN or infinite upstream: visible
// entries NaN.
std::vector<Exact> CrossEntropyBackward(const LossRow& row, double upstream, double divisor, Tier tier);

// |(got + got_lo) / exp(x) - 1|, rounded up, computed with Arb: for tests of exponentials in double, or in
// double-double.
double ExpRelativeError(double x, double got, double got_lo = 0);

// |got - exact| in units of exact.ulp: 0 where both are NaN or the same infinity, +inf where one is NaN or infinite.
double ErrUlp(double got, const Exact& exact);

// True iff got (a value of the format) is the nearest number itself: same value, and +0 rather than -0; a NaN wherever
// a NaN is due (its bits are another law's business).
bool IsNearest(double got, const Exact& exact);

// Test hook, to show that the tests see a wrong oracle: while it lives, and on its thread, the tier multiplies by
// 1 + relative every exponential that it sums, except those of the maxima, which are exp(0) (a factor common to all
// would cancel), and in the operations without exponential every product or difference that it sums but the first.
// log_softmax_backward: every exp(log p). attention_backward: every p but exp(0). attention: equal z are a single term.
// Rows whose result is rational by a decision of its own (equal z) have no exponential and stay right.
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
