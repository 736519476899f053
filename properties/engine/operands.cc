// SPDX-License-Identifier: Apache-2.0

#include "properties/engine/operands.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <limits>

namespace assay::properties {
namespace {

using subjects::Array;
using subjects::Case;
using subjects::FloatFormat;
using subjects::Operand;
using subjects::Random;
using subjects::Role;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kLn2 = 0x1.62e42fefa39efp-1;

constexpr const char* kPatternNames[kPatterns] = {"bits",    "normal",   "ties",          "ramp",
                                                  "one_hot", "offset",   "neighbours",    "subnormal",
                                                  "tail",    "absorbed", "huge_negative", "equal"};

template <std::size_t kCount>
double OneOf(const double (&values)[kCount], Random& random) {
  return values[random.Below(kCount)];
}

bool OneIn(std::uint64_t n, Random& random) { return random.Below(n) == 0; }

// No further out than half the range, so that small differences on top of it stay finite.
double Within(const FloatFormat& format, double x) {
  return std::clamp(x, -format.max_finite / 2, format.max_finite / 2);
}

// Special values among ordinary ones, now and then.
void Sprinkle(Array& values, std::size_t first, std::size_t n, Random& random) {
  if (n == 0 || !OneIn(8, random)) return;
  const double large = subjects::FormatOf(values.element()).max_finite * 0.875;
  const double special[] = {-kInf, -kInf, kInf, kNaN, -0.0, large, -large};
  for (std::uint64_t k = 1 + random.Below(3); k > 0; --k) {
    const std::size_t at = first + random.Below(n);
    values.Set(at, OneOf(special, random));
  }
}

void FillShares(Array& values, std::size_t first, std::size_t n, Random& random) {
  // Products of uniform numbers spread over many binades; zeros as sparsemax, underflow and masks leave them.
  const std::uint64_t factors = 1 + random.Below(4);
  const std::uint64_t zeros = random.Below(3);  // none, some, most
  const bool one_hot = OneIn(8, random);
  const std::size_t chosen = random.Below(n);
  std::vector<double> weights(n);
  double sum = 0;
  for (std::size_t j = 0; j < n; ++j) {
    double weight = 1;
    for (std::uint64_t k = 0; k < factors; ++k) weight *= random.Uniform();
    if (weight == 0) weight = 0x1p-60;
    const bool zero = one_hot || (zeros == 1 && OneIn(3, random)) || (zeros == 2 && !OneIn(3, random));
    weights[j] = zero && j != chosen ? 0 : weight;
    sum += weights[j];
  }
  for (std::size_t j = 0; j < n; ++j) values.Set(first + j, weights[j] / sum);
}

// log of what FillShares gives: -inf for 0, and 0 for 1.
void FillLogShares(Array& values, std::size_t first, std::size_t n, Random& random) {
  Array shares(subjects::Element::kF64, n);
  FillShares(shares, 0, n, random);
  for (std::size_t j = 0; j < n; ++j) {
    values.Set(first + j, shares[j] == 0 ? -kInf : shares[j] == 1 ? 0 : subjects::PortableLog(shares[j]));
  }
}

void FillTargets(Case& c, Random& random) {
  Array& values = c.targets.values;
  for (std::size_t r = 0; r < c.rows && c.cols > 0; ++r) {
    const std::size_t first = r * c.cols;
    switch (random.Below(6)) {
      case 0:
      case 1:
        values.Set(first + random.Below(c.cols), 1);
        break;
      case 2:
      case 3:
        FillShares(values, first, c.cols, random);
        break;
      case 4: {  // not normalised
        const double scale = OneOf({0.25, 3, 100}, random);
        for (std::size_t j = 0; j < c.cols; ++j) values.Set(first + j, scale * random.Uniform());
        break;
      }
      default:  // zeros
        break;
    }
    if (OneIn(12, random)) values.Set(first + random.Below(c.cols), OneOf({kNaN, kInf, -1, -0.0, -0.25}, random));
  }
}

void FillLabels(Case& c, Random& random) {
  c.has_ignore_index = OneIn(3, random);
  // In range one time in four, where it is a class like any other that happens to be ignored.
  if (c.has_ignore_index) c.ignore_index = OneIn(4, random) && c.cols > 0 ? static_cast<int>(c.cols / 2) : -100;
  const bool bad = OneIn(16, random);
  const bool all_ignored = OneIn(6, random);
  for (std::size_t r = 0; r < c.rows; ++r) {
    std::int64_t label = c.cols == 0 ? 0 : static_cast<std::int64_t>(random.Below(c.cols));
    if (c.has_ignore_index && (all_ignored || OneIn(3, random))) label = c.ignore_index;
    if (bad && OneIn(2, random)) label = OneIn(2, random) ? static_cast<std::int64_t>(c.cols) : -1;
    c.labels.values.SetBits(r, static_cast<std::uint64_t>(label));
  }
}

// The first row in all, as a broadcast operand has it.
void RepeatRow(Case& c, Role role) {
  Operand& operand = c.operand(role);
  const std::size_t cols = subjects::ShapeOf(c, role).cols;
  for (std::size_t i = cols; i < operand.values.size(); ++i) {
    operand.values.SetBits(i, operand.values.Bits(i - cols));
  }
  operand.layout.repeats_row = true;
}

}  // namespace

const char* PatternName(Pattern pattern) { return kPatternNames[static_cast<int>(pattern)]; }

void FillPattern(Pattern pattern, Random& random, Array& values, std::size_t first, std::size_t n) {
  const FloatFormat format = subjects::FormatOf(values.element());
  const double scale = OneOf({0.25, 1, 1, 4, 10, 30, 64}, random);
  const double offset = Within(format, OneOf({1e3, 1e4, -1e4, 1e6, -1e6, 1e9, 1e30, -1e30}, random));
  const double base = subjects::RoundTo(values.element(), scale * random.Normal());
  const std::size_t chosen = random.Below(std::max<std::size_t>(n, 1));
  const auto fill = [&](auto value_at) {
    for (std::size_t i = 0; i < n; ++i) values.Set(first + i, value_at(i));
  };
  switch (pattern) {
    case Pattern::kBits:
      for (std::size_t i = 0; i < n; ++i) {
        values.SetBits(first + i, random.Bits() >> (64 - 8 * subjects::BytesOf(values.element())));
      }
      return;
    case Pattern::kNormal:
      return fill([&](std::size_t) { return scale * random.Normal(); });
    case Pattern::kTies: {
      const double some[4] = {base, base - scale, base - 20 * scale, base - 0.3};
      const std::uint64_t count = 2 + random.Below(3);
      return fill([&](std::size_t) { return some[random.Below(count)]; });
    }
    case Pattern::kRamp: {
      const double step = (random.Below(2) == 0 ? 1 : -1) * scale / 8;
      return fill([&](std::size_t i) { return base + step * static_cast<double>(i); });
    }
    case Pattern::kOneHot:
      return fill([&](std::size_t i) { return i == chosen ? base + 12 * scale : base; });
    case Pattern::kOffset:
      return fill([&](std::size_t) { return Within(format, offset + scale * random.Normal()); });
    case Pattern::kNeighbours: {
      Array one(values.element(), {base});
      for (std::size_t i = 0; i < n; ++i) values.SetBits(first + i, one.Bits(0) + random.Below(4));
      return;
    }
    case Pattern::kSubnormal: {
      const int bits = static_cast<int>(8 * subjects::BytesOf(values.element()));
      const std::uint64_t sign = std::uint64_t{1} << (bits - 1);
      const std::uint64_t fraction = (std::uint64_t{1} << (format.precision - 1)) - 1;
      for (std::size_t i = 0; i < n; ++i) {
        const std::uint64_t drawn = random.Bits();
        const bool zero = OneIn(2, random);
        values.SetBits(first + i, (OneIn(2, random) ? sign : 0) | (zero ? 0 : drawn & fraction));
      }
      return;
    }
    case Pattern::kTail: {
      const double low = (format.min_ulp_log2 - 2) * kLn2;
      const double high = (format.min_ulp_log2 + format.precision + 3) * kLn2;
      return fill([&](std::size_t i) { return i == chosen ? 0 : random.Uniform(low, high); });
    }
    case Pattern::kAbsorbed: {
      const double low = -(format.precision + 5) * kLn2;
      const double high = -(format.precision - 4) * kLn2;
      return fill([&](std::size_t i) { return i == chosen ? 0 : random.Uniform(low, high); });
    }
    case Pattern::kHugeNegative:
      return fill([&](std::size_t) { return std::max(-2e9, -format.max_finite / 2) * (1 + random.Uniform()); });
    case Pattern::kEqual:
      return fill([&](std::size_t) { return base; });
  }
}

void FillLogits(Case& c, Random& random) {
  for (std::size_t r = 0; r < c.rows && c.cols > 0; ++r) {
    const auto pattern = static_cast<Pattern>(random.Below(kPatterns));
    FillPattern(pattern, random, c.logits.values, r * c.cols, c.cols);
    if (r == 0) c.origin = PatternName(pattern);
    Sprinkle(c.logits.values, r * c.cols, c.cols, random);
  }
}

void GiveBias(Case& c, Random& random) {
  subjects::Give(c, Role::kBias);
  Array& values = c.bias.values;
  for (std::size_t r = 0; r < c.rows && c.cols > 0; ++r) {
    const std::size_t first = r * c.cols;
    const std::uint64_t kind = random.Below(5);
    const double scale = OneOf({0.5, 1, 8}, random);
    for (std::size_t i = first; i < first + c.cols; ++i) {
      switch (kind) {
        case 0:
          values.Set(i, scale * random.Normal());
          break;
        case 1:
          values.Set(i, OneIn(3, random) ? -kInf : 0);
          break;
        case 2: {
          const double z = c.temperature > 0 && std::isfinite(c.logits[i]) ? c.logits[i] / c.temperature : 0;
          values.Set(i, std::isfinite(subjects::RoundTo(values.element(), z)) ? -z : 0);
          break;
        }
        case 3:
          values.Set(i, Within(subjects::FormatOf(values.element()), 1e4 * scale * random.Normal()));
          break;
        default:  // zeros
          break;
      }
    }
    if (OneIn(2, random)) Sprinkle(values, first, c.cols, random);
  }
}

void GiveMask(Case& c, Random& random) {
  subjects::Give(c, Role::kMask);
  const std::uint64_t density = 1 + random.Below(8);
  for (std::size_t i = 0; i < c.mask.values.size(); ++i) {
    // Any byte but 0 shows an entry.
    constexpr std::uint64_t kShown[] = {1, 1, 1, 2, 0x80, 0xFF};
    const bool shown = random.Below(density) != 0 || density == 1;
    c.mask.values.SetBits(i, shown ? kShown[random.Below(std::size(kShown))] : 0);
  }
}

void FillSaved(Case& c, Random& random) {
  const bool log = c.op == ASSAY_LOG_SOFTMAX_BACKWARD;
  for (std::size_t r = 0; r < c.rows && c.cols > 0; ++r) {
    const std::size_t first = r * c.cols;
    if (OneIn(6, random)) {  // junk: exact in what it is given, whatever that is
      FillPattern(static_cast<Pattern>(random.Below(kPatterns)), random, c.saved.values, first, c.cols);
    } else if (log) {
      FillLogShares(c.saved.values, first, c.cols, random);
    } else {
      FillShares(c.saved.values, first, c.cols, random);
    }
  }
}

void FillUpstream(Case& c, Random& random) {
  Array& values = c.upstream.values;
  const double large = subjects::FormatOf(values.element()).max_finite;
  for (std::size_t r = 0; r < c.rows && c.cols > 0; ++r) {
    const std::size_t first = r * c.cols;
    const std::uint64_t kind = random.Below(6);
    const auto pattern = static_cast<Pattern>(random.Below(kPatterns));
    const double scale = OneOf({0x1p-10, 1, 1, 30}, random);
    const std::size_t chosen = random.Below(c.cols);
    if (kind == 5) FillPattern(pattern, random, values, first, c.cols);
    for (std::size_t j = 0; j < c.cols; ++j) {
      const std::size_t i = first + j;
      if (kind <= 1) values.Set(i, scale * random.Normal());
      if (kind == 2) values.Set(i, j == chosen ? scale : 0);
      if (kind == 3) values.Set(i, scale);
      if (kind == 4) values.Set(i, large * random.Uniform(-1, 1) * OneOf({1, 0x1p-4, 0x1p-8}, random));
      if (!c.Visible(r, j) && OneIn(3, random)) values.Set(i, OneOf({kInf, -kInf, kNaN}, random));
    }
    if (r == 0) c.origin = kind == 5 ? PatternName(pattern) : kind == 4 ? "huge upstream" : "upstream";
    if (OneIn(2, random)) Sprinkle(values, first, c.cols, random);
  }
}

void FillLoss(Case& c, Random& random) {
  c.reduction = static_cast<assay_reduction>(random.Below(3));
  c.label_smoothing = OneOf({0, 0, 0, 0.1, 0.5, 1}, random);
  if (OneIn(2, random)) {
    subjects::Take(c, Role::kLabels);
    subjects::Give(c, Role::kTargets);
    FillTargets(c, random);
  } else {
    subjects::Give(c, Role::kLabels);
    FillLabels(c, random);
  }
  if (c.op != ASSAY_CROSS_ENTROPY_BACKWARD || OneIn(2, random)) return;
  subjects::Give(c, Role::kUpstream);
  const double large = subjects::FormatOf(c.upstream.values.element()).max_finite;
  for (std::size_t i = 0; i < c.upstream.values.size(); ++i) {
    c.upstream.values.Set(i, OneIn(4, random) ? OneOf({0, 1, -1, large / 4, 0x1p-20}, random) : 2 * random.Normal());
    if (OneIn(24, random)) c.upstream.values.Set(i, OneOf({kInf, -kInf, kNaN}, random));
  }
}

subjects::Layout DrawLayout(Random& random) {
  subjects::Layout layout;
  if (OneIn(2, random)) layout.gap = random.Below(20);
  if (!OneIn(3, random)) return layout;  // a row stride alone is the commonest of all
  if (OneIn(3, random)) layout.step = 1 + random.Below(4);
  layout.columns_outer = OneIn(3, random);
  layout.rows_backward = OneIn(4, random);
  layout.cols_backward = OneIn(4, random);
  return layout;
}

void DrawLayouts(Case& c, Random& random) {
  if (OneIn(2, random)) return;
  subjects::ForEachInput(c, [&](Role role, Operand& operand) {
    operand.layout = DrawLayout(random);
    const bool is_out = c.in_place && role == subjects::InPlaceRole(c.op);
    if (OneIn(8, random) && !is_out) RepeatRow(c, role);
  });
  c.out = DrawLayout(random);
}

}  // namespace assay::properties
