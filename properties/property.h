// SPDX-License-Identifier: Apache-2.0
//
// A property: a named law, one sentence in the present tense, and a plain function that judges one case on one
// subject. Free of any engine: RapidCheck, libFuzzer, replay and the report all come through here.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "oracle/oracle.h"
#include "subjects/case.h"
#include "subjects/subject.h"

namespace assay::properties {

enum class Verdict { kHolds, kViolated, kUndecided, kNotApplicable };
const char* VerdictName(Verdict verdict);

// The output element that decides, where there is one. Of attention: `row` counts the first three dimensions.
struct Witness {
  std::size_t row = 0;
  std::size_t col = 0;
  double input = 0;  // the logit (or saved value) there, NaN where there is none
  double got = 0;
  double want = 0;  // what the law asks for (the nearest number where the oracle speaks)
  double err_ulp = 0;
  double bound_ulp = 0;
  subjects::Role output = subjects::Role::kOut;  // of which output
};

struct Judgement {
  Verdict verdict = Verdict::kHolds;
  std::string reason;   // why violated, undecided or not applicable: one line for people
  double severity = 0;  // error / bound: above 1, maybe +inf, where violated; the largest seen where it holds
  std::optional<Witness> witness;
};

struct Context {
  subjects::Subject& subject;
  oracle::Tier tier = oracle::Tier::kBulk;
};

// The sections of the catalogue.
enum class Group { kRow, kLog, kGradient, kSparsemax, kMachine, kAttention };
const char* GroupName(Group group);

// Sets of operations.
using Ops = std::uint32_t;
constexpr Ops Of(assay_op op) { return Ops{1} << op; }
inline constexpr Ops kAllOps = (Ops{1} << ASSAY_NUM_OPS) - 1;
inline constexpr Ops kRowOps = (Ops{1} << ASSAY_NUM_ROW_OPS) - 1;
inline constexpr Ops kAttentionOps = Of(ASSAY_ATTENTION) | Of(ASSAY_ATTENTION_BACKWARD);
inline constexpr Ops kActivations =  // [rows, cols] of logits to [rows, cols]
    Of(ASSAY_SOFTMAX) | Of(ASSAY_LOG_SOFTMAX) | Of(ASSAY_SIGMOID) | Of(ASSAY_SPARSEMAX);
inline constexpr Ops kActivationBackwards =
    Of(ASSAY_SOFTMAX_BACKWARD) | Of(ASSAY_LOG_SOFTMAX_BACKWARD) | Of(ASSAY_SPARSEMAX_BACKWARD);
inline constexpr Ops kLosses = Of(ASSAY_CROSS_ENTROPY) | Of(ASSAY_CROSS_ENTROPY_BACKWARD);

struct Property {
  const char* name;  // "exact_shift"
  Group group;
  Ops ops;            // the operations the law speaks about
  const char* law;    // "Adding a representable constant to a whole row leaves its probabilities unchanged."
  const char* finds;  // the kind of fault it is made to find
  // The nearest case, of the same operation, on which the law speaks: total, idempotent, and the identity where it
  // already does.
  subjects::Case (*fit)(subjects::Case c);
  // Judges a fitted case. May run the subject several times.
  Judgement (*check)(const subjects::Case& c, Context& context);
  bool asks_oracle = false;  // a violation found with the bulk oracle is confirmed by the referee
  bool nightly = false;      // too slow for an ordinary run; named explicitly it runs all the same
  unsigned cost = 1;         // one of its cases takes the time of so many: a run has that many fewer
  std::uint64_t needs = 0;   // features (assay_feature) that a subject must declare for the law to have a say
};

// All laws, by group.
std::span<const Property> Catalogue();
// nullptr where there is none of that name.
const Property* FindProperty(std::string_view name);

// The case with what the subject does not support taken out of it (mask, temperature, strides ...), then fitted. What a
// law's fit put back although the subject lacks it shows as not applicable.
subjects::Case Prepare(const Property& property, subjects::Case c, const subjects::SubjectInfo& info);

// What a law needs that the subject does not declare for the operation; empty where nothing is missing.
std::string WhyNoSay(const Property& property, const subjects::SubjectInfo& info, assay_op op);

// Judges a prepared case: not applicable where the subject does not support it or the law does not speak about its
// operation; a violation found with the bulk oracle is confirmed by the referee before it is one. The one road for all
// engines.
Judgement Judge(const Property& property, const subjects::Case& c, Context& context);

}  // namespace assay::properties
