// SPDX-License-Identifier: Apache-2.0
//
// The figures as Vega-Lite 6 specifications. Width and colours of text are set by web/page.js, which knows the window.

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <sstream>

#include "reports/figures.h"
#include "reports/score_figure.h"
#include "reports/text.h"

namespace assay::reports {
namespace {

using nlohmann::json;

constexpr const char* kSchema = "https://vega.github.io/schema/vega-lite/v6.json";

json DashArray(const char* dash) {
  json array = json::array();
  std::istringstream words(dash);
  for (int n = 0; words >> n;) array.push_back(n);
  if (array.empty()) array = {1, 0};
  return array;
}

}  // namespace

std::string CurvesSpec(const Figures& figures) {
  json values = json::array();
  json labels = json::array();
  json colours = json::array();
  json dashes = json::array();
  for (std::size_t i = 0; i < figures.curves.size(); ++i) {
    const Curve& curve = figures.curves[i];
    labels.push_back(curve.label);
    colours.push_back(StrokeOf(i).colour);
    dashes.push_back(DashArray(StrokeOf(i).dash));
    for (const Curve::Point& p : curve.points) {
      values.push_back({{"subject", curve.label},
                        {"gap", p.gap},
                        {"err", std::clamp(p.err_ulp, Figures::kErrBottom, Figures::kErrTop)},
                        {"largest error", Ulp(p.err_ulp) + " ULP"}});
    }
  }
  const json x = {{"field", "gap"},
                  {"type", "quantitative"},
                  {"title", "distance below the row's maximum, (max − x) / T"},
                  {"scale", {{"domain", {0, GapSeries::kBins}}, {"nice", false}}}};
  const json y = {{"field", "err"},
                  {"type", "quantitative"},
                  {"title", "largest error (ULP, log scale)"},
                  {"scale", {{"type", "log"}, {"domain", {Figures::kErrBottom, Figures::kErrTop}}}},
                  {"axis", {{"values", {0.1, 0.5, 1, 10, 100, 1000}}, {"format", "~g"}}}};
  const json legend = {{"title", nullptr},       {"orient", "bottom"},     {"columns", 2},     {"labelLimit", 340},
                       {"symbolType", "stroke"}, {"symbolStrokeWidth", 3}, {"symbolSize", 200}};
  const json scale = {{"domain", labels}, {"range", colours}};
  const json curves = {
      {"mark", {{"type", "line"}, {"strokeWidth", 1.8}, {"point", {{"size", 12}}}, {"clip", true}}},
      {"encoding",
       {{"x", x},
        {"y", y},
        {"color", {{"field", "subject"}, {"type", "nominal"}, {"scale", scale}, {"legend", legend}}},
        {"strokeDash", {{"field", "subject"}, {"type", "nominal"}, {"scale", {{"domain", labels}, {"range", dashes}}}}},
        {"tooltip", {{{"field", "subject"}}, {{"field", "gap"}}, {{"field", "largest error"}}}}}}};
  const json half = {{"mark", {{"type", "rule"}, {"strokeDash", {3, 3}}, {"opacity", 0.6}}},
                     {"encoding", {{"y", {{"datum", 0.5}}}}}};
  return json{{"$schema", kSchema}, {"height", 340}, {"data", {{"values", values}}}, {"layer", {half, curves}}}.dump();
}

std::string HistogramSpec(const Figures& figures) {
  json values = json::array();
  json labels = json::array();
  for (const Panel& panel : figures.panels) {
    labels.push_back(panel.label);
    for (std::size_t bin = 0; bin < panel.share.size(); ++bin) {
      values.push_back({{"subject", panel.label}, {"error", figures.bins[bin]}, {"share", panel.share[bin]}});
    }
  }
  const json row = {
      {"field", "subject"},
      {"type", "nominal"},
      {"sort", labels},
      {"title", nullptr},
      {"spacing", 14},
      {"header", {{"labelOrient", "top"}, {"labelAnchor", "start"}, {"labelAngle", 0}, {"labelPadding", 2}}}};
  const json x = {{"field", "error"},
                  {"type", "ordinal"},
                  {"sort", figures.bins},
                  {"title", "error (ULP; each bin from its first number up to, not including, its second)"},
                  {"axis", {{"labelAngle", -45}, {"titleLimit", 600}}}};
  const json y = {{"field", "share"},
                  {"type", "quantitative"},
                  {"title", nullptr},
                  {"scale", {{"domain", {0, 1}}}},
                  {"axis", {{"format", "%"}, {"values", {0, 0.5, 1}}}}};
  return json{{"$schema", kSchema},
              {"height", 54},
              {"data", {{"values", values}}},
              {"mark", {{"type", "bar"}, {"color", StrokeOf(0).colour}}},
              {"encoding",
               {{"row", row},
                {"x", x},
                {"y", y},
                {"tooltip", {{{"field", "subject"}}, {{"field", "error"}}, {{"field", "share"}, {"format", ".3%"}}}}}}}
      .dump();
}

std::string ScoresSpec(const ScoreFigure& figure) {
  const json labels = {ScoreFigure::kUnscaled, ScoreFigure::kScaled};
  const json colours = {StrokeOf(1).colour, StrokeOf(0).colour};  // the mistake's and ours, as in the first figure
  const json color = {{"field", "scores"},
                      {"type", "nominal"},
                      {"scale", {{"domain", labels}, {"range", colours}}},
                      {"legend",
                       {{"title", nullptr},
                        {"orient", "bottom"},
                        {"symbolType", "stroke"},
                        {"symbolStrokeWidth", 3},
                        {"symbolSize", 200}}}};
  const json x = {{"field", "d"},
                  {"type", "quantitative"},
                  {"title", "head_dim d"},
                  {"scale", {{"type", "log"}, {"base", 2}, {"nice", false}}},
                  {"axis", {{"values", figure.dim_ticks}, {"labelOverlap", "greedy"}, {"format", "~d"}}}};
  json panels = json::array();
  for (const ScorePanel& panel : figure.panels) {
    json values = json::array();
    const auto add = [&](const char* scores, const std::vector<Estimate>& curve) {
      for (std::size_t i = 0; i < curve.size(); ++i) {
        const double bar = ScoreFigure::kBarErrors * curve[i].standard_error;
        values.push_back({{"scores", scores},
                          {"d", figure.head_dims[i]},
                          {"mean", curve[i].mean},
                          {"low", std::max(curve[i].mean - bar, panel.bottom)},
                          {"high", std::min(curve[i].mean + bar, panel.top)},
                          {"mean ± standard error", EstimateText(curve[i])}});
      }
    };
    add(ScoreFigure::kUnscaled, panel.unscaled);
    add(ScoreFigure::kScaled, panel.scaled);
    const json y = {{"field", "mean"},
                    {"type", "quantitative"},
                    {"title", nullptr},
                    {"scale", {{"type", panel.is_log ? "log" : "linear"}, {"domain", {panel.bottom, panel.top}}}},
                    {"axis", {{"values", panel.ticks}, {"format", "~g"}}}};
    json low = y;
    low["field"] = "low";
    const json bars = {{"mark", {{"type", "rule"}, {"strokeWidth", 1.2}}},
                       {"encoding", {{"x", x}, {"y", low}, {"y2", {{"field", "high"}}}, {"color", color}}}};
    const json curves = {
        {"mark", {{"type", "line"}, {"strokeWidth", 1.8}, {"point", {{"size", 16}}}}},
        {"encoding",
         {{"x", x},
          {"y", y},
          {"color", color},
          {"tooltip", {{{"field", "scores"}}, {{"field", "d"}}, {{"field", "mean ± standard error"}}}}}}};
    panels.push_back(
        {{"title", panel.title}, {"height", 170}, {"data", {{"values", values}}}, {"layer", {bars, curves}}});
  }
  return json{{"$schema", kSchema},
              {"columns", 2},
              {"spacing", 24},
              {"concat", panels},
              {"resolve", {{"scale", {{"color", "shared"}}}, {"legend", {{"color", "shared"}}}}}}
      .dump();
}

}  // namespace assay::reports
