// SPDX-License-Identifier: Apache-2.0
//
// Attention of both references against the formula of assay.h written down once more, and the contract that needs none.

#include "subjects/scalar/attention.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "subjects/scalar/attention_formula.h"
#include "subjects/scalar/attention_testing.h"
#include "subjects/scalar/scalar.h"

namespace assay::subjects {
namespace {

const assay_subject& TableOf(const std::string& name) { return name == "scalar" ? *Scalar().table : *Textbook().table; }

// Any features, sizes around tiles, ordinary numbers.
TestAttention RandomAttention(const assay_subject& table, assay_op op, assay_dtype dtype, std::uint64_t seed) {
  std::mt19937_64 engine(seed);
  const auto below = [&](std::uint64_t n) { return static_cast<std::size_t>(engine() % n); };
  TestAttention c;
  c.op = op;
  c.dtype = dtype;
  c.lse_dtype = below(2) == 0 ? ASSAY_F32 : ASSAY_F64;
  c.batch = 1 + below(2);
  c.kv_heads = 1 + below(3);
  c.heads = c.kv_heads * (1 + below(3));
  c.queries = below(7);
  c.keys = below(19);
  c.head_dim = below(6);
  c.value_dim = below(6);
  c.has_scale = below(3) == 0;
  if (c.has_scale) c.scale = static_cast<double>(below(9)) / 4 - 1;
  c.softcap = below(3) == 0 ? 0.5 * static_cast<double>(1 + below(9)) : 0;
  c.window = below(2) == 0 ? 0 : 1 + below(20);
  c.causal = below(2) == 0;
  c.alignment = below(2) == 0 ? ASSAY_BOTTOM_RIGHT : ASSAY_TOP_LEFT;
  const std::size_t pairs = c.Rows() * c.keys;
  if (below(2) == 0) {
    c.bias = Normals(dtype, pairs, &engine);
    for (double& b : c.bias) b = below(8) == 0 ? -HUGE_VAL : b;
  }
  if (below(2) == 0) {
    for (std::size_t i = 0; i < pairs; ++i)
      c.mask.push_back(below(3) == 0 ? 0 : static_cast<std::uint8_t>(1 + below(255)));
  }
  if (below(2) == 0) {
    for (std::size_t b = 0; b < c.batch; ++b) c.lengths.push_back(static_cast<std::int64_t>(below(c.keys + 1)));
  }
  if (op == ASSAY_ATTENTION && below(3) == 0) c.sink = Normals(dtype, c.heads, &engine);
  GiveNormals(table, &c, &engine, below(3) == 0 ? 4 : 1);
  return c;
}

double Roundoff(assay_dtype dtype) {
  return dtype == ASSAY_F32 ? 0x1p-24 : dtype == ASSAY_F64 ? 0x1p-53 : dtype == ASSAY_F16 ? 0x1p-11 : 0x1p-8;
}

class AttentionTest : public testing::TestWithParam<const char*> {
 protected:
  const assay_subject& table() const { return TableOf(GetParam()); }
  TestAttentionResult Run(const TestAttention& c) const { return CallAttention(table(), c); }
};

TEST_P(AttentionTest, IsTheFormula) {
  const bool plain = std::string(GetParam()) == "textbook";
  for (const assay_op op : {ASSAY_ATTENTION, ASSAY_ATTENTION_BACKWARD}) {
    for (const assay_dtype dtype : {ASSAY_F32, ASSAY_F64, ASSAY_F16, ASSAY_BF16}) {
      // Of the working precision, some hundred roundings of numbers about 20; and one of the result.
      const double working = plain ? (dtype == ASSAY_F64 ? 0x1p-53 : 0x1p-24) : 0x1p-60;
      for (std::uint64_t seed = 0; seed < 300; ++seed) {
        const TestAttention c = RandomAttention(table(), op, dtype, seed);
        const TestAttentionResult got = Run(c);
        const TestAttentionResult want = AttentionFormula{c}.Want();
        ASSERT_EQ(got.status, ASSAY_OK);
        for (std::size_t which = 0; which < 6; ++which) {
          const std::vector<double>& g = *got.All()[which];
          const std::vector<double>& w = *want.All()[which];
          ASSERT_EQ(g.size(), w.size()) << which;
          const double rounding = Roundoff(which == 1 ? c.lse_dtype : dtype);
          const double subnormal = dtype == ASSAY_F16 ? 0x1p-25 : 0x1p-134;
          for (std::size_t i = 0; i < g.size(); ++i) {
            if (std::isinf(w[i])) {
              ASSERT_EQ(g[i], w[i]) << "output " << which << " at " << i << " seed " << seed;
              continue;
            }
            // The formula above sums into doubles.
            ASSERT_NEAR(g[i], w[i], rounding * std::fabs(w[i]) + 2000 * working + 200 * 0x1p-53 + subnormal)
                << "output " << which << " at " << i << " of " << op << " type " << dtype << " seed " << seed;
          }
        }
      }
    }
  }
}

// One query, up to three keys, one dimension: scores are the keys, values 1, 2, 4.
TestAttention Small(std::vector<double> keys) {
  TestAttention c;
  c.keys = keys.size();
  c.has_scale = true;
  c.scale = 1;
  c.q = {1};
  c.k = std::move(keys);
  c.v = {1, 2, 4};
  return c;
}

void Expect(const TestAttentionResult& got, double out, double lse) {
  EXPECT_EQ(got.status, ASSAY_OK);
  const auto same = [](double a, double b) { return std::isnan(a) ? std::isnan(b) : a == b; };
  for (const double value : got.out) EXPECT_TRUE(same(value, out)) << value << " for " << out;
  for (const double value : got.lse) EXPECT_TRUE(same(value, lse)) << value << " for " << lse;
  for (const double value : got.out) EXPECT_FALSE(value == 0 && std::signbit(value));
}

constexpr double kInf = HUGE_VAL;
const double kNan = std::nan("");

TEST_P(AttentionTest, DecidesWhatIsVisible) {
  TestAttention c = Small({0, 3, kNan});
  c.mask = {0, 0x80, 0};
  Expect(Run(c), 2, 3);
  c.mask = {};
  c.lengths = {1};
  Expect(Run(c), 1, 0);
  c.lengths = {};
  c.k = {-kInf, 3, -kInf};
  Expect(Run(c), 2, 3);
  c.k = {kNan, 3, 1};
  c.bias = {-kInf, 0, -kInf};
  c.v = {kNan, 2, kInf};
  Expect(Run(c), 2, 3);
  c = Small({7, 5, 6});
  c.window = 1;  // without causal
  Expect(Run(c), 4, 6);
  c.causal = true;
  c.alignment = ASSAY_TOP_LEFT;
  Expect(Run(c), 1, 7);
}

TEST_P(AttentionTest, GivesNothingWhereNothingIsVisible) {
  TestAttention c = Small({kNan, 3, 1});
  c.mask = {0, 0, 0};
  Expect(Run(c), 0, -kInf);
  c.sink = {-2.5};
  Expect(Run(c), 0, -2.5);
  c.sink = {-kInf};
  Expect(Run(c), 0, -kInf);
  // But an infinite sink counts.
  c.sink = {kInf};
  Expect(Run(c), kNan, kInf);
  c.sink = {};
  c.lengths = {0};
  Expect(Run(c), 0, -kInf);
  c = Small({});
  c.v = {};
  Expect(Run(c), 0, -kInf);
}

TEST_P(AttentionTest, HasTheSpecialValuesOfTheContract) {
  Expect(Run(Small({0, kNan, kInf})), kNan, kNan);
  Expect(Run(Small({0, 1, kInf})), kNan, kInf);
  TestAttention c = Small({0, 1, 2});
  c.sink = {kInf};
  Expect(Run(c), kNan, kInf);
  c.sink = {kNan};
  Expect(Run(c), kNan, kNan);
  c.sink = {};
  c.v[1] = kNan;
  EXPECT_TRUE(std::isnan(Run(c).out[0]));
  c.v[1] = -kInf;
  EXPECT_FALSE(std::isfinite(Run(c).out[0]));
  // A score beyond float that its scale brings back, and one that stays there.
  c = Small({-0x1p120, 0, 0x1p120});
  c.q = {0x1p120};
  Expect(Run(c), 4, 0x1p240);
  c.scale = 0x1p-240;
  const double sum = std::exp(-1) + 1 + std::exp(1);
  EXPECT_NEAR(Run(c).lse[0], std::log(sum), 1e-6);
}

TEST_P(AttentionTest, LetsTheBackwardIgnoreWhatIsInvisible) {
  TestAttention c = Small({1, 2, kNan});
  c.op = ASSAY_ATTENTION_BACKWARD;
  c.mask = {1, 1, 0};
  c.saved_out = {1.5};
  c.saved_lse = {3};
  c.upstream = {1};
  c.v[2] = kInf;
  const TestAttentionResult got = Run(c);
  for (const auto& gradient : {got.dq, got.dk, got.dv}) {
    for (const double value : gradient) EXPECT_TRUE(std::isfinite(value));
  }
  EXPECT_EQ(Run(c).dk[2], 0);
  EXPECT_EQ(Run(c).dv[2], 0);
  c.saved_lse = {-kInf};
  c.upstream = {kNan};
  EXPECT_EQ(Run(c).dq, std::vector<double>(1, 0.0));
  EXPECT_EQ(Run(c).dv, std::vector<double>(3, 0.0));
}

TEST_P(AttentionTest, GivesNoNanWhereTheShareOverflows) {
  TestAttention c = Small({0x1p120, 0, 0});
  c.op = ASSAY_ATTENTION_BACKWARD;
  c.saved_out = {1.5};
  c.saved_lse = {3};
  c.upstream = {0};
  EXPECT_EQ(Run(c).dq, std::vector<double>(1, 0.0));
  EXPECT_EQ(Run(c).dv, std::vector<double>(3, 0.0));
  c.upstream = {1};
  EXPECT_EQ(Run(c).dv[0], kInf);
  EXPECT_EQ(Run(c).dk[0], -kInf);
}

TEST_P(AttentionTest, IsTheSameInPlaceAndWithAnyStrides) {
  TestAttention c = BenignAttention(table(), ASSAY_ATTENTION, ASSAY_F32, 5);
  const TestAttentionResult want = Run(c);
  c.change = [](assay_attention_args& args) { args.out.data = const_cast<void*>(args.q.data); };
  EXPECT_EQ(Run(c).out, want.out);
  // Both heads side by side, queries backward.
  c.change = [](assay_attention_args& args) {
    args.out.data = static_cast<float*>(args.out.data) + 63 * 32;
    args.out.strides[1] = 16;
    args.out.strides[2] = -32;
  };
  EXPECT_EQ(Run(c).out, want.out);
  c.change = [](assay_attention_args& args) { args.k.strides[1] = args.v.strides[1] = 0; };
  const TestAttentionResult repeated = Run(c);
  for (std::size_t i = 0; i < want.out.size(); ++i) EXPECT_EQ(repeated.out[i] == want.out[i], i < 1024) << i;
}

TEST_P(AttentionTest, RefusesBadArguments) {
  for (const assay_op op : {ASSAY_ATTENTION, ASSAY_ATTENTION_BACKWARD}) {
    const TestAttention good = BenignAttention(table(), op, ASSAY_F32, 1);
    const auto after = [&](std::function<void(assay_attention_args&)> change) {
      TestAttention c = good;
      c.change = std::move(change);
      return Run(c).status;
    };
    const auto& kernel = op == ASSAY_ATTENTION ? table().attention : table().attention_backward;
    const bool backward = op == ASSAY_ATTENTION_BACKWARD;
    static std::int64_t lengths[] = {65};
    static float other[8192] = {};
    EXPECT_EQ(kernel.run(nullptr), ASSAY_NULL_POINTER);
    EXPECT_EQ(after([](auto& a) { a.struct_size = 8; }), ASSAY_BAD_STRUCT);
    EXPECT_EQ(after([](auto& a) { a.dtype = 4; }), ASSAY_BAD_ENUM);
    EXPECT_EQ(after([](auto& a) { a.lse_dtype = ASSAY_F16; }), ASSAY_BAD_ENUM);
    EXPECT_EQ(after([](auto& a) { a.alignment = 2; }), ASSAY_BAD_ENUM);
    EXPECT_EQ(after([](auto& a) { a.scale = kNan; }), ASSAY_OK);
    EXPECT_EQ(after([](auto& a) { a.has_scale = 1, a.scale = kNan; }), ASSAY_BAD_PARAMETER);
    EXPECT_EQ(after([](auto& a) { a.has_scale = 1, a.scale = -kInf; }), ASSAY_BAD_PARAMETER);
    EXPECT_EQ(after([](auto& a) { a.softcap = -1; }), ASSAY_BAD_PARAMETER);
    EXPECT_EQ(after([](auto& a) { a.softcap = kInf; }), ASSAY_BAD_PARAMETER);
    EXPECT_EQ(after([](auto& a) { a.num_kv_heads = 0; }), ASSAY_BAD_SHAPE);
    EXPECT_EQ(after([](auto& a) { a.num_kv_heads = 4; }), ASSAY_BAD_SHAPE);
    EXPECT_EQ(after([](auto& a) { a.seq_q = SIZE_MAX / 2; }), ASSAY_BAD_SHAPE);
    EXPECT_EQ(after([&](auto& a) { (backward ? a.dq : a.out).strides[2] = 15; }), ASSAY_BAD_SHAPE);
    EXPECT_EQ(after([](auto& a) { a.v.data = nullptr; }), ASSAY_NULL_POINTER);
    EXPECT_EQ(after([&](auto& a) { (backward ? a.saved_lse.data : a.q.data) = nullptr; }), ASSAY_NULL_POINTER);
    EXPECT_EQ(after([&](auto& a) { (backward ? a.sink : a.upstream).data = other; }), ASSAY_BAD_PARAMETER);
    EXPECT_EQ(after([&](auto& a) { (backward ? a.lse : a.dk).data = other; }), ASSAY_BAD_PARAMETER);
    EXPECT_EQ(after([](auto& a) { a.dbias.data = other; }), ASSAY_BAD_PARAMETER);
    EXPECT_EQ(after([&](auto& a) { (backward ? a.dv : a.out).data = const_cast<void*>(a.v.data); }), ASSAY_OVERLAP);
    EXPECT_EQ(after([&](auto& a) { (backward ? a.dk : a.lse).data = (backward ? a.dv : a.out).data; }), ASSAY_OVERLAP);
    EXPECT_EQ(after([](auto& a) { a.lengths.data = lengths; }), ASSAY_BAD_LENGTH);
    if (kernel.scratch_bytes != nullptr) {
      EXPECT_EQ(after([](auto& a) { --a.scratch_bytes; }), ASSAY_SMALL_SCRATCH);
      EXPECT_EQ(after([](auto& a) { a.scratch = nullptr; }), ASSAY_SMALL_SCRATCH);
    }
    EXPECT_EQ(after([](auto& a) { a.seq_q = 0; }), ASSAY_OK);
  }
}

INSTANTIATE_TEST_SUITE_P(References, AttentionTest, testing::Values("scalar", "textbook"));

}  // namespace
}  // namespace assay::subjects
