// SPDX-License-Identifier: Apache-2.0
//
// The families. A new one is a function and a line in the table; the stored hash in sample_test.cc then changes.

#include "reports/sample.h"

#include <fmt/format.h>

#include <bit>
#include <cstddef>
#include <limits>

#include "reports/measure.h"

namespace assay::reports {
namespace {

using subjects::Case;

template <int kSigma>
void Normal(subjects::Random& random, SampleRow& c) {
  for (float& x : c.logits) x = static_cast<float>(kSigma * random.Normal());
}

// Terms that a float sum beside 1 loses altogether: half an ulp of 1 is e^-16.6.
void Absorption(subjects::Random& random, SampleRow& c) {
  for (float& x : c.logits) x = static_cast<float>(random.Uniform(-20, -14));
  c.logits[random.Below(c.cols)] = 0;
}

void Ramp(subjects::Random& random, SampleRow& c) {
  const double first = random.Uniform(-50, 50);
  const double step = random.Uniform(-100, 100) / static_cast<double>(c.cols);
  for (std::size_t i = 0; i < c.cols; ++i) c.logits[i] = static_cast<float>(first + step * static_cast<double>(i));
}

void Ties(subjects::Random& random, SampleRow& c) {
  float values[3];
  for (float& v : values) v = static_cast<float>(4 * random.Normal());
  for (float& x : c.logits) x = values[random.Below(3)];
}

void OneHot(subjects::Random& random, SampleRow& c) {
  for (float& x : c.logits) x = static_cast<float>(random.Normal());
  c.logits[random.Below(c.cols)] = static_cast<float>(random.Uniform(10, 100));
}

// Every bit pattern between -0 and -104 alike: most are tiny, so that most rows are nearly flat with some deep entries.
void Bits(subjects::Random& random, SampleRow& c) {
  const auto patterns = std::bit_cast<std::uint32_t>(104.0f) + std::uint64_t{1};
  for (float& x : c.logits) x = -std::bit_cast<float>(static_cast<std::uint32_t>(random.Below(patterns)));
}

// Results from the smallest normal number down to below the smallest subnormal one.
void SubnormalTail(subjects::Random& random, SampleRow& c) {
  const double row_max = random.Uniform(-8, 8);
  for (float& x : c.logits) x = static_cast<float>(row_max - random.Uniform(87, 104));
  c.logits[random.Below(c.cols)] = static_cast<float>(row_max);
}

void OffsetNormal(subjects::Random& random, SampleRow& c) {
  for (float& x : c.logits) x = static_cast<float>(random.Normal() + 1e4);
}

// What is masked is poisonous: NaN, +inf or the row's largest number.
void MaskedNormal(subjects::Random& random, SampleRow& c) {
  Normal<3>(random, c);
  c.mask.assign(c.cols, 1);
  const float content[] = {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), 1e30f};
  const std::size_t kept = random.Below(c.cols);
  for (std::size_t i = 0; i < c.cols; ++i) {
    if (i == kept || random.Below(3) != 0) continue;
    c.mask[i] = 0;
    c.logits[i] = content[random.Below(3)];
  }
}

constexpr Family kFamilies[] = {
    {"normal-1", "N(0, 1)", 1, Normal<1>},
    {"normal-10", "N(0, 10²)", 1, Normal<10>},
    {"normal-30", "N(0, 30²)", 1, Normal<30>},
    {"absorption", "one 0, the rest in [−20, −14]", 1, Absorption},
    {"ramp", "evenly spaced over up to 100", 1, Ramp},
    {"ties", "three distinct values", 1, Ties},
    {"one-hot", "N(0, 1) and one value in [10, 100]", 1, OneHot},
    {"bits", "uniform bit patterns over [−104, 0]", 1, Bits},
    {"subnormal-tail", "max − x in [87, 104]", 1, SubnormalTail},
    {"offset-normal", "N(0, 1) + 10⁴, rounded to f32", 1, OffsetNormal},
    {"masked-normal", "N(0, 3²), a third masked over NaN, +inf and 1e30", 1, MaskedNormal},
    {"temperature-0.1", "N(0, 1) at T = 0.1", 0.1, Normal<1>},
    {"temperature-0.7", "N(0, 1) at T = 0.7", 0.7, Normal<1>},
    {"temperature-1", "N(0, 1) at T = 1, drawn anew", 1, Normal<1>},
    {"temperature-3", "N(0, 1) at T = 3", 3, Normal<1>},
};

}  // namespace

std::span<const Family> Families() { return kFamilies; }

const Family* FindFamily(std::string_view name) {
  for (const Family& family : kFamilies) {
    if (family.name == name) return &family;
  }
  return nullptr;
}

subjects::Case Sample(const Family& family, std::uint64_t seed, std::uint64_t index) {
  SampleRow row;
  row.cols = kCols[index % std::size(kCols)];
  row.logits.resize(row.cols);
  // Keyed by name: a new line in the table moves no other family.
  subjects::Random random(subjects::Mix(seed) ^ subjects::Fnv1a(family.name), index);
  family.fill(random, row);
  Case c = SoftmaxCase(row.logits, row.mask, family.temperature);
  c.property = "accuracy";
  c.origin = fmt::format("report family {}, seed {}, index {}", family.name, seed, index);
  return c;
}

}  // namespace assay::reports
