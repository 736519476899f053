// SPDX-License-Identifier: Apache-2.0

#include "reports/user_logits.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <stdexcept>

#include "reports/testing.h"

namespace assay::reports {
namespace {

NpyArray TwoRows() {
  NpyArray array;
  array.rows = 2;
  array.cols = 2;
  array.dtype = "<f4";
  array.values = {0, 1, 2, 4};
  return array;
}

TEST(UserLogitsTest, EveryRowIsAskedForAtTheTemperatureGiven) {
  std::vector<double> asked;
  FakeSubject fake([&](const subjects::Case& c, subjects::RunResult&) { asked.push_back(c.temperature); });
  const Measured subjects[] = {{"fake", "ours", &fake}};
  const UserLogits user = MeasureUserLogits(subjects, TwoRows(), "mine.npy", oracle::Tier::kBulk, 0.5);
  EXPECT_EQ(user.temperature, 0.5);
  EXPECT_EQ(asked, std::vector<double>(3, 0.5));  // two rows and the preview
  EXPECT_EQ(user.measured.measurements[0].statistics.count(), 4u);
  EXPECT_EQ(user.measured.measurements[0].statistics.misrounded(), 0u);
  ASSERT_EQ(user.preview.size(), 2u);
  EXPECT_FLOAT_EQ(user.preview[0].got, static_cast<float>(1 / (1 + std::exp(-2.0))));
}

TEST(UserLogitsTest, WithoutATemperatureItIsOne) {
  FakeSubject fake;
  const Measured subjects[] = {{"fake", "ours", &fake}};
  EXPECT_EQ(MeasureUserLogits(subjects, TwoRows(), "mine.npy", oracle::Tier::kBulk).temperature, 1);
}

TEST(UserLogitsTest, TheLimitsOfTemperatureAreMeasuredToo) {
  FakeSubject fake;
  const Measured subjects[] = {{"fake", "ours", &fake}};
  for (const double temperature : {0.0, std::numeric_limits<double>::infinity()}) {
    const UserLogits user = MeasureUserLogits(subjects, TwoRows(), "mine.npy", oracle::Tier::kBulk, temperature);
    ASSERT_EQ(user.preview.size(), 2u);
    EXPECT_EQ(user.preview[0].got, temperature == 0 ? 1.0f : 0.5f);
  }
}

TEST(UserLogitsTest, SaysHowManyValuesWereRounded) {
  UserLogits user;
  EXPECT_EQ(RoundingNote(user), "");
  user.rounded_from_f64 = 2000;
  EXPECT_EQ(RoundingNote(user), " Values that are not f32 numbers and were rounded to the nearest one: 2,000.");
}

TEST(UserLogitsTest, ATemperatureThatIsNoneIsNamed) {
  for (const double temperature : {-1.0, std::nan("")}) {
    try {
      MeasureUserLogits({}, TwoRows(), "mine.npy", oracle::Tier::kBulk, temperature);
      FAIL() << temperature;
    } catch (const std::invalid_argument& e) {
      EXPECT_NE(std::string(e.what()).find("mine.npy: temperature"), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace assay::reports
