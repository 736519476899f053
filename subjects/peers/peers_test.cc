// SPDX-License-Identifier: Apache-2.0
//
// Each adapter that is built computes the operations it declares, in every type it declares. A sanity case: it tells an
// operation from another and a row from its neighbour; how accurate a peer is, `assay check` and `assay report` say.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "subjects/peers/find.h"
#include "subjects/registry.h"
#include "subjects/subject.h"

namespace assay::subjects {
namespace {

// The names that CMake lists as built.
std::vector<std::string> Built() {
  std::vector<std::string> names;
  std::istringstream in(ASSAY_PEER_NAMES);
  for (std::string name; std::getline(in, name, ',');) names.push_back(name);
  return names;
}

// Rows that differ, with results of every size between 2^-6 and 1.
Case SanityCase(assay_op op, assay_dtype dtype) {
  constexpr std::size_t kRows = 3;
  constexpr std::size_t kCols = 21;
  Case c = MakeCase(op, dtype, kRows, kCols);
  ForEachInput(c, [&](Role role, Operand& operand) {
    for (std::size_t i = 0; i < operand.values.size(); ++i) {
      const std::size_t row = i / kCols;
      const double wave = static_cast<double>((i * 7 + row) % 16) / 8 - 1;  // a bf16 holds it
      if (role == Role::kLabels) operand.values.SetBits(i, (i * 5 + 2) % kCols);
      if (role == Role::kLogits || role == Role::kUpstream) operand.values.Set(i, wave);
      if (role == Role::kSaved) operand.values.Set(i, op == ASSAY_LOG_SOFTMAX_BACKWARD ? -3 - wave : (2 + wave) / 64);
    }
  });
  return c;
}

// Of 2 heads, with more keys than a vector has, causal or not.
Case AttentionCase(bool causal) {
  Attention a;
  a.num_heads = a.num_kv_heads = 2;
  a.seq_q = 5;
  a.seq_kv = 37;
  a.head_dim = 12;
  a.value_dim = 7;
  a.causal = causal;
  Case c = MakeAttention(ASSAY_ATTENTION, ASSAY_F32, a);
  Skip(c, Role::kLse);
  ForEachInput(c, [&](Role role, Operand& operand) {
    const std::size_t step = role == Role::kQ ? 7 : role == Role::kK ? 5 : 3;
    for (std::size_t i = 0; i < operand.values.size(); ++i) {
      operand.values.Set(i, static_cast<double>((i * step + i / 11) % 16) / 8 - 1);
    }
  });
  return c;
}

// Everything in the case is of order 1, so this many bits are common to all that compute the same in the type.
double Tolerance(assay_dtype dtype) { return dtype == ASSAY_BF16 || dtype == ASSAY_F16 ? 0x1p-5 : 0x1p-16; }

void ExpectSame(Subject& subject, Subject& reference, const Case& c) {
  const RunResult got = subject.Run(c);
  const RunResult want = reference.Run(c);
  ASSERT_EQ(got.outcome, Outcome::kReturned) << got.detail;
  ASSERT_EQ(got.status, ASSAY_OK);
  ASSERT_EQ(want.status, ASSAY_OK);
  EXPECT_TRUE(got.outside_intact);
  for (std::size_t k = 0; k < want.out.size(); ++k) {
    EXPECT_NEAR(got.out[k], want.out[k], Tolerance(c.dtype)) << "entry " << k;
  }
}

TEST(PeersTest, EachComputesWhatItDeclares) {
  const auto reference = OpenHere("scalar");
  const std::vector<Peer> found = PeersIn(ASSAY_PEERS_DIR);
  for (const std::string& name : Built()) {
    SCOPED_TRACE(name);
    const auto peer = std::find_if(found.begin(), found.end(), [&](const Peer& one) { return one.name == name; });
    if (peer == found.end()) {
      std::printf("%s: no variant of it runs on this machine\n", name.c_str());
      continue;
    }
    OpenOptions patient;
    patient.time_limit = std::chrono::minutes(1);  // a first call may still read its library from the disk
    const auto subject = Open(peer->path.string(), patient);
    EXPECT_EQ(subject->info().name, name);
    EXPECT_FALSE(subject->info().version.empty());
    for (int i = 0; i < ASSAY_NUM_ROW_OPS; ++i) {
      const auto op = static_cast<assay_op>(i);
      for (int j = 0; j < ASSAY_NUM_DTYPES; ++j) {
        const auto dtype = static_cast<assay_dtype>(j);
        if (!subject->info().Has(op, dtype)) continue;
        SCOPED_TRACE(std::string(OpName(op)) + " " + ElementName(ElementOf(dtype)));
        ExpectSame(*subject, *reference, SanityCase(op, dtype));
      }
    }
    if (!subject->info().Has(ASSAY_ATTENTION, ASSAY_F32)) continue;
    for (const bool causal : {false, true}) {
      SCOPED_TRACE(causal ? "causal attention" : "attention");
      ExpectSame(*subject, *reference, AttentionCase(causal));
    }
  }
}

class PeersInTest : public testing::Test {
 protected:
  PeersInTest() : folder_(std::filesystem::path(testing::TempDir()) / "assay-peers-in-test") {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~PeersInTest() override { std::filesystem::remove_all(folder_); }

  void Touch(const std::string& name) { std::ofstream(folder_ / name) << ""; }
  const std::filesystem::path& folder() const { return folder_; }

 private:
  std::filesystem::path folder_;
};

TEST_F(PeersInTest, TakesTheBestVariantThatRuns) {
  for (const char* name : {"a-avx2.so", "a-avx512.so", "a.so", "b.so", "notes.txt"}) Touch(name);
  std::string best = "a.so";
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) best = "a-avx2.so";
  if (__builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")) best = "a-avx512.so";
#endif
  const std::vector<Peer> peers = PeersIn(folder());
  ASSERT_EQ(peers.size(), 2U);
  EXPECT_EQ(peers[0].name, "a");
  EXPECT_EQ(peers[0].path.filename(), best);
  EXPECT_EQ(peers[1].name, "b");
}

TEST_F(PeersInTest, FindsNothingWhereThereIsNoFolder) { EXPECT_TRUE(PeersIn(folder() / "none").empty()); }

}  // namespace
}  // namespace assay::subjects
