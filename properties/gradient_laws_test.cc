// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "properties/laws.h"
#include "properties/laws_testing.h"
#include "properties/targets.h"

namespace assay::properties {
namespace {

TEST(GradientLawsTest, RejectNoSubjectThatIsRightToTheLastBit) {
  OracleSubject right;
  ExpectLawsHold(GradientLaws(), right, 400);
}

TEST(GradientLawsTest, RejectNoSubjectThatIsRightWithinItsBound) {
  // A neighbour of the nearest number, but where the value is a convention: 0, 1, infinity, NaN.
  OracleSubject off({}, [](const Case&, Array* out) {
    for (std::size_t i = 0; i < out->size(); ++i) {
      if ((*out)[i] == 0 || (*out)[i] == 1 || !std::isfinite((*out)[i])) continue;
      out->SetBits(i, out->Bits(i) ^ 1);
      if ((*out)[i] == 0) out->SetBits(i, out->Bits(i) ^ 1);
    }
  });
  off.Claim({ASSAY_CLAIM_BOUND, 0, 2.5, 0});
  ExpectLawsHold(GradientLaws(), off, 400);
}

TEST(GradientLawsTest, RejectNoSubjectThatClaimsNothing) {
  OracleSubject modest;
  modest.Claim({ASSAY_CLAIM_NONE, 0, 0, 0});
  ExpectLawsHold(GradientLaws(), modest, 400);
}

TEST(GradientLawsTest, FitsAreIdempotentValidAndKeepTheOperation) { ExpectFitsAreProjections(GradientLaws(), 400); }

template <class Of>
OracleSubject::Answer Each(Of of) {
  return [of](const Case& c, Array* out) {
    for (std::size_t i = 0; i < out->size(); ++i) out->Set(i, of(c, i, (*out)[i]));
  };
}

OracleSubject::Answer Scaled(double factor) {
  return Each([factor](const Case&, std::size_t, double x) { return factor * x; });
}

double NoMoment(const Case& c, std::size_t i, double x) {
  if (x == 0 || std::isinf(c.temperature)) return x;
  return (c.op == ASSAY_SOFTMAX_BACKWARD ? c.saved[i] : 1) * c.upstream[i] / c.temperature;
}

double ZeroTimesUpstream(const Case& c, std::size_t i, double x) {
  return c.Visible(i / c.cols, i % c.cols) ? x : 0 * c.upstream[i];
}

double LastIsZero(const Case& c, std::size_t i, double x) { return i % c.cols + 1 == c.cols ? 0 : x; }

double Reciprocal(const Case&, std::size_t, double x) { return x == 0 ? x : 1 / x; }

double Skewed(const Case& c, std::size_t i, double x) { return x * (1 + 0.25 * static_cast<double>(i % c.cols)); }

double NegativeZero(const Case&, std::size_t, double x) { return x == 0 ? -0.0 : x; }

double DividedByAllRows(const Case& c, std::size_t, double x) {
  if (c.reduction != ASSAY_REDUCTION_MEAN) return x;
  return x * static_cast<double>(CountedRows(c)) / static_cast<double>(c.rows);
}

// Smoothing 1 spread over all classes, of which only the visible ones are summed.
double SpreadOverAll(const Case& c, std::size_t, double x) {
  double visible = 0;
  for (std::size_t j = 0; j < c.cols; ++j) visible += c.Visible(0, j) ? 1 : 0;
  return c.label_smoothing == 1 ? x * visible / static_cast<double>(c.cols) : x;
}

void ForgetMean(Case* c) {
  if (c->reduction == ASSAY_REDUCTION_MEAN) c->reduction = ASSAY_REDUCTION_SUM;
}

void CutLabels(Case* c) {
  for (std::size_t r = 0; r < c->labels.values.size(); ++r) {
    if (!Ignored(*c, r)) c->labels.values.SetBits(r, c->labels.values.Bits(r) % c->cols);
  }
}

TEST(GradientLawsTest, FindTheirFaults) {
  const assay_op softmax = ASSAY_SOFTMAX_BACKWARD;
  const assay_op log = ASSAY_LOG_SOFTMAX_BACKWARD;
  const assay_op sparse = ASSAY_SPARSEMAX_BACKWARD;
  const assay_op loss = ASSAY_CROSS_ENTROPY;
  const assay_op gradient = ASSAY_CROSS_ENTROPY_BACKWARD;
  ExpectFaultsFound(
      GradientLaws(),
      {
          {"gradient_sums_to_zero", softmax, "no moment", {}, Each(NoMoment)},
          {"gradient_sums_to_zero", log, "no sum of upstreams", {}, Each(NoMoment)},
          {"gradient_sums_to_zero", sparse, "dropped tail", {}, Each(LastIsZero)},
          {"gradient_sums_to_zero", gradient, "dropped tail", {}, Each(LastIsZero)},
          {"gradient_shift", softmax, "no moment", {}, Each(NoMoment)},
          {"gradient_shift", sparse, "no mean", {}, Each(NoMoment)},
          {"gradient_symmetric", softmax, "rows of the Jacobian scaled", {}, Each(Skewed)},
          {"gradient_symmetric", sparse, "rows of the Jacobian scaled", {}, Each(Skewed)},
          {"gradient_semidefinite", softmax, "flipped sign", {}, Scaled(-1)},
          {"gradient_semidefinite", sparse, "flipped sign", {}, Scaled(-1)},
          {"gradient_semidefinite", gradient, "flipped sign", {}, Scaled(-1)},
          {"gradient_zero_where_no_mass", softmax, "0 times inf", {}, Each(ZeroTimesUpstream)},
          {"gradient_zero_where_no_mass", log, "0 times inf", {}, Each(ZeroTimesUpstream)},
          {"gradient_zero_where_no_mass", gradient, "-0", {}, Each(NegativeZero)},
          {"saturation", softmax, "grows where it should fall", {}, Each(Reciprocal)},
          {"saturation", sparse, "no mean", {}, Each(Reciprocal)},
          {"saturation", gradient, "grows where it should fall", {}, Each(Reciprocal)},
          {"cross_entropy_gradient_matches", gradient, "not divided for the mean", ForgetMean, {}},
          {"cross_entropy_gradient_matches", gradient, "a factor", {}, Scaled(1.5)},
          {"nonnegative_loss", loss, "-0", {}, Each(NegativeZero)},
          {"nonnegative_loss", loss, "flipped sign", {}, Scaled(-1)},
          {"ignored_rows", loss, "ignored rows counted by the mean", {}, Each(DividedByAllRows)},
          {"ignored_rows", gradient, "ignored rows counted by the mean", {}, Each(DividedByAllRows)},
          {"reductions_agree", loss, "ignored rows counted by the mean", {}, Each(DividedByAllRows)},
          {"reductions_agree", gradient, "not divided for the mean", ForgetMean, {}},
          {"label_smoothing", loss, "spread over masked classes", {}, Each(SpreadOverAll)},
          {"label_smoothing", gradient, "spread over masked classes", {}, Each(SpreadOverAll)},
          {"labels_equal_one_hot",
           loss,
           "targets take another path",
           {},
           Each([](const Case& c, std::size_t, double x) { return c.targets.given ? 1.01 * x : x; })},
          {"masked_target", loss, "finite sentinel", {}, Each([](const Case&, std::size_t, double x) {
             return std::isinf(x) ? 1e4 : x;
           })},
          {"masked_target", gradient, "-t behind the mask", {}, Each([](const Case& c, std::size_t i, double x) {
             return c.Visible(i / c.cols, i % c.cols) ? x : -GivenTarget(c, i / c.cols, i % c.cols);
           })},
          {"bad_labels", loss, "labels cut", CutLabels, {}},
          {"bad_labels",
           gradient,
           "smoothing clamped",
           [](Case* c) { c->label_smoothing = c->label_smoothing > 0 ? std::min(c->label_smoothing, 1.0) : 0; },
           {}},
      },
      300);
}

}  // namespace
}  // namespace assay::properties
