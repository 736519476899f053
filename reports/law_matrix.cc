// SPDX-License-Identifier: Apache-2.0
//
// See law_matrix.h.

#include "reports/law_matrix.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "reports/text.h"

namespace assay::reports {
namespace {

std::string Laws(std::size_t n) { return fmt::format("{} {}", n, n == 1 ? "law" : "laws"); }

// The place of the element of that name, made if need be.
template <class T>
std::size_t PlaceOf(const std::string& name, std::vector<T>& list) {
  const auto found = std::find_if(list.begin(), list.end(), [&](const T& element) { return element.name == name; });
  if (found != list.end()) return static_cast<std::size_t>(found - list.begin());
  list.emplace_back().name = name;
  return list.size() - 1;
}

void Tally(const LawRow& row, LawMatrix::Subject& subject) {
  if (row.verdict == "holds") {
    ++subject.held;
  } else if (row.verdict == "violated") {
    ++subject.violated;
  } else if (row.verdict == "not applicable") {
    ++subject.not_applicable;
  } else {
    ++subject.undecided;
  }
}

std::string OnTheFirst(const LawMatrix::Subject& first, std::size_t laws) {
  if (first.held == laws) return fmt::format("{} keeps {}", first.name, laws == 1 ? "the law" : "all " + Laws(laws));
  std::vector<std::string> notes;
  if (first.not_applicable > 0) notes.push_back(fmt::format("{} not applicable", first.not_applicable));
  if (first.undecided > 0) notes.push_back(fmt::format("{} undecided", first.undecided));
  const std::size_t judged = first.held + first.violated + first.not_applicable + first.undecided;
  if (judged < laws) notes.push_back(fmt::format("{} not judged", laws - judged));
  const bool breaks = first.violated > 0;
  return fmt::format("{} {} {} of {}{}", first.name, breaks ? "breaks" : "keeps", breaks ? first.violated : first.held,
                     Laws(laws), notes.empty() ? "" : fmt::format(" ({})", fmt::join(notes, ", ")));
}

}  // namespace

LawMatrix PrepareLaws(const std::vector<LawRow>& rows) {
  LawMatrix matrix;
  for (const LawRow& row : rows) {
    matrix.subjects[PlaceOf(row.subject, matrix.subjects)].kind = row.kind;
    matrix.laws[PlaceOf(row.law, matrix.laws)].sentence = row.law_sentence;
  }
  for (LawMatrix::Law& law : matrix.laws) law.cells.assign(matrix.subjects.size(), nullptr);
  for (const LawRow& row : rows) {
    const std::size_t subject = PlaceOf(row.subject, matrix.subjects);
    const LawRow*& cell = matrix.laws[PlaceOf(row.law, matrix.laws)].cells[subject];
    if (cell != nullptr) continue;
    cell = &row;
    Tally(row, matrix.subjects[subject]);
  }
  return matrix;
}

std::string LawConclusion(const LawMatrix& matrix) {
  if (matrix.subjects.empty()) return "";
  std::vector<std::size_t> broken;  // by each of the others that breaks something
  bool all_controls = true;
  for (std::size_t i = 1; i < matrix.subjects.size(); ++i) {
    if (matrix.subjects[i].violated > 0) broken.push_back(matrix.subjects[i].violated);
    all_controls = all_controls && matrix.subjects[i].kind == "control";
  }
  const std::size_t others = matrix.subjects.size() - 1;
  const std::string first = OnTheFirst(matrix.subjects[0], matrix.laws.size());
  if (others == 0) return first + ".";

  const std::string noun = all_controls ? "alternative" : "other subject";
  const bool is_alone = matrix.subjects[0].held == matrix.laws.size() && broken.size() == others;
  std::string range = "none";
  if (!broken.empty()) {
    const auto [least, most] = std::minmax_element(broken.begin(), broken.end());
    range = *least == *most ? std::to_string(*least) : fmt::format("between {} and {}", *least, *most);
  }
  std::string rest;
  if (others == 1) {
    rest = fmt::format("the one {}, {}, breaks {}", noun, matrix.subjects[1].name, range);
  } else if (broken.empty() || broken.size() == others) {
    rest = fmt::format("each of the {} {}s breaks {}", others, noun, range);
  } else {
    rest = fmt::format("{} of the {} {}s {} {}", broken.size(), others, noun, broken.size() == 1 ? "breaks" : "break",
                       range);
  }
  return fmt::format("{}{}; {}.", is_alone ? "Only " : "", first, rest);
}

LawMark MarkOf(const LawRow* cell) {
  if (cell == nullptr) return {"", "not judged"};
  if (cell->verdict == "holds") return {"✓", cell->verdict};
  if (cell->verdict == "violated") return {"✗", cell->verdict};
  if (cell->verdict == "not applicable") return {"–", cell->verdict};
  return {"?", cell->verdict};
}

bool IsUnjudged(const LawRow* cell) {
  return cell != nullptr && cell->verdict != "holds" && cell->verdict != "violated";
}

std::string LawCommand(const LawRow& row) {
  if (row.case_file.empty()) return "";
  return "assay replay " + ShellWord(row.case_file) + " --subject " + ShellWord(row.subject);
}

}  // namespace assay::reports
