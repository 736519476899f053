// SPDX-License-Identifier: Apache-2.0
//
// What attention promises of its bits: the same on every target in the exact tier, for one query as for many, in place
// as out of place; and what its calls refuse. Accuracy is the suite's to judge.

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <limits>

#include "attention_cases.h"
#include "number.h"
#include "request.h"

namespace assay::internal {
namespace {

constexpr assay_dtype kDtypes[] = {ASSAY_F32, ASSAY_F16, ASSAY_BF16};

std::uint64_t HashOf(const assay_subject& subject, assay_op op, assay_dtype dtype) {
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (std::size_t i = 0; i < kFixedAttention; ++i) {
    FixedAttention one(op, dtype, i);
    EXPECT_EQ(one.Run(subject), ASSAY_OK) << i;
    for (const std::uint8_t byte : one.Outputs()) hash = (hash ^ byte) * 0x100000001b3;
  }
  return hash;
}

// After a change that means to change bits, what the failing test prints replaces this.
constexpr std::uint64_t kHashes[2][3] = {{0xdeaa30f3f4468a2a, 0xb99c99533d1703c9, 0x2509d2d5ade1466c},
                                         {0x23b94ccdf6774393, 0x0919a6ef5d4bd442, 0x6bd9aefb7a285178}};

TEST(AttentionHashTest, IsTheSameOnEveryTarget) {
  for (std::size_t target = 0; target < assay_num_targets(); ++target) {
    for (const assay_op op : {ASSAY_ATTENTION, ASSAY_ATTENTION_BACKWARD}) {
      for (std::size_t i = 0; i < std::size(kDtypes); ++i) {
        const std::uint64_t hash = HashOf(*assay_target_subject(target, ASSAY_TIER_EXACT), op, kDtypes[i]);
        EXPECT_EQ(hash, kHashes[op - ASSAY_ATTENTION][i])
            << assay_target_name(target) << ", operation " << op << ", type " << i;
        if (HasFailure()) std::printf("%d %zu: 0x%016llx\n", op, i, static_cast<unsigned long long>(hash));
      }
    }
  }
}

// One query of a call: query `i` alone, at the end of a call with as many keys as it may see.
TEST(AttentionTest, DecodingGivesTheRowOfThePrefill) {
  for (std::size_t target = 0; target < assay_num_targets(); ++target) {
    const assay_subject& subject = *assay_target_subject(target, ASSAY_TIER_EXACT);
    for (std::size_t i = 0; i < kFixedAttention; ++i) {
      FixedAttention one(ASSAY_ATTENTION, ASSAY_F32, i);
      assay_attention_args& a = one.args();
      if (a.alignment == ASSAY_TOP_LEFT) continue;
      ASSERT_EQ(one.Run(subject), ASSAY_OK);
      const std::vector<std::uint8_t> all = one.Outputs();
      const std::size_t row_bytes = a.value_dim * sizeof(float);
      // The last query of every head, as the only one.
      const std::size_t rows = a.seq_q;
      const auto skip = [&](auto& tensor, std::size_t element_bytes) {
        using Byte = std::conditional_t<std::is_const_v<std::remove_pointer_t<decltype(tensor.data)>>,
                                        const std::uint8_t, std::uint8_t>;
        if (tensor.data == nullptr) return;
        tensor.data = static_cast<Byte*>(tensor.data) +
                      static_cast<std::ptrdiff_t>((rows - 1) * element_bytes) * tensor.strides[2];
      };
      skip(a.q, sizeof(float));
      skip(a.bias, sizeof(float));
      skip(a.mask, 1);
      skip(a.out, sizeof(float));
      skip(a.lse, BytesOf(a.lse_dtype));
      a.seq_q = 1;
      ASSERT_EQ(one.Run(subject), ASSAY_OK);
      const std::vector<std::uint8_t> last = one.Outputs();
      for (std::size_t head = 0; head < a.batch * a.num_heads; ++head) {
        const std::size_t at = ((head + 1) * rows - 1) * row_bytes;
        EXPECT_EQ(std::memcmp(all.data() + at, last.data() + at, row_bytes), 0)
            << assay_target_name(target) << ", case " << i << ", head " << head;
      }
    }
  }
}

TEST(AttentionTest, InPlaceGivesTheSameBits) {
  for (std::size_t target = 0; target < assay_num_targets(); ++target) {
    for (const assay_tier tier : {ASSAY_TIER_EXACT, ASSAY_TIER_FAST}) {
      const assay_subject& subject = *assay_target_subject(target, tier);
      std::size_t compared = 0;
      for (std::size_t i = 0; i < kFixedAttention; ++i) {
        FixedAttention one(ASSAY_ATTENTION, kDtypes[i % 3], i);
        assay_attention_args& a = one.args();
        if (a.head_dim != a.value_dim) continue;
        ASSERT_EQ(one.Run(subject), ASSAY_OK);
        const std::size_t bytes = a.batch * a.num_heads * a.seq_q * a.value_dim * BytesOf(a.dtype);
        const std::vector<std::uint8_t> want = one.Outputs();
        a.out.data = const_cast<void*>(a.q.data);
        ASSERT_EQ(one.Run(subject), ASSAY_OK);
        EXPECT_EQ(std::memcmp(want.data(), a.q.data, bytes), 0) << assay_target_name(target) << ", case " << i;
        ++compared;
      }
      EXPECT_GT(compared, 20u);
    }
  }
}

// One head of f32, its tensors contiguous.
struct OneHead {
  std::size_t queries, keys, dim;
  std::vector<float> q, k, v, out;
  std::vector<double> lse;
  double scale = 1;

  void Run(const assay_subject& subject) {
    out.assign(queries * dim, 0);
    lse.assign(queries, 0);
    assay_attention_args a{};
    a.struct_size = sizeof a;
    a.dtype = ASSAY_F32;
    a.lse_dtype = ASSAY_F64;
    a.batch = a.num_heads = a.num_kv_heads = 1;
    a.seq_q = queries;
    a.seq_kv = keys;
    a.head_dim = a.value_dim = dim;
    a.has_scale = 1;
    a.scale = scale;
    const auto row = static_cast<std::ptrdiff_t>(dim);
    a.q = {q.data(), {0, 0, row, 1}};
    a.k = {k.data(), {0, 0, row, 1}};
    a.v = {v.data(), {0, 0, row, 1}};
    a.out = {out.data(), {0, 0, row, 1}};
    a.lse = {lse.data(), {0, 0, 1, 1}};
    a.scratch_bytes = subject.attention.scratch_bytes(&a);
    std::vector<std::uint8_t> scratch(a.scratch_bytes + 64);
    a.scratch = scratch.data() + (64 - reinterpret_cast<std::uintptr_t>(scratch.data()) % 64) % 64;
    ASSERT_EQ(subject.attention.run(&a), ASSAY_OK);
  }
};

TEST(AttentionTest, AScoreBeyondDoublesRangeStaysFinite) {
  for (std::size_t target = 0; target < assay_num_targets(); ++target) {
    for (const assay_tier tier : {ASSAY_TIER_EXACT, ASSAY_TIER_FAST}) {
      OneHead head{1, 3, 1, {4}, {-4, 4, 0}, {1, 2, 3}, {}, {}, 0x1p1022};
      head.Run(*assay_target_subject(target, tier));
      EXPECT_EQ(head.out[0], 2) << assay_target_name(target);
      EXPECT_GT(head.lse[0], 0x1p1020);
      EXPECT_LT(head.lse[0], std::numeric_limits<double>::infinity());
    }
  }
}

// More keys than are summed in f32, and a largest score that comes behind them: the sums in double are scaled too.
TEST(AttentionTest, FastSumsInDoubleBeyondSomeKeys) {
  OneHead head{9, 2000, 8, {}, {}, {}, {}, {}, 1};
  for (std::size_t i = 0; i < head.queries * head.dim; ++i) head.q.push_back(static_cast<float>(i % 5) / 4 + 0.25f);
  for (std::size_t j = 0; j < head.keys; ++j) {
    for (std::size_t e = 0; e < head.dim; ++e) {
      const std::size_t step = j / 100 < 17 ? j / 100 : 20;  // the last 300 keys have most of the sum, not all
      head.k.push_back(static_cast<float>(step) / 16 + static_cast<float>((j * 7 + e) % 16) / 128);
      head.v.push_back(static_cast<float>((j * 5 + e * 3) % 32) / 64 + (j < 1500 ? 0.5f : -1.0f));
    }
  }
  for (std::size_t target = 0; target < assay_num_targets(); ++target) {
    head.Run(*assay_target_subject(target, ASSAY_TIER_EXACT));
    const std::vector<float> want = head.out;
    const std::vector<double> want_lse = head.lse;
    const assay_subject& fast = *assay_target_subject(target, ASSAY_TIER_FAST);
    head.Run(fast);
    // The claim: S is below 8 * 1.25 * 1.375, |v| at most 1.
    const assay_attention_claim& claim = fast.attention.claims[ASSAY_F32];
    const double bound = claim.terms + claim.keys * 2000 + (claim.scores + claim.scores_dim * 8) * 8 * 1.25 * 1.375;
    for (std::size_t i = 0; i < want.size(); ++i) {
      EXPECT_NEAR(head.out[i], want[i], bound + claim.max_ulp * 0x1p-24) << assay_target_name(target) << " " << i;
    }
    for (std::size_t i = 0; i < want_lse.size(); ++i) {
      EXPECT_NEAR(head.lse[i], want_lse[i], bound * (1 + want_lse[i])) << assay_target_name(target) << " " << i;
    }
  }
}

TEST(AttentionTest, ScratchDependsOnDimensionsAlone) {
  FixedAttention one(ASSAY_ATTENTION, ASSAY_F32, 0);
  assay_attention_args a = one.args();
  a.head_dim = 64;
  a.value_dim = 128;
  a.seq_q = a.seq_kv = 7;
  const std::size_t bytes = assay_attention_scratch_bytes(&a);
  EXPECT_GT(bytes, 0u);
  EXPECT_EQ(bytes % 64, 0u);
  a.seq_q = a.seq_kv = 32768;
  a.num_heads = a.num_kv_heads = 64;
  a.batch = 100;
  EXPECT_EQ(assay_attention_scratch_bytes(&a), bytes);
  EXPECT_EQ(assay_attention_scratch_bytes(nullptr), 0u);
}

class AttentionArgumentsTest : public testing::Test {
 protected:
  AttentionArgumentsTest() : one_(ASSAY_ATTENTION, ASSAY_F32, 1), a_(one_.args()) {
    one_.Run(*assay_target_subject(0, ASSAY_TIER_EXACT));
    before_ = one_.Outputs();
  }
  // The status of the call, which must have written nothing.
  assay_status Refused() {
    const assay_status status = assay_attention(&a_);
    EXPECT_EQ(before_, one_.Outputs());
    EXPECT_EQ(assay_fast_attention(&a_), status);
    EXPECT_EQ(before_, one_.Outputs());
    return status;
  }

  FixedAttention one_;
  assay_attention_args& a_;
  std::vector<std::uint8_t> before_;
};

TEST_F(AttentionArgumentsTest, RefusesWhatTheHeaderSays) {
  const assay_attention_args right = a_;
  EXPECT_EQ(assay_attention(nullptr), ASSAY_NULL_POINTER);
  const auto expect = [&](assay_status want, const auto& spoil) {
    a_ = right;
    spoil(a_);
    EXPECT_EQ(Refused(), want) << assay_status_name(want);
  };
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  expect(ASSAY_BAD_STRUCT, [](auto& a) { a.struct_size = 8; });
  expect(ASSAY_BAD_ENUM, [](auto& a) { a.dtype = 4; });
  expect(ASSAY_BAD_ENUM, [](auto& a) { a.alignment = 2; });
  expect(ASSAY_BAD_ENUM, [](auto& a) { a.lse_dtype = ASSAY_F16; });
  expect(ASSAY_UNSUPPORTED, [](auto& a) {
    a.dtype = ASSAY_F64;
    a.q.data = a.k.data = a.v.data = nullptr;
    a.seq_q = a.seq_kv = 0;
  });
  expect(ASSAY_BAD_PARAMETER, [&](auto& a) { a.has_scale = 1, a.scale = nan; });
  expect(ASSAY_BAD_PARAMETER, [&](auto& a) { a.has_scale = 1, a.scale = -kInfinity; });
  expect(ASSAY_BAD_PARAMETER, [&](auto& a) { a.softcap = -1; });
  expect(ASSAY_BAD_PARAMETER, [&](auto& a) { a.softcap = kInfinity; });
  expect(ASSAY_BAD_PARAMETER, [&](auto& a) { a.upstream = a.q; });
  expect(ASSAY_BAD_PARAMETER, [&](auto& a) { a.dq = a.out; });
  expect(ASSAY_BAD_SHAPE, [](auto& a) { a.num_heads = a.num_kv_heads * 2 + 1, a.num_kv_heads = 2; });
  expect(ASSAY_BAD_SHAPE, [](auto& a) { a.num_kv_heads = 0; });
  expect(ASSAY_BAD_SHAPE, [](auto& a) { a.out.strides[0] = a.out.strides[1] = a.out.strides[2] = 0, a.seq_q = 2; });
  expect(ASSAY_BAD_SHAPE, [](auto& a) { a.seq_kv = std::numeric_limits<std::size_t>::max() / 2; });
  expect(ASSAY_BAD_SHAPE, [](auto& a) {  // 2^63 bytes from end to end
    a.seq_q = 2;
    a.q.strides[2] = std::numeric_limits<std::ptrdiff_t>::max() / 4 + 1;
  });
  expect(ASSAY_NULL_POINTER, [](auto& a) { a.q.data = nullptr; });
  expect(ASSAY_NULL_POINTER, [](auto& a) { a.out.data = nullptr; });
  expect(ASSAY_OVERLAP, [](auto& a) { a.lse.data = a.out.data; });
  expect(ASSAY_OVERLAP,
         [](auto& a) { a.out.data = const_cast<void*>(a.v.data), a.seq_kv = a.seq_kv == 0 ? 1 : a.seq_kv; });
  expect(ASSAY_SMALL_SCRATCH, [](auto& a) { a.scratch = nullptr; });
  expect(ASSAY_SMALL_SCRATCH, [](auto& a) { a.scratch_bytes = 64; });
  std::int64_t lengths[2] = {-1, 0};
  expect(ASSAY_BAD_LENGTH, [&](auto& a) { a.lengths = {lengths, {1, 0, 0, 0}}; });
  lengths[0] = static_cast<std::int64_t>(right.seq_kv) + 1;
  expect(ASSAY_BAD_LENGTH, [&](auto& a) { a.lengths = {lengths, {1, 0, 0, 0}}; });
  a_ = right;
}

TEST_F(AttentionArgumentsTest, TakesNullWhereNothingIs) {
  a_.batch = 0;
  a_.q.data = a_.k.data = a_.v.data = nullptr;
  a_.out.data = a_.lse.data = nullptr;
  a_.bias = a_.mask = a_.lengths = a_.sink = {};
  EXPECT_EQ(assay_attention(&a_), ASSAY_OK);
  EXPECT_EQ(assay_fast_attention(&a_), ASSAY_OK);
}

}  // namespace
}  // namespace assay::internal
