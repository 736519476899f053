// SPDX-License-Identifier: Apache-2.0

#include "reports/score_figure.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

namespace assay::reports {
namespace {

ScoreStatistics Small() {
  ScoreOptions options;
  options.rows = 8;
  options.keys = 4;
  options.max_head_dim = 8;
  return DrawScoreStatistics(options);
}

std::size_t CountOf(const std::string& text, const std::string& what) {
  std::size_t n = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

TEST(ScoreFigureTest, PanelsHoldEveryPointWithinTheirAxis) {
  const ScoreFigure figure = PrepareScores(Small());
  EXPECT_EQ(figure.head_dims, (std::vector<std::size_t>{1, 2, 4, 8}));
  ASSERT_EQ(figure.panels.size(), 4u);
  for (const ScorePanel& panel : figure.panels) {
    ASSERT_EQ(panel.unscaled.size(), 4u) << panel.title;
    ASSERT_EQ(panel.scaled.size(), 4u) << panel.title;
    EXPECT_GE(panel.ticks.front(), panel.bottom);
    EXPECT_LE(panel.ticks.back(), panel.top);
    if (panel.is_log) continue;  // of eight rows, the variance may well lie outside
    for (const auto* curve : {&panel.unscaled, &panel.scaled}) {
      for (const Estimate& e : *curve) {
        EXPECT_GE(e.mean, panel.bottom) << panel.title;
        EXPECT_LE(e.mean, panel.top) << panel.title;
      }
    }
  }
}

TEST(ScoreFigureTest, EntropyIsShownAsPartOfLogN) {
  const ScoreStatistics statistics = Small();
  const ScorePanel& panel = PrepareScores(statistics).panels[2];
  EXPECT_DOUBLE_EQ(panel.scaled[3].mean, statistics.scaled[3].entropy.mean / std::log(4.0));
  EXPECT_DOUBLE_EQ(panel.scaled[3].standard_error, statistics.scaled[3].entropy.standard_error / std::log(4.0));
}

TEST(ScoreFigureTest, TheSentenceSaysTheNumbersOfTheLargestHeadDim) {
  ScoreStatistics s;
  s.keys = 64;
  const double log_n = std::log(64.0);
  s.unscaled = {{8, 1, {8.1, 0}, {0.4, 0}, {0.5 * log_n, 0}, {0.29, 0}},
                {1024, 1, {1007, 0}, {0.94, 0}, {0.03 * log_n, 0}, {0.07, 0}}};
  s.scaled = {{8, 0.35, {1.02, 0}, {0.11, 0}, {0.88 * log_n, 0}, {0.18, 0}},
              {1024, 1.0 / 32, {0.98, 0}, {0.1, 0}, {0.89 * log_n, 0}, {0.17, 0}}};
  EXPECT_EQ(ScoreSentence(s),
            "The variance of q·k is d (1007 at d = 1024), so that one of 64 keys takes 94 % of the weight, the entropy "
            "is 3 % "
            "of log n, and the gradient 0.07 after a peak of 0.29 at d = 8; divided by √d the variance is 1 (0.98), "
            "and at any "
            "d these are about 10 %, 89 % and 0.17.");
  EXPECT_EQ(ScoreSentence({}), "");
}

TEST(ScoreFigureTest, AnEstimateShowsTheDigitsItHas) {
  EXPECT_EQ(EstimateText({0.10432, 0.00287}), "0.1043 ± 0.0029");
  EXPECT_EQ(EstimateText({1006.8, 12.3}), "1007 ± 12");
  EXPECT_EQ(EstimateText({1006.8, 123}), "1007 ± 123");
  EXPECT_EQ(EstimateText({0.25, 0}), "0.25");
}

TEST(ScoreFigureTest, TheSpecificationHasAllPointsOfAllPanels) {
  const auto spec = nlohmann::json::parse(ScoresSpec(PrepareScores(Small())));
  ASSERT_EQ(spec["concat"].size(), 4u);
  for (const auto& panel : spec["concat"]) {
    ASSERT_EQ(panel["data"]["values"].size(), 8u);
    if (panel["title"] == "variance of the scores") continue;  // of eight rows, it may lie outside its axis
    for (const auto& v : panel["data"]["values"]) {
      EXPECT_LE(v["low"], v["mean"]);
      EXPECT_GE(v["high"], v["mean"]);
    }
  }
}

TEST(ScoreFigureTest, TheStaticFigureHasTwoCurvesInEveryPanel) {
  const std::string svg = ScoresSvg(PrepareScores(Small()));
  EXPECT_EQ(svg.rfind("<svg", 0), 0u);
  EXPECT_EQ(CountOf(svg, "<polyline"), 8u);
  EXPECT_EQ(CountOf(svg, "nan"), 0u);
  EXPECT_EQ(CountOf(svg, "largest share"), 1u);
}

// Two panels of which every place is known: at 1 and 2, a curve from corner to corner and one halfway up.
TEST(ScoreFigureTest, PointsStandWhereTheirAxesSay) {
  ScoreFigure figure;
  figure.head_dims = {1, 2};
  const std::vector<Estimate> half = {{0.5, 0.1}, {0.5, 0}};
  figure.panels = {{"linear", false, 0, 1, {0, 1}, {{0, 0}, {1, 0}}, half},
                   {"logarithm", true, 1, 4, {1, 4}, {{1, 0}, {4, 0}}, {{2, 0}, {2, 0}}}};
  const std::string svg = ScoresSvg(figure);
  for (const char* points : {"points=\"64.0,184.0 364.0,34.0 \"", "points=\"64.0,109.0 364.0,109.0 \"",
                             "points=\"440.0,184.0 740.0,34.0 \"", "points=\"440.0,109.0 740.0,109.0 \"",
                             "x1=\"64.0\" y1=\"139.0\" x2=\"64.0\" y2=\"79.0\""}) {  // the bar: 0.2 either way
    EXPECT_EQ(CountOf(svg, points), 1u) << points;
  }
  const auto values = nlohmann::json::parse(ScoresSpec(figure))["concat"][0]["data"]["values"];
  EXPECT_EQ(values[1]["scores"], "q·k");
  EXPECT_EQ(values[1]["d"], 2);
  EXPECT_EQ(values[1]["mean"], 1);
  EXPECT_EQ(values[2]["scores"], "q·k / √d");
  EXPECT_DOUBLE_EQ(values[2]["low"], 0.3);
  EXPECT_DOUBLE_EQ(values[2]["high"], 0.7);
}

TEST(ScoreFigureTest, NothingDrawnIsAnEmptyFigure) {
  const ScoreFigure figure = PrepareScores({});
  EXPECT_TRUE(figure.panels.empty());
  EXPECT_TRUE(nlohmann::json::accept(ScoresSpec(figure)));
  EXPECT_EQ(ScoresSvg(figure).find("<polyline"), std::string::npos);
}

}  // namespace
}  // namespace assay::reports
