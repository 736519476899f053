// SPDX-License-Identifier: Apache-2.0
//
// A sample of what exhaustive.cc does in full, for every run of the tests: the library's two exponentials against the
// oracle on every target. It stands here because it needs both the inside of lib/ and oracle/, which share nothing.

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <vector>

#include "assay/assay.h"
#include "error_bounds.h"
#include "kernels.h"
#include "oracle/oracle.h"

namespace assay {
namespace {

// Points in [lowest, 0] spread over the exponents as well as over the range, and the ends of the reduction steps.
std::vector<double> Points(double lowest) {
  std::vector<double> points = {0.0, -0.0, lowest, -0x1p-1074};
  std::uint64_t state = 20261121;
  while (points.size() < 10'000) {
    state = state * 6364136223846793005 + 1442695040888963407;
    points.push_back(lowest * static_cast<double>(state >> 11) * 0x1p-53);
    const std::uint64_t exponent = 1023 + 9 - (state >> 33) % 90;
    points.push_back(std::max(lowest, -std::bit_cast<double>((exponent << 52) | (state >> 12))));
  }
  for (int k = 0; points.size() < 20'000; --k) {
    const double boundary = (k - 0.5) * std::log(2.0) / 16;
    points.push_back(std::max(lowest, boundary));
    points.push_back(std::max(lowest, std::nextafter(boundary, 0)));
  }
  return points;
}

TEST(ExpTest, StaysWithinItsBoundOnEveryTarget) {
  const std::vector<double> z = Points(-700);
  for (std::size_t t = 0; t < assay_num_targets(); ++t) {
    std::vector<double> got(z.size());
    internal::ExpForTest(t, z.data(), got.data(), z.size());
    double worst = 0;
    for (std::size_t i = 0; i < z.size(); ++i) {
      const double error = oracle::ExpRelativeError(z[i], got[i]);
      ASSERT_LE(error, bounds::kExpRelative) << assay_target_name(t) << " at " << z[i];
      worst = std::max(worst, error);
    }
    std::printf("%-8s worst relative error %.3f u of %.3f u\n", assay_target_name(t), worst / bounds::kU,
                bounds::kExpRelative / bounds::kU);
  }
}

TEST(ExpTest, StaysWithinItsBoundInTheFastTier) {
  const std::vector<double> points = Points(-87);
  std::vector<float> z(points.begin(), points.end());
  for (std::size_t i = 0; i < z.size(); i += 3) z[i] *= -60.0f / 87;  // up to e^60
  for (std::size_t t = 0; t < assay_num_targets(); ++t) {
    std::vector<float> got(z.size());
    internal::FastExpForTest(t, z.data(), got.data(), z.size());
    double worst = 0;
    for (std::size_t i = 0; i < z.size(); ++i) {
      const double error = oracle::ExpRelativeError(static_cast<double>(z[i]), static_cast<double>(got[i]));
      ASSERT_LE(error, bounds::kFastExpRelative) << assay_target_name(t) << " at " << z[i];
      worst = std::max(worst, error);
    }
    std::printf("%-8s worst relative error %.3f u of %.3f u, u = 2^-24\n", assay_target_name(t), worst * 0x1p24,
                bounds::kFastExpRelative * 0x1p24);
  }
}

TEST(ExpTest, IsGoodTo96BitsInDoubleDoubleOnEveryTarget) {
  const std::vector<double> z = Points(-600);
  for (std::size_t t = 0; t < assay_num_targets(); ++t) {
    std::vector<double> hi(z.size()), lo(z.size());
    internal::ExpAccurateForTest(t, z.data(), hi.data(), lo.data(), z.size());
    double worst = 0;
    for (std::size_t i = 0; i < z.size(); ++i) {
      const double error = oracle::ExpRelativeError(z[i], hi[i], lo[i]);
      ASSERT_LE(error, bounds::kExpAccurateRelative) << assay_target_name(t) << " at " << z[i];
      worst = std::max(worst, error);
    }
    std::printf("%-8s worst relative error 2^%.1f of 2^%.1f\n", assay_target_name(t), std::log2(worst),
                std::log2(bounds::kExpAccurateRelative));
  }
}

}  // namespace
}  // namespace assay
