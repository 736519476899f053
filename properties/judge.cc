// SPDX-License-Identifier: Apache-2.0
//
// The one road of a case through a law, for every engine.

#include "properties/fit.h"
#include "properties/judging.h"
#include "properties/property.h"

namespace assay::properties {

const char* VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kHolds:
      return "holds";
    case Verdict::kViolated:
      return "violated";
    case Verdict::kUndecided:
      return "undecided";
    case Verdict::kNotApplicable:
      return "not applicable";
  }
  return "?";
}

const char* GroupName(Group group) {
  switch (group) {
    case Group::kRow:
      return "row";
    case Group::kLog:
      return "log";
    case Group::kGradient:
      return "gradient";
    case Group::kSparsemax:
      return "sparsemax";
    case Group::kMachine:
      return "machine";
    case Group::kAttention:
      return "attention";
  }
  return "?";
}

namespace {

// An oracle that cannot decide is no verdict on the subject, whatever law asked it.
Judgement CheckOnce(const Property& property, const Case& c, Context& context) {
  try {
    return property.check(c, context);
  } catch (const oracle::Undecided& undecided) {
    return {Verdict::kUndecided, undecided.what(), 0, std::nullopt};
  }
}

}  // namespace

Case Prepare(const Property& property, Case c, const subjects::SubjectInfo& info) {
  return Settled(property.fit(Settled(subjects::Supported(std::move(c), info))));
}

std::string WhyNoSay(const Property& property, const subjects::SubjectInfo& info, assay_op op) {
  constexpr std::pair<assay_feature, const char*> kPromises[] = {
      {ASSAY_FEATURE_TEMPERATURE, "no temperature"},
      {ASSAY_FEATURE_CONCURRENT, "concurrent calls are not declared"},
      {ASSAY_FEATURE_FP_ENVIRONMENT, "that the floating-point environment has no influence is not declared"},
      {ASSAY_FEATURE_CANONICAL_NAN, "canonical NaNs are not declared"}};
  for (const auto& [feature, text] : kPromises) {
    if ((property.needs & feature) != 0 && !info.Can(op, feature)) return text;
  }
  return {};
}

Judgement Judge(const Property& property, const Case& c, Context& context) {
  if (const std::string why = WhyNoSay(property, context.subject.info(), c.op); !why.empty()) return NotApplicable(why);
  if ((property.ops & Of(c.op)) == 0) {
    return NotApplicable(std::string("the law does not speak about ") + subjects::OpName(c.op));
  }
  const std::string unsupported = subjects::WhyUnsupported(context.subject.info(), c);
  if (!unsupported.empty()) return NotApplicable(unsupported);
  Judgement judgement = CheckOnce(property, c, context);
  if (judgement.verdict == Verdict::kViolated && context.tier == oracle::Tier::kBulk && property.asks_oracle) {
    Context referee{context.subject, oracle::Tier::kReferee};
    Judgement second = CheckOnce(property, c, referee);
    if (second.verdict != Verdict::kViolated) {
      return {Verdict::kUndecided, "violated by the bulk oracle, not by the referee: " + judgement.reason, 0,
              std::nullopt};
    }
    judgement = std::move(second);
  }
  return judgement;
}

}  // namespace assay::properties
