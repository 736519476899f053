// SPDX-License-Identifier: Apache-2.0
//
// Which printed figures are right was worked out apart from this program: Python 3.11, decimal.Decimal, prec = 60.

#include "reports/published.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "reports/testing.h"

namespace assay::reports {
namespace {

const std::map<std::string, PublishedResult>& Results() {
  static const std::map<std::string, PublishedResult> results = [] {
    FakeSubject kernel;
    std::map<std::string, PublishedResult> by_id;
    for (PublishedResult& r : JudgePublished(ReadPublished(BuiltInPublishedJson()), kernel, oracle::Tier::kReferee)) {
      by_id.emplace(r.example.id, std::move(r));
    }
    return by_id;
  }();
  return results;
}

TEST(PublishedTest, FindsExactlyTheWrongFigures) {
  // example/position: what should be printed
  const std::map<std::string, std::string> wrong = {
      {"a-linear-1/0", "1.00"},     {"a-linear-1/1", "0.00"},     {"a-linear-2/0", "0.67"}, {"a-linear-2/1", "0.33"},
      {"b-moderate/1", "0.006692"}, {"b-moderate/2", "0.993185"}, {"c-linear/0", "0.317"},  {"c-linear/1", "0.333"},
      {"c-linear/2", "0.349"},      {"e-exp3/0", "20.086"},       {"e-sum3/0", "23.172"},   {"a-linear-5/0", "0.37"},
      {"a-linear-5/2", "0.30"},     {"a-linear-6/0", "0.36"},     {"a-linear-6/2", "0.30"}, {"e-sum3-T2/0", "6.737"}};
  std::map<std::string, std::string> found;
  std::size_t figures = 0;
  for (const auto& [id, r] : Results()) {
    for (std::size_t i = 0; i < r.figures.size(); ++i) {
      ++figures;
      EXPECT_EQ(r.figures[i].right, r.figures[i].printed == r.figures[i].rounded) << id;
      if (!r.figures[i].right) found[id + "/" + std::to_string(i)] = r.figures[i].rounded;
    }
  }
  EXPECT_EQ(found, wrong);
  EXPECT_EQ(figures, 133u);
}

TEST(PublishedTest, MarksTheDigitsThatAreWrong) {
  const PublishedFigure& figure = Results().at("b-moderate").figures[1];
  EXPECT_EQ(figure.printed, "0.006693");
  EXPECT_EQ(figure.exact.substr(0, 12), "0.0066920305");
  EXPECT_EQ(figure.character_right, (std::vector<bool>{true, true, true, true, true, true, true, false}));
}

TEST(PublishedTest, ReadsDecimalsFromTheClaimOrTheFigures) {
  EXPECT_EQ(Results().at("a-softmax").figures[2].printed, "0.00003");
  EXPECT_EQ(Results().at("a-softmax").figures[3].printed, "0.1973");
  EXPECT_EQ(Results().at("b-softmax-4").figures[0].printed, "0.0900");
  EXPECT_EQ(Results().at("a-linear-5").figures[0].printed, "0.33");
  EXPECT_EQ(Results().at("d-ratio").figures[0].rounded, "150");
}

TEST(PublishedTest, AnswersWhereNoFigureWasPublished) {
  EXPECT_EQ(Results().at("b-T0.5").exact[2].substr(0, 12), "0.8668133321");
  EXPECT_EQ(Results().at("b-exercise-T100.0").exact[0].substr(0, 12), "0.1960201320");
  EXPECT_EQ(Results().at("b-exercise-T0.01").exact[4], "1.00000000000000000000");
  EXPECT_EQ(Results().at("b-sparsemax").exact[2].substr(0, 4), "1.00");
  EXPECT_EQ(Results().at("e-mask").exact[2], "0.00000000000000000000");
  EXPECT_EQ(Results().at("e-mask").exact[0].substr(0, 12), "0.7310585786");
}

TEST(PublishedTest, JudgesTheClaimsInTheText) {
  for (const char* id : {"a-gap5-1", "a-gap5-2", "a-gap5-3", "a-linear-4", "b-huge", "d-ratio", "e-shift10",
                         "e-sigmoid", "b-variance", "e-mask", "b-large", "e-large"}) {
    EXPECT_EQ(Results().at(id).claim, ClaimVerdict::kHolds) << id << ": " << Results().at(id).finding;
  }
  for (const char* id : {"c-gap", "a-linear-5"}) {
    EXPECT_EQ(Results().at(id).claim, ClaimVerdict::kFails) << id << ": " << Results().at(id).finding;
  }
  EXPECT_NE(Results().at("c-gap").finding.find("1.2214"), std::string::npos);
}

TEST(PublishedTest, RunsTheKernelOnEverySoftmax) {
  for (const auto& [id, r] : Results()) {
    if (r.example.op != "softmax" && r.example.op != "masked_softmax") continue;
    EXPECT_TRUE(r.got_right) << id;
    EXPECT_EQ(r.got.size(), r.example.input.size()) << id;
  }
  FakeSubject wrong([](const subjects::Case&, subjects::RunResult& r) { r.out.Set(0, r.out[0] * 1.001); });
  PublishedExample example;
  example.op = "softmax";
  example.input = {"9.2", "3.5"};
  EXPECT_FALSE(JudgePublished(example, wrong, oracle::Tier::kBulk).got_right);
}

TEST(PublishedTest, CountsThem) {
  std::vector<PublishedResult> results;
  for (const auto& [id, r] : Results()) results.push_back(r);
  const PublishedCounts counts = CountPublished(results);
  EXPECT_EQ(counts.wrong, 16u);
  EXPECT_EQ(counts.right, 117u);
  EXPECT_EQ(counts.without_figure, 13u);
}

TEST(PublishedTest, TakesBothNeighboursOfATie) {
  FakeSubject kernel;
  PublishedExample example;
  example.op = "linear_normalization";
  example.input = {"1", "7"};
  example.printed = {"0.12", "0.88"};  // 0.125 and 0.875
  example.decimals = {2, 2};
  EXPECT_TRUE(JudgePublished(example, kernel, oracle::Tier::kBulk).figures[0].right);
  example.printed = {"0.13", "0.87"};
  EXPECT_TRUE(JudgePublished(example, kernel, oracle::Tier::kBulk).figures[0].right);
  EXPECT_TRUE(JudgePublished(example, kernel, oracle::Tier::kBulk).figures[1].right);
  example.printed = {"0.11", "0.89"};
  EXPECT_FALSE(JudgePublished(example, kernel, oracle::Tier::kBulk).figures[0].right);
}

TEST(PublishedTest, RefusesAFileThatIsNone) {
  for (const char* text :
       {"", "{}", "{\"examples\": [{}]}", "{\"examples\": [{\"id\": \"x\", \"source\": \"s\", \"op\": \"exp\"}]}",
        "{\"examples\": [{\"id\": \"x\", \"source\": \"s\", \"op\": \"exp\", \"input\": [\"1\"], \"published\": null, "
        "\"decimals\": null}]}"}) {
    EXPECT_THROW(ReadPublished(text), PublishedError) << text;
  }
  FakeSubject kernel;
  PublishedExample example;
  example.op = "cosine";
  EXPECT_THROW(JudgePublished(example, kernel, oracle::Tier::kBulk), PublishedError);
  example.op = "exp";
  example.input = {"1", "2"};
  example.printed = {"2.7"};
  example.decimals = {1};
  EXPECT_THROW(JudgePublished(example, kernel, oracle::Tier::kBulk), PublishedError);
}

}  // namespace
}  // namespace assay::reports
