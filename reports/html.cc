// SPDX-License-Identifier: Apache-2.0
//
// The page: one file that opens from disk and asks the network for nothing.

#include <fmt/format.h>

#include "reports/embedded.h"
#include "reports/figures.h"
#include "reports/html_parts.h"
#include "reports/report.h"
#include "reports/score_figure.h"
#include "reports/text.h"

namespace assay::reports {
namespace {

constexpr const char* kUlp =
    "<section id=\"ulp\"><h2>What an ULP is here</h2>\n"
    "<p>One ULP (unit in the last place) is the distance between neighbouring floats around the <em>exact</em> value: "
    "2<sup>⌊log₂ exact⌋ − 23</sup>, and never less than 2<sup>−149</sup>, so results in the subnormal range are "
    "measured on "
    "the grid they live on. The error is |got − exact| in that unit, with the exact value <em>before</em> rounding: "
    "even a "
    "perfect kernel shows up to 0.5. A result is <em>misrounded</em> when it is not the float nearest to the exact "
    "value, "
    "bit for bit. NaN or infinity in place of a number counts as an infinite error. p99.9 is read from bins a "
    "sixteenth of "
    "an octave wide, rounded up. The full definitions are in reports/README.md.</p></section>\n";

std::string Script(std::string_view body, std::string_view attributes = "") {
  return fmt::format("<script{}>{}</script>\n", attributes, EscapeScript(body));
}

// The static figure, which the script replaces.
std::string Chart(const char* id, const std::string& svg, const std::string& spec) {
  return fmt::format(
      "<div class=\"chart\" data-spec=\"{}\">{}</div>\n{}", id, svg,
      fmt::format("<script type=\"application/json\" id=\"{}\">{}</script>\n", id, EscapeScriptJson(spec)));
}

std::string FiguresSection(const Figures& figures) {
  std::string html =
      "<section id=\"figures\"><h2>How wrong, and where</h2>\n<figure><h3>Error against distance below the "
      "maximum</h3>\n";
  html += Chart("curves", CurvesSvg(figures), CurvesSpec(figures));
  html += fmt::format(
      "<figcaption>The largest error of any result whose logit lies that far below its row's maximum. Rounding "
      "<code>x − max</code> in f32 alone makes the wedge that grows past 64 ULP. The dotted line is ½ ULP, the "
      "bound of a correctly rounded result. Values beyond {} or below {} ULP lie on the "
      "edge.{}</figcaption></figure>\n",
      Figures::kErrTop, Figures::kErrBottom,
      figures.beyond.empty()
          ? ""
          : EscapeHtml(fmt::format(" Beyond the figure nearly everywhere: {}.", fmt::join(figures.beyond, ", "))));
  html += "<figure><h3>Histogram of errors</h3>\n" + Chart("histogram", HistogramSvg(figures), HistogramSpec(figures));
  html +=
      "<figcaption>Share of all results, over all input families. Subjects with the same numbers share a "
      "panel.</figcaption></figure>\n";
  if (VegaScript().empty()) {
    html +=
        "<p class=\"quiet\">These figures are static: for interactive ones run <code>npm ci --ignore-scripts</code> in "
        "<code>reports/web</code>, configure the build again and repeat the report.</p>\n";
  }
  return html + "</section>\n";
}

std::string ScoresSection(const ScoreStatistics& statistics) {
  const ScoreFigure figure = PrepareScores(statistics);
  return fmt::format("<figure>\n{}<p><b>{}</b></p>\n<figcaption>{} Bars: ± {} standard errors.</figcaption></figure>\n",
                     Chart("score-statistics", ScoresSvg(figure), ScoresSpec(figure)),
                     EscapeHtml(ScoreSentence(statistics)), EscapeHtml(ScoreCaption(statistics)),
                     ScoreFigure::kBarErrors);
}

// A section and its entry in the list of contents.
class Page {
 public:
  void Add(const char* id, const char* title, const std::string& body) {
    if (body.empty()) return;
    contents_ += fmt::format("<a href=\"#{}\">{}</a>\n", id, title);
    body_ += body;
  }
  void Section(const char* id, const char* title, const std::string& body) { Section(id, title, title, body); }
  void Section(const char* id, const char* entry, const char* title, const std::string& body) {
    if (!body.empty()) Add(id, entry, fmt::format("<section id=\"{}\"><h2>{}</h2>\n{}</section>\n", id, title, body));
  }
  std::string Contents() const { return "<nav aria-label=\"Contents\">\n" + contents_ + "</nav>\n"; }
  const std::string& Body() const { return body_; }

 private:
  std::string contents_;
  std::string body_;
};

Page BuildPage(const Report& report) {
  Page page;
  const bool is_measured = !report.measured.measurements.empty();
  std::string user;
  for (const UserLogits& logits : report.user_logits) user += HtmlUserLogits(logits);
  if (is_measured) page.Add("figures", "Figures", FiguresSection(PrepareFigures(report.measured)));
  page.Section("yours", "Your logits", user);
  if (is_measured) page.Section("accuracy", "Accuracy", HtmlAccuracy(report.measured));
  if (!report.attention.empty()) page.Section("attention", "Attention", HtmlAttention(report.attention));
  if (!report.laws.empty()) {
    page.Section("laws", "Why softmax", "Why softmax: what each alternative breaks", HtmlLaws(report.laws));
  }
  if (!report.scores.unscaled.empty()) {
    page.Section("scores", "Why √d", "Why attention divides by √d", ScoresSection(report.scores));
  }
  if (!report.published.empty()) page.Section("published", "Published examples", HtmlPublished(report.published));
  if (!report.special_values.empty()) {
    page.Section("special", "Special values", HtmlSpecialValues(report.special_values));
  }
  page.Add("ulp", "What an ULP is", kUlp);
  page.Section("provenance", "Provenance", HtmlProvenance(report.provenance));
  return page;
}

}  // namespace

std::string ToHtml(const Report& report) {
  const Page page = BuildPage(report);
  std::string html =
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
  html +=
      fmt::format("<title>{}</title>\n<style>\n{}</style>\n</head>\n<body>\n", EscapeHtml(report.title), PageStyle());
  html += fmt::format(
      "<header><h1>{}</h1>\n<p class=\"verdict\">{}</p>\n<p class=\"quiet\">Errors are in <a href=\"#ulp\">ULP of "
      "the exact value</a>, judged by {}.</p>\n{}</header>\n<main>\n",
      EscapeHtml(report.title), EscapeHtml(report.verdict),
      report.provenance.oracle.empty() ? "the oracle" : EscapeHtml(report.provenance.oracle), page.Contents());
  html += page.Body() + "</main>\n";
  if (!VegaScript().empty()) {
    html += Script(VegaLicences(), " type=\"text/plain\" id=\"vega-licence\"");
    for (const std::string_view script : {VegaScript(), VegaLiteScript(), VegaEmbedScript()}) html += Script(script);
  }
  return html + Script(PageScript()) + "</body>\n</html>\n";
}

}  // namespace assay::reports
