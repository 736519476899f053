// SPDX-License-Identifier: Apache-2.0
//
// Which step of the exact tier's ladder decides: each is taken for the rows it is there for, on every target, so that a
// step that gives everything to the next one (right bits, later) does not go unseen.

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "assay/assay.h"
#include "hwy/targets.h"
#include "kernels.h"
#include "request.h"

namespace assay::internal {
namespace {

constexpr std::int64_t kWithoutFma = HWY_SCALAR | HWY_EMU128 | HWY_SSSE3 | HWY_SSE4;

struct Row {
  std::vector<float> logits;
  double temperature = 1;
  bool zero_bias = false;  // a bias of zeros: the same results, by the path of any row
};

// What decided softmax of the row on target t.
LadderCounts Decided(const Row& row, std::size_t t, bool in_place = false) {
  std::vector<float> x = row.logits, out(x.size());
  const std::vector<float> bias(x.size());
  assay_row_args args{};
  args.struct_size = sizeof(args);
  args.rows = 1;
  args.cols = x.size();
  args.temperature = row.temperature;
  args.logits = {x.data(), 0, 1};
  if (row.zero_bias) args.bias = {bias.data(), 0, 1};
  args.out = {in_place ? x.data() : out.data(), 0, 1};
  Request request;
  EXPECT_EQ(CheckRequest(ASSAY_SOFTMAX, &args, &request), ASSAY_OK);
  LadderCounts counts;
  request.ladder_counts = &counts;
  KernelsAt(t)->rows.of[ASSAY_TIER_EXACT][ASSAY_SOFTMAX][ASSAY_F32](request);
  return counts;
}

// A share within 0.3 of double's last place of a midpoint of f32, in a long row.
std::vector<Row> LongDoubtfulRows() {
  std::vector<Row> rows = {{{0x1.4ab00ep+0f, 0.0625f}, 1}, {{0x1.b7adf4p-4f, 4}, 1},
                           {{0x1.6e461ap-1f, 1.625f}, 1},  {{0x1.50d158p+0f, 0.3125f}, 0.7},
                           {{0x1.7ee3c8p-4f, 4.25f}, 0.7}, {{0x1.810354p-3f, 3}, 0.7}};
  for (Row& row : rows) {
    while (row.logits.size() < 5000) row.logits.push_back(static_cast<float>(row.logits.size() % 8) / 4);
  }
  return rows;
}

// The same with an end that fills no vector and, being e^-60 of the rest, changes no share's doubt.
Row WithATail(Row row) {
  row.logits.insert(row.logits.end(), 3, -60.0f);
  return row;
}

TEST(LadderTest, TakesNoStepWhereNothingIsInDoubt) {
  for (std::size_t t = 0; t < assay_num_targets(); ++t) {
    for (const std::size_t n : {3, 100, 5000}) {
      const LadderCounts counts = Decided({std::vector<float>(n, 0.5f)}, t);
      EXPECT_EQ(counts.precise_rows + counts.pair_rows + counts.double_doubles + counts.integers, 0u)
          << assay_target_name(t) << " n " << n;
    }
  }
}

// Shares in doubt for the rough exponential (one in a million; targets without FMA have no rough one) are decided by
// the precise one.
TEST(LadderTest, DecidesByThePreciseExponentialWhereTheRoughOneCannot) {
  for (std::size_t t = 0; t < assay_num_targets(); ++t) {
    const bool rough = (KernelsAt(t)->target & kWithoutFma) == 0;
    LadderCounts counts;
    std::uint64_t state = 1;
    for (int i = 0; i < (rough ? 20000 : 100) && counts.precise_rows == 0; ++i) {
      Row row = {std::vector<float>(1000)};
      for (float& x : row.logits) {
        state = state * 6364136223846793005 + 1442695040888963407;  // Knuth's MMIX
        x = std::ldexp(static_cast<float>(state >> 40), -22);
      }
      counts = Decided(row, t);
    }
    EXPECT_EQ(counts.precise_rows, rough ? 1u : 0u) << assay_target_name(t);
    EXPECT_EQ(counts.double_doubles, 0u) << assay_target_name(t);
  }
}

TEST(LadderTest, DecidesByPairsInLongRows) {
  for (const Row& doubtful : LongDoubtfulRows()) {
    for (const Row& row : {doubtful, WithATail(doubtful)}) {
      for (std::size_t t = 0; t < assay_num_targets(); ++t) {
        for (const bool in_place : {false, true}) {
          const LadderCounts counts = Decided(row, t, in_place);
          EXPECT_EQ(counts.pair_rows, 1u) << assay_target_name(t) << " " << row.logits[0];
          EXPECT_EQ(counts.double_doubles + counts.integers, 0u) << assay_target_name(t) << " " << row.logits[0];
        }
      }
    }
  }
}

TEST(LadderTest, DecidesByDoubleDoubleInOtherRows) {
  for (Row row : LongDoubtfulRows()) {
    row.zero_bias = true;
    for (std::size_t t = 0; t < assay_num_targets(); ++t) {
      const LadderCounts counts = Decided(row, t);
      EXPECT_EQ(counts.precise_rows + counts.pair_rows + counts.integers, 0u) << assay_target_name(t);
      EXPECT_GE(counts.double_doubles, 1u) << assay_target_name(t) << " " << row.logits[0];
    }
  }
}

// Rows of targets_test.cc: closer to a midpoint than double-double can tell.
TEST(LadderTest, DecidesByIntegersWhatIsLeft) {
  const Row rows[] = {{{0.0f, -0x1.8p-23f, -0x1.88c3eep+5f, -0x1.f1b5b8p+5f, -0x1.2da1eep+6f}},
                      {{0.0f, -0x1.3p-20f, -0x1.5c772cp+5f, -0x1.c31ac8p+5f, -0x1.149062p+6f}}};
  for (const Row& row : rows) {
    for (std::size_t t = 0; t < assay_num_targets(); ++t) {
      const LadderCounts counts = Decided(row, t);
      EXPECT_GE(counts.integers, 1u) << assay_target_name(t);
      EXPECT_GE(counts.double_doubles, counts.integers) << assay_target_name(t);
    }
  }
}

}  // namespace
}  // namespace assay::internal
