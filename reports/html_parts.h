// SPDX-License-Identifier: Apache-2.0
//
// The sections of the HTML page, each as a piece of markup; html.cc puts them together.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "reports/report.h"

namespace assay::reports {

// <table> in a box that scrolls. `head`: column titles; `classes`: of each column's cells ("n" = number), as many.
// Cells are markup already.
class HtmlTable {
 public:
  HtmlTable(const std::vector<std::string>& head, std::vector<std::string> classes);
  void Row(const std::vector<std::string>& cells);
  std::string Finish() const { return html_ + "</tbody></table></div>\n"; }

 private:
  std::string html_;
  std::vector<std::string> classes_;
};

// A command to copy; empty for an empty one.
std::string HtmlCommand(std::string_view command);
std::string HtmlCode(std::string_view text);

std::string HtmlAccuracy(const MeasureResult& measured);  // the matrix, then a table for each subject
std::string HtmlMeasurements(const MeasureResult& measured, std::string_view subject);  // one subject's table
std::string HtmlAttention(const std::vector<AttentionRow>& rows);
std::string HtmlPublished(const std::vector<PublishedResult>& results);
std::string HtmlLaws(const std::vector<LawRow>& laws);
std::string HtmlSpecialValues(const std::vector<SpecialValue>& values);
std::string HtmlUserLogits(const UserLogits& user);
std::string HtmlProvenance(const Provenance& provenance);

}  // namespace assay::reports
