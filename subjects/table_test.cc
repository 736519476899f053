// SPDX-License-Identifier: Apache-2.0

#include "subjects/table.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <cstring>
#include <vector>

namespace assay::subjects {
namespace {

assay_status Rows(const assay_row_args*) { return ASSAY_OK; }
assay_status Attend(const assay_attention_args*) { return ASSAY_UNSUPPORTED; }

assay_subject Attending() {
  assay_subject table = {};
  table.struct_size = sizeof table;
  table.abi_major = ASSAY_ABI_MAJOR;
  table.name = "attends";
  table.features = ASSAY_FEATURES_ALL;
  table.attention.run = Attend;
  return table;
}

std::string Refusal(const assay_subject& table) {
  Declaration declaration = {};
  return ReadTable(&table, &declaration);
}

TEST(TableTest, ReadsATableThatEndsBeforeAttention) {
  constexpr std::size_t kOld = offsetof(assay_subject, attention);
  const std::size_t page = 1 << 12;
  std::vector<std::byte> memory(page + kOld, std::byte{0xFF});  // behind the old table lies garbage
  assay_subject table = {};
  table.struct_size = kOld;
  table.abi_major = ASSAY_ABI_MAJOR;
  table.abi_minor = 1;
  table.name = "old";
  table.features = 0xFFFF;
  table.softmax.run = Rows;
  std::memcpy(memory.data(), &table, kOld);
  const auto& old = *reinterpret_cast<const assay_subject*>(memory.data());
  const SubjectInfo info = InfoOf(old);
  EXPECT_TRUE(info.Has(ASSAY_SOFTMAX, ASSAY_F32));
  EXPECT_FALSE(info.For(ASSAY_ATTENTION).implemented);
  EXPECT_FALSE(info.For(ASSAY_ATTENTION_BACKWARD).implemented);
  EXPECT_EQ(AttentionKernelOf(old, ASSAY_ATTENTION).run, nullptr);
  EXPECT_EQ(AttentionKernelOf(old, ASSAY_ATTENTION_BACKWARD).run, nullptr);
  table.struct_size = kOld - 1;
  EXPECT_NE(Refusal(table).find("its table says struct_size"), std::string::npos);
}

TEST(TableTest, ReadsWhatAttentionDeclares) {
  assay_subject table = Attending();
  table.attention.dtypes = 1U << ASSAY_F16 | 1U << ASSAY_F32;
  table.attention.without = ASSAY_FEATURE_SINK;
  table.attention.claims[ASSAY_F16] = {ASSAY_CLAIM_BOUND, 0, 0.75, 1e-9, 2e-9, 3e-9, 4e-9};
  const SubjectInfo info = InfoOf(table);
  EXPECT_TRUE(info.Has(ASSAY_ATTENTION, ASSAY_F16));
  EXPECT_FALSE(info.Has(ASSAY_ATTENTION, ASSAY_F64));
  EXPECT_FALSE(info.Can(ASSAY_ATTENTION, ASSAY_FEATURE_SINK));
  EXPECT_TRUE(info.Can(ASSAY_ATTENTION, ASSAY_FEATURE_LSE_F64));
  EXPECT_FALSE(info.For(ASSAY_ATTENTION_BACKWARD).implemented);
  EXPECT_FALSE(info.For(ASSAY_SOFTMAX).implemented);
  const assay_attention_claim& claim = info.For(ASSAY_ATTENTION).attention_claims[ASSAY_F16];
  EXPECT_EQ(claim.max_ulp, 0.75);
  EXPECT_EQ(claim.scores_dim, 4e-9);
  EXPECT_EQ(&AttentionKernelOf(table, ASSAY_ATTENTION), &table.attention);
  EXPECT_EQ(&AttentionKernelOf(table, ASSAY_ATTENTION_BACKWARD), &table.attention_backward);
}

TEST(TableTest, NamesWhatIsWrongWithAttention) {
  const struct {
    void (*change)(assay_subject*);
    const char* says;
  } kWrong[] = {
      {[](assay_subject*) {}, ""},
      {[](assay_subject* t) { t->attention.run = nullptr; },
       "implements no operation; set .softmax.run, or that of another operation, to its function"},
      {[](assay_subject* t) { t->attention.dtypes = 16; },
       "declares attention.dtypes = 0x10; combine 1 << ASSAY_F32 and the like, or leave it 0 for F32 alone"},
      {[](assay_subject* t) { t->attention.claims[ASSAY_F32].kind = 7; },
       "declares attention.claims[ASSAY_F32].kind = 7; set it to an assay_claim_kind"},
      {[](assay_subject* t) { t->attention.claims[ASSAY_F32] = {ASSAY_CLAIM_BOUND, 0, 0.25, 0, 0, 0, 0}; },
       "claims attention.claims[ASSAY_F32].max_ulp = 0.25; a rounded result is off by 0.5 ULP at times: claim at least "
       "that"},
      {[](assay_subject* t) { t->attention.claims[ASSAY_F32] = {ASSAY_CLAIM_BOUND, 0, 0.5, -1, 0, 0, 0}; },
       "claims attention.claims[ASSAY_F32].terms = -1; use a finite number >= 0"},
      {[](assay_subject* t) { t->attention.claims[ASSAY_F32] = {ASSAY_CLAIM_BOUND, 0, 0.5, 0, NAN, 0, 0}; },
       "claims attention.claims[ASSAY_F32].keys = nan; use a finite number >= 0"},
      {[](assay_subject* t) { t->attention.claims[ASSAY_F32] = {ASSAY_CLAIM_BOUND, 0, 0.5, 0, 0, HUGE_VAL, 0}; },
       "claims attention.claims[ASSAY_F32].scores = inf; use a finite number >= 0"},
      {[](assay_subject* t) {
         t->attention_backward.run = Attend;
         t->attention_backward.claims[ASSAY_F32] = {ASSAY_CLAIM_BOUND, 0, 0.5, 0, 0, 0, -2};
       },
       "claims attention_backward.claims[ASSAY_F32].scores_dim = -2; use a finite number >= 0"},
      {[](assay_subject* t) { t->attention.claims[ASSAY_F64].kind = 7; }, ""},  // of no type that it has
  };
  for (const auto& wrong : kWrong) {
    assay_subject table = Attending();
    wrong.change(&table);
    EXPECT_EQ(Refusal(table), wrong.says);
  }
}

TEST(TableTest, KnowsEveryStatus) {
  std::string detail;
  EXPECT_EQ(StatusOf(ASSAY_SMALL_SCRATCH, &detail), ASSAY_SMALL_SCRATCH);
  EXPECT_EQ(StatusOf(ASSAY_BAD_LENGTH, &detail), ASSAY_BAD_LENGTH);
  EXPECT_EQ(detail, "");
  EXPECT_EQ(StatusOf(12, &detail), ASSAY_BAD_ENUM);
  EXPECT_EQ(detail, "returned 12, which is no assay_status");
}

}  // namespace
}  // namespace assay::subjects
