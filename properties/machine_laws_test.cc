// SPDX-License-Identifier: Apache-2.0
//
// The machine laws against a subject that answers what the oracle says, and against the same with one fault at a time:
// no law may reject the first, each has to reject its fault.

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "properties/fit.h"
#include "properties/laws.h"
#include "properties/oracle_subject.h"
#include "properties/truth.h"
#include "properties/variants.h"
#include "subjects/random.h"

namespace assay::properties {
namespace {

using subjects::Array;
using subjects::Case;
using subjects::Operand;
using subjects::Random;
using subjects::Role;
using subjects::RunOptions;
using subjects::RunResult;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// What a fault may do: look at the call, and change the answer. `calls` counts from 1.
struct Call {
  const Case& c;
  const RunOptions& options;
  int calls;
  bool after_nan;      // some call before held nothing but NaN
  bool after_refusal;  // some call before had to be refused
  bool after_other;    // the call before was of another operation or type
  bool after_shape;    // the call before was of another number of columns
};
using Fault = std::function<void(const Call&, RunResult*)>;

class FakeSubject : public subjects::Subject {
 public:
  explicit FakeSubject(Fault fault = {}) : fault_(std::move(fault)) {
    info_.name = "fake";
    for (int i = 0; i < ASSAY_NUM_ROW_OPS; ++i) {  // attention has a test of its own
      subjects::OpInfo& op = info_.For(static_cast<assay_op>(i));
      op.implemented = true;
      op.dtypes = 15;
      op.features = ASSAY_FEATURES_ALL;
      op.claims.fill({ASSAY_CLAIM_BOUND, 0, 0.75, 0x1p-40});
    }
  }

  const subjects::SubjectInfo& info() const override { return info_; }
  subjects::SubjectInfo& info() { return info_; }

  RunResult Run(const Case& c, const RunOptions& options) override {
    if (options.fresh) {  // a new process knows of no call
      calls_ = 0;
      after_nan_ = after_refusal_ = false;
    }
    const Case plain = Dense(c);
    RunResult result;
    result.out = Array(subjects::ElementOf(c.dtype), subjects::ShapeOf(c, Role::kOut).size());
    const bool refused = !(c.temperature >= 0) || (c.temperature == 0 && !subjects::HasZeroTemperature(c.op));
    if (refused) {
      result.status = ASSAY_BAD_TEMPERATURE;
      Poison(&result.out, options.poison);
    } else {
      const auto exact = ExactOf(plain, info_, oracle::Tier::kBulk, options.repeat);
      for (std::size_t i = 0; i < exact.size() && i < result.out.size(); ++i) result.out.Set(i, exact[i].nearest);
    }
    for (int t = 1; t < options.threads; ++t) result.others.push_back(result.out);
    ++calls_;
    if (fault_) {
      const bool other = calls_ > 1 && (last_.op != c.op || last_.dtype != c.dtype);
      const bool shape = calls_ > 1 && !other && last_.cols != c.cols;
      fault_({c, options, calls_, after_nan_, after_refusal_, other, shape}, &result);
    }
    const Operand& first = subjects::HasLogits(c.op) ? c.logits : c.saved;
    bool nothing_but_nan = !first.values.empty();
    for (std::size_t i = 0; i < first.values.size(); ++i) nothing_but_nan = nothing_but_nan && std::isnan(first[i]);
    after_nan_ = after_nan_ || nothing_but_nan;
    after_refusal_ = after_refusal_ || refused;
    last_ = c;
    return result;
  }

 private:
  static void Poison(Array* out, std::uint8_t poison) {
    for (std::size_t i = 0; i < out->size_bytes(); ++i) out->data()[i] = std::byte{poison};
  }

  subjects::SubjectInfo info_;
  Fault fault_;
  int calls_ = 0;
  bool after_nan_ = false;
  bool after_refusal_ = false;
  Case last_;
};

void Nudge(RunResult* result, std::size_t i = 0) {
  if (i < result->out.size()) result->out.SetBits(i, result->out.Bits(i) ^ 1);
}

// Any case, any of the layouts too.
Case AnyCase(Random& random) {
  Case c = AnyCaseOf(static_cast<assay_op>(random.Below(ASSAY_NUM_ROW_OPS)), random);
  if (random.Below(16) == 0) c.temperature = kNaN;
  if (random.Below(2) == 0) c = WithAnyLayouts(std::move(c), random);
  if (random.Below(4) == 0) c = WithRepeatedRow(std::move(c), random);
  c.offset = random.Below(16);
  c.guard = random.Below(2) == 0 ? subjects::Guard::kAfter : subjects::Guard::kBefore;
  return c;
}

const Property& Law(const std::string& name) {
  for (const Property& law : MachineLaws()) {
    if (name == law.name) return law;
  }
  throw std::invalid_argument("no machine law is called " + name);
}

Judgement Check(const Property& law, const Case& c, subjects::Subject& subject) {
  Context context{subject};
  return law.check(c, context);
}

TEST(MachineLawsTest, RejectNoSubjectThatIsRight) {
  FakeSubject right;
  Random random(7, 1);
  for (const Property& law : MachineLaws()) {
    for (int k = 0; k < (law.nightly ? 12 : 120); ++k) {
      const Case c = law.fit(AnyCase(random));
      if ((law.ops & Of(c.op)) == 0) continue;
      const Judgement judgement = Check(law, c, right);
      ASSERT_EQ(judgement.verdict, Verdict::kHolds)
          << law.name << ", " << subjects::OpName(c.op) << ": " << judgement.reason;
    }
  }
}

TEST(MachineLawsTest, FitsAreIdempotentValidAndKeepTheOperation) {
  Random random(7, 2);
  for (const Property& law : MachineLaws()) {
    for (int k = 0; k < 400; ++k) {
      const Case c = AnyCase(random);
      Case once = law.fit(c);
      if ((law.ops & Of(c.op)) == 0) continue;
      ASSERT_NO_THROW(subjects::Validate(once)) << law.name << ", " << subjects::OpName(c.op);
      EXPECT_EQ(once.op, c.op) << law.name;
      Case twice = law.fit(once);
      EXPECT_EQ(std::bit_cast<std::uint64_t>(once.temperature), std::bit_cast<std::uint64_t>(twice.temperature));
      once.temperature = twice.temperature = 1;  // a NaN differs from itself
      EXPECT_EQ(once, twice) << law.name << ", " << subjects::OpName(c.op);
    }
  }
}

struct Faulty {
  const char* law;
  const char* what;
  Fault fault;
};

std::vector<Faulty> Faults() {
  using subjects::Guard;
  return {
      {"memory_bounds", "crashes where the end is near",
       [](const Call& call, RunResult* result) {
         if (call.c.guard == Guard::kAfter && call.c.offset == 0 && call.c.cols % 8 != 0) {
           result->outcome = subjects::Outcome::kCrashed;
         }
       }},
      {"memory_bounds", "writes before the start",
       [](const Call& call, RunResult* result) { result->outside_intact = call.c.guard == Guard::kAfter; }},
      {"memory_bounds", "writes to an input", [](const Call&, RunResult* result) { result->inputs_intact = false; }},
      {"all_written", "leaves the last out as it was",
       [](const Call& call, RunResult* result) {
         std::byte* const data = result->out.data();
         const std::size_t size = result->out.size_bytes();
         const std::size_t bytes = subjects::BytesOf(result->out.element());
         for (std::size_t i = size - std::min(bytes, size); i < size; ++i) data[i] = std::byte{call.options.poison};
       }},
      {"padding_ignored", "looks at a number in a gap",
       [](const Call& call, RunResult* result) {
         if (call.options.padding == 0x7B && !IsDense(call.c)) Nudge(result);
       }},
      {"rows_independent", "another formula for one row",
       [](const Call& call, RunResult* result) {
         if (call.c.rows == 1) Nudge(result);
       }},
      {"batch_split", "another formula from 16 rows on",
       [](const Call& call, RunResult* result) {
         if (call.c.rows >= 16) Nudge(result);
       }},
      {"batch_split", "the first row is computed in another way",
       [](const Call& call, RunResult* result) {
         if (call.c.rows > 1) Nudge(result);
       }},
      {"alignment", "peels by address",
       [](const Call& call, RunResult* result) {
         if (call.c.offset % 4 != 0) Nudge(result);
       }},
      {"strides", "another formula where columns lie apart",
       [](const Call& call, RunResult* result) {
         if (!call.c.in_place && call.c.out.columns_outer) Nudge(result);
       }},
      {"strides", "reads on where a row is repeated",
       [](const Call& call, RunResult* result) {
         subjects::ForEachInput(call.c, [&](Role, const Operand& operand) {
           if (operand.layout.repeats_row) Nudge(result);
         });
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
      {"history", "keeps a NaN",
       [](const Call& call, RunResult* result) {
         if (call.after_nan) Nudge(result);
       }},
      {"history", "caches by address",
       [cache = std::make_shared<std::map<std::size_t, Array>>()](const Call& call, RunResult* result) {
         if (call.calls == 1) cache->clear();
         const Array& out = cache->try_emplace(call.c.offset, result->out).first->second;
         if (out.element() == result->out.element() && out.size() == result->out.size()) result->out = out;
       }},
      {"history", "keeps scratch of another shape",
       [](const Call& call, RunResult* result) {
         if (call.after_shape) Nudge(result);
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
         if (!result->others.empty() && !result->others.back().empty()) {
           result->others.back().SetBits(0, result->others.back().Bits(0) ^ 1);
         }
       }},
      {"fp_environment_restored", "leaves FTZ on",
       [](const Call&, RunResult* result) { result->control_intact = false; }},
      {"fp_environment_restored", "sets the default mode",
       [](const Call& call, RunResult* result) { result->control_intact = call.options.environment.rounding == 0; }},
      {"fp_environment_restored", "raises inexact",
       [](const Call&, RunResult* result) { result->flags_intact = false; }},
      {"fp_environment_ignored", "rounds as the caller does",
       [](const Call& call, RunResult* result) {
         if (call.options.environment.rounding == 2) Nudge(result);
       }},
      {"fp_environment_ignored", "flushes as the caller does",
       [](const Call& call, RunResult* result) {
         if (!call.options.environment.ftz_daz) return;
         const double normal = call.c.dtype == ASSAY_F64 ? 0x1p-1022 : call.c.dtype == ASSAY_F16 ? 0x1p-14 : 0x1p-126;
         for (std::size_t i = 0; i < result->out.size(); ++i) {
           if (std::fabs(result->out[i]) < normal) result->out.Set(i, 0);
         }
       }},
      {"bad_arguments", "takes any T", [](const Call&, RunResult* result) { result->status = ASSAY_OK; }},
      {"bad_arguments", "writes before it looks",
       [](const Call&, RunResult* result) { result->out.Set(result->out.size() - 1, 0); }},
      {"canonical_nan", "negative NaN",
       [](const Call&, RunResult* result) {
         const std::uint64_t sign = std::uint64_t{1} << (8 * subjects::BytesOf(result->out.element()) - 1);
         for (std::size_t i = 0; i < result->out.size(); ++i) {
           if (std::isnan(result->out[i])) result->out.SetBits(i, result->out.Bits(i) | sign);
         }
       }},
      {"positive_zero", "underflow to -0",
       [](const Call&, RunResult* result) {
         for (std::size_t i = 0; i < result->out.size(); ++i) {
           if (result->out[i] == 0) result->out.Set(i, -0.0);
         }
       }},
      {"finite_inputs_no_nan", "inf - inf",
       [](const Call&, RunResult* result) {
         if (!result->out.empty()) result->out.Set(0, kNaN);
       }},
      {"index_overflow", "reads before the start",
       [](const Call& call, RunResult* result) {
         if (call.c.cols * call.options.repeat > 0x80000000u) result->outcome = subjects::Outcome::kCrashed;
       }},
      {"index_overflow", "counts fewer",
       [](const Call& call, RunResult* result) {
         if (call.options.repeat == 1 || call.c.op == ASSAY_SIGMOID) return;
         FakeSubject few;
         RunOptions options = call.options;
         options.repeat = 1;
         *result = few.Run(call.c, options);
       }},
      {"index_overflow", "a later copy is not written",
       [](const Call& call, RunResult* result) {
         if (call.options.repeat == 1) return;
         result->others.push_back(result->out);
         for (std::size_t i = 0; i < result->out.size_bytes(); ++i) {
           result->others[0].data()[i] = std::byte{call.options.poison};
         }
       }},
  };
}

// Within `cases` cases of its domain. A fault that shows in one case of four is found with 1 - 0.75^60 > 1 - 10^-7.
TEST(MachineLawsTest, RejectEveryFaultMadeForThem) {
  for (const Faulty& faulty : Faults()) {
    const Property& law = Law(faulty.law);
    Random random(7, 3);
    bool rejected = false;
    for (int k = 0; k < 200 && !rejected; ++k) {
      const Case c = law.fit(AnyCase(random));
      if ((law.ops & Of(c.op)) == 0) continue;
      FakeSubject subject(faulty.fault);
      const Judgement judgement = Check(law, c, subject);
      rejected = judgement.verdict == Verdict::kViolated;
      EXPECT_EQ(judgement.reason.empty(), !rejected) << faulty.what;
    }
    EXPECT_TRUE(rejected) << faulty.law << " does not see: " << faulty.what;
  }
}

TEST(MachineLawsTest, SayNothingWherePromisesAreMissing) {
  FakeSubject modest;
  for (subjects::OpInfo& op : modest.info().ops) op.features = 0;
  const Case c = subjects::MakeCase(ASSAY_SOFTMAX, ASSAY_F32, 2, 3);
  for (const char* law : {"concurrent_calls", "fp_environment_ignored", "canonical_nan"}) {
    Context context{modest};
    EXPECT_EQ(Judge(Law(law), Law(law).fit(c), context).verdict, Verdict::kNotApplicable) << law;
    EXPECT_FALSE(WhyNoSay(Law(law), modest.info(), ASSAY_SOFTMAX).empty()) << law;
  }
}

TEST(MachineLawsTest, RunWhereTheEndOfAnAlignedRowTouchesTheGuard) {
  // Reads behind its rows, up to the alignment it asks for: only a row that ends at a multiple of it shows.
  FakeSubject subject([](const Call& call, RunResult* result) {
    if (call.c.rows == 1 && call.c.cols % 8 == 0 && call.c.guard == subjects::Guard::kAfter) {
      result->outcome = subjects::Outcome::kCrashed;
      result->detail = "SIGSEGV";
    }
  });
  subject.info().alignment_bytes = 32;
  const Judgement judgement = Check(Law("memory_bounds"), subjects::MakeCase(ASSAY_SOFTMAX, ASSAY_F32, 2, 13), subject);
  EXPECT_EQ(judgement.verdict, Verdict::kViolated);
  EXPECT_NE(judgement.reason.find("row 0 alone, cut to 8 columns"), std::string::npos) << judgement.reason;
}

TEST(VariantsTest, TakeRowsKeepsTheUpstreamOfAReducedLoss) {
  Case c = subjects::MakeCase(ASSAY_CROSS_ENTROPY_BACKWARD, ASSAY_F32, 1, 2);
  c.reduction = ASSAY_REDUCTION_SUM;
  Give(c, Role::kUpstream);
  c.upstream.values.Set(0, 3);
  const Case taken = TakeRows(c, {0, 0, 0});
  EXPECT_EQ(taken.logits.values.size(), 6u);
  EXPECT_EQ(taken.upstream.values.size(), 1u);
  EXPECT_NO_THROW(subjects::Validate(taken));
  EXPECT_EQ(Unreduced(taken).upstream.values, Array(subjects::Element::kF32, {3, 3, 3}));
}

}  // namespace
}  // namespace assay::properties
