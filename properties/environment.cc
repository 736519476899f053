// SPDX-License-Identifier: Apache-2.0
//
// The caller's floating-point environment: left as it was by every subject, and without influence on those that say
// so.

#include <fmt/format.h>

#include <cmath>
#include <string>

#include "properties/judging.h"
#include "properties/machine_laws.h"
#include "subjects/random.h"

namespace assay::properties {
namespace {

using subjects::FpEnvironment;
using subjects::Operand;
using subjects::Random;

constexpr FpEnvironment kEnvironments[] = {{0, true}, {1, false}, {2, false}, {3, false},
                                           {1, true}, {2, true},  {3, true}};

std::string Name(const FpEnvironment& environment) {
  constexpr const char* kRoundings[] = {"to nearest", "down", "up", "toward zero"};
  return fmt::format("rounding {}{}", kRoundings[environment.rounding],
                     environment.ftz_daz ? ", subnormals flushed" : "");
}

// Distances below the maximum whose exponentials are subnormal in the type: log of its smallest normal number to log
// of its smallest one, roughly.
struct Range {
  double low;
  double high;
};
Range SubnormalExponents(assay_dtype dtype) {
  switch (dtype) {
    case ASSAY_F64:
      return {-744, -709};
    case ASSAY_F16:
      return {-16, -10};
    case ASSAY_BF16:
      return {-92, -88};
    default:
      return {-103, -88};
  }
}

double Subnormal(subjects::Element element, Random& random) {
  const subjects::FloatFormat format = subjects::FormatOf(element);
  const std::uint64_t steps = 1 + random.Below((std::uint64_t{1} << (format.precision - 1)) - 1);
  return std::ldexp(static_cast<double>(steps), format.min_ulp_log2);  // exact
}

// The case with subnormal numbers in every operand, at T = 1 logits (attention: biases) whose exponentials are
// subnormal beside a 0, and no repeated rows, as they would no longer be equal. Finite.
Case WithSubnormals(Case c, Random& random) {
  const Range range = SubnormalExponents(c.dtype);
  c.temperature = 1;
  subjects::ForEachInput(c, [&](Role role, Operand& operand) {
    if (role == Role::kMask || role == Role::kLabels || role == Role::kLengths) return;
    operand.layout.repeats_row = operand.layout.repeats_head = operand.layout.repeats_batch = false;
    for (std::size_t i = 0; i < operand.values.size(); ++i) {
      const std::uint64_t kind = random.Below(4);
      const double sign = role != Role::kTargets && random.Below(2) == 0 ? -1 : 1;
      if (kind == 0) {
        operand.values.Set(i, sign * Subnormal(operand.values.element(), random));
      } else if (kind <= 2 && (role == Role::kLogits || (role == Role::kBias && subjects::IsAttention(c.op)))) {
        operand.values.Set(i, kind == 1 ? 0 : random.Uniform(range.low, range.high));
      } else if (!std::isfinite(operand.values[i])) {
        operand.values.Set(i, 0);
      }
    }
  });
  return c;
}

Judgement SameInEveryEnvironment(const Case& c, Context& context) {
  const Run base = RunDerived(c, context);
  if (base.failed) return *base.failed;
  for (const FpEnvironment& environment : kEnvironments) {
    const Run run = RunDerived(c, context, {.environment = environment});
    if (run.failed) return *run.failed;
    Judgement judgement =
        SameResultsOrViolated(c, run.result, fmt::format("where the caller has {}", Name(environment)), base.result,
                              "in the default environment");
    if (judgement.verdict == Verdict::kViolated) return judgement;
  }
  return {};
}

}  // namespace

Judgement CheckFpEnvironmentRestored(const Case& c, Context& context) {
  const bool declared = context.subject.info().Can(c.op, ASSAY_FEATURE_FP_ENVIRONMENT);
  const auto check = [&](const FpEnvironment& environment) -> Judgement {
    const Run run = RunCase(c, context, {.environment = environment});
    if (run.failed) return *run.failed;
    if (!run.result.control_intact) {
      return Violated(
          fmt::format("the caller's rounding mode, FTZ, DAZ or exception masks were changed ({})", Name(environment)),
          kInf);
    }
    if (declared && !run.result.flags_intact) {
      return Violated(fmt::format("the caller's sticky exception flags were changed ({})", Name(environment)), kInf);
    }
    return {};
  };
  Judgement judgement = check({});
  if (!declared) return judgement;  // no promise in any other environment
  for (const FpEnvironment& environment : kEnvironments) {
    if (judgement.verdict != Verdict::kHolds) return judgement;
    judgement = check(environment);
  }
  return judgement;
}

Judgement CheckFpEnvironmentIgnored(const Case& c, Context& context) {
  Judgement judgement = SameInEveryEnvironment(c, context);
  if (judgement.verdict != Verdict::kHolds) return judgement;
  Random random(c.law_key, 16);
  const Case subnormal = WithSubnormals(c, random);
  judgement = SameInEveryEnvironment(subnormal, context);
  if (judgement.verdict == Verdict::kViolated) judgement.reason += " (on subnormal numbers made from law_key)";
  return judgement;
}

}  // namespace assay::properties
