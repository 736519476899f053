// SPDX-License-Identifier: Apache-2.0
//
// Do the projections of fit.h give what their comments say, and does shrinking always end? Both over what the
// generators draw.

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "properties/engine/engine.h"
#include "properties/engine/generator.h"
#include "properties/fit.h"
#include "properties/shrink.h"

namespace assay::properties {
namespace {

subjects::SubjectInfo Everything() {
  subjects::SubjectInfo info;
  info.features = ASSAY_FEATURES_ALL;
  info.has_softmax = true;
  return info;
}

// The first cases of a law, drawn and fitted.
std::vector<Case> CasesOf(const char* law, std::uint64_t count = 400) {
  const subjects::SubjectInfo info = Everything();
  std::vector<Case> cases;
  for (std::uint64_t i = 0; i < count; ++i) cases.push_back(CaseAt(*FindProperty(law), info, 11, i));
  return cases;
}

// Calls body(row, largest visible logit) for each row that shows something.
template <class Body>
void ForRows(const Case& c, Body body) {
  for (std::size_t r = 0; r < c.rows; ++r) {
    float max = -std::numeric_limits<float>::infinity();
    for (std::size_t j = 0; j < c.cols; ++j) {
      if (c.Visible(r, j)) max = std::max(max, c.logits[r * c.cols + j]);
    }
    if (max > -std::numeric_limits<float>::infinity()) body(r, max);
  }
}

TEST(FitTest, FiniteRowsShowSomethingFiniteInEveryRow) {
  for (const Case& c : CasesOf("simplex")) {
    EXPECT_GE(c.temperature, 0);
    std::size_t rows = 0;
    ForRows(c, [&](std::size_t r, float) {
      ++rows;
      for (std::size_t j = 0; j < c.cols; ++j) {
        if (c.Visible(r, j)) {
          EXPECT_TRUE(std::isfinite(c.logits[r * c.cols + j]));
        }
      }
    });
    if (c.cols > 0) {
      EXPECT_EQ(rows, c.rows);
    }
  }
}

TEST(FitTest, AShiftOnTheGridIsExact) {
  for (const Case& c : CasesOf("exact_shift")) {
    for (const float x : c.logits) {
      if (!std::isfinite(x)) continue;
      EXPECT_FALSE(x == 0 && std::signbit(x));
      for (const float shift : {0x1p14f, -0x1p14f, 0x1p-6f, -0x1p-6f, 12345.671875f}) {
        EXPECT_EQ(static_cast<double>(x + shift), static_cast<double>(x) + static_cast<double>(shift)) << x;
      }
    }
  }
}

TEST(FitTest, AVanishingTemperatureLeavesOnlyTheMaxima) {
  std::size_t limits = 0, finite = 0;
  for (const Case& c : CasesOf("temperature_to_zero")) {
    ++(c.temperature == 0 ? limits : finite);
    ForRows(c, [&](std::size_t r, float max) {
      for (std::size_t j = 0; j < c.cols; ++j) {
        const float x = c.logits[r * c.cols + j];
        if (c.Visible(r, j) && x < max) {
          EXPECT_GE(static_cast<double>(max) - x, 512 * c.temperature);
        }
      }
    });
  }
  EXPECT_GT(limits, 50u);
  EXPECT_GT(finite, 50u);
  for (const Case& c : CasesOf("subnormal_temperature", 50)) EXPECT_EQ(std::fpclassify(c.temperature), FP_SUBNORMAL);
}

TEST(FitTest, AnUnboundedTemperatureLeavesNoDifferenceThatAnF32Shows) {
  for (const Case& c : CasesOf("temperature_to_infinity")) {
    // 2^129 / 2^201: exp of that moves a share by less than 2^-71, and 1/k is 2^-25/k away from a midpoint.
    if (std::isfinite(c.temperature)) {
      EXPECT_LE(0x1p129 / c.temperature, 0x1p-72);
    }
  }
}

TEST(FitTest, AMaskHidesSomethingAndShowsSomething) {
  for (const Case& c : CasesOf("masked_content_ignored")) {
    ASSERT_TRUE(c.has_mask);
    if (c.cols < 2 || c.rows == 0) continue;
    EXPECT_NE(std::count(c.mask.begin(), c.mask.end(), std::uint8_t{0}), 0);
    EXPECT_NE(std::count(c.mask.begin(), c.mask.end(), std::uint8_t{1}), 0);
  }
}

TEST(FitTest, SeveralRowsGapsAndSpecialRowsAreThere) {
  for (const Case& c : CasesOf("rows_independent")) EXPECT_NE(c.rows, 1u);
  for (const Case& c : CasesOf("row_stride")) EXPECT_GT(c.logits_gap + c.probs_gap, 0u);
  for (const Case& c : CasesOf("bad_arguments")) EXPECT_FALSE(c.temperature >= 0);
  for (const Case& c : CasesOf("empty_row")) {
    std::size_t shown = 0;
    ForRows(c, [&](std::size_t, float) { ++shown; });
    bool nan_row = false;
    for (const float x : c.logits) nan_row = nan_row || std::isnan(x);
    if (c.cols > 0 && c.rows > 0 && !nan_row) {
      EXPECT_LT(shown, c.rows);
    }
  }
}

// Accepting every simpler case comes to an end, and a small one, though fit undoes some steps.
TEST(ShrinkTest, EndsAtASmallCaseWhereEverythingFails) {
  const subjects::SubjectInfo info = Everything();
  for (const Property& property : Catalogue()) {
    for (std::uint64_t i = 0; i < 12; ++i) {
      Case c = CaseAt(property, info, 13, i);
      if (c.logits.size() > 200) continue;
      std::size_t taken = 0;
      for (bool moved = true; moved && taken <= 500;) {
        moved = false;
        for (const Step& step : Steps(c)) {
          Case next = Prepare(property, Apply(c, step), info);
          if (!Simpler(next, c)) continue;
          c = std::move(next);
          moved = true;
          ++taken;
          break;
        }
      }
      EXPECT_LE(taken, 500u) << property.name << ", index " << i;
      EXPECT_LE(c.logits.size(), 2u) << property.name << ", index " << i;
    }
  }
}

TEST(ShrinkTest, EachStepDoesWhatItSays) {
  Case c;
  c.rows = 2;
  c.cols = 3;
  c.logits = {1.5f, 2.75f, -3.3f, 4, 5, 6};
  c.has_mask = true;
  c.mask = {1, 0, 1, 1, 1, 0};
  c.temperature = 0.7;
  c.offset = 3;
  c.logits_gap = 2;
  c.in_place = true;
  c.law_key = 77;
  using Kind = Step::Kind;
  EXPECT_EQ(Apply(c, {Kind::kKeepRow, 1}).logits, (std::vector<float>{4, 5, 6}));
  EXPECT_EQ(Apply(c, {Kind::kDropColumns, 0, 2}).logits, (std::vector<float>{-3.3f, 6}));
  EXPECT_EQ(Apply(c, {Kind::kDropColumns, 0, 2}).mask, (std::vector<std::uint8_t>{1, 0}));
  EXPECT_FALSE(Apply(c, {Kind::kDropMask}).has_mask);
  EXPECT_EQ(Apply(c, {Kind::kUnitTemperature}).temperature, 1);
  EXPECT_EQ(Apply(c, {Kind::kShortTemperature}).temperature, 0x1.6p-1);
  EXPECT_EQ(Apply(c, {Kind::kDense}).logits_gap, 0u);
  EXPECT_TRUE(Apply(c, {Kind::kDense}).in_place);
  EXPECT_FALSE(Apply(c, {Kind::kOutOfPlace}).in_place);
  EXPECT_EQ(Apply(c, {Kind::kOffsetZero}).offset, 0u);
  EXPECT_FALSE(Apply(c, {Kind::kPlain}).in_place);
  EXPECT_EQ(Apply(c, {Kind::kSmallLawKey, 4}).law_key, 4u);
  EXPECT_EQ(Apply(c, {Kind::kZero, 1}).logits[1], 0);
  EXPECT_EQ(Apply(c, {Kind::kWhole, 1}).logits[1], 2);
  EXPECT_EQ(Apply(c, {Kind::kCut, 2, 2}).logits[2], -3);
  EXPECT_EQ(Apply(c, {Kind::kCutAll, 1}).logits, (std::vector<float>{1, 2, -2, 4, 4, 4}));
}

}  // namespace
}  // namespace assay::properties
