// SPDX-License-Identifier: Apache-2.0
//
// Which keys are visible, and what special values give, on both tiers.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "oracle/attention_cases.h"

namespace assay::oracle {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Which keys each query sees, one string of 0 and 1 a query.
std::vector<std::string> Table(const AttentionHead& head) {
  std::vector<std::string> rows;
  for (std::size_t i = 0; i < head.seq_q; ++i) {
    rows.emplace_back();
    for (std::size_t j = 0; j < head.seq_kv; ++j) rows.back() += MaySee(head, i, j) ? '1' : '0';
  }
  return rows;
}

AttentionHead Shape(std::size_t seq_q, std::size_t seq_kv, std::size_t length) {
  AttentionHead head;
  head.seq_q = seq_q;
  head.seq_kv = seq_kv;
  head.length = length;
  return head;
}

using Rows = std::vector<std::string>;

TEST(MaySeeTest, LengthAlone) { EXPECT_EQ(Table(Shape(2, 4, 3)), (Rows{"1110", "1110"})); }

TEST(MaySeeTest, CausalAtTheBottomRight) {
  AttentionHead head = Shape(3, 5, 5);
  head.causal = true;
  EXPECT_EQ(Table(head), (Rows{"11100", "11110", "11111"}));
  head.length = 4;
  EXPECT_EQ(Table(head), (Rows{"11000", "11100", "11110"}));
  head = Shape(4, 2, 2);
  head.causal = true;
  EXPECT_EQ(Table(head), (Rows{"00", "00", "10", "11"}));
}

TEST(MaySeeTest, CausalAtTheTopLeft) {
  AttentionHead head = Shape(3, 5, 5);
  head.causal = head.top_left = true;
  EXPECT_EQ(Table(head), (Rows{"10000", "11000", "11100"}));
  head.length = 2;
  EXPECT_EQ(Table(head), (Rows{"10000", "11000", "11000"}));
}

TEST(MaySeeTest, AWindowCountsItsOwnKey) {
  AttentionHead head = Shape(4, 4, 4);
  head.causal = true;
  head.window = 2;
  EXPECT_EQ(Table(head), (Rows{"1000", "1100", "0110", "0011"}));
  head.window = 1;
  EXPECT_EQ(Table(head), (Rows{"1000", "0100", "0010", "0001"}));
  head.causal = false;  // keys ahead are seen
  head.window = 2;
  EXPECT_EQ(Table(head), (Rows{"1111", "1111", "0111", "0011"}));
  head = Shape(2, 5, 4);
  head.window = 2;
  EXPECT_EQ(Table(head), (Rows{"01110", "00110"}));
  head.top_left = true;
  EXPECT_EQ(Table(head), (Rows{"11110", "11110"}));
  // More queries than keys: the first ones stand before the first key.
  head = Shape(5, 2, 2);
  head.window = 1;
  EXPECT_EQ(Table(head), (Rows{"11", "11", "11", "11", "01"}));
  head.window = std::numeric_limits<std::size_t>::max();
  EXPECT_EQ(Table(head), (Rows{"11", "11", "11", "11", "11"}));
}

TEST(MaySeeTest, TheMaskJoinsTheRest) {
  AttentionHead head = Shape(2, 3, 3);
  const std::vector<std::uint8_t> mask = {1, 0, 255, 0, 2, 1};
  head.mask = mask;
  EXPECT_EQ(Table(head), (Rows{"101", "011"}));
  head.causal = true;
  EXPECT_EQ(Table(head), (Rows{"100", "011"}));
}

class AttentionSpecialTest : public testing::TestWithParam<Tier> {
 protected:
  // One query of dimension 1, q = 1, scale 1; values 1, 2, 3 ... unless given.
  static OwnedHead ByScores(const std::vector<double>& scores, std::vector<double> v = {}) {
    OwnedHead owned;
    for (std::size_t j = v.size(); j < scores.size(); ++j) v.push_back(static_cast<double>(j + 1));
    owned.q = {1};
    owned.k = scores;
    owned.v = std::move(v);
    owned.head.seq_q = owned.head.head_dim = owned.head.value_dim = 1;
    owned.head.seq_kv = owned.head.length = scores.size();
    owned.head.scale = 1;
    return owned;
  }
  static AttentionResult Run(const OwnedHead& owned) { return Attention(owned.View(), GetParam()); }

  static void Expect(const OwnedHead& owned, double out, double lse) {
    const AttentionResult got = Run(owned);
    const auto same = [](double a, double b) { return std::isnan(b) ? std::isnan(a) : a == b; };
    EXPECT_TRUE(same(got.out[0].nearest, out)) << got.out[0].nearest << " instead of " << out;
    EXPECT_TRUE(same(got.lse[0].nearest, lse)) << got.lse[0].nearest << " instead of " << lse;
    EXPECT_EQ(got.unbounded[0], 0);
  }
};

TEST_P(AttentionSpecialTest, NothingVisible) {
  OwnedHead owned = ByScores({kNaN, kInf});
  owned.head.length = 0;
  Expect(owned, 0, -kInf);
  owned.head.sink = -2.5;
  Expect(owned, 0, -2.5);
  owned.head.sink = -kInf;
  Expect(owned, 0, -kInf);
  EXPECT_EQ(Run(owned).scores[0], 0);
  EXPECT_EQ(Run(owned).weight[0], 0);
}

TEST_P(AttentionSpecialTest, ScoresOfMinusInfinityAreInvisible) {
  Expect(ByScores({-kInf, 4}), 2, 4);
  Expect(ByScores({-kInf, -kInf}), 0, -kInf);
  OwnedHead owned = ByScores({kNaN, 4});
  owned.bias = {-kInf, 1};  // hides the NaN, too
  Expect(owned, 2, 5);
  owned.k[0] = kInf;
  Expect(owned, 2, 5);
  owned.v[0] = kNaN;
  Expect(owned, 2, 5);
}

TEST_P(AttentionSpecialTest, NaNAndPlusInfinityFillTheRow) {
  Expect(ByScores({kNaN, 4}), kNaN, kNaN);
  Expect(ByScores({kInf, 4}), kNaN, kInf);
  Expect(ByScores({kInf, kNaN}), kNaN, kNaN);
  OwnedHead owned = ByScores({1, 4});
  owned.bias = {0, kInf};
  Expect(owned, kNaN, kInf);
  owned.k[1] = -kInf;  // inf - inf
  Expect(owned, kNaN, kNaN);
  owned = ByScores({1, 4});
  owned.head.sink = kInf;
  Expect(owned, kNaN, kInf);
  owned.head.sink = kNaN;
  Expect(owned, kNaN, kNaN);
  owned.head.length = 0;
  Expect(owned, kNaN, kNaN);
}

TEST_P(AttentionSpecialTest, NaNArisesAsInIEEE) {
  OwnedHead owned = ByScores({0, 0}, {1, 2});
  owned.head.head_dim = 2;
  owned.q = {kInf, 0};
  owned.k = {1, 1, 0, 1};  // inf + 0, inf 0
  Expect(owned, kNaN, kNaN);
  owned.k = {1, 1, -1, 1};  // inf, -inf
  Expect(owned, kNaN, kInf);
  owned.head.scale = 0;
  Expect(owned, kNaN, kNaN);
  owned.head.scale = -1;
  owned.k = {1, 1, 2, 1};
  Expect(owned, 0, -kInf);
  owned.q = {kInf, kInf};
  owned.k = {1, -1, 1, -1};  // inf - inf
  Expect(owned, kNaN, kNaN);
}

TEST_P(AttentionSpecialTest, ASoftcapTamesInfiniteScores) {
  OwnedHead owned = ByScores({kInf, 0});
  owned.head.softcap = 2;
  owned.bias = {-2, 0};  // both 0
  Expect(owned, 1.5, std::log(2.0f));
  owned.k[0] = -kInf;
  owned.bias = {2, 0};
  Expect(owned, 1.5, std::log(2.0f));
  owned.k[0] = kNaN;
  Expect(owned, kNaN, kNaN);
}

TEST_P(AttentionSpecialTest, AValueThatIsNotFiniteMakesItsColumnUnbounded) {
  OwnedHead owned = ByScores({1, 1}, {kInf, 5, 1, 7});
  owned.head.value_dim = 2;
  const auto got = Run(owned);
  EXPECT_EQ(got.unbounded, (std::vector<std::uint8_t>{1, 0}));
  EXPECT_EQ(got.out[1].nearest, 6);
  owned.mask = {0, 1};
  EXPECT_EQ(Run(owned).unbounded, (std::vector<std::uint8_t>{0, 0}));
  EXPECT_EQ(Run(owned).out[0].nearest, 1);
}

TEST_P(AttentionSpecialTest, BadArgumentsAreRefused) {
  const OwnedHead good = ByScores({1, 2});
  const auto refused = [&](auto change) {
    OwnedHead bad = good;
    change(bad);
    EXPECT_THROW(Run(bad), std::invalid_argument);
  };
  refused([](OwnedHead& h) { h.head.length = 3; });
  refused([](OwnedHead& h) { h.head.softcap = -1; });
  refused([](OwnedHead& h) { h.head.softcap = kInf; });
  refused([](OwnedHead& h) { h.head.scale = kNaN; });
  refused([](OwnedHead& h) { h.q.clear(); });
  refused([](OwnedHead& h) { h.v.pop_back(); });
  refused([](OwnedHead& h) { h.bias = {1}; });
  refused([](OwnedHead& h) { h.mask = {1}; });
}

INSTANTIATE_TEST_SUITE_P(Tiers, AttentionSpecialTest, testing::Values(Tier::kReferee, Tier::kBulk),
                         [](const auto& tier_info) { return std::string(TierName(tier_info.param)); });

}  // namespace
}  // namespace assay::oracle
