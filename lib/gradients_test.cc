// SPDX-License-Identifier: Apache-2.0
//
// Gradients with known values, and what must not change them.

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "assay/assay.h"

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

template <class T>
std::vector<T> Gradient(assay_row_fn fn, std::vector<T> saved, std::vector<T> upstream, double temperature = 1) {
  std::vector<T> out(saved.size());
  assay_row_args args{};
  args.struct_size = sizeof(args);
  args.rows = 1;
  args.cols = saved.size();
  args.temperature = temperature;
  args.dtype = sizeof(T) == 8 ? ASSAY_F64 : sizeof(T) == 4 ? ASSAY_F32 : ASSAY_BF16;
  args.saved = {saved.data(), 0, 1};
  args.upstream = {upstream.data(), 0, 1};
  args.out = {out.data(), 0, 1};
  EXPECT_EQ(fn(&args), ASSAY_OK);
  return out;
}

using Doubles = std::vector<double>;
using Floats = std::vector<float>;

TEST(GradientsTest, HasTheClosedFormsOfTwoEntries) {
  for (const assay_row_fn fn : {&assay_softmax_backward, &assay_fast_softmax_backward}) {
    EXPECT_EQ(Gradient<float>(fn, {0.5f, 0.5f}, {3, 1}), (Floats{0.5f, -0.5f}));
    EXPECT_EQ(Gradient<float>(fn, {0.5f, 0.5f}, {3, 1}, 4), (Floats{0.125f, -0.125f}));
    EXPECT_EQ(Gradient<float>(fn, {0.25f, 0.75f}, {7, 7}), (Floats{0, 0}));
  }
  for (const assay_row_fn fn : {&assay_sparsemax_backward, &assay_fast_sparsemax_backward}) {
    EXPECT_EQ(Gradient<float>(fn, {0.5f, 0, 0.5f}, {3, 100, 1}, 2), (Floats{0.5f, 0, -0.5f}));
  }
  for (const assay_row_fn fn : {&assay_log_softmax_backward, &assay_fast_log_softmax_backward}) {
    EXPECT_EQ(Gradient<float>(fn, {0, -std::numeric_limits<float>::infinity()}, {5, 9}), (Floats{0, 0}));
  }
}

TEST(GradientsTest, IgnoresUpstreamWhereThereIsNoMass) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const assay_row_fn fn : {&assay_softmax_backward, &assay_fast_softmax_backward, &assay_sparsemax_backward,
                                &assay_fast_sparsemax_backward}) {
    const Floats want = Gradient<float>(fn, {0.3f, 0, 0.7f}, {0.1f, 0, 0.7f});
    EXPECT_EQ(Gradient<float>(fn, {0.3f, 0, 0.7f}, {0.1f, nan, 0.7f}), want);
    EXPECT_EQ(Gradient<float>(fn, {0.3f, -0.0f, 0.7f}, {0.1f, HUGE_VALF, 0.7f}), want);
    const Floats bad = Gradient<float>(fn, {0.3f, 0, nan}, {0.1f, 0, 0.7f});
    EXPECT_TRUE(std::isnan(bad[0]) && std::isnan(bad[2]));
    EXPECT_EQ(std::bit_cast<std::uint32_t>(bad[1]), 0u);
  }
}

TEST(GradientsTest, OverflowsOnlyWhereTheResultDoes) {
  const double max = std::numeric_limits<double>::max();
  EXPECT_EQ(Gradient<double>(&assay_sparsemax_backward, {1, 1, 1}, {max, max, max}), (Doubles{0, 0, 0}));
  EXPECT_EQ(Gradient<double>(&assay_sparsemax_backward, {1, 1}, {max, -max}, max), (Doubles{1, -1}));
  EXPECT_EQ(Gradient<double>(&assay_softmax_backward, {0.5, 0.5}, {max, -max}, max), (Doubles{0.5, -0.5}));
  EXPECT_EQ(Gradient<double>(&assay_softmax_backward, {0.5, 0.5}, {0x1p-1074, 0}, 0x1p-1074), (Doubles{0.25, -0.25}));
  EXPECT_EQ(Gradient<double>(&assay_log_softmax_backward, {-800.0, 0}, {0x1p1023, 0}, kInf), (Doubles{0, 0}));
  // exp(-800) alone is 0 in double.
  const Doubles tail = Gradient<double>(&assay_log_softmax_backward, {-800.0, 0}, {0, 0x1p1000});
  EXPECT_NEAR(std::log(-tail[0]), 1000 * std::log(2.0) - 800, 1e-10);
  // f32 would lose the sum.
  const Floats wide = Gradient<float>(&assay_fast_softmax_backward, {0.5f, 0.5f}, {3e38f, -3e38f});
  EXPECT_EQ(wide, (Floats{1.5e38f, -1.5e38f}));
}

TEST(GradientsTest, SeesWhatIsLeftWhenLogSoftmaxCancels) {
  // (1 - exp(2^-120)) / T is about -2^-120 / T.
  const Doubles left = Gradient<double>(&assay_log_softmax_backward, {0x1p-120}, {1}, 0x1p-1000);
  EXPECT_EQ(left[0], -0x1p880);
}

TEST(GradientsTest, RoundsSubnormalResultsOnce) {
  const Doubles one = Gradient<double>(&assay_softmax_backward, {0x0.f323bb6868f46p-1022}, {0x1.c9ac49b1e325ap-4});
  EXPECT_EQ(one[0], 0x0.1b2ae6b8d7165p-1022);
  // The same among ordinary entries, whose row is served in lanes.
  const Doubles third =
      Gradient<double>(&assay_softmax_backward, {0.5, 0.5, 0x0.f323bb6868f46p-1022}, {1, -1, 0x1.c9ac49b1e325ap-4});
  EXPECT_EQ(third, (Doubles{0.5, -0.5, 0x0.1b2ae6b8d7165p-1022}));
}

// One of the three: random rows of a type, some entries without mass, magnitudes over the whole range at times.
template <class T>
void ExpectSameBits(assay_op op) {
  std::uint64_t state = 7;
  const auto next = [&state] {
    state = state * 6364136223846793005 + 1442695040888963407;
    return state >> 11;
  };
  const auto fn = [op](std::size_t target) {
    const assay_subject* s = assay_target_subject(target, ASSAY_TIER_EXACT);
    return op == ASSAY_SOFTMAX_BACKWARD       ? s->softmax_backward.run
           : op == ASSAY_LOG_SOFTMAX_BACKWARD ? s->log_softmax_backward.run
                                              : s->sparsemax_backward.run;
  };
  for (std::size_t n = 1; n < 4000; n += n < 40 ? 1 : 311) {
    std::vector<T> saved(n), upstream(n);
    const int spread = n % 5 == 0 ? (sizeof(T) == 8 ? 900 : 100) : 8;
    for (std::size_t i = 0; i < n; ++i) {
      const double unit = static_cast<double>(next()) * 0x1p-53;
      const bool dead = next() % 8 == 0;
      if (op == ASSAY_LOG_SOFTMAX_BACKWARD) {
        saved[i] = static_cast<T>(dead ? -kInf : -unit * spread);
      } else {
        saved[i] = static_cast<T>(dead ? 0 : std::ldexp(unit, -static_cast<int>(next() % 60)));
      }
      upstream[i] = static_cast<T>(std::ldexp(unit - 0.5, static_cast<int>(next() % 40) - spread));
    }
    const double temperature = n % 4 == 0 ? 1e-310 : n % 4 == 1 ? 0.7 : 1;
    const std::vector<T> want = Gradient<T>(fn(0), saved, upstream, temperature);
    for (std::size_t target = 1; target < assay_num_targets(); ++target) {
      const std::vector<T> got = Gradient<T>(fn(target), saved, upstream, temperature);
      EXPECT_EQ(std::memcmp(got.data(), want.data(), n * sizeof(T)), 0) << assay_target_name(target) << " n " << n;
    }
  }
}

TEST(GradientsTest, HasTheSameBitsOnEveryTarget) {
  for (const assay_op op : {ASSAY_SOFTMAX_BACKWARD, ASSAY_LOG_SOFTMAX_BACKWARD, ASSAY_SPARSEMAX_BACKWARD}) {
    ExpectSameBits<float>(op);
    ExpectSameBits<double>(op);
  }
}

}  // namespace
