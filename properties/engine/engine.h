// SPDX-License-Identifier: Apache-2.0
//
// The RapidCheck engine: case i of a property is a pure function of (seed, property, i) and of what the subject
// supports; a run never stops at its first violation; each distinct one is shrunk, and of all cases seen on the way the
// worst is kept as well. Results of shards merge into what one run would have found.

#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "properties/property.h"
#include "subjects/case.h"

namespace assay::properties {

struct EngineOptions {
  std::uint64_t seed = 1;
  std::uint64_t cases = 1000;  // of a law of cost 1; see CasesOf
  Ops ops = kAllOps;           // only these of the law's operations
  std::uint64_t shard = 0;     // runs the cases i < cases with i mod num_shards == shard
  std::uint64_t num_shards = 1;
  std::uint64_t first_index = 0;      // none before this: to go on where an earlier run ended
  double seconds = 0;                 // stop after this long even where cases remain; 0 = no limit
  std::size_t max_findings = 2;       // distinct ones of an operation that are shrunk; later ones are only counted
  std::size_t shrink_attempts = 600;  // judged candidates for each finding
  double shrink_seconds = 30;         // and no longer than this: a hang costs its time limit at every attempt
  oracle::Tier tier = oracle::Tier::kBulk;
  std::function<void(std::uint64_t done)> progress;  // called every now and then
};

// After so many crashes, exits or hangs of one operation with the same text the operation's remaining cases are not
// run: what can be known is known.
inline constexpr std::size_t kQuarantineAfter = 3;

struct Finding {
  std::uint64_t index = 0;  // of the case it was shrunk from
  subjects::Case minimal;
  Judgement minimal_judgement;
  subjects::Case worst;
  Judgement worst_judgement;
};

// What happened to the cases of one operation and dtype.
struct Tally {
  std::uint64_t cases = 0;  // judged
  std::uint64_t holds = 0;
  std::uint64_t violated = 0;
  double severity = 0;  // the largest error / bound seen, where the law measures one

  bool operator==(const Tally&) const = default;
};

// A crash, exit or hang: kept until there are enough for quarantine.
struct Death {
  std::uint64_t index = 0;
  assay_op op = ASSAY_SOFTMAX;
  std::string how;  // "SIGSEGV reading past the end of logits", without numbers

  bool operator==(const Death&) const = default;
};

struct PropertyResult {
  std::uint64_t cases = 0;
  std::uint64_t holds = 0;
  std::uint64_t violated = 0;
  std::uint64_t undecided = 0;
  std::uint64_t not_applicable = 0;
  std::uint64_t quarantined = 0;  // not run, and not among `cases`
  bool ran_out_of_time = false;
  std::string skip_reason;  // of one that was not applicable
  std::string doubt;        // of one undecided
  std::array<std::array<Tally, ASSAY_NUM_DTYPES>, ASSAY_NUM_OPS> tallies = {};
  std::vector<Finding> findings;  // distinct minimal cases, by index, at most max_findings for each op
  std::vector<Death> deaths;      // by index, at most kQuarantineAfter for each (op, how)
};

// How many cases of the property a run of so many has for such a subject: at least a twentieth for each operation and
// type, as cases are dealt to them in turn; fewer where one of them is costly.
std::uint64_t CasesOf(const Property& property, const subjects::SubjectInfo& info, Ops ops, std::uint64_t cases);

// Whether the subject has any of the property's operations (among `ops`) in any dtype.
bool Speaks(const Property& property, const subjects::SubjectInfo& info, Ops ops = kAllOps);

// The i-th case of the property for such a subject, which it must speak about.
subjects::Case CaseAt(const Property& property, const subjects::SubjectInfo& info, std::uint64_t seed,
                      std::uint64_t index, Ops ops = kAllOps);

// Not applicable as a whole where the property does not speak about the subject: no cases, with skip_reason.
PropertyResult RunProperty(const Property& property, subjects::Subject& subject, const EngineOptions& options);

// Of two shards of one run: associative and commutative, and all N shards of a run without time limit give the findings
// of N = 1. Findings: the union by index without repetition, and without those of an operation behind its quarantine;
// the first max_findings of each operation. (A shard keeps its own first ones of each operation, among which are those
// of the whole that are its; were the limit one for all operations together, those behind a quarantine could take their
// place.) Of texts, the first in the alphabet stays.
PropertyResult Merge(const PropertyResult& a, const PropertyResult& b, std::size_t max_findings = 2);

// Follows the steps of shrink.h from a violating case to a local minimum; `finding` receives it and the worst seen.
// For violations that other engines found.
Finding Shrink(const Property& property, subjects::Subject& subject, const subjects::Case& violating,
               const EngineOptions& options);

}  // namespace assay::properties
