// SPDX-License-Identifier: Apache-2.0
//
// The laws of attention: none rejects what is right, whatever it claims, and each finds its fault.

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "properties/attention_testing.h"
#include "properties/laws.h"

namespace assay::properties {
namespace {

constexpr assay_op kForward = ASSAY_ATTENTION;
constexpr assay_op kBackward = ASSAY_ATTENTION_BACKWARD;

template <class Visit>
void ForEachLaw(Visit visit) {
  for (const Property& law : AttentionLaws()) {
    for (const assay_op op : {kForward, kBackward}) {
      if ((law.ops & Of(op)) != 0) visit(law, op);
    }
  }
}

void ExpectLawsHold(AttentionOracle& right, int cases) {
  Context context{right};
  subjects::Random random(7, 1);
  ForEachLaw([&](const Property& law, assay_op op) {
    int held = 0;
    for (int k = 0; k < cases; ++k) {
      const Case c = law.fit(AnyAttention(op, random));
      const Judgement judgement = law.check(c, context);
      ASSERT_TRUE(judgement.verdict == Verdict::kHolds || judgement.verdict == Verdict::kNotApplicable)
          << law.name << ", " << subjects::OpName(op) << ", case " << k << ": " << VerdictName(judgement.verdict)
          << ": " << judgement.reason;
      held += judgement.verdict == Verdict::kHolds ? 1 : 0;
    }
    EXPECT_GT(held, cases / 2) << law.name << " hardly ever speaks about " << subjects::OpName(op);
  });
}

TEST(AttentionLawsTest, RejectNoSubjectThatIsRightToTheLastBit) {
  AttentionOracle right;
  ExpectLawsHold(right, 60);
}

TEST(AttentionLawsTest, RejectNoSubjectThatIsRightWithinItsBound) {
  // A neighbour of the nearest number, the same for equal numbers; values of single keys and zeros stay.
  AttentionOracle off({}, [](const Case&, Role role, Array* out) {
    if (role == Role::kOut) return;
    for (std::size_t i = 0; i < out->size(); ++i) {
      const double x = (*out)[i];
      if (x == 0 || !std::isfinite(x)) continue;
      out->SetBits(i, out->Bits(i) ^ 1);
      if ((*out)[i] == 0 || !std::isfinite((*out)[i])) out->SetBits(i, out->Bits(i) ^ 1);
    }
  });
  off.Claim({ASSAY_CLAIM_BOUND, 0, 2.5, 0, 0, 0, 0});
  ExpectLawsHold(off, 40);
}

TEST(AttentionLawsTest, RejectNoSubjectThatClaimsNothing) {
  AttentionOracle modest;
  modest.Claim({});
  ExpectLawsHold(modest, 40);
}

TEST(AttentionLawsTest, FitsAreIdempotentValidAndKeepTheOperation) {
  subjects::Random random(7, 2);
  ForEachLaw([&](const Property& law, assay_op op) {
    for (int k = 0; k < 150; ++k) {
      const Case once = law.fit(AnyAttention(op, random));
      ASSERT_NO_THROW(subjects::Validate(once)) << law.name << ", " << subjects::OpName(op);
      EXPECT_EQ(once.op, op) << law.name;
      ASSERT_EQ(once, law.fit(once)) << law.name << ", " << subjects::OpName(op);
    }
  });
}

// ---- Faults -------------------------------------------------------------------------------------------------------

struct Fault {
  const char* law;
  assay_op op;
  const char* what;
  AttentionOracle::Ask ask;
  AttentionOracle::Answer answer;
};

AttentionOracle::Answer Times(Role role, double factor) {
  return [=](const Case&, Role output, Array* out) {
    for (std::size_t i = 0; output == role && i < out->size(); ++i) out->Set(i, (*out)[i] * factor);
  };
}

AttentionOracle::Answer Plus(Role role, double summand) {
  return [=](const Case&, Role output, Array* out) {
    for (std::size_t i = 0; output == role && i < out->size(); ++i) out->Set(i, (*out)[i] + summand);
  };
}

// NaN hides nothing: what is invisible counts as 0 times its value.
void LeakNaN(const Case& c, Role, Array* out) {
  bool nan = false;
  for (std::size_t i = 0; i < c.v.values.size(); ++i)
    nan = nan || std::isnan(c.v[i]) || std::isnan(c.k[i % c.k.values.size()]);
  for (std::size_t i = 0; nan && i < out->size(); ++i) out->Set(i, std::numeric_limits<double>::quiet_NaN());
}

void ByRemainder(Case* c) {
  const Case before = *c;
  c->attention.num_kv_heads = c->attention.num_heads;
  for (const Role role : {Role::kK, Role::kV}) {
    Gather(c, role, subjects::DimsOf(before, role), before.operand(role),
           [&](std::size_t n, std::size_t h, std::size_t j, std::size_t d) {
             return Dims{n, h % before.attention.num_kv_heads, j, d};
           });
  }
}

// A mask where bias is -inf, but only seen where it is given.
void FiniteBias(Case* c) {
  for (std::size_t i = 0; i < c->bias.values.size(); ++i) {
    if (c->bias[i] == -kInf) c->bias.values.Set(i, -1);
  }
}

void SoftcapBends(Case* c) {
  if (c->attention.softcap == 0) return;
  for (std::size_t i = 0; i < c->bias.values.size(); ++i) {
    if (std::isfinite(c->bias[i])) {
      c->bias.values.Set(i, c->attention.softcap * std::tanh(c->bias[i] / c->attention.softcap));
    }
  }
}

AttentionOracle::Ask WithMaskedLast() {
  return [](Case* c) {
    if (c->attention.seq_kv < 2) return;
    if (!c->mask.given) Give(*c, Role::kMask);
    for (std::size_t i = c->attention.seq_kv - 1; i < c->mask.values.size(); i += c->attention.seq_kv) {
      c->mask.values.SetBits(i, 0);
    }
  };
}

TEST(AttentionLawsTest, FindTheirFaults) {
  using A = Attention;
  const auto attention = [](auto change) { return [change](Case* c) { change(c->attention); }; };
  const auto no_lengths = [](Case* c) {
    if (c->lengths.given) Take(*c, Role::kLengths);
  };
  const auto no_sink = [](Case* c) {
    if (c->sink.given) Take(*c, Role::kSink);
  };
  const auto no_mask = [](Case* c) {
    if (c->mask.given) Take(*c, Role::kMask);
  };
  const auto no_saved_empty = [](Case* c) {
    for (std::size_t i = 0; i < c->saved_lse.values.size(); ++i) {
      if (c->saved_lse[i] == -kInf) c->saved_lse.values.Set(i, 0);
    }
  };
  const auto grows = [](const Case& c, Role role, Array* out) {
    if (role == Role::kOut || role == Role::kDq) out->Set(out->size() - 1, c.attention.batch > 1 ? 7 : 8);
  };
  const auto by_heads = [](const Case& c, Role role, Array* out) {
    for (std::size_t i = 0; i < out->size() && (role == Role::kOut || role == Role::kDk); ++i) {
      if (c.attention.num_heads > 1) out->Set(i, (*out)[i] + 1);
    }
  };
  const auto scale_by_values = [](Case* c) {
    if (c->attention.has_scale) return;
    c->attention.has_scale = true;
    c->attention.scale = 1;
  };
  const auto by_dims = attention([](A& a) {
    if (a.head_dim > 4) a.softcap = a.softcap == 0 ? 1 : a.softcap / 2;
  });
  const std::vector<Fault> faults = {
      {"attention_accuracy", kForward, "a factor", {}, Times(Role::kOut, 1.02)},
      {"lse_accuracy", kForward, "another base", {}, Times(Role::kLse, 1.4427)},
      {"values_hull", kForward, "mass lost", {}, Times(Role::kOut, 1.1)},
      {"constant_values", kForward, "mass lost", {}, Times(Role::kOut, 0.9)},
      {"linear_values", kForward, "a summand", {}, Plus(Role::kOut, 0.25)},
      {"power_of_two_values", kForward, "a summand", {}, Plus(Role::kOut, 0.25)},
      {"one_hot_values",
       kForward,
       "twice the scores",
       [](Case* c) {
         c->attention.scale = 2 * ScaleOf(*c);
         c->attention.has_scale = true;
       },
       {}},
      {"one_hot_values", kForward, "an LSE of its own", {}, Times(Role::kLse, 1.4427)},
      {"invisible_ignored", kForward, "0 * NaN", {}, LeakNaN},
      {"causal_prefix", kForward, "causality ignored", attention([](A& a) { a.causal = false; }), {}},
      {"causal_prefix", kForward, "top left always", attention([](A& a) { a.alignment = ASSAY_TOP_LEFT; }), {}},
      {"window_prefix", kForward, "a key too many", attention([](A& a) { a.window += a.window != 0; }), {}},
      {"lengths_prefix", kForward, "lengths ignored", no_lengths, {}},
      {"places_are_mask", kForward, "a key too many", attention([](A& a) { a.window += a.window != 0; }), {}},
      {"places_are_mask", kBackward, "causality ignored", attention([](A& a) { a.causal = false; }), {}},
      {"bias_is_mask", kForward, "-inf made finite", FiniteBias, {}},
      {"bias_is_mask", kBackward, "the mask ignored", no_mask, {}},
      {"nothing_visible", kForward, "a summand", {}, Plus(Role::kOut, 0.25)},
      {"nothing_visible",
       kForward,
       "an LSE that is finite",
       {},
       [](const Case&, Role, Array* out) {
         for (std::size_t i = 0; i < out->size(); ++i) {
           if ((*out)[i] == -kInf) out->Set(i, -1e4);
         }
       }},
      {"single_visible_key", kForward, "a rounding", {}, Times(Role::kOut, 1 + 0x1p-7)},
      {"attention_special_values",
       kForward,
       "NaN lost",
       {},
       [](const Case&, Role, Array* out) {
         for (std::size_t i = 0; i < out->size(); ++i) {
           if (std::isnan((*out)[i])) out->Set(i, 0);
         }
       }},
      {"grouped_heads", kForward, "heads mapped by remainder", ByRemainder, {}},
      {"grouped_heads",
       kBackward,
       "a part of a gradient lost",
       {},
       [](const Case& c, Role role, Array* out) {
         for (std::size_t i = 0; i < out->size() && role == Role::kDv; ++i) {
           out->Set(i, (*out)[i] / static_cast<double>(GroupSize(c.attention)));
         }
       }},
      {"heads_independent", kForward, "another formula for several heads", {}, by_heads},
      {"heads_independent", kBackward, "another formula for several heads", {}, by_heads},
      {"batches_independent", kForward, "another result among several", {}, grows},
      {"batches_independent", kBackward, "another result among several", {}, grows},
      {"decode_row",
       kForward,
       "one query as the first",
       attention([](A& a) {
         if (a.seq_q == 1) a.alignment = ASSAY_TOP_LEFT;
       }),
       {}},
      {"key_permutation", kForward, "a lost tail", WithMaskedLast(), {}},
      {"merge_by_lse", kForward, "an LSE in base 2", {}, Times(Role::kLse, 1.4427)},
      {"merge_by_lse", kForward, "a lost tail", WithMaskedLast(), {}},
      {"sink_is_a_key", kForward, "no sink", no_sink, {}},
      {"bias_shift",
       kForward,
       "bias clamped",
       [](Case* c) {
         for (std::size_t i = 0; i < c->bias.values.size(); ++i) {
           if (c->bias[i] > 1) c->bias.values.Set(i, 1);
         }
       },
       {}},
      {"softcap_order", kForward, "the bias bent, too", SoftcapBends, {}},
      {"small_softcap",
       kForward,
       "small ones ignored",
       attention([](A& a) { a.softcap = a.softcap < 0.1 ? 0 : a.softcap; }),
       {}},
      {"scale_default", kForward, "1", scale_by_values, {}},
      {"scale_power_of_two", kForward, "|scale|", attention([](A& a) { a.scale = std::fabs(a.scale); }), {}},
      {"scale_power_of_two",
       kBackward,
       "the scale missing in dk",
       {},
       [](const Case& c, Role role, Array* out) {
         for (std::size_t i = 0; i < out->size() && role == Role::kDk; ++i) out->Set(i, (*out)[i] / ScaleOf(c));
       }},
      {"dims_padded", kForward, "a softcap for many dimensions", by_dims, {}},
      {"dq_accuracy", kBackward, "a factor", {}, Times(Role::kDq, 1.02)},
      {"dk_accuracy", kBackward, "a factor", {}, Times(Role::kDk, 1.02)},
      {"dv_accuracy", kBackward, "a factor", {}, Times(Role::kDv, 1.02)},
      {"dbias_accuracy", kBackward, "a factor", {}, Times(Role::kDbias, 1.02)},
      {"backward_adjoint", kBackward, "a factor", {}, Times(Role::kDk, 1.02)},
      {"gradients_from_dbias", kBackward, "a factor", {}, Times(Role::kDbias, 1.02)},
      {"backward_invisible_zero", kBackward, "a summand", {}, Plus(Role::kDv, 0.25)},
      {"backward_invisible_zero", kBackward, "the mask ignored", no_mask, {}},
      {"backward_empty_rows", kBackward, "rows that contribute", no_saved_empty, {}},
      {"dv_is_weighted_upstream", kBackward, "another sum", {}, Times(Role::kDv, 1.05)},
  };
  std::set<std::string> planted;
  for (const Fault& fault : faults) {
    AttentionOracle faulty(fault.ask, fault.answer);
    faulty.Claim({ASSAY_CLAIM_BOUND, 0, 2, 0x1p-20, 0x1p-24, 0x1p-24, 0x1p-24});
    Context context{faulty};
    subjects::Random random(7, 3);
    for (const Property& law : AttentionLaws()) {
      if (std::string(law.name) != fault.law) continue;
      int violated = 0;
      for (int k = 0; k < 60 && violated == 0; ++k) {
        violated += law.check(law.fit(AnyAttention(fault.op, random)), context).verdict == Verdict::kViolated ? 1 : 0;
      }
      EXPECT_GT(violated, 0) << law.name << " does not see: " << fault.what;
    }
    planted.insert(fault.law);
  }
  for (const Property& law : AttentionLaws()) EXPECT_EQ(planted.count(law.name), 1U) << law.name << " has no fault";
}

}  // namespace
}  // namespace assay::properties
