// SPDX-License-Identifier: Apache-2.0

#include "properties/engine/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <map>
#include <tuple>
#include <utility>

#include "properties/engine/generator.h"
#include "subjects/random.h"

namespace assay::properties {
namespace {

using subjects::Case;
using Clock = std::chrono::steady_clock;

Clock::duration Seconds(double seconds) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

rc::Shrinkable<Case> ShrinkableAt(const Property& property, const subjects::SubjectInfo& info, std::uint64_t seed,
                                  std::uint64_t index, Choice choice) {
  // Keyed by name: a property's cases do not move with its place in the catalogue.
  const rc::Random random(rc::Random::Key{seed, subjects::Fnv1a(property.name), index, 0});
  return Cases(property, info, choice)(random, /*size=*/100);
}

Case Named(Case c, const Property& property, std::uint64_t seed, std::uint64_t index) {
  c.property = property.name;
  c.origin = fmt::format("{}, seed {}, index {}", c.origin, seed, index);
  return c;
}

// "SIGSEGV at 0x7f3a00: 12 bytes past" and "SIGSEGV at 0x7f3b00: 4 bytes past" are one way to die.
std::string WithoutNumbers(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    if (std::isdigit(static_cast<unsigned char>(text[i])) == 0) {
      out += text[i++];
      continue;
    }
    out += 'N';
    while (i < text.size() && std::isxdigit(static_cast<unsigned char>(text[i] == 'x' ? '0' : text[i])) != 0) ++i;
  }
  return out;
}

// A subject that remembers whether a call did not return.
class Watched : public subjects::Subject {
 public:
  explicit Watched(subjects::Subject& subject) : subject_(subject) {}

  const subjects::SubjectInfo& info() const override { return subject_.info(); }

  subjects::RunResult Run(const Case& c, const subjects::RunOptions& options) override {
    subjects::RunResult result = subject_.Run(c, options);
    if (result.outcome != subjects::Outcome::kReturned && how_.empty()) {
      how_ = result.detail.empty() ? "no return" : WithoutNumbers(result.detail);
    }
    return result;
  }

  // Empty where all calls since the last one returned.
  std::string TakeDeath() { return std::exchange(how_, {}); }

 private:
  subjects::Subject& subject_;
  std::string how_;
};

// At most kQuarantineAfter for each (op, how), the first by index.
void AddDeath(std::vector<Death>* deaths, const Death& death) {
  const auto at = std::lower_bound(deaths->begin(), deaths->end(), death, [](const Death& a, const Death& b) {
    return std::tie(a.index, a.op, a.how) < std::tie(b.index, b.op, b.how);
  });
  if (at != deaths->end() && *at == death) return;
  deaths->insert(at, death);
  std::size_t alike = 0;
  for (auto it = deaths->begin(); it != deaths->end();) {
    const bool same = it->op == death.op && it->how == death.how;
    it = same && ++alike > kQuarantineAfter ? deaths->erase(it) : it + 1;
  }
}

// The index behind which an operation's cases are not run; none: the largest number.
std::uint64_t LastIndexOf(const std::vector<Death>& deaths, assay_op op) {
  std::map<std::string, std::size_t> alike;
  for (const Death& death : deaths) {
    if (death.op == op && ++alike[death.how] >= kQuarantineAfter) return death.index;
  }
  return UINT64_MAX;
}

// Whether the finding is one to keep among those before it: none of them has the same minimal case, and its operation
// has room.
bool IsNew(const std::vector<Finding>& before, const Finding& finding, std::size_t max_findings) {
  std::size_t of_op = 0;
  for (const Finding& other : before) {
    if (subjects::SameBits(other.minimal, finding.minimal)) return false;
    of_op += other.minimal.op == finding.minimal.op ? 1 : 0;
  }
  return of_op < max_findings;
}

// The lexicographically first of the texts: the same whatever the order of shards.
void KeepText(std::string* kept, const std::string& text) {
  if (!text.empty() && (kept->empty() || text < *kept)) *kept = text;
}

Finding ShrinkTree(const Property& property, subjects::Subject& subject, const rc::Shrinkable<Case>& tree,
                   const Judgement& first, const EngineOptions& options) {
  Context context{subject, options.tier};
  Finding finding{0, tree.value(), first, tree.value(), first};
  std::size_t attempts = 0;
  const auto end = Clock::now() + Seconds(options.shrink_seconds);
  rc::shrinkable::findLocalMin(tree, [&](const Case& candidate) {
    if (attempts >= options.shrink_attempts || Clock::now() > end) return false;
    ++attempts;
    Judgement judgement = Judge(property, candidate, context);
    if (judgement.verdict != Verdict::kViolated) return false;
    if (judgement.severity > finding.worst_judgement.severity) {
      finding.worst = candidate;
      finding.worst_judgement = judgement;
    }
    finding.minimal = candidate;
    finding.minimal_judgement = std::move(judgement);
    return true;
  });
  return finding;
}

void Count(const Case& c, const Judgement& judgement, PropertyResult* result) {
  ++result->cases;
  Tally& tally = result->tallies[c.op][c.dtype];
  ++tally.cases;
  switch (judgement.verdict) {
    case Verdict::kHolds:
      ++result->holds;
      ++tally.holds;
      break;
    case Verdict::kUndecided:
      ++result->undecided;
      KeepText(&result->doubt, judgement.reason);
      return;
    case Verdict::kNotApplicable:
      ++result->not_applicable;
      KeepText(&result->skip_reason, judgement.reason);
      return;
    case Verdict::kViolated:
      ++result->violated;
      ++tally.violated;
      break;
  }
  tally.severity = std::max(tally.severity, judgement.severity);
}

}  // namespace

bool Speaks(const Property& property, const subjects::SubjectInfo& info, Ops ops) {
  return ChoiceAt(property, info, ops, 0).has_value();
}

std::uint64_t CasesOf(const Property& property, const subjects::SubjectInfo& info, Ops ops, std::uint64_t cases) {
  std::uint64_t pairs = 0;
  for (int op = 0; op < ASSAY_NUM_OPS; ++op) {
    for (int dtype = 0; dtype < ASSAY_NUM_DTYPES; ++dtype) {
      const auto one = static_cast<assay_op>(op);
      pairs += (property.ops & ops & Of(one)) != 0 && info.Has(one, static_cast<assay_dtype>(dtype)) ? 1 : 0;
    }
  }
  return (std::max(cases, pairs * (cases / 20)) + property.cost - 1) / property.cost;
}

Case CaseAt(const Property& property, const subjects::SubjectInfo& info, std::uint64_t seed, std::uint64_t index,
            Ops ops) {
  const Choice choice = ChoiceAt(property, info, ops, index).value();
  return Named(ShrinkableAt(property, info, seed, index, choice).value(), property, seed, index);
}

PropertyResult RunProperty(const Property& property, subjects::Subject& subject, const EngineOptions& options) {
  const auto end = Clock::now() + Seconds(options.seconds > 0 ? options.seconds : 1e9);
  PropertyResult result;
  if (!Speaks(property, subject.info(), options.ops)) {
    result.skip_reason = "the subject has none of its operations";
    return result;
  }
  Watched watched(subject);
  Context context{watched, options.tier};
  std::array<std::uint64_t, ASSAY_NUM_OPS> last;
  last.fill(UINT64_MAX);
  const std::uint64_t end_index = CasesOf(property, subject.info(), options.ops, options.cases);
  for (std::uint64_t i = options.shard; i < end_index; i += options.num_shards) {
    if (i < options.first_index) continue;
    if (Clock::now() >= end) {
      result.ran_out_of_time = true;
      break;
    }
    if (options.progress && i / options.num_shards % 64 == 0) options.progress(i);
    const Choice choice = *ChoiceAt(property, subject.info(), options.ops, i);
    if (i > last[choice.op]) {
      ++result.quarantined;
      continue;
    }
    const rc::Shrinkable<Case> tree = ShrinkableAt(property, subject.info(), options.seed, i, choice);
    const Case c = tree.value();
    const Judgement judgement = Judge(property, c, context);
    Count(c, judgement, &result);
    if (const std::string how = watched.TakeDeath(); !how.empty()) {
      AddDeath(&result.deaths, {i, choice.op, how});
      last[choice.op] = LastIndexOf(result.deaths, choice.op);
    }
    if (judgement.verdict != Verdict::kViolated) continue;
    const auto known = std::count_if(result.findings.begin(), result.findings.end(),
                                     [&](const Finding& f) { return f.minimal.op == choice.op; });
    if (static_cast<std::size_t>(known) >= options.max_findings) continue;
    EngineOptions within = options;
    within.shrink_seconds = std::min(options.shrink_seconds, std::chrono::duration<double>(end - Clock::now()).count());
    Finding finding = ShrinkTree(property, subject, tree, judgement, within);
    if (!IsNew(result.findings, finding, options.max_findings)) continue;
    finding.index = i;
    finding.minimal = Named(std::move(finding.minimal), property, options.seed, i);
    finding.worst = Named(std::move(finding.worst), property, options.seed, i);
    result.findings.push_back(std::move(finding));
  }
  return result;
}

PropertyResult Merge(const PropertyResult& a, const PropertyResult& b, std::size_t max_findings) {
  PropertyResult merged = a;
  merged.cases += b.cases;
  merged.holds += b.holds;
  merged.violated += b.violated;
  merged.undecided += b.undecided;
  merged.not_applicable += b.not_applicable;
  merged.quarantined += b.quarantined;
  merged.ran_out_of_time |= b.ran_out_of_time;
  KeepText(&merged.skip_reason, b.skip_reason);
  KeepText(&merged.doubt, b.doubt);
  for (std::size_t op = 0; op < merged.tallies.size(); ++op) {
    for (std::size_t dtype = 0; dtype < merged.tallies[op].size(); ++dtype) {
      Tally& tally = merged.tallies[op][dtype];
      const Tally& other = b.tallies[op][dtype];
      tally.cases += other.cases;
      tally.holds += other.holds;
      tally.violated += other.violated;
      tally.severity = std::max(tally.severity, other.severity);
    }
  }
  for (const Death& death : b.deaths) AddDeath(&merged.deaths, death);
  std::vector<Finding> all = std::move(merged.findings);
  all.insert(all.end(), b.findings.begin(), b.findings.end());
  std::stable_sort(all.begin(), all.end(), [](const Finding& x, const Finding& y) { return x.index < y.index; });
  merged.findings.clear();
  for (Finding& finding : all) {
    if (finding.index > LastIndexOf(merged.deaths, finding.minimal.op)) continue;
    if (IsNew(merged.findings, finding, max_findings)) merged.findings.push_back(std::move(finding));
  }
  return merged;
}

Finding Shrink(const Property& property, subjects::Subject& subject, const Case& violating,
               const EngineOptions& options) {
  Context context{subject, options.tier};
  const rc::Shrinkable<Case> tree = WithSteps(violating, property, subject.info());
  return ShrinkTree(property, subject, tree, Judge(property, violating, context), options);
}

}  // namespace assay::properties
