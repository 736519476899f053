// SPDX-License-Identifier: Apache-2.0
//
// Attention placed, called and collected: arena, calling, in_process and isolated together.

#include <gtest/gtest.h>

#include <set>

#include "subjects/attention_kernel_testing.h"
#include "subjects/isolated.h"
#include "subjects/layout.h"
#include "subjects/testing.h"

namespace assay::subjects {
namespace {

using copying::Fault;

class AttentionCallTest : public testing::Test {
 protected:
  ~AttentionCallTest() override {
    copying::fault = Fault::kNone;
    copying::victim = 0;
    copying::scratch_wanted = 100;
  }

  static RunResult Isolated(const Case& c, const RunOptions& options = {}) {
    return OpenIsolated("copies", [](std::string*) { return &copying::Table(); }, {})->Run(c, options);
  }
};

Case Ordinary(assay_op op) {
  Attention a;
  a.batch = 2;
  a.num_heads = 4;
  a.num_kv_heads = 2;
  a.seq_q = 3;
  a.seq_kv = 5;
  a.head_dim = a.value_dim = 4;
  Case c = MakeAttention(op, ASSAY_F32, a);
  Give(c, Role::kBias);
  if (op == ASSAY_ATTENTION_BACKWARD) c.attention.skipped = 0;
  Random random(7, 0);
  for (const Role role : {Role::kQ, Role::kK, Role::kV, Role::kBias}) {
    Array& values = c.operand(role).values;
    for (std::size_t i = 0; i < values.size(); ++i) values.Set(i, random.Normal());
  }
  return c;
}

// What the copying kernel gives.
Array Want(const Case& c, Role output) {
  const Shape shape = ShapeOf(c, output);
  switch (output) {
    case Role::kOut:
      return c.attention.head_dim == c.attention.value_dim ? c.q.values : Array(ElementOf(c, output), shape.size());
    case Role::kLse:
      return Array(ElementOf(c, output), shape.size());
    case Role::kDq:
      return c.q.values;
    case Role::kDk:
      return c.k.values;
    case Role::kDv:
      return c.v.values;
    default:
      return c.bias.values;
  }
}

TEST_F(AttentionCallTest, RoundTripsEveryLayout) {
  const auto subject = InProcess(copying::Table());
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    const Case c = AnyAttention(seed);
    copying::scratch_wanted = seed % 200;
    const RunResult result = subject->Run(c);
    ASSERT_EQ(result.status, ASSAY_OK) << seed << result.detail;
    ASSERT_TRUE(result.outside_intact && result.inputs_intact && result.control_intact && result.flags_intact) << seed;
    const std::vector<Role> outputs = OutputsOf(c);
    ASSERT_EQ(result.more.size() + 1, outputs.size()) << seed;
    for (std::size_t o = 0; o < outputs.size(); ++o) {
      ASSERT_EQ(o == 0 ? result.out : result.more[o - 1], Want(c, outputs[o])) << seed << " " << RoleName(outputs[o]);
    }
  }
}

TEST_F(AttentionCallTest, GivesEveryThreadOutputsAndScratchOfItsOwn) {
  for (const assay_op op : {ASSAY_ATTENTION, ASSAY_ATTENTION_BACKWARD}) {
    const Case c = Ordinary(op);
    const std::vector<Role> outputs = OutputsOf(c);
    const RunResult result = Isolated(c, {.threads = 3});
    EXPECT_EQ(result.outcome, Outcome::kReturned);
    ASSERT_EQ(result.others.size(), 2 * outputs.size());
    for (std::size_t i = 0; i < result.others.size(); ++i) {
      EXPECT_EQ(result.others[i], Want(c, outputs[i % outputs.size()])) << i;
    }
    EXPECT_TRUE(result.outside_intact && result.inputs_intact);
    Arena arena;
    const Call call = arena.Place(c, {}, {.threads = 3});
    std::set<const void*> places;
    for (std::size_t t = 0; t < 3; ++t) {
      const assay_attention_args& a = call.attention[t];
      places.insert(call.scratch[t].begin);
      for (const assay_tensor* output : {&a.out, &a.lse, &a.dq, &a.dk, &a.dv, &a.dbias}) {
        if (output->data != nullptr) places.insert(output->data);
      }
    }
    EXPECT_EQ(places.size(), 3 * (outputs.size() + 1));
  }
  copying::fault = Fault::kPastScratch;
  copying::scratch_wanted = 64;
  EXPECT_EQ(Isolated(Ordinary(ASSAY_ATTENTION), {.threads = 3}).detail.substr(0, 55),
            "SIGSEGV writing 0 bytes past the end of scratch (thread");
}

TEST_F(AttentionCallTest, CatchesAnOverrunOfEachOutput) {
  copying::fault = Fault::kPastTheEnd;
  const char* const kNames[] = {"out", "lse", "dq", "dk", "dv", "dbias"};
  for (copying::victim = 0; copying::victim < kOutputRoles; ++copying::victim) {
    const RunResult result = Isolated(Ordinary(copying::victim < 2 ? ASSAY_ATTENTION : ASSAY_ATTENTION_BACKWARD));
    EXPECT_EQ(result.outcome, Outcome::kCrashed);
    EXPECT_EQ(result.detail, std::string("SIGSEGV writing 0 bytes past the end of ") + kNames[copying::victim]);
  }
}

TEST_F(AttentionCallTest, SeesAWriteIntoAGapOfEachOutput) {
  const auto subject = InProcess(copying::Table());
  for (copying::victim = 0; copying::victim < kOutputRoles; ++copying::victim) {
    Case c = Ordinary(copying::victim < 2 ? ASSAY_ATTENTION : ASSAY_ATTENTION_BACKWARD);
    OutLayout(c, static_cast<Role>(kInputRoles + copying::victim)).step = 2;
    OutLayout(c, static_cast<Role>(kInputRoles + copying::victim)).gap = 1;
    copying::fault = Fault::kNone;
    EXPECT_TRUE(subject->Run(c).outside_intact) << copying::victim;
    copying::fault = Fault::kIntoTheGap;
    EXPECT_FALSE(subject->Run(c).outside_intact) << copying::victim;
  }
}

TEST_F(AttentionCallTest, CatchesAnOverrunOfScratch) {
  const Case c = Ordinary(ASSAY_ATTENTION);
  Case before = c;
  before.guard = Guard::kBefore;
  const auto subject = InProcess(copying::Table());
  copying::fault = Fault::kPastScratch;
  copying::scratch_wanted = 128;
  EXPECT_EQ(Isolated(c).detail, "SIGSEGV writing 0 bytes past the end of scratch");
  EXPECT_FALSE(subject->Run(before).outside_intact);
  copying::scratch_wanted = 100;  // no multiple of 64: 28 bytes are left before the guard
  EXPECT_FALSE(subject->Run(c).outside_intact);
  copying::fault = Fault::kBeforeScratch;
  EXPECT_EQ(Isolated(before).detail, "SIGSEGV writing 1 bytes before the start of scratch");
  EXPECT_FALSE(subject->Run(c).outside_intact);
}

TEST_F(AttentionCallTest, SaysThatAKernelAsksForTooMuchScratch) {
  copying::fault = Fault::kAsksTooMuch;
  const RunResult result = Isolated(Ordinary(ASSAY_ATTENTION));
  EXPECT_EQ(result.status, ASSAY_SMALL_SCRATCH);
  EXPECT_EQ(result.detail, "asks for 134217728 bytes of scratch; 67108864 can be had");
  EXPECT_TRUE(result.outside_intact && result.inputs_intact);
}

TEST_F(AttentionCallTest, LetsAKernelRefuseItsScratch) {
  copying::fault = Fault::kRefusesScratch;
  const RunResult result = Isolated(Ordinary(ASSAY_ATTENTION));
  EXPECT_EQ(result.status, ASSAY_SMALL_SCRATCH);
  EXPECT_EQ(result.detail, "");
}

// A bad call is no call that the kernel can be asked about: the question would crash here.
TEST_F(AttentionCallTest, DoesNotAskABadCallForItsScratch) {
  assay_subject table = copying::Table();
  table.attention.scratch_bytes = [](const assay_attention_args* a) -> std::size_t {
    return 64 / (a->num_heads % a->num_kv_heads == 0);
  };
  Case c = Ordinary(ASSAY_ATTENTION);
  EXPECT_EQ(InProcess(table)->Run(c).status, ASSAY_SMALL_SCRATCH);  // 100 would do
  c.attention.num_kv_heads = 3;
  for (const Role role : {Role::kK, Role::kV}) Give(c, role);
  EXPECT_EQ(InProcess(table)->Run(c).status, ASSAY_OK);
}

TEST_F(AttentionCallTest, GivesNullWhereNoScratchIsAskedFor) {
  assay_subject table = copying::Table();
  table.attention.scratch_bytes = nullptr;
  table.attention.run = [](const assay_attention_args* a) {
    return a->scratch == nullptr && a->scratch_bytes == 0 ? ASSAY_OK : ASSAY_UNSUPPORTED;
  };
  EXPECT_EQ(InProcess(table)->Run(Ordinary(ASSAY_ATTENTION)).status, ASSAY_OK);
  table.attention.scratch_bytes = [](const assay_attention_args*) { return std::size_t{0}; };
  EXPECT_EQ(InProcess(table)->Run(Ordinary(ASSAY_ATTENTION)).status, ASSAY_OK);
}

TEST_F(AttentionCallTest, AlignsAndPoisonsScratch) {
  assay_subject table = copying::Table();
  copying::scratch_wanted = 1000;
  table.attention.run = [](const assay_attention_args* a) {
    if (reinterpret_cast<std::uintptr_t>(a->scratch) % 64 != 0 || a->scratch_bytes != 1000) return ASSAY_BAD_SHAPE;
    for (std::size_t i = 0; i < 1000; ++i) {
      if (static_cast<const unsigned char*>(a->scratch)[i] != 0x33) return ASSAY_BAD_ENUM;
    }
    return ASSAY_OK;
  };
  Case c = Ordinary(ASSAY_ATTENTION);
  for (const Guard guard : {Guard::kAfter, Guard::kBefore}) {
    c.guard = guard;
    EXPECT_EQ(InProcess(table)->Run(c, {.poison = 0x33}).status, ASSAY_OK);
  }
}

TEST_F(AttentionCallTest, SeesAChangedInputAndLeavesOthersAbsent) {
  const auto subject = InProcess(copying::Table());
  copying::fault = Fault::kChangesInput;
  EXPECT_FALSE(subject->Run(Ordinary(ASSAY_ATTENTION)).inputs_intact);
  copying::fault = Fault::kNone;
  Case c = Ordinary(ASSAY_ATTENTION_BACKWARD);
  Skip(c, Role::kDq);
  const RunResult result = subject->Run(c);
  EXPECT_EQ(result.out, c.k.values);
  ASSERT_EQ(result.more.size(), 2);
  EXPECT_EQ(result.more[1], c.bias.values);
}

TEST_F(AttentionCallTest, RefusesToRepeat) {
  const auto subject = InProcess(copying::Table());
  EXPECT_THROW(subject->Run(Ordinary(ASSAY_ATTENTION), {.repeat = 2}), std::invalid_argument);
}

}  // namespace
}  // namespace assay::subjects
