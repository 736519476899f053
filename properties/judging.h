// SPDX-License-Identifier: Apache-2.0
//
// What the laws share: running a case, what a crash is worth, comparing results and writing numbers for people.

#pragma once

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "properties/bounds.h"
#include "properties/property.h"

namespace assay::properties {

using subjects::Array;
using subjects::Case;
using subjects::Role;

inline constexpr double kInf = std::numeric_limits<double>::infinity();

// The result of a run that returned ASSAY_OK, or the judgement on one that did not: a crash, an exit, a hang or an
// error status is a violation of whatever law asked, ASSAY_UNSUPPORTED makes the law not applicable.
struct Run {
  subjects::RunResult result;
  std::optional<Judgement> failed;
};
Run RunCase(const Case& c, Context& context, const subjects::RunOptions& options = {});

// Runs a case that a law derived from the fitted one: not applicable where the subject does not support it.
Run RunDerived(const Case& c, Context& context, const subjects::RunOptions& options = {});

Judgement Violated(std::string reason, double severity, std::optional<Witness> witness = std::nullopt);
Judgement NotApplicable(std::string reason);

// A violation at output i of the case: "entry [r, c] is GOT, but <what>", with a witness.
Judgement ViolatedAt(const Case& c, const Array& out, std::size_t i, const std::string& what, double want,
                     double severity);
// The same of any output of the case; `values` is what it holds.
Judgement ViolatedAt(const Case& c, Role output, const Array& values, std::size_t i, const std::string& what,
                     double want, double severity);

// Calls visit(role, values) for every output of a call of the case, in the order of subjects::OutputsOf.
template <class Visit>
void ForEachOutput(const Case& c, const subjects::RunResult& result, Visit visit) {
  const std::vector<Role> roles = subjects::OutputsOf(c);
  for (std::size_t k = 0; k < roles.size(); ++k) visit(roles[k], k == 0 ? result.out : result.more.at(k - 1));
}

// For people: "entry [1, 2]"; of attention "out [0, 1, 2, 3]" (batch, head, position, dimension), "lse [0, 1, 2]".
std::string PlaceText(const Case& c, Role output, std::size_t i);

// The visible part of a row.
struct RowShape {
  std::size_t visible = 0;
  double max = -kInf;    // the largest z = logits / T + bias of the visible entries, rounded to double; T = 0: the
                         // largest logit; -inf where there is none
  bool special = false;  // a visible NaN or +inf (of logit or bias)
};
RowShape ShapeOfRow(const Case& c, std::size_t row);

// z of entry [row, col], rounded to double (each operation once).
double ScoreAt(const Case& c, std::size_t row, std::size_t col);

// The entry where two results of equal length first differ in their bits (all NaNs are one); violated with "entry
// [r, c] is A <how_a> but B <how_b>", holds where there is none. `c` names the entries.
Judgement SameBitsOrViolated(const Case& c, const Array& a, const std::string& how_a, const Array& b,
                             const std::string& how_b);
Judgement SameBitsOrViolated(const Case& c, Role output, const Array& a, const std::string& how_a, const Array& b,
                             const std::string& how_b);
// The same of all outputs of two calls.
Judgement SameResultsOrViolated(const Case& c, const subjects::RunResult& a, const std::string& how_a,
                                const subjects::RunResult& b, const std::string& how_b);

// Two results of the case whose exact values are equal: the same bits where the subject claims correct rounding, else
// no further apart than both their bounds allow (`bounds` are those of c for both, or each its own).
Judgement AgreeOrViolated(const Case& c, const subjects::SubjectInfo& info, const Array& a, const std::string& how_a,
                          const Array& b, const std::string& how_b);
Judgement AgreeWithin(const Case& c, const Array& a, const std::vector<Bound>& bounds_a, const std::string& how_a,
                      const Array& b, const std::vector<Bound>& bounds_b, const std::string& how_b);

// Keeps the worse of two judgements (a violation of higher severity; else undecided; else not applicable; else holds).
void KeepWorse(Judgement* worst, Judgement judgement);

}  // namespace assay::properties
