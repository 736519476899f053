// SPDX-License-Identifier: Apache-2.0
//
// assay bench as a person or a script meets it. Nothing here depends on how fast anything is.

#include <gtest/gtest.h>

#include "cli/testing.h"

namespace assay::cli {
namespace {

#define SUBJECT ASSAY_TEST_SUBJECTS "/"

class BenchTest : public CliTest {
 protected:
  void ExpectRefused(const std::string& words, const std::string& part) const {
    const Ran ran = Run("assay bench scalar --json out.json " + words);
    EXPECT_EQ(ran.code, 2) << words << "\n" << ran.out << ran.err;
    EXPECT_NE(ran.err.find(part), std::string::npos) << words << "\n" << ran.err << "should say: " << part;
    EXPECT_TRUE(Listing().empty()) << words;
  }
};

TEST_F(BenchTest, TimesSubjectsBesideCopies) {
  const Ran ran =
      Run("assay bench --subject '" SUBJECT
          "my_kernel.so' --for 0.001s --json out.json --markdown out.md --op softmax --shapes 4x16,1x1K scalar");
  EXPECT_EQ(ran.code, 0) << ran.err;
  for (const char* part : {"softmax f32 4x16, ", "softmax f32 1x1024, ", "\n  copy ", "\n  nt-copy ", "\n  scalar ",
                           "my_kernel.so", "x fastest peer", "max ULP", "seed 1"}) {
    EXPECT_TRUE(ran.Says(part)) << part << "\n" << ran.out;
  }
  const std::string json = ReadText(folder() / "out.json");
  for (const char* part : {"\"context\"", "\"softmax/f32/4x16/scalar_median\"", "\"run_type\": \"iteration\"",
                           "\"assay_commit\"", "\"disturbed\""}) {
    EXPECT_NE(json.find(part), std::string::npos) << part;
  }
  const std::string markdown = ReadText(folder() / "out.md");
  EXPECT_NE(markdown.find("\nassay bench --subject "), std::string::npos) << markdown;
  EXPECT_NE(markdown.find("**softmax f32 4x16**"), std::string::npos) << markdown;
}

TEST_F(BenchTest, TimesAttentionBesideTheMachinesPeaks) {
  const Ran ran =
      Run("assay bench attention scalar --dtype f32,bf16 --shapes 3x5,1x6 --head-dims 8 --heads 2 --for 0.001s "
          "--json out.json --markdown out.md");
  EXPECT_EQ(ran.code, 0) << ran.err;
  for (const char* part :
       {"attention f32 2 heads 3x5 d 8, ", "attention f32 2 heads 3x5 d 8, causal, ",
        "attention bf16 2 heads 1x6 d 8, ", "\n  FMA f32 ", "\n  read ", "\n  scalar ", "tokens/s"}) {
    EXPECT_TRUE(ran.Says(part)) << part << "\n" << ran.out;
  }
  EXPECT_NE(ReadText(folder() / "out.json").find("\"share_of_read\""), std::string::npos);
  EXPECT_NE(ReadText(folder() / "out.md").find("| subject | µs | ± % | GB/s |"), std::string::npos);
}

TEST_F(BenchTest, SaysWhatMemoryAttentionTakes) {
  const Ran ran = Run("assay bench attention assay assay-fast --memory --shapes 512x512 --head-dims 16 --heads 1");
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_TRUE(ran.Says("attention f32 1 heads 512x512 d 16: q, k, v, out 0.1 MiB")) << ran.out;
  EXPECT_TRUE(ran.Says("\n  assay-fast               peak of resident memory + ")) << ran.out;
}

TEST_F(BenchTest, RefusesBadWords) {
  ExpectRefused("scalra", "did you mean \"scalar\"?");
  ExpectRefused("scalar", "given twice");
  ExpectRefused("--op sotfmax", "no operation is called \"sotfmax\"");
  ExpectRefused("--dtype f8", "no type is called \"f8\". Known are: f32");
  for (const char* shape : {"64", "x", "64x", "x64", "axb", "4x4x4", "-1x4", "4x16G", "4x99999999999999999999", "''"}) {
    ExpectRefused(std::string("--shapes ") + shape, "is no shape: write ROWSxCOLS");
  }
  ExpectRefused("--shapes 0x4", "no entries to time");
  ExpectRefused("--shapes 4x0", "no entries to time");
  ExpectRefused("--shapes 99999999999x99999999999", "more than 2^64 bytes");
  ExpectRefused("--shapes 1000000x99999999", "this machine has");
  ExpectRefused("--rows 4", "--cols");
  ExpectRefused("--cols 4", "--rows");
  ExpectRefused("--rows 0 --cols 4", "--rows");
  ExpectRefused("--op sigmoid --mask", "sigmoid takes no mask");
  ExpectRefused("--op logsumexp --temperature 0", "logsumexp has no limit at T = 0");
  ExpectRefused("--temperature -1", "is no temperature");
  ExpectRefused("--memory", "--memory goes with attention alone");
  ExpectRefused("--op attention --mask", "attention is timed without --mask");
  ExpectRefused("--op attention_backward", "attention_backward is not timed");
  ExpectRefused("attention --shapes 0x4", "nothing to time");
  ExpectRefused("attention --head-dims 0", "nothing to time");
  ExpectRefused("attention --shapes 1000000000x4", "this machine has");
  ExpectRefused("--for 0", "write 90s");
}

TEST_F(BenchTest, SkipsWithTheReason) {
  Ran ran = Run("assay bench '" SUBJECT "my_kernel.so' --op sigmoid --shapes 4x16 --for 0.001s");
  EXPECT_EQ(ran.code, 77) << ran.err;
  EXPECT_TRUE(ran.Says("skipped: no sigmoid")) << ran.out;
  ran = Run("assay bench scalar '" SUBJECT "null_dereference.so' --shapes 4x16 --for 0.001s");
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_TRUE(ran.Says("skipped: on 2 rows of 4 softmax ends with SIGSEGV")) << ran.out;
}

TEST_F(BenchTest, FailsWhereANamedSubjectCannotBeLoaded) {
  const Ran ran = Run("assay bench '" SUBJECT "no_symbol.so' --shapes 4x16 --for 0.001s");
  EXPECT_EQ(ran.code, 3) << ran.out;
  EXPECT_TRUE(ran.Says("assay_subject_v1")) << ran.err;
}

}  // namespace
}  // namespace assay::cli
