// SPDX-License-Identifier: Apache-2.0
//
// Do the projections of fit.h give what their comments say, is every law's fit one, and does shrinking always end? All
// over what the generators draw, for every law and every operation it speaks about.

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "properties/engine/engine.h"
#include "properties/fit.h"
#include "properties/shrink_attention.h"
#include "subjects/subject.h"

namespace assay::properties {

void PrintTo(const Property& property, std::ostream* out) { *out << property.name; }

namespace {

using subjects::Array;
using subjects::Operand;
using subjects::Role;

constexpr double kInf = std::numeric_limits<double>::infinity();

subjects::SubjectInfo Everything() {
  subjects::SubjectInfo info;
  for (subjects::OpInfo& op : info.ops) {
    op.implemented = true;
    op.dtypes = (1 << ASSAY_NUM_DTYPES) - 1;
    op.features = ASSAY_FEATURES_ALL;
  }
  return info;
}

template <class Visit>
void ForEachOp(const Property& property, Visit visit) {
  for (int op = 0; op < ASSAY_NUM_OPS; ++op) {
    if ((property.ops & Of(static_cast<assay_op>(op))) != 0) visit(static_cast<assay_op>(op));
  }
}

// Whatever the generators draw, before any law has put it in its domain.
Case Same(Case c) { return c; }
Judgement Holds(const Case&, Context&) { return {}; }
constexpr Property kAnything = {"anything", Group::kRow, kAllOps, "Anything goes.", "nothing", Same, Holds};

std::vector<Case> Drawn(std::uint64_t count, Ops ops = kAllOps) {
  static const subjects::SubjectInfo info = Everything();
  std::vector<Case> cases;
  for (std::uint64_t i = 0; i < count; ++i) cases.push_back(CaseAt(kAnything, info, 11, i, ops));
  return cases;
}

// More than a few: not for laws that look at every element often.
bool IsLarge(const Case& c, std::size_t elements) {
  return subjects::IsAttention(c.op) ? AttentionWork(c) > 20 * elements : c.rows * c.cols > elements;
}

// Calls body(case after fit) for everything drawn, having checked that fit is a projection that keeps the operation.
template <class Body>
void ForFitted(Case (*fit)(Case), Body body) {
  for (const Case& c : Drawn(800, kRowOps)) {
    const Case fitted = fit(c);
    ASSERT_NO_THROW(subjects::Validate(fitted));
    ASSERT_EQ(fitted.op, c.op);
    ASSERT_EQ(fitted.dtype, c.dtype);
    ASSERT_TRUE(subjects::SameBits(fitted, fit(fitted))) << subjects::OpName(c.op);
    body(fitted);
  }
}

bool AllFinite(const Array& values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) return false;
  }
  return true;
}

TEST(FitTest, ValidIsWhatEveryKernelMustAccept) {
  ForFitted(Valid, [](const Case& c) {
    EXPECT_TRUE(c.temperature >= 0);
    EXPECT_TRUE(c.temperature > 0 || subjects::HasZeroTemperature(c.op));
    EXPECT_TRUE(c.label_smoothing >= 0 && c.label_smoothing <= 1);
    EXPECT_EQ(subjects::WhyUnsupported(Everything(), c), "");
    for (std::size_t r = 0; r < c.labels.values.size(); ++r) {
      const auto label = static_cast<std::int64_t>(c.labels.values.Bits(r));
      const bool ignored = c.has_ignore_index && label == c.ignore_index;
      EXPECT_TRUE(ignored || (label >= 0 && static_cast<std::uint64_t>(label) < c.cols));
    }
  });
}

TEST(FitTest, FiniteRowsShowSomethingFiniteInEveryRow) {
  ForFitted(WithFiniteRows, [](const Case& c) {
    for (std::size_t r = 0; r < c.rows && c.cols > 0; ++r) {
      std::size_t visible = 0;
      for (std::size_t j = 0; j < c.cols; ++j) {
        if (!c.Visible(r, j)) continue;
        ++visible;
        const std::size_t i = r * c.cols + j;
        for (const Operand* operand : {&c.logits, &c.bias, &c.saved}) {
          if (operand->given) {
            EXPECT_TRUE(std::isfinite((*operand)[i]));
          }
        }
        if (subjects::IsBackwardOfActivation(c.op)) {
          EXPECT_TRUE(std::isfinite(c.upstream[i]));
        }
      }
      EXPECT_GT(visible, 0u);
    }
    EXPECT_TRUE(AllFinite(c.targets.values));
    for (std::size_t i = 0; i < c.targets.values.size(); ++i) EXPECT_GE(c.targets[i], 0);
  });
}

TEST(FitTest, SavedProbabilitiesSumToOne) {
  ForFitted(WithSavedProbabilities, [](const Case& c) {
    if (!subjects::IsBackwardOfActivation(c.op)) return;
    const double u = subjects::FormatOf(subjects::ElementOf(c.dtype)).Roundoff();
    for (std::size_t r = 0; r < c.rows && c.cols > 0; ++r) {
      double sum = 0;
      for (std::size_t j = 0; j < c.cols; ++j) {
        const double saved = c.saved[r * c.cols + j];
        const double p = c.op == ASSAY_LOG_SOFTMAX_BACKWARD ? std::exp(saved) : saved;
        EXPECT_TRUE(p >= 0 && p <= 1);
        sum += p;
      }
      EXPECT_NEAR(sum, 1, 60 * u + 1e-12 + (c.dtype == ASSAY_F16 ? 0x1p-24 * static_cast<double>(c.cols) : 0));
    }
  });
}

TEST(FitTest, AShiftOnTheGridIsExact) {
  ForFitted(OnShiftGrid, [](const Case& c) {
    const Array& values = subjects::HasLogits(c.op) ? c.logits.values : c.upstream.values;
    const double step = GridStep(c.dtype);
    const double most = static_cast<double>(ShiftSteps(c.dtype)) * step;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double x = values[i];
      if (!std::isfinite(x)) continue;
      EXPECT_FALSE(x == 0 && std::signbit(x));
      for (const double shift : {most, -most, step, -step}) {
        EXPECT_EQ(subjects::RoundTo(values.element(), x + shift), x + shift);
        EXPECT_EQ((x + shift) - shift, x);
      }
      if (!std::isfinite(values[0])) continue;
      EXPECT_EQ(subjects::RoundTo(values.element(), x - values[0]), x - values[0]);
    }
  });
}

TEST(FitTest, OthersDoAsTheySay) {
  ForFitted(OneRowOf, [](const Case& c) { EXPECT_EQ(c.rows, 1u); });
  ForFitted(WithSeveralRows, [](const Case& c) { EXPECT_NE(c.rows, 1u); });
  ForFitted(OutOfPlace, [](const Case& c) { EXPECT_FALSE(c.in_place); });
  ForFitted(InPlace, [](const Case& c) { EXPECT_EQ(c.in_place, subjects::CanBeInPlace(c.op)); });
  ForFitted(WithoutScaling, [](const Case& c) {
    EXPECT_EQ(c.temperature, 1);
    EXPECT_FALSE(c.bias.given);
  });
  ForFitted(AllVisible, [](const Case& c) {
    EXPECT_FALSE(c.mask.given);
    for (std::size_t i = 0; i < c.logits.values.size(); ++i) EXPECT_NE(c.logits[i], -kInf);
  });
  ForFitted(WithMask, [](const Case& c) {
    if (!subjects::TakesMask(c.op)) return;
    ASSERT_TRUE(c.mask.given);
    std::size_t hidden = 0;
    for (std::size_t i = 0; i < c.mask.values.size(); ++i) hidden += c.mask.values.Bits(i) == 0;
    EXPECT_TRUE(hidden > 0 || c.cols < 2 || c.rows == 0);
  });
}

class Law : public testing::TestWithParam<Property> {};

TEST_P(Law, ProjectsEveryCaseOntoItsDomain) {
  const Property& property = GetParam();
  const subjects::SubjectInfo info = Everything();
  for (const Case& drawn : Drawn(240)) {
    if ((property.ops & Of(drawn.op)) == 0) continue;
    const Case c = Prepare(property, drawn, info);
    ASSERT_EQ(c.op, drawn.op);
    ASSERT_NO_THROW(subjects::Validate(c)) << subjects::OpName(c.op);
    ASSERT_TRUE(subjects::SameBits(c, Prepare(property, c, info))) << subjects::OpName(c.op) << ": not idempotent";
    ASSERT_TRUE(subjects::SameBits(c, property.fit(c))) << subjects::OpName(c.op) << ": not in the domain";
    ASSERT_EQ(subjects::WhyUnsupported(info, c), "") << subjects::OpName(c.op);
  }
}

TEST_P(Law, SpeaksAboutAtLeastHalfOfItsCases) {
  const Property& property = GetParam();
  if (property.nightly) GTEST_SKIP() << "runs in the nightly checks";
  const auto subject = subjects::OpenHere("scalar");
  Context context{*subject};
  ForEachOp(property, [&](assay_op op) {
    if (!subject->info().For(op).implemented) return;
    int judged = 0;
    constexpr int kCases = 30;
    for (std::uint64_t i = 0; i < kCases; ++i) {
      const Case c = CaseAt(property, subject->info(), 17, i, Of(op));
      if (c.cols > 300 || IsLarge(c, 1000)) {
        ++judged;
        continue;
      }
      judged += Judge(property, c, context).verdict != Verdict::kNotApplicable ? 1 : 0;
    }
    EXPECT_GE(judged, kCases / 2) << subjects::OpName(op);
  });
}

// Accepting every simpler case comes to an end, and a small one, though fit undoes some steps.
TEST_P(Law, ShrinksToASmallCaseWhereEverythingFails) {
  const Property& property = GetParam();
  const subjects::SubjectInfo info = Everything();
  ForEachOp(property, [&](assay_op op) {
    for (std::uint64_t i = 0; i < 4; ++i) {
      Case c = CaseAt(property, info, 13, i, Of(op));
      if (IsLarge(c, 100)) continue;
      std::size_t taken = 0;
      for (bool moved = true; moved && taken <= 600;) {
        moved = false;
        for (const Step& step : Steps(c)) {
          Case next = Prepare(property, Apply(c, step), info);
          if (!Simpler(next, c)) continue;
          ASSERT_NO_THROW(subjects::Validate(next));
          c = std::move(next);
          moved = true;
          ++taken;
          break;
        }
      }
      EXPECT_LE(taken, 600u) << subjects::OpName(op) << ", index " << i;
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Catalogue, Law, testing::ValuesIn(Catalogue().begin(), Catalogue().end()),
                         [](const auto& test) { return std::string(test.param.name); });

Case Example() {
  Case c = subjects::MakeCase(ASSAY_CROSS_ENTROPY_BACKWARD, ASSAY_F32, 2, 3);
  c.logits.values = Array(subjects::Element::kF32, {1.5, 2.75, -3.3, 4, 5, 6});
  subjects::Give(c, Role::kMask);
  c.mask.values.SetBits(1, 0);
  subjects::Take(c, Role::kLabels);
  subjects::Give(c, Role::kTargets);
  c.targets.values.Set(1, 1);
  c.targets.values.Set(5, 0.25);
  c.reduction = ASSAY_REDUCTION_SUM;
  subjects::Give(c, Role::kUpstream);
  c.upstream.values.Set(0, 3);
  c.label_smoothing = 0.5;
  c.temperature = 0.7;
  c.offset = 3;
  c.logits.layout.gap = 2;
  c.out.step = 2;
  c.law_key = 77;
  return c;
}

TEST(ShrinkTest, EachStepDoesWhatItSays) {
  using Kind = Step::Kind;
  using subjects::Element;
  const Case c = Example();
  EXPECT_EQ(Apply(c, {Kind::kKeepRow, 1}).logits.values, Array(Element::kF32, {4, 5, 6}));
  EXPECT_EQ(Apply(c, {Kind::kDropColumns, 0, 2}).logits.values, Array(Element::kF32, {-3.3, 6}));
  EXPECT_EQ(Apply(c, {Kind::kDropColumns, 0, 2}).mask.values.size(), 2u);
  EXPECT_FALSE(Apply(c, {Kind::kDropOperand, 0, 0, Role::kMask}).mask.given);
  EXPECT_EQ(Apply(c, {Kind::kUnitTemperature}).temperature, 1);
  EXPECT_EQ(Apply(c, {Kind::kShortTemperature}).temperature, 0x1.6p-1);
  EXPECT_EQ(Apply(c, {Kind::kDense}).logits.layout.gap, 0u);
  EXPECT_EQ(Apply(c, {Kind::kDense}).out.step, 1u);
  EXPECT_EQ(Apply(c, {Kind::kDenseOperand, 0, 0, Role::kOut}).logits.layout.gap, 2u);
  EXPECT_EQ(Apply(c, {Kind::kOffsetZero}).offset, 0u);
  EXPECT_EQ(Apply(c, {Kind::kPlain}).offset, 0u);
  EXPECT_EQ(Apply(c, {Kind::kSmallLawKey, 4}).law_key, 4u);
  EXPECT_EQ(Apply(c, {Kind::kZero, 1}).logits[1], 0);
  EXPECT_EQ(Apply(c, {Kind::kZero, 1, 0, Role::kMask}).mask.values.Bits(1), 1u);
  EXPECT_EQ(Apply(c, {Kind::kWhole, 1}).logits[1], 2);
  EXPECT_EQ(Apply(c, {Kind::kCut, 2, 2}).logits[2], -3);
  EXPECT_EQ(Apply(c, {Kind::kCutAll, 1}).logits.values, Array(Element::kF32, {1, 2, -2, 4, 4, 4}));
  const Case labelled = Apply(c, {Kind::kLabels});
  EXPECT_FALSE(labelled.targets.given);
  EXPECT_EQ(labelled.labels.values.Bits(0), 1u);
  EXPECT_EQ(labelled.labels.values.Bits(1), 2u);
  EXPECT_EQ(Apply(c, {Kind::kNoSmoothing}).label_smoothing, 0);
  const Case unreduced = Apply(c, {Kind::kNoReduction});
  EXPECT_EQ(unreduced.upstream.values, Array(Element::kF32, {3, 3}));
  EXPECT_NO_THROW(subjects::Validate(unreduced));
  for (const Step& step : Steps(c)) EXPECT_NO_THROW(subjects::Validate(Apply(c, step)));
}

TEST(ShrinkTest, SimplerIsAWellFoundedOrder) {
  const Case c = Example();
  EXPECT_FALSE(Simpler(c, c));
  EXPECT_TRUE(Simpler(Apply(c, {Step::Kind::kDense}), c));
  EXPECT_TRUE(Simpler(Apply(c, {Step::Kind::kLabels}), c));
  EXPECT_TRUE(Simpler(Apply(c, {Step::Kind::kZero, 2}), c));
}

}  // namespace
}  // namespace assay::properties
