// SPDX-License-Identifier: Apache-2.0
//
// Entries without mass: their gradient is exactly +0, and what stands there changes nothing elsewhere.

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "properties/fit.h"
#include "properties/gradient.h"
#include "properties/judging.h"
#include "properties/targets.h"
#include "subjects/random.h"

namespace assay::properties {
namespace {

using subjects::Mix;
using subjects::Random;

bool HasEntryWithoutMass(const Case& c) {
  for (std::size_t i = 0; i < c.rows * c.cols; ++i) {
    if (!c.Visible(i / c.cols, i % c.cols)) return true;
  }
  return false;
}

// The operand whose content at entries without mass must not matter. A logit of -inf is what hides its entry, so of a
// loss it is what a mask hides.
Role IgnoredRole(const Case& c) { return subjects::IsLoss(c.op) ? Role::kLogits : Role::kUpstream; }

bool ContentIgnored(const Case& c, std::size_t i) {
  if (subjects::IsLoss(c.op)) return c.mask.given && c.mask.values.Bits(i) == 0;
  return !c.Visible(i / c.cols, i % c.cols);
}

// The case with zeros, or with one of several loud numbers, where content is ignored.
Case WithIgnoredContent(Case c, bool loud) {
  const double max = subjects::FormatOf(subjects::ElementOf(c.dtype)).max_finite;
  const double kinds[] = {std::numeric_limits<double>::quiet_NaN(), kInf, -kInf, max, -max, 1e4};
  Random random(c.law_key, 13);
  const double content = loud ? kinds[random.Below(std::size(kinds))] : 0;
  subjects::Array& values = c.operand(IgnoredRole(c)).values;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (ContentIgnored(c, i)) values.Set(i, content);
  }
  return Settled(std::move(c));
}

Judgement ZeroWithoutMass(const Case& c, const Array& out, const std::string& when) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::size_t row = i / c.cols;
    if ((c.Visible(row, i % c.cols) && !Ignored(c, row)) || out.Bits(i) == 0) continue;
    return ViolatedAt(c, out, i, "it has no mass, so its gradient is exactly +0" + when, 0, kInf);
  }
  return {};
}

}  // namespace

Case WithoutMassSomewhere(Case c) {
  c = WithFiniteRows(std::move(c));
  if (c.cols < 2 || c.rows == 0 || HasEntryWithoutMass(c)) return c;
  if (subjects::IsLoss(c.op) && Mix(c.law_key + 7) % 2 == 0) return WithMask(std::move(c));
  // All entries are visible and the row has two: one of them stays.
  const std::size_t i = Mix(c.law_key + 8) % (c.rows * c.cols);
  if (subjects::IsLoss(c.op)) {
    c.logits.values.Set(i, -kInf);
  } else {
    c.saved.values.Set(i, c.op == ASSAY_LOG_SOFTMAX_BACKWARD ? -kInf : 0);
  }
  return Settled(std::move(c));
}

Judgement CheckGradientZeroWhereNoMass(const Case& c, Context& context) {
  const Case quiet = WithIgnoredContent(c, false);
  const Case loud = WithIgnoredContent(c, true);
  const Run base = RunCase(quiet, context);
  if (base.failed) return *base.failed;
  const Run other = RunDerived(loud, context);
  if (other.failed) return *other.failed;
  const std::string content = fmt::format(", with other {} there", RoleName(IgnoredRole(c)));
  Judgement worst = ZeroWithoutMass(c, base.result.out, "");
  KeepWorse(&worst, ZeroWithoutMass(c, other.result.out, content));
  KeepWorse(&worst,
            SameBitsOrViolated(c, other.result.out,
                               "with other " + std::string(RoleName(IgnoredRole(c))) + " where there is no mass",
                               base.result.out, "with zeros there"));
  if (!subjects::IsLoss(c.op)) return worst;

  // The whole row's upstream is no number: entries without mass still get +0.
  Case broken = c;
  Give(broken, Role::kUpstream);
  Random random(c.law_key, 14);
  const double upstream = random.Below(2) == 0 ? kInf : std::numeric_limits<double>::quiet_NaN();
  for (std::size_t i = 0; i < broken.upstream.values.size(); ++i) broken.upstream.values.Set(i, upstream);
  const Run nan = RunDerived(broken, context);
  if (nan.failed) return *nan.failed;
  KeepWorse(&worst, ZeroWithoutMass(c, nan.result.out, fmt::format(", though the upstream is {}", upstream)));
  return worst;
}

}  // namespace assay::properties
