// SPDX-License-Identifier: Apache-2.0

#include "subjects/repeated.h"

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

#include "subjects/subject.h"
#include "subjects/testing.h"

namespace assay::subjects {
namespace {

// Twice the logits, in two passes over out: wrong where the periods of out are one memory.
assay_status Doubled(const assay_row_args* args) {
  const auto* const in = static_cast<const float*>(args->logits.data);
  auto* const out = static_cast<float*>(args->out.data);
  for (std::size_t j = 0; j < args->cols; ++j) out[j] = in[j];
  for (std::size_t j = 0; j < args->cols; ++j) out[j] *= 2;
  return ASSAY_OK;
}

assay_status LastPeriodIsWrong(const assay_row_args* args) {
  const assay_status status = Doubled(args);
  static_cast<float*>(args->out.data)[args->cols - 7] = -1;
  return status;
}

assay_status WritesItsInput(const assay_row_args* args) {
  const_cast<float*>(static_cast<const float*>(args->logits.data))[args->cols - 1] = 5;
  return Doubled(args);
}

constexpr unsigned kStep = 65537;  // meets every element of a period in time, but touches few of the pages

// The sum of the bits of every kStep-th element, modulo 2^16.
assay_status SumsHalves(const assay_row_args* args) {
  const auto* const in = static_cast<const std::uint16_t*>(args->logits.data);
  std::uint16_t sum = 0;
  for (std::size_t j = 0; j < args->cols; j += kStep) sum = static_cast<std::uint16_t>(sum + in[j]);
  static_cast<std::uint16_t*>(args->out.data)[0] = sum;
  return ASSAY_OK;
}

// The same with an index that is too short, which is what repeated rows are to find.
assay_status SumsHalvesByInt(const assay_row_args* args) {
  const auto* const in = static_cast<const volatile std::uint16_t*>(args->logits.data);
  std::uint16_t sum = 0;
  for (unsigned j = 0; j < args->cols; j += kStep) sum = static_cast<std::uint16_t>(sum + in[static_cast<int>(j)]);
  static_cast<std::uint16_t*>(args->out.data)[0] = sum;
  return ASSAY_OK;
}

assay_subject Table(assay_row_fn softmax, assay_row_fn logsumexp) {
  assay_subject table = {};
  table.struct_size = sizeof table;
  table.abi_major = ASSAY_ABI_MAJOR;
  table.name = "repeats";
  table.softmax.run = softmax;
  table.logsumexp.run = logsumexp;
  table.logsumexp.dtypes = 1U << ASSAY_F16;
  return table;
}

constexpr std::size_t kPage = 4096;

Case Period() {
  Case c = NormalCase(1, kPage, 1);
  Give(c, Role::kMask);
  return c;
}

TEST(RepeatedTest, GivesOnePeriodOfARowOfMany) {
  const assay_subject table = Table(Doubled, nullptr);
  const Case c = Period();
  const RunResult result = InProcess(table)->Run(c, {.repeat = 1000});
  ASSERT_EQ(result.out.size(), kPage);
  for (std::size_t j = 0; j < kPage; ++j) ASSERT_EQ(result.out[j], 2 * c.logits[j]);  // not 2^1000 times: no alias
  EXPECT_TRUE(result.others.empty());
  EXPECT_TRUE(result.inputs_intact && result.outside_intact);
}

TEST(RepeatedTest, ShowsThePeriodsThatDiffer) {
  const assay_subject table = Table(LastPeriodIsWrong, nullptr);
  const RunResult result = InProcess(table)->Run(Period(), {.repeat = 9});
  ASSERT_EQ(result.others.size(), 1);
  EXPECT_EQ(result.others[0][kPage - 7], -1);
  EXPECT_NE(result.out[kPage - 7], -1);
}

TEST(RepeatedTest, SeesAnInputThatWasWritten) {
  const assay_subject table = Table(WritesItsInput, nullptr);
  EXPECT_FALSE(InProcess(table)->Run(Period(), {.repeat = 9}).inputs_intact);
}

TEST(RepeatedTest, RunsIsolatedBetweenOrdinaryCases) {
  const auto subject = Open(TestSubject("my_kernel"));
  const Case ordinary = DenseCase(1, 2, {3, 3});
  Case c = MakeCase(ASSAY_SOFTMAX, ASSAY_F32, 1, kPage);
  for (int twice = 0; twice < 2; ++twice) {
    EXPECT_EQ(subject->Run(ordinary).out, Array(Element::kF32, {0.5, 0.5}));
    const RunResult result = subject->Run(c, {.repeat = 16});
    EXPECT_EQ(result.detail, "");
    EXPECT_EQ(result.out[0], 0x1p-16);
    EXPECT_EQ(result.out[kPage - 1], 0x1p-16);
    EXPECT_TRUE(result.others.empty());
  }
}

TEST(RepeatedTest, HasGuardsAtBothEnds) {
  const auto subject = Open(TestSubject("reads_past_the_end"));
  EXPECT_EQ(subject->Run(Period(), {.repeat = 3}).detail, "SIGSEGV reading 0 bytes past the end of logits");
  EXPECT_EQ(Open(TestSubject("reads_before"))->Run(Period(), {.repeat = 3}).detail,
            "SIGSEGV reading 4 bytes before the start of logits");
}

// 4 GiB of address space, 16 MiB of memory.
TEST(RepeatedTest, ReachesBeyondThirtyTwoBits) {
  Case c = MakeCase(ASSAY_LOGSUMEXP, ASSAY_F16, 1, kPage);
  for (std::size_t j = 0; j < kPage; ++j) c.logits.values.SetBits(j, j);
  const std::uint64_t repeat = (std::uint64_t{1} << 31) / kPage + 300;
  std::uint64_t sum = 0;
  for (std::uint64_t j = 0; j < repeat * kPage; j += kStep) sum += j % kPage;
  const assay_subject table = Table(nullptr, SumsHalves);
  EXPECT_EQ(InProcess(table)->Run(c, {.repeat = repeat}).out.Bits(0), sum & 0xFFFF);
  EXPECT_DEATH(InProcess(Table(nullptr, SumsHalvesByInt))->Run(c, {.repeat = repeat}), "");
}

TEST(RepeatedTest, RefusesWhatItCannotRepeat) {
  const assay_subject table = Table(Doubled, nullptr);
  const auto subject = InProcess(table);
  const auto refuses = [&](auto change, std::uint64_t repeat = 2) {
    Case c = Period();
    change(&c);
    EXPECT_THROW(subject->Run(c, {.repeat = repeat}), std::invalid_argument);
  };
  refuses([](Case* c) { c->in_place = true; });
  refuses([](Case* c) { c->offset = 1; });
  refuses([](Case* c) { c->out.gap = 1; });
  refuses([](Case* c) { c->logits.layout.cols_backward = true; });
  refuses([](Case* c) { *c = NormalCase(2, kPage, 1); });
  refuses([](Case* c) { *c = NormalCase(1, kPage - 1, 1); });
  refuses([](Case* c) { *c = NormalCase(1, 0, 1); });
  EXPECT_THROW(subject->Run(Period(), {.repeat = std::uint64_t{1} << 60}), std::length_error);
  EXPECT_THROW(subject->Run(Period(), {.repeat = std::uint64_t{1} << 32}), std::length_error);
}

}  // namespace
}  // namespace assay::subjects
