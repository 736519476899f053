// SPDX-License-Identifier: Apache-2.0
//
// What the laws of rows compute from inputs and results besides running them: scores with their error, judgements of an
// entry, and the same row with other columns.

#pragma once

#include <cstddef>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "properties/approx.h"

namespace assay::properties {

// A law's own rounding must be far below that of f64: 64 bits on x86, 113 on AArch64 Linux.
static_assert(std::numeric_limits<long double>::digits >= 64, "the laws need long double wider than double");

// z = logits / T + bias of entry i, finite and visible, T > 0; and z_i - z_j without their cancellation.
Approx ScoreOf(const Case& c, std::size_t i);
Approx ScoreDifference(const Case& c, std::size_t i, std::size_t j);

// Natural logarithm of a positive number: a range that reaches 0 gives one that is not known.
Approx Log(const Approx& a);
// 1 / a, likewise.
Approx Reciprocal(const Approx& a);
// 1 / (1 + exp(-z)).
Approx Logistic(const Approx& z);

bool EveryPromised(const Outputs& outputs, std::size_t first, std::size_t count);

// Keeps the severity at output i where it is the worst yet: above 1 as the violation "entry [r, c] is GOT, but "
// what().
template <class What>
void Expect(Judgement* worst, const Case& c, const Array& out, std::size_t i, double severity, const Approx& want,
            What what) {
  if (!(severity > worst->severity)) return;
  if (severity > 1) {
    *worst = ViolatedAt(c, out, i, what(), static_cast<double>(want.value), severity);
  } else if (worst->verdict == Verdict::kHolds) {
    worst->severity = severity;
  }
}

// The results of two cases of equal exact values, each within its own bounds; the same bits where both are claimed to
// be the nearest numbers. `c`, the case of a, names the entries; bounds_b are those of b's entries.
Judgement AgreeEach(const Case& c, const subjects::SubjectInfo& info, const Array& a, const std::string& how_a,
                    const Array& b, const std::vector<Bound>& bounds_b, const std::string& how_b);

// ---- Columns ---------------------------------------------------------------------------------------------------

// Stands for a new column that is invisible by its logit of -inf.
inline constexpr std::size_t kPadding = std::numeric_limits<std::size_t>::max();

// The case whose column j is column source[j] of c. A label goes where its column first stands.
Case TakeColumns(const Case& c, const std::vector<std::size_t>& source);

// Of a result (or the bounds) of TakeColumns(c, source): back in the order of c; of several copies the first.
struct Rearranged {
  Array out;
  std::vector<Bound> bounds;
};
Rearranged Restore(const Case& c, const std::vector<std::size_t>& source, const Array& out,
                   const std::vector<Bound>& bounds);

}  // namespace assay::properties
