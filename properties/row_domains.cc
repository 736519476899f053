// SPDX-License-Identifier: Apache-2.0
//
// The domains that are the row laws' alone.

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "properties/fit.h"
#include "properties/judging.h"
#include "properties/row_checks.h"
#include "subjects/layout.h"
#include "subjects/random.h"

namespace assay::properties {
namespace {

using subjects::Mix;
using subjects::Random;

// The smallest distance of a visible logit to the maximum of its row, over all rows; 0 where all are equal.
double SmallestGap(const Case& c) {
  double smallest = kInf;
  for (std::size_t r = 0; r < c.rows; ++r) {
    double max = -kInf;
    for (std::size_t j = 0; j < c.cols; ++j) {
      if (c.Visible(r, j)) max = std::max(max, c.logits[r * c.cols + j]);
    }
    for (std::size_t j = 0; j < c.cols; ++j) {
      const double gap = max - c.logits[r * c.cols + j];
      if (c.Visible(r, j) && gap > 0) smallest = std::min(smallest, gap);
    }
  }
  return std::isfinite(smallest) ? smallest : 0;
}

// Makes the entry invisible: by the mask where there is one.
void Hide(Case& c, std::size_t i) {
  if (c.mask.given) {
    c.mask.values.SetBits(i, 0);
  } else {
    c.logits.values.Set(i, -kInf);
  }
}

// A fresh dense case that keeps what says where the other came from.
Case Fresh(const Case& c, std::size_t rows, std::size_t cols) {
  Case fresh = subjects::MakeCase(c.op, c.dtype, rows, cols);
  fresh.law_key = c.law_key;
  fresh.property = c.property;
  fresh.origin = c.origin;
  return fresh;
}

// At most two distinct finite logits in one row of at least `cols`, T = 1, neither bias nor mask.
bool HasManySmallTerms(const Case& c, std::size_t cols) {
  if (c.rows != 1 || c.cols < cols || c.temperature != 1 || c.bias.given || c.mask.given) return false;
  const double first = c.logits[0];
  double second = first;
  for (std::size_t j = 0; j < c.cols; ++j) {
    const double x = c.logits[j];
    if (!std::isfinite(x)) return false;
    if (x == first || x == second) continue;
    if (second != first) return false;
    second = x;
  }
  return true;
}

// One large entry somewhere, if any, and the others so far below that each is lost when it is added to the sum in the
// type, or nearly; all together they are not.
void FillWithSmallTerms(Case& c) {
  Random random(c.law_key, 8);
  constexpr double kTops[] = {0, 1, -5, 12};
  const double top = kTops[random.Below(std::size(kTops))];
  const int precision = subjects::FormatOf(subjects::ElementOf(c.dtype)).precision;
  // exp(-gap) from 1 to 2^-(precision + 2): log 2 is about 45426 / 65536, and gap a multiple of 1/16.
  const double most = std::floor((precision + 2) * 0.693 * 16);
  const double gap = random.Below(4) == 0 ? 0 : std::ceil(random.Uniform(most / 2, most)) / 16;
  const std::size_t large = random.Below(c.cols);
  for (std::size_t j = 0; j < c.cols; ++j) c.logits.values.Set(j, j == large ? top : top - gap);
}

}  // namespace

Case WithScores(Case c) {
  c = WithFiniteRows(std::move(c));
  if (c.temperature == 0) c.temperature = 1;
  return c;
}

Case WithScaledScores(Case c) {
  Take(c, Role::kBias);
  c = WithScores(std::move(c));
  if (std::isinf(c.temperature)) c.temperature = 1;
  return c;
}

Case WithVanishingTemperature(Case c) {
  const bool limit = Mix(c.law_key) % 2 == 0;
  if (!limit) Take(c, Role::kBias);
  c = WithFiniteRows(std::move(c));
  // Beyond 800 with room for the rounding of T where it becomes subnormal, or 0.
  c.temperature = limit ? 0 : SmallestGap(c) / (c.dtype == ASSAY_F64 ? 2048 : 1024);
  return c;
}

Case WithSubnormalTemperature(Case c) {
  Take(c, Role::kBias);
  c = WithFiniteRows(std::move(c));
  const std::uint64_t bits = Mix(c.law_key) >> 12;  // 52 of them: any subnormal, or 0
  c.temperature = std::bit_cast<double>(bits == 0 ? std::uint64_t{1} : bits);
  return c;
}

Case WithUnboundedTemperature(Case c) {
  c = WithFiniteRows(std::move(c));
  double largest = 0;
  for (std::size_t i = 0; i < c.logits.values.size(); ++i) {
    if (std::isfinite(c.logits[i])) largest = std::max(largest, std::fabs(c.logits[i]));
  }
  constexpr double kTemperatures[] = {kInf, kInf, 0x1p231, 0x1p1000};
  c.temperature = kTemperatures[Mix(c.law_key) % std::size(kTemperatures)];
  if (!(largest / c.temperature < 0x1p-101)) c.temperature = kInf;
  if (std::isfinite(c.temperature) && c.bias.given) {
    Take(c, Role::kBias);
    return WithUnboundedTemperature(std::move(c));  // the bias may have hidden entries
  }
  return c;
}

Case WithPowerOfTwoTemperature(Case c) {
  c = WithFiniteRows(std::move(c));
  const int reach = c.dtype == ASSAY_F16 ? 4 : 30;
  int exponent = 0;
  const bool ordinary = c.temperature > 0 && std::isfinite(c.temperature) &&
                        std::frexp(c.temperature, &exponent) == 0.5 && exponent - 1 >= -reach && exponent - 1 <= reach;
  if (!ordinary || c.temperature == 1) {
    const int k = static_cast<int>(1 + Mix(c.law_key) % static_cast<std::uint64_t>(reach));
    c.temperature = std::ldexp(1.0, Mix(c.law_key + 1) % 2 == 0 ? k : -k);
  }
  for (std::size_t i = 0; i < c.logits.values.size(); ++i) {
    const double x = c.logits[i];
    if (!std::isfinite(x)) continue;
    const double scaled = x / c.temperature;
    if (subjects::RoundTo(c.logits.values.element(), scaled) != scaled || scaled * c.temperature != x ||
        !std::isfinite(scaled)) {
      c.logits.values.Set(i, 0);
    }
  }
  return Settled(std::move(c));
}

Case WithTwoClasses(Case c) {
  if (c.op == ASSAY_SIGMOID) return WithFiniteRows(std::move(c));
  c = OnShiftGrid(AllVisible(std::move(c)));
  if (c.cols > 2) c = KeepColumns(std::move(c), [](std::size_t j) { return j < 2; });
  if (c.cols < 2) {
    c = Fresh(c, std::max<std::size_t>(c.rows, 1), 2);
    Random random(c.law_key, 9);
    for (std::size_t i = 0; i < c.logits.values.size(); ++i) {
      c.logits.values.Set(i, std::floor(random.Uniform(-8, 8)));
    }
    c = OnShiftGrid(std::move(c));
  }
  return Settled(std::move(c));
}

Case WithMaskedRow(Case c) { return WithMask(OneRowOf(std::move(c))); }

Case WithSentinel(Case c) {
  c = WithFiniteRows(std::move(c));
  const subjects::FloatFormat format = subjects::FormatOf(subjects::ElementOf(c.dtype));
  constexpr double kSentinels[] = {-1e9, -1e9, -1e4, -1e30, -30000, -1e300};
  double sentinel = subjects::RoundTo(c.logits.values.element(), kSentinels[Mix(c.law_key) % std::size(kSentinels)]);
  if (!(2 * sentinel >= -format.max_finite)) sentinel = -format.max_finite;
  const double below = 2 * sentinel >= -format.max_finite ? 2 * sentinel : sentinel;
  c.temperature = 1;
  // By the bias where there is one; what the mask hides is 0, far above all that is visible.
  Array& values = c.bias.given ? c.bias.values : c.logits.values;
  Random random(c.law_key, 10);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const bool hidden = c.mask.given && c.mask.values.Bits(i) == 0;
    const bool low = random.Below(2) == 0;
    c.logits.values.Set(i, 0);
    values.Set(i, hidden ? 0 : low ? below : sentinel);
  }
  return Settled(std::move(c));
}

Case WithSingleVisible(Case c) {
  c = WithScores(std::move(c));
  for (std::size_t r = 0; r < c.rows; ++r) {
    std::size_t visible = 0;
    for (std::size_t j = 0; j < c.cols; ++j) visible += c.Visible(r, j) ? 1 : 0;
    std::size_t keep = visible < 2 ? 0 : Mix(c.law_key + r) % visible;
    for (std::size_t j = 0; j < c.cols && visible > 1; ++j) {
      if (c.Visible(r, j) && keep-- != 0) Hide(c, r * c.cols + j);
    }
  }
  return Settled(std::move(c));
}

Case WithSpecialValue(Case c) {
  c = Valid(std::move(c));
  for (std::size_t r = 0; r < c.rows; ++r) {
    if (ShapeOfRow(c, r).special) return c;
  }
  if (c.logits.values.empty()) return c;
  const std::size_t i = Mix(c.law_key) % c.logits.values.size();
  if (c.mask.given) c.mask.values.SetBits(i, 1);
  const double special = Mix(c.law_key + 1) % 3 == 0 ? kInf : std::numeric_limits<double>::quiet_NaN();
  const bool in_bias = c.bias.given && Mix(c.law_key + 2) % 2 == 0;
  if (c.logits[i] == -kInf) c.logits.values.Set(i, 0);
  if (c.bias.given && c.bias[i] == -kInf) c.bias.values.Set(i, 0);
  (in_bias ? c.bias : c.logits).values.Set(i, special);
  return Settled(std::move(c));
}

Case WithEmptyRow(Case c) {
  c = Valid(std::move(c));
  for (std::size_t r = 0; r < c.rows; ++r) {
    bool empty = true;
    for (std::size_t j = 0; j < c.cols && empty; ++j) empty = !c.Visible(r, j);
    if (empty) return c;
  }
  if (c.logits.values.empty()) return c;
  const std::size_t row = Mix(c.law_key) % c.rows;
  for (std::size_t i = row * c.cols; i < (row + 1) * c.cols; ++i) {
    const std::uint64_t form = Mix(c.law_key + 1) % 3;
    if (c.mask.given && form == 0) {
      c.mask.values.SetBits(i, 0);
    } else {
      (c.bias.given && form == 1 ? c.bias : c.logits).values.Set(i, -kInf);
    }
  }
  return Settled(std::move(c));
}

Case WithManySmallTerms(Case c) {
  c = Valid(std::move(c));
  if (HasManySmallTerms(c, std::size_t{1} << 16)) return c;
  const std::uint64_t log2 = Mix(c.law_key) % 64 == 0 ? 20 : 16 + Mix(c.law_key + 1) % 2;
  c = Fresh(c, 1, (std::size_t{1} << log2) + Mix(c.law_key + 2) % 9);
  FillWithSmallTerms(c);
  return c;
}

Case WithPageOfSmallTerms(Case c) {
  c = Valid(std::move(c));
  constexpr std::size_t kColumns = 4096;  // whole pages in any type
  const bool dense = subjects::ExtentOf(c, Role::kLogits).reach == kColumns &&
                     subjects::ExtentOf(c, Role::kLogits).col_stride() == 1 && c.offset == 0 && !c.in_place &&
                     c.out == subjects::Layout();
  if (c.cols == kColumns && HasManySmallTerms(c, kColumns) && dense) return c;
  c = Fresh(c, 1, kColumns);
  FillWithSmallTerms(c);
  return c;
}

}  // namespace assay::properties
