// SPDX-License-Identifier: Apache-2.0
//
// What replay shows of attention hangs together: the entry that broke the law is marked, and the terms beside it add up
// to its exact value.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <sstream>

#include "cli/testing.h"

namespace assay::cli {
namespace {

struct Shown {
  std::string law;
  std::string output;
  std::string subject;
};

std::vector<std::string> Words(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

// The two tables: the pairs, then the results.
struct Tables {
  std::vector<std::string> pairs;  // the heads first
  std::vector<std::string> results;
};

Tables TablesOf(const std::string& out) {
  Tables tables;
  std::vector<std::string>* to = nullptr;
  for (const std::string& line : Lines(out)) {
    const std::vector<std::string> words = Words(line);
    if (words.size() > 2 && (words[1] == "visible" || words[2] == "visible")) to = &tables.pairs;
    if (!words.empty() && words[0] == "result") to = &tables.results;
    if (to != nullptr) to->push_back(line);
  }
  return tables;
}

// The exact number of the marked result, which is one of `output`.
double Nearest(const Tables& tables, const std::string& output) {
  for (const std::string& line : tables.results) {
    const std::vector<std::string> words = Words(line);
    if (words.size() < 2 || words[0] != ">" || words[1] != output) continue;
    const std::vector<std::string> numbers = Words(line.substr(line.find(']') + 1));
    return numbers.size() < 2 ? NAN : std::strtod(numbers[1].c_str(), nullptr);
  }
  return NAN;
}

class ReplayAttentionTest : public CliTest {
 protected:
  // The replay of the first finding whose exact result is a finite number.
  std::string Replayed(const Shown& shown) const {
    const Ran check = Run("assay check " + shown.subject + " --property " + shown.law + " --cases 200");
    EXPECT_EQ(check.code, 1) << check.out << check.err;
    for (const std::string& command : ReplayCommands(check.out)) {
      const Ran replay = Run(command);
      EXPECT_EQ(replay.code, 1) << replay.err;
      if (std::isfinite(Nearest(TablesOf(replay.out), shown.output))) return replay.out;
    }
    ADD_FAILURE() << "no finding with a finite result:\n" << check.out;
    return "";
  }
};

// The last column.
std::vector<double> LastColumn(const Tables& tables) {
  std::vector<double> terms;
  for (std::size_t i = 1; i < tables.pairs.size(); ++i) {
    const std::vector<std::string> words = Words(tables.pairs[i]);
    if (!words.empty() && words.back() != "-") terms.push_back(std::strtod(words.back().c_str(), nullptr));
  }
  return terms;
}

TEST_F(ReplayAttentionTest, TheTermsAddUpToTheExactResult) {
  const Shown shown[] = {{"attention_accuracy", "out", "scale_without_sign"},
                         {"dq_accuracy", "dq", "root_of_slope"},
                         {"dk_accuracy", "dk", "dk_by_default_scale"},
                         {"dk_accuracy", "dk", "overwrites_group"},
                         {"dv_accuracy", "dv", "backward_without_bias"}};
  for (const Shown& one : shown) {
    SCOPED_TRACE(one.subject);
    const std::string out = Replayed(one);
    const Tables tables = TablesOf(out);
    const double nearest = Nearest(tables, one.output);
    double sum = 0;
    double size = 0;
    for (const double term : LastColumn(tables)) {
      sum += term;
      size += std::fabs(term);
    }
    EXPECT_NEAR(sum, nearest, 1e-4 * size) << out;
  }
}

TEST_F(ReplayAttentionTest, ThePairOfABiasIsMarkedAndGivesItsGradient) {
  const std::string out = Replayed({"dbias_accuracy", "dbias", "dbias_times_scale"});
  const Tables tables = TablesOf(out);
  const double nearest = Nearest(tables, "dbias");
  std::size_t marked = 0;
  for (const std::string& line : tables.pairs) {
    const std::vector<std::string> words = Words(line);
    if (words.empty() || words[0] != ">") continue;
    ++marked;
    EXPECT_NEAR(std::strtod(words.back().c_str(), nullptr), nearest, 1e-4 * std::fabs(nearest)) << out;
  }
  EXPECT_EQ(marked, std::size_t{1}) << out;
}

TEST_F(ReplayAttentionTest, TheSharesWithTheSinkAddUpToOne) {
  const std::string out = Replayed({"lse_accuracy", "lse", "sink_not_in_lse"});
  const Tables tables = TablesOf(out);
  double sum = 0;
  for (const double share : LastColumn(tables)) sum += share;
  EXPECT_NEAR(sum, 1, 1e-4) << out;
  EXPECT_NE(out.find("sink"), std::string::npos);
}

}  // namespace
}  // namespace assay::cli
