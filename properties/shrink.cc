// SPDX-License-Identifier: Apache-2.0

#include "properties/shrink.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <tuple>
#include <type_traits>

namespace assay::properties {
namespace {

using subjects::Case;
using Kind = Step::Kind;

// Single entries and columns are tried up to this many; longer rows lose whole ranges first.
constexpr std::size_t kFew = 64;

float CutTo(float x, std::size_t bits) {
  if (!std::isfinite(x)) return x;
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(x) & (~0u << (24 - bits)));
}

double CutTo4(double x) {
  if (!std::isfinite(x)) return x;
  return std::bit_cast<double>(std::bit_cast<std::uint64_t>(x) & (~std::uint64_t{0} << 49));
}

// Significant bits of a float or double: 0 for zero, 1 for powers of two, infinities and NaN.
template <class Float>
int Length(Float x) {
  using Bits = std::conditional_t<sizeof(Float) == 4, std::uint32_t, std::uint64_t>;
  constexpr int kStored = sizeof(Float) == 4 ? 23 : 52;
  if (x == 0) return 0;
  const Bits fraction = std::bit_cast<Bits>(x) & ((Bits{1} << kStored) - 1);
  return std::isfinite(x) && fraction != 0 ? 1 + kStored - std::countr_zero(fraction) : 1;
}

std::tuple<std::size_t, int, int, std::size_t, std::uint64_t> MeasureOf(const Case& c) {
  const int switches = static_cast<int>(c.rows > 1) + c.has_mask + c.in_place + (c.logits_gap > 0) + (c.probs_gap > 0) +
                       (c.offset > 0) + (c.guard != subjects::Guard::kAfter) + (c.empty_row != ASSAY_EMPTY_ROW_AUTO) +
                       (c.temperature != 1);
  std::size_t length = 0;
  for (const float x : c.logits) length += static_cast<std::size_t>(Length(x));
  return {c.logits.size(), switches, Length(c.temperature), length, c.law_key};
}

Case DropColumns(Case c, std::size_t first, std::size_t last) {
  const auto drop = [&](auto& values) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::size_t col = i % c.cols;
      if (col < first || col >= last) values[kept++] = values[i];
    }
    values.resize(kept);
  };
  drop(c.logits);
  drop(c.mask);
  c.cols -= last - first;
  return c;
}

}  // namespace

std::vector<Step> Steps(const Case& c) {
  std::vector<Step> steps;
  if (c.rows > 1) {
    for (std::size_t r = 0; r < std::min<std::size_t>(c.rows, 8); ++r) steps.push_back({Kind::kKeepRow, r});
  }
  for (std::size_t length = c.cols / 2; length > 0; length /= 2) {
    if (length * kFew < c.cols) break;  // more than 64 ranges of this length: first lose longer ones
    for (std::size_t first = 0; first + length <= c.cols; first += length) {
      steps.push_back({Kind::kDropColumns, first, first + length});
    }
  }
  for (const Kind kind : {Kind::kPlain, Kind::kOutOfPlace, Kind::kDense, Kind::kOffsetZero, Kind::kDropMask,
                          Kind::kUnitTemperature, Kind::kShortTemperature}) {
    steps.push_back({kind});
  }
  for (std::uint64_t key = 0; key < std::min<std::uint64_t>(c.law_key, 6); ++key) {
    steps.push_back({Kind::kSmallLawKey, static_cast<std::size_t>(key)});
  }
  for (const std::size_t bits : {1, 2, 4, 8, 12}) steps.push_back({Kind::kCutAll, bits});
  for (std::size_t i = 0; i < c.logits.size() && c.logits.size() <= kFew; ++i) {
    if (c.logits[i] != 0) steps.push_back({Kind::kZero, i});
    if (std::isfinite(c.logits[i]) && std::trunc(c.logits[i]) != c.logits[i]) steps.push_back({Kind::kWhole, i});
    for (const std::size_t bits : {1, 2, 4, 8, 12, 16}) {
      if (!std::isnan(c.logits[i]) && CutTo(c.logits[i], bits) != c.logits[i]) steps.push_back({Kind::kCut, i, bits});
    }
  }
  return steps;
}

Case Apply(Case c, const Step& step) {
  switch (step.kind) {
    case Kind::kKeepRow:
      return subjects::OneRow(c, step.first);
    case Kind::kDropColumns:
      return DropColumns(std::move(c), step.first, step.last);
    case Kind::kPlain:
      c.empty_row = ASSAY_EMPTY_ROW_AUTO;
      c.guard = subjects::Guard::kAfter;
      c.in_place = false;
      c.offset = 0;
      [[fallthrough]];
    case Kind::kDense:
      c.logits_gap = c.probs_gap = 0;
      return c;
    case Kind::kOutOfPlace:
      c.in_place = false;
      return c;
    case Kind::kOffsetZero:
      c.offset = 0;
      return c;
    case Kind::kDropMask:
      c.has_mask = false;
      c.mask.clear();
      return c;
    case Kind::kUnitTemperature:
      c.temperature = 1;
      return c;
    case Kind::kShortTemperature:
      c.temperature = CutTo4(c.temperature);
      return c;
    case Kind::kSmallLawKey:
      c.law_key = step.first;
      return c;
    case Kind::kCutAll:
      for (float& x : c.logits) x = CutTo(x, step.first);
      return c;
    case Kind::kZero:
      c.logits[step.first] = 0;
      return c;
    case Kind::kWhole:
      c.logits[step.first] = std::trunc(c.logits[step.first]);
      return c;
    case Kind::kCut:
      c.logits[step.first] = CutTo(c.logits[step.first], step.last);
      return c;
  }
  return c;
}

bool Simpler(const Case& a, const Case& b) { return MeasureOf(a) < MeasureOf(b); }

}  // namespace assay::properties
