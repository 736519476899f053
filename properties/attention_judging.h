// SPDX-License-Identifier: Apache-2.0
//
// What the laws of attention share: a run with its bounds, and comparing entries of any of its outputs.

#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "properties/attention_bounds.h"

namespace assay::properties {

// A call and what came of it. Bounds are computed once, when a law first asks for them.
class AttentionRun {
 public:
  AttentionRun(Case c, Context& context);  // as RunDerived
  const Case& asked() const { return case_; }
  const std::optional<Judgement>& failed() const { return run_.failed; }
  bool Has(Role output) const;
  const Array& Out(Role output) const;  // of an output that it has
  const Bound& BoundOf(Role output, std::size_t i) const;
  Approx Known(Role output, std::size_t i) const;  // the exact value, as result and bound tell
  const AttentionModel& model() const;

 private:
  Case case_;
  Run run_;
  const subjects::SubjectInfo& info_;
  mutable std::unique_ptr<AttentionModel> model_;
  mutable std::map<Role, std::vector<Bound>> bounds_;
};

// Two calls of equal exact results, entry by entry within both bounds.
Judgement AgreeEverywhere(const AttentionRun& a, const std::string& how_a, const AttentionRun& b,
                          const std::string& how_b);

inline constexpr Role kForwardOutputs[] = {Role::kOut, Role::kLse};
inline constexpr Role kAttentionOutputs[] = {Role::kOut, Role::kLse, Role::kDq, Role::kDk, Role::kDv, Role::kDbias};

// Collects the worst of many entries of an output of c, one after the other.
class Entries {
 public:
  Entries(const Case& c, Role output) : case_(c), output_(output) {}

  // Entry i, got in one call, and entry j of another array, from another: equal bits (all NaNs are one).
  void SameBits(const Array& a, std::size_t i, const std::string& how_a, const Array& b, std::size_t j,
                const std::string& how_b);
  // No further apart than both bounds and `extra` allow. Says nothing where nothing is promised.
  void Agree(const AttentionRun& a, std::size_t i, const std::string& how_a, const AttentionRun& b, std::size_t j,
             const std::string& how_b, double extra = 0);
  // The exact value of entry i lies within want's error of its value; `what` is said of it otherwise.
  void Near(const AttentionRun& a, std::size_t i, const Approx& want, const std::string& what);
  // Exactly `want` (+0 for 0, any NaN for NaN).
  void Is(const Array& a, std::size_t i, double want, const std::string& what);

  bool Violated() const { return worst_.verdict == Verdict::kViolated; }
  Judgement Take() { return std::move(worst_); }

 private:
  const Case& case_;
  Role output_;
  Judgement worst_;
};

// |a - b|; 0 where they are equal or both NaN, infinite where only one is a number.
double Distance(double a, double b);

}  // namespace assay::properties
