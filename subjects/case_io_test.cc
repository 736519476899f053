// SPDX-License-Identifier: Apache-2.0

#include "subjects/case_io.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <bit>
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
    Case c = DenseCase(2, 3, {0.0F, -0.0F, 0x1p-149F, INFINITY, -INFINITY, 0.0F});
    c.logits.values.SetBits(5, 0xFFA00001);
    c.logits.layout.gap = 1;
    c.out.gap = 2;
    c.out.cols_backward = true;
    c.offset = 3;
    c.guard = Guard::kBefore;
    c.temperature = -0.0;
    c.empty_row = ASSAY_EMPTY_ROW_ZERO;
    Give(c, Role::kMask);
    c.mask.values = Array(Element::kU8, {0, 1, 255, 1, 0, 2});
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

TEST_F(CaseIoTest, ReturnsEveryBitOfEveryOperationAndType) {
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    ExpectRoundTrip(AnyCase(seed));
    ASSERT_FALSE(HasFailure()) << seed;
  }
}

TEST_F(CaseIoTest, ReturnsEmptyShapes) {
  ExpectRoundTrip(DenseCase(0, 0, {}));
  ExpectRoundTrip(DenseCase(0, 7, {}));
  Case c = DenseCase(std::size_t{1} << 40, 0, {});
  Give(c, Role::kMask);
  ExpectRoundTrip(c);
}

TEST_F(CaseIoTest, ReturnsIntegersToTheirEnds) {
  Case c = MakeCase(ASSAY_CROSS_ENTROPY, ASSAY_BF16, 2, 1);
  c.labels.values.SetBits(0, std::uint64_t{1} << 63);
  c.labels.values.SetBits(1, ~std::uint64_t{0} >> 1);
  c.has_ignore_index = true;
  c.ignore_index = std::numeric_limits<std::int64_t>::min();
  ExpectRoundTrip(c);
}

TEST_F(CaseIoTest, PutsLargeTensorsBesideTheText) {
  Case c = NormalCase(41, 100, 1);
  c.logits.values.SetBits(17, 0x7F800001);
  Give(c, Role::kMask);
  c.mask.values.SetBits(99, 0);
  ExpectRoundTrip(c);
  EXPECT_EQ(std::filesystem::file_size(File("trip.bin")), 4100 * 5);
  EXPECT_LT(std::filesystem::file_size(File("trip.json")), 2000);
}

TEST_F(CaseIoTest, WritesWhatPeopleCanRead) {
  Case c = MakeCase(ASSAY_CROSS_ENTROPY, ASSAY_F16, 2, 2);
  c.logits.values = Array(Element::kF16, {0.5, -1, NAN, 0});
  c.labels.values = Array(Element::kI64, {1, -100});
  c.has_ignore_index = true;
  c.ignore_index = -100;
  c.logits.layout = {.gap = 1, .step = 2, .rows_backward = true};
  WriteCase(File("case.json"), c);
  EXPECT_EQ(ReadWhole(File("case.json")), R"({
  "format": "assay-case-2",
  "operation": "cross_entropy",
  "dtype": "f16",
  "property": "",
  "origin": "",
  "rows": 2,
  "cols": 2,
  "temperature": "0x1p+0",
  "temperature_comment": "1",
  "empty_row": "auto",
  "reduction": "none",
  "label_smoothing": "0x0p+0",
  "ignore_index": -100,
  "offset": 0,
  "guard": "after",
  "in_place": false,
  "law_key": "0x0000000000000000",
  "logits_layout": {"gap": 1, "step": 2, "rows_backward": true},
  "logits": [
    "0x1p-1", "-0x1p+0",
    "nan:0x7e00", "0x0p+0"
  ],
  "labels": [
    1,
    -100
  ]
}
)");
}

TEST_F(CaseIoTest, ReadsTheFirstFormat) {
  Put("old.json", R"({"format": "assay-case-1", "operation": "softmax", "dtype": "f32", "property": "finite",
    "origin": "", "rows": 1, "cols": 2, "logits_gap": 3, "probs_gap": 4, "offset": 5, "guard": "before",
    "in_place": false, "temperature": "0x1p-1", "temperature_comment": "0.5", "empty_row": "nan",
    "law_key": "0x0000000000000007", "mask": [1, 0], "logits": ["0x1.8p+0", "nan:0xffc00001"]})");
  const Case c = ReadCase(File("old.json"));
  EXPECT_EQ(c.op, ASSAY_SOFTMAX);
  EXPECT_EQ(c.dtype, ASSAY_F32);
  EXPECT_EQ(c.property, "finite");
  EXPECT_EQ(c.temperature, 0.5);
  EXPECT_EQ(c.logits.layout, Layout{.gap = 3});
  EXPECT_EQ(c.mask.layout, Layout{.gap = 3});
  EXPECT_EQ(c.out, Layout{.gap = 4});
  EXPECT_EQ(c.logits.values.Bits(1), 0xFFC00001);
  EXPECT_EQ(c.mask.values, Array(Element::kU8, {1, 0}));
  EXPECT_EQ(c.law_key, 7);
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
      {"assay-case-2", "assay-case-9", "\"format\": is neither"},
      {"\"format\": \"assay-case-2\"", "\"format\": 1", "\"format\": is neither"},
      {"\"softmax\"", "\"relu\"", "\"operation\": is \"relu\"; write \"softmax\" or \"log_softmax\" or"},
      {"\"f32\"", "\"f8\"", "\"dtype\": is \"f8\"; write"},
      {"\"f32\"", "\"f16\"", "\"logits[2]\": is \"0x1p-149\", which is no f16"},
      {"\"rows\": 2", "\"rows\": 3", "\"logits\": holds 6 elements, its shape asks for 9"},
      {"\"rows\": 2", "\"rows\": -2", "\"rows\": is -2; write an integer >= 0"},
      {"\"rows\": 2", "\"rows\": 2.0", "\"rows\""},
      {"\"rows\": 2", "\"rows\": 1e99999", "not JSON"},
      {"\"rows\": 2", "\"rows\": 9223372036854775808", "\"rows\": rows * cols overflows"},
      {"\"rows\": 2", "\"rows\": 4611686018427387904", "make them equal"},
      {"\"gap\": 1", "\"gap\": 18446744073709551615", "logits: its layout"},
      {"\"gap\": 1", "\"gap\": -1", "\"logits_layout\": gap is -1"},
      {"\"gap\": 1", "\"step\": 0", "logits: its layout has a step of 0"},
      {"\"gap\": 1", "\"gaps\": 1", "\"logits_layout\": \"gaps\" is unknown"},
      {"{\"gap\": 1}", "1", "\"logits_layout\": is no object"},
      {"\"cols_backward\": true", "\"cols_backward\": 1", "\"out_layout\": cols_backward is neither"},
      {"\"cols_backward\": true", "\"repeats_row\": true", "out: its layout repeats"},
      {"\"logits_layout\"", "\"bias_layout\"", "\"bias_layout\": is unknown"},
      {"\"reduction\": \"none\"", "\"reduction\": \"mean\"", "reduction is set; only losses"},
      {"\"ignore_index\": null", "\"ignore_index\": 0.5", "\"ignore_index\": is neither"},
      {"\"ignore_index\": null", "\"ignore_index\": 1", "ignore_index is set; only labels"},
      {"\"softmax\"", "\"sigmoid\"", "mask is given; sigmoid does not read it; correct it"},
      {"\"softmax\"", "\"softmax_backward\"", "logits is given; softmax_backward does not read it"},
      {"\"guard\": \"before\"", "\"guard\": \"behind\"", "write \"after\" or \"before\""},
      {"\"in_place\": false", "\"in_place\": 1", "\"in_place\""},
      {"\"temperature\": \"-0x0p+0\"", "\"temperature\": \"0.5\"", "\"temperature\": is \"0.5\"; write floats in hex"},
      {"\"temperature\": \"-0x0p+0\"", "\"temperature\": 1", "\"temperature\": is 1; write a string"},
      {"\"zero\"", "\"zeros\"", "\"empty_row\""},
      {"0xffffffffffffffff", "0x1ffffffffffffffff", "\"law_key\""},
      {"0, 1, 255", "0, 1, 256", "\"mask[2]\": is 256, which is no u8"},
      {"\"-inf\"", "\"-infinity\"", "\"logits[4]\": is \"-infinity\", which is no f32; write floats in hex"},
      {"\"-inf\"", "-1.5", "\"logits[4]\": is -1.5"},
      {"\"-inf\"", "\"-inf\", \"inf\"", "\"logits\": holds 7 elements, its shape asks for 6"},
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
  EXPECT_EQ(
      Summary(Small()),
      "softmax f32, 2 x 3, T = -0, mask hides 2, empty_row zero, logits gap 1, out gap 2 cols backward, offset 3, "
      "guard before; logits 0 -0 1.40129846e-45 inf -inf -nan");
  EXPECT_EQ(Summary(DenseCase(1, 8, std::vector<float>(8, 0.5F))),
            "softmax f32, 1 x 8, T = 1; logits 0.5 0.5 0.5 0.5 0.5 0.5 ...");
  Case c = MakeCase(ASSAY_CROSS_ENTROPY_BACKWARD, ASSAY_BF16, 1, 2);
  c.reduction = ASSAY_REDUCTION_MEAN;
  c.label_smoothing = 0.5;
  c.has_ignore_index = true;
  c.ignore_index = -1;
  c.in_place = true;
  EXPECT_EQ(Summary(c),
            "cross_entropy_backward bf16, 1 x 2, T = 1, mean, label smoothing 0.5, ignores label -1, in place; "
            "logits 0 0, labels 0");
  EXPECT_EQ(Summary(DenseCase(0, 2, {})), "softmax f32, 0 x 2, T = 1; logits none");
}

}  // namespace
}  // namespace assay::subjects
