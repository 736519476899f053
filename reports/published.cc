// SPDX-License-Identifier: Apache-2.0
//
// Judges published examples. Exact digits come from oracle/elementary.h (MPFR) or, for rational operations, from whole
// numbers; a printed figure is compared as text.

#include "reports/published.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "oracle/elementary.h"
#include "reports/decimal.h"
#include "reports/measure.h"
#include "reports/published_claims.h"

namespace assay::reports {
namespace {

constexpr int kExactDecimals = 40;
constexpr int kShownDecimals = 20;

// 1 for a largest entry, 0 for any other; k equal ones share.
std::vector<std::string> Hardmax(const std::vector<std::string>& input) {
  const auto value = [](const std::string& s) { return std::stod(s); };
  double row_max = -HUGE_VAL;
  for (const std::string& x : input) row_max = std::max(row_max, value(x));
  std::vector<std::string> is_max;
  for (const std::string& x : input) is_max.push_back(value(x) == row_max ? "1" : "0");
  std::vector<std::string> shares;
  for (const std::string& x : is_max) shares.push_back(Share(x, is_max));
  return shares;
}

// Martins & Astudillo 2016, algorithm 1. Doubles are exact here: the inputs are small whole numbers and halves, which
// is checked; other inputs would need rational numbers.
std::vector<std::string> Sparsemax(const std::vector<std::string>& input) {
  std::vector<double> z;
  for (const std::string& x : input) {
    z.push_back(std::stod(x));
    if (std::fabs(z.back()) > 1e6 || z.back() * 2 != std::floor(z.back() * 2)) {
      throw std::invalid_argument("sparsemax of '" + x + "': only multiples of 1/2 are judged exactly");
    }
  }
  std::sort(z.rbegin(), z.rend());
  double sum = 0;
  double support_sum = 0;
  int support = 0;
  for (std::size_t k = 0; k < z.size(); ++k) {
    sum += z[k];
    if (1 + static_cast<double>(k + 1) * z[k] > sum) {
      support = static_cast<int>(k + 1);
      support_sum = sum;
    }
  }
  // p = max(0, z - (support_sum - 1) / support) = (support z - support_sum + 1) / support: quotients of halves.
  std::vector<std::string> shares;
  const std::vector<std::string> divisor = {std::to_string(support)};
  for (const std::string& x : input) {
    const double numerator = support * std::stod(x) - support_sum + 1;
    shares.push_back(Share(fmt::format("{:.1f}", std::max(numerator, 0.0)), divisor));
  }
  return shares;
}

std::vector<std::string> ExactDigits(const PublishedExample& e) {
  const std::vector<std::string>& x = e.input;
  if (e.op == "softmax") return oracle::SoftmaxDigits(x, e.temperature, kExactDecimals);
  if (e.op == "exp") {
    std::vector<std::string> digits;
    for (const std::string& literal : x) digits.push_back(oracle::ExpDigits(literal, kExactDecimals));
    return digits;
  }
  if (e.op == "sum_exp") return {oracle::SumExpDigits(x, kExactDecimals)};
  if (e.op == "linear_normalization") {
    std::vector<std::string> digits;
    for (const std::string& literal : x) digits.push_back(Share(literal, x));
    return digits;
  }
  if (e.op == "hardmax") return Hardmax(x);
  if (e.op == "sparsemax") return Sparsemax(x);
  if (e.op == "probability_ratio") {
    return {oracle::ExpRatioDigits(x.at(0), x.at(1), e.temperature, kExactDecimals)};
  }
  // The figure is judged as the difference of the exponentials; the claim says what the ratio is.
  if (e.op == "exp_gap") return {oracle::ExpDifferenceDigits(x.at(1), x.at(0), kExactDecimals)};
  if (e.op == "masked_softmax") {
    std::vector<std::string> visible;
    const auto is_masked = [&](std::size_t i) {
      return std::find(e.masked.begin(), e.masked.end(), i) != e.masked.end();
    };
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (!is_masked(i)) visible.push_back(x[i]);
    }
    std::vector<std::string> digits = oracle::SoftmaxDigits(visible, e.temperature, kExactDecimals);
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (is_masked(i))
        digits.insert(digits.begin() + static_cast<std::ptrdiff_t>(i), "0." + std::string(kExactDecimals, '0'));
    }
    return digits;
  }
  if (e.op == "attention_scores") return {};
  throw PublishedError(fmt::format("published examples, {}: unknown operation '{}'", e.id, e.op));
}

PublishedFigure JudgeFigure(const std::string& printed, const std::string& exact, int decimals) {
  PublishedFigure figure;
  figure.printed = printed;
  figure.exact = exact;
  figure.rounded = RoundDecimal(exact, decimals);
  if (IsDecimalTie(exact, decimals) && TruncateDecimal(exact, decimals) == printed) figure.rounded = printed;
  figure.right = figure.rounded == printed;
  figure.character_right = DigitsRight(printed, figure.rounded);
  return figure;
}

// Runs the kernel on the f32-rounded row and compares with the oracle on that same row.
void RunKernel(subjects::Subject& kernel, oracle::Tier tier, PublishedResult& result) {
  const PublishedExample& e = result.example;
  std::vector<float> logits;
  for (const std::string& x : e.input) logits.push_back(std::stof(x));
  std::vector<std::uint8_t> mask(e.masked.empty() ? 0 : logits.size(), 1);
  for (const std::size_t i : e.masked) mask[i] = 0;
  subjects::Case c = SoftmaxCase(logits, mask, std::stod(e.temperature));
  c.origin = "published example " + e.id;
  result.got_problem = subjects::WhyUnsupported(kernel.info(), c);
  if (!result.got_problem.empty()) return;
  const subjects::RunResult run = kernel.Run(c);
  if (run.outcome != subjects::Outcome::kReturned || run.status != ASSAY_OK) {
    result.got_problem = run.detail.empty() ? assay_status_name(run.status) : run.detail;
    return;
  }
  result.got = Floats(run.out);
  const auto want = ExactSoftmax(c, oracle::EmptyRow::kNaN, tier);
  result.got_right = run.out.size() == want.size();
  for (std::size_t i = 0; i < want.size() && result.got_right; ++i) {
    result.got_right = oracle::IsNearest(run.out[i], want[i]);
  }
}

}  // namespace

PublishedResult JudgePublished(const PublishedExample& example, subjects::Subject& kernel, oracle::Tier tier) {
  PublishedResult result;
  result.example = example;
  std::vector<std::string> exact;
  try {
    exact = ExactDigits(example);
  } catch (const std::invalid_argument& e) {
    throw PublishedError(fmt::format("published examples, {}: {}", example.id, e.what()));
  } catch (const std::out_of_range&) {
    throw PublishedError(fmt::format("published examples, {}: too few inputs for '{}'", example.id, example.op));
  }
  // Notes print a ratio or a sum as one figure; everything else has one for each entry.
  if (!example.printed.empty() && example.printed.size() != exact.size()) {
    throw PublishedError(fmt::format("published examples, {}: {} figures printed for {} outputs", example.id,
                                     example.printed.size(), exact.size()));
  }
  for (std::size_t i = 0; i < example.printed.size(); ++i) {
    result.figures.push_back(JudgeFigure(example.printed[i], exact[i], example.decimals[i]));
  }
  for (PublishedFigure& figure : result.figures) figure.exact = RoundDecimal(figure.exact, kShownDecimals);
  for (const std::string& digits : exact) result.exact.push_back(RoundDecimal(digits, kShownDecimals));
  if (example.op == "softmax" || example.op == "masked_softmax") RunKernel(kernel, tier, result);
  JudgeClaim(kernel, result);
  return result;
}

std::vector<PublishedResult> JudgePublished(std::span<const PublishedExample> examples, subjects::Subject& kernel,
                                            oracle::Tier tier) {
  std::vector<PublishedResult> results;
  for (const PublishedExample& example : examples) results.push_back(JudgePublished(example, kernel, tier));
  return results;
}

PublishedCounts CountPublished(std::span<const PublishedResult> results) {
  PublishedCounts counts;
  for (const PublishedResult& result : results) {
    if (result.figures.empty()) ++counts.without_figure;
    if (result.claim == ClaimVerdict::kHolds) ++counts.claims_hold;
    if (result.claim == ClaimVerdict::kFails) ++counts.claims_fail;
    for (const PublishedFigure& figure : result.figures) {
      ++(figure.right ? counts.right : counts.wrong);
      for (std::size_t i = 0; i < figure.printed.size(); ++i) {
        if (figure.printed[i] == '.' || figure.printed[i] == '-') continue;
        ++(figure.character_right[i] ? counts.digits_right : counts.digits_wrong);
      }
    }
  }
  return counts;
}

}  // namespace assay::reports
