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

// The element that decides a violation, where there is one.
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
  double severity = 0;  // error / bound; > 1 or +inf where violated. Orders witnesses.
  std::optional<Witness> witness;
};

struct Context {
  subjects::Subject& subject;
  oracle::Tier tier = oracle::Tier::kBulk;
};

struct Property {
  const char* name;   // "exact_shift"
  const char* law;    // "Adding a representable constant to a whole row leaves its bits unchanged."
  const char* finds;  // what kind of fault it is made to find
  // The nearest case on which the law speaks: total, idempotent, and the identity where it already does.
  subjects::Case (*fit)(subjects::Case c);
  Judgement (*check)(const subjects::Case& c, Context& context);
};

std::span<const Property> Catalogue();
const Property* FindProperty(std::string_view name);

// Fits nothing, checks that the subject supports the case (else not applicable), judges, and has every violation that
// the bulk oracle reports confirmed by the referee. The one road for all engines.
Judgement Judge(const Property& property, const subjects::Case& c, Context& context);

}  // namespace assay::properties
