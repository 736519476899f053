// SPDX-License-Identifier: Apache-2.0
//
// Results that need no tier, checks of arguments, and the words of what goes wrong.

#include "oracle/tiers.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

namespace assay::oracle {
namespace {

Exact Special(double value, Format format) {
  const FormatShape shape = ShapeOf(format);
  const int ulp_log2 = std::isinf(value) ? shape.max_binade - (shape.precision - 1) : shape.min_ulp_log2;
  return {value, std::ldexp(1.0, ulp_log2), 0, 0};
}

}  // namespace

Exact NaNResult(Format format) { return Special(std::numeric_limits<double>::quiet_NaN(), format); }

Exact InfinityResult(bool negative, Format format) {
  const double inf = std::numeric_limits<double>::infinity();
  return Special(negative ? -inf : inf, format);
}

Exact ZeroResult(Format format) { return Special(0, format); }

void ThrowUndecided(Tier tier, long precision_bits, const std::string& what) {
  throw Undecided("oracle: " + std::string(TierName(tier)) + " undecided at " + std::to_string(precision_bits) +
                  " bits: " + what);
}

std::string Hex(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%a", x);
  return text;
}

std::string HexList(const char* name, std::span<const double> values) {
  constexpr std::size_t kShown = 64;
  if (values.empty()) return "";
  std::string text = std::string(" ") + name;
  for (std::size_t i = 0; i < std::min(values.size(), kShown); ++i) text += " " + Hex(values[i]);
  if (values.size() > kShown) text += " ... (" + std::to_string(values.size()) + " in all)";
  return text;
}

std::string Describe(const Terms& terms) {
  return "temperature " + Hex(terms.temperature) + ", " + FormatName(terms.format) + ", repeat " +
         std::to_string(terms.repeat) + "," + HexList("logits", terms.x) + HexList("bias", terms.bias);
}

void CheckSameLength(const char* name, std::size_t got, std::size_t want) {
  if (got == 0 || got == want) return;
  throw std::invalid_argument("oracle: " + std::string(name) + " has " + std::to_string(got) + " entries, not " +
                              std::to_string(want));
}

void CheckTemperature(double temperature) {
  if (temperature >= 0) return;
  throw std::invalid_argument("oracle: temperature " + std::to_string(temperature) + " (" + Hex(temperature) +
                              ") is not in [0, inf]");
}

}  // namespace assay::oracle
