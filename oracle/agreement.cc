// SPDX-License-Identifier: Apache-2.0

#include "oracle/agreement.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <limits>

#include "oracle/round.h"
#include "oracle/tiers.h"

namespace assay::oracle {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kTemperatures[] = {1, 0.1, 0.7, 3, 1e-3, 1e3, 5e-324, 1e300, 0x1p-20, kInf};

// Whether the two enclosures describe one value.
bool Agree(const Exact& a, const Exact& b) {
  if (!std::isfinite(a.nearest) || !std::isfinite(b.nearest)) {
    return a.nearest == b.nearest || (std::isnan(a.nearest) && std::isnan(b.nearest));
  }
  const double width = a.width_ulp + b.width_ulp;
  if (a.certain && b.certain) {
    return a.nearest == b.nearest && a.ulp == b.ulp && std::fabs(a.remainder_ulp - b.remainder_ulp) <= width;
  }
  const double b_ulps = b.ulp / a.ulp;  // 1, or 2 or 1/2 at a power of two
  const double apart = (a.nearest - b.nearest) / a.ulp + (a.remainder_ulp - b.remainder_ulp * b_ulps);
  return std::fabs(apart) <= a.width_ulp + b.width_ulp * b_ulps + 0x1p-52;
}

bool Inside(double x) { return std::isfinite(x) && x != 0 && std::fabs(x) != 1; }

std::string Describe(const Exact& e) {
  char text[160];
  std::snprintf(text, sizeof text, "%a + %a ulp (ulp %a, width %a)", e.nearest, e.remainder_ulp, e.ulp, e.width_ulp);
  return text;
}

}  // namespace

std::uint64_t Random::Next() {
  std::uint64_t z = state_ += 0x9E3779B97F4A7C15;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

double Random::Unit() { return std::ldexp(static_cast<double>(Next() >> 11), -52) - 1; }

double ToFormat(double x, Format format) {
  const FormatShape shape = ShapeOf(format);
  const double largest = std::ldexp(2 - std::ldexp(1, 1 - shape.precision), shape.max_binade);
  if (x == 0 || !std::isfinite(x)) return x;
  const int ulp_log2 = std::max(std::ilogb(x) - (shape.precision - 1), shape.min_ulp_log2);
  return std::clamp(std::ldexp(std::nearbyint(std::ldexp(x, -ulp_log2)), ulp_log2), -largest, largest);
}

OwnedRow MakeRow(std::uint64_t index, Format format, std::size_t max_cols) {
  Random random(index);
  const FormatShape shape = ShapeOf(format);
  const double scales[] = {1, 10, 30, 100, std::ldexp(1, shape.max_binade - 1), std::ldexp(5, shape.min_ulp_log2), 700};
  const double scale = scales[index % std::size(scales)];
  OwnedRow row;
  row.format = format;
  row.temperature = kTemperatures[index / std::size(scales) % std::size(kTemperatures)];
  row.logits.resize(1 + random.Below(max_cols));
  const double offset = random.Below(5) == 0 ? 64 * scale * random.Unit() : 0;
  const bool repeated = random.Below(5) == 0;
  for (double& x : row.logits) {
    x = offset / 64 + scale * random.Unit();
    if (repeated) x = scale * static_cast<double>(random.Below(4)) / 4;
    const double special[] = {std::ldexp(1, shape.min_ulp_log2), -std::ldexp(3, shape.min_ulp_log2), -0.0, -kInf};
    if (random.Below(97) == 0) x = special[random.Below(4)];
    x = ToFormat(x, format);
  }
  const std::uint64_t bias_kind = random.Below(6);
  if (bias_kind < 3) {
    for (const double x : row.logits) {
      double bias = (bias_kind == 1 ? 100 : 4) * random.Unit();
      // Cancels what x / T has, as far as the format allows.
      if (bias_kind == 2) bias = -x / row.temperature + static_cast<double>(random.Below(3));
      if (!std::isfinite(bias) || random.Below(50) == 0) bias = random.Below(2) == 0 ? 0 : -kInf;
      row.bias.push_back(ToFormat(bias, format));
    }
  }
  if (random.Below(4) == 0) {
    row.mask.resize(row.logits.size());
    for (auto& m : row.mask) m = random.Below(3) != 0;
  }
  if (random.Below(8) == 0) row.repeat = 1 + random.Below(5);
  return row;
}

Comparison Compare(const Operation& operation, Format format, std::size_t elements) {
  Comparison result;
  const double normal = std::ldexp(1, ShapeOf(format).min_ulp_log2 + ShapeOf(format).precision - 1);
  for (std::uint64_t index = 0; result.elements < elements; ++index) {
    const auto run = [&](Tier tier) {
      try {
        return operation.run(index, format, tier);
      } catch (const std::exception& e) {
        // A planted error may contradict what is decided exactly, which is a disagreement too.
        if (Planted(tier) != 0) return std::vector<Exact>{};
        throw std::runtime_error(operation.name + " " + FormatName(format) + " case " + std::to_string(index) + ": " +
                                 e.what());
      }
    };
    const auto referee = run(Tier::kReferee);
    const auto bulk = run(Tier::kBulk);
    if (referee.size() != bulk.size()) {
      result.disagreements += std::max(referee.size(), bulk.size());
      result.elements += std::max(referee.size(), bulk.size());
      result.first = operation.name + " case " + std::to_string(index) + ": results of one tier alone";
      continue;
    }
    for (std::size_t i = 0; i < referee.size(); ++i) {
      const Exact& a = referee[i];
      const Exact& b = bulk[i];
      ++result.elements;
      result.subnormal += a.nearest != 0 && std::fabs(a.nearest) < normal;
      result.interior += Inside(a.nearest);
      result.uncertain += !a.certain || !b.certain;
      result.max_width_ulp = std::max({result.max_width_ulp, a.width_ulp, b.width_ulp});
      if (Agree(a, b) || result.disagreements++ > 0) continue;
      result.first = operation.name + " " + FormatName(format) + " case " + std::to_string(index) + " entry " +
                     std::to_string(i) + ": referee " + Describe(a) + ", bulk " + Describe(b);
    }
  }
  return result;
}

std::size_t AgreementElements() {
  const char* elements = std::getenv("ASSAY_AGREEMENT_ELEMENTS");
  return elements == nullptr ? 100'000 : std::strtoull(elements, nullptr, 10);
}

void ExpectAgreement(const Operation& operation, Format format, double interior) {
  const Comparison result = Compare(operation, format, AgreementElements());
  EXPECT_EQ(result.disagreements, 0u) << result.first;
  EXPECT_LE(result.max_width_ulp, 0x1p-40);
  EXPECT_GE(static_cast<double>(result.interior), interior * static_cast<double>(result.elements))
      << "the cases do not reach what they are for";
  std::printf("%s %s: %zu elements, %zu inside, %zu subnormal, %zu uncertain, greatest width 2^%.1f ulp\n",
              operation.name.c_str(), FormatName(format), result.elements, result.interior, result.subnormal,
              result.uncertain, std::log2(result.max_width_ulp));
}

void ExpectPlantedErrorIsSeen(const Operation& operation, Format format, double seen) {
  constexpr std::size_t kElements = 2000;
  for (const Tier tier : {Tier::kReferee, Tier::kBulk}) {
    for (const double error : {0x1p-40, -0x1p-40}) {
      {
        const PlantedError planted(tier, error);
        const Comparison result = Compare(operation, format, kElements);
        EXPECT_GE(static_cast<double>(result.disagreements), seen * static_cast<double>(result.interior))
            << operation.name << " " << FormatName(format) << ", planted in " << TierName(tier);
      }
      const Comparison result = Compare(operation, format, kElements);
      EXPECT_EQ(result.disagreements, 0u) << "the error outlives its hook: " << result.first;
    }
  }
}

}  // namespace assay::oracle
