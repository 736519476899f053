// SPDX-License-Identifier: Apache-2.0
//
// The first two figures of the report (the third: score_figure.h), prepared once for the interactive page (Vega-Lite),
// the static SVG and the Markdown.

#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "reports/measure.h"

namespace assay::reports {

// One curve: the largest error in each bin of (max - x) / T that was reached.
struct Curve {
  struct Point {
    double gap = 0;      // middle of the bin
    double err_ulp = 0;  // not clipped; may be +inf
  };
  std::string label;
  std::vector<Point> points;
};

// One panel of the histogram: the share of results in each of kErrorBins.
struct Panel {
  std::string label;
  std::vector<double> share;
};

struct Figures {
  // Axis of both figures; what lies outside is drawn on the edge.
  static constexpr double kErrBottom = 0.1;
  static constexpr double kErrTop = 1000;
  // Subjects with the same numbers throughout share a curve and a panel.
  std::vector<Curve> curves;
  std::vector<std::string> beyond;  // above kErrTop over most of their range: named under the figure instead
  std::vector<std::string> bins;    // labels of the histogram's bins, in ULP
  std::vector<Panel> panels;
};

// The subjects in order, those together whose statistics and curves are the same.
std::vector<std::vector<std::string>> GroupEqual(const MeasureResult& measured);
// "a", "a = b", "a and 5 equal to it"
std::string GroupLabel(const std::vector<std::string>& names);

Figures PrepareFigures(const MeasureResult& measured);

// Okabe & Ito's palette, distinct for every common kind of colour vision, then again dashed.
struct Stroke {
  const char* colour;
  const char* dash;  // of SVG's stroke-dasharray; "" = solid
};
Stroke StrokeOf(std::size_t curve);

// Vega-Lite specifications, as JSON.
std::string CurvesSpec(const Figures& figures);
std::string HistogramSpec(const Figures& figures);

// Stand-alone SVG documents.
std::string CurvesSvg(const Figures& figures);
std::string HistogramSvg(const Figures& figures);

}  // namespace assay::reports
