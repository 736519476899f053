// SPDX-License-Identifier: Apache-2.0
//
// The way of somebody with a kernel: assay init, a build, a check, a finding, and the program that shows it without us.

#include <gtest/gtest.h>

#include "cli/testing.h"

namespace assay::cli {
namespace {

class OwnKernelTest : public CliTest {
 protected:
  // assay init NAME, its kernel altered by a sed script, built as NAME.so.
  void Build(const std::string& name, const std::string& edit, const std::string& option = "") const {
    const Ran init = Run("assay init " + name + " " + option);
    ASSERT_EQ(init.code, 0) << init.out << init.err;
    const std::string source = name + "/" + name + ".c";
    const Ran cc = Run("sed -i '" + edit + "' " + source +
                       " && " ASSAY_CC " " ASSAY_CFLAGS
                       " -std=c99 -Wall -Wextra -Werror -O2 -shared -fPIC -I '" ASSAY_INCLUDE "' " +
                       source + " -o " + name + ".so -lm");
    ASSERT_EQ(cc.code, 0) << cc.out << cc.err;
  }

  Ran Compile(const std::string& file, const std::string& program) const {
    return Run(ASSAY_CXX " " ASSAY_CFLAGS " -std=c++17 -Wall -Wextra -Werror " + file + " -o " + program + " -ldl");
  }
};

TEST_F(OwnKernelTest, WhatInitWritesPassesAsWritten) {
  Build("mine", "");
  const Ran probe = Run("assay probe ./mine.so");
  EXPECT_EQ(probe.code, 0) << probe.err;
  EXPECT_TRUE(probe.Says("yes softmax")) << probe.out;
  EXPECT_TRUE(probe.Says("no  log_softmax")) << probe.out;
  EXPECT_TRUE(probe.Says("will be checked")) << probe.out;
  const Ran check = Run("assay check ./mine.so --cases 100");
  EXPECT_EQ(check.code, 0) << check.out << check.err;
}

TEST_F(OwnKernelTest, InitRefusesWhatItWouldOverwriteAndNamesThatAreNone) {
  EXPECT_EQ(Run("assay init mine").code, 0);
  const Ran again = Run("assay init mine");
  EXPECT_EQ(again.code, 2);
  EXPECT_TRUE(again.Says("mine exists already; remove it, or choose another folder with --out")) << again.err;
  EXPECT_EQ(Run("assay init mine --out elsewhere").code, 0);
  for (const char* const name : {"''", "7up", "a-b", "a/b", "../x"}) {
    const Ran bad = Run(std::string("assay init ") + name);
    EXPECT_EQ(bad.code, 2) << name;
    EXPECT_TRUE(bad.Says("cannot be a name in C")) << bad.err;
  }
}

TEST_F(OwnKernelTest, AFindingBecomesAProgramThatShowsItAlone) {
  Build("good", "");
  Build("bad", "s/float max = -INFINITY/float max = -1e4f/");
  const Ran check = Run("assay check ./bad.so --property accuracy --cases 300");
  ASSERT_EQ(check.code, 1) << check.out << check.err;
  const std::vector<std::string> commands = ReplayCommands(check.out);
  ASSERT_FALSE(commands.empty());
  const Ran first = Run(commands.front());
  EXPECT_EQ(first.out, Run(commands.front()).out) << "a replay is the same bit for bit";
  const Ran emit = Run(commands.front() + " --emit-cpp shown.cc");
  ASSERT_EQ(emit.code, 0) << emit.out << emit.err;
  EXPECT_TRUE(emit.Says("c++ -std=c++17 shown.cc -o reproducer -ldl")) << emit.out;
  const Ran compiled = Compile("shown.cc", "shown");
  ASSERT_EQ(compiled.code, 0) << compiled.err;
  const Ran bad = Run("./shown ./bad.so");
  EXPECT_EQ(bad.code, 1) << bad.out << bad.err;
  EXPECT_TRUE(bad.Says("bad, softmax: status 0")) << bad.out;
  const Ran good = Run("./shown ./good.so");
  EXPECT_EQ(good.code, 0) << good.out << good.err;
  EXPECT_TRUE(good.Says("0 of ")) << good.out;
  EXPECT_EQ(Run("./shown").code, 2);
  EXPECT_EQ(Run("./shown ./none.so").code, 3);
}

TEST_F(OwnKernelTest, WhatInitWritesForAttentionPassesAsWritten) {
  Build("mine", "", "--attention");
  const Ran probe = Run("assay probe ./mine.so");
  EXPECT_EQ(probe.code, 0) << probe.err;
  EXPECT_TRUE(probe.Says("yes attention")) << probe.out;
  EXPECT_TRUE(probe.Says("no  softmax")) << probe.out;
  const Ran check = Run("assay check ./mine.so --cases 60");
  EXPECT_EQ(check.code, 0) << check.out << check.err;
  EXPECT_TRUE(check.Says("holds     causal_prefix")) << check.out;
  EXPECT_TRUE(check.Says("holds     grouped_heads")) << check.out;
}

TEST_F(OwnKernelTest, AFindingInAttentionBecomesAProgramThatShowsItAlone) {
  Build("good", "", "--attention");
  Build("bad", "s/queries - 1 - i/queries - i/", "--attention");  // the query does not see its own key
  const Ran check = Run("assay check ./bad.so --op attention --property attention_accuracy --cases 200");
  ASSERT_EQ(check.code, 1) << check.out << check.err;
  const std::vector<std::string> commands = ReplayCommands(check.out);
  ASSERT_FALSE(commands.empty());
  const Ran replay = Run(commands.front());
  EXPECT_EQ(replay.code, 1) << replay.err;
  EXPECT_EQ(replay.out, Run(commands.front()).out) << "a replay is the same bit for bit";
  const Ran emit = Run(commands.front() + " --emit-cpp shown.cc");
  ASSERT_EQ(emit.code, 0) << emit.out << emit.err;
  const Ran compiled = Compile("shown.cc", "shown");
  ASSERT_EQ(compiled.code, 0) << compiled.err;
  const Ran bad = Run("./shown ./bad.so");
  EXPECT_EQ(bad.code, 1) << bad.out << bad.err;
  EXPECT_TRUE(bad.Says("bad, attention: status 0")) << bad.out;
  EXPECT_TRUE(bad.Says("> out[0, 0, 0, 0]")) << bad.out;
  const Ran good = Run("./shown ./good.so");
  EXPECT_EQ(good.code, 0) << good.out << good.err;
  EXPECT_TRUE(good.Says("0 of ")) << good.out;
}

}  // namespace
}  // namespace assay::cli
