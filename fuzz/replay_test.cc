// SPDX-License-Identifier: Apache-2.0
//
// Replays the committed corpus of cases without libFuzzer, and holds the decoder to being total.

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "fuzz/corpus.h"
#include "fuzz/decode.h"
#include "subjects/random.h"

namespace assay::fuzz {
namespace {

// Not every case is one for its law: what a fit makes of a seed may be not applicable. But each law judges some.
TEST(FuzzReplayTest, APlainSubjectBreaksNoLawOnTheCorpus) {
  const auto subject = subjects::OpenHere("scalar");
  std::set<std::string> laws;
  for (const auto& file : FilesIn("softmax")) {
    Decoded decoded = Decode(Read(file));
    const subjects::Case c = properties::Prepare(*decoded.property, std::move(decoded.c), subject->info());
    properties::Context context{*subject};
    const properties::Judgement judgement = properties::Judge(*decoded.property, c, context);
    EXPECT_NE(judgement.verdict, properties::Verdict::kViolated) << file << ": " << judgement.reason;
    EXPECT_NE(judgement.verdict, properties::Verdict::kUndecided) << file << ": " << judgement.reason;
    if (judgement.verdict == properties::Verdict::kHolds) laws.insert(decoded.property->name);
  }
  for (const properties::Property* law : Laws()) {
    EXPECT_EQ(laws.count(law->name), 1u) << law->name << " has no seed that it judges: fuzz/make_seeds.py";
  }
}

TEST(DecodeTest, MakesAValidCaseOfAnyBytes) {
  subjects::Random random(5, 0);
  for (std::size_t i = 0; i < 2000; ++i) {
    std::vector<std::uint8_t> bytes(random.Below(300));
    for (std::uint8_t& b : bytes) b = static_cast<std::uint8_t>(random.Bits());
    const Decoded decoded = Decode(bytes);
    ASSERT_NO_THROW(subjects::Validate(decoded.c)) << i;
    ASSERT_NE(decoded.property, nullptr);
  }
}

TEST(DecodeTest, ReachesEveryOperationTypeAndOperand) {
  subjects::Random random(5, 1);
  std::set<int> ops;
  std::set<int> dtypes;
  std::set<subjects::Role> roles;
  std::size_t in_place = 0;
  std::size_t ignored = 0;
  std::size_t repeated = 0;
  for (std::size_t i = 0; i < 2000; ++i) {
    std::vector<std::uint8_t> bytes(kHeaderBytes + random.Below(300));
    for (std::uint8_t& b : bytes) b = static_cast<std::uint8_t>(random.Bits());
    const Decoded decoded = Decode(bytes);
    ops.insert(decoded.c.op);
    dtypes.insert(decoded.c.dtype);
    in_place += decoded.c.in_place ? 1 : 0;
    ignored += decoded.c.has_ignore_index ? 1 : 0;
    subjects::ForEachInput(decoded.c, [&](subjects::Role role, const subjects::Operand& operand) {
      roles.insert(role);
      repeated += operand.layout.repeats_row ? 1 : 0;
    });
  }
  EXPECT_EQ(ops.size(), static_cast<std::size_t>(ASSAY_NUM_OPS));
  EXPECT_EQ(dtypes.size(), static_cast<std::size_t>(ASSAY_NUM_DTYPES));
  EXPECT_EQ(roles.size(), static_cast<std::size_t>(subjects::kInputRoles));  // those of rows
  EXPECT_GT(in_place, 100u);
  EXPECT_GT(ignored, 10u);
  EXPECT_GT(repeated, 100u);
}

TEST(DecodeTest, ReachesEverySwitchOfAttention) {
  subjects::Random random(5, 2);
  std::map<std::string, int> seen;
  for (std::size_t i = 0; i < 4000; ++i) {
    std::vector<std::uint8_t> bytes(kHeaderBytes + random.Below(300));
    for (std::uint8_t& b : bytes) b = static_cast<std::uint8_t>(random.Bits());
    const subjects::Case c = Decode(bytes).c;
    if (!subjects::IsAttention(c.op)) continue;
    ASSERT_NO_THROW(subjects::Validate(c)) << i;
    const subjects::Attention& a = c.attention;
    ++seen["attention"];
    seen["causal"] += a.causal ? 1 : 0;
    seen["top left"] += a.alignment == ASSAY_TOP_LEFT ? 1 : 0;
    seen["window"] += a.window != 0 ? 1 : 0;
    seen["scale"] += a.has_scale ? 1 : 0;
    seen["softcap"] += a.softcap != 0 ? 1 : 0;
    seen["lengths"] += c.lengths.given ? 1 : 0;
    seen["sink"] += c.sink.given ? 1 : 0;
    seen["grouped"] += a.num_heads > a.num_kv_heads ? 1 : 0;
    seen["value_dim"] += a.value_dim != a.head_dim ? 1 : 0;
    seen["lse f64"] += a.lse_dtype == ASSAY_F64 ? 1 : 0;
    seen["in place"] += c.in_place ? 1 : 0;
    seen["no lse"] += a.skipped != 0 ? 1 : 0;
    seen["broadcast"] += c.k.layout.repeats_head || c.bias.layout.repeats_batch ? 1 : 0;
    seen["heads inside"] += c.v.layout.heads_inner ? 1 : 0;
    seen["columns outer"] += c.v.layout.columns_outer ? 1 : 0;
  }
  for (const auto& [what, count] : seen) EXPECT_GT(count, 10) << what;
}

TEST(DecodeTest, TakesTheElementsAsTheyStand) {
  std::vector<std::uint8_t> bytes(kHeaderBytes + 8);
  bytes[3] = 1;  // one row
  const std::uint8_t logits[8] = {0x00, 0x00, 0x80, 0x3F, 0x01, 0x00, 0xC0, 0xFF};
  std::copy_n(logits, 8, bytes.begin() + kHeaderBytes);
  const Decoded decoded = Decode(bytes);
  ASSERT_EQ(decoded.c.op, ASSAY_SOFTMAX);  // the first law's first
  ASSERT_EQ(decoded.c.logits.values.size(), 2u);
  EXPECT_EQ(decoded.c.logits[0], 1.0);
  EXPECT_EQ(decoded.c.logits.values.Bits(1), 0xFFC00001u);
  EXPECT_EQ(decoded.c.temperature, 1.0);
  bytes[2] = ASSAY_F16;
  const Decoded half = Decode(bytes);
  ASSERT_EQ(half.c.logits.values.size(), 4u);
  EXPECT_EQ(half.c.logits.values.Bits(1), 0x3F80u);
}

}  // namespace
}  // namespace assay::fuzz
