// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <fstream>

#include "subjects/case_io.h"
#include "subjects/files.h"
#include "subjects/testing.h"

namespace assay::subjects {
namespace {

class CaseIoAttentionTest : public testing::Test {
 protected:
  CaseIoAttentionTest() {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~CaseIoAttentionTest() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path File(const std::string& name) const { return folder_ / name; }

  void ExpectRoundTrip(const Case& c) const {
    WriteCase(File("trip.json"), c);
    const Case back = ReadCase(File("trip.json"));
    EXPECT_TRUE(SameBits(c, back));
    EXPECT_EQ(c.law_key, back.law_key);
    EXPECT_EQ(c.property, back.property);
    EXPECT_EQ(c.origin, back.origin);
  }

  // The refusal of reading the case with `from` replaced by `to` in its text.
  std::string RefusalAfter(const Case& c, const std::string& from, const std::string& to) const {
    WriteCase(File("case.json"), c);
    std::string text = ReadWhole(File("case.json"));
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from << " is not in\n" << text;
    if (at != std::string::npos) text.replace(at, from.size(), to);
    std::ofstream(File("case.json"), std::ios::binary) << text;
    try {
      ReadCase(File("case.json"));
    } catch (const CaseError& error) {
      return error.what();
    }
    ADD_FAILURE() << "read after " << from << " became " << to;
    return {};
  }

  static Case Small() {
    Attention a;
    a.num_heads = 2;
    a.seq_q = 3;
    a.seq_kv = 4;
    a.head_dim = a.value_dim = 2;
    a.has_scale = true;
    a.scale = 0.5;
    a.window = 2;
    a.causal = true;
    Case c = MakeAttention(ASSAY_ATTENTION, ASSAY_F32, a);
    for (const Role role : {Role::kQ, Role::kK, Role::kV}) {
      Array& values = c.operand(role).values;
      for (std::size_t i = 0; i < values.size(); ++i) values.Set(i, static_cast<double>(i) / 4 - 1);
    }
    Give(c, Role::kMask);
    c.mask.values.SetBits(11, 0);
    Give(c, Role::kSink);
    c.sink.values.Set(1, -INFINITY);
    c.k.layout = {.gap = 1, .heads_inner = true};
    c.more_outs[0].gap = 2;
    return c;
  }

 private:
  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("assay_case_io_attention_test." + std::to_string(::getpid()));
};

TEST_F(CaseIoAttentionTest, ReturnsEveryBit) {
  ExpectRoundTrip(Small());
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    ExpectRoundTrip(AnyAttention(seed));
    ASSERT_FALSE(HasFailure()) << seed;
  }
}

TEST_F(CaseIoAttentionTest, PutsLargeTensorsBesideTheText) {
  Attention a;
  a.seq_q = a.seq_kv = 70;
  a.head_dim = a.value_dim = 64;
  Case c = MakeAttention(ASSAY_ATTENTION_BACKWARD, ASSAY_BF16, a);
  c.k.values.SetBits(17, 0x7F81);
  ExpectRoundTrip(c);
  EXPECT_EQ(std::filesystem::file_size(File("trip.bin")), 5 * 70 * 64 * 2);
}

TEST_F(CaseIoAttentionTest, WritesWhatPeopleCanRead) {
  Attention a;
  a.seq_kv = 2;
  a.value_dim = 2;
  a.lse_dtype = ASSAY_F64;
  Case c = MakeAttention(ASSAY_ATTENTION, ASSAY_F16, a);
  c.v.values = Array(Element::kF16, {0.5, -1, INFINITY, 0});
  Skip(c, Role::kLse);
  c.out.gap = 1;
  c.k.layout.repeats_batch = true;
  WriteCase(File("case.json"), c);
  EXPECT_EQ(ReadWhole(File("case.json")), R"({
  "format": "assay-case-2",
  "operation": "attention",
  "dtype": "f16",
  "property": "",
  "origin": "",
  "attention": {
    "batch": 1,
    "num_heads": 1,
    "num_kv_heads": 1,
    "seq_q": 1,
    "seq_kv": 2,
    "head_dim": 1,
    "value_dim": 2,
    "window": 0,
    "scale": null,
    "softcap": "0x0p+0",
    "causal": false,
    "alignment": "bottom_right",
    "lse_dtype": "f64",
    "skipped": ["lse"]
  },
  "offset": 0,
  "guard": "after",
  "in_place": false,
  "law_key": "0x0000000000000000",
  "out_layout": {"gap": 1},
  "q": [
    "0x0p+0"
  ],
  "k_layout": {"repeats_batch": true},
  "k": [
    "0x0p+0",
    "0x0p+0"
  ],
  "v": [
    "0x1p-1", "-0x1p+0",
    "inf", "0x0p+0"
  ]
}
)");
}

TEST_F(CaseIoAttentionTest, NamesTheFieldThatIsWrong) {
  const struct {
    const char* from;
    const char* to;
    const char* says;
  } kRefused[] = {
      {"\"attention\": {", "\"attention\": 1, \"other\": {", "\"attention\": is no object"},
      {"\"seq_q\": 3", "\"seq_q\": 4", "\"mask\": holds 24 elements, its shape asks for 32; make them equal"},
      {"\"seq_q\": 3", "\"seq_q\": -3", "\"attention.seq_q\": is -3; write an integer >= 0"},
      {"\"seq_q\": 3", "\"seq_q\": 3, \"seq_q\": 3", "\"attention.seq_q\": is there twice; remove one"},
      {"\"seq_q\": 3", "\"seq_q\": 3, \"rows\": 3", "\"attention.rows\": is unknown"},
      {"    \"seq_q\": 3,\n", "", "\"attention.seq_q\": is missing"},
      {"\"seq_q\": 3", "\"seq_q\": 9223372036854775808", "\"attention\": mask: its dimensions are too large"},
      {"\"seq_q\": 3", "\"seq_q\": 100000000000000", "make them equal"},
      {"\"scale\": \"0x1p-1\"", "\"scale\": 0.5", "\"attention.scale\": is neither null nor a number; write floats in"},
      {"\"softcap\": \"0x0p+0\"", "\"softcap\": \"1\"", "\"attention.softcap\": is \"1\"; write floats in hex"},
      {"\"causal\": true", "\"causal\": 1", "\"attention.causal\": is neither true nor false"},
      {"bottom_right", "bottom", "\"attention.alignment\": is \"bottom\"; write \"bottom_right\" or \"top_left\""},
      {"\"lse_dtype\": \"f32\"", "\"lse_dtype\": \"f16\"", "lse_dtype is neither f32 nor f64; correct it"},
      {"\"skipped\": []", "\"skipped\": [\"dz\"]", "\"attention.skipped\": is \"dz\"; write \"out\" or \"lse\" or"},
      {"\"skipped\": []", "\"skipped\": [\"out\"]", "skipped names out, which attention must write; correct it"},
      {"\"skipped\": []", "\"skipped\": [\"dq\"]", "skipped names an output that attention has not"},
      {"\"skipped\": []", "\"skipped\": 1", "\"attention.skipped\": is no array"},
      {"\"lse_layout\"", "\"dq_layout\"", "\"dq_layout\": is unknown"},
      {"\"heads_inner\": true", "\"repeats_row\": true", "k: its layout repeats one row, but row 1 differs"},
      {"\"heads_inner\"", "\"heads_outer\"", "\"k_layout\": \"heads_outer\" is unknown"},
      {"\"sink\"", "\"labels\"", "labels is given; attention does not read it; correct it"},
      {"\"offset\"", "\"temperature\": \"0x1p+0\", \"offset\"", "\"temperature\": is unknown"},
      {"\"attention\",", "\"softmax\",", "\"rows\": is missing"},
  };
  for (const auto& refused : kRefused) {
    const std::string message = RefusalAfter(Small(), refused.from, refused.to);
    EXPECT_NE(message.find(refused.says), std::string::npos) << message << "\nshould say: " << refused.says;
  }
}

TEST_F(CaseIoAttentionTest, SummarisesForPeople) {
  EXPECT_EQ(
      Summary(Small()),
      R"(attention f32, 1 x 2 heads (1 kv), 3 queries x 4 keys, d 2, causal, window 2, scale 0.5, mask hides 1, sink, k gap 1 heads inner, lse gap 2
  key 0:  k -1 -0.75  v -1 -0.75
  key 1:  k -0.5 -0.25  v -0.5 -0.25
  key 2:  k 0 0.25  v 0 0.25
  key 3:  k 0.5 0.75  v 0.5 0.75
  head 0:  sink 0
    query 0 sees xx..  q -1 -0.75
    query 1 sees .xx.  q -0.5 -0.25
    query 2 sees ..x.  q 0 0.25
  head 1:  sink -inf
    query 0 sees xx..  q 0.5 0.75
    query 1 sees .xx.  q 1 1.25
    query 2 sees ..xx  q 1.5 1.75)");
  Attention a;
  a.batch = 2;
  a.num_heads = 8;
  a.num_kv_heads = 2;
  a.seq_q = 1;
  a.seq_kv = 64;
  a.head_dim = 16;
  a.value_dim = 8;
  a.softcap = 30;
  a.alignment = ASSAY_TOP_LEFT;
  a.lse_dtype = ASSAY_F64;
  Case c = MakeAttention(ASSAY_ATTENTION, ASSAY_BF16, a);
  Give(c, Role::kLengths);
  c.lengths.values = Array(Element::kI64, {64, 3});
  c.in_place = false;
  c.offset = 3;
  EXPECT_EQ(
      Summary(c),
      "attention bf16, 2 x 8 heads (2 kv), 1 query x 64 keys, d 16, value d 8, top left, softcap 30, lengths 64 3, "
      "lse f64, offset 3; q 0 0 0 0 0 0 ..., k 0 0 0 0 0 0 ..., v 0 0 0 0 0 0 ...");
}

}  // namespace
}  // namespace assay::subjects
