// SPDX-License-Identifier: Apache-2.0
//
// Do drawn cases of attention reach what they are there to reach, in both operations and every dtype; do their domains
// and their shrinking do as they say?

#include "properties/engine/attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "properties/fit.h"
#include "properties/fit_attention.h"
#include "properties/shrink_attention.h"

namespace assay::properties {
namespace {

using subjects::Array;
using subjects::Attention;
using subjects::Axis;
using subjects::Operand;
using subjects::Role;
using Kind = Step::Kind;

constexpr double kInf = std::numeric_limits<double>::infinity();

const std::vector<Case>& Many() {
  static const std::vector<Case> cases = [] {
    std::vector<Case> drawn;
    for (std::uint64_t key = 0; key < 3200; ++key) {
      drawn.push_back(DrawAttention(key % 2 == 0 ? ASSAY_ATTENTION : ASSAY_ATTENTION_BACKWARD,
                                    static_cast<assay_dtype>(key / 2 % ASSAY_NUM_DTYPES), key));
    }
    return drawn;
  }();
  return cases;
}

// How often each thing is seen; of each named one at least `least` times.
class Seen {
 public:
  void Note(bool is, const std::string& what) { count_[what] += is ? 1 : 0; }
  void ExpectAll(int least) const {
    for (const auto& [what, count] : count_) EXPECT_GE(count, least) << what;
  }

 private:
  std::map<std::string, int> count_;
};

TEST(AttentionGeneratorTest, DrawsValidCasesOfBoundedWorkAsAPureFunction) {
  std::size_t large = 0;
  for (std::size_t k = 0; k < Many().size(); ++k) {
    const Case& c = Many()[k];
    ASSERT_NO_THROW(subjects::Validate(c)) << k;
    ASSERT_TRUE(subjects::SameBits(c, DrawAttention(c.op, c.dtype, k))) << k;
    ASSERT_TRUE(subjects::SameBits(c, Valid(c))) << k;
    const Attention& a = c.attention;
    const std::size_t work = a.batch * a.num_heads * a.seq_q * a.seq_kv * (a.head_dim + a.value_dim);
    ASSERT_LE(work, std::size_t{1} << 18);
    large += work > (1 << 12) ? 1 : 0;
  }
  EXPECT_GT(large, Many().size() / 100);
  EXPECT_LT(large, Many().size() / 10);
}

TEST(AttentionGeneratorTest, ReachesEverySize) {
  std::map<Axis, std::set<std::size_t>> sizes;
  Seen seen;
  for (const Case& c : Many()) {
    const Attention& a = c.attention;
    for (const Axis axis : {Axis::kBatch, Axis::kKvHead, Axis::kQuery, Axis::kKey, Axis::kHeadDim, Axis::kValueDim}) {
      sizes[axis].insert(subjects::SizeOf(c, axis));
    }
    if (a.num_kv_heads != 0) sizes[Axis::kHead].insert(a.num_heads / a.num_kv_heads);
    seen.Note(a.seq_q < a.seq_kv, "fewer queries than keys");
    seen.Note(a.seq_q == a.seq_kv, "as many");
    seen.Note(a.seq_q > a.seq_kv, "more queries than keys");
    seen.Note(a.seq_q == 1 && a.seq_kv > 8, "decoding");
    seen.Note(a.head_dim != a.value_dim, "value_dim of its own");
  }
  seen.ExpectAll(100);
  const std::set<std::size_t> few = {0, 1, 2, 3};
  const std::set<std::size_t> positions = {0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65, 130, 257};
  const std::set<std::size_t> dims = {0, 1, 2, 3, 4, 7, 8, 16, 17, 32, 33, 64, 128};
  const std::map<Axis, std::set<std::size_t>> wanted = {
      {Axis::kBatch, few},     {Axis::kKvHead, few},   {Axis::kHead, {1, 2, 3, 8}}, {Axis::kQuery, positions},
      {Axis::kKey, positions}, {Axis::kHeadDim, dims}, {Axis::kValueDim, dims}};
  for (const auto& [axis, all] : wanted) {
    for (const std::size_t n : all) EXPECT_TRUE(sizes[axis].contains(n)) << static_cast<int>(axis) << ": " << n;
  }
}

TEST(AttentionGeneratorTest, ReachesEverySwitch) {
  Seen seen;
  for (const Case& c : Many()) {
    const Attention& a = c.attention;
    const bool forward = c.op == ASSAY_ATTENTION;
    seen.Note(a.causal, "causal");
    seen.Note(a.alignment == ASSAY_TOP_LEFT && a.causal, "causal from the top left");
    seen.Note(a.window != 0 && a.causal, "causal window");
    seen.Note(a.window != 0 && !a.causal, "window alone");
    seen.Note(a.window == 1, "window of 1");
    seen.Note(a.window > a.seq_kv, "window beyond the keys");
    seen.Note(!a.has_scale, "default scale");
    for (const double scale : {1.0, -1.0, 0.125, 0.0, 1e4}) {
      seen.Note(a.has_scale && a.scale == scale, "scale " + std::to_string(scale));
    }
    for (const double cap : {0.0, 30.0, 5.0, 0.5, 1e-3, 1e4}) {
      seen.Note(a.softcap == cap, "softcap " + std::to_string(cap));
    }
    seen.Note(a.lse_dtype == ASSAY_F64, "lse f64");
    if (forward) {
      seen.Note(subjects::OutputsOf(c).size() == 1, "no lse");
      seen.Note(c.in_place, "in place");
      seen.Note(c.sink.given, "sink");
      for (std::size_t h = 0; h < c.sink.values.size() && h < 1; ++h) {
        seen.Note(c.sink[h] == -kInf, "sink -inf");
        seen.Note(std::isfinite(c.sink[h]) && std::fabs(c.sink[h]) > 500, "sink huge");
      }
    } else {
      for (const Role role : {Role::kDq, Role::kDk, Role::kDv}) {
        seen.Note(subjects::Skips(c, role), std::string("no ") + subjects::RoleName(role));
      }
    }
    seen.Note(!forward && !subjects::Skips(c, Role::kDbias), "dbias");
    seen.Note(c.mask.given, "mask");
    seen.Note(c.bias.given, "bias");
    seen.Note(c.lengths.given, "lengths");
    for (std::size_t n = 0; n < c.lengths.values.size() && n < 1 && a.seq_kv > 2; ++n) {
      const std::uint64_t length = c.lengths.values.Bits(n);
      seen.Note(length == 0, "length 0");
      seen.Note(length == 1, "length 1");
      seen.Note(length == a.seq_kv, "full length");
      seen.Note(length > 1 && length < a.seq_kv, "length between");
    }
    seen.Note(c.guard == subjects::Guard::kBefore, "guard before");
    seen.Note(c.offset != 0, "offset");
  }
  seen.ExpectAll(15);
}

TEST(AttentionGeneratorTest, ReachesEveryLayout) {
  Seen seen;
  const auto note = [&](const subjects::Layout& layout, const std::string& of) {
    seen.Note(layout.gap > 0, of + " gap");
    seen.Note(layout.step > 1, of + " step");
    seen.Note(layout.columns_outer, of + " columns outer");
    seen.Note(layout.rows_backward, of + " rows backward");
    seen.Note(layout.cols_backward, of + " columns backward");
    seen.Note(layout.heads_inner, of + " heads inside");
  };
  for (const Case& c : Many()) {
    subjects::ForEachInput(c, [&](Role role, const Operand& operand) {
      note(operand.layout, subjects::RoleName(role));
      if (role != Role::kBias && role != Role::kMask) return;
      const subjects::Dims dims = subjects::DimsOf(c, role);
      seen.Note(operand.layout.repeats_batch && dims[0] > 1, std::string(subjects::RoleName(role)) + " of a batch");
      seen.Note(operand.layout.repeats_head && dims[1] > 1, std::string(subjects::RoleName(role)) + " of a head");
      seen.Note(operand.layout.repeats_row && dims[2] > 1, std::string(subjects::RoleName(role)) + " of a query");
    });
    for (const Role role : subjects::OutputsOf(c)) note(subjects::OutLayout(c, role), subjects::RoleName(role));
  }
  seen.ExpectAll(5);
}

bool HasSpecial(const Array& values, std::size_t first, std::size_t n) {
  for (std::size_t i = first; i < first + n; ++i) {
    if (!std::isfinite(values[i])) return true;
  }
  return false;
}

TEST(AttentionGeneratorTest, ReachesEveryKindOfVisibilityAndSpecialNumber) {
  Seen seen;
  for (const Case& c : Many()) {
    const Attention& a = c.attention;
    if (a.batch == 0 || a.num_heads == 0) continue;
    std::size_t blind = 0;
    for (std::size_t i = 0; i < a.seq_q; ++i) blind += SeesAny(c, 0, 0, i) ? 0 : 1;
    seen.Note(blind == 0, "every query sees something");
    seen.Note(blind > 0 && blind < a.seq_q, "some queries see nothing");
    seen.Note(blind == a.seq_q && a.seq_q > 0, "no query sees anything");
    for (std::size_t j = 0; j < a.seq_kv; ++j) {
      const bool special_k = HasSpecial(c.k.values, j * a.head_dim, a.head_dim);
      const bool special_v = HasSpecial(c.v.values, j * a.value_dim, a.value_dim);
      const bool is_seen = IsSeen(c, 0, 0, j);
      seen.Note(special_k && is_seen, "special visible key");
      seen.Note(special_k && !is_seen, "special invisible key");
      seen.Note(special_v && is_seen, "special visible value");
      seen.Note(special_v && !is_seen, "special invisible value");
    }
    seen.Note(HasSpecial(c.q.values, 0, c.q.values.size()), "special query");
    if (c.op != ASSAY_ATTENTION_BACKWARD) continue;
    for (std::size_t i = 0; i < a.seq_q; ++i) {
      seen.Note(c.saved_lse[i] == -kInf, "saved_lse -inf");
      seen.Note(c.saved_lse[i] == -kInf && HasSpecial(c.upstream.values, i * a.value_dim, a.value_dim),
                "special upstream that counts nowhere");
    }
  }
  seen.ExpectAll(10);
}

TEST(AttentionGeneratorTest, ReachesScoresBeyondAFloatAndValuesAtTheEdge) {
  Seen seen;
  for (const Case& c : Many()) {
    const double most = subjects::FormatOf(c.q.values.element()).max_finite;
    const std::string dtype = subjects::ElementName(c.q.values.element());
    double q = 0, k = 0, v = 0;
    for (std::size_t i = 0; i < c.q.values.size(); ++i) q = std::fmax(q, std::isfinite(c.q[i]) ? std::fabs(c.q[i]) : 0);
    for (std::size_t i = 0; i < c.k.values.size(); ++i) k = std::fmax(k, std::isfinite(c.k[i]) ? std::fabs(c.k[i]) : 0);
    for (std::size_t i = 0; i < c.v.values.size(); ++i) v = std::fmax(v, std::isfinite(c.v[i]) ? std::fabs(c.v[i]) : 0);
    seen.Note(q > 1 && k > 1 && q > most / 64 / k, dtype + " q k near the end");
    if (c.dtype != ASSAY_F64) seen.Note(q > 1 && k > 1 && q * k > most * 64, dtype + " q k beyond the end");
    seen.Note(v > most / 2, dtype + " v near the end");
  }
  seen.ExpectAll(10);
}

TEST(AttentionGeneratorTest, SavesWhatAForwardPassGives) {
  std::size_t close = 0;
  std::size_t all = 0;
  for (const Case& c : Many()) {
    if (c.op != ASSAY_ATTENTION_BACKWARD || c.attention.softcap != 0) continue;
    const Attention& a = c.attention;
    if (a.batch == 0 || a.num_heads == 0 || a.seq_q == 0 || !SeesAny(c, 0, 0, 0)) continue;
    // The shares of query 0, whose sum is 1 at most, or less with a sink.
    double sum = 0;
    for (std::size_t j = 0; j < a.seq_kv; ++j) {
      if (!CanSee(c, 0, 0, 0, j)) continue;
      double dot = 0;
      for (std::size_t d = 0; d < a.head_dim; ++d) dot += c.q[d] * c.k[j * a.head_dim + d];
      const double scale = a.has_scale ? a.scale : a.head_dim == 0 ? 0 : 1 / std::sqrt(static_cast<double>(a.head_dim));
      sum += std::exp(dot * scale + (c.bias.given ? c.bias[j] : 0) - c.saved_lse[0]);
    }
    ++all;
    close += sum > 0.05 && sum < 1.1 ? 1 : 0;
  }
  EXPECT_GT(all, 500u);
  EXPECT_GT(close, all * 3 / 4);
}

TEST(AttentionFitTest, AreProjectionsThatKeepTheOperation) {
  for (Case (*fit)(Case) : {Settled, Valid, WithFiniteRows, OutOfPlace, InPlace}) {
    for (const Case& c : Many()) {
      const Case once = fit(c);
      ASSERT_NO_THROW(subjects::Validate(once)) << c.origin;
      ASSERT_EQ(once.op, c.op);
      ASSERT_EQ(once.dtype, c.dtype);
      ASSERT_TRUE(subjects::SameBits(once, fit(once))) << c.origin;
    }
  }
}

TEST(AttentionFitTest, FiniteIsFiniteWhereItCounts) {
  for (const Case& drawn : Many()) {
    const Case c = WithFiniteRows(drawn);
    const Attention& a = c.attention;
    EXPECT_FALSE(HasSpecial(c.q.values, 0, c.q.values.size()));
    for (std::size_t n = 0; n < a.batch; ++n) {
      for (std::size_t g = 0; g < a.num_kv_heads; ++g) {
        for (std::size_t j = 0; j < a.seq_kv; ++j) {
          if (!IsSeen(c, n, g, j)) continue;
          const std::size_t key = (n * a.num_kv_heads + g) * a.seq_kv + j;
          ASSERT_FALSE(HasSpecial(c.k.values, key * a.head_dim, a.head_dim));
          ASSERT_FALSE(HasSpecial(c.v.values, key * a.value_dim, a.value_dim));
        }
      }
    }
  }
}

TEST(AttentionFitTest, VisibleIsByTheContract) {
  Attention a;
  a.seq_q = 3;
  a.seq_kv = 4;
  a.causal = true;
  Case c = subjects::MakeAttention(ASSAY_ATTENTION, ASSAY_F32, a);
  const auto row = [&](std::size_t i) {
    std::string text;
    for (std::size_t j = 0; j < 4; ++j) text += CanSee(c, 0, 0, i, j) ? '1' : '0';
    return text;
  };
  EXPECT_EQ(row(0) + row(1) + row(2), "110011101111");  // the last query sees the last key
  c.attention.alignment = ASSAY_TOP_LEFT;
  EXPECT_EQ(row(0) + row(1) + row(2), "100011001110");
  c.attention.window = 2;
  EXPECT_EQ(row(0) + row(1) + row(2), "100011000110");
  c.attention.alignment = ASSAY_BOTTOM_RIGHT;
  subjects::Give(c, Role::kLengths);
  c.lengths.values.SetBits(0, 2);  // query 0 stands before the first key
  EXPECT_EQ(row(0) + row(1) + row(2), "000010001100");
  c.attention.causal = false;
  EXPECT_EQ(row(0) + row(1) + row(2), "110011001100");
  subjects::Give(c, Role::kBias);
  c.bias.values.Set(0, -kInf);
  c.bias.values.Set(1, std::numeric_limits<double>::quiet_NaN());
  EXPECT_EQ(row(0), "0100");
  subjects::Give(c, Role::kMask);
  c.mask.values.SetBits(1, 0);
  EXPECT_FALSE(SeesAny(c, 0, 0, 0));
}

// Accepting every simpler case comes to an end, and a small one.
TEST(AttentionShrinkTest, EndsAtAHandfulOfKeysWhereEverythingFails) {
  int checked = 0;
  for (std::size_t k = 0; k < Many().size() && checked < 60; k += 7) {
    Case c = Many()[k];
    if (AttentionWork(c) > 20000) continue;
    ++checked;
    std::size_t taken = 0;
    for (bool moved = true; moved && taken <= 600;) {
      moved = false;
      for (const Step& step : Steps(c)) {
        Case next = Settled(Apply(c, step));
        if (!Simpler(next, c)) continue;
        ASSERT_NO_THROW(subjects::Validate(next));
        c = std::move(next);
        moved = true;
        ++taken;
        break;
      }
    }
    EXPECT_LE(taken, 600u) << k;
    EXPECT_LE(AttentionWork(c), 2u) << k;
    EXPECT_TRUE(subjects::OutputsOf(c).size() == 1) << k;
    EXPECT_FALSE(c.mask.given || c.bias.given || c.lengths.given || c.sink.given) << k;
  }
}

TEST(AttentionShrinkTest, EachStepDoesWhatItSays) {
  Attention a;
  a.batch = 2;
  a.num_heads = 4;
  a.num_kv_heads = 2;
  a.seq_q = 2;
  a.seq_kv = 3;
  a.head_dim = a.value_dim = 2;
  a.causal = true;
  a.window = 2;
  a.softcap = 5;
  a.has_scale = true;
  a.scale = 0.7;
  a.alignment = ASSAY_TOP_LEFT;
  a.lse_dtype = ASSAY_F64;
  Case c = subjects::MakeAttention(ASSAY_ATTENTION, ASSAY_F32, a);
  for (std::size_t i = 0; i < c.q.values.size(); ++i) c.q.values.Set(i, static_cast<double>(i));
  for (std::size_t i = 0; i < c.k.values.size(); ++i) c.k.values.Set(i, static_cast<double>(i));
  c.in_place = true;
  using subjects::Element;
  const auto along = [](Kind kind, std::size_t first, std::size_t last, Axis axis) {
    return Step{kind, first, last, Role::kLogits, axis};
  };
  EXPECT_EQ(Apply(c, along(Kind::kKeepAlong, 1, 0, Axis::kBatch)).q[0], 16);
  const Case head = Apply(c, along(Kind::kKeepAlong, 1, 0, Axis::kHead));
  EXPECT_EQ(head.attention.num_heads, 2u);
  EXPECT_EQ(head.q[0], 8);
  EXPECT_EQ(head.k[0], 6);
  const Case member = Apply(c, {Kind::kKeepMember, 1});
  EXPECT_EQ(member.attention.num_heads, 2u);
  EXPECT_EQ(member.attention.num_kv_heads, 2u);
  EXPECT_EQ(member.q[0], 4);
  EXPECT_EQ(member.q[4], 12);
  EXPECT_EQ(Apply(c, along(Kind::kDropAlong, 0, 2, Axis::kKey)).k[0], 4);
  EXPECT_FALSE(Apply(c, along(Kind::kDropAlong, 0, 1, Axis::kHeadDim)).in_place);
  EXPECT_EQ(subjects::OutputsOf(Apply(c, {Kind::kSkipOutput, 0, 0, Role::kLse})).size(), 1u);
  EXPECT_FALSE(Apply(c, {Kind::kNoScale}).attention.has_scale);
  EXPECT_EQ(Apply(c, {Kind::kUnitScale}).attention.scale, 1);
  EXPECT_EQ(Apply(c, {Kind::kNoSoftcap}).attention.softcap, 0);
  EXPECT_EQ(Apply(c, {Kind::kUnitSoftcap}).attention.softcap, 1);
  EXPECT_EQ(Apply(c, {Kind::kNoWindow}).attention.window, 0u);
  EXPECT_FALSE(Apply(c, {Kind::kNotCausal}).attention.causal);
  EXPECT_EQ(Apply(c, {Kind::kBottomRight}).attention.alignment, ASSAY_BOTTOM_RIGHT);
  EXPECT_EQ(Apply(c, {Kind::kLseF32}).attention.lse_dtype, ASSAY_F32);
  for (const Step& step : Steps(c)) {
    EXPECT_NO_THROW(subjects::Validate(Apply(c, step)));
  }
}

}  // namespace
}  // namespace assay::properties
