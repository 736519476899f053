// SPDX-License-Identifier: Apache-2.0

#include "subjects/arena.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <set>

#include "subjects/testing.h"

namespace assay::subjects {
namespace {

std::uintptr_t Address(const void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer); }

float* Out(const assay_row_args& args) { return static_cast<float*>(args.out.data); }
float* Logits(const assay_row_args& args) { return const_cast<float*>(static_cast<const float*>(args.logits.data)); }
std::uint8_t* Mask(const assay_row_args& args) {
  return const_cast<std::uint8_t*>(static_cast<const std::uint8_t*>(args.mask.data));
}

Case Strided() {
  Case c = NormalCase(3, 5, 1);
  Give(c, Role::kMask);
  c.logits.layout.gap = c.mask.layout.gap = 2;
  c.out.gap = 4;
  return c;
}

assay_row_args PlaceOne(Arena* arena, const Case& c, const SubjectInfo& info = {}, const RunOptions& options = {}) {
  return arena->Place(c, info, options).args[0];
}

TEST(ArenaTest, PutsTheEndAgainstTheGuard) {
  Arena arena;
  const assay_row_args args = PlaceOne(&arena, Strided());
  EXPECT_EQ(args.logits.row_stride, 7);
  EXPECT_EQ(args.logits.col_stride, 1);
  EXPECT_EQ(args.out.row_stride, 9);
  EXPECT_EQ(args.mask.row_stride, 7);
  EXPECT_EQ(args.bias.data, nullptr);
  const std::uintptr_t logits_end = Address(args.logits.data) + (2 * 7 + 5) * 4;
  EXPECT_EQ(logits_end % 4096, 0);
  EXPECT_EQ((Address(args.out.data) + (2 * 9 + 5) * 4) % 4096, 0);
  EXPECT_EQ((Address(args.mask.data) + (2 * 7 + 5)) % 4096, 0);
  EXPECT_EQ(arena.Locate(logits_end), "0 bytes past the end of logits");
  EXPECT_EQ(arena.Locate(logits_end + 4000), "4000 bytes past the end of logits");
  EXPECT_EQ(arena.Locate(Address(args.mask.data) - 3), "3 bytes before the start of mask");
  EXPECT_EQ(arena.Locate(Address(args.out.data) + 4), "inside out");
  EXPECT_EQ(arena.Locate(16), "");
}

TEST(ArenaTest, PutsTheStartAgainstTheGuard) {
  Arena arena;
  Case c = Strided();
  c.guard = Guard::kBefore;
  EXPECT_EQ(Address(PlaceOne(&arena, c).logits.data) % 4096, 0);
  c.offset = 3;
  const assay_row_args args = PlaceOne(&arena, c);
  EXPECT_EQ(Address(args.logits.data) % 4096, 12);
  EXPECT_EQ(Address(args.out.data) % 4096, 12);
  EXPECT_EQ(Address(args.mask.data) % 4096, 3);
}

TEST(ArenaTest, PointsAtTheFirstEntryOfBackwardMatrices) {
  Arena arena;
  Case c = NormalCase(3, 5, 1);
  c.logits.layout = {.gap = 1, .step = 2, .rows_backward = true, .cols_backward = true};
  c.guard = Guard::kBefore;
  const assay_row_args args = PlaceOne(&arena, c);
  EXPECT_EQ(args.logits.row_stride, -10);
  EXPECT_EQ(args.logits.col_stride, -2);
  EXPECT_EQ(Address(Logits(args) - 28) % 4096, 0);  // entry [2, 4] is the lowest
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < 5; ++j) {
      EXPECT_EQ(static_cast<double>(Logits(args)[-10 * i - 2 * j]), c.logits[static_cast<std::size_t>(5 * i + j)]);
    }
  }
  EXPECT_TRUE(std::isnan(Logits(args)[-1]));  // between steps
  EXPECT_TRUE(std::isnan(Logits(args)[-9]));  // between rows
}

TEST(ArenaTest, FillsWhatIsNoEntryWithWhatShows) {
  Arena arena;
  for (int dtype = 0; dtype < ASSAY_NUM_DTYPES; ++dtype) {
    Case c = MakeCase(ASSAY_CROSS_ENTROPY, static_cast<assay_dtype>(dtype), 2, 3);
    Give(c, Role::kMask);
    c.logits.layout.step = c.mask.layout.step = c.labels.layout.gap = 2;
    const assay_row_args args = PlaceOne(&arena, c);
    Array between(ElementOf(c.dtype), 1);
    std::memcpy(between.data(), static_cast<const std::byte*>(args.logits.data) + between.size_bytes(),
                between.size_bytes());
    EXPECT_TRUE(std::isnan(between[0])) << dtype;
    EXPECT_NE(Mask(args)[1], 0);
    const auto* labels = static_cast<const std::int64_t*>(args.labels.data);
    EXPECT_EQ(labels[0], 0);
    EXPECT_LT(labels[1], -1000);
    EXPECT_EQ(args.labels.row_stride, 3);
  }
}

TEST(ArenaTest, FillsWhatIsNoEntryOfInputsWithTheBytesAskedFor) {
  Arena arena;
  Case c = MakeCase(ASSAY_SOFTMAX, ASSAY_F32, 2, 3);
  Give(c, Role::kMask);
  c.logits.layout.step = c.mask.layout.step = c.out.step = 2;
  const Call call = arena.Place(c, {}, {.poison = 0x11, .padding = 0x7B});
  EXPECT_EQ(static_cast<const std::uint8_t*>(call.args[0].logits.data)[4], 0x7B);
  EXPECT_EQ(static_cast<const std::uint8_t*>(call.args[0].mask.data)[1], 0x7B);
  EXPECT_EQ(static_cast<const std::uint8_t*>(call.args[0].out.data)[4], 0x11);
}

TEST(ArenaTest, LeavesRoomForOffsetAndOverRead) {
  Arena arena;
  Case c = Strided();
  c.offset = 1;
  SubjectInfo info;
  info.over_read_bytes = 28;
  const assay_row_args args = PlaceOne(&arena, c, info);
  const float* end = Logits(args) + (2 * 7 + 5);
  EXPECT_EQ(Address(end) % 4096, 4096 - 32);
  for (int i = 0; i < 8; ++i) EXPECT_TRUE(std::isnan(end[i]));  // readable, and it shows
}

TEST(ArenaTest, AlignsEveryRow) {
  Arena arena;
  SubjectInfo info;
  info.alignment_bytes = 64;
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    const Case c = AnyCase(seed);
    const assay_row_args args = PlaceOne(&arena, c, info);
    ForEachInput(c, [&](Role role, const Operand&) {
      const assay_const_matrix matrices[] = {args.logits,   args.bias,    args.mask,  args.saved,
                                             args.upstream, args.targets, args.labels};
      const auto& matrix = matrices[static_cast<std::size_t>(role)];
      EXPECT_EQ(Address(matrix.data) % 64, 0) << seed;
      if (ShapeOf(c, role).cols == 1 || c.rows <= 1) return;
      EXPECT_EQ(matrix.row_stride * static_cast<std::ptrdiff_t>(BytesOf(c.operand(role).values.element())) % 64, 0);
    });
    EXPECT_EQ(Address(args.out.data) % 64, 0) << seed;
  }
}

// Every valid case: what the subject finds through data and strides is what the case says, and what it writes there
// comes back, whatever the layout.
TEST(ArenaTest, RoundTripsEveryLayout) {
  Arena arena;
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    const Case c = AnyCase(seed);
    const assay_row_args args = PlaceOne(&arena, c);
    const auto entry = [](const auto& matrix, std::size_t bytes, std::size_t i, std::size_t j) {
      const auto at =
          static_cast<std::ptrdiff_t>(i) * matrix.row_stride + static_cast<std::ptrdiff_t>(j) * matrix.col_stride;
      return static_cast<const std::byte*>(matrix.data) + at * static_cast<std::ptrdiff_t>(bytes);
    };
    ForEachInput(c, [&](Role role, const Operand& operand) {
      const assay_const_matrix matrices[] = {args.logits,   args.bias,    args.mask,  args.saved,
                                             args.upstream, args.targets, args.labels};
      const Shape shape = ShapeOf(c, role);
      const std::size_t bytes = BytesOf(operand.values.element());
      for (std::size_t k = 0; k < shape.size(); ++k) {
        const std::byte* const at =
            entry(matrices[static_cast<std::size_t>(role)], bytes, k / shape.cols, k % shape.cols);
        ASSERT_EQ(std::memcmp(at, operand.values.data() + k * bytes, bytes), 0) << seed << " " << RoleName(role);
      }
    });
    const Shape shape = ShapeOf(c, Role::kOut);
    Array written(ElementOf(c.dtype), shape.size());
    const std::size_t bytes = BytesOf(written.element());
    for (std::size_t k = 0; k < shape.size(); ++k) {
      written.SetBits(k, Mix(seed * 1000 + k));
      auto* const at = const_cast<std::byte*>(entry(args.out, bytes, k / shape.cols, k % shape.cols));
      std::memcpy(at, written.data() + k * bytes, bytes);
    }
    RunResult result;
    arena.Collect(c, {}, &result);
    ASSERT_EQ(result.out, written) << seed;
    ASSERT_TRUE(result.outside_intact && result.inputs_intact) << seed;
  }
}

// Every valid case: one byte changed anywhere near the buffers is seen, whether it is an entry, a gap or a margin.
TEST(ArenaTest, SeesAByteChangedAnywhere) {
  Arena arena;
  std::set<std::pair<bool, bool>> seen;
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    Case c = AnyCase(seed);
    c.guard = Guard::kAfter;
    Random random(seed, 3);
    const bool of_out = random.Below(2) == 0;
    const Role role = of_out ? Role::kOut : HasLogits(c.op) ? Role::kLogits : Role::kSaved;
    const Extent of = ExtentOf(c, role);
    const assay_row_args args = PlaceOne(&arena, c);
    const assay_const_matrix in = HasLogits(c.op) ? args.logits : args.saved;
    const auto bytes = static_cast<std::ptrdiff_t>(BytesOf(ElementOf(c.dtype)));
    auto* const begin =
        (of_out ? static_cast<std::byte*>(args.out.data) : static_cast<std::byte*>(const_cast<void*>(in.data))) -
        static_cast<std::ptrdiff_t>(of.lead) * bytes;
    const auto spread = static_cast<std::ptrdiff_t>(of.reach) * bytes + 100;
    const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(random.Below(static_cast<std::uint64_t>(spread))) - 100;
    RunResult clean;
    arena.Collect(c, {}, &clean);
    begin[at] = ~begin[at];
    RunResult result;
    arena.Collect(c, {}, &result);
    const bool is_out = of_out || (c.in_place && role == InPlaceRole(c.op));
    if (is_out) {
      ASSERT_TRUE(!result.outside_intact || !(result.out == clean.out)) << seed;
      ASSERT_TRUE(result.inputs_intact) << seed;
    } else {
      ASSERT_FALSE(result.inputs_intact) << seed;
      ASSERT_TRUE(result.outside_intact && result.out == clean.out) << seed;
    }
    seen.insert({result.outside_intact, result.inputs_intact});
  }
  EXPECT_EQ(seen.size(), 3);
}

TEST(ArenaTest, ReturnsWhatWasWritten) {
  Arena arena;
  const Case c = Strided();
  const assay_row_args args = PlaceOne(&arena, c, {}, {.poison = 0x11});
  Out(args)[9 + 2] = 0.5F;
  RunResult result;
  arena.Collect(c, {}, &result);
  ASSERT_EQ(result.out.size(), 15);
  EXPECT_EQ(result.out[7], 0.5);
  EXPECT_EQ(result.out.Bits(8), 0x11111111);
  EXPECT_TRUE(result.outside_intact);
  EXPECT_TRUE(result.inputs_intact);
}

TEST(ArenaTest, SeesEveryStrayWrite) {
  Arena arena;
  const Case c = Strided();
  const auto stray = [&](bool in_place, auto write) {
    Case placed = c;
    placed.in_place = in_place;
    write(PlaceOne(&arena, placed));
    RunResult result;
    arena.Collect(placed, {}, &result);
    return std::pair(result.outside_intact, result.inputs_intact);
  };
  using Args = assay_row_args;
  const std::pair outside(false, true);
  const std::pair inputs(true, false);
  EXPECT_EQ(stray(false, [](const Args& a) { Out(a)[-1] = 0; }), outside);
  EXPECT_EQ(stray(false, [](const Args& a) { Out(a)[5] = 0; }), outside);
  EXPECT_EQ(stray(false, [](const Args& a) { Out(a)[9 + 8] = 0; }), outside);
  EXPECT_EQ(stray(true, [](const Args& a) { Out(a)[5] = 0; }), outside);
  EXPECT_EQ(stray(true, [](const Args& a) { Out(a)[0] = 0; }), std::pair(true, true));
  EXPECT_EQ(stray(false, [](const Args& a) { Logits(a)[0] = 7; }), inputs);
  EXPECT_EQ(stray(false, [](const Args& a) { Logits(a)[5] = 7; }), inputs);
  EXPECT_EQ(stray(false, [](const Args& a) { Mask(a)[0] = 0; }), inputs);
  EXPECT_EQ(stray(false, [](const Args& a) { Mask(a)[-1] = 0; }), inputs);
}

TEST(ArenaTest, GivesEveryThreadAnOutOfItsOwn) {
  Arena arena;
  const Case c = Strided();
  const Call call = arena.Place(c, {}, {.threads = kMaxThreads});
  EXPECT_EQ(call.threads, kMaxThreads);
  for (std::size_t t = 0; t < kMaxThreads; ++t) {
    EXPECT_EQ(call.args[t].logits.data, call.args[0].logits.data);
    Out(call.args[t])[1] = static_cast<float>(t);
  }
  EXPECT_EQ(arena.Locate(Address(call.args[2].out.data)), "inside out (thread 2)");
  RunResult result;
  arena.Collect(c, {}, &result);
  ASSERT_EQ(result.others.size(), kMaxThreads - 1);
  EXPECT_EQ(result.out[1], 0);
  for (std::size_t t = 1; t < kMaxThreads; ++t) EXPECT_EQ(result.others[t - 1][1], static_cast<double>(t));
  EXPECT_TRUE(result.outside_intact && result.inputs_intact);
  Out(call.args[3])[5] = 0;  // a gap
  arena.Collect(c, {}, &result);
  EXPECT_FALSE(result.outside_intact);
}

TEST(ArenaTest, ServesEmptyAndLargeCases) {
  Arena arena;
  RunResult result;
  for (const Case& c : {DenseCase(0, 5, {}), DenseCase(std::size_t{1} << 40, 0, {}), DenseCase(0, 0, {})}) {
    EXPECT_NE(PlaceOne(&arena, c).logits.data, nullptr);
    arena.Collect(c, {}, &result);
    EXPECT_TRUE(result.out.empty() && result.outside_intact && result.inputs_intact);
  }
  const Case large = DenseCase(1, 3'000'000, std::vector<float>(3'000'000, 1.0F));
  for (int twice = 0; twice < 2; ++twice) {  // its pages are returned in between
    const assay_row_args args = PlaceOne(&arena, large);
    Out(args)[2'999'999] = 0.25F;
    arena.Collect(large, {}, &result);
    EXPECT_EQ(result.out[2'999'999], 0.25);
    EXPECT_TRUE(result.outside_intact && result.inputs_intact);
  }
}

TEST(ArenaTest, RefusesWhatDoesNotFit) {
  Arena arena;
  Case c = NormalCase(1, 5, 1);
  c.offset = std::size_t{1} << 40;
  EXPECT_THROW(PlaceOne(&arena, c), std::length_error);
  c = NormalCase(2, 5, 1);
  c.out.gap = std::size_t{1} << 30;
  EXPECT_THROW(PlaceOne(&arena, c), std::length_error);
  c = NormalCase(2, 5, 1);
  c.rows = 3;
  EXPECT_THROW(PlaceOne(&arena, c), std::invalid_argument);
  c = NormalCase(2, 5, 1);
  EXPECT_THROW(PlaceOne(&arena, c, {}, {.threads = kMaxThreads + 1}), std::invalid_argument);
  EXPECT_THROW(PlaceOne(&arena, c, {}, {.threads = 0}), std::invalid_argument);
  EXPECT_THROW(PlaceOne(&arena, c, {}, {.environment = {.rounding = 4}}), std::invalid_argument);
  EXPECT_THROW(PlaceOne(&arena, c, {}, {.repeat = 0}), std::invalid_argument);
  c.in_place = true;
  EXPECT_THROW(PlaceOne(&arena, c, {}, {.threads = 2}), std::invalid_argument);
}

}  // namespace
}  // namespace assay::subjects
