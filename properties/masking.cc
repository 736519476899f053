// SPDX-License-Identifier: Apache-2.0
//
// Invisible entries: exactly +0, without influence, as if they were not there.

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <limits>

#include "properties/judging.h"
#include "properties/laws.h"
#include "subjects/random.h"

namespace assay::properties {

Judgement CheckMaskedIsZero(const Case& c, Context& context) {
  const Run run = RunCase(c, context);
  if (run.failed) return *run.failed;
  for (std::size_t i = 0; i < c.logits.size(); ++i) {
    const std::size_t row = i / c.cols;
    const std::size_t col = i % c.cols;
    const float got = run.result.probs[i];
    if (c.Visible(row, col) || SameFloat(got, 0.0f)) continue;
    return Violated(fmt::format("entry [{}, {}] is invisible, but its share is {}", row, col, Show(got)),
                    std::isnan(got) ? std::numeric_limits<double>::infinity() : 1 + std::fabs(got) * 0x1p24,
                    Witness{row, col, c.logits[i], got, 0, std::numeric_limits<double>::infinity(), 0});
  }
  return {};
}

Judgement CheckMaskedContentIgnored(const Case& c, Context& context) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  constexpr float kLoud[] = {std::numeric_limits<float>::quiet_NaN(), kInf, -kInf, 3e38f, -3e38f, 1e4f};
  Case changed = c;
  subjects::Random random(c.law_key, 3);
  const std::uint64_t kind = random.Below(std::size(kLoud) + 1);
  for (std::size_t i = 0; i < c.mask.size(); ++i) {
    if (c.mask[i] != 0) continue;
    changed.logits[i] =
        kind < std::size(kLoud) ? kLoud[kind] : std::bit_cast<float>(static_cast<std::uint32_t>(random.Bits()));
  }
  const Run base = RunCase(c, context);
  if (base.failed) return *base.failed;
  const Run loud = RunCase(changed, context);
  if (loud.failed) return *loud.failed;
  return SameBitsOrViolated(
      c, loud.result.probs,
      kind < std::size(kLoud) ? fmt::format("with {} behind the mask", kLoud[kind]) : "with other bits behind the mask",
      base.result.probs, "before");
}

Judgement CheckMaskedEqualsCompacted(const Case& c, Context& context) {
  const Run whole = RunCase(c, context);
  if (whole.failed) return *whole.failed;
  if (c.rows == 0) return {};
  Case compacted = c;
  compacted.has_mask = false;
  compacted.mask.clear();
  compacted.logits.clear();
  std::vector<std::size_t> kept;
  for (std::size_t j = 0; j < c.cols; ++j) {
    if (c.mask[j] == 0) continue;
    kept.push_back(j);
    compacted.logits.push_back(c.logits[j]);
  }
  compacted.cols = kept.size();
  const Run part = RunCase(compacted, context);
  if (part.failed) return *part.failed;

  std::vector<float> spread = whole.result.probs;  // the compacted row's shares where they belong
  for (std::size_t k = 0; k < kept.size(); ++k) spread[kept[k]] = part.result.probs[k];
  return AgreeOrViolated(c, context.subject.info(), whole.result.probs, "under the mask", spread,
                         "in the row without the masked entries");
}

}  // namespace assay::properties
