// SPDX-License-Identifier: Apache-2.0
//
// Accuracy as HTML: who is how wrong on what, and each worst input with the command that reproduces it.

#include <fmt/format.h>

#include <algorithm>

#include "reports/figures.h"
#include "reports/html_parts.h"
#include "reports/sample.h"
#include "reports/text.h"

namespace assay::reports {
namespace {

std::vector<std::string> Subjects(const MeasureResult& measured) {
  std::vector<std::string> names;
  for (const Measurement& m : measured.measurements) {
    if (std::find(names.begin(), names.end(), m.subject) == names.end()) names.push_back(m.subject);
  }
  return names;
}

std::string FamilyCell(const std::string& family) {
  const Family* known = FindFamily(family);
  return known == nullptr ? EscapeHtml(family)
                          : fmt::format("{}<br><span class=\"family\">{}</span>", EscapeHtml(family),
                                        EscapeHtml(known->description));
}

std::string MaxCell(const Measurement& m) {
  if (m.statistics.count() == 0) {
    return fmt::format("<span class=\"quiet\" title=\"{}\">skipped</span>", EscapeHtml(m.skipped_reason));
  }
  return Ulp(m.statistics.max());
}

// Families down, subjects across, largest error in each cell; equal subjects share a column.
std::string Matrix(const MeasureResult& measured) {
  std::vector<std::string> head = {"input family"};
  std::vector<std::string> classes = {"keep"};
  std::vector<std::string> shown;
  for (const std::vector<std::string>& group : GroupEqual(measured)) {
    const std::string more = group.size() == 1 ? "" : fmt::format("<br>and {} equal", group.size() - 1);
    head.push_back(EscapeHtml(group[0]) + more);
    classes.push_back("n");
    shown.push_back(group[0]);
  }
  HtmlTable table(head, classes);
  for (const Measurement& first : measured.measurements) {
    if (first.subject != shown[0]) continue;
    std::vector<std::string> cells = {FamilyCell(first.family)};
    for (const Measurement& m : measured.measurements) {
      const bool is_shown = std::find(shown.begin(), shown.end(), m.subject) != shown.end();
      if (is_shown && m.family == first.family) cells.push_back(MaxCell(m));
    }
    table.Row(cells);
  }
  return table.Finish();
}

std::string WorstCell(const Measurement& m) {
  std::string html;
  if (m.worst) {
    html += HtmlCode(fmt::format("x {}, max {}", Hex(m.worst->x), Hex(m.worst->row_max))) + "<br>";
    html += HtmlCode(fmt::format("got {}, want {}", Hex(m.worst->got), Hex(m.worst->exact.nearest)));
    html += HtmlCommand(ReplayCommand(m));
  }
  if (m.failed_rows > 0) {
    html += fmt::format("<div class=\"bad\">{} rows failed: {}</div>", Count(m.failed_rows), EscapeHtml(m.failure));
  }
  if (m.skipped_rows > 0) {
    html += fmt::format("<div class=\"quiet\">{} rows skipped: {}</div>", Count(m.skipped_rows),
                        EscapeHtml(m.skipped_reason));
  }
  if (m.undecided_rows > 0) {
    html += fmt::format("<div class=\"bad\">{} rows the oracle could not decide</div>", Count(m.undecided_rows));
  }
  return html;
}

std::string SubjectSummary(const MeasureResult& measured, const std::string& subject) {
  const UlpStatistics total = Total(measured, subject);
  const auto first = std::find_if(measured.measurements.begin(), measured.measurements.end(),
                                  [&](const Measurement& m) { return m.subject == subject; });
  std::string html =
      fmt::format("<b>{}</b> <span class=\"kind\">{}</span> ", EscapeHtml(subject), EscapeHtml(first->kind));
  if (total.count() == 0) return html + "<span class=\"quiet\">not measured</span>";
  html += fmt::format("max {} ULP, <span class=\"{}\">{} of {} misrounded</span>", Ulp(total.max()),
                      total.misrounded() == 0 ? "good" : "quiet", Count(total.misrounded()), Count(total.count()));
  return html + fmt::format(" <span class=\"quiet\">claim: {}</span>", EscapeHtml(first->claim));
}

}  // namespace

std::string HtmlMeasurements(const MeasureResult& measured, std::string_view subject) {
  HtmlTable table(
      {"input family", "max ULP", "p99.9", "mean", "misrounded", "of", "worst input, and how to see it again"},
      {"keep", "n", "n", "n", "n", "n", "worst"});
  for (const Measurement& m : measured.measurements) {
    if (m.subject != subject) continue;
    const UlpStatistics& s = m.statistics;
    const bool empty = s.count() == 0;
    const auto shown = [&](double ulp) { return empty ? std::string("–") : Ulp(ulp); };
    table.Row({FamilyCell(m.family), shown(s.max()), shown(s.Quantile(0.999)), shown(s.Mean()), Count(s.misrounded()),
               Count(s.count()), WorstCell(m)});
  }
  return table.Finish();
}

std::string HtmlAccuracy(const MeasureResult& measured) {
  std::string html = "<h3>Largest error in ULP</h3>\n" + Matrix(measured);
  html += "<h3>Each subject: all figures, worst inputs, commands</h3>\n";
  bool is_first = true;
  for (const std::string& subject : Subjects(measured)) {
    html +=
        fmt::format("<details{}><summary>{}</summary><div class=\"inside\">{}</div></details>\n",
                    is_first ? " open" : "", SubjectSummary(measured, subject), HtmlMeasurements(measured, subject));
    is_first = false;
  }
  return html;
}

}  // namespace assay::reports
