// SPDX-License-Identifier: Apache-2.0
//
// A property: a named law, one sentence in the present tense, and a plain function that judges one case on one
// subject. Free of any engine: RapidCheck, libFuzzer, replay and the report all come through here.

#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "oracle/oracle.h"
#include "subjects/case.h"
#include "subjects/subject.h"

namespace assay::properties {

enum class Verdict { kHolds, kViolated, kUndecided, kNotApplicable };
const char* VerdictName(Verdict verdict);

// The element that decides, where there is one.
struct Witness {
  std::size_t row = 0;
  std::size_t col = 0;
  float input = 0;
  float got = 0;
  double want = 0;  // what the law asks for (the nearest float where the oracle speaks)
  double err_ulp = 0;
  double bound_ulp = 0;
};

struct Judgement {
  Verdict verdict = Verdict::kHolds;
  std::string reason;   // why violated, undecided or not applicable: one line for people
  double severity = 0;  // error / bound: above 1, maybe +inf, where violated. Orders witnesses.
  std::optional<Witness> witness;
};

struct Context {
  subjects::Subject& subject;
  oracle::Tier tier = oracle::Tier::kBulk;
};

struct Property {
  const char* name;   // "exact_shift"
  const char* law;    // "Adding a representable constant to a whole row leaves its probabilities unchanged."
  const char* finds;  // the kind of fault it is made to find
  // The nearest case on which the law speaks: total, idempotent, and the identity where it already does.
  subjects::Case (*fit)(subjects::Case c);
  // Judges a fitted case. May run the subject several times.
  Judgement (*check)(const subjects::Case& c, Context& context);
};

std::span<const Property> Catalogue();
// nullptr where there is none of that name.
const Property* FindProperty(std::string_view name);

// The case with what the subject does not support taken out of it (mask, temperature, strides ...), then fitted.
subjects::Case Prepare(const Property& property, subjects::Case c, const subjects::SubjectInfo& info);

// Judges a prepared case: not applicable where the subject does not support it; a violation found with the bulk
// oracle is confirmed by the referee before it is one. The one road for all engines.
Judgement Judge(const Property& property, const subjects::Case& c, Context& context);

}  // namespace assay::properties
