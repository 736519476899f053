// SPDX-License-Identifier: Apache-2.0
//
// Forces every target in turn, fails when another one ran, and compares a hash of the bits over a fixed set of cases.

#include "hwy/targets.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "assay/assay.h"
#include "kernels.h"

namespace assay::internal {
namespace {

// The hash below, from any target: change it only together with the case set.
constexpr std::uint64_t kHash = 0x6297ee5dcd09579c;

// SplitMix64 (Steele, Lea & Flood 2014).
std::uint64_t Next(std::uint64_t& state) {
  std::uint64_t z = (state += 0x9E3779B97F4A7C15);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

assay_row_args OneRow(const std::vector<float>& logits, std::vector<float>& probs) {
  assay_row_args args{};
  args.struct_size = sizeof(args);
  args.rows = 1;
  args.cols = logits.size();
  args.temperature = 1;
  args.logits = {logits.data(), 0, 1};
  args.out = {probs.data(), 0, 1};
  return args;
}

// FNV-1a of the results over rows of every length up to 70 and some longer ones, seven temperatures, with and
// without a mask; logits spread over 2^-6 .. 2^7.
std::uint64_t HashOfFixedCases(const assay_subject& subject) {
  std::uint64_t hash = 0xcbf29ce484222325;
  std::uint64_t state = 20261121;
  std::vector<std::size_t> lengths = {100, 255, 1000, 6144, 6150, 20011};
  for (std::size_t n = 1; n <= 70; ++n) lengths.push_back(n);
  for (const double temperature : {1.0, 0.7, 0.1, 3.0, 0.0, 1e-310, std::numeric_limits<double>::infinity()}) {
    for (const std::size_t n : lengths) {
      const int scale = static_cast<int>(Next(state) % 14) - 6;
      std::vector<float> x(n), probs(n);
      std::vector<std::uint8_t> mask(n);
      for (std::size_t i = 0; i < n; ++i) {
        const auto unit = static_cast<float>(static_cast<std::int64_t>(Next(state)) >> 40) * 0x1p-23f;  // in [-1, 1)
        x[i] = unit * std::bit_cast<float>(static_cast<std::uint32_t>(127 + scale) << 23);
        mask[i] = Next(state) % 8 != 0;
      }
      assay_row_args args = OneRow(x, probs);
      if (n % 2 == 0) args.mask = {mask.data(), 0, 1};
      args.temperature = temperature;
      EXPECT_EQ(subject.softmax.run(&args), ASSAY_OK);
      for (const float p : probs) {
        const auto bits = std::bit_cast<std::uint32_t>(p);
        for (int shift = 0; shift < 32; shift += 8) hash = (hash ^ ((bits >> shift) & 0xFF)) * 0x100000001b3;
      }
    }
  }
  return hash;
}

TEST(TargetsTest, RunsTheTargetThatIsForced) {
  const std::size_t count = assay_num_targets();
  ASSERT_GE(count, 1u);
  for (std::size_t i = 0; i < count; ++i) {
    const Kernels& kernels = *KernelsAt(i);
    ASSERT_NE(kernels.target, 0) << assay_target_name(i);
    hwy::SetSupportedTargetsForTest(kernels.target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    const std::vector<float> x = {1, 2, 3};
    std::vector<float> probs(3);
    const assay_row_args args = OneRow(x, probs);
    EXPECT_EQ(assay_softmax(&args), ASSAY_OK);
    // Each group of kernels carries the bit of the target that its own code was compiled for.
    EXPECT_EQ(&ChosenKernels(), &kernels);
    hwy::SetSupportedTargetsForTest(0);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
}

TEST(TargetsTest, NamesEachTargetOnce) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < assay_num_targets(); ++i) names.emplace_back(assay_target_name(i));
  for (std::size_t i = 0; i < names.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) EXPECT_NE(names[i], names[j]);
  }
  EXPECT_EQ(assay_target_name(names.size()), nullptr);
  EXPECT_EQ(assay_target_subject(names.size(), ASSAY_TIER_EXACT), nullptr);
}

TEST(TargetsTest, GivesTheSameHashOnEveryTarget) {
  for (std::size_t i = 0; i < assay_num_targets(); ++i) {
    const std::uint64_t hash = HashOfFixedCases(*assay_target_subject(i, ASSAY_TIER_EXACT));
    std::printf("%-8s hash of the exact tier 0x%016llx\n", assay_target_name(i), static_cast<unsigned long long>(hash));
    EXPECT_EQ(hash, kHash) << assay_target_name(i);
  }
}

// Rows whose last entries were chosen to bring a share closer to a midpoint than double-double can tell: rounded from
// there, targets disagreed, and so did a row and its reverse. exact_row.h decides. The wanted float is the oracle's
// (properties/regressions/tuned_to_midpoint_*.json).
TEST(TargetsTest, AgreesOnRowsTunedToAMidpoint) {
  struct Tuned {
    std::vector<float> logits;
    std::size_t entry;
    float want;
  };
  const Tuned rows[] = {
      {{0.0f, -0x1.8p-23f, -0x1.88c3eep+5f, -0x1.f1b5b8p+5f, -0x1.2da1eep+6f}, 1, 0x1.fffffep-2f},
      {{0.0f, -0x1.3p-20f, -0x1.5c772cp+5f, -0x1.c31ac8p+5f, -0x1.149062p+6f}, 1, 0x1.ffffeep-2f},
  };
  for (const Tuned& row : rows) {
    const std::size_t n = row.logits.size();
    for (std::size_t t = 0; t < assay_num_targets(); ++t) {
      for (const bool reversed : {false, true}) {
        std::vector<float> x = row.logits;
        if (reversed) std::reverse(x.begin(), x.end());
        std::vector<float> probs(n);
        std::vector<float> in_place = x;
        assay_row_args args = OneRow(x, probs);
        ASSERT_EQ(assay_target_subject(t, ASSAY_TIER_EXACT)->softmax.run(&args), ASSAY_OK);
        args = OneRow(in_place, in_place);
        ASSERT_EQ(assay_target_subject(t, ASSAY_TIER_EXACT)->softmax.run(&args), ASSAY_OK);
        EXPECT_EQ(probs[reversed ? n - 1 - row.entry : row.entry], row.want) << assay_target_name(t) << reversed;
        EXPECT_EQ(probs, in_place) << assay_target_name(t) << reversed;
      }
    }
  }
}

}  // namespace
}  // namespace assay::internal
