// SPDX-License-Identifier: Apache-2.0
//
// The published examples as HTML, each printed digit marked right or wrong.

#include <fmt/format.h>

#include "reports/decimal.h"
#include "reports/html_parts.h"
#include "reports/text.h"

namespace assay::reports {
namespace {

// The JSON has 20; a page needs no more than a double would show.
constexpr int kShownDecimals = 15;

std::string FigureCell(const PublishedFigure& figure) {
  std::string html = "<span class=\"keep\">";
  for (std::size_t i = 0; i < figure.printed.size(); ++i) {
    const std::string digit(1, figure.printed[i]);
    html += figure.character_right[i] ? digit : "<span class=\"digit-wrong\">" + digit + "</span>";
  }
  if (figure.right) return html + " <span class=\"good\" title=\"right\">✓</span></span>";
  return html + fmt::format(" <span class=\"bad\" title=\"wrong\">✗ {}</span></span>", EscapeHtml(figure.rounded));
}

template <class List, class F>
std::string Lines(const List& list, F cell) {
  std::string html;
  for (const auto& item : list) html += (html.empty() ? "" : "<br>") + cell(item);
  return html;
}

std::string OperationCell(const PublishedExample& e) {
  std::string html = fmt::format("{}({})", e.op, fmt::join(e.input, ", "));
  if (e.head_dim > 0) html = fmt::format("{} (d = {})", e.op, e.head_dim);
  for (const std::size_t i : e.masked) html += fmt::format(", entry {} masked", i);
  if (e.temperature != "1") html += ", T = " + e.temperature;
  return EscapeHtml(html);
}

std::string KernelCell(const PublishedResult& r) {
  if (!r.got_problem.empty()) return "<span class=\"quiet\">" + EscapeHtml(r.got_problem) + "</span>";
  if (r.got.empty()) return "";
  return Lines(r.got, [](float p) { return Decimal(p); }) + (r.got_right
                                                                 ? "<br><span class=\"good\">✓ nearest floats</span>"
                                                                 : "<br><span class=\"bad\">✗ not the nearest</span>");
}

std::string ClaimCell(const PublishedResult& r) {
  std::string html;
  if (!r.example.claim.empty()) html += "“" + EscapeHtml(r.example.claim) + "”";
  if (r.claim == ClaimVerdict::kHolds) html += " <span class=\"good\">✓ holds</span>";
  if (r.claim == ClaimVerdict::kFails) html += " <span class=\"bad\">✗ does not hold</span>";
  if (!r.finding.empty()) html += "<br><span class=\"quiet\">" + EscapeHtml(r.finding) + "</span>";
  return html;
}

}  // namespace

std::string HtmlPublished(const std::vector<PublishedResult>& results) {
  const PublishedCounts counts = CountPublished(results);
  std::string html = fmt::format(
      "<p>Of {} printed figures <b>{} are right</b> and <b class=\"bad\">{} are wrong</b> ({} of {} digits); {} "
      "examples "
      "print none, and the exact value is given here. Of the statements in the text that can be computed, {} hold and "
      "{} "
      "{}.</p>\n<p class=\"quiet\">A figure is right when it is the exact value rounded to as many decimals as it "
      "shows. "
      "Exact values are those of the decimal literals (9.2 is 92/10); the kernel gets the nearest floats, and is "
      "judged on "
      "those.</p>\n",
      counts.right + counts.wrong, counts.right, counts.wrong, counts.digits_wrong,
      counts.digits_right + counts.digits_wrong, counts.without_figure, counts.claims_hold, counts.claims_fail,
      counts.claims_fail == 1 ? "does not" : "do not");
  HtmlTable table({"example", "operation", "printed", "exact", "this kernel (f32)", "what the text says"},
                  {"keep", "", "keep", "n", "n", "text"});
  for (const PublishedResult& r : results) {
    const std::string printed = r.figures.empty() ? "<span class=\"quiet\">none</span>" : Lines(r.figures, FigureCell);
    const std::string id =
        fmt::format("<span title=\"{}\">{}</span>", EscapeHtml(r.example.source), EscapeHtml(r.example.id));
    const std::string exact =
        Lines(r.exact, [](const std::string& digits) { return EscapeHtml(RoundDecimal(digits, kShownDecimals)); });
    table.Row({id, OperationCell(r.example), printed, exact, KernelCell(r), ClaimCell(r)});
  }
  return html + table.Finish();
}

}  // namespace assay::reports
