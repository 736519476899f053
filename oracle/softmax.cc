// SPDX-License-Identifier: Apache-2.0
//
// The row contract: what is visible, what special values give, and the rows whose result is rational (README.md:
// precisely those in which all live logits are equal). Everything else goes to a tier.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "oracle/oracle.h"
#include "oracle/round.h"
#include "oracle/tiers.h"

namespace assay::oracle {
namespace {

constexpr Exact kNaN = {std::numeric_limits<double>::quiet_NaN(), 0x1p-149, 0, 0};
constexpr Exact kZero = {0, 0x1p-149, 0, 0};

std::string Hex(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%a", x);
  return text;
}

void CheckArguments(const Row& row) {
  if (!(row.temperature >= 0)) {
    throw std::invalid_argument("oracle: temperature " + std::to_string(row.temperature) + " (" + Hex(row.temperature) +
                                ") is not in [0, inf]");
  }
  if (!row.mask.empty() && row.mask.size() != row.logits.size()) {
    throw std::invalid_argument("oracle: " + std::to_string(row.mask.size()) + " mask entries for " +
                                std::to_string(row.logits.size()) + " logits");
  }
}

// The softmax of logits that are all finite. T = 0 lets only the maxima live, T = inf makes all z equal.
void SoftmaxOfFinite(std::span<const float> x, double temperature, Tier tier, std::span<Exact> out) {
  const auto [min, max] = std::minmax_element(x.begin(), x.end());
  const bool all_equal = *min == *max || std::isinf(temperature);
  if (!all_equal && temperature != 0) {
    (tier == Tier::kReferee ? RefereeRow : BulkRow)(x, temperature, out, kRungs);
    return;
  }
  const auto live = [all_equal, top = *max](float xi) { return all_equal || xi == top; };
  const auto count = static_cast<std::uint64_t>(std::count_if(x.begin(), x.end(), live));
  const Exact share = RoundEnclosure(Reciprocal(count)).value();
  for (std::size_t i = 0; i < x.size(); ++i) out[i] = live(x[i]) ? share : kZero;
}

}  // namespace

std::vector<Exact> Softmax(const Row& row, Tier tier) {
  CheckArguments(row);
  const std::size_t n = row.logits.size();
  const auto visible = [&row](std::size_t i) {
    return (row.mask.empty() || row.mask[i] != 0) && row.logits[i] != -std::numeric_limits<float>::infinity();
  };

  std::size_t count = 0;
  for (std::size_t i = 0; i < n; ++i) {
    if (!visible(i)) continue;
    if (!std::isfinite(row.logits[i])) return std::vector<Exact>(n, kNaN);
    ++count;
  }
  if (count == 0) return std::vector<Exact>(n, row.empty_row == EmptyRow::kNaN ? kNaN : kZero);
  std::vector<Exact> result(n, kZero);
  if (count == n) {
    SoftmaxOfFinite(row.logits, row.temperature, tier, result);
    return result;
  }

  std::vector<float> x;
  for (std::size_t i = 0; i < n; ++i) {
    if (visible(i)) x.push_back(row.logits[i]);
  }
  std::vector<Exact> compact(count);
  SoftmaxOfFinite(x, row.temperature, tier, compact);
  for (std::size_t i = 0, j = 0; i < n; ++i) {
    if (visible(i)) result[i] = compact[j++];
  }
  return result;
}

void ThrowUndecided(Tier tier, std::span<const float> x, double temperature, long precision_bits) {
  constexpr std::size_t kShown = 64;
  std::string text = "oracle: " + std::string(TierName(tier)) + " undecided at " + std::to_string(precision_bits) +
                     " bits: temperature " + Hex(temperature) + ", " + std::to_string(x.size()) + " visible logits";
  for (std::size_t i = 0; i < std::min(x.size(), kShown); ++i) text += " " + Hex(double{x[i]});
  if (x.size() > kShown) text += " ...";
  throw Undecided(text);
}

}  // namespace assay::oracle
