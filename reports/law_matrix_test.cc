// SPDX-License-Identifier: Apache-2.0

#include "reports/law_matrix.h"

#include <gtest/gtest.h>

namespace assay::reports {
namespace {

// One row a law: 'h'olds, 'v'iolated, 'n'ot applicable, 'u'ndecided, ' ' not judged.
std::vector<LawRow> Rows(const std::string& subject, const std::string& kind, const std::string& verdicts) {
  std::vector<LawRow> rows;
  for (std::size_t i = 0; i < verdicts.size(); ++i) {
    const char v = verdicts[i];
    if (v == ' ') continue;
    rows.push_back({subject, kind, "law" + std::to_string(i), "Sentence.",
                    v == 'h'   ? "holds"
                    : v == 'v' ? "violated"
                    : v == 'n' ? "not applicable"
                               : "undecided",
                    "", ""});
  }
  return rows;
}

std::string Conclusion(const std::vector<std::vector<LawRow>>& subjects) {
  std::vector<LawRow> all;
  for (const auto& rows : subjects) all.insert(all.end(), rows.begin(), rows.end());
  return LawConclusion(PrepareLaws(all));
}

TEST(LawMatrixTest, ConclusionCountsWhatTheAlternativesBreak) {
  const auto ours = Rows("ours", "ours", "hhhh");
  const auto a = Rows("a", "control", "hvvv");
  const auto b = Rows("b", "control", "vhhn");
  const auto harmless = Rows("c", "control", "hhhh");
  EXPECT_EQ(Conclusion({ours, a, b}), "Only ours keeps all 4 laws; each of the 2 alternatives breaks between 1 and 3.");
  EXPECT_EQ(Conclusion({ours, a}), "Only ours keeps all 4 laws; the one alternative, a, breaks 3.");
  EXPECT_EQ(Conclusion({ours, harmless, a}), "ours keeps all 4 laws; 1 of the 2 alternatives breaks 3.");
  EXPECT_EQ(Conclusion({ours, harmless, a, b}),
            "ours keeps all 4 laws; 2 of the 3 alternatives break between 1 and 3.");
  EXPECT_EQ(Conclusion({ours, harmless}), "ours keeps all 4 laws; the one alternative, c, breaks none.");
  EXPECT_EQ(Conclusion({ours, harmless, Rows("d", "faulty", "hhhh")}),
            "ours keeps all 4 laws; each of the 2 other subjects breaks none.");
}

TEST(LawMatrixTest, ConclusionPraisesTheFirstSubjectForNoMoreThanItKept) {
  const auto a = Rows("a", "control", "hvvv");
  EXPECT_EQ(Conclusion({Rows("mine", "yours", "hvhh"), a}),
            "mine breaks 1 of 4 laws; the one alternative, a, breaks 3.");
  EXPECT_EQ(Conclusion({Rows("mine", "yours", "vvuh")}), "mine breaks 2 of 4 laws (1 undecided).");
  EXPECT_EQ(Conclusion({Rows("mine", "yours", "hn h"), a}),
            "mine keeps 2 of 4 laws (1 not applicable, 1 not judged); the one alternative, a, breaks 3.");
  EXPECT_EQ(Conclusion({Rows("mine", "yours", "hhh")}), "mine keeps all 3 laws.");
  EXPECT_EQ(Conclusion({Rows("mine", "yours", "h")}), "mine keeps the law.");
  EXPECT_EQ(Conclusion({}), "");
}

TEST(LawMatrixTest, WhatWasNotJudgedLeavesItsCellEmpty) {
  std::vector<LawRow> rows = Rows("a", "ours", "hv");
  rows.push_back(Rows("b", "control", " v")[0]);
  rows.push_back(rows[0]);  // said twice: counted once
  const LawMatrix matrix = PrepareLaws(rows);
  ASSERT_EQ(matrix.subjects.size(), 2u);
  ASSERT_EQ(matrix.laws.size(), 2u);
  EXPECT_EQ(matrix.subjects[0].held, 1u);
  EXPECT_EQ(matrix.laws[0].cells, (std::vector<const LawRow*>{&rows[0], nullptr}));
  EXPECT_EQ(matrix.laws[1].cells, (std::vector<const LawRow*>{&rows[1], &rows[2]}));
  EXPECT_EQ(MarkOf(nullptr).words, "not judged");
}

TEST(LawMatrixTest, TheCommandQuotesWhatTheShellWouldSplit) {
  LawRow row{"./my kernel.so", "yours", "order", "", "violated", "", ""};
  EXPECT_EQ(LawCommand(row), "");
  row.case_file = "out/law.json";
  EXPECT_EQ(LawCommand(row), "assay replay out/law.json --subject './my kernel.so'");
}

}  // namespace
}  // namespace assay::reports
