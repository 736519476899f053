// SPDX-License-Identifier: Apache-2.0
//
// The third figure of the report, four panels against head_dim, prepared once for the interactive page (Vega-Lite), the
// static SVG and the sentence and caption under it.

#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "reports/score_statistics.h"

namespace assay::reports {

struct ScorePanel {
  std::string title;
  bool is_log = false;
  double bottom = 0;  // of the axis
  double top = 1;
  std::vector<double> ticks;
  std::vector<Estimate> unscaled;  // one for each of head_dims; bars are drawn kBarErrors standard errors either way
  std::vector<Estimate> scaled;
};

struct ScoreFigure {
  static constexpr double kBarErrors = 2;
  static constexpr const char* kUnscaled = "q·k";
  static constexpr const char* kScaled = "q·k / √d";
  std::vector<std::size_t> head_dims;
  std::vector<std::size_t> dim_ticks;  // every other one
  std::vector<ScorePanel> panels;      // none where nothing was drawn
};

ScoreFigure PrepareScores(const ScoreStatistics& statistics);

// What the figure shows, in one sentence, with its numbers; empty where nothing was drawn.
std::string ScoreSentence(const ScoreStatistics& statistics);
// What it was drawn from: rows, keys, seed.
std::string ScoreCaption(const ScoreStatistics& statistics);
// "0.104 ± 0.003": the standard error to two digits at most, the mean to the same place.
std::string EstimateText(const Estimate& estimate);

std::string ScoresSpec(const ScoreFigure& figure);
std::string ScoresSvg(const ScoreFigure& figure);

}  // namespace assay::reports
