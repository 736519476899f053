// SPDX-License-Identifier: Apache-2.0
//
// The machine laws on attention: none rejects the scalar reference, each rejects it with one fault at a time, in the
// last of its outputs.

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "properties/engine/attention.h"
#include "properties/fit.h"
#include "properties/laws.h"
#include "properties/variants.h"
#include "subjects/subject.h"

namespace assay::properties {
namespace {

using subjects::Array;
using subjects::Guard;
using subjects::Operand;
using subjects::Role;
using subjects::RunOptions;
using subjects::RunResult;

struct Call {
  const Case& c;
  const RunOptions& options;
  int calls;           // counts from 1
  bool after_nan;      // the call before held nothing but NaN
  bool after_refusal;  // the call before was refused
  bool after_other;    // the call before was of another operation or type
};
using Fault = std::function<void(const Call&, RunResult*)>;

class WithFault : public subjects::Subject {
 public:
  explicit WithFault(Fault fault) : scalar_(subjects::OpenHere("scalar")), fault_(std::move(fault)) {}

  const subjects::SubjectInfo& info() const override { return scalar_->info(); }

  RunResult Run(const Case& c, const RunOptions& options) override {
    if (options.fresh) calls_ = 0;
    if (calls_ == 0) after_nan_ = after_refusal_ = false;
    RunResult result = scalar_->Run(c, options);
    ++calls_;
    if (fault_) {
      const bool other = calls_ > 1 && (last_op_ != c.op || last_dtype_ != c.dtype);
      fault_({c, options, calls_, after_nan_, after_refusal_, other}, &result);
    }
    after_nan_ = !c.q.values.empty() && std::isnan(c.q[0]) && std::isnan(c.q[c.q.values.size() - 1]);
    after_refusal_ = result.status != ASSAY_OK;
    last_op_ = c.op;
    last_dtype_ = c.dtype;
    return result;
  }

 private:
  std::unique_ptr<subjects::Subject> scalar_;
  Fault fault_;
  int calls_ = 0;
  bool after_nan_ = false;
  bool after_refusal_ = false;
  assay_op last_op_ = ASSAY_ATTENTION;
  assay_dtype last_dtype_ = ASSAY_F32;
};

Array& LastOf(RunResult* result) { return result->more.empty() ? result->out : result->more.back(); }

void Nudge(RunResult* result) {
  Array& out = LastOf(result);
  if (!out.empty()) out.SetBits(0, out.Bits(0) ^ 1);
}

template <class Change>
void ForEachNumber(RunResult* result, Change change) {
  Array& out = LastOf(result);
  for (std::size_t i = 0; i < out.size(); ++i) change(out, i);
}

Case Drawn(std::uint64_t key) {
  return DrawAttention(key % 2 == 0 ? ASSAY_ATTENTION : ASSAY_ATTENTION_BACKWARD,
                       static_cast<assay_dtype>(key / 2 % ASSAY_NUM_DTYPES), key);
}

TEST(AttentionMachineLawsTest, RejectNoSubjectThatIsRight) {
  const auto scalar = subjects::OpenHere("scalar");
  Context context{*scalar};
  for (const Property& law : MachineLaws()) {
    if ((law.ops & kAttentionOps) == 0) continue;
    int judged = 0;
    for (std::uint64_t key = 0; key < 80; ++key) {
      const Case drawn = Drawn(key);
      if ((law.ops & Of(drawn.op)) == 0) continue;
      const Case c = Prepare(law, drawn, scalar->info());
      ASSERT_NO_THROW(subjects::Validate(c)) << law.name << ", key " << key;
      ASSERT_TRUE(subjects::SameBits(c, Prepare(law, c, scalar->info()))) << law.name << ", key " << key;
      const Judgement judgement = Judge(law, c, context);
      ASSERT_NE(judgement.verdict, Verdict::kViolated) << law.name << ", key " << key << ": " << judgement.reason;
      ASSERT_NE(judgement.verdict, Verdict::kUndecided) << law.name << ", key " << key << ": " << judgement.reason;
      judged += judgement.verdict == Verdict::kHolds ? 1 : 0;
    }
    EXPECT_GT(judged, 35) << law.name;
  }
}

struct Faulty {
  const char* law;
  const char* what;
  Fault fault;
};

std::vector<Faulty> Faults() {
  return {
      {"memory_bounds", "crashes where the end is near",
       [](const Call& call, RunResult* result) {
         if (call.c.guard == Guard::kAfter && call.c.offset == 0 && call.c.attention.value_dim % 8 != 0) {
           result->outcome = subjects::Outcome::kCrashed;
           result->detail = "SIGSEGV";
         }
       }},
      {"memory_bounds", "writes to an input", [](const Call&, RunResult* result) { result->inputs_intact = false; }},
      {"all_written", "leaves the last number as it was",
       [](const Call& call, RunResult* result) {
         Array& out = LastOf(result);
         const std::size_t bytes = out.empty() ? 0 : subjects::BytesOf(out.element());
         for (std::size_t i = 1; i <= bytes; ++i) out.data()[out.size_bytes() - i] = std::byte{call.options.poison};
       }},
      {"padding_ignored", "looks at a number in a gap",
       [](const Call& call, RunResult* result) {
         if (call.options.padding == 0x7B && !IsDense(call.c)) Nudge(result);
       }},
      {"alignment", "peels by address",
       [](const Call& call, RunResult* result) {
         if (call.c.offset % 4 != 0) Nudge(result);
       }},
      {"strides", "another formula where heads lie inside positions",
       [](const Call& call, RunResult* result) {
         if (call.c.v.layout.heads_inner) Nudge(result);
       }},
      {"strides", "reads on where a head is repeated",
       [](const Call& call, RunResult* result) {
         if (call.c.k.layout.repeats_head || call.c.bias.layout.repeats_head) Nudge(result);
       }},
      {"strides", "takes the strides of k for those of v",
       [](const Call& call, RunResult* result) {
         if (call.c.v.layout.gap != call.c.k.layout.gap) Nudge(result);
       }},
      {"strides", "writes to the gaps",
       [](const Call& call, RunResult* result) { result->outside_intact = IsDense(call.c); }},
      {"in_place", "reads what it wrote",
       [](const Call& call, RunResult* result) {
         if (call.c.in_place) Nudge(result);
       }},
      {"repetition", "right for the first two calls",
       [](const Call& call, RunResult* result) {
         if (call.calls > 2) Nudge(result);
       }},
      {"history", "keeps a NaN in scratch",
       [](const Call& call, RunResult* result) {
         if (call.after_nan) Nudge(result);
       }},
      {"history", "keeps scratch of another operation",
       [](const Call& call, RunResult* result) {
         if (call.after_other) Nudge(result);
       }},
      {"history", "leaves a refused call half done",
       [](const Call& call, RunResult* result) {
         if (call.after_refusal && result->status == ASSAY_OK) Nudge(result);
       }},
      {"concurrent_calls", "static scratch",
       [](const Call&, RunResult* result) {
         if (result->others.empty() || result->others.back().empty()) return;
         result->others.back().SetBits(0, result->others.back().Bits(0) ^ 1);
       }},
      {"fp_environment_restored", "leaves FTZ on",
       [](const Call&, RunResult* result) { result->control_intact = false; }},
      {"fp_environment_ignored", "rounds as the caller does",
       [](const Call& call, RunResult* result) {
         if (call.options.environment.rounding == 2) Nudge(result);
       }},
      {"bad_arguments", "takes anything", [](const Call&, RunResult* result) { result->status = ASSAY_OK; }},
      {"bad_arguments", "takes lengths for parameters",
       [](const Call&, RunResult* result) {
         if (result->status == ASSAY_BAD_LENGTH) result->status = ASSAY_BAD_PARAMETER;
       }},
      {"bad_arguments", "writes before it looks",
       [](const Call&, RunResult* result) {
         if (!LastOf(result).empty()) LastOf(result).Set(0, 0);
       }},
      {"canonical_nan", "negative NaN",
       [](const Call&, RunResult* result) {
         ForEachNumber(result, [](Array& out, std::size_t i) {
           const std::uint64_t sign = std::uint64_t{1} << (8 * subjects::BytesOf(out.element()) - 1);
           if (std::isnan(out[i])) out.SetBits(i, out.Bits(i) | sign);
         });
       }},
      {"positive_zero", "underflow to -0",
       [](const Call&, RunResult* result) {
         ForEachNumber(result, [](Array& out, std::size_t i) {
           if (out[i] == 0) out.Set(i, -0.0);
         });
       }},
      {"finite_inputs_no_nan", "inf - inf",
       [](const Call&, RunResult* result) {
         if (!LastOf(result).empty()) LastOf(result).Set(0, std::numeric_limits<double>::quiet_NaN());
       }},
  };
}

TEST(AttentionMachineLawsTest, RejectEveryFaultMadeForThem) {
  for (const Faulty& faulty : Faults()) {
    const Property& law = *FindProperty(faulty.law);
    WithFault subject(faulty.fault);
    Context context{subject};
    std::string reason;
    for (std::uint64_t key = 0; key < 200 && reason.empty(); ++key) {
      const Case drawn = Drawn(key);
      if ((law.ops & Of(drawn.op)) == 0) continue;
      const Judgement judgement = Judge(law, Prepare(law, drawn, subject.info()), context);
      if (judgement.verdict == Verdict::kViolated) reason = judgement.reason;
    }
    EXPECT_FALSE(reason.empty()) << faulty.law << " does not see: " << faulty.what;
  }
}

}  // namespace
}  // namespace assay::properties
