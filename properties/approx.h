// SPDX-License-Identifier: Apache-2.0
//
// A real number known to within an error: what a law may conclude from results that are right within their bounds.
// Every operation carries the errors of its operands and adds the rounding of its own long double arithmetic, so a law
// writes its formula once and its tolerance follows.

#pragma once

#include <optional>
#include <vector>

#include "properties/judging.h"

namespace assay::properties {

// The number lies in [value - error, value + error]. An infinite error: nothing is known, and so wherever the value
// given is not finite.
struct Approx {
  long double value = 0;
  long double error = 0;

  Approx() = default;
  Approx(double exact) : Approx(static_cast<long double>(exact), 0) {}  // NOLINT(google-explicit-constructor)
  Approx(long double value, long double error);
};

Approx operator-(const Approx& a);
Approx operator+(const Approx& a, const Approx& b);
Approx operator-(const Approx& a, const Approx& b);
Approx operator*(const Approx& a, const Approx& b);
// Division by an exact temperature > 0; by infinity: 0.
Approx OverT(const Approx& a, double temperature);
Approx Abs(const Approx& a);
Approx Min(const Approx& a, const Approx& b);
Approx Max(const Approx& a, const Approx& b);
// The C library's expl errs by a few units in the last place (glibc's manual: 2; 64 are allowed for).
Approx Exp(const Approx& a);

// A sum whose own rounding does not grow with the number of its terms: compensated (Neumaier 1974).
class Sum {
 public:
  void Add(const Approx& term);
  Approx Value() const;

 private:
  long double sum_ = 0;
  long double lost_ = 0;
  long double magnitude_ = 0;
  long double errors_ = 0;
  long double count_ = 0;
};

// How far a number that a law wants to be 0 (at least 0) is from it, in units of what its error explains: above 1 where
// it cannot be.
double ZeroSeverity(const Approx& a);
double NonnegativeSeverity(const Approx& a);

// The exact values of a run's outputs, as its results and their bounds tell.
class Outputs {
 public:
  // `repeat` as in RunOptions.
  Outputs(const Case& c, const subjects::SubjectInfo& info, Array out, std::uint64_t repeat = 1);

  Approx operator[](std::size_t i) const;
  const Array& array() const { return out_; }
  const std::vector<Bound>& bounds() const { return bounds_; }
  // A NaN where a number was promised, else nothing.
  std::optional<Judgement> UnexpectedNan(const Case& c) const;

 private:
  Array out_;
  std::vector<Bound> bounds_;
};

// Runs the case (derived: by the law) and reads its results as above. `failed` also where one is an unexpected NaN.
struct KnownRun {
  std::optional<Outputs> outputs;
  std::optional<Judgement> failed;
};
KnownRun RunKnown(const Case& c, Context& context);
KnownRun RunKnownDerived(const Case& c, Context& context);

// Takes over the severity of what held, and the judgement of what was violated, where it is worse than before.
template <class MakeReason>
void KeepSeverity(Judgement* worst, double severity, MakeReason make_reason) {
  if (severity > 1) {
    if (severity > worst->severity || worst->verdict == Verdict::kHolds) *worst = Violated(make_reason(), severity);
  } else if (worst->verdict == Verdict::kHolds && severity > worst->severity) {
    worst->severity = severity;
  }
}

}  // namespace assay::properties
