// SPDX-License-Identifier: Apache-2.0
//
// What case.h says of attention.

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

#include "subjects/case.h"
#include "subjects/layout.h"
#include "subjects/testing.h"

namespace assay::subjects {
namespace {

Attention Sizes() {
  Attention a;
  a.batch = 2;
  a.num_heads = 4;
  a.num_kv_heads = 2;
  a.seq_q = 3;
  a.seq_kv = 5;
  a.head_dim = 6;
  a.value_dim = 7;
  return a;
}

// Every number says where it stands: batch * 1000 + head * 100 + position * 10 + dimension.
void Number(Case* c) {
  ForEachInput(*c, [&](Role role, Operand& operand) {
    const Dims dims = DimsOf(*c, role);
    for (std::size_t i = 0; i < operand.values.size(); ++i) {
      const std::size_t j = i % dims[3];
      const std::size_t s = i / dims[3] % dims[2];
      const std::size_t h = i / dims[3] / dims[2] % dims[1];
      const std::size_t b = i / dims[3] / dims[2] / dims[1];
      operand.values.Set(i, static_cast<double>(b * 1000 + h * 100 + s * 10 + j));
    }
  });
}

Case Numbered(assay_op op) {
  Case c = MakeAttention(op, ASSAY_F64, Sizes());
  Give(c, Role::kBias);
  Number(&c);
  return c;
}

double At(const Case& c, Role role, std::size_t b, std::size_t h, std::size_t i, std::size_t j) {
  const Dims dims = DimsOf(c, role);
  return c.operand(role)[((b * dims[1] + h) * dims[2] + i) * dims[3] + j];
}

TEST(CaseAttentionTest, KnowsTheDimensionsOfEveryOperand) {
  const Case c = MakeAttention(ASSAY_ATTENTION_BACKWARD, ASSAY_F32, Sizes());
  const struct {
    Role role;
    Dims dims;
  } kDims[] = {
      {Role::kQ, {2, 4, 3, 6}},        {Role::kK, {2, 2, 5, 6}},        {Role::kV, {2, 2, 5, 7}},
      {Role::kBias, {2, 4, 3, 5}},     {Role::kMask, {2, 4, 3, 5}},     {Role::kLengths, {2, 1, 1, 1}},
      {Role::kSink, {1, 4, 1, 1}},     {Role::kSavedOut, {2, 4, 3, 7}}, {Role::kSavedLse, {2, 4, 3, 1}},
      {Role::kUpstream, {2, 4, 3, 7}}, {Role::kOut, {2, 4, 3, 7}},      {Role::kLse, {2, 4, 3, 1}},
      {Role::kDq, {2, 4, 3, 6}},       {Role::kDk, {2, 2, 5, 6}},       {Role::kDv, {2, 2, 5, 7}},
      {Role::kDbias, {2, 4, 3, 5}},
  };
  for (const auto& one : kDims) {
    EXPECT_EQ(DimsOf(c, one.role), one.dims) << RoleName(one.role);
    EXPECT_EQ(ShapeOf(c, one.role).rows, one.dims[0] * one.dims[1] * one.dims[2]);
    EXPECT_EQ(ShapeOf(c, one.role).cols, one.dims[3]);
  }
}

TEST(CaseAttentionTest, MakesOrdinaryCases) {
  const Case forward = MakeAttention(ASSAY_ATTENTION, ASSAY_F16, Sizes());
  EXPECT_NO_THROW(Validate(forward));
  EXPECT_EQ(OutputsOf(forward), (std::vector<Role>{Role::kOut, Role::kLse}));
  EXPECT_FALSE(forward.upstream.given || forward.bias.given);
  Case backward = MakeAttention(ASSAY_ATTENTION_BACKWARD, ASSAY_F16, Sizes());
  EXPECT_NO_THROW(Validate(backward));
  EXPECT_EQ(OutputsOf(backward), (std::vector<Role>{Role::kDq, Role::kDk, Role::kDv}));
  EXPECT_EQ(backward.saved_lse.values.element(), Element::kF32);
  EXPECT_EQ(backward.saved_out.values.element(), Element::kF16);
  Give(backward, Role::kBias);
  backward.attention.skipped = 0;
  EXPECT_NO_THROW(Validate(backward));
  Take(backward, Role::kBias);
  EXPECT_TRUE(Skips(backward, Role::kDbias));
  EXPECT_NO_THROW(Validate(backward));
  EXPECT_THROW(MakeCase(ASSAY_ATTENTION, ASSAY_F32, 1, 1), std::invalid_argument);
  EXPECT_THROW(OneRow(forward, 0), std::invalid_argument);
  EXPECT_EQ(OutputsOf(MakeCase(ASSAY_SOFTMAX, ASSAY_F32, 1, 1)), std::vector<Role>{Role::kOut});
}

TEST(CaseAttentionTest, ComparesTheBitsOfItsNumbers) {
  Case c = MakeAttention(ASSAY_ATTENTION, ASSAY_F32, Sizes());
  c.attention.has_scale = true;
  c.attention.scale = NAN;
  EXPECT_TRUE(SameBits(c, c));
  Case other = c;
  other.attention.scale = 0;
  EXPECT_FALSE(SameBits(c, other));
  other = c;
  other.attention.softcap = -0.0;
  EXPECT_FALSE(SameBits(c, other));
  other = c;
  other.more_outs[0].gap = 1;
  EXPECT_FALSE(SameBits(c, other));
}

TEST(CaseAttentionTest, KeepsAlongQueriesKeysBatchesAndDimensions) {
  const Case c = Numbered(ASSAY_ATTENTION_BACKWARD);
  const auto odd = [](std::size_t i) { return i % 2 == 1; };
  Case kept = KeepAlong(c, Axis::kQuery, odd);
  EXPECT_EQ(kept.attention.seq_q, 1);
  EXPECT_EQ(At(kept, Role::kQ, 1, 3, 0, 5), 1315);
  EXPECT_EQ(At(kept, Role::kBias, 1, 3, 0, 4), 1314);
  EXPECT_EQ(At(kept, Role::kSavedLse, 0, 2, 0, 0), 210);
  EXPECT_EQ(kept.k.values, c.k.values);
  EXPECT_NO_THROW(Validate(kept));
  kept = KeepAlong(c, Axis::kKey, odd);
  EXPECT_EQ(kept.attention.seq_kv, 2);
  EXPECT_EQ(At(kept, Role::kK, 1, 1, 1, 5), 1135);
  EXPECT_EQ(At(kept, Role::kV, 0, 1, 0, 6), 116);
  EXPECT_EQ(At(kept, Role::kBias, 1, 3, 2, 1), 1323);
  EXPECT_EQ(kept.q.values, c.q.values);
  EXPECT_NO_THROW(Validate(kept));
  kept = KeepAlong(c, Axis::kBatch, odd);
  EXPECT_EQ(kept.attention.batch, 1);
  EXPECT_EQ(At(kept, Role::kUpstream, 0, 3, 2, 6), 1326);
  EXPECT_NO_THROW(Validate(kept));
  kept = KeepAlong(c, Axis::kHeadDim, odd);
  EXPECT_EQ(At(kept, Role::kK, 1, 1, 4, 2), 1145);
  EXPECT_EQ(kept.v.values, c.v.values);
  EXPECT_NO_THROW(Validate(kept));
  kept = KeepAlong(c, Axis::kValueDim, [](std::size_t) { return false; });
  EXPECT_EQ(kept.attention.value_dim, 0);
  EXPECT_TRUE(kept.saved_out.values.empty() && kept.upstream.values.empty() && kept.v.values.empty());
  EXPECT_NO_THROW(Validate(kept));
}

TEST(CaseAttentionTest, KeepsWholeGroupsOfHeads) {
  const Case c = Numbered(ASSAY_ATTENTION_BACKWARD);
  for (const Axis axis : {Axis::kHead, Axis::kKvHead}) {
    const Case kept = KeepAlong(c, axis, [](std::size_t g) { return g == 1; });
    EXPECT_EQ(kept.attention.num_heads, 2);
    EXPECT_EQ(kept.attention.num_kv_heads, 1);
    EXPECT_EQ(At(kept, Role::kQ, 1, 0, 2, 3), 1223);
    EXPECT_EQ(At(kept, Role::kQ, 1, 1, 2, 3), 1323);
    EXPECT_EQ(At(kept, Role::kK, 1, 0, 2, 3), 1123);
    EXPECT_NO_THROW(Validate(kept));
  }
  const Case heads = KeepHeads(c, Axis::kHead, [](std::size_t h) { return h % 2 == 0; });
  EXPECT_EQ(heads.attention.num_heads, 2);
  EXPECT_EQ(heads.attention.num_kv_heads, 2);
  EXPECT_EQ(At(heads, Role::kQ, 0, 1, 0, 0), 200);
  EXPECT_NO_THROW(Validate(heads));
  EXPECT_THROW(KeepHeads(c, Axis::kKey, [](std::size_t) { return true; }), std::invalid_argument);
}

TEST(CaseAttentionTest, MovesLengthsWithTheirKeys) {
  Case c = MakeAttention(ASSAY_ATTENTION, ASSAY_F32, Sizes());
  c.attention.batch = 4;
  c = MakeAttention(ASSAY_ATTENTION, ASSAY_F32, c.attention);
  Give(c, Role::kLengths);
  c.lengths.values = Array(Element::kI64, {5, 3, 0, 6});
  const Case kept = KeepAlong(c, Axis::kKey, [](std::size_t j) { return j != 1; });
  EXPECT_EQ(kept.lengths.values, Array(Element::kI64, {4, 2, 0, 6}));  // 6 was out of range and stays so
}

TEST(CaseAttentionTest, LeavesInPlaceWhereTheShapesPart) {
  Attention a = Sizes();
  a.value_dim = a.head_dim;
  Case c = MakeAttention(ASSAY_ATTENTION, ASSAY_F32, a);
  c.in_place = true;
  c.q.layout.gap = 3;
  EXPECT_NO_THROW(Validate(c));
  EXPECT_TRUE(KeepAlong(c, Axis::kQuery, [](std::size_t i) { return i == 0; }).in_place);
  const Case kept = KeepAlong(c, Axis::kHeadDim, [](std::size_t d) { return d == 0; });
  EXPECT_FALSE(kept.in_place);
  EXPECT_EQ(kept.out.gap, 3);
  EXPECT_NO_THROW(Validate(kept));
}

TEST(CaseAttentionTest, KeepsAnythingValidValid) {
  constexpr Axis kAxes[] = {Axis::kBatch, Axis::kHead,    Axis::kKvHead,  Axis::kQuery,
                            Axis::kKey,   Axis::kHeadDim, Axis::kValueDim};
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    const Case c = AnyAttention(seed);
    ASSERT_NO_THROW(Validate(c)) << seed;
    for (const Axis axis : kAxes) {
      for (const std::uint64_t bits : {seed, seed >> 1, ~std::uint64_t{0}, std::uint64_t{0}}) {
        const Case kept = KeepAlong(c, axis, [&](std::size_t i) { return (bits >> i & 1) != 0; });
        ASSERT_NO_THROW(Validate(kept)) << seed;
        if (bits == ~std::uint64_t{0}) {
          ASSERT_TRUE(SameBits(kept, c)) << seed;
        }
      }
    }
  }
}

std::string Complaint(const Case& c) {
  try {
    Validate(c);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "none";
}

TEST(CaseAttentionTest, NamesWhatContradicts) {
  const Case forward = MakeAttention(ASSAY_ATTENTION, ASSAY_F32, Sizes());
  Case backward = MakeAttention(ASSAY_ATTENTION_BACKWARD, ASSAY_F32, Sizes());
  Give(backward, Role::kBias);
  backward.attention.skipped = 0;
  const Case rows = MakeCase(ASSAY_SOFTMAX, ASSAY_F32, 2, 3);
  const struct {
    const Case& base;
    void (*change)(Case*);
    const char* says;
  } kWrong[] = {
      {forward, [](Case*) {}, "none"},
      {backward, [](Case*) {}, "none"},
      {forward, [](Case* c) { c->attention.has_scale = true, c->attention.scale = NAN, c->attention.softcap = -1; },
       "none"},
      {forward, [](Case* c) { c->attention.num_kv_heads = 3, Give(*c, Role::kK), Give(*c, Role::kV); }, "none"},
      {forward, [](Case* c) { Give(*c, Role::kLengths), c->lengths.values.SetBits(0, ~std::uint64_t{0}); }, "none"},
      {forward, [](Case* c) { c->attention.seq_kv = 4; },
       "k holds 120 elements, batch x num_kv_heads x seq_kv x head_dim asks for 96"},
      {forward, [](Case* c) { c->attention.seq_q = SIZE_MAX; }, "q: its dimensions are too large to be addressed"},
      {forward, [](Case* c) { c->attention.scale = 2; }, "scale is set, but has_scale is not"},
      {forward, [](Case* c) { c->attention.lse_dtype = ASSAY_F16; }, "lse_dtype is neither f32 nor f64"},
      {backward, [](Case* c) { c->attention.lse_dtype = ASSAY_F64; }, "saved_lse is f32, expected is f64"},
      {forward, [](Case* c) { c->rows = 2; }, "rows or cols is set; attention has none, they are 1"},
      {forward, [](Case* c) { c->temperature = 2; }, "temperature is set; attention has none, it is 1"},
      {forward, [](Case* c) { Give(*c, Role::kUpstream); }, "upstream is given; attention does not read it"},
      {forward, [](Case* c) { Give(*c, Role::kLogits); }, "logits is given; attention does not read it"},
      {backward, [](Case* c) { Give(*c, Role::kSink); }, "sink is given; attention_backward does not read it"},
      {backward, [](Case* c) { Take(*c, Role::kSavedLse); }, "saved_lse is not given; attention_backward reads it"},
      {forward, [](Case* c) { c->attention.skipped = 1; }, "skipped names out, which attention must write"},
      {forward, [](Case* c) { Skip(*c, Role::kDq); }, "skipped names an output that attention has not"},
      {forward, [](Case* c) { c->attention.skipped = 64; }, "skipped names an output that attention has not"},
      {backward, [](Case* c) { c->bias = {}; }, "dbias is not skipped, but bias is not given"},
      {backward, [](Case* c) { c->attention.skipped = 0x3C; }, "every output is skipped; ask for one"},
      {backward, [](Case* c) { c->in_place = true; },
       "in_place is set; out of attention_backward has a shape of its own"},
      {forward, [](Case* c) { c->in_place = true; },
       "in_place is set, but value_dim is not head_dim: out has a shape of its own"},
      {forward, [](Case* c) { c->out.repeats_head = true; }, "out: its layout repeats one head; only inputs can"},
      {forward, [](Case* c) { c->more_outs[0].step = 0; }, "lse: its layout has a step of 0; 1 is contiguous"},
      {forward, [](Case* c) { c->more_outs[1].gap = 1; }, "dq has a layout; attention does not write it"},
      {forward, [](Case* c) { c->q.layout.heads_inner = c->q.layout.columns_outer = true; },
       "q: its layout has heads_inner with columns_outer or repeats_row; take one"},
      {forward, [](Case* c) { c->q.values.Set(1 * 3 * 6, 1), c->q.layout.repeats_head = true; },
       "q: its layout repeats one head, but head 1 differs from head 0"},
      {forward, [](Case* c) { c->k.values.Set(60, 1), c->k.layout.repeats_batch = true; },
       "k: its layout repeats one batch, but batch 1 differs from batch 0"},
      {forward, [](Case* c) { c->v.values.Set(11 * 7, 1), c->v.layout.repeats_row = true; },
       "v: its layout repeats one row, but row 1 differs from row 0"},
      {rows, [](Case* c) { c->attention.causal = true; }, "a member of attention is set; only attention has it"},
      {rows, [](Case* c) { c->logits.layout.heads_inner = true; },
       "logits: its layout has heads_inner, repeats_head or repeats_batch; only attention has heads and batches"},
      {rows, [](Case* c) { Give(*c, Role::kQ); }, "q is given; softmax does not read it"},
  };
  for (const auto& wrong : kWrong) {
    Case c = wrong.base;
    wrong.change(&c);
    EXPECT_EQ(Complaint(c), wrong.says);
  }
}

}  // namespace
}  // namespace assay::subjects
