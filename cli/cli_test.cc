// SPDX-License-Identifier: Apache-2.0
//
// What each command promises when all is well, or when the subject is what is wrong. Bad input: bad_input_test.cc.

#include <gtest/gtest.h>

#include <cmath>
#include <regex>
#include <set>

#include "cli/testing.h"
#include "subjects/registry.h"

namespace assay::cli {
namespace {

// The first case file that the output tells to replay.
std::string CaseFile(const Ran& check) {
  const std::string command = ReplayCommands(check.out).at(0);
  const std::size_t begin = std::string("assay replay ").size();
  return command.substr(begin, command.find(" --subject") - begin);
}

std::string WithoutSeconds(const std::string& text) {
  return std::regex_replace(text, std::regex(R"( in [0-9.]+ s\n)"), " in a while\n");
}

// Every command in the output, run as it is printed, finds the violation again.
class FindingTest : public CliTest {
 protected:
  void ExpectReplaysViolate(const Ran& check) const {
    const std::vector<std::string> commands = ReplayCommands(check.out);
    EXPECT_FALSE(commands.empty()) << check.out;
    for (const std::string& command : commands) {
      const Ran replay = Run(command);
      EXPECT_EQ(replay.code, 1) << command << "\n" << replay.out << replay.err;
      EXPECT_TRUE(replay.Says("verdict  violated")) << command << "\n" << replay.out;
    }
  }
};

class BrokenSubjectTest : public FindingTest, public testing::WithParamInterface<std::string> {};

TEST_P(BrokenSubjectTest, IsFoundWithAMinimalCaseThatReplays) {
  const subjects::BuiltIn& subject = *subjects::FindBuiltIn(GetParam());
  const Ran check =
      Run("assay check " + subject.name + " --property " + subject.breaks + " --cases 400 --findings 'it'\\''s here'");
  EXPECT_EQ(check.code, 1) << check.out << check.err;
  EXPECT_TRUE(check.Says("    minimal  ")) << check.out;
  EXPECT_TRUE(check.Says("VIOLATED")) << check.out;
  EXPECT_EQ(check.err, "");
  ExpectReplaysViolate(check);
}

// The controls and one fault of each mechanism (properties_faulty_test has them all), but for those that a single
// call, or a single run, does not show, and the one whose law is nightly.
std::vector<std::string> BrokenSubjects() {
  std::vector<std::string> names;
  std::set<std::string> seen = {"state", "threads"};
  for (const subjects::BuiltIn& one : subjects::BuiltIns()) {
    if (one.kind != subjects::Kind::kControl && one.kind != subjects::Kind::kFaulty) continue;
    if (one.breaks == "index_overflow") continue;
    if (one.kind == subjects::Kind::kControl || seen.insert(one.mechanism).second) names.push_back(one.name);
  }
  return names;
}

INSTANTIATE_TEST_SUITE_P(, BrokenSubjectTest, testing::ValuesIn(BrokenSubjects()),
                         [](const auto& name) { return name.param; });

struct Death {
  const char* library;
  const char* detail;
  const char* options = "";
};
// How GoogleTest shows it; else the test's name in CTest would hold addresses.
void PrintTo(const Death& death, std::ostream* out) { *out << death.library; }

class DyingKernelTest : public FindingTest, public testing::WithParamInterface<Death> {};

TEST_P(DyingKernelTest, IsAFindingAndTheRunGoesOn) {
  const Ran check = Run(std::string("assay check " ASSAY_TEST_SUBJECTS "/") + GetParam().library +
                        ".so --cases 2 --property accuracy --property order" + GetParam().options);
  EXPECT_EQ(check.code, 1) << check.out << check.err;
  EXPECT_TRUE(check.Says(GetParam().detail)) << check.out;
  EXPECT_TRUE(check.Says("VIOLATED  accuracy")) << check.out;
  EXPECT_TRUE(check.Says("VIOLATED  order")) << check.out;
  EXPECT_TRUE(check.Says("findings: 2 of 2 laws violated")) << check.out;
  ExpectReplaysViolate(check);
}

INSTANTIATE_TEST_SUITE_P(, DyingKernelTest,
                         testing::Values(Death{"null_dereference", "SIGSEGV writing through a null pointer"},
                                         Death{"aborts", "SIGABRT"}, Death{"traps", "SIGILL"},
                                         Death{"exits", "exit(3)"},
                                         Death{"hangs", "no answer within 20 ms", " --time-limit 0.02s"},
                                         Death{"overflows_stack", "stack overflow"}),
                         [](const auto& death) { return std::string(death.param.library); });

TEST_F(CliTest, CheckOfARightSubjectIsCleanAndLeavesNothing) {
  for (const char* const name : {"assay", "scalar", ASSAY_TEST_SUBJECTS "/my_kernel.so"}) {
    const Ran check = Run(std::string("assay check --cases 30 ") + name);
    EXPECT_EQ(check.code, 0) << check.out << check.err;
    EXPECT_TRUE(check.Says("clean: 0 of ")) << check.out;
  }
  EXPECT_TRUE(Listing().empty()) << Listing().front();
}

TEST_F(CliTest, EqualSeedsGiveEqualBytesAndStandOnTheFirstLine) {
  const std::string check = "assay check unshifted --property order --property exact_shift --cases 100 --seed ";
  const Ran first = Run(check + "7");
  const std::string name = CaseFile(first);
  const std::string case_file = ReadText(folder() / name);
  const Ran second = Run(check + "7");
  EXPECT_EQ(WithoutSeconds(first.out), WithoutSeconds(second.out));
  EXPECT_FALSE(case_file.empty());
  EXPECT_EQ(case_file, ReadText(folder() / name));
  EXPECT_EQ(Lines(first.out).front().find("seed 7;"), 0u) << first.out;
  EXPECT_NE(WithoutSeconds(first.out), WithoutSeconds(Run(check + "8").out));
}

TEST_F(CliTest, OutputIsPlainInAPipeAndNoLongerThanAScreenIsWide) {
  const std::string replay =
      "replay " + CaseFile(Run("assay check unshifted --property exact_shift --cases 50")) + " --subject unshifted";
  for (const std::string& command : std::vector<std::string>{"check relu_normalized --cases 20", "probe",
                                                             "probe scalar", "report --elements 1 --cases 2", replay,
                                                             "power drops_tail --cases 20", "check saclar", "--help"}) {
    const Ran ran = Run("assay " + command + " 2>&1 | cat");
    EXPECT_EQ(ran.out.find_first_of("\x1b\r"), std::string::npos) << ran.out;
    if (command == "check saclar") continue;  // an error stays on one line
    for (const std::string& line : Lines(ran.out)) {
      EXPECT_TRUE(line.size() <= 112 || line.find("assay replay") != std::string::npos) << line;
    }
  }
}

TEST_F(CliTest, HelpOfEveryCommandHasAnExample) {
  const Ran help = Run("assay --help");
  EXPECT_EQ(help.code, 0);
  EXPECT_TRUE(help.Says("Exit codes: 0 clean, 1 findings, 2 usage, 3 infrastructure")) << help.out;
  for (const char* const command : {"check", "merge", "init", "replay", "probe", "power", "fuzz", "report"}) {
    EXPECT_TRUE(help.Says(std::string("\n  ") + command + " ")) << help.out;
    const Ran one = Run(std::string("assay ") + command + " --help");
    EXPECT_EQ(one.code, 0);
    EXPECT_TRUE(one.Says("Example")) << one.out;
    EXPECT_TRUE(one.Says(std::string("\n  assay ") + command)) << one.out;
  }
}

TEST_F(CliTest, CheckSaysWhichLawsTheTimeDidNotReach) {
  // A thousand laws cannot each have a turn of a child process in a millisecond.
  const Ran check = Run("assay check --time 0.001s $(yes -- --property=order | head -n 1000)");
  EXPECT_EQ(check.code, 4) << check.out << check.err;
  EXPECT_TRUE(check.Says("not run   order")) << check.out;
  EXPECT_TRUE(check.Says("incomplete: 0 of 1000 laws violated, 0 undecided, 0 skipped, ")) << check.out;
}

TEST_F(CliTest, ProbeNamesWhatIsBuiltInAndWhatASubjectDeclares) {
  const Ran all = Run("assay probe");
  EXPECT_EQ(all.code, 0);
  for (const subjects::BuiltIn& one : subjects::BuiltIns()) EXPECT_TRUE(all.Says("  " + one.name + " ")) << one.name;
  const Ran one = Run("assay probe " ASSAY_TEST_SUBJECTS "/my_kernel.so");
  EXPECT_EQ(one.code, 0);
  EXPECT_TRUE(one.Says("will be checked")) << one.out;
}

TEST_F(CliTest, ClaimsAreMeasuredOnTheRowsAskedFor) {
  const Ran ran = Run("assay claims assay-fast --op softmax --dtype f32 --no-bias --min-cols 65537 --max-cols 65537");
  EXPECT_EQ(ran.code, 0) << ran.out << ran.err;
  EXPECT_TRUE(ran.Says(" 1572888 ")) << ran.out;  // results: one row of each of 6 families at each of 4 temperatures
  EXPECT_TRUE(ran.Says("1 of 1 claim hold")) << ran.out;
  EXPECT_FALSE(ran.Says(", bias")) << ran.out;
}

TEST_F(CliTest, ClaimsOfAttentionAreMeasuredByShapeAndSpread) {
  const Ran ran = Run("assay claims assay-fast textbook --op attention --dtype f32 --max-cols 16 --out claims.md");
  EXPECT_EQ(ran.code, 0) << ran.out << ran.err;
  EXPECT_TRUE(ran.Says("  assay-fast             claims 0.51 ULP + (")) << ran.out;
  EXPECT_TRUE(ran.Says("  textbook               claims none: held to the textbook bound")) << ran.out;
  for (const char* const shape : {"out, 16 heads 16x16 d 64\n", "lse, 16 heads 16x16 d 128\n"}) {
    EXPECT_TRUE(ran.Says(shape)) << ran.out;
  }
  EXPECT_TRUE(ran.Says("2 of 2 claims hold")) << ran.out;
  const std::string page = ReadText(folder() / "claims.md");
  EXPECT_NE(page.find("| out | 16 heads 16x16 d 64 | `assay-fast` | 16384 | "), std::string::npos) << page;
  EXPECT_NE(page.find("`assay claims assay-fast textbook --op attention --dtype f32 --seed 1 --max-cols 16 "),
            std::string::npos)
      << page;
}

TEST_F(CliTest, ClaimsOfAttentionThatAreBrokenAreFindings) {
  const Ran ran = Run("assay claims float_scores --op attention --dtype f32 --max-cols 16");
  EXPECT_EQ(ran.code, 1) << ran.out << ran.err;
  EXPECT_TRUE(ran.Says("findings: 0 of 1 claim hold")) << ran.out;
  const Ran twice = Run("assay claims assay assay");
  EXPECT_EQ(twice.code, 2) << twice.out;
}

TEST_F(CliTest, ReportIsWholeAndItsCasesReplay) {
  // A row that x - max in f32 gets wrong, and one with NaN, about which another law speaks.
  Write("rows.npy", NpyFile("<f4", "(2, 2)", FloatBytes({8.0f, 0.275659502f, std::nanf(""), 1.0f})));
  const Ran report =
      Run("assay report --subject rounded_shift --subject ignores_nan --logits rows.npy --elements 1 "
          "--cases 5 --out out/put");
  EXPECT_EQ(report.code, 1) << report.out << report.err;
  EXPECT_EQ(Lines(report.out).front().find("seed 1;"), 0u) << report.out;
  EXPECT_TRUE(report.Says("rounded_shift breaks what it claims on ")) << report.out;
  EXPECT_TRUE(report.Says("out/put/index.html")) << report.out;
  std::set<std::string> files;
  for (const std::string& name : Listing()) {
    EXPECT_EQ(name.find(".part"), std::string::npos) << name;
    files.insert(name);
  }
  for (const char* const name : {"index.html", "report.md", "report.json", "figure.svg"}) {
    EXPECT_EQ(files.count(std::string("out/put/") + name), 1u) << name;
  }
  for (const char* const subject : {"rounded_shift", "ignores_nan"}) {
    const std::string file = std::string("out/put/cases/") + subject + "-your_logits.json";
    EXPECT_NE(ReadText(folder() / "out/put/report.json").find(file), std::string::npos) << file;
    const Ran replay = Run("assay replay " + file + " --subject " + subject);
    EXPECT_EQ(replay.code, 1) << replay.out << replay.err;
    EXPECT_TRUE(replay.Says("verdict  violated")) << replay.out;
  }
  // An accuracy case of a right subject replays as well.
  const Ran replay = Run("assay replay out/put/cases/rounded_shift-normal-10.json --subject assay");
  EXPECT_EQ(replay.code, 0) << replay.out << replay.err;
  EXPECT_TRUE(replay.Says("verdict  holds")) << replay.out;
}

TEST_F(CliTest, ReportNamesTheClaimsOfAttentionThatAreBroken) {
  Write("zeros.c", R"(#include <assay/assay.h>
static assay_status Rows(const assay_row_args* a) { return a->rows == 0 ? ASSAY_OK : ASSAY_UNSUPPORTED; }
static assay_status Attend(const assay_attention_args* a) {
  for (size_t i = 0; i < a->batch * a->num_heads * a->seq_q * a->head_dim; ++i) ((float*)a->out.data)[i] = 0;
  return ASSAY_OK;
}
const assay_subject* assay_subject_v1(void) {
  static const assay_subject subject = {.struct_size = sizeof subject, .abi_major = ASSAY_ABI_MAJOR,
    .abi_minor = ASSAY_ABI_MINOR, .name = "zeros", .version = "1", .description = "Writes zeros.",
    .softmax = {.run = Rows}, .attention = {.run = Attend, .claims = {{ASSAY_CLAIM_BOUND, 0, 1, 0, 0, 0, 0}}}};
  return &subject;
}
)");
  const Ran cc = Run(ASSAY_CC " " ASSAY_CFLAGS " -std=c99 -shared -fPIC -I '" ASSAY_INCLUDE "' zeros.c -o zeros.so");
  ASSERT_EQ(cc.code, 0) << cc.err;
  const Ran report = Run("assay report --subject ./zeros.so --elements 1600 --cases 1");
  EXPECT_EQ(report.code, 1) << report.out << report.err;
  EXPECT_TRUE(report.Says("(out at spread 1, out at spread 16, out")) << report.out;
  EXPECT_NE(ReadText(folder() / "assay-report/report.md").find("**breaks its claim**"), std::string::npos);
}

TEST_F(CliTest, ReportOfARightSubjectIsClean) {
  const Ran report = Run("assay report --subject assay --elements 1 --cases 5");
  EXPECT_EQ(report.code, 0) << report.out << report.err;
  EXPECT_TRUE(report.Says("clean: assay is correctly rounded wherever it was measured")) << report.out;
}

}  // namespace
}  // namespace assay::cli
