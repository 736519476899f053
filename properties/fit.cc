// SPDX-License-Identifier: Apache-2.0

#include "properties/fit.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "subjects/random.h"

namespace assay::properties {
namespace {

using subjects::Mix;
using subjects::Random;

constexpr float kInf = std::numeric_limits<float>::infinity();

float MadeFinite(float x) {
  return std::isfinite(x) ? x : std::bit_cast<float>(std::bit_cast<std::uint32_t>(x) & ~0x40000000u);
}

// -inf stays: an invisible entry is as good as a masked one.
float FiniteOrHidden(float x) { return x == -kInf ? x : MadeFinite(x); }

bool RowHasVisible(const Case& c, std::size_t row) {
  for (std::size_t j = 0; j < c.cols; ++j) {
    if (c.Visible(row, j)) return true;
  }
  return false;
}

void Show(Case& c, std::size_t row, std::size_t col) {
  if (c.has_mask) c.mask[row * c.cols + col] = 1;
  float& x = c.logits[row * c.cols + col];
  if (x == -kInf) x = 0;
}

float OnGrid(float x) {
  if (x == -kInf) return x;
  const float bounded = std::clamp(x, -0x1p13f, 0x1p13f);
  return std::floor(bounded * 64) / 64 + 0.0f;  // + 0: no -0, which a shift would turn into +0
}

// The smallest distance of a visible logit to the maximum of its row, over all rows; 0 where all are equal.
double SmallestGap(const Case& c) {
  double smallest = kInf;
  for (std::size_t r = 0; r < c.rows; ++r) {
    double max = -kInf;
    for (std::size_t j = 0; j < c.cols; ++j) {
      if (c.Visible(r, j)) max = std::max<double>(max, c.logits[r * c.cols + j]);
    }
    for (std::size_t j = 0; j < c.cols; ++j) {
      const double gap = max - static_cast<double>(c.logits[r * c.cols + j]);
      if (c.Visible(r, j) && gap > 0) smallest = std::min(smallest, gap);
    }
  }
  return std::isfinite(smallest) ? smallest : 0.0;
}

}  // namespace

Case WithValidTemperature(Case c) {
  if (std::isnan(c.temperature)) c.temperature = 1;
  c.temperature = std::fabs(c.temperature);
  return c;
}

Case WithFiniteRows(Case c) {
  c = WithValidTemperature(std::move(c));
  for (std::size_t i = 0; i < c.logits.size(); ++i) {
    if (!c.has_mask || c.mask[i] != 0) c.logits[i] = FiniteOrHidden(c.logits[i]);
  }
  for (std::size_t r = 0; r < c.rows && c.cols > 0; ++r) {
    if (RowHasVisible(c, r)) continue;
    c.logits[r * c.cols] = FiniteOrHidden(c.logits[r * c.cols]);
    Show(c, r, 0);
  }
  return c;
}

Case OnShiftGrid(Case c) {
  c = WithFiniteRows(std::move(c));
  for (float& x : c.logits) {
    if (!std::isnan(x)) x = OnGrid(x);
  }
  return c;
}

Case WithVanishingTemperature(Case c) {
  c = WithFiniteRows(std::move(c));
  const bool limit = Mix(c.law_key) % 2 == 0;
  const double gap = SmallestGap(c);
  c.temperature = limit || gap == 0 ? 0 : gap / 512;  // exact: gap >= 2^-149
  return c;
}

Case WithSubnormalTemperature(Case c) {
  c = WithFiniteRows(std::move(c));
  const std::uint64_t bits = Mix(c.law_key) >> 12;  // 52 of them: any subnormal, or 0
  c.temperature = std::bit_cast<double>(bits == 0 ? std::uint64_t{1} : bits);
  return c;
}

Case WithUnboundedTemperature(Case c) {
  c = WithFiniteRows(std::move(c));
  c.temperature = Mix(c.law_key) % 2 == 0 ? std::numeric_limits<double>::infinity() : 0x1p201;
  return c;
}

Case WithMask(Case c) {
  if (!c.has_mask) {
    c.has_mask = true;
    c.mask.resize(c.logits.size());
    Random random(c.law_key, 1);
    for (std::uint8_t& m : c.mask) m = random.Below(4) != 0;
  }
  if (c.cols > 1 && !c.mask.empty() && std::count(c.mask.begin(), c.mask.end(), std::uint8_t{0}) == 0) {
    c.mask[Mix(c.law_key) % c.mask.size()] = 0;
  }
  return WithFiniteRows(std::move(c));
}

Case WithMaskOneRow(Case c) { return WithMask(c.rows > 1 ? subjects::OneRow(c, 0) : std::move(c)); }

Case WithSeveralRows(Case c) {
  c = WithValidTemperature(std::move(c));
  if (c.rows != 1) return c;  // no rows at all: nothing to be independent of
  c.rows = 2;
  c.logits.insert(c.logits.begin(), c.cols, 3000.0f);
  if (c.has_mask) c.mask.insert(c.mask.begin(), c.cols, std::uint8_t{1});
  return c;
}

Case WithGaps(Case c) {
  c = WithSeveralRows(OutOfPlace(std::move(c)));
  if (c.logits_gap == 0 && c.probs_gap == 0) {
    c.logits_gap = Mix(c.law_key) % 4;
    c.probs_gap = 1 + Mix(c.law_key + 1) % 17;
  }
  return c;
}

Case InPlace(Case c) {
  c = WithValidTemperature(std::move(c));
  c.in_place = true;
  return c;
}

Case OutOfPlace(Case c) {
  c = WithValidTemperature(std::move(c));
  c.in_place = false;
  return c;
}

Case WithSpecialValue(Case c) {
  c = WithValidTemperature(std::move(c));
  if (c.logits.empty()) return c;
  for (std::size_t r = 0; r < c.rows; ++r) {
    std::size_t visible = 0;
    for (std::size_t j = 0; j < c.cols; ++j) {
      const float x = c.logits[r * c.cols + j];
      if (!c.Visible(r, j)) continue;
      if (std::isnan(x) || x == kInf) return c;
      ++visible;
    }
    if (visible == 1) return c;
  }
  const std::size_t i = Mix(c.law_key) % c.logits.size();
  if (c.has_mask) c.mask[i] = 1;
  c.logits[i] = Mix(c.law_key + 1) % 3 == 0 ? kInf : std::numeric_limits<float>::quiet_NaN();
  return c;
}

Case WithEmptyRow(Case c) {
  c = WithValidTemperature(std::move(c));
  for (std::size_t r = 0; r < c.rows; ++r) {
    if (!RowHasVisible(c, r)) return c;
  }
  if (c.logits.empty()) return c;
  const std::size_t row = Mix(c.law_key) % c.rows;
  for (std::size_t j = 0; j < c.cols; ++j) {
    if (c.has_mask && Mix(c.law_key + 1) % 2 == 0) {
      c.mask[row * c.cols + j] = 0;
    } else {
      c.logits[row * c.cols + j] = -kInf;
    }
  }
  return c;
}

Case WithBadTemperature(Case c) {
  c.in_place = false;
  if (c.logits.empty()) {
    c.rows = c.cols = 1;
    c.logits = {0};
    c.mask.assign(c.has_mask ? 1 : 0, 1);
  }
  if (c.temperature >= 0) {
    constexpr double kBad[] = {-1, -0x1p-1074, -1e300, -std::numeric_limits<double>::infinity(),
                               std::numeric_limits<double>::quiet_NaN()};
    c.temperature = kBad[Mix(c.law_key) % std::size(kBad)];
  }
  return c;
}

}  // namespace assay::properties
