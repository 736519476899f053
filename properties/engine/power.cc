// SPDX-License-Identifier: Apache-2.0

#include "properties/engine/power.h"

#include <algorithm>
#include <cmath>

namespace assay::properties {

Power DetectionPower(const Property& property, subjects::Subject& subject, std::uint64_t seed, std::uint64_t cases,
                     Ops ops) {
  Power power;
  if (!Speaks(property, subject.info(), ops)) return power;
  Context context{subject, oracle::Tier::kBulk};
  for (std::uint64_t i = 0; i < cases; ++i) {
    const Judgement judgement = Judge(property, CaseAt(property, subject.info(), seed, i, ops), context);
    if (judgement.verdict == Verdict::kNotApplicable) continue;
    ++power.cases;
    power.violated += judgement.verdict == Verdict::kViolated ? 1 : 0;
  }
  if (power.violated == 0) return power;
  power.per_case = static_cast<double>(power.violated) / static_cast<double>(power.cases);
  const double needed = power.violated == power.cases ? 1 : std::ceil(std::log(0.05) / std::log1p(-power.per_case));
  power.for_95_percent = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(needed));
  return power;
}

std::string PowerText(const Power& power) {
  return power.violated == 0 ? "> " + std::to_string(power.cases) : std::to_string(power.for_95_percent);
}

}  // namespace assay::properties
