// SPDX-License-Identifier: Apache-2.0

#include "reports/figures.h"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>

#include "reports/testing.h"

namespace assay::reports {
namespace {

MeasureResult Measured3() {
  FakeSubject right;
  FakeSubject nan([](const subjects::Case&, subjects::RunResult& r) {
    for (std::size_t i = 0; i < r.out.size(); ++i) r.out.Set(i, std::numeric_limits<double>::quiet_NaN());
  });
  const Measured subjects[] = {{"a<b", "ours", &right}, {"twin", "ours", &right}, {"nan", "control", &nan}};
  MeasureOptions options;
  options.tier = oracle::Tier::kBulk;
  options.elements_per_family = 1;
  options.families = {"normal-10"};
  return Measure(subjects, options);
}

TEST(FiguresTest, EqualSubjectsShareACurveAndHopelessOnesAreNamedInstead) {
  const Figures figures = PrepareFigures(Measured3());
  ASSERT_EQ(figures.curves.size(), 1u);
  EXPECT_EQ(figures.curves[0].label, "a<b = twin");
  EXPECT_EQ(figures.beyond, (std::vector<std::string>{"nan"}));
  ASSERT_EQ(figures.panels.size(), 2u);
  for (const Panel& panel : figures.panels) {
    EXPECT_EQ(panel.share.size(), figures.bins.size());
    EXPECT_NEAR(std::accumulate(panel.share.begin(), panel.share.end(), 0.0), 1, 1e-12);
  }
  EXPECT_EQ(figures.panels[1].share.back(), 1);
}

TEST(FiguresTest, SpecificationsAreJsonWithAllPoints) {
  const Figures figures = PrepareFigures(Measured3());
  const auto curves = nlohmann::json::parse(CurvesSpec(figures));
  EXPECT_EQ(curves["data"]["values"].size(), figures.curves[0].points.size());
  const auto histogram = nlohmann::json::parse(HistogramSpec(figures));
  EXPECT_EQ(histogram["data"]["values"].size(), 2 * figures.bins.size());
}

TEST(FiguresTest, SvgEscapesItsLabels) {
  const Figures figures = PrepareFigures(Measured3());
  for (const std::string& svg : {CurvesSvg(figures), HistogramSvg(figures)}) {
    EXPECT_NE(svg.find("a&lt;b = twin"), std::string::npos);
    EXPECT_EQ(svg.find("a<b"), std::string::npos);
    EXPECT_EQ(svg.rfind("<svg", 0), 0u);
  }
}

TEST(FiguresTest, NothingMeasuredIsAnEmptyFigure) {
  const Figures figures = PrepareFigures({});
  EXPECT_TRUE(figures.curves.empty());
  EXPECT_TRUE(nlohmann::json::accept(CurvesSpec(figures)));
  EXPECT_FALSE(CurvesSvg(figures).empty());
}

}  // namespace
}  // namespace assay::reports
