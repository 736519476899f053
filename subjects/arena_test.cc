// SPDX-License-Identifier: Apache-2.0

#include "subjects/arena.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "subjects/testing.h"

namespace assay::subjects {
namespace {

std::uintptr_t Address(const void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer); }

float* Probs(const assay_softmax_args& args) { return static_cast<float*>(args.probs); }

Case Strided() {
  Case c = NormalCase(3, 5, 1);
  c.logits_gap = 2;
  c.probs_gap = 4;
  c.has_mask = true;
  c.mask.assign(15, 1);
  return c;
}

TEST(ArenaTest, PutsTheEndAgainstTheGuard) {
  Arena arena;
  const Case c = Strided();
  const assay_softmax_args args = arena.Place(c, {}, {});
  EXPECT_EQ(args.logits_row_stride, 7);
  EXPECT_EQ(args.probs_row_stride, 9);
  EXPECT_EQ(args.mask_row_stride, 7);
  const std::uintptr_t logits_end = Address(args.logits) + (2 * 7 + 5) * 4;
  EXPECT_EQ(logits_end % 4096, 0);
  EXPECT_EQ((Address(args.probs) + (2 * 9 + 5) * 4) % 4096, 0);
  EXPECT_EQ((Address(args.mask) + (2 * 7 + 5)) % 4096, 0);
  EXPECT_EQ(arena.Locate(logits_end), "0 bytes past the end of logits");
  EXPECT_EQ(arena.Locate(logits_end + 4000), "4000 bytes past the end of logits");
  EXPECT_EQ(arena.Locate(Address(args.mask) - 3), "3 bytes before the start of mask");
  EXPECT_EQ(arena.Locate(Address(args.probs) + 4), "inside probs");
  EXPECT_EQ(arena.Locate(16), "");
}

TEST(ArenaTest, PutsTheStartAgainstTheGuard) {
  Arena arena;
  Case c = Strided();
  c.guard = Guard::kBefore;
  EXPECT_EQ(Address(arena.Place(c, {}, {}).logits) % 4096, 0);
  c.offset = 3;
  const assay_softmax_args args = arena.Place(c, {}, {});
  EXPECT_EQ(Address(args.logits) % 4096, 12);
  EXPECT_EQ(Address(args.probs) % 4096, 12);
  EXPECT_EQ(Address(args.mask) % 4096, 3);
}

TEST(ArenaTest, LeavesRoomForOffsetAndOverRead) {
  Arena arena;
  Case c = Strided();
  c.offset = 1;
  SubjectInfo info;
  info.over_read_bytes = 28;
  const assay_softmax_args args = arena.Place(c, info, {});
  const auto* end = static_cast<const float*>(args.logits) + (2 * 7 + 5);
  EXPECT_EQ(Address(end) % 4096, 4096 - 32);
  for (int i = 0; i < 8; ++i) EXPECT_TRUE(std::isnan(end[i]));  // readable, and it shows
}

TEST(ArenaTest, AlignsEveryRow) {
  Arena arena;
  SubjectInfo info;
  info.alignment_bytes = 64;
  for (const Guard guard : {Guard::kAfter, Guard::kBefore}) {
    for (const std::size_t offset : {0, 1, 17}) {
      Case c = Strided();
      c.guard = guard;
      c.offset = offset;
      const assay_softmax_args args = arena.Place(c, info, {});
      EXPECT_EQ(args.logits_row_stride % 16, 0);
      EXPECT_EQ(args.probs_row_stride % 16, 0);
      EXPECT_EQ(args.mask_row_stride % 64, 0);
      EXPECT_EQ((Address(args.logits) | Address(args.probs) | Address(args.mask)) % 64, 0);
    }
  }
}

TEST(ArenaTest, ReturnsWhatWasWritten) {
  Arena arena;
  const Case c = Strided();
  const assay_softmax_args args = arena.Place(c, {}, {.poison = 0x11});
  Probs(args)[9 + 2] = 0.5F;
  RunResult result;
  arena.Collect(c, &result);
  ASSERT_EQ(result.probs.size(), 15);
  EXPECT_EQ(result.probs[7], 0.5F);
  EXPECT_EQ(Bits(result.probs)[8], 0x11111111);
  EXPECT_TRUE(result.outside_intact);
  EXPECT_TRUE(result.inputs_intact);
}

TEST(ArenaTest, SeesEveryStrayWrite) {
  Arena arena;
  const Case c = Strided();
  const auto stray = [&](bool in_place, auto write) {
    Case placed = c;
    placed.in_place = in_place;
    write(arena.Place(placed, {}, {}));
    RunResult result;
    arena.Collect(placed, &result);
    return std::pair(result.outside_intact, result.inputs_intact);
  };
  using Args = assay_softmax_args;
  const std::pair outside(false, true);
  const std::pair inputs(true, false);
  EXPECT_EQ(stray(false, [](const Args& a) { Probs(a)[-1] = 0; }), outside);
  EXPECT_EQ(stray(false, [](const Args& a) { Probs(a)[5] = 0; }), outside);
  EXPECT_EQ(stray(false, [](const Args& a) { Probs(a)[9 + 8] = 0; }), outside);
  EXPECT_EQ(stray(true, [](const Args& a) { Probs(a)[5] = 0; }), outside);
  EXPECT_EQ(stray(true, [](const Args& a) { Probs(a)[0] = 0; }), std::pair(true, true));
  EXPECT_EQ(stray(false, [](const Args& a) { const_cast<float*>(static_cast<const float*>(a.logits))[0] = 7; }),
            inputs);
  EXPECT_EQ(stray(false, [](const Args& a) { const_cast<float*>(static_cast<const float*>(a.logits))[5] = 7; }),
            inputs);
  EXPECT_EQ(stray(false, [](const Args& a) { const_cast<std::uint8_t*>(a.mask)[0] = 0; }), inputs);
  EXPECT_EQ(stray(false, [](const Args& a) { const_cast<std::uint8_t*>(a.mask)[-1] = 0; }), inputs);
}

TEST(ArenaTest, ServesEmptyAndLargeCases) {
  Arena arena;
  RunResult result;
  for (const Case& c : {DenseCase(0, 5, {}), DenseCase(std::size_t{1} << 40, 0, {}), DenseCase(0, 0, {})}) {
    EXPECT_NE(arena.Place(c, {}, {}).logits, nullptr);
    arena.Collect(c, &result);
    EXPECT_TRUE(result.probs.empty() && result.outside_intact && result.inputs_intact);
  }
  const Case large = DenseCase(1, 3'000'000, std::vector<float>(3'000'000, 1.0F));
  for (int twice = 0; twice < 2; ++twice) {  // its pages are returned in between
    const assay_softmax_args args = arena.Place(large, {}, {});
    Probs(args)[2'999'999] = 0.25F;
    arena.Collect(large, &result);
    EXPECT_EQ(result.probs[2'999'999], 0.25F);
    EXPECT_TRUE(result.outside_intact && result.inputs_intact);
  }
}

TEST(ArenaTest, RefusesWhatDoesNotFit) {
  Arena arena;
  Case c = NormalCase(1, 5, 1);
  c.offset = std::size_t{1} << 40;
  EXPECT_THROW(arena.Place(c, {}, {}), std::length_error);
  c = NormalCase(2, 5, 1);
  c.probs_gap = std::size_t{1} << 30;
  EXPECT_THROW(arena.Place(c, {}, {}), std::length_error);
  c = NormalCase(2, 5, 1);
  c.rows = 3;
  EXPECT_THROW(arena.Place(c, {}, {}), std::invalid_argument);
}

}  // namespace
}  // namespace assay::subjects
