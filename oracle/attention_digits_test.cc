// SPDX-License-Identifier: Apache-2.0
//
// Attention and its gradients against digits computed elsewhere: attention_digits.inc, made by attention_digits.py with
// Python's decimal arithmetic.

#include <gtest/gtest.h>

#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "oracle/attention.h"

namespace assay::oracle {
namespace {

struct Want {
  double nearest;
  double ulp;
  double remainder_ulp;
};

struct DigitsHead {
  const char* why;
  const char* format;
  std::size_t seq_q, seq_kv, head_dim, value_dim;
  std::optional<double> scale;
  double softcap;
  std::optional<double> sink;
  bool causal;
  std::size_t window;
  std::vector<double> q, k, v, bias, saved_out, saved_lse, upstream;
  std::vector<Want> out, lse, dq, dk, dv, dbias;
};

const std::vector<DigitsHead>& Heads() {
  static const std::vector<DigitsHead> heads = {
#include "oracle/attention_digits.inc"
  };
  return heads;
}

AttentionHead HeadOf(const DigitsHead& digits, Format format) {
  AttentionHead head;
  head.seq_q = digits.seq_q;
  head.seq_kv = head.length = digits.seq_kv;
  head.head_dim = digits.head_dim;
  head.value_dim = digits.value_dim;
  head.q = digits.q;
  head.k = digits.k;
  head.v = digits.v;
  head.bias = digits.bias;
  head.scale = digits.scale;
  head.softcap = digits.softcap;
  head.sink = digits.sink;
  head.causal = digits.causal;
  head.window = digits.window;
  head.format = format;
  head.lse_format = Format::kF64;
  return head;
}

Format FormatOf(const DigitsHead& digits) {
  for (const Format format : {Format::kF32, Format::kF64, Format::kF16}) {
    if (digits.format == std::string(FormatName(format))) return format;
  }
  return Format::kBF16;
}

void Expect(const char* name, const std::vector<Exact>& got, const std::vector<Want>& want) {
  ASSERT_EQ(got.size(), want.size()) << name;
  for (std::size_t n = 0; n < got.size(); ++n) {
    SCOPED_TRACE(std::string(name) + " " + std::to_string(n));
    EXPECT_EQ(got[n].nearest, want[n].nearest);
    if (std::isinf(want[n].nearest)) continue;
    EXPECT_EQ(got[n].ulp, want[n].ulp);
    // The table's remainder is a double, off by 2^-53 of itself.
    EXPECT_LE(std::fabs(got[n].remainder_ulp - want[n].remainder_ulp),
              got[n].width_ulp + std::ldexp(std::fabs(want[n].remainder_ulp), -53));
  }
}

class AttentionDigits : public testing::TestWithParam<Tier> {};

TEST_P(AttentionDigits, AreReproduced) {
  ASSERT_GE(Heads().size(), 10u);
  for (const DigitsHead& digits : Heads()) {
    SCOPED_TRACE(digits.why);
    const AttentionResult forward = Attention(HeadOf(digits, FormatOf(digits)), GetParam());
    Expect("out", forward.out, digits.out);
    Expect("lse", forward.lse, digits.lse);
    const AttentionBackwardHead backward = {HeadOf(digits, Format::kF64), digits.saved_out, digits.saved_lse,
                                            digits.upstream};
    const AttentionGradients got = AttentionBackward({&backward, 1}, GetParam());
    Expect("dq", got.dq[0].exact, digits.dq);
    Expect("dk", got.dk.exact, digits.dk);
    Expect("dv", got.dv.exact, digits.dv);
    Expect("dbias", got.dbias[0].exact, digits.dbias);
  }
}

INSTANTIATE_TEST_SUITE_P(Tiers, AttentionDigits, testing::Values(Tier::kReferee, Tier::kBulk),
                         [](const auto& tier_info) { return std::string(TierName(tier_info.param)); });

}  // namespace
}  // namespace assay::oracle
