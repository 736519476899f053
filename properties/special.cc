// SPDX-License-Identifier: Apache-2.0
//
// Rows that are no rows of numbers, and calls that must be refused.

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "properties/judging.h"
#include "properties/laws.h"

namespace assay::properties {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

struct Visible {
  std::size_t count = 0;
  std::size_t last = 0;
  bool not_a_number = false;  // a NaN or +inf among them
};

Visible VisibleOf(const Case& c, std::size_t row) {
  Visible visible;
  for (std::size_t j = 0; j < c.cols; ++j) {
    if (!c.Visible(row, j)) continue;
    ++visible.count;
    visible.last = j;
    const float x = c.logits[row * c.cols + j];
    visible.not_a_number |= !(x < std::numeric_limits<float>::infinity());
  }
  return visible;
}

}  // namespace

Judgement CheckSpecialValues(const Case& c, Context& context) {
  const Run run = RunCase(c, context);
  if (run.failed) return *run.failed;
  for (std::size_t r = 0; r < c.rows; ++r) {
    const Visible visible = VisibleOf(c, r);
    for (std::size_t j = 0; j < c.cols; ++j) {
      const std::size_t i = r * c.cols + j;
      const float got = run.result.probs[i];
      if (visible.not_a_number && !std::isnan(got)) {
        return Violated(
            fmt::format("row {} holds a visible NaN or +inf, so all of it is NaN; entry {} is {}", r, j, Show(got)),
            kInf, Witness{r, j, c.logits[i], got, std::numeric_limits<double>::quiet_NaN(), kInf, 0});
      }
      const float want = j == visible.last ? 1.0f : 0.0f;
      if (!visible.not_a_number && visible.count == 1 && !SameFloat(got, want)) {
        return Violated(fmt::format("only entry {} of row {} is visible, so entry {} is exactly {}; got {}",
                                    visible.last, r, j, want, Show(got)),
                        kInf, Witness{r, j, c.logits[i], got, static_cast<double>(want), kInf, 0});
      }
    }
  }
  return {};
}

Judgement CheckEmptyRow(const Case& c, Context& context) {
  const subjects::SubjectInfo& info = context.subject.info();
  const Run run = RunCase(c, context);
  if (run.failed) return *run.failed;
  assay_empty_row convention = c.has_mask ? info.empty_row_masked : info.empty_row_unmasked;
  if ((info.features & ASSAY_FEATURE_EMPTY_ROW) != 0 && c.empty_row != ASSAY_EMPTY_ROW_AUTO) convention = c.empty_row;
  const bool zeros = convention == ASSAY_EMPTY_ROW_ZERO;
  for (std::size_t r = 0; r < c.rows; ++r) {
    if (VisibleOf(c, r).count != 0) continue;
    for (std::size_t j = 0; j < c.cols; ++j) {
      const std::size_t i = r * c.cols + j;
      const float got = run.result.probs[i];
      if (zeros ? SameFloat(got, 0.0f) : std::isnan(got)) continue;
      return Violated(fmt::format("row {} has nothing visible, so its entries are {}; entry {} is {}", r,
                                  zeros ? "+0" : "NaN", j, Show(got)),
                      kInf,
                      Witness{r, j, c.logits[i], got, zeros ? 0 : std::numeric_limits<double>::quiet_NaN(), kInf, 0});
    }
  }
  return {};
}

Judgement CheckBadArguments(const Case& c, Context& context) {
  const subjects::RunOptions options;
  const subjects::RunResult result = context.subject.Run(c, options);
  if (result.outcome != subjects::Outcome::kReturned) return Violated(result.detail, kInf);
  if (result.status != ASSAY_BAD_TEMPERATURE) {
    return Violated(
        fmt::format("T = {:g} is an error, but the call answered {}", c.temperature, assay_status_name(result.status)),
        kInf);
  }
  std::uint32_t poison = 0;
  std::memset(&poison, options.poison, sizeof(poison));
  for (const float p : result.probs) {
    if (std::bit_cast<std::uint32_t>(p) != poison) return Violated("the call was refused, but it wrote results", kInf);
  }
  return {};
}

}  // namespace assay::properties
