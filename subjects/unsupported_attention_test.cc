// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <cmath>

#include "subjects/testing.h"
#include "subjects/unsupported.h"

namespace assay::subjects {
namespace {

SubjectInfo With(std::uint64_t features, std::uint32_t dtypes = (1U << ASSAY_NUM_DTYPES) - 1) {
  SubjectInfo info;
  for (OpInfo& op : info.ops) {
    op = {.implemented = true, .dtypes = dtypes, .features = features, .claims = {}, .attention_claims = {}};
  }
  return info;
}

SubjectInfo Without(std::uint64_t features) { return With(ASSAY_FEATURES_ALL & ~features); }

// Needs nothing but LSE.
Case Plain(assay_op op = ASSAY_ATTENTION) {
  Attention a;
  a.batch = 2;
  a.num_heads = a.num_kv_heads = 2;
  a.seq_q = 3;
  a.seq_kv = 5;
  a.head_dim = a.value_dim = 4;
  Case c = MakeAttention(op, ASSAY_F32, a);
  if (op == ASSAY_ATTENTION) Skip(c, Role::kLse);
  return c;
}

Case Resized(Case c, const Attention& a) {
  Case resized = MakeAttention(c.op, c.dtype, a);
  resized.attention.skipped = c.attention.skipped;
  return resized;
}

TEST(UnsupportedAttentionTest, NamesTheMissingFeature) {
  const struct {
    std::uint64_t feature;
    void (*change)(Case*);
    const char* why;
  } kNeeds[] = {
      {ASSAY_FEATURE_MASK, [](Case* c) { Give(*c, Role::kMask); }, "no mask"},
      {ASSAY_FEATURE_BIAS, [](Case* c) { Give(*c, Role::kBias); }, "no bias"},
      {ASSAY_FEATURE_LENGTHS, [](Case* c) { Give(*c, Role::kLengths); }, "no key lengths"},
      {ASSAY_FEATURE_SINK, [](Case* c) { Give(*c, Role::kSink); }, "no sink"},
      {ASSAY_FEATURE_CAUSAL, [](Case* c) { c->attention.causal = true; }, "not causal"},
      {ASSAY_FEATURE_WINDOW, [](Case* c) { c->attention.window = 2; }, "no window"},
      {ASSAY_FEATURE_TOP_LEFT, [](Case* c) { c->attention.alignment = ASSAY_TOP_LEFT; },
       "no alignment to the top left"},
      {ASSAY_FEATURE_SCALE, [](Case* c) { c->attention.has_scale = true, c->attention.scale = 2; },
       "no scale of the caller's"},
      {ASSAY_FEATURE_SOFTCAP, [](Case* c) { c->attention.softcap = 2; }, "no softcap"},
      {ASSAY_FEATURE_GROUPED_HEADS,
       [](Case* c) {
         c->attention.num_heads = 4;
         *c = Resized(*c, c->attention);
       },
       "no grouped heads"},
      {ASSAY_FEATURE_VALUE_DIM,
       [](Case* c) {
         c->attention.value_dim = 3;
         *c = Resized(*c, c->attention);
       },
       "no value_dim other than head_dim"},
      {ASSAY_FEATURE_LSE, [](Case* c) { c->attention.skipped = 0; }, "no lse"},
      {ASSAY_FEATURE_LSE_F64, [](Case* c) { c->attention.lse_dtype = ASSAY_F64; }, "no lse in f64"},
      {ASSAY_FEATURE_STATUS, [](Case* c) { c->attention.has_scale = true, c->attention.scale = NAN; },
       "no refusal of bad arguments"},
      {ASSAY_FEATURE_STATUS, [](Case* c) { c->attention.softcap = -1; }, "no refusal of bad arguments"},
      {ASSAY_FEATURE_STATUS, [](Case* c) { c->attention.softcap = INFINITY; }, "no refusal of bad arguments"},
      {ASSAY_FEATURE_STATUS, [](Case* c) { Give(*c, Role::kLengths), c->lengths.values.SetBits(1, 6); },
       "no refusal of bad arguments"},
      {ASSAY_FEATURE_STATUS,
       [](Case* c) {
         c->attention.num_heads = 3;
         *c = Resized(*c, c->attention);
       },
       "no refusal of bad arguments"},
      {ASSAY_FEATURE_ROW_STRIDE | ASSAY_FEATURE_ANY_STRIDE, [](Case* c) { c->k.layout.gap = 1; },
       "no row strides other than cols"},
      {ASSAY_FEATURE_ANY_STRIDE, [](Case* c) { c->out.heads_inner = true; }, "no strides but positive row strides"},
      {ASSAY_FEATURE_ANY_STRIDE, [](Case* c) { c->q.layout.repeats_head = true; },
       "no strides but positive row strides"},
      {ASSAY_FEATURE_IN_PLACE, [](Case* c) { c->in_place = true; }, "not in place"},
  };
  for (const auto& need : kNeeds) {
    Case c = Plain();
    EXPECT_EQ(WhyUnsupported(Without(need.feature), c), "") << need.why;
    need.change(&c);
    ASSERT_NO_THROW(Validate(c)) << need.why;
    EXPECT_EQ(WhyUnsupported(Without(need.feature), c), need.why);
    EXPECT_EQ(WhyUnsupported(Without(0), c), "") << need.why;
    const Case supported = Supported(c, Without(need.feature));
    EXPECT_NO_THROW(Validate(supported)) << need.why;
    EXPECT_EQ(WhyUnsupported(Without(need.feature), supported), "");
  }
}

TEST(UnsupportedAttentionTest, NamesTheMissingOperationAndType) {
  SubjectInfo info = With(0, 1U << ASSAY_F16);
  EXPECT_EQ(WhyUnsupported(info, Plain()), "no f32");
  EXPECT_EQ(Supported(Plain(), info).dtype, ASSAY_F16);
  info.For(ASSAY_ATTENTION) = {};
  EXPECT_EQ(WhyUnsupported(info, Plain()), "no attention");
}

TEST(UnsupportedAttentionTest, DropsHeadsAndCutsOrWidensValues) {
  Attention a = Plain().attention;
  a.num_heads = 6;
  a.value_dim = 3;
  Case c = MakeAttention(ASSAY_ATTENTION_BACKWARD, ASSAY_F32, a);
  for (std::size_t i = 0; i < c.q.values.size(); ++i) c.q.values.Set(i, static_cast<double>(i));
  for (std::size_t i = 0; i < c.v.values.size(); ++i) c.v.values.Set(i, static_cast<double>(i + 1));
  const Case supported = Supported(c, Without(ASSAY_FEATURE_GROUPED_HEADS | ASSAY_FEATURE_VALUE_DIM));
  EXPECT_EQ(supported.attention.num_heads, 2);
  EXPECT_EQ(supported.q[12], 36);  // head 3 is the first of the second group
  EXPECT_EQ(supported.attention.value_dim, 4);
  EXPECT_EQ(supported.v.values.Slice(0, 8), Array(Element::kF32, {1, 2, 3, 0, 4, 5, 6, 0}));
  a.value_dim = 5;
  EXPECT_EQ(
      Supported(MakeAttention(ASSAY_ATTENTION, ASSAY_F32, a), Without(ASSAY_FEATURE_VALUE_DIM)).attention.value_dim, 4);
}

TEST(UnsupportedAttentionTest, MendsHeadsThatDoNotDivide) {
  Attention a = Plain().attention;
  const auto mended = [&](std::size_t heads, std::size_t kv_heads) {
    a.num_heads = heads;
    a.num_kv_heads = kv_heads;
    const Case c = Supported(MakeAttention(ASSAY_ATTENTION, ASSAY_F32, a), Without(ASSAY_FEATURE_STATUS));
    EXPECT_NO_THROW(Validate(c));
    return std::pair(c.attention.num_heads, c.attention.num_kv_heads);
  };
  EXPECT_EQ(mended(5, 2), std::pair(std::size_t{4}, std::size_t{2}));
  EXPECT_EQ(mended(2, 3), std::pair(std::size_t{2}, std::size_t{2}));
  EXPECT_EQ(mended(3, 0), std::pair(std::size_t{0}, std::size_t{0}));
  EXPECT_EQ(mended(0, 3), std::pair(std::size_t{0}, std::size_t{3}));
}

TEST(UnsupportedAttentionTest, KnowsThatAlignmentMayNeedStrides) {
  SubjectInfo info = Without(ASSAY_FEATURE_ROW_STRIDE | ASSAY_FEATURE_ANY_STRIDE);
  info.alignment_bytes = 32;
  Case c = Plain();
  Give(c, Role::kMask);
  EXPECT_EQ(WhyUnsupported(info, c), "no row strides other than cols");
  const Case supported = Supported(c, info);
  EXPECT_EQ(supported.attention.head_dim, 8);
  EXPECT_EQ(supported.attention.value_dim, 8);
  EXPECT_FALSE(supported.mask.given);
  EXPECT_EQ(WhyUnsupported(info, supported), "");
}

TEST(UnsupportedAttentionTest, LeavesWhatCanBeRun) {
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    const Case c = AnyAttention(seed);
    ASSERT_TRUE(SameBits(Supported(c, Without(0)), c)) << seed;
  }
}

TEST(UnsupportedAttentionTest, GivesValidCasesThatCanBeRun) {
  std::size_t changed = 0;
  for (std::uint64_t seed = 0; seed < 20000; ++seed) {
    const Case c = AnyAttention(seed);
    Random random(seed, 2);
    SubjectInfo info = With((seed % 2 == 0 ? random.Bits() : ~std::uint64_t{0}) & random.Bits() & ASSAY_FEATURES_ALL,
                            1 + static_cast<std::uint32_t>(random.Below((1U << ASSAY_NUM_DTYPES) - 1)));
    info.alignment_bytes = std::size_t{1} << random.Below(8);
    const Case supported = Supported(c, info);
    ASSERT_NO_THROW(Validate(supported)) << seed;
    ASSERT_EQ(supported.op, c.op);
    ASSERT_EQ(WhyUnsupported(info, supported), "") << seed;
    ASSERT_TRUE(SameBits(Supported(supported, info), supported)) << seed << ": not idempotent";
    changed += SameBits(supported, c) ? 0 : 1;
    if (WhyUnsupported(info, c).empty()) {
      ASSERT_TRUE(SameBits(supported, c)) << seed;
    }
  }
  EXPECT_GT(changed, 15000);
}

}  // namespace
}  // namespace assay::subjects
