// SPDX-License-Identifier: Apache-2.0
//
// The exponentials of lib/scalar_exp.h against the oracle's, over the range in which a sum of weights can see them.

#include "scalar_exp.h"

#include <gtest/gtest.h>

#include <random>

#include "error_bounds.h"
#include "oracle/oracle.h"

namespace assay {
namespace {

TEST(ScalarExpTest, StaysWithinItsBounds) {
  std::mt19937_64 random(5);
  std::uniform_real_distribution<double> uniform(-600, 0);
  double worst = 0, worst_pair = 0;
  for (int i = 0; i < 200000; ++i) {
    const double z = i % 2 == 0 ? uniform(random) : uniform(random) * 0x1p-5;
    const internal::ScalarPair pair = internal::ExpScalarPair({z, 0});
    worst = std::max(worst, oracle::ExpRelativeError(z, internal::ExpScalar(z)));
    worst_pair = std::max(worst_pair, oracle::ExpRelativeError(z, pair.hi, pair.lo));
  }
  EXPECT_LE(worst, bounds::kExpRelative);
  EXPECT_LE(worst_pair, bounds::kExpAccurateRelative);
  RecordProperty("worst", std::to_string(worst / bounds::kU));
  RecordProperty("worst_pair_log2", std::to_string(std::log2(worst_pair)));
}

}  // namespace
}  // namespace assay
