// SPDX-License-Identifier: Apache-2.0
//
// Whatever is wrong with what the program is given: the message names the thing and the remedy, the exit code is the
// documented one (2 usage, 3 infrastructure), and nothing half-written stays.

#include <gtest/gtest.h>
#include <unistd.h>

#include "cli/testing.h"

namespace assay::cli {
namespace {

constexpr int kUsageCode = 2;
constexpr int kInfrastructureCode = 3;
#define SUBJECT ASSAY_TEST_SUBJECTS "/"

class BadInputTest : public CliTest {
 protected:
  void ExpectRefused(const std::string& line, int code, const std::vector<std::string>& parts) const {
    const std::vector<std::string> before = Listing();
    const Ran ran = Run(line);
    EXPECT_EQ(ran.code, code) << line << "\n" << ran.out << ran.err;
    for (const std::string& part : parts) {
      EXPECT_NE(ran.err.find(part), std::string::npos) << line << "\n" << ran.err << "should say: " << part;
    }
    EXPECT_EQ(ran.err.find("what()"), std::string::npos) << ran.err;
    EXPECT_EQ(Listing(), before) << line;
  }

  // A good case file: of two equal logits at T = 1, for the law `order`.
  void WriteGoodCase(const std::string& name) const {
    Write(name, R"({"format": "assay-case-1", "operation": "softmax", "dtype": "f32", "property": "order",
      "origin": "by hand", "rows": 1, "cols": 2, "logits_gap": 0, "probs_gap": 0, "offset": 0, "guard": "after",
      "in_place": false, "temperature": "0x1p+0", "empty_row": "auto", "law_key": "0x0",
      "logits": ["0x1p+0", "0x1p+0"]})");
  }
  void Replaced(const std::string& name, const std::string& from, const std::string& to) const {
    std::string text = ReadText(folder() / name);
    ASSERT_NE(text.find(from), std::string::npos);
    Write(name, text.replace(text.find(from), from.size(), to));
  }
};

TEST_F(BadInputTest, CommandLine) {
  ExpectRefused("assay", kUsageCode, {"subcommand is required", "--help"});
  ExpectRefused("assay chekc", kUsageCode, {"no command is called \"chekc\"", "assay --help"});
  ExpectRefused("assay check --bogus", kUsageCode, {"--bogus", "--help"});
  ExpectRefused("assay check assay scalar", kUsageCode, {"scalar", "--help"});
  for (const char* const number : {"abc", "-1", "0", "1.5", "1e3", "18446744073709551616", "''"}) {
    ExpectRefused(std::string("assay check --cases ") + number, kUsageCode, {"--cases", "write an integer from 1"});
    ExpectRefused(std::string("assay report --elements ") + number, kUsageCode, {"--elements", "write an integer"});
  }
  ExpectRefused("assay check --seed -1", kUsageCode, {"--seed", "\"-1\"", "write an integer from 0"});
  for (const char* const time : {"0", "abc", "-5s", "nan", "inf", "1e300h", "5d", "''"}) {
    ExpectRefused(std::string("assay check --time ") + time, kUsageCode, {"--time", "write 90s, 15m or 8h"});
    ExpectRefused(std::string("assay check --time-limit ") + time, kUsageCode, {"--time-limit", "write 90s"});
    ExpectRefused(std::string("assay fuzz --for ") + time, kUsageCode, {"--for", "write 90s"});
  }
  ExpectRefused("assay check --oracle arb", kUsageCode, {"\"arb\"", "write bulk or referee"});
  for (const char* const bad : {"-1", "-1e-300", "nan", "-inf", "1x", "''"}) {
    ExpectRefused(std::string("assay report --temperature ") + bad, kUsageCode,
                  {"--temperature", "write a number from 0 to inf"});
  }
  ExpectRefused("assay claims --min-cols 9 --max-cols 5", kUsageCode, {"--min-cols is above --max-cols"});
  ExpectRefused("assay report --subject unshifted --subject unshifted", kUsageCode, {"unshifted is given twice"});
  ExpectRefused("assay fuzz --fuzzer ./none", kUsageCode, {"--fuzzer ./none: no such file"});
}

TEST_F(BadInputTest, NamesThatDoNotExist) {
  for (const char* const command : {"check", "probe", "report --subject", "fuzz"}) {
    ExpectRefused(std::string("assay ") + command + " saclar", kUsageCode,
                  {"no built-in subject is called \"saclar\"", "did you mean \"scalar\"?"});
  }
  for (const char* const command : {"claims", "bench"}) {
    ExpectRefused(std::string("assay ") + command + " --dtype f31", kUsageCode,
                  {"no type is called \"f31\"", "Known are", "f32"});
  }
  ExpectRefused("assay check --property ordre", kUsageCode, {"no law is called \"ordre\"", "Known are", "order"});
}

TEST_F(BadInputTest, SubjectsThatCannotBeLoaded) {
  Write("text.so", "#!/bin/sh\n");
  for (const char* const command : {"check", "probe", "report --subject"}) {
    const auto refused = [&](const std::string& subject, const std::string& why, const std::string& remedy) {
      ExpectRefused(std::string("assay ") + command + " " + subject, kInfrastructureCode, {subject, why, remedy});
    };
    refused("./none.so", "no such file", "check the path");
    refused("./", "not a regular file", "give the path of a shared library");
    refused("./text.so", "cannot be loaded as a shared library", "build it for this machine");
    refused(SUBJECT "wrong_abi.so", "built for ABI 2", "rebuild");
    refused(SUBJECT "no_symbol.so", "exports no symbol assay_subject_v1", "define");
    refused(SUBJECT "null_table.so", "returned NULL", "");
    refused(SUBJECT "crashes_in_constructor.so", "crashed with SIGSEGV", "look at its constructors");
    refused(SUBJECT "exits_in_constructor.so", "called exit(5)", "look at its constructors");
  }
}

TEST_F(BadInputTest, AnUnreadableSubject) {
  Write("secret.so", "");
  std::filesystem::permissions(folder() / "secret.so", std::filesystem::perms::none);
  if (::access((folder() / "secret.so").c_str(), R_OK) == 0) GTEST_SKIP() << "whoever runs this may read everything";
  ExpectRefused("assay check ./secret.so", kInfrastructureCode, {"./secret.so", "check its permissions"});
}

TEST_F(BadInputTest, LogitsThatCannotBeRead) {
  const std::string four = FloatBytes({1, 2, 3, 4});
  Write("int.npy", NpyFile("<i4", "(4,)", four));
  Write("big_endian.npy", NpyFile(">f4", "(4,)", four));
  Write("cube.npy", NpyFile("<f4", "(1, 2, 2)", four));
  Write("scalar.npy", NpyFile("<f4", "()", four.substr(0, 4)));
  Write("short.npy", NpyFile("<f4", "(5,)", four));
  Write("huge.npy", NpyFile("<f4", "(4611686018427387904, 4)", four));
  Write("overflow.npy", NpyFile("<f4", "(99999999999999999999,)", four));
  Write("empty.npy", NpyFile("<f4", "(0,)", ""));
  Write("header.npy", NpyFile("<f4", "(4,)", four).substr(0, 40));
  Write("text.npy", "1 2 3\n");
  const auto refused = [&](const std::string& file, const std::string& why, const std::string& remedy) {
    ExpectRefused("assay report --logits " + file, kUsageCode, {file, why, remedy});
  };
  refused("none.npy", "no such file", "numpy.save");
  refused(".", "is not a file", "numpy.save");
  refused("int.npy", "holds dtype '<i4'", "dtype=numpy.float32");
  refused("big_endian.npy", "big-endian", "astype('<f4')");
  refused("cube.npy", "has 3 dimensions", "reshape");
  refused("scalar.npy", "has 0 dimensions", "reshape");
  refused("short.npy", "claims shape (5)", "copy it again");
  refused("huge.npy", "holds only 16 bytes", "copy it again");
  refused("overflow.npy", "overflows", "save it again");
  refused("empty.npy", "is empty", "give at least one logit");
  refused("header.npy", "truncated", "copy it again");
  refused("text.npy", "is not a .npy file", "numpy.save");
}

TEST_F(BadInputTest, FoldersThatCannotBeWritten) {
  Write("file", "in the way\n");
  std::filesystem::create_directories(folder() / "a" / "index.html");
  std::filesystem::create_directories(folder() / "b");
  Write("b/cases", "in the way\n");
  ExpectRefused("assay report --out file", kInfrastructureCode, {"file", "choose another --out"});
  ExpectRefused("assay report --out file/deeper", kInfrastructureCode, {"file/deeper", "choose another --out"});
  ExpectRefused("assay report --out /proc/x", kInfrastructureCode, {"/proc/x", "choose another --out"});
  ExpectRefused("assay report --out a", kInfrastructureCode, {"a/index.html", "choose another --out"});
  ExpectRefused("assay report --out b", kInfrastructureCode, {"b/cases", "choose another --out"});
  ExpectRefused("assay check unshifted --findings file", kInfrastructureCode, {"file", "another with --findings"});
  ExpectRefused("assay check unshifted --findings /proc/x", kInfrastructureCode,
                {"/proc/x", "another with --findings"});
}

TEST_F(BadInputTest, AFullDiskBehindStandardOutput) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "there is no /dev/full here";
  ExpectRefused("assay probe >/dev/full", kInfrastructureCode, {"assay: "});
}

TEST_F(BadInputTest, CaseFilesThatCannotBeReplayed) {
  WriteGoodCase("good.json");
  EXPECT_EQ(Run("assay replay good.json").code, 0);
  for (const char* const name : {"cold.json", "nameless.json", "future.json", "float.json", "short.json"}) {
    WriteGoodCase(name);
  }
  Write("cut.json", ReadText(folder() / "good.json").substr(0, 200));
  Write("text.json", "no case\n");
  Write("list.json", "[]\n");
  Replaced("cold.json", "\"temperature\": \"0x1p+0\"", "\"temperature\": \"-0x1p+0\"");
  Replaced("nameless.json", "\"order\"", "\"\"");
  Replaced("future.json", "\"order\"", "\"not_yet\"");
  Replaced("float.json", "[\"0x1p+0\"", "[\"one\"");
  Replaced("short.json", "\"cols\": 2", "\"cols\": 3");
  const auto refused = [&](const std::string& words, const std::string& why, const std::string& remedy) {
    ExpectRefused("assay replay " + words, kUsageCode, {words.substr(0, words.find(' ')), why, remedy});
  };
  refused("none.json", "no such file", "check the path");
  refused(".", "not a regular file", "give the path of a case file");
  refused("text.json", "not JSON", "give a case file");
  refused("list.json", "not a JSON object", "give a case file");
  refused("cut.json", "not JSON", "give a case file");
  refused("cold.json", "the law order does not speak about this case", "--property");
  refused("good.json --property bad_arguments", "bad_arguments does not speak about this case", "--property");
  refused("nameless.json", "names no law", "--property");
  refused("future.json", "\"not_yet\"", "--property");
  refused("float.json", "logits[0]", "write floats in hex");
  refused("short.json", "its shape asks for 3", "make them equal");
  ExpectRefused("assay replay good.json --property ordre", kUsageCode, {"no law is called \"ordre\"", "Known are"});
}

}  // namespace
}  // namespace assay::cli
