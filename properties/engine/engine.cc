// SPDX-License-Identifier: Apache-2.0

#include "properties/engine/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

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
                                  std::uint64_t index) {
  // Keyed by name: a property's cases do not move with its place in the catalogue.
  const rc::Random random(rc::Random::Key{seed, subjects::Fnv1a(property.name), index, 0});
  return Cases(property, info)(random, /*size=*/100);
}

Case Named(Case c, const Property& property, std::uint64_t seed, std::uint64_t index) {
  c.property = property.name;
  c.origin = fmt::format("{}, seed {}, index {}", c.origin, seed, index);
  return c;
}

Finding ShrinkTree(const Property& property, subjects::Subject& subject, const rc::Shrinkable<Case>& tree,
                   const Judgement& first, const EngineOptions& options) {
  Context context{subject, options.tier};
  Finding finding{tree.value(), first, tree.value(), first};
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

}  // namespace

Case CaseAt(const Property& property, const subjects::SubjectInfo& info, std::uint64_t seed, std::uint64_t index) {
  return Named(ShrinkableAt(property, info, seed, index).value(), property, seed, index);
}

PropertyResult RunProperty(const Property& property, subjects::Subject& subject, const EngineOptions& options) {
  const auto end = Clock::now() + Seconds(options.seconds > 0 ? options.seconds : 1e9);
  PropertyResult result;
  Context context{subject, options.tier};
  Clock::duration hanging{};
  for (std::uint64_t i = 0; i < options.cases && Clock::now() < end; ++i) {
    if (options.progress && i % 64 == 0) options.progress(i);
    const rc::Shrinkable<Case> tree = ShrinkableAt(property, subject.info(), options.seed, i);
    const auto start = Clock::now();
    const Judgement judgement = Judge(property, tree.value(), context);
    ++result.cases;
    switch (judgement.verdict) {
      case Verdict::kHolds:
        ++result.holds;
        break;
      case Verdict::kUndecided:
        if (result.undecided++ == 0) result.doubt = judgement.reason;
        break;
      case Verdict::kNotApplicable:
        if (result.not_applicable++ == 0) result.skip_reason = judgement.reason;
        break;
      case Verdict::kViolated: {
        ++result.violated;
        hanging += Clock::now() - start;
        if (result.findings.size() >= options.max_findings) {
          // One hang after another: what can be known is known.
          if (hanging > Seconds(options.violated_seconds)) return result;
          break;
        }
        EngineOptions within = options;
        within.shrink_seconds =
            std::min(options.shrink_seconds, std::chrono::duration<double>(end - Clock::now()).count());
        Finding finding = ShrinkTree(property, subject, tree, judgement, within);
        bool known = false;
        for (const Finding& other : result.findings) known |= subjects::SameBits(other.minimal, finding.minimal);
        if (known) break;
        finding.minimal = Named(std::move(finding.minimal), property, options.seed, i);
        finding.worst = Named(std::move(finding.worst), property, options.seed, i);
        result.findings.push_back(std::move(finding));
        break;
      }
    }
  }
  return result;
}

Finding Shrink(const Property& property, subjects::Subject& subject, const Case& violating,
               const EngineOptions& options) {
  Context context{subject, options.tier};
  const rc::Shrinkable<Case> tree = WithSteps(violating, property, subject.info());
  return ShrinkTree(property, subject, tree, Judge(property, violating, context), options);
}

}  // namespace assay::properties
