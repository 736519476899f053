// SPDX-License-Identifier: Apache-2.0

#include "properties/engine/generator.h"

#include <bit>
#include <cstdint>
#include <limits>

#include "properties/shrink.h"
#include "subjects/random.h"

namespace assay::properties {
namespace {

using subjects::Case;
using subjects::Random;

constexpr const char* kPatternNames[kPatterns] = {"bits",    "normal",   "ties",          "ramp",
                                                  "one_hot", "offset",   "neighbours",    "subnormal",
                                                  "tail",    "absorbed", "huge_negative", "equal"};

float Narrow(double x) { return static_cast<float>(x); }

// Logits of one row from a counter-based stream: cheap however long the row, and the same on every machine.
void Fill(Pattern pattern, Random& random, float* x, std::size_t n) {
  constexpr double kScales[] = {0.25, 1, 1, 4, 10, 30, 64};
  constexpr double kOffsets[] = {1e3, 1e4, -1e4, 1e6, -1e6, 1e9, 1e30, -1e30};
  const double scale = kScales[random.Below(std::size(kScales))];
  const double offset = kOffsets[random.Below(std::size(kOffsets))];
  const float base = Narrow(scale * random.Normal());
  const std::size_t chosen = random.Below(n);
  switch (pattern) {
    case Pattern::kBits:
      for (std::size_t i = 0; i < n; ++i) x[i] = std::bit_cast<float>(static_cast<std::uint32_t>(random.Bits()));
      return;
    case Pattern::kNormal:
      for (std::size_t i = 0; i < n; ++i) x[i] = Narrow(scale * random.Normal());
      return;
    case Pattern::kTies: {
      const float values[4] = {base, Narrow(base - scale), Narrow(base - 20 * scale), Narrow(base - 0.3)};
      const std::uint64_t count = 2 + random.Below(3);
      for (std::size_t i = 0; i < n; ++i) x[i] = values[random.Below(count)];
      return;
    }
    case Pattern::kRamp: {
      const double step = (random.Below(2) == 0 ? 1 : -1) * scale / 8;
      for (std::size_t i = 0; i < n; ++i) x[i] = Narrow(base + step * static_cast<double>(i));
      return;
    }
    case Pattern::kOneHot:
      for (std::size_t i = 0; i < n; ++i) x[i] = i == chosen ? Narrow(base + 12 * scale) : base;
      return;
    case Pattern::kOffset:
      for (std::size_t i = 0; i < n; ++i) x[i] = Narrow(offset + scale * random.Normal());
      return;
    case Pattern::kNeighbours:
      for (std::size_t i = 0; i < n; ++i) {
        x[i] = std::bit_cast<float>(std::bit_cast<std::uint32_t>(base) + static_cast<std::uint32_t>(random.Below(4)));
      }
      return;
    case Pattern::kSubnormal:
      for (std::size_t i = 0; i < n; ++i) {
        const std::uint64_t bits = random.Bits();
        x[i] = std::bit_cast<float>(static_cast<std::uint32_t>(bits) & (bits >> 63 != 0 ? 0x807FFFFFu : 0x80000000u));
      }
      return;
    case Pattern::kTail:
      for (std::size_t i = 0; i < n; ++i) x[i] = i == chosen ? 0 : Narrow(random.Uniform(-105, -85));
      return;
    case Pattern::kAbsorbed:
      for (std::size_t i = 0; i < n; ++i) x[i] = i == chosen ? 0 : Narrow(random.Uniform(-20, -14));
      return;
    case Pattern::kHugeNegative:
      for (std::size_t i = 0; i < n; ++i) x[i] = Narrow(-2e9 * (1 + random.Uniform()));
      return;
    case Pattern::kEqual:
      for (std::size_t i = 0; i < n; ++i) x[i] = base;
      return;
  }
}

// Lengths at and around every lane count and tile, few long ones.
rc::Gen<std::size_t> Cols() {
  return rc::gen::weightedOneOf<std::size_t>({
      {12, rc::gen::elementOf(std::vector<std::size_t>{1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17})},
      {8, rc::gen::elementOf(std::vector<std::size_t>{23, 31, 32, 33, 47, 63, 64, 65, 100, 127, 128, 129})},
      {2, rc::gen::elementOf(std::vector<std::size_t>{255, 256, 257, 500, 1000})},
      {1, rc::gen::elementOf(std::vector<std::size_t>{0, 4095, 6143, 6145})},
  });
}

rc::Gen<double> Temperature() {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  return rc::gen::weightedOneOf<double>({
      {6, rc::gen::just(1.0)},
      {4, rc::gen::elementOf(std::vector<double>{0.1, 0.7, 3, 0.5, 2})},
      {2, rc::gen::elementOf(std::vector<double>{0.0, -0.0, kInf, 5e-324, 1e-310, 1e300, 1e-20, 1e20, 1e4, 1e-4})},
      {1, rc::gen::elementOf(std::vector<double>{-1, -1e-300, -kInf, std::numeric_limits<double>::quiet_NaN()})},
  });
}

// One time in `n`.
bool OneIn(int n) { return *rc::gen::resize(100, rc::gen::inRange(0, n)) == 0; }

Case Draw() {
  Case c;
  c.cols = *Cols();
  c.rows = *rc::gen::weightedElement<std::size_t>({{8, 1}, {3, 2}, {2, 3}, {1, 5}, {1, 0}});
  if (c.cols > 500) c.rows = std::min<std::size_t>(c.rows, 2);
  c.temperature = *Temperature();
  c.has_mask = OneIn(3);
  if (OneIn(4)) c.logits_gap = *rc::gen::resize(100, rc::gen::inRange<std::size_t>(0, 20));
  if (OneIn(4)) c.probs_gap = *rc::gen::resize(100, rc::gen::inRange<std::size_t>(0, 20));
  if (OneIn(2)) c.offset = *rc::gen::resize(100, rc::gen::inRange<std::size_t>(0, 16));
  c.guard = OneIn(3) ? subjects::Guard::kBefore : subjects::Guard::kAfter;
  c.in_place = OneIn(4);
  if (OneIn(3)) c.empty_row = OneIn(2) ? ASSAY_EMPTY_ROW_NAN : ASSAY_EMPTY_ROW_ZERO;
  // The size must be 100 for an even spread over all 64 bits.
  const auto data_key = *rc::gen::resize(100, rc::gen::arbitrary<std::uint64_t>());
  c.law_key = subjects::Mix(data_key);
  Random random(data_key, 0);
  c.logits.resize(c.rows * c.cols);
  for (std::size_t r = 0; r < c.rows && c.cols > 0; ++r) {
    const auto pattern = static_cast<Pattern>(random.Below(kPatterns));
    Fill(pattern, random, &c.logits[r * c.cols], c.cols);
    if (r == 0) c.origin = PatternName(pattern);
    // Special values among ordinary ones.
    if (random.Below(8) == 0) {
      constexpr float kInf = std::numeric_limits<float>::infinity();
      constexpr float kSpecial[] = {-kInf, -kInf, kInf, std::numeric_limits<float>::quiet_NaN(), -0.0f, 3e38f, -3e38f};
      for (std::uint64_t k = 1 + random.Below(3); k > 0; --k) {
        c.logits[r * c.cols + random.Below(c.cols)] = kSpecial[random.Below(std::size(kSpecial))];
      }
    }
  }
  if (c.has_mask) {
    c.mask.resize(c.logits.size());
    const std::uint64_t density = 1 + random.Below(8);
    for (std::uint8_t& m : c.mask) m = random.Below(density) != 0 || density == 1;
  }
  return c;
}

rc::Seq<rc::Shrinkable<Case>> Smaller(const Case& c, const Property& property, const subjects::SubjectInfo& info) {
  auto candidates = rc::seq::map(rc::seq::fromContainer(Steps(c)), [c, &property, &info](const Step& step) {
    return Prepare(property, Apply(c, step), info);
  });
  auto simpler = rc::seq::filter(std::move(candidates), [c](const Case& next) { return Simpler(next, c); });
  return rc::seq::map(std::move(simpler),
                      [&property, &info](Case next) { return WithSteps(std::move(next), property, info); });
}

}  // namespace

const char* PatternName(Pattern pattern) { return kPatternNames[static_cast<int>(pattern)]; }

rc::Shrinkable<Case> WithSteps(Case c, const Property& property, const subjects::SubjectInfo& info) {
  return rc::shrinkable::shrink(rc::fn::constant(std::move(c)),
                                [&property, &info](const Case& value) { return Smaller(value, property, info); });
}

rc::Gen<Case> Cases(const Property& property, const subjects::SubjectInfo& info) {
  const rc::Gen<Case> drawn = rc::gen::exec(Draw);
  return [drawn, &property, &info](const rc::Random& random, int size) {
    return WithSteps(Prepare(property, drawn(random, size).value(), info), property, info);
  };
}

}  // namespace assay::properties
