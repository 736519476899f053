// SPDX-License-Identifier: Apache-2.0

#include "subjects/case_io.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <functional>
#include <limits>

#include "subjects/files.h"
#include "subjects/testing.h"

namespace assay::subjects {
namespace {

class CaseIoTest : public testing::Test {
 protected:
  CaseIoTest() {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~CaseIoTest() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path File(const std::string& name) const { return folder_ / name; }

  void Put(const std::string& name, const std::string& text) const {
    std::ofstream(File(name), std::ios::binary) << text;
  }

  // The message of reading `name`; fails where there is none.
  std::string Refusal(const std::string& name) const {
    try {
      ReadCase(File(name));
    } catch (const CaseError& error) {
      EXPECT_NE(std::string(error.what()).find(name.substr(0, name.find('.'))), std::string::npos) << error.what();
      return error.what();
    }
    ADD_FAILURE() << name << " was read";
    return {};
  }

  // Writes a small case with `from` replaced by `to` in its text, and answers the refusal.
  std::string RefusalAfter(const std::string& from, const std::string& to) const {
    WriteCase(File("case.json"), Small());
    std::string text = ReadWhole(File("case.json"));
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from << " is not in\n" << text;
    if (at != std::string::npos) text.replace(at, from.size(), to);
    Put("case.json", text);
    return Refusal("case.json");
  }

  static Case Small() {
    Case c = DenseCase(2, 3, {0.0F, -0.0F, 0x1p-149F, INFINITY, -INFINITY, std::bit_cast<float>(0xFFA00001U)});
    c.logits_gap = 1;
    c.probs_gap = 2;
    c.offset = 3;
    c.guard = Guard::kBefore;
    c.in_place = true;
    c.temperature = -0.0;
    c.empty_row = ASSAY_EMPTY_ROW_ZERO;
    c.has_mask = true;
    c.mask = {0, 1, 255, 1, 0, 2};
    c.law_key = 0xFFFFFFFFFFFFFFFF;
    c.property = "exact_shift";
    c.origin = "a \"quoted\"\nline";
    return c;
  }

  void ExpectRoundTrip(const Case& c) const {
    WriteCase(File("trip.json"), c);
    const Case back = ReadCase(File("trip.json"));
    EXPECT_TRUE(SameBits(c, back));
    EXPECT_EQ(c.law_key, back.law_key);
    EXPECT_EQ(c.property, back.property);
    EXPECT_EQ(c.origin, back.origin);
  }

 private:
  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("assay_case_io_test." + std::to_string(::getpid()));
};

TEST_F(CaseIoTest, ReturnsEveryBit) {
  ExpectRoundTrip(Small());
  ExpectRoundTrip(DenseCase(1, 1, {1.0F}));
  for (const double temperature : {HUGE_VAL, 0x1p-1074, 0.1, std::bit_cast<double>(0xFFF0000000000001U)}) {
    Case c = NormalCase(1, 5, 1);
    c.temperature = temperature;
    ExpectRoundTrip(c);
  }
}

TEST_F(CaseIoTest, ReturnsEmptyShapes) {
  ExpectRoundTrip(DenseCase(0, 0, {}));
  ExpectRoundTrip(DenseCase(0, 7, {}));
  Case c = DenseCase(std::size_t{1} << 40, 0, {});
  c.has_mask = true;
  ExpectRoundTrip(c);
}

TEST_F(CaseIoTest, PutsLargeTensorsBesideTheText) {
  Case c = NormalCase(41, 100, 1);
  c.logits[17] = std::bit_cast<float>(0x7F800001U);
  c.has_mask = true;
  c.mask.assign(c.logits.size(), 1);
  c.mask[99] = 0;
  ExpectRoundTrip(c);
  EXPECT_EQ(std::filesystem::file_size(File("trip.bin")), 4100 * 5);
  EXPECT_LT(std::filesystem::file_size(File("trip.json")), 2000);
}

TEST_F(CaseIoTest, LeavesNothingHalfWritten) {
  WriteCase(File("case.json"), NormalCase(1, 5000, 1));
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(File("."))) ++files;
  EXPECT_EQ(files, 2);
  EXPECT_THROW(WriteCase(File("no/such/case.json"), Small()), CaseError);
  EXPECT_THROW(WriteCase(File("case.bin"), Small()), CaseError);
  Case contradictory = Small();
  contradictory.cols = 4;
  EXPECT_THROW(WriteCase(File("case.json"), contradictory), std::invalid_argument);
  EXPECT_EQ(ReadCase(File("case.json")).cols, 5000);
}

TEST_F(CaseIoTest, NamesWhatIsWrongWithTheFile) {
  EXPECT_NE(Refusal("missing.json").find("no such file"), std::string::npos);
  std::filesystem::create_directory(File("folder.json"));
  EXPECT_NE(Refusal("folder.json").find("not a regular file"), std::string::npos);
  Put("empty.json", "");
  EXPECT_NE(Refusal("empty.json").find("not JSON"), std::string::npos);
  Put("text.json", "{\"format\": ");
  EXPECT_NE(Refusal("text.json").find("not JSON"), std::string::npos);
  Put("list.json", "[]");
  EXPECT_NE(Refusal("list.json").find("not a JSON object"), std::string::npos);
  Put("deep.json", std::string(100000, '['));
  EXPECT_NE(Refusal("deep.json").find("not JSON"), std::string::npos);
}

TEST_F(CaseIoTest, NamesTheFieldThatIsWrong) {
  const struct {
    const char* from;
    const char* to;
    const char* says;
  } kRefused[] = {
      {"assay-case-1", "assay-case-9", "\"format\": is not"},
      {"\"format\": \"assay-case-1\"", "\"format\": 1", "\"format\": is not"},
      {"\"softmax\"", "\"relu\"", "\"operation\": is \"relu\"; write \"softmax\""},
      {"\"f32\"", "\"f64\"", "\"dtype\""},
      {"\"rows\": 2", "\"rows\": 3", "\"mask\": holds 6 elements, rows * cols is 9"},
      {"\"rows\": 2", "\"rows\": -2", "\"rows\": is -2; write an integer >= 0"},
      {"\"rows\": 2", "\"rows\": 2.0", "\"rows\""},
      {"\"rows\": 2", "\"rows\": 1e99999", "not JSON"},
      {"\"rows\": 2", "\"rows\": 9223372036854775808", "\"rows\": rows * cols overflows"},
      {"\"rows\": 2", "\"rows\": 4611686018427387904", "make them equal"},
      {"\"logits_gap\": 1", "\"logits_gap\": 18446744073709551615", "logits_gap"},
      {"\"guard\": \"before\"", "\"guard\": \"behind\"", "write \"after\" or \"before\""},
      {"\"in_place\": true", "\"in_place\": 1", "\"in_place\""},
      {"\"temperature\": \"-0x0p+0\"", "\"temperature\": \"0.5\"", "\"temperature\": is \"0.5\"; write floats in hex"},
      {"\"temperature\": \"-0x0p+0\"", "\"temperature\": 1", "\"temperature\": is 1; write a string"},
      {"\"zero\"", "\"zeros\"", "\"empty_row\""},
      {"0xffffffffffffffff", "0x1ffffffffffffffff", "\"law_key\""},
      {"0, 1, 255", "0, 1, 256", "\"mask[2]\": is 256"},
      {"\"-inf\"", "\"-infinity\"", "\"logits[4]\": is \"-infinity\"; write floats in hex"},
      {"\"-inf\"", "-1.5", "\"logits[4]\": is -1.5"},
      {"\"-inf\"", "\"-inf\", \"inf\"", "\"logits\": holds 7 elements, rows * cols is 6"},
      {"\"cols\": 3", "\"cols\": 3, \"columns\": 3", "\"columns\": is unknown"},
      {"\"cols\": 3", "\"cols\": 3, \"cols\": 3", "\"cols\": is there twice"},
      {"\"offset\": 3,", "", "\"offset\": is missing"},
  };
  for (const auto& refused : kRefused) {
    const std::string message = RefusalAfter(refused.from, refused.to);
    EXPECT_NE(message.find(refused.says), std::string::npos) << message << "\nshould say: " << refused.says;
  }
}

TEST_F(CaseIoTest, NamesWhatIsWrongWithTheRawFile) {
  const Case c = NormalCase(1, 5000, 1);
  const auto refuse = [&](const std::function<void(std::string*, std::string*)>& spoil) {
    WriteCase(File("large.json"), c);
    std::string text = ReadWhole(File("large.json"));
    std::string raw = ReadWhole(File("large.bin"));
    spoil(&text, &raw);
    Put("large.json", text);
    Put("large.bin", raw);
    return Refusal("large.json");
  };
  const auto replace = [](const std::string& from, const std::string& to) {
    return [=](std::string* text, std::string*) { text->replace(text->find(from), from.size(), to); };
  };
  EXPECT_NE(refuse([](std::string*, std::string* raw) { raw->pop_back(); }).find("truncated"), std::string::npos);
  EXPECT_NE(refuse([](std::string*, std::string* raw) { ++(*raw)[77]; }).find("checksum"), std::string::npos);
  EXPECT_NE(refuse(replace("20000", "20004")).find("size_bytes is 20004"), std::string::npos);
  EXPECT_NE(refuse(replace("\"cols\": 5000", "\"cols\": 5001")).find("5001 elements"), std::string::npos);
  EXPECT_NE(refuse(replace("\"cols\": 5000", "\"cols\": 4611686018427387904")).find("elements"), std::string::npos);
  EXPECT_NE(refuse(replace("\"offset_bytes\": 0", "\"offset_bytes\": 18446744073709551615")).find("truncated"),
            std::string::npos);
  EXPECT_NE(refuse(replace("\"large.bin\"", "\"../large.bin\"")).find("plain name"), std::string::npos);
  EXPECT_NE(refuse(replace("\"file\"", "\"path\"")).find("must have exactly"), std::string::npos);
  WriteCase(File("large.json"), c);
  std::filesystem::remove(File("large.bin"));
  EXPECT_NE(Refusal("large.json").find("no such file"), std::string::npos);
}

TEST_F(CaseIoTest, SummarisesForPeople) {
  EXPECT_EQ(Summary(Small()),
            "2 x 3, T = -0, mask hides 2, empty_row zero, in place, gaps 1 2, offset 3, guard before; "
            "logits 0 -0 1.40129846e-45 inf -inf -nan");
  EXPECT_EQ(Summary(DenseCase(1, 8, std::vector<float>(8, 0.5F))), "1 x 8, T = 1; logits 0.5 0.5 0.5 0.5 0.5 0.5 ...");
}

}  // namespace
}  // namespace assay::subjects
