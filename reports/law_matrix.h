// SPDX-License-Identifier: Apache-2.0
//
// The judged laws as a matrix, law by subject, prepared once for the page and the Markdown.

#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "reports/report.h"

namespace assay::reports {

// Points into the rows that it was made from.
struct LawMatrix {
  struct Subject {
    std::string name;
    std::string kind;
    std::size_t held = 0;
    std::size_t violated = 0;
    std::size_t not_applicable = 0;
    std::size_t undecided = 0;
  };
  struct Law {
    std::string name;
    std::string sentence;
    std::vector<const LawRow*> cells;  // one a subject; null where the law was not judged
  };
  std::vector<Subject> subjects;  // in order of appearance: the report's own subject first
  std::vector<Law> laws;
};

LawMatrix PrepareLaws(const std::vector<LawRow>& rows);

// "Only assay keeps all 19 laws; each of the 5 alternatives breaks between 2 and 8." Empty without subjects.
std::string LawConclusion(const LawMatrix& matrix);

// How a cell is shown, and the same in words.
struct LawMark {
  const char* mark;
  std::string words;
};
LawMark MarkOf(const LawRow* cell);

// Whether the cell needs a word of explanation: it neither held nor was violated.
bool IsUnjudged(const LawRow* cell);

// "assay replay FILE --subject NAME", or empty where there is no case file.
std::string LawCommand(const LawRow& row);

}  // namespace assay::reports
