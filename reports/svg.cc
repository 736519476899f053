// SPDX-License-Identifier: Apache-2.0
//
// The figures as static SVG: for the README, mail, and pages built without the charting library. Black on white, fonts
// of the viewer.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "reports/figures.h"
#include "reports/report.h"
#include "reports/score_figure.h"
#include "reports/text.h"

namespace assay::reports {
namespace {

constexpr double kWidth = 760;
constexpr double kLeft = 64;
constexpr double kRight = 16;
constexpr double kPlotWidth = kWidth - kLeft - kRight;

std::string Open(double height, const char* what) {
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\" role=\"img\" "
      "aria-label=\"{2}\" font-family=\"system-ui, sans-serif\" font-size=\"12\" fill=\"#222\">\n"
      "<rect width=\"{0}\" height=\"{1}\" fill=\"#fff\"/>\n",
      kWidth, height, what);
}

std::string Text(double x, double y, const char* anchor, std::string_view text, const char* more = "") {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\"{}>{}</text>\n", x, y, anchor, more,
                     EscapeHtml(text));
}

std::string Line(double x1, double y1, double x2, double y2, const char* style) {
  return fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" {}/>\n", x1, y1, x2, y2, style);
}

constexpr const char* kGrid = "stroke=\"#ddd\"";
constexpr const char* kAxis = "stroke=\"#555\"";

double GapX(double gap) { return kLeft + kPlotWidth * gap / static_cast<double>(GapSeries::kBins); }

}  // namespace

std::string CurvesSvg(const Figures& figures) {
  constexpr double kTop = 40;
  constexpr double kPlotHeight = 300;
  constexpr double kBottom = kTop + kPlotHeight;
  constexpr double kLegendLine = 18;
  const auto err_y = [&](double err_ulp) {
    const double clipped = std::clamp(err_ulp, Figures::kErrBottom, Figures::kErrTop);
    return kBottom -
           kPlotHeight * std::log10(clipped / Figures::kErrBottom) / std::log10(Figures::kErrTop / Figures::kErrBottom);
  };
  const std::size_t lines = figures.curves.size() + (figures.beyond.empty() ? 0 : 1);
  const double height = kBottom + 54 + kLegendLine * static_cast<double>(lines);
  std::string svg = Open(height, "Largest error in ULP against the distance below the row's maximum");
  svg += Text(kLeft, 22, "start", "How wrong is softmax, by how far an entry lies below its row's maximum?",
              " font-size=\"15\" font-weight=\"600\"");
  for (const double tick : {0.1, 1.0, 10.0, 100.0, 1000.0}) {
    svg += Line(kLeft, err_y(tick), kWidth - kRight, err_y(tick), kGrid);
    svg += Text(kLeft - 6, err_y(tick) + 4, "end", (tick == Figures::kErrTop ? "≥ " : "") + fmt::format("{}", tick));
  }
  for (int gap = 0; gap <= 100; gap += 20) {
    svg += Line(GapX(gap), kBottom, GapX(gap), kBottom + 5, kAxis);
    svg += Text(GapX(gap), kBottom + 18, "middle", std::to_string(gap));
  }
  svg += Line(kLeft, kBottom, kWidth - kRight, kBottom, kAxis);
  svg += Line(kLeft, err_y(0.5), kWidth - kRight, err_y(0.5), "stroke=\"#555\" stroke-dasharray=\"3 3\"");
  svg += Text(kWidth - kRight, err_y(0.5) - 4, "end", "½ ULP: correctly rounded", " fill=\"#555\"");
  svg += Text(kLeft + kPlotWidth / 2, kBottom + 36, "middle", "distance below the row's maximum, (max − x) / T");
  svg += fmt::format(
      "<text transform=\"translate(16 {:.1f}) rotate(-90)\" text-anchor=\"middle\">largest error (ULP, "
      "log scale)</text>\n",
      kTop + kPlotHeight / 2);
  double legend_y = kBottom + 58;
  for (std::size_t i = 0; i < figures.curves.size(); ++i) {
    const Stroke stroke = StrokeOf(i);
    const std::string style =
        fmt::format("stroke=\"{}\" stroke-width=\"1.8\" stroke-dasharray=\"{}\"", stroke.colour, stroke.dash);
    std::string points;
    for (const Curve::Point& p : figures.curves[i].points) {
      points += fmt::format("{:.1f},{:.1f} ", GapX(p.gap), err_y(p.err_ulp));
    }
    svg += fmt::format("<polyline fill=\"none\" {} points=\"{}\"/>\n", style, points);
    svg += Line(kLeft, legend_y - 4, kLeft + 28, legend_y - 4, style.c_str());
    svg += Text(kLeft + 36, legend_y, "start", figures.curves[i].label);
    legend_y += kLegendLine;
  }
  if (!figures.beyond.empty()) {
    svg += Text(kLeft, legend_y, "start", fmt::format("beyond the figure: {}", fmt::join(figures.beyond, ", ")));
  }
  return svg + "</svg>\n";
}

std::string HistogramSvg(const Figures& figures) {
  constexpr double kTop = 40;
  constexpr double kBar = 40;
  constexpr double kPanel = 66;
  const double bottom = kTop + kPanel * static_cast<double>(figures.panels.size());
  std::string svg = Open(bottom + 84, "Share of results by error in ULP, for each subject");
  svg += Text(kLeft, 22, "start", "Share of results by error", " font-size=\"15\" font-weight=\"600\"");
  const double step = kPlotWidth / static_cast<double>(figures.bins.size());
  for (std::size_t i = 0; i < figures.panels.size(); ++i) {
    const double base = kTop + kPanel * static_cast<double>(i + 1) - 8;
    svg += Text(kLeft, base - kBar - 4, "start", figures.panels[i].label, " font-weight=\"600\"");
    svg += Text(kLeft - 6, base - kBar + 8, "end", "100 %");
    svg += Text(kLeft - 6, base, "end", "0 %");
    svg += Line(kLeft, base, kWidth - kRight, base, kAxis);
    for (std::size_t bin = 0; bin < figures.panels[i].share.size(); ++bin) {
      const double bar = kBar * figures.panels[i].share[bin];
      svg += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.2f}\" fill=\"{}\"/>\n",
                         kLeft + step * static_cast<double>(bin) + 2, base - bar, step - 4, bar, StrokeOf(0).colour);
    }
  }
  for (std::size_t bin = 0; bin < figures.bins.size(); ++bin) {
    const double x = kLeft + step * (static_cast<double>(bin) + 0.5);
    svg += fmt::format("<text transform=\"translate({:.1f} {:.1f}) rotate(-45)\" text-anchor=\"end\">{}</text>\n",
                       x + 4, bottom + 8, EscapeHtml(figures.bins[bin]));
  }
  svg += Text(kLeft + kPlotWidth / 2, bottom + 76, "middle", "error (ULP)");
  return svg + "</svg>\n";
}

std::string ScoresSvg(const ScoreFigure& figure) {
  constexpr double kTop = 34;
  constexpr double kPanelWidth = 300;
  constexpr double kPanelHeight = 150;
  constexpr double kStepX = 376;
  constexpr double kStepY = 232;
  if (figure.panels.empty()) return Open(40, "No score statistics") + "</svg>\n";
  const auto rows = static_cast<double>((figure.panels.size() + 1) / 2);
  const double height = kTop + kStepY * rows + 26;
  const Stroke strokes[] = {StrokeOf(1), StrokeOf(0)};  // the mistake's and ours, as in the first figure
  std::string svg = Open(height, "Scores and their softmax against head_dim, with and without division by its root");
  const double octaves = std::max(1.0, std::log2(static_cast<double>(figure.head_dims.back())));
  for (std::size_t i = 0; i < figure.panels.size(); ++i) {
    const ScorePanel& panel = figure.panels[i];
    const double left = kLeft + kStepX * static_cast<double>(i % 2);
    const double bottom = kTop + kStepY * static_cast<double>(i / 2) + kPanelHeight;
    const auto x = [&](std::size_t d) { return left + kPanelWidth * std::log2(static_cast<double>(d)) / octaves; };
    const auto y = [&](double value) {
      const double v = std::clamp(value, panel.bottom, panel.top);
      return bottom - kPanelHeight * (panel.is_log ? std::log(v / panel.bottom) / std::log(panel.top / panel.bottom)
                                                   : (v - panel.bottom) / (panel.top - panel.bottom));
    };
    svg += Text(left, bottom - kPanelHeight - 12, "start", panel.title, " font-weight=\"600\"");
    for (const double tick : panel.ticks) {
      svg += Line(left, y(tick), left + kPanelWidth, y(tick), kGrid);
      svg += Text(left - 6, y(tick) + 4, "end", fmt::format("{}", tick));
    }
    svg += Line(left, bottom, left + kPanelWidth, bottom, kAxis);
    for (const std::size_t d : figure.dim_ticks) {
      svg += Line(x(d), bottom, x(d), bottom + 5, kAxis);
      svg += Text(x(d), bottom + 18, "middle", std::to_string(d));
    }
    svg += Text(left + kPanelWidth / 2, bottom + 36, "middle", "head_dim d");
    const std::vector<Estimate>* const curves[] = {&panel.unscaled, &panel.scaled};
    for (std::size_t c = 0; c < 2; ++c) {
      const std::string style = fmt::format("stroke=\"{}\" stroke-width=\"1.8\"", strokes[c].colour);
      std::string points;
      for (std::size_t at = 0; at < curves[c]->size(); ++at) {
        const Estimate& e = (*curves[c])[at];
        const double bar = ScoreFigure::kBarErrors * e.standard_error;
        const double px = x(figure.head_dims[at]);
        points += fmt::format("{:.1f},{:.1f} ", px, y(e.mean));
        svg += Line(px, y(e.mean - bar), px, y(e.mean + bar), style.c_str());
      }
      svg += fmt::format("<polyline fill=\"none\" {} points=\"{}\"/>\n", style, points);
    }
  }
  const char* const labels[] = {ScoreFigure::kUnscaled, ScoreFigure::kScaled};
  for (std::size_t c = 0; c < 2; ++c) {
    const double x = kLeft + 120 * static_cast<double>(c);
    svg += Line(x, height - 16, x + 28, height - 16,
                fmt::format("stroke=\"{}\" stroke-width=\"1.8\"", strokes[c].colour).c_str());
    svg += Text(x + 36, height - 12, "start", labels[c]);
  }
  return svg + "</svg>\n";
}

std::string ToSvg(const Report& report) { return CurvesSvg(PrepareFigures(report.measured)); }

}  // namespace assay::reports
