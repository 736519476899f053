// SPDX-License-Identifier: Apache-2.0
//
// Limits of the temperature. The domains (fit.h) choose T so that the limit is reached in f32: every share must be
// 0 or one of k equal ones.

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "properties/judging.h"
#include "properties/laws.h"

namespace assay::properties {
namespace {

// Row by row: entries that share get 1/k, all alike and within the bound of an entry at the maximum; the others +0.
template <class Shares>
Judgement CheckEqualShares(const Case& c, Context& context, Shares shares_of_row) {
  const Run run = RunCase(c, context);
  if (run.failed) return *run.failed;
  for (std::size_t r = 0; r < c.rows; ++r) {
    const std::vector<bool> shares = shares_of_row(r);
    std::size_t k = 0;
    std::size_t first = c.cols;
    for (std::size_t j = 0; j < c.cols; ++j) {
      if (!shares[j]) continue;
      if (k++ == 0) first = j;
    }
    // The double nearest to 1/k rounds to the f32 nearest to 1/k for k < 2^26: no double lies between 1/k and a
    // midpoint of two floats, which is at least 2^-25/k away, relative.
    const auto want = static_cast<float>(1.0 / static_cast<double>(k));
    for (std::size_t j = 0; j < c.cols; ++j) {
      const std::size_t i = r * c.cols + j;
      const float got = run.result.probs[i];
      const auto violated = [&](std::string_view what, double exact, double bound) {
        const double err = std::fabs(static_cast<double>(got) - exact) / UlpOf(exact);
        return Violated(fmt::format("T = {:g}, row {}: {}, so entry {} is {}, got {}", c.temperature, r,
                                    k == 1 ? "one entry takes all" : fmt::format("{} entries share equally", k), j,
                                    what, Show(got)),
                        std::isnan(err) ? std::numeric_limits<double>::infinity() : 1 + err,
                        Witness{r, j, c.logits[i], got, exact, err, bound});
      };
      if (!shares[j]) {
        if (!SameFloat(got, 0.0f)) return violated("+0", 0, 0);
        continue;
      }
      const double exact = 1.0 / static_cast<double>(k);
      const double bound = BoundUlp(context.subject.info(), k, 0, c.temperature);
      const bool right = ClaimsNearest(context.subject.info())
                             ? got == want
                             : std::fabs(static_cast<double>(got) - exact) <= bound * UlpOf(exact);
      if (!right || !SameFloat(got, run.result.probs[r * c.cols + first])) {
        return violated(fmt::format("1/{}", k), exact, bound);
      }
    }
  }
  return {};
}

}  // namespace

Judgement CheckSharesAmongMaxima(const Case& c, Context& context) {
  return CheckEqualShares(c, context, [&](std::size_t r) {
    float max = -std::numeric_limits<float>::infinity();
    for (std::size_t j = 0; j < c.cols; ++j) {
      if (c.Visible(r, j)) max = std::max(max, c.logits[r * c.cols + j]);
    }
    std::vector<bool> shares(c.cols);
    for (std::size_t j = 0; j < c.cols; ++j) shares[j] = c.Visible(r, j) && c.logits[r * c.cols + j] == max;
    return shares;
  });
}

Judgement CheckUniform(const Case& c, Context& context) {
  return CheckEqualShares(c, context, [&](std::size_t r) {
    std::vector<bool> shares(c.cols);
    for (std::size_t j = 0; j < c.cols; ++j) shares[j] = c.Visible(r, j);
    return shares;
  });
}

}  // namespace assay::properties
