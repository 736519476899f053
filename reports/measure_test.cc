// SPDX-License-Identifier: Apache-2.0

#include "reports/measure.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "reports/sample.h"
#include "reports/testing.h"
#include "subjects/case_io.h"

namespace assay::reports {
namespace {

MeasureOptions Quick(std::vector<std::string> families) {
  MeasureOptions options;
  options.tier = oracle::Tier::kBulk;
  options.elements_per_family = 1;
  options.families = std::move(families);
  return options;
}

TEST(MeasureTest, FindsTheErrorThatWasPlanted) {
  // Three floats off in the entry 5 of the row of 16, right elsewhere.
  FakeSubject fake([](const subjects::Case& c, subjects::RunResult& r) {
    if (c.cols != 16) return;
    r.out.SetBits(5, r.out.Bits(5) + 3);
  });
  const Measured subjects[] = {{"fake", "ours", &fake}};
  const MeasureResult result = Measure(subjects, Quick({"normal-1"}));
  ASSERT_EQ(result.measurements.size(), 1u);
  const Measurement& m = result.measurements[0];
  EXPECT_EQ(m.claim, "correctly rounded");
  EXPECT_EQ(m.statistics.count(), 2u + 7 + 16 + 17 + 100 + 1000 + 4096);
  EXPECT_EQ(m.statistics.misrounded(), 1u);
  EXPECT_GT(m.statistics.max(), 2.4);
  EXPECT_LT(m.statistics.max(), 3.6);
  ASSERT_TRUE(m.worst);
  EXPECT_EQ(m.worst->element, 5u);
  EXPECT_EQ(m.worst->c.cols, 16u);
  EXPECT_EQ(static_cast<double>(m.worst->x), m.worst->c.logits[5]);
  EXPECT_EQ(m.worst->err_ulp, m.statistics.max());
  EXPECT_NE(static_cast<double>(m.worst->got), m.worst->exact.nearest);
}

TEST(MeasureTest, ARightSubjectIsNeverMisroundedAndWithinHalfAnUlp) {
  FakeSubject fake;
  const Measured subjects[] = {{"fake", "ours", &fake}};
  const MeasureResult result = Measure(subjects, Quick({}));
  EXPECT_EQ(result.measurements.size(), Families().size());
  for (const Measurement& m : result.measurements) {
    EXPECT_EQ(m.statistics.misrounded(), 0u) << m.family;
    EXPECT_LE(m.statistics.max(), 0.5) << m.family;
  }
}

TEST(MeasureTest, NanAndFailedCallsAreInfinitelyWrong) {
  FakeSubject fake([](const subjects::Case& c, subjects::RunResult& r) {
    if (c.cols == 2) r.out.Set(1, std::numeric_limits<double>::quiet_NaN());
    if (c.cols == 7) {
      r.outcome = subjects::Outcome::kCrashed;
      r.detail = "SIGSEGV";
    }
    if (c.cols == 16) r.status = ASSAY_BAD_SHAPE;
  });
  const Measured subjects[] = {{"fake", "ours", &fake}};
  const Measurement m = Measure(subjects, Quick({"ramp"})).measurements[0];
  EXPECT_EQ(m.statistics.infinite(), 1u + 7 + 16);
  EXPECT_EQ(m.failed_rows, 2u);
  EXPECT_EQ(m.failure, "SIGSEGV");
  EXPECT_TRUE(std::isinf(m.statistics.max()));
}

TEST(MeasureTest, WhatASubjectDoesNotSupportIsSkippedWithItsReason) {
  FakeSubject fake;
  fake.info().For(ASSAY_SOFTMAX).features = 0;
  const Measured subjects[] = {{"fake", "ours", &fake}};
  const Measurement m = Measure(subjects, Quick({"masked-normal"})).measurements[0];
  EXPECT_EQ(m.skipped_rows, std::size(kCols));
  EXPECT_FALSE(m.skipped_reason.empty());
  EXPECT_EQ(m.statistics.count(), 0u);
}

TEST(MeasureTest, WhatASubjectDeclinesIsSkippedToo) {
  FakeSubject fake([](const subjects::Case&, subjects::RunResult& r) { r.status = ASSAY_UNSUPPORTED; });
  const Measured subjects[] = {{"fake", "ours", &fake}};
  const Measurement m = Measure(subjects, Quick({"ramp"})).measurements[0];
  EXPECT_EQ(m.skipped_rows, std::size(kCols));
  EXPECT_EQ(m.failed_rows, 0u);
  EXPECT_EQ(m.skipped_reason, "the subject answered ASSAY_UNSUPPORTED");
}

TEST(MeasureTest, ErrorsAreFiledByTheirDistanceFromTheMaximum) {
  FakeSubject fake([](const subjects::Case&, subjects::RunResult& r) { r.out.Set(1, 0); });
  const Measured subjects[] = {{"fake", "ours", &fake}};
  const float logits[] = {4, 1.5f, -std::numeric_limits<float>::infinity()};
  const subjects::Case c = SoftmaxCase(logits, {}, 0.5);
  const MeasureResult result = MeasureCases(subjects, std::span(&c, 1), "mine", oracle::Tier::kBulk);
  ASSERT_EQ(result.gaps.size(), 1u);
  EXPECT_EQ(result.gaps[0].count[0], 1u);
  EXPECT_EQ(result.gaps[0].count[5], 1u);
  EXPECT_GT(result.gaps[0].max_err[5], 1e6);
  EXPECT_EQ(result.measurements[0].family, "mine");
  EXPECT_EQ(result.measurements[0].statistics.count(), 3u);
}

TEST(MeasureTest, WritesTheWorstCaseAndTheCommandThatReplaysIt) {
  FakeSubject fake([](const subjects::Case&, subjects::RunResult& r) { r.out.Set(0, r.out[0] * 1.5); });
  const Measured subjects[] = {{"./my kernel.so", "yours", &fake}};
  MeasureResult result = Measure(subjects, Quick({"ties"}));
  const std::filesystem::path dir = std::filesystem::path(testing::TempDir()) / "assay_measure_test";
  WriteWorstCases(result, dir);
  const Measurement& m = result.measurements[0];
  ASSERT_TRUE(m.worst);
  EXPECT_TRUE(SameBits(subjects::ReadCase(m.worst->case_file), m.worst->c));
  EXPECT_EQ(subjects::ReadCase(m.worst->case_file).property, "accuracy");
  EXPECT_EQ(ReplayCommand(m),
            "assay replay " + (dir / "_._my_kernel.so-ties.json").string() + " --subject './my kernel.so'");
  std::filesystem::remove_all(dir);
}

TEST(MeasureTest, ReportsProgressToTheEnd) {
  FakeSubject fake;
  const Measured subjects[] = {{"fake", "ours", &fake}};
  MeasureOptions options = Quick({"normal-1", "ramp"});
  std::uint64_t last = 0;
  std::uint64_t all = 0;
  options.progress = [&](std::uint64_t done, std::uint64_t total) {
    EXPECT_GT(done, last);
    last = done;
    all = total;
  };
  Measure(subjects, options);
  EXPECT_EQ(last, all);
  EXPECT_GT(all, 0u);
}

TEST(MeasureTest, AnUnknownFamilyIsNamedWithTheKnownOnes) {
  FakeSubject fake;
  const Measured subjects[] = {{"fake", "ours", &fake}};
  try {
    Measure(subjects, Quick({"gaussian"}));
    FAIL();
  } catch (const std::invalid_argument& e) {
    EXPECT_NE(std::string(e.what()).find("'gaussian'"), std::string::npos);
    EXPECT_NE(std::string(e.what()).find("normal-10"), std::string::npos);
  }
}

}  // namespace
}  // namespace assay::reports
