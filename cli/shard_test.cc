// SPDX-License-Identifier: Apache-2.0
//
// Shards and what is made of them: any number of shards finds the same, results merge in any order, and every format
// says so.

#include <gtest/gtest.h>

#include <map>

#include "cli/testing.h"

namespace assay::cli {
namespace {

constexpr const char* kCheck =
    "assay check rounded_shift --cases 90 --property accuracy --property ratio --property alignment";

class ShardTest : public CliTest {
 protected:
  // What was found: the name of each case file that the output tells to replay (law, index, witness) and its bytes.
  std::map<std::string, std::string> Findings(const Ran& ran) const {
    std::map<std::string, std::string> found;
    for (const std::string& command : ReplayCommands(ran.out)) {
      const std::size_t begin = std::string("assay replay ").size();
      const std::filesystem::path file = command.substr(begin, command.find(" --subject") - begin);
      found[file.filename().string()] = ReadText(folder() / file);
    }
    return found;
  }

  void RunShards(int count) const {
    for (int i = 0; i < count; ++i) {
      const std::string n = std::to_string(i);
      const Ran ran = Run(std::string(kCheck) + " --shard " + n + "/" + std::to_string(count) + " --findings f" + n +
                          " --json s" + n + ".json");
      EXPECT_TRUE(ran.code == 0 || ran.code == 1) << ran.out << ran.err;
    }
  }
};

TEST_F(ShardTest, AnyNumberOfShardsFindsTheSame) {
  const std::map<std::string, std::string> whole = Findings(Run(kCheck));
  ASSERT_GE(whole.size(), 4u);
  for (const int count : {2, 3, 7}) {
    RunShards(count);
    std::string files;
    for (int i = 0; i < count; ++i) files += " s" + std::to_string(i) + ".json";
    const Ran merged = Run("assay merge" + files);
    EXPECT_EQ(merged.code, 1) << merged.out << merged.err;
    EXPECT_EQ(Findings(merged), whole) << count << " shards\n" << merged.out;
    EXPECT_TRUE(merged.Says(std::to_string(count) + " of " + std::to_string(count) + " shards")) << merged.out;
  }
}

TEST_F(ShardTest, MergingIsAssociative) {
  RunShards(3);
  ASSERT_EQ(Run("assay merge s0.json s1.json --json left.json").code, 1);
  ASSERT_EQ(Run("assay merge s1.json s2.json --json right.json").code, 1);
  const Ran left = Run("mkdir -p deep && assay merge left.json s2.json --json deep/a.json");
  const Ran right = Run("assay merge s0.json right.json --json b.json");
  const Ran back = Run("assay merge s2.json s0.json s1.json");
  EXPECT_EQ(Findings(left), Findings(right));
  EXPECT_EQ(Findings(left), Findings(back));
  // Case files are named relative to the file that names them.
  EXPECT_EQ(Findings(Run("assay merge deep/a.json")), Findings(left));
}

TEST_F(ShardTest, WhatDoesNotBelongTogetherIsRefused) {
  RunShards(2);
  const auto refused = [&](const std::string& line, const std::string& part) {
    const Ran ran = Run(line);
    EXPECT_EQ(ran.code, 2) << line << ran.out;
    EXPECT_NE(ran.err.find(part), std::string::npos) << ran.err;
  };
  refused("assay merge s0.json s0.json", "shard 0/2 is there twice");
  Run(std::string(kCheck) + " --seed 2 --shard 1/2 --json other.json");
  refused("assay merge s0.json other.json", "--seed is 1 in one and 2 in another");
  refused("assay merge none.json", "none.json cannot be read");
  Write("text.json", "{}");
  refused("assay merge text.json", "text.json is no result of assay check");
  refused("assay check --shard 0/2", "--cases");
  for (const char* const shard : {"2/2", "0", "0/0", "-1/2", "a/b", "1/2/3", "''"}) {
    refused(std::string("assay check --cases 5 --shard ") + shard, "write I/N with I from 0 to N - 1");
  }
  // A shard that is missing is not clean.
  Run("assay check --cases 4 --property order --shard 0/2 --json clean.json");
  const Ran incomplete = Run("assay merge clean.json");
  EXPECT_EQ(incomplete.code, 4) << incomplete.out;
  EXPECT_NE(incomplete.err.find("of 2 shards these are missing: 1"), std::string::npos) << incomplete.err;
}

TEST_F(ShardTest, JUnitHasATestCaseForEachLaw) {
  Run(std::string(kCheck) + " --property empty_row --junit out.xml");
  const std::string xml = ReadText(folder() / "out.xml");
  EXPECT_NE(xml.find("tests=\"4\" failures=\"2\""), std::string::npos) << xml;
  EXPECT_NE(xml.find("<property name=\"seed\" value=\"1\"/>"), std::string::npos) << xml;
  EXPECT_NE(xml.find("name=\"empty_row\""), std::string::npos) << xml;
  EXPECT_NE(xml.find("assay replay "), std::string::npos) << xml;
  if (Run("command -v xmllint").code == 0) {
    EXPECT_EQ(Run("xmllint --noout out.xml").code, 0);
  }
}

TEST_F(ShardTest, ExpectedFailuresAreStrict) {
  Write("known.txt", "# x - max is rounded\naccuracy\nratio softmax  # there, too\n");
  const Ran known = Run(std::string(kCheck) + " --expected-failures known.txt --junit out.xml");
  EXPECT_EQ(known.code, 0) << known.out << known.err;
  EXPECT_TRUE(known.Says("expected  accuracy")) << known.out;
  EXPECT_NE(ReadText(folder() / "out.xml").find("failures=\"0\" errors=\"0\" skipped=\"2\""), std::string::npos);

  Write("stale.txt", "accuracy\nratio\nalignment\n");
  const Ran stale = Run(std::string(kCheck) + " --expected-failures stale.txt");
  EXPECT_EQ(stale.code, 1) << stale.out;
  EXPECT_TRUE(stale.Says("expected to fail, but passes: remove it from stale.txt")) << stale.out;

  // A case file stands for itself: on a right subject it passes, and that is a failure.
  const std::string file = Findings(Run(kCheck)).begin()->first;
  Write("cases.txt", "assay-findings/" + file + "\n");
  EXPECT_EQ(Run("assay check scalar --cases 5 --property alignment --property accuracy --property ratio").code, 0);
  const Ran passes =
      Run("assay check scalar --cases 5 --property alignment --property accuracy --property ratio "
          "--expected-failures cases.txt");
  EXPECT_EQ(passes.code, 1) << passes.out;
  EXPECT_TRUE(passes.Says("remove line 1 of cases.txt")) << passes.out;

  for (const auto& [text, part] :
       std::map<std::string, std::string>{{"ordre\n", "bad.txt:1: no law is called \"ordre\""},
                                          {"\norder sofmax\n", "bad.txt:2: no operation is called \"sofmax\""},
                                          {"order softmax f32\n", "bad.txt:1: \"f32\" is one word too many"},
                                          {"none.json\n", "bad.txt:1: there is no case file"}}) {
    Write("bad.txt", text);
    const Ran ran = Run(std::string(kCheck) + " --expected-failures bad.txt");
    EXPECT_EQ(ran.code, 2) << ran.out;
    EXPECT_NE(ran.err.find(part), std::string::npos) << ran.err;
  }
}

}  // namespace
}  // namespace assay::cli
