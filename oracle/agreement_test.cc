// SPDX-License-Identifier: Apache-2.0
//
// The two tiers agree on more than 10^6 elements of varied rows, and an error of 2^-40 planted in either is seen.

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <limits>
#include <string>
#include <vector>

#include "oracle/oracle.h"

namespace assay::oracle {
namespace {

// SplitMix64 (Steele, Lea, Flood 2014).
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t Next() {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }
  std::uint64_t Below(std::uint64_t n) { return Next() % n; }
  // Uniform in [-1, 1).
  double Unit() { return std::ldexp(static_cast<double>(Next() >> 11), -52) - 1; }

 private:
  std::uint64_t state_;
};

struct OwnedRow {
  std::vector<float> logits;
  std::vector<std::uint8_t> mask;
  double temperature = 1;

  Row View() const { return {logits, mask, temperature, EmptyRow::kNaN}; }
};

constexpr double kScales[] = {1, 10, 30, 100, 1e30, 1e-42};
constexpr double kTemperatures[] = {1,   0.1,    0.7,   3, 1e-3,
                                    1e3, 5e-324, 1e300, 0, std::numeric_limits<double>::infinity()};

// Every scale with every temperature in turn; one row in four is masked, one in five has an offset or repeated
// logits, and an entry in 97 is subnormal, -0 or -inf.
OwnedRow MakeRow(std::uint64_t index) {
  Random random(index);
  OwnedRow row;
  const double scale = kScales[index % std::size(kScales)];
  row.temperature = kTemperatures[index / std::size(kScales) % std::size(kTemperatures)];
  row.logits.resize(1 + random.Below(300));
  const double offset = random.Below(5) == 0 ? 64 * scale * random.Unit() : 0;
  const bool repeat = random.Below(5) == 0;
  for (float& x : row.logits) {
    x = static_cast<float>(offset + scale * random.Unit());
    if (repeat) x = static_cast<float>(scale * static_cast<double>(random.Below(4)));
    const float special[] = {0x1p-149F, -0x1p-140F, -0.0F, -std::numeric_limits<float>::infinity()};
    if (random.Below(97) == 0) x = special[random.Below(4)];
  }
  if (random.Below(4) == 0) {
    row.mask.resize(row.logits.size());
    for (auto& m : row.mask) m = random.Below(3) != 0;
  }
  return row;
}

// Whether the two enclosures describe one value.
bool Agree(const Exact& a, const Exact& b) {
  if (std::isnan(a.nearest) || std::isnan(b.nearest)) return std::isnan(a.nearest) && std::isnan(b.nearest);
  return a.nearest == b.nearest && a.ulp == b.ulp &&
         std::fabs(a.remainder_ulp - b.remainder_ulp) <= a.width_ulp + b.width_ulp;
}

struct Comparison {
  std::size_t elements = 0;
  std::size_t disagreements = 0;
  std::size_t subnormal = 0;
  std::size_t interior = 0;  // shares other than 0 and 1
  double max_width_ulp = 0;
  std::string first;  // the first disagreement, in words
};

Comparison Compare(std::uint64_t begin, std::uint64_t end) {
  Comparison result;
  for (std::uint64_t index = begin; index < end; ++index) {
    const OwnedRow row = MakeRow(index);
    const auto referee = Softmax(row.View(), Tier::kReferee);
    const auto bulk = Softmax(row.View(), Tier::kBulk);
    for (std::size_t i = 0; i < referee.size(); ++i) {
      const Exact& a = referee[i];
      const Exact& b = bulk[i];
      ++result.elements;
      result.subnormal += a.nearest > 0 && a.nearest < 0x1p-126;
      result.interior += a.nearest > 0 && a.nearest < 1;
      result.max_width_ulp = std::max({result.max_width_ulp, a.width_ulp, b.width_ulp});
      if (Agree(a, b) || result.disagreements++ > 0) continue;
      char text[200];
      std::snprintf(text, sizeof text, "row %llu entry %zu: referee %a + %a ulp, bulk %a + %a ulp",
                    static_cast<unsigned long long>(index), i, a.nearest, a.remainder_ulp, b.nearest, b.remainder_ulp);
      result.first = text;
    }
  }
  return result;
}

TEST(AgreementTest, TheTiersAgreeOnAMillionElements) {
  const Comparison result = Compare(0, 7200);
  EXPECT_EQ(result.disagreements, 0u) << result.first;
  EXPECT_GE(result.elements, 1000000u);
  EXPECT_LE(result.max_width_ulp, 0x1p-40);
  // The rows reach what they are for.
  EXPECT_GE(result.interior, 400000u);
  EXPECT_GE(result.subnormal, 1000u);
  std::printf("%zu elements, %zu inside (0, 1), %zu subnormal, greatest width 2^%.1f ulp\n", result.elements,
              result.interior, result.subnormal, std::log2(result.max_width_ulp));
}

TEST(AgreementTest, AnErrorOf2ToTheMinus40PlantedInEitherTierIsSeen) {
  constexpr std::uint64_t kRows = 60;
  for (const Tier tier : {Tier::kReferee, Tier::kBulk}) {
    for (const double error : {0x1p-40, -0x1p-40}) {
      {
        const PlantedError planted(tier, error);
        EXPECT_GT(Compare(0, kRows).disagreements, 100u) << TierName(tier);
      }
      EXPECT_EQ(Compare(0, kRows).disagreements, 0u) << "the error outlives its hook";
    }
  }
}

}  // namespace
}  // namespace assay::oracle
