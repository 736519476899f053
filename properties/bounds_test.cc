// SPDX-License-Identifier: Apache-2.0
//
// Does the textbook bound hold for the textbook, and does it say anything? Every operation is computed here as the
// formula stands, max-subtracted, with each operation rounded to the dtype, and compared with the oracle.

#include "properties/bounds.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "properties/judging.h"
#include "properties/truth.h"
#include "subjects/random.h"

namespace assay::properties {
namespace {

using subjects::Element;
using subjects::Random;

// Arithmetic of a dtype: every result rounded to it once. (Twice where f64 itself rounds first, which f32 and narrower
// types do not notice: 53 >= 2 * 24 + 2.)
class Working {
 public:
  explicit Working(assay_dtype dtype) : element_(subjects::ElementOf(dtype)) {}
  double operator()(double x) const { return subjects::RoundTo(element_, x); }
  double Exp(double x) const { return (*this)(std::exp(x)); }
  double Log(double x) const { return (*this)(std::log(x)); }
  template <class Values>
  double Sum(const Values& values) const {
    double sum = 0;
    for (const double x : values) sum = (*this)(sum + x);
    return sum;
  }

 private:
  Element element_;
};

using Row = std::vector<double>;

// z of a row, -inf where invisible.
Row Scores(const Working& w, const Case& c, std::size_t r) {
  Row z(c.cols, -kInf);
  for (std::size_t j = 0; j < c.cols; ++j) {
    const std::size_t i = r * c.cols + j;
    if (!c.Visible(r, j)) continue;
    z[j] = c.temperature == 1 ? c.logits[i] : w(c.logits[i] * w(1 / w(c.temperature)));
    if (c.bias.given) z[j] = w(z[j] + c.bias[i]);
  }
  return z;
}

struct Shifted {
  Row d;  // z - max
  Row e;  // exp
  double max;
  double sum;
};

Shifted Shift(const Working& w, const Row& z) {
  Shifted s{z, z, *std::max_element(z.begin(), z.end()), 0};
  for (double& d : s.d) d = w(d - s.max);
  for (std::size_t j = 0; j < z.size(); ++j) s.e[j] = w.Exp(s.d[j]);
  s.sum = w.Sum(s.e);
  return s;
}

Row Softmax(const Working& w, const Row& z) {
  Shifted s = Shift(w, z);
  for (double& e : s.e) e = w(e / s.sum);
  return s.e;
}

Row LogSoftmax(const Working& w, const Row& z) {
  Shifted s = Shift(w, z);
  for (double& d : s.d) d = w(d - w.Log(s.sum));
  return s.d;
}

Row Sparsemax(const Working& w, const Row& z) {
  const Shifted s = Shift(w, z);
  Row sorted = s.d;
  std::sort(sorted.rbegin(), sorted.rend());
  double sum = 0, tau = 0;
  for (std::size_t k = 0; k < sorted.size(); ++k) {
    sum = w(sum + sorted[k]);
    const auto count = static_cast<double>(k + 1);
    if (!(w(1 + w(count * sorted[k])) > sum)) break;
    tau = w(w(sum - 1) / count);
  }
  Row p = s.d;
  for (double& x : p) x = std::max(0.0, w(x - tau));
  return p;
}

Row Backward(const Working& w, const Case& c, std::size_t r) {
  Row terms, out(c.cols, 0.0);
  double count = 0;
  const auto in = [&](std::size_t j) { return c.Visible(r, j); };
  for (std::size_t j = 0; j < c.cols; ++j) {
    if (!in(j)) continue;
    ++count;
    const double dy = c.upstream[r * c.cols + j];
    terms.push_back(c.op == ASSAY_SOFTMAX_BACKWARD ? w(c.saved[r * c.cols + j] * dy) : dy);
  }
  double sum = w.Sum(terms);
  if (c.op == ASSAY_SPARSEMAX_BACKWARD) sum = w(sum / count);
  for (std::size_t j = 0; j < c.cols; ++j) {
    if (!in(j)) continue;
    const double saved = c.saved[r * c.cols + j];
    const double dy = c.upstream[r * c.cols + j];
    double x = c.op == ASSAY_LOG_SOFTMAX_BACKWARD ? w(dy - w(w.Exp(saved) * sum)) : w(dy - sum);
    if (c.op == ASSAY_SOFTMAX_BACKWARD) x = w(saved * x);
    out[j] = c.temperature == 1 ? x : w(x * w(1 / w(c.temperature)));
  }
  return out;
}

Row Targets(const Working& w, const Case& c, std::size_t r) {
  Row t(c.cols, 0.0);
  for (std::size_t j = 0; j < c.cols; ++j) {
    t[j] = c.targets.given ? c.targets[r * c.cols + j] : c.labels.values.Bits(r) == j;
    const double s = w(c.label_smoothing);
    if (s != 0) t[j] = w(w(w(1 - s) * t[j]) + w(s / static_cast<double>(c.cols)));
  }
  return t;
}

// The whole operation, as a person without an error analysis would write it.
Row Textbook(const Case& c) {
  const Working w(c.dtype);
  Row out, losses;
  const auto rows = static_cast<double>(c.rows);
  for (std::size_t r = 0; r < c.rows; ++r) {
    const auto append = [&out](const Row& row) { out.insert(out.end(), row.begin(), row.end()); };
    if (subjects::IsBackwardOfActivation(c.op)) {
      append(Backward(w, c, r));
      continue;
    }
    const Row z = Scores(w, c, r);
    switch (c.op) {
      case ASSAY_SOFTMAX:
        append(Softmax(w, z));
        break;
      case ASSAY_LOG_SOFTMAX:
        append(LogSoftmax(w, z));
        break;
      case ASSAY_SPARSEMAX:
        append(Sparsemax(w, z));
        break;
      case ASSAY_LOGSUMEXP: {
        const Shifted s = Shift(w, z);
        append({w(s.max + w.Log(s.sum))});
        break;
      }
      case ASSAY_SIGMOID:
        for (const double x : z) {
          const double e = w.Exp(-std::fabs(x));
          append({w((x >= 0 ? 1 : e) / w(1 + e))});
        }
        break;
      case ASSAY_CROSS_ENTROPY: {
        const Row t = Targets(w, c, r);
        Row y = LogSoftmax(w, z);
        for (std::size_t j = 0; j < y.size(); ++j) y[j] = t[j] == 0 ? 0 : w(-t[j] * y[j]);
        losses.push_back(w.Sum(y));
        break;
      }
      default: {
        const Row t = Targets(w, c, r);
        const double sum = w.Sum(t);
        const double up = !c.upstream.given ? 1 : c.upstream[c.reduction == ASSAY_REDUCTION_NONE ? r : 0];
        Row p = Softmax(w, z);
        for (std::size_t j = 0; j < p.size(); ++j) {
          p[j] = w(up * w(w(p[j] * sum) - t[j]));
          if (c.temperature != 1) p[j] = w(p[j] * w(1 / w(c.temperature)));
          if (c.reduction == ASSAY_REDUCTION_MEAN) p[j] = w(p[j] / rows);
        }
        append(p);
      }
    }
  }
  if (c.op != ASSAY_CROSS_ENTROPY) return out;
  if (c.reduction == ASSAY_REDUCTION_NONE) return losses;
  const double sum = w.Sum(losses);
  return {c.reduction == ASSAY_REDUCTION_MEAN ? w(sum / rows) : sum};
}

// An ordinary case: N(0, sigma) logits, T, bias, mask; shares and their upstream.
Case Ordinary(assay_op op, assay_dtype dtype, std::size_t cols, double sigma, Random& random) {
  Case c = subjects::MakeCase(op, dtype, op == ASSAY_CROSS_ENTROPY ? 3 : 1, cols);
  const auto fill = [&](Role role, auto draw) {
    Array& values = c.operand(role).values;
    for (std::size_t i = 0; i < values.size(); ++i) values.Set(i, draw());
  };
  const auto normal = [&] { return sigma * random.Normal(); };
  if (random.Below(2) == 0) c.temperature = random.Below(2) == 0 ? 0.7 : 3;
  if (subjects::HasLogits(op)) {
    fill(Role::kLogits, normal);
    if (random.Below(3) == 0) {
      subjects::Give(c, Role::kBias);
      const double scale = random.Below(2) == 0 ? 1 : 30;
      fill(Role::kBias, [&] { return scale * random.Normal(); });
    }
  } else {
    double sum = 0;
    std::vector<double> p(cols);
    for (double& x : p) sum += x = random.Uniform() * random.Uniform() + 0x1p-30;
    for (std::size_t j = 0; j < cols; ++j) {
      const double share = p[j] / sum;
      c.saved.values.Set(j, op == ASSAY_LOG_SOFTMAX_BACKWARD ? std::log(share) : share);
    }
    fill(Role::kUpstream, normal);
  }
  if (!subjects::IsLoss(op)) return c;
  c.reduction = static_cast<assay_reduction>(random.Below(3));
  if (random.Below(2) == 0) c.label_smoothing = 0.1;
  for (std::size_t r = 0; r < c.rows; ++r) c.labels.values.SetBits(r, random.Below(cols));
  if (random.Below(2) == 0) {
    subjects::Take(c, Role::kLabels);
    subjects::Give(c, Role::kTargets);
    fill(Role::kTargets, [&] { return random.Uniform(); });
  }
  if (op == ASSAY_CROSS_ENTROPY_BACKWARD && random.Below(2) == 0) {
    subjects::Give(c, Role::kUpstream);
    fill(Role::kUpstream, normal);
  }
  return c;
}

class TextbookBound : public testing::TestWithParam<std::tuple<int, int>> {
 protected:
  assay_op op() const { return static_cast<assay_op>(std::get<0>(GetParam())); }
  assay_dtype dtype() const { return static_cast<assay_dtype>(std::get<1>(GetParam())); }
};

// Error over bound of every output; the largest, and how many outputs have a bound.
struct Outcome {
  double worst = 0;
  std::size_t bounded = 0;
  std::size_t unbounded = 0;
};

void Measure(const Case& c, Outcome* outcome) {
  const std::vector<oracle::Exact> exact = ExactOf(c, {}, oracle::Tier::kBulk);
  const std::vector<Bound> bounds = TextbookBounds(c);
  const Row got = Textbook(c);
  ASSERT_EQ(got.size(), exact.size());
  ASSERT_EQ(bounds.size(), exact.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (std::isinf(bounds[i].absolute)) {
      ++outcome->unbounded;
      continue;
    }
    ++outcome->bounded;
    const double err = std::fabs(oracle::ErrUlp(got[i], exact[i]));
    const double bound = InUlp(bounds[i], exact[i]);
    outcome->worst = std::max(outcome->worst, err == 0 ? 0 : err / bound);
    ASSERT_LE(err, bound) << subjects::OpName(c.op) << " output " << i << ", cols " << c.cols << ", T " << c.temperature
                          << ", got " << got[i] << ", want " << exact[i].nearest;
  }
}

TEST_P(TextbookBound, HoldsForTheTextbook) {
  Random random(20261121, static_cast<std::uint64_t>(op() * 8 + dtype()));
  Outcome outcome;
  for (int i = 0; i < 400; ++i) {
    constexpr double kSigmas[] = {0.01, 1, 1, 10, 40};
    constexpr std::size_t kCols[] = {1, 2, 3, 7, 16, 33, 64, 100};
    const std::size_t cols = kCols[random.Below(std::size(kCols))];
    Measure(Ordinary(op(), dtype(), cols, kSigmas[random.Below(std::size(kSigmas))], random), &outcome);
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(outcome.bounded, 19 * outcome.unbounded) << "nothing is promised too often";
  RecordProperty("worst", std::to_string(outcome.worst));
  std::printf("%s: worst error %.3f of the bound\n", subjects::OpName(op()), outcome.worst);
}

// 64 entries of N(0, 1): the error that the textbook makes is never far below what the bound allows.
TEST_P(TextbookBound, IsNotAbsurdlyLoose) {
  Random random(3, static_cast<std::uint64_t>(op() * 8 + dtype()));
  Outcome outcome;
  for (int i = 0; i < 100; ++i) {
    Case c = Ordinary(op(), dtype(), 64, 1, random);
    c.temperature = 1;
    if (c.bias.given) subjects::Take(c, Role::kBias);
    Measure(c, &outcome);
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(outcome.worst, 0.01);
}

std::string NameOf(const testing::TestParamInfo<std::tuple<int, int>>& info) {
  return std::string(subjects::OpName(static_cast<assay_op>(std::get<0>(info.param)))) + "_" +
         subjects::ElementName(subjects::ElementOf(static_cast<assay_dtype>(std::get<1>(info.param))));
}

// Not f64: the arithmetic here is double's own.
INSTANTIATE_TEST_SUITE_P(Operation, TextbookBound,
                         testing::Combine(testing::Range(0, ASSAY_NUM_ROW_OPS),
                                          testing::Values(int{ASSAY_F32}, int{ASSAY_F16}, int{ASSAY_BF16})),
                         NameOf);

Case Softmax(assay_dtype dtype, std::initializer_list<double> logits) {
  Case c = subjects::MakeCase(ASSAY_SOFTMAX, dtype, 1, logits.size());
  c.logits.values = Array(subjects::ElementOf(dtype), logits);
  return c;
}

TEST(BoundsTest, AreTheClaimWhereThereIsOne) {
  subjects::SubjectInfo info;
  info.For(ASSAY_SOFTMAX).claims[ASSAY_F32] = {ASSAY_CLAIM_CORRECTLY_ROUNDED, 0, 0, 0};
  info.For(ASSAY_SOFTMAX).claims[ASSAY_F16] = {ASSAY_CLAIM_BOUND, 0, 4, 0};
  info.For(ASSAY_SOFTMAX).claims[ASSAY_F64] = {ASSAY_CLAIM_BOUND, 0, 0.5, 0x1p-50};
  const Case f32 = Softmax(ASSAY_F32, {0, 1});
  EXPECT_TRUE(ClaimsNearest(info, f32));
  EXPECT_EQ(BoundsOf(f32, info)[0].ulps, 0.5);
  EXPECT_EQ(BoundsOf(f32, info)[0].absolute, 0);
  const Case f16 = Softmax(ASSAY_F16, {0, 1});
  EXPECT_FALSE(ClaimsNearest(info, f16));
  EXPECT_EQ(BoundsOf(f16, info)[0].ulps, 4);
  const Case f64 = Softmax(ASSAY_F64, {0, 0});
  EXPECT_EQ(BoundsOf(f64, info)[0].ulps, 0.5);
  EXPECT_NEAR(BoundsOf(f64, info)[0].absolute, 0x1p-51, 0x1p-80);
}

TEST(BoundsTest, AreZeroWhereTheValueIsFixed) {
  Case c = Softmax(ASSAY_F32, {0, -kInf, 1});
  EXPECT_EQ(TextbookBounds(c)[1].absolute, 0);
  EXPECT_GT(TextbookBounds(c)[0].absolute, 0);
  c.logits.values.Set(0, std::numeric_limits<double>::quiet_NaN());
  for (const Bound& bound : TextbookBounds(c)) EXPECT_EQ(bound.absolute, 0);
  EXPECT_EQ(TextbookBounds(Softmax(ASSAY_F32, {-kInf, -kInf}))[0].absolute, 0);
}

// A relative error of a share near 0 is no licence: 2^-23 in place of 0 was once within the bound.
TEST(BoundsTest, ShrinkWithTheShareBelowTheNormalRange) {
  EXPECT_LT(TextbookBounds(Softmax(ASSAY_F32, {0, -100}))[1].absolute, 3 * 0x1p-149);
  EXPECT_LT(TextbookBounds(Softmax(ASSAY_F32, {0, -1e38}))[1].absolute, 3 * 0x1p-149);
}

TEST(BoundsTest, PromiseNothingWhereTheFormulaMayOverflow) {
  Case c = Softmax(ASSAY_F16, {6e4, 5e4});
  EXPECT_TRUE(std::isfinite(TextbookBounds(c)[0].absolute));
  c.temperature = 0.5;
  EXPECT_TRUE(std::isinf(TextbookBounds(c)[0].absolute));
  c = Softmax(ASSAY_F32, {0, 1});
  c.temperature = 1e-310;
  EXPECT_TRUE(std::isinf(TextbookBounds(c)[0].absolute));
}

TEST(BoundsTest, HoldLongRowsOfShortTypesToSumsInFloat) {
  for (const assay_dtype dtype : {ASSAY_BF16, ASSAY_F16}) {
    for (const std::size_t n : {2000, 60000}) {
      const Case row = subjects::MakeCase(ASSAY_SOFTMAX, dtype, 1, n);  // n u > 1/2: the type's own u says nothing
      const double u = subjects::FormatOf(subjects::ElementOf(dtype)).Roundoff();
      const double relative = TextbookBounds(row)[0].absolute * static_cast<double>(n);
      EXPECT_GT(relative, 16 * u) << n;
      // Gradual underflow apart, which in f16 adds the smallest number n times to a sum of n.
      EXPECT_LT(relative, 32 * u + static_cast<double>(n) * 0x1p-22) << n;
    }
  }
}

// The error of x / T + b is that of its parts, not of what is left of them.
TEST(BoundsTest, KnowThatABiasCancels) {
  Case c = Softmax(ASSAY_F32, {1e6, 0});
  subjects::Give(c, Role::kBias);
  c.bias.values.Set(0, -1e6);
  EXPECT_GT(TextbookBounds(c)[0].absolute, 0.5 * 0x1p-24 * 2e6 * 0.25);
}

TEST(SlackTest, CoversExactValuesInTheNextBinade) {
  constexpr Element kF32 = Element::kF32;
  EXPECT_EQ(SlackAround({0.5, 0}, kF32, 1), 0x1p-24);
  // exact = 1, whose ulp is 2^-23, may lie 4 of them above got.
  EXPECT_EQ(SlackAround({4, 0}, kF32, 1 - 0x1p-22), 4 * 0x1p-23);
  EXPECT_EQ(SlackAround({4, 0}, kF32, 1 - 0x1p-20), 4 * 0x1p-24);
  EXPECT_EQ(SlackAround({0, 0.25}, kF32, 1), 0.25);
  EXPECT_TRUE(std::isinf(SlackAround({1, 0}, kF32, kInf)));
  EXPECT_TRUE(std::isinf(SlackAround({1e9, 0}, kF32, 1)));
}

}  // namespace
}  // namespace assay::properties
