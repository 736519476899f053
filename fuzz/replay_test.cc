// SPDX-License-Identifier: Apache-2.0
//
// Replays the committed corpus of cases without libFuzzer, and holds the decoder to being total.

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "fuzz/corpus.h"
#include "fuzz/decode.h"
#include "subjects/random.h"

namespace assay::fuzz {
namespace {

TEST(FuzzReplayTest, OursHoldsEveryLawOnTheSoftmaxCorpus) {
  const auto subject = subjects::OpenHere("assay");
  std::set<std::string> laws;
  for (const auto& file : FilesIn("softmax")) {
    Decoded decoded = Decode(Read(file));
    laws.insert(decoded.property->name);
    const subjects::Case c = properties::Prepare(*decoded.property, std::move(decoded.c), subject->info());
    properties::Context context{*subject};
    const properties::Judgement judgement = properties::Judge(*decoded.property, c, context);
    EXPECT_EQ(judgement.verdict, properties::Verdict::kHolds) << file << ": " << judgement.reason;
  }
  EXPECT_EQ(laws.size(), properties::Catalogue().size()) << "a law has no seed: fuzz/make_seeds.py";
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

TEST(DecodeTest, TakesTheLogitsAsTheyStand) {
  std::vector<std::uint8_t> bytes(kHeaderBytes + 8);
  bytes[2] = 1;  // one row
  const std::uint8_t logits[8] = {0x00, 0x00, 0x80, 0x3F, 0x01, 0x00, 0xC0, 0xFF};
  std::copy_n(logits, 8, bytes.begin() + kHeaderBytes);
  const Decoded decoded = Decode(bytes);
  ASSERT_EQ(decoded.c.logits.size(), 2u);
  EXPECT_EQ(decoded.c.logits[0], 1.0f);
  EXPECT_EQ(std::bit_cast<std::uint32_t>(decoded.c.logits[1]), 0xFFC00001u);
  EXPECT_EQ(decoded.c.temperature, 1.0);
}

}  // namespace
}  // namespace assay::fuzz
