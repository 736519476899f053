// SPDX-License-Identifier: Apache-2.0
//
// The laws as HTML: who breaks which at a glance, then what happened and the command that shows it again.

#include <fmt/format.h>

#include "reports/html_parts.h"
#include "reports/law_matrix.h"
#include "reports/text.h"

namespace assay::reports {
namespace {

// A mark that is read out in words; the reason is its tooltip.
std::string Cell(const LawRow* cell) {
  const LawMark mark = MarkOf(cell);
  if (cell == nullptr) return fmt::format("<span class=\"quiet\">{}</span>", mark.words);
  const char* tone = cell->verdict == "holds" ? "good" : cell->verdict == "violated" ? "bad" : "quiet";
  return fmt::format("<span class=\"{}\" role=\"img\" aria-label=\"{}\" title=\"{}\">{}</span>", tone,
                     EscapeHtml(mark.words), EscapeHtml(cell->reason), mark.mark);
}

std::string Matrix(const LawMatrix& matrix) {
  std::vector<std::string> head = {"law"};
  std::vector<std::string> classes = {"law"};
  std::vector<std::string> broken = {"laws broken"};
  for (const LawMatrix::Subject& subject : matrix.subjects) {
    head.push_back(
        fmt::format("{}<br><span class=\"kind\">{}</span>", EscapeHtml(subject.name), EscapeHtml(subject.kind)));
    classes.push_back("mark");
    broken.push_back(std::to_string(subject.violated));
  }
  HtmlTable table(head, classes);
  for (const LawMatrix::Law& law : matrix.laws) {
    std::vector<std::string> cells = {HtmlCode(law.name) + "<br><span class=\"family\">" + EscapeHtml(law.sentence) +
                                      "</span>"};
    for (const LawRow* cell : law.cells) cells.push_back(Cell(cell));
    table.Row(cells);
  }
  table.Row(broken);
  return "<div class=\"matrix\">" + table.Finish() + "</div>\n";
}

std::string Broken(const LawMatrix& matrix, std::size_t subject) {
  HtmlTable table({"law", "what happened", "command"}, {"keep", "text", "text"});
  for (const LawMatrix::Law& law : matrix.laws) {
    const LawRow* row = law.cells[subject];
    if (row == nullptr || row->verdict != "violated") continue;
    table.Row({HtmlCode(law.name), EscapeHtml(row->reason), HtmlCommand(LawCommand(*row))});
  }
  return "<div class=\"broken\">" + table.Finish() + "</div>";
}

std::string Details(const std::string& summary, const std::string& inside) {
  return fmt::format("<details><summary>{}</summary><div class=\"inside\">{}</div></details>\n", summary, inside);
}

// Tooltips are out of reach on paper and on a phone.
std::string Unjudged(const LawMatrix& matrix) {
  HtmlTable table({"law", "subject", "", "why"}, {"keep", "keep", "keep", "text"});
  std::size_t count = 0;
  for (const LawMatrix::Law& law : matrix.laws) {
    for (const LawRow* row : law.cells) {
      if (!IsUnjudged(row)) continue;
      table.Row({HtmlCode(law.name), EscapeHtml(row->subject), EscapeHtml(row->verdict), EscapeHtml(row->reason)});
      ++count;
    }
  }
  return count == 0 ? "" : Details(fmt::format("not applicable or undecided: {}", count), table.Finish());
}

}  // namespace

std::string HtmlLaws(const std::vector<LawRow>& laws) {
  const LawMatrix matrix = PrepareLaws(laws);
  std::string html = fmt::format("<p class=\"conclusion\">{}</p>\n", EscapeHtml(LawConclusion(matrix)));
  html +=
      "<p>Every subject is held to the same laws. The controls are what people use, or try, in place of softmax.</p>\n";
  html += Matrix(matrix);
  html += "<p class=\"quiet\">✓&nbsp;holds, ✗&nbsp;violated, –&nbsp;not applicable, ?&nbsp;undecided</p>\n";
  for (std::size_t i = 0; i < matrix.subjects.size(); ++i) {
    const LawMatrix::Subject& subject = matrix.subjects[i];
    if (subject.violated == 0) continue;
    html +=
        Details(fmt::format("<b>{}</b> <span class=\"kind\">{}</span> breaks {} of {} laws", EscapeHtml(subject.name),
                            EscapeHtml(subject.kind), subject.violated, matrix.laws.size()),
                Broken(matrix, i));
  }
  return html + Unjudged(matrix);
}

}  // namespace assay::reports
