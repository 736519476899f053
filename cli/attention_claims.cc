// SPDX-License-Identifier: Apache-2.0

#include "cli/attention_claims.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "cli/select.h"
#include "properties/attention_judging.h"
#include "properties/attention_truth.h"
#include "subjects/peers/find.h"

namespace assay::cli {
namespace {

using properties::AttentionRun;
using properties::Bound;
using properties::ExactOutput;
using subjects::Case;
using subjects::Role;

// A drawn case with its truth and what does not depend on the subject.
struct Judged {
  Case c;
  properties::AttentionModel model;
  std::vector<ExactOutput> truths;
  std::vector<properties::Magnitudes> magnitudes;  // of each

  Judged(Case drawn, oracle::Tier tier) : c(std::move(drawn)), model(c), truths(properties::AttentionTruth(c, tier)) {
    for (const ExactOutput& truth : truths) magnitudes.push_back(MagnitudesOf(c, model, truth));
  }
};

// Adds the error of every result, got(i), in the type.
template <class Got>
void Add(const ExactOutput& truth, subjects::Element element, Got got, AttentionErrors* errors) {
  const subjects::FloatFormat format = subjects::FormatOf(element);
  const double least = std::ldexp(1.0, format.min_ulp_log2 + format.precision - 1);
  for (std::size_t i = 0; i < truth.exact.size(); ++i) {
    const double err = oracle::ErrUlp(got(i), truth.exact[i]) * truth.exact[i].ulp;
    const double units = err == 0 ? 0 : err / (format.Roundoff() * std::max(truth.weight[i], least));
    errors->largest = std::max(errors->largest, units);
    errors->sum_of_squares += units * units;
    ++errors->results;
  }
}

// Holds them to bounds.
void Hold(const ExactOutput& truth, const subjects::Array& got, const std::vector<Bound>& bounds,
          AttentionErrors* errors) {
  for (std::size_t i = 0; i < truth.exact.size(); ++i) {
    const oracle::Exact& exact = truth.exact[i];
    const double err = oracle::ErrUlp(got[i], exact);
    if (err == 0 || std::isinf(bounds[i].absolute)) continue;
    const double allowed = properties::InUlp(bounds[i], exact);
    const bool broken = err - exact.width_ulp > allowed;  // in doubt the oracle's width decides for the subject
    errors->worst_share = std::max(errors->worst_share, broken ? err / allowed : std::min(err / allowed, 1.0));
    errors->broken += broken ? 1 : 0;
  }
}

// The case as the subject can run it: a forward without its lse, where it has none.
Case For(const subjects::SubjectInfo& info, Case c) {
  if (c.op == ASSAY_ATTENTION && !info.Can(c.op, ASSAY_FEATURE_LSE)) subjects::Skip(c, Role::kLse);
  return c;
}

// The groups of one shape, a result each, with a line for every subject.
std::vector<AttentionGroup> GroupsOf(const AttentionShape& shape, const std::vector<ExactOutput>& truths) {
  std::vector<AttentionGroup> groups;
  for (const ExactOutput& truth : truths) {
    groups.emplace_back();
    groups.back().shape = shape;
    groups.back().result = truth.role;
    groups.back().nearest.subject = "nearest";
  }
  return groups;
}

AttentionLine* LineOf(AttentionGroup* group, const std::string& subject) {
  for (AttentionLine& line : group->lines) {
    if (line.subject == subject) return &line;
  }
  group->lines.emplace_back();
  group->lines.back().subject = subject;
  group->lines.back().is_peer = subjects::FindPeer(subject) != nullptr;
  return &group->lines.back();
}

void Judge(const NamedSubject& opened, const Judged& judged, std::size_t spread, oracle::Tier tier,
           std::vector<AttentionGroup>* groups) {
  const subjects::SubjectInfo& info = opened.subject->info();
  const Case c = For(info, judged.c);
  if (!subjects::WhyUnsupported(info, c).empty()) return;
  properties::Context context{*opened.subject, tier};
  const AttentionRun run(c, context);
  for (std::size_t k = 0; k < judged.truths.size(); ++k) {
    const ExactOutput& truth = judged.truths[k];
    if (!run.Has(truth.role)) continue;
    AttentionLine* const line = LineOf(&(*groups)[k], opened.name);
    if (run.failed()) {
      line->failure = run.failed()->reason;
      continue;
    }
    const subjects::Array& got = run.Out(truth.role);
    Add(
        truth, got.element(), [&](std::size_t i) { return got[i]; }, &line->at[spread]);
    Hold(truth, got, AttentionBounds(c, info, judged.model, truth.role, judged.magnitudes[k]), &line->at[spread]);
  }
}

subjects::Element ElementOf(const Case& c, Role result) {
  return subjects::ElementOf(result == Role::kLse ? c.attention.lse_dtype : c.dtype);
}

}  // namespace

double AttentionErrors::Rms() const {
  return results == 0 ? 0 : std::sqrt(sum_of_squares / static_cast<double>(results));
}

std::optional<double> AttentionGroup::BestPeer(std::size_t spread, double (*error)(const AttentionErrors&)) const {
  std::optional<double> best;
  for (const AttentionLine& line : lines) {
    if (!line.is_peer || !line.failure.empty()) continue;
    best = std::min(best.value_or(properties::kInf), error(line.at[spread]));
  }
  return best;
}

bool AttentionTable::Holds(const std::string& subject) const {
  for (const AttentionGroup& group : groups) {
    for (const AttentionLine& line : group.lines) {
      if (line.subject != subject) continue;
      if (!line.failure.empty()) return false;
      for (const AttentionErrors& errors : line.at) {
        if (errors.broken > 0) return false;
      }
    }
  }
  return true;
}

AttentionTable MeasureAttention(const std::vector<NamedSubject>& subjects, assay_op op, assay_dtype dtype,
                                const ClaimsOptions& options, Progress& progress) {
  AttentionTable table;
  table.op = op;
  table.dtype = dtype;
  for (const NamedSubject& opened : subjects) {
    const subjects::SubjectInfo& info = opened.subject->info();
    if (!info.Has(op, dtype)) continue;
    table.subjects.push_back(opened.name);
    table.claims.push_back(ClaimText(info.For(op).attention_claims[dtype]));
  }
  if (table.subjects.empty()) return table;
  for (const AttentionShape& shape : AttentionShapes(op, options.min_cols, options.max_cols)) {
    std::vector<AttentionGroup> groups;
    for (std::size_t spread = 0; spread < kNumSpreads; ++spread) {
      progress.Show(fmt::format("{} {}, {}, spread {}", subjects::OpName(op),
                                subjects::ElementName(subjects::ElementOf(dtype)), shape.Text(), kSpreads[spread]));
      const Judged judged(DrawAttentionClaimCase(shape, kSpreads[spread], op, dtype, options.seed, options.tier),
                          options.tier);
      if (groups.empty()) groups = GroupsOf(shape, judged.truths);
      for (std::size_t k = 0; k < groups.size(); ++k) {
        const ExactOutput& truth = judged.truths[k];
        const auto nearest = [&](std::size_t i) { return truth.exact[i].nearest; };
        Add(truth, ElementOf(judged.c, truth.role), nearest, &groups[k].nearest.at[spread]);
      }
      for (const NamedSubject& opened : subjects) {
        if (opened.subject->info().Has(op, dtype)) Judge(opened, judged, spread, options.tier, &groups);
      }
    }
    for (AttentionGroup& group : groups) {
      if (!group.lines.empty()) table.groups.push_back(std::move(group));
    }
  }
  return table;
}

}  // namespace assay::cli
