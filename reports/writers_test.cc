// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "reports/embedded.h"
#include "reports/report.h"
#include "reports/testing.h"

namespace assay::reports {
namespace {

namespace fs = std::filesystem;

const Report& Filled() {
  static const Report report = FilledReport();
  return report;
}

std::size_t CountOf(const std::string& text, const std::string& what) {
  std::size_t n = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

// A folder of its own, gone afterwards.
class WriteReportTest : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = fs::path(testing::TempDir()) / "assay_write_report_test";
    fs::remove_all(dir_);
    fs::create_directories(dir_);
  }
  void TearDown() override { fs::remove_all(dir_); }

  static std::string Complaint(const fs::path& out) {
    try {
      WriteReport(Filled(), out);
    } catch (const ReportError& e) {
      return e.what();
    }
    return "(none)";
  }

  fs::path dir_;
};

TEST(WritersTest, HtmlEscapesWhatItShows) {
  const std::string html = ToHtml(Filled());
  EXPECT_EQ(html.find("<script>alert"), std::string::npos);
  EXPECT_NE(html.find("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"), std::string::npos);
  // The charting library's own code may name the element; nothing before it does.
  const std::string shown = html.substr(0, html.find("id=\"vega-licence\""));
  EXPECT_LE(CountOf(shown, "<script"), 4u);  // the figures' specifications, and what this is the id of
  EXPECT_EQ(html.find("<!--"), std::string::npos);
}

TEST(WritersTest, HtmlAsksTheNetworkForNothing) {
  const std::string html = ToHtml(Filled());
  for (const char* loads : {"src=\"", "<link", "@import", "url("}) {
    // The charting library names such things in its own code; outside scripts there must be none.
    const std::size_t script = html.find("id=\"vega-licence\"");
    EXPECT_EQ(html.substr(0, script).find(loads), std::string::npos) << loads;
  }
}

TEST(WritersTest, HtmlHasEverySection) {
  const std::string html = ToHtml(Filled());
  for (const char* id :
       {"figures", "yours", "accuracy", "attention", "laws", "scores", "published", "special", "ulp", "provenance"}) {
    EXPECT_NE(html.find(std::string("<section id=\"") + id + "\">"), std::string::npos) << id;
    EXPECT_NE(html.find(std::string("href=\"#") + id + "\""), std::string::npos) << id;
  }
  EXPECT_EQ(html.find("npm ci") == std::string::npos, !VegaScript().empty());
}

TEST(WritersTest, MarkdownTablesKeepTheirColumns) {
  const std::string md = ToMarkdown(Filled());
  EXPECT_NE(md.find("&lt;script&gt;"), std::string::npos);
  std::size_t columns = 0;
  std::istringstream lines(md);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] != '|') {
      columns = 0;
      continue;
    }
    std::size_t bars = 0;
    for (std::size_t i = 0; i < line.size(); ++i) bars += line[i] == '|' && (i == 0 || line[i - 1] != '\\') ? 1 : 0;
    if (columns == 0) columns = bars;
    // Outside code spans, which show what they hold, no HTML is left.
    for (std::size_t at = line.find('<'); at != std::string::npos; at = line.find('<', at + 1)) {
      EXPECT_EQ(std::count(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(at), '`') % 2, 1) << line;
    }
    EXPECT_EQ(bars, columns) << line;
  }
}

TEST(WritersTest, HtmlMarksEveryVerdictInWordsToo) {
  const std::string html = ToHtml(Filled());
  const std::string hostile =
      "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;q&quot; | `b` *e* &lt;!-- \n";
  const std::string cell = "<td class=\"mark\"><span class=\"";
  for (const std::string& shown :
       {cell + "good\" role=\"img\" aria-label=\"holds\" title=\"9 cases\">✓</span></td>",
        cell + "bad\" role=\"img\" aria-label=\"violated\" title=\"" + hostile + "\">✗</span></td>",
        cell + "quiet\" role=\"img\" aria-label=\"not applicable\" title=\"" + hostile + "\">–</span></td>",
        cell + "quiet\" role=\"img\" aria-label=\"undecided\" title=\"no &quot;word&quot; on it\">?</span></td>"}) {
    EXPECT_EQ(CountOf(html, shown), 1u) << shown;
  }
}

TEST(WritersTest, WhatBreaksALawStandsBesideItsCommand) {
  const std::string html = ToHtml(Filled());
  const std::size_t section = html.find("<section id=\"laws\">");
  const std::string laws = html.substr(section, html.find("</section>", section) - section);
  EXPECT_EQ(CountOf(laws, "<details>"), 2u);  // closed: one subject breaks something, and what was not judged
  EXPECT_EQ(CountOf(laws, "<tr><th scope=\"row\" class=\"keep\"><code>overflow</code></th>"), 1u);
  EXPECT_EQ(CountOf(laws, "<code>assay replay &#39;a b.json&#39; --subject "), 1u);
}

TEST(WritersTest, MarkdownHasTheLawsAsAMatrix) {
  const std::string md = ToMarkdown(Filled());
  EXPECT_NE(md.find("| `overflow`: Large logits are no excuse. | ✓ | **✗** |\n"), std::string::npos);
  EXPECT_NE(md.find("| `order`: Order is kept. | – | ? |\n"), std::string::npos);
  EXPECT_NE(md.find("| laws broken | 0 | 1 |\n"), std::string::npos);
  EXPECT_NE(md.find("\n- `order`, right: not applicable: &lt;script&gt;"), std::string::npos);
  EXPECT_NE(md.find("\n  `` assay replay 'a b.json' --subject '<script>"), std::string::npos);
}

TEST(WritersTest, EveryWriterNamesTheTemperatureOfTheUsersLogits) {
  EXPECT_NE(ToHtml(Filled()).find(", T = 0.7."), std::string::npos);
  EXPECT_NE(ToMarkdown(Filled()).find(", T = 0.7."), std::string::npos);
  Report report = Filled();
  EXPECT_EQ(nlohmann::json::parse(ToJson(report))["user_logits"][0]["temperature"], 0.7);
  report.user_logits[0].temperature = std::numeric_limits<double>::infinity();
  EXPECT_EQ(nlohmann::json::parse(ToJson(report))["user_logits"][0]["temperature"], "inf");
}

TEST(WritersTest, EveryWriterHasTheScoreStatistics) {
  const std::string html = ToHtml(Filled());
  EXPECT_NE(html.find("id=\"score-statistics\""), std::string::npos);
  EXPECT_NE(html.find("<p><b>The variance of q·k is d ("), std::string::npos);
  EXPECT_NE(html.find("Means over 4 rows of 64 keys, seed 1."), std::string::npos);
  const std::string md = ToMarkdown(Filled());
  EXPECT_NE(md.find("Means over 4 rows of 64 keys, seed 1."), std::string::npos);
  for (const char* row : {"\n| 1 | 1 | ", "\n| 16 | 1 | ", "\n| 1 | 1/√d | ", "\n| 16 | 1/√d | "}) {
    EXPECT_EQ(CountOf(md, row), 1u) << row;
  }
  const auto json = nlohmann::json::parse(ToJson(Filled()))["score_statistics"];
  EXPECT_EQ(json["rows"], 4);
  ASSERT_EQ(json["points"].size(), 10u);
  EXPECT_EQ(json["points"][9]["head_dim"], 16);
  EXPECT_EQ(json["points"][9]["scale"], 0.25);
  EXPECT_EQ(json["points"][9]["entropy"]["mean"], Filled().scores.scaled.back().entropy.mean);
}

TEST(WritersTest, WithoutScoreStatisticsThereIsNoSectionOfThem) {
  Report report = Filled();
  report.scores = {};
  EXPECT_EQ(ToHtml(report).find("id=\"scores\""), std::string::npos);
  EXPECT_EQ(ToMarkdown(report).find("attention divides"), std::string::npos);
  EXPECT_TRUE(nlohmann::json::parse(ToJson(report))["score_statistics"].is_null());
}

TEST(WritersTest, EveryWriterHasTheErrorsOfAttention) {
  const std::string html = ToHtml(Filled());
  EXPECT_NE(
      html.find("<td class=\"n\">1,000</td><td class=\"n\">0.5</td><td class=\"n\">0.5</td><td class=\"n\">0.125</td>"
                "<td class=\"n\"><span title=\"1 ULP\">0.75</span></td>"),
      std::string::npos);
  EXPECT_EQ(CountOf(html, " class=\"bad\">12</span>"), 1u);
  const std::string md = ToMarkdown(Filled());
  EXPECT_NE(md.find("\n| right | attention | out | 16 | 1,000 | 0.5 | 0.5 | 0.125 | 0.75 |  |\n"), std::string::npos);
  EXPECT_EQ(CountOf(md, " | attention | lse | 1 | 10 | infinite | 0.5 | 1.00e+09 | 12 | **breaks its claim** |\n"), 1u);
  const auto json = nlohmann::json::parse(ToJson(Filled()))["attention"];
  ASSERT_EQ(json.size(), 3u);
  EXPECT_EQ(json[0]["spread"], 16);
  EXPECT_EQ(json[0]["nearest"], 0.5);
  EXPECT_EQ(json[1]["largest"], "inf");
  EXPECT_EQ(json[1]["holds"], false);
  Report report = Filled();
  report.attention.clear();
  EXPECT_EQ(ToHtml(report).find("id=\"attention\""), std::string::npos);
  EXPECT_EQ(ToMarkdown(report).find("## Attention"), std::string::npos);
}

TEST(WritersTest, VerdictSpeaksOfTheFirstSubject) {
  Report report = Filled();
  EXPECT_NE(Verdict(report).find("right is correctly rounded wherever it was measured"), std::string::npos);
  std::reverse(report.measured.measurements.begin(), report.measured.measurements.end());
  EXPECT_NE(Verdict(report).find("fails on"), std::string::npos);
  EXPECT_EQ(Verdict(Report()), "Nothing was measured.");
}

TEST(WritersTest, AnEmptyReportIsStillAPage) {
  Report empty;
  empty.verdict = "Nothing was measured.";
  EXPECT_NE(ToHtml(empty).find("Nothing was measured."), std::string::npos);
  EXPECT_NE(ToMarkdown(empty).find("unknown"), std::string::npos);
  EXPECT_TRUE(nlohmann::json::accept(ToJson(empty)));
}

TEST_F(WriteReportTest, WritesFourFilesAndNothingElse) {
  WriteReport(Filled(), dir_ / "new" / "deep");
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(dir_ / "new" / "deep")) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, (std::vector<std::string>{"figure.svg", "index.html", "report.json", "report.md"}));
  EXPECT_EQ(Complaint(dir_ / "new" / "deep"), "(none)");  // over an old one
}

TEST_F(WriteReportTest, AFileInPlaceOfTheFolderIsNamed) {
  std::ofstream(dir_ / "file") << "x";
  for (const fs::path& out : {dir_ / "file", dir_ / "file" / "below"}) {
    EXPECT_NE(Complaint(out).find(out.string()), std::string::npos);
    EXPECT_NE(Complaint(out).find("choose another --out"), std::string::npos);
  }
}

TEST_F(WriteReportTest, AFolderInPlaceOfAFileLeavesTheOldReportAlone) {
  std::ofstream(dir_ / "index.html") << "old";
  fs::create_directories(dir_ / "report.json");
  EXPECT_NE(Complaint(dir_).find("report.json"), std::string::npos);
  std::string text;
  std::ifstream(dir_ / "index.html") >> text;
  EXPECT_EQ(text, "old");
  EXPECT_EQ(std::distance(fs::directory_iterator(dir_), fs::directory_iterator()), 2);
}

TEST_F(WriteReportTest, AFolderThatCannotBeWrittenIsNamed) {
  // /proc refuses new files even to root.
  if (!fs::exists("/proc/self")) GTEST_SKIP() << "no /proc here";
  EXPECT_NE(Complaint("/proc/self").find("/proc/self"), std::string::npos);
  EXPECT_NE(Complaint("/proc/assay").find("/proc/assay"), std::string::npos);
}

}  // namespace
}  // namespace assay::reports
