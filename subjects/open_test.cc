// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "subjects/subject.h"
#include "subjects/testing.h"

namespace assay::subjects {
namespace {

std::string Refusal(const std::string& name) {
  try {
    Open(name);
  } catch (const OpenError& error) {
    return error.what();
  }
  ADD_FAILURE() << name << " was opened";
  return {};
}

void ExpectSays(const std::string& name, const std::string& part) {
  const std::string message = Refusal(name);
  EXPECT_NE(message.find(part), std::string::npos) << message << "\nshould say: " << part;
  EXPECT_NE(message.find(name), std::string::npos) << message << "\nshould name " << name;
}

TEST(OpenTest, SuggestsTheNearestName) {
  ExpectSays("saclar", "did you mean \"scalar\"?");
  ExpectSays("hard_max", "did you mean \"hardmax\"?");
  ExpectSays("qqqqqqqq", "Known are: assay, ");
  EXPECT_EQ(Refusal("qqqqqqqq").find("did you mean"), std::string::npos);
  ExpectSays("", "Known are: assay, ");
}

TEST(OpenTest, NamesWhatIsWrongWithTheFile) {
  ExpectSays("/no/such/kernel.so", "no such file");
  ExpectSays("no_such_kernel.so", "no such file");
  ExpectSays("/tmp/", "not a regular file");
  const std::string text = testing::TempDir() + "assay_open_test." + std::to_string(::getpid()) + ".so";
  std::ofstream(text) << "#!/bin/sh\n";
  ExpectSays(text, "cannot be loaded as a shared library");
  if (::geteuid() != 0) {
    std::filesystem::permissions(text, std::filesystem::perms::none);
    ExpectSays(text, "check its permissions");
  }
  std::filesystem::remove(text);
}

TEST(OpenTest, NamesWhatIsWrongWithTheLibrary) {
  ExpectSays(TestSubject("no_symbol"), "exports no symbol assay_subject_v1; define");
  ExpectSays(TestSubject("null_table"), "returned NULL");
  ExpectSays(TestSubject("wrong_abi"), "built for ABI 2, this program speaks 1: rebuild");
  ExpectSays(TestSubject("small_struct"), "struct_size = 24");
  ExpectSays(TestSubject("small_struct"), "rebuild it with this version's assay/assay.h");
  ExpectSays(TestSubject("no_name"), "has no name");
  ExpectSays(TestSubject("no_softmax"), "implements no operation; set .softmax.run");
  ExpectSays(TestSubject("bad_dtypes"), "declares softmax.dtypes = 0x10; combine 1 << ASSAY_F32");
  ExpectSays(TestSubject("bad_claim"), "claims softmax.claims[ASSAY_F16].max_ulp = 0.25; a rounded result");
}

TEST(OpenTest, SurvivesALibraryThatDiesWhileItIsLoaded) {
  ExpectSays(TestSubject("crashes_in_constructor"), "the library crashed with SIGSEGV");
  ExpectSays(TestSubject("exits_in_constructor"), "the library called exit(5) while it was being loaded");
}

TEST(OpenTest, TakesANewerMinorVersion) {
  const auto subject = Open(TestSubject("newer_minor"));
  EXPECT_EQ(subject->info().name, "misbehaves");
  EXPECT_EQ(subject->Run(DenseCase(1, 1, {0.0F})).out, Array(Element::kF32, {1}));
}

TEST(OpenTest, FindsALibraryRelativeToTheFolder) {
  const auto here = std::filesystem::current_path();
  std::filesystem::current_path(ASSAY_TEST_SUBJECTS);
  EXPECT_EQ(Open("my_kernel.so")->info().name, "my_kernel");
  EXPECT_EQ(Open("./my_kernel.so")->info().name, "my_kernel");
  std::filesystem::current_path(here);
}

}  // namespace
}  // namespace assay::subjects
