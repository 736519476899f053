// SPDX-License-Identifier: Apache-2.0
//
// The claims, found by a phrase that the notes use. Each is answered by computing it, never by belief.

#include "reports/published_claims.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

#include "oracle/elementary.h"
#include "reports/decimal.h"
#include "reports/measure.h"
#include "reports/text.h"
#include "subjects/random.h"
#include "subjects/registry.h"

namespace assay::reports {
namespace {

constexpr int kDigits = 20;

void Set(PublishedResult& result, bool holds, std::string finding) {
  result.claim = holds ? ClaimVerdict::kHolds : ClaimVerdict::kFails;
  result.finding = std::move(finding);
}

bool Says(const PublishedResult& result, std::string_view phrase) {
  return result.example.claim.find(phrase) != std::string::npos;
}

std::string Join(const std::vector<std::string>& words) { return fmt::format("[{}]", fmt::join(words, ", ")); }

std::string Join(const std::vector<float>& values) {
  std::vector<std::string> words;
  for (const float value : values) words.push_back(Decimal(value));
  return Join(words);
}

std::vector<std::string> Rounded(std::vector<std::string> digits, int decimals) {
  for (std::string& d : digits) d = RoundDecimal(d, decimals);
  return digits;
}

void SameAs(PublishedResult& result, const std::vector<std::string>& other) {
  const auto exact = oracle::SoftmaxDigits(other, "1", kDigits);
  const bool same = exact == result.exact;
  Set(result, same, fmt::format("softmax({}) has {} {} digits", Join(other), same ? "the same" : "other", kDigits));
}

std::vector<float> InputOf(const PublishedExample& example) {
  std::vector<float> input;
  for (const std::string& x : example.input) input.push_back(std::stof(x));
  return input;
}

// The formula as first written down, on the row as f32: does it fail as the notes say?
void UnshiftedFails(PublishedResult& result) {
  const subjects::BuiltIn* unshifted = subjects::FindBuiltIn("unshifted");
  if (unshifted == nullptr) return;
  const subjects::Case c = SoftmaxCase(InputOf(result.example), {}, 1);
  const std::vector<float> shares = Floats(subjects::InProcess(*unshifted->table)->Run(c).out);
  const bool has_nan = std::any_of(shares.begin(), shares.end(), [](float p) { return std::isnan(p); });
  std::string finding = fmt::format("the control 'unshifted' gives {}", Join(shares));
  bool holds = has_nan;
  if (Says(result, "gives the row of [1,2,3]")) {
    const bool same = oracle::SoftmaxDigits(std::vector<std::string>{"1", "2", "3"}, "1", kDigits) == result.exact;
    finding += fmt::format("; softmax([1, 2, 3]) has {} {} digits", same ? "the same" : "other", kDigits);
    holds = holds && same;
  }
  Set(result, holds, std::move(finding));
}

void NegativeShare(PublishedResult& result) {
  const bool has_negative =
      std::any_of(result.exact.begin(), result.exact.end(), [](const std::string& s) { return s[0] == '-'; });
  Set(result, has_negative, fmt::format("the shares are {}", Join(Rounded(result.exact, 4))));
}

void SameShares(PublishedResult& result, const std::vector<std::string>& other) {
  std::vector<std::string> shares;
  for (const std::string& x : other) shares.push_back(RoundDecimal(Share(x, other), kDigits));
  Set(result, shares == result.exact,
      fmt::format("the shares are {} here and {} for {}", Join(Rounded(result.exact, 4)), Join(Rounded(shares, 4)),
                  Join(other)));
}

void Flatness(PublishedResult& result) {
  const auto spread = [&](std::string_view which) {
    const auto less = [](const std::string& a, const std::string& b) { return std::stod(a) < std::stod(b); };
    return which == "max" ? *std::max_element(result.exact.begin(), result.exact.end(), less)
                          : *std::min_element(result.exact.begin(), result.exact.end(), less);
  };
  result.finding =
      fmt::format("the shares range from {} to {}, so they do not all print as {}", RoundDecimal(spread("min"), 4),
                  RoundDecimal(spread("max"), 4), result.example.printed[0]);
}

void NearlyOneHot(PublishedResult& result) {
  const bool holds = std::any_of(result.exact.begin(), result.exact.end(),
                                 [](const std::string& s) { return RoundDecimal(s, 6) == "1.000000"; });
  Set(result, holds, fmt::format("to 6 decimals it is {}", Join(Rounded(result.exact, 6))));
}

void GapOrRatio(PublishedResult& result) {
  const auto& x = result.example.input;
  const std::string ratio = oracle::ExpRatioDigits(x[1], x[0], "1", kDigits);
  const std::string difference = result.exact[0];
  const bool ratio_is_printed = RoundDecimal(ratio, 2) == result.example.printed[0];
  Set(result, ratio_is_printed,
      fmt::format("it is the difference: e^{} − e^{} = {}; the ratio is {}, so 'times' is wrong", x[1], x[0],
                  RoundDecimal(difference, 4), RoundDecimal(ratio, 4)));
}

void Roughly(PublishedResult& result) {
  Set(result, result.figures[0].right,
      fmt::format("the ratio is {}; 'roughly' is taken as: to the nearest ten", RoundDecimal(result.exact[0], 2)));
}

void Logistic(PublishedResult& result) {
  const auto& x = result.example.input;
  // logistic(d) = 1 / (1 + e^-d), so e^-d = 1 / logistic(d) - 1: compare e^-d with the ratio of the two entries.
  const std::string below = oracle::ExpRatioDigits(x[1], x[0], "1", kDigits);
  const double want = 1 / (1 + std::stod(below));
  const bool holds = std::fabs(want - std::stod(result.exact[0])) < 1e-15;
  Set(result, holds, fmt::format("1 / (1 + e^−({} − {})) = {}", x[0], x[1], RoundDecimal(result.exact[0], 12)));
}

// Sums of d products of standard normals: d in variance, 1 after division by sqrt(d).
void ScoreVariance(PublishedResult& result) {
  constexpr int kPairs = 20'000;
  // Standard error of a variance from N samples of kurtosis 3 + 6/d: sqrt((2 + 6/d) / N) = 1 %; 5 % is five of them.
  constexpr double kTolerance = 0.05;
  const std::size_t d = result.example.head_dim;
  subjects::Random random(1, 0);
  double squares = 0;
  for (int i = 0; i < kPairs; ++i) {
    double dot = 0;
    for (std::size_t k = 0; k < d; ++k) dot += random.Normal() * random.Normal();
    squares += dot * dot;
  }
  const double variance = squares / kPairs;
  const double scaled = variance / static_cast<double>(d);
  Set(result, std::fabs(scaled - 1) < kTolerance,
      fmt::format("{} sampled pairs: variance {:.2f} for d = {}, {:.3f} after division by √d", kPairs, variance, d,
                  scaled));
}

// A mask gives exact zeros; a sentinel of -1e9 does so only beside a visible entry.
void MaskAgainstSentinel(subjects::Subject& kernel, PublishedResult& result) {
  std::vector<float> logits = InputOf(result.example);
  for (const std::size_t i : result.example.masked) logits[i] = -std::numeric_limits<float>::infinity();
  const std::vector<float> minus_infinity = Floats(kernel.Run(SoftmaxCase(logits, {}, 1)).out);
  const bool zero = std::all_of(result.example.masked.begin(), result.example.masked.end(),
                                [&](std::size_t i) { return minus_infinity[i] == 0; });
  logits.assign(logits.size(), -1e9f);
  const std::vector<float> sentinel = Floats(kernel.Run(SoftmaxCase(logits, {}, 1)).out);
  const bool leaks = std::any_of(sentinel.begin(), sentinel.end(), [](float p) { return p > 0; });
  Set(result, zero && leaks && minus_infinity == result.got,
      fmt::format("−inf gives {}, as the mask does; a row that is −1e9 throughout leaks {}, and −1e9 is beyond f16's "
                  "−65504",
                  Join(minus_infinity), Join(sentinel)));
}

}  // namespace

void JudgeClaim(subjects::Subject& kernel, PublishedResult& result) {
  if (Says(result, "a gap of 5")) {
    SameAs(result, {"5", "0"});
  } else if (Says(result, "the same point of the simplex as [2, 1, 0]")) {
    SameAs(result, {"2", "1", "0"});
  } else if (Says(result, "naive")) {
    UnshiftedFails(result);
  } else if (Says(result, "negative 'probability'")) {
    NegativeShare(result);
  } else if (Says(result, "the same as for [2.5, 2.3, 2.1]")) {
    SameShares(result, {"2.5", "2.3", "2.1"});
  } else if (Says(result, "'almost' a flat row")) {
    Flatness(result);
  } else if (Says(result, "one-hot")) {
    NearlyOneHot(result);
  } else if (result.example.op == "exp_gap") {
    GapOrRatio(result);
  } else if (Says(result, "roughly")) {
    Roughly(result);
  } else if (Says(result, "logistic function")) {
    Logistic(result);
  } else if (result.example.op == "attention_scores") {
    ScoreVariance(result);
  } else if (result.example.op == "masked_softmax") {
    MaskAgainstSentinel(kernel, result);
  }
}

}  // namespace assay::reports
