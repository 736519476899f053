// SPDX-License-Identifier: Apache-2.0
//
// What the laws share: running a case, what a crash is worth, comparing bits and writing numbers for people.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "properties/property.h"

namespace assay::properties {

// The result of a run that returned ASSAY_OK, or the judgement on one that did not: a crash, an exit, a hang or an
// error status is a violation of whatever law asked, ASSAY_UNSUPPORTED makes the law not applicable.
struct Run {
  subjects::RunResult result;
  std::optional<Judgement> failed;
};
Run RunCase(const subjects::Case& c, Context& context, const subjects::RunOptions& options = {});

Judgement Violated(std::string reason, double severity, std::optional<Witness> witness = std::nullopt);
Judgement NotApplicable(std::string reason);

// The accuracy, in ULP of the exact value, that the subject owes at an entry d = (max - x) / T below its row's maximum,
// in a row of n visible entries.
//   correctly rounded: 0.5; a claim: its max_ulp; none: the textbook bound for shifted softmax in f32, relative
//   (n + 2 + 2 d) u (Blanchard, Higham & Higham 2021, theorem 4.2 to first order, with the entry's own d), u = 2^-24,
//   and 4 u for the final roundings. Their bound knows no T: where T != 1, reading T, inverting it and multiplying
//   round three times more, 3 d u. An ULP is at least u of its value, so the factor of u is the bound in ULP; where
//   the share, at most e^-d, is subnormal, the ULP is 2^-149 and the bound shrinks with the share, plus 1 for gradual
//   underflow.
double BoundUlp(const subjects::SubjectInfo& info, std::size_t n, double distance, double temperature);

// The visible part of a row: how many entries, and the largest logit (-inf where there is none).
struct RowShape {
  std::size_t visible = 0;
  double max = 0;
};
RowShape ShapeOf(const subjects::Case& c, std::size_t row);

// (max - x) / T of entry i of c.logits, which lies in a row of that shape; 0 for the maximum itself whatever T, and for
// invisible entries.
double Distance(const subjects::Case& c, const RowShape& shape, std::size_t i);

// What to ask the oracle about a row.
oracle::Row OracleRow(const subjects::Case& c, std::size_t row, oracle::EmptyRow empty_row);

// Whether the subject claims correct rounding, so that equal exact values mean equal bits.
bool ClaimsNearest(const subjects::SubjectInfo& info);

// Unit in the last place of |x| in f32, at least 2^-149.
double UlpOf(double x);

// Bit identity, all NaNs taken as one.
bool SameFloat(float a, float b);

// "0x1.8p-1 (0.75)".
std::string Show(float x);

// The entry where two results of equal length first differ in their bits; violated with "entry [r, c] is A <how_a>
// but B <how_b>", holds where there is none.
Judgement SameBitsOrViolated(const subjects::Case& c, const std::vector<float>& a, const std::string& how_a,
                             const std::vector<float>& b, const std::string& how_b);

// Two results of the case whose exact values are equal: the same bits where the subject claims correct rounding, else
// no further apart than both their bounds allow.
Judgement AgreeOrViolated(const subjects::Case& c, const subjects::SubjectInfo& info, const std::vector<float>& a,
                          const std::string& how_a, const std::vector<float>& b, const std::string& how_b);

}  // namespace assay::properties
