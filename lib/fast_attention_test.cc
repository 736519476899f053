// SPDX-License-Identifier: Apache-2.0
//
// What the fast tier's attention does beyond its claim, or once did not: on every target of this machine.

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "assay/assay.h"

namespace assay {
namespace {

struct Attended {
  std::vector<float> out;  // [queries, dim]
  std::vector<float> lse;  // [queries]
};

// One head of f32, without a mask, by the fast tier of a target.
Attended Attend(std::size_t target, std::size_t dim, double scale, const std::vector<float>& q,
                const std::vector<float>& k, const std::vector<float>& v, const float* sink = nullptr) {
  const assay_attention_kernel& kernel = assay_target_subject(target, ASSAY_TIER_FAST)->attention;
  Attended result = {std::vector<float>(q.size()), std::vector<float>(q.size() / dim)};
  assay_attention_args a = {};
  a.struct_size = sizeof(a);
  a.batch = a.num_heads = a.num_kv_heads = 1;
  a.seq_q = q.size() / dim;
  a.seq_kv = k.size() / dim;
  a.head_dim = a.value_dim = dim;
  a.has_scale = 1;
  a.scale = scale;
  a.dtype = a.lse_dtype = ASSAY_F32;
  const auto step = static_cast<std::ptrdiff_t>(dim);
  a.q = {q.data(), {0, 0, step, 1}};
  a.k = {k.data(), {0, 0, step, 1}};
  a.v = {v.data(), {0, 0, step, 1}};
  a.out = {result.out.data(), {0, 0, step, 1}};
  a.lse = {result.lse.data(), {0, 0, 1, 0}};
  if (sink != nullptr) a.sink = {sink, {0, 0, 0, 0}};
  std::vector<std::uint8_t> room(kernel.scratch_bytes(&a) + 64);
  a.scratch = room.data() + (64 - reinterpret_cast<std::uintptr_t>(room.data()) % 64) % 64;
  a.scratch_bytes = room.size() - 64;
  EXPECT_EQ(kernel.run(&a), ASSAY_OK);
  return result;
}

// The first product overflows to -inf in f32, where the whole score is 10^40: not a hidden key.
TEST(FastAttentionTest, AScoreThatOverflowsHalfWayIsNotHidden) {
  const float sink = 0;
  for (const std::size_t queries : {std::size_t{1}, std::size_t{3}}) {  // decoded, and by a tile
    std::vector<float> q;
    for (std::size_t i = 0; i < queries; ++i) q.insert(q.end(), {1e20f, -1e20f});
    for (std::size_t target = 0; target < assay_num_targets(); ++target) {
      const Attended got = Attend(target, 2, 1, q, {-1e20f, -2e20f}, {3, 4}, &sink);
      for (std::size_t i = 0; i < queries; ++i) {
        EXPECT_EQ(got.out[2 * i], 3) << assay_target_name(target) << ", " << queries << " queries";
        EXPECT_EQ(got.lse[i], HUGE_VALF) << assay_target_name(target) << ", " << queries << " queries";
      }
    }
  }
}

// Scores of thousands whose roundings to f32 alone are off by 2^-13: decoded, two keys' shares keep their digits.
TEST(FastAttentionTest, DecodesLargeScoresInDouble) {
  std::mt19937_64 random(1);
  std::normal_distribution<float> normal;
  for (const std::size_t dim : {std::size_t{64}, std::size_t{128}, std::size_t{37}}) {
    std::vector<float> q(dim), k(2 * dim), v(2 * dim);
    for (std::size_t n = 0; n < dim; ++n) {
      q[n] = 20 * normal(random);
      k[n] = q[n];
      k[dim + n] = q[n] + 1e-5f * normal(random);
      v[n] = 0;
      v[dim + n] = 1;
    }
    double difference = 0;
    for (std::size_t n = 0; n < dim; ++n) {
      difference += static_cast<double>(q[n]) * (static_cast<double>(k[dim + n]) - static_cast<double>(k[n]));
    }
    const double exact = 1 / (1 + std::exp(-difference));
    for (std::size_t target = 0; target < assay_num_targets(); ++target) {
      const Attended got = Attend(target, dim, 1, q, k, v);
      // A few units of f32: nothing of 2^-13 is left.
      EXPECT_NEAR(got.out[0], exact, 0x1p-21) << assay_target_name(target) << ", d " << dim;
    }
  }
}

}  // namespace
}  // namespace assay
