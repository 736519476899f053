// SPDX-License-Identifier: Apache-2.0
//
// Do the generators reach what they are there to reach, in every operation and dtype?

#include "properties/engine/generator.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "properties/engine/engine.h"
#include "properties/engine/operands.h"
#include "properties/shrink_attention.h"

namespace assay::properties {
namespace {

using subjects::Array;
using subjects::Case;
using subjects::Operand;
using subjects::Role;

// A subject that supports everything.
subjects::SubjectInfo Everything() {
  subjects::SubjectInfo info;
  for (subjects::OpInfo& op : info.ops) {
    op.implemented = true;
    op.dtypes = (1 << ASSAY_NUM_DTYPES) - 1;
    op.features = ASSAY_FEATURES_ALL;
  }
  return info;
}

// A law that speaks about every case, so that the raw generator shows.
Case Same(Case c) { return c; }
Judgement Holds(const Case&, Context&) { return {}; }
constexpr Property kAnything = {"anything", Group::kRow, kAllOps, "Anything goes.", "nothing", Same, Holds};

const std::vector<Case>& Many() {
  static const std::vector<Case> cases = [] {
    const subjects::SubjectInfo info = Everything();
    std::vector<Case> drawn;
    for (std::uint64_t i = 0; i < 7200; ++i) drawn.push_back(CaseAt(kAnything, info, 7, i));
    return drawn;
  }();
  return cases;
}

TEST(GeneratorTest, IsAPureFunctionOfSeedPropertyAndIndex) {
  const subjects::SubjectInfo info = Everything();
  for (std::uint64_t i = 0; i < 100; ++i) {
    EXPECT_TRUE(subjects::SameBits(CaseAt(kAnything, info, 7, i), CaseAt(kAnything, info, 7, i)));
    EXPECT_FALSE(subjects::SameBits(CaseAt(kAnything, info, 7, i), CaseAt(kAnything, info, 8, i)) &&
                 subjects::SameBits(CaseAt(kAnything, info, 7, i + 1), CaseAt(kAnything, info, 8, i + 1)));
  }
}

TEST(GeneratorTest, GivesEveryOperationAndDtypeItsShare) {
  std::map<std::pair<int, int>, int> count;
  for (const Case& c : Many()) ++count[{c.op, c.dtype}];
  EXPECT_EQ(count.size(), std::size_t{ASSAY_NUM_OPS * ASSAY_NUM_DTYPES});
  for (const auto& [key, cases] : count) EXPECT_EQ(cases, 150) << key.first << " " << key.second;
}

TEST(GeneratorTest, KeepsToWhatTheSubjectHasAndTheUserWants) {
  subjects::SubjectInfo info = Everything();
  info.For(ASSAY_SOFTMAX).implemented = false;
  info.For(ASSAY_LOGSUMEXP).dtypes = 1 << ASSAY_F16;
  const Ops ops = Of(ASSAY_SOFTMAX) | Of(ASSAY_LOGSUMEXP);
  for (std::uint64_t i = 0; i < 8; ++i) {
    const auto choice = ChoiceAt(kAnything, info, ops, i);
    ASSERT_TRUE(choice.has_value());
    EXPECT_EQ(choice->op, ASSAY_LOGSUMEXP);
    EXPECT_EQ(choice->dtype, ASSAY_F16);
  }
  EXPECT_FALSE(ChoiceAt(kAnything, info, Of(ASSAY_SOFTMAX), 0).has_value());
}

// What a number is to those who compute with it.
void Tag(const Array& values, std::size_t i, bool same_row, std::map<std::string, int>* seen) {
  const subjects::FloatFormat format = subjects::FormatOf(values.element());
  const double x = values[i];
  const double least_normal = std::ldexp(1.0, format.min_ulp_log2 + format.precision - 1);
  if (std::isnan(x)) ++(*seen)["nan"];
  if (std::isinf(x)) ++(*seen)[x > 0 ? "+inf" : "-inf"];
  if (x != 0 && std::fabs(x) < least_normal) ++(*seen)["subnormal"];
  if (x == 0) ++(*seen)[std::signbit(x) ? "-0" : "+0"];
  if (std::isfinite(x) && std::fabs(x) > format.max_finite / 2) ++(*seen)["huge"];
  if (same_row && values.Bits(i) == values.Bits(i - 1) + 1) ++(*seen)["one ULP apart"];
  if (same_row && x == values[i - 1]) ++(*seen)["tie"];
}

TEST(GeneratorTest, ReachesEverySpecialNumberAndNeighboursByOneUlp) {
  std::map<std::string, int> seen[ASSAY_NUM_DTYPES][2];  // logits, upstream
  for (const Case& c : Many()) {
    const bool backward = subjects::IsBackwardOfActivation(c.op);
    const Array& values = (backward ? c.upstream : c.logits).values;
    for (std::size_t i = 0; i < values.size(); ++i) Tag(values, i, i % c.cols != 0, &seen[c.dtype][backward]);
  }
  for (int dtype = 0; dtype < ASSAY_NUM_DTYPES; ++dtype) {
    for (int backward = 0; backward < 2; ++backward) {
      for (const char* what : {"nan", "+inf", "-inf", "subnormal", "-0", "+0", "huge", "one ULP apart", "tie"}) {
        EXPECT_GE(seen[dtype][backward][what], 10)
            << what << " in " << subjects::ElementName(subjects::ElementOf(static_cast<assay_dtype>(dtype)))
            << (backward != 0 ? " upstream" : " logits");
      }
    }
  }
}

TEST(GeneratorTest, ReachesEveryShapeSwitchAndPattern) {
  std::set<std::size_t> cols, rows;
  std::set<std::string> patterns, others;
  const auto note = [&others](bool is, const char* what) {
    if (is) others.insert(what);
  };
  for (const Case& c : Many()) {
    cols.insert(c.cols);
    rows.insert(c.rows);
    patterns.insert(c.origin.substr(0, c.origin.find(',')));
    note(c.mask.given, "mask");
    note(c.bias.given, "bias");
    note(c.in_place, "in place");
    note(c.offset == 15, "offset 15");
    note(c.guard == subjects::Guard::kBefore, "guard before");
    note(c.empty_row == ASSAY_EMPTY_ROW_NAN, "empty NaN");
    note(c.empty_row == ASSAY_EMPTY_ROW_ZERO, "empty zero");
    note(c.temperature == 0, std::signbit(c.temperature) ? "T -0" : "T 0");
    note(std::isinf(c.temperature), "T inf");
    note(std::isnan(c.temperature), "T NaN");
    note(c.temperature < 0, "T < 0");
    note(std::fpclassify(c.temperature) == FP_SUBNORMAL, "T subnormal");
    note(c.out.gap > 0, "out gap");
    note(c.out.step > 1, "out step");
    note(c.out.columns_outer, "out columns outer");
    subjects::ForEachInput(c, [&](Role, const Operand& operand) {
      note(operand.layout.gap > 0, "gap");
      note(operand.layout.step > 1, "step");
      note(operand.layout.columns_outer, "columns outer");
      note(operand.layout.rows_backward, "rows backward");
      note(operand.layout.cols_backward, "columns backward");
      note(operand.layout.repeats_row && c.rows > 1 && c.cols > 1, "repeated row");
    });
  }
  for (const std::size_t n : {0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 129, 1000, 6145}) {
    EXPECT_TRUE(cols.contains(n)) << n;
  }
  for (const std::size_t n : {0, 1, 2, 3, 5, 8, 9, 16, 17}) EXPECT_TRUE(rows.contains(n)) << n;
  EXPECT_GE(*rows.rbegin(), 200u);
  for (int p = 0; p < kPatterns; ++p) EXPECT_TRUE(patterns.contains(PatternName(static_cast<Pattern>(p))));
  EXPECT_EQ(others.size(), 22u);
}

TEST(GeneratorTest, ReachesEveryKindOfLoss) {
  std::map<std::string, int> seen;
  for (const Case& c : Many()) {
    if (!subjects::IsLoss(c.op) || c.rows * c.cols == 0) continue;
    ++seen[c.targets.given ? "targets" : "labels"];
    ++seen["reduction " + std::to_string(c.reduction)];
    if (c.label_smoothing == 0) ++seen["no smoothing"];
    if (c.label_smoothing == 1) ++seen["all smoothing"];
    if (c.label_smoothing > 0 && c.label_smoothing < 1) ++seen["smoothing"];
    if (c.upstream.given) ++seen["upstream"];
    std::size_t ignored = 0;
    for (std::size_t r = 0; r < c.labels.values.size(); ++r) {
      const auto label = static_cast<std::int64_t>(c.labels.values.Bits(r));
      const bool is_ignored = c.has_ignore_index && label == c.ignore_index;
      ignored += is_ignored;
      if (!is_ignored && (label < 0 || static_cast<std::size_t>(label) >= c.cols)) ++seen["bad label"];
      if (is_ignored && label >= 0) ++seen["ignored in range"];
    }
    if (c.labels.given && ignored == c.rows) ++seen["all ignored"];
    if (ignored > 0 && ignored < c.rows) ++seen["some ignored"];
    for (std::size_t r = 0; c.targets.given && r < c.rows; ++r) {
      double sum = 0;
      for (std::size_t j = 0; j < c.cols; ++j) sum += c.targets[r * c.cols + j];
      if (sum == 0) ++seen["no targets"];
      if (sum > 1.5) ++seen["unnormalised targets"];
      if (!std::isfinite(sum)) ++seen["special targets"];
    }
  }
  for (const char* what : {"targets", "labels", "reduction 0", "reduction 1", "reduction 2", "no smoothing",
                           "all smoothing", "smoothing", "upstream", "bad label", "ignored in range", "all ignored",
                           "some ignored", "no targets", "unnormalised targets", "special targets"}) {
    EXPECT_GE(seen[what], 5) << what;
  }
}

TEST(GeneratorTest, ReachesEveryKindOfSavedOutput) {
  std::map<std::string, int> seen;
  constexpr double kInf = std::numeric_limits<double>::infinity();
  for (const Case& c : Many()) {
    if (!subjects::IsBackwardOfActivation(c.op)) continue;
    const std::string op = subjects::OpName(c.op);
    const bool log = c.op == ASSAY_LOG_SOFTMAX_BACKWARD;
    for (std::size_t r = 0; r < c.rows && c.cols > 1; ++r) {
      double sum = 0;
      bool special_behind = false;
      for (std::size_t j = 0; j < c.cols; ++j) {
        const std::size_t i = r * c.cols + j;
        const double p = log ? std::exp(c.saved[i]) : c.saved[i];
        sum += p;
        if (c.saved[i] == (log ? -kInf : 0)) ++seen[op + " zero"];
        if (p == 1) ++seen[op + " one"];
        special_behind |= !c.Visible(r, j) && !std::isfinite(c.upstream[i]);
      }
      if (std::fabs(sum - 1) < 0.02) ++seen[op + " shares"];
      if (!(std::fabs(sum - 1) < 0.5)) ++seen[op + " junk"];
      if (special_behind) ++seen[op + " special behind zero"];
    }
  }
  for (const char* op : {"softmax_backward", "log_softmax_backward", "sparsemax_backward"}) {
    for (const char* what : {" zero", " one", " shares", " junk", " special behind zero"}) {
      EXPECT_GE(seen[std::string(op) + what], 20) << op << what;
    }
  }
}

TEST(GeneratorTest, ShrinksOnlyToSimplerCasesOfTheDomain) {
  const subjects::SubjectInfo info = Everything();
  for (const Property& property : Catalogue()) {
    for (std::uint64_t i = 0; i < 3; ++i) {
      const Case c = CaseAt(property, info, 5, i);
      if (c.rows * c.cols > 300 || (subjects::IsAttention(c.op) && AttentionWork(c) > 3000)) continue;
      auto shrinks = WithSteps(c, property, info).shrinks();
      for (auto next = shrinks.next(); next; next = shrinks.next()) {
        const Case smaller = next->value();
        ASSERT_NO_THROW(subjects::Validate(smaller)) << property.name;
        ASSERT_TRUE(Simpler(smaller, c)) << property.name;
        ASSERT_EQ(smaller.op, c.op) << property.name;
      }
    }
  }
}

}  // namespace
}  // namespace assay::properties
