// SPDX-License-Identifier: Apache-2.0
//
// Rows that lie side by side, their columns apart: every operation gives them the bits that it gives contiguous rows,
// in both tiers, on every target, and writes nothing else.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "assay/assay.h"
#include "inner_cases.h"
#include "kernels.h"
#include "number.h"
#include "request.h"

namespace assay::internal {
namespace {

void ExpectEqualResults(const assay_subject& subject, const Setting& s, Operands& contiguous, Operands& inner) {
  ASSERT_EQ(Run(subject, s, contiguous), ASSAY_OK);
  ASSERT_EQ(Run(subject, s, inner), ASSAY_OK);
  const std::vector<std::uint8_t>& want = ResultsOf(s, contiguous);
  const std::vector<std::uint8_t>& got = ResultsOf(s, inner);
  const std::size_t bytes = BytesOf(s.dtype);
  std::vector<bool> written(got.size() / bytes);
  const bool reduced = s.op == ASSAY_CROSS_ENTROPY && s.reduction != ASSAY_REDUCTION_NONE;
  for (std::size_t i = 0; i < (reduced ? 1 : s.shape.rows); ++i) {
    for (std::size_t j = 0; j < (HasOneColumn(s.op) ? 1 : s.shape.cols); ++j) {
      const std::size_t want_at = HasOneColumn(s.op) ? i : contiguous.At(i, j);
      const std::size_t got_at = HasOneColumn(s.op) ? i : inner.At(i, j);
      written[got_at] = true;
      ASSERT_EQ(std::memcmp(&want[want_at * bytes], &got[got_at * bytes], bytes), 0)
          << subject.name << ", operation " << s.op << ", type " << s.dtype << ", " << s.shape.rows << " x "
          << s.shape.cols << ", values " << static_cast<int>(s.values) << (s.masked ? ", masked" : "")
          << (s.biased ? ", biased" : "") << (s.in_place ? ", in place" : "") << ", T = " << s.temperature << ": entry "
          << i << ", " << j << ", want " << LoadNumber(s.dtype, want.data(), static_cast<std::ptrdiff_t>(want_at))
          << ", got " << LoadNumber(s.dtype, got.data(), static_cast<std::ptrdiff_t>(got_at));
    }
  }
  for (std::size_t at = 0; at < got.size(); ++at) {
    if (written[at / bytes]) continue;
    ASSERT_EQ(got[at], 0xA5) << "operation " << s.op << ", byte " << at;
  }
}

void ExpectTheBitsOfContiguousRows(const assay_subject& subject, const Setting& s, unsigned seed) {
  Operands contiguous(s.dtype, s.shape, false, 0);
  Operands inner(s.dtype, s.shape, true, seed % 3);
  Fill(s, contiguous, seed);
  Fill(s, inner, seed);
  ExpectEqualResults(subject, s, contiguous, inner);
}

// A lane more and fewer than vectors have, several groups of vectors, rows too short for lanes of their own, rows too
// long for a tile.
constexpr Shape kShapes[] = {{3, 5},    {4, 2},    {7, 33},  {8, 17},   {9, 64},    {15, 65},  {16, 63},
                             {17, 130}, {33, 100}, {83, 31}, {20, 300}, {17, 2100}, {3, 2500}, {5, 4300}};

// Whether the fast tier has no kernel of its own.
bool IsExact(std::size_t target, assay_op op, std::int32_t dtype) {
  const KernelTable& rows = KernelsAt(target)->rows;
  return rows.of[ASSAY_TIER_FAST][op][dtype] == rows.of[ASSAY_TIER_EXACT][op][dtype];
}

void ForEachSetting(assay_tier tier) {
  unsigned seed = 1;
  for (std::size_t target = 0; target < assay_num_targets(); ++target) {
    const assay_subject& subject = *assay_target_subject(target, tier);
    for (int op = 0; op < ASSAY_NUM_ROW_OPS; ++op) {
      for (const Shape shape : kShapes) {
        for (const Values values : {Values::kUsual, Values::kSpread, Values::kFarDown, Values::kSpecial, Values::kHuge,
                                    Values::kCancelling}) {
          for (std::int32_t dtype = 0; dtype < ASSAY_NUM_DTYPES; ++dtype) {
            ++seed;
            if (shape.cols > 1000 && seed % 4 != target % 4) continue;  // they take long
            if (tier == ASSAY_TIER_FAST && IsExact(target, static_cast<assay_op>(op), dtype)) continue;
            ExpectTheBitsOfContiguousRows(subject, SettingOf(static_cast<assay_op>(op), dtype, shape, values, seed),
                                          seed);
            if (testing::Test::HasFatalFailure()) return;
          }
        }
      }
    }
  }
}

// A row of f32 whose softmax the exact tier's first steps leave in doubt: the next one as its entries grow.
bool FindDoubtful(std::vector<float>& x) {
  std::mt19937 random(1);
  std::vector<float> p(x.size());
  for (int tries = 0; tries < 1 << 22; ++tries) {
    float& one = x[random() % x.size()];
    one = std::nextafter(one, 1000.0f);
    LadderCounts counts;
    Request request{};
    request.op = ASSAY_SOFTMAX;
    request.args.rows = 1;
    request.args.cols = x.size();
    request.args.temperature = 1;
    request.args.logits = {x.data(), 0, 1};
    request.args.out = {p.data(), 0, 1};
    request.ladder_counts = &counts;
    KernelsAt(0)->rows.of[ASSAY_TIER_EXACT][ASSAY_SOFTMAX][ASSAY_F32](request);
    if (counts.double_doubles > 0) return true;
  }
  return false;
}

TEST(InnerTest, RowsInDoubtHaveTheBitsOfContiguousRows) {
  constexpr Shape kShape = {19, 40};
  Setting s = SettingOf(ASSAY_SOFTMAX, ASSAY_F32, kShape, Values::kUsual, 0);
  s.masked = s.biased = false;
  Operands contiguous(s.dtype, kShape, false, 0);
  Operands inner(s.dtype, kShape, true, 0);
  Fill(s, contiguous, 1);
  Fill(s, inner, 1);
  std::vector<float> x(kShape.cols);
  for (const std::size_t row : {3, 4, 9, 18}) {
    const float least = row == 9 ? 300.5f : 0.5f;  // in row 9 beyond what pairs serve, but not the first sums
    for (std::size_t j = 0; j < x.size(); ++j) x[j] = least + static_cast<float>((j * j + row) % 17) * 0.37f;
    ASSERT_TRUE(FindDoubtful(x));
    for (std::size_t j = 0; j < x.size(); ++j) {
      contiguous.Set(contiguous.first, row, j, static_cast<double>(x[j]));
      inner.Set(inner.first, row, j, static_cast<double>(x[j]));
    }
  }
  for (const bool in_place : {false, true}) {
    s.in_place = in_place;
    for (std::size_t target = 0; target < assay_num_targets(); ++target) {
      Operands want = contiguous;
      Operands got = inner;
      ExpectEqualResults(*assay_target_subject(target, ASSAY_TIER_EXACT), s, want, got);
    }
  }
}

TEST(InnerTest, FastRowsHaveTheBitsOfContiguousRows) { ForEachSetting(ASSAY_TIER_FAST); }

TEST(InnerTest, ExactRowsHaveTheBitsOfContiguousRows) { ForEachSetting(ASSAY_TIER_EXACT); }

}  // namespace
}  // namespace assay::internal
