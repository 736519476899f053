// SPDX-License-Identifier: Apache-2.0
//
// The laws of rows and of logarithms: none rejects what is right, whatever it claims, and each finds its fault.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "properties/laws.h"
#include "properties/laws_testing.h"

namespace assay::properties {
namespace {

using subjects::Array;

constexpr double kInf = std::numeric_limits<double>::infinity();

// All but those whose rows are long, or those alone.
std::vector<Property> Laws(bool long_rows) {
  std::vector<Property> laws;
  for (const std::span<const Property> table : {RowLaws(), LogLaws()}) {
    for (const Property& law : table) {
      if (std::string(law.name).starts_with("absorption") == long_rows) laws.push_back(law);
    }
  }
  return laws;
}

TEST(RowLawsTest, RejectNoSubjectThatIsRightToTheLastBit) {
  OracleSubject right;
  ExpectLawsHold(Laws(false), right, 150);
  ExpectLawsHold(Laws(true), right, 3);
}

TEST(RowLawsTest, RejectNoSubjectThatIsRightWithinItsBound) {
  // A neighbour of the nearest number, the same for equal numbers, but where the value is a convention, or a limit that
  // no result may pass.
  OracleSubject off({}, [](const Case&, Array* out) {
    for (std::size_t i = 0; i < out->size(); ++i) {
      const double x = (*out)[i];
      if (x == 0 || x == 1 || !std::isfinite(x)) continue;
      out->SetBits(i, out->Bits(i) ^ 1);
      if ((*out)[i] == 0 || (*out)[i] == 1) out->SetBits(i, out->Bits(i) ^ 1);
    }
  });
  off.Claim({ASSAY_CLAIM_BOUND, 0, 2.5, 0});
  ExpectLawsHold(Laws(false), off, 150);
}

TEST(RowLawsTest, RejectNoSubjectThatClaimsNothing) {
  OracleSubject modest;
  modest.Claim({ASSAY_CLAIM_NONE, 0, 0, 0});
  ExpectLawsHold(Laws(false), modest, 150);
}

TEST(RowLawsTest, FitsAreIdempotentValidAndKeepTheOperation) {
  ExpectFitsAreProjections(Laws(false), 200);
  ExpectFitsAreProjections(Laws(true), 3);
}

template <class Of>
OracleSubject::Answer Each(Of of) {
  return [of](const Case& c, Array* out) {
    for (std::size_t i = 0; i < out->size(); ++i) out->Set(i, of(c, i, (*out)[i]));
  };
}

// x times a + b where it is finite.
OracleSubject::Answer Moved(double a, double b) {
  return Each([a, b](const Case&, std::size_t, double x) { return std::isfinite(x) ? a * x + b : x; });
}

OracleSubject::Answer AtLeast(double low) {
  return Each([low](const Case&, std::size_t, double x) { return x < low ? low : x; });
}

template <class Of>
OracleSubject::Ask EachLogit(Of of) {
  return [of](Case* c) {
    for (std::size_t i = 0; i < c->logits.values.size(); ++i) c->logits.values.Set(i, of(c->logits[i]));
  };
}

template <class Of>
OracleSubject::Ask Temperature(Of of) {
  return [of](Case* c) { c->temperature = of(c->temperature); };
}

OracleSubject::Ask MasksFilledWith(double x) {
  return [x](Case* c) {
    if (!c->mask.given) return;
    for (std::size_t i = 0; i < c->mask.values.size(); ++i) {
      if (c->mask.values.Bits(i) == 0) c->logits.values.Set(i, x);
    }
    Take(*c, subjects::Role::kMask);
  };
}

void LookBehindTheMask(Case* c) {
  for (std::size_t i = 0; c->mask.given && i < c->mask.values.size(); ++i) {
    if (std::isnan(c->logits[i])) c->mask.values.SetBits(i, 1);
  }
}

double LastIsZero(const Case& c, std::size_t i, double x) { return i % c.cols + 1 == c.cols ? 0 : x; }

double LongTailIsZero(const Case& c, std::size_t i, double x) { return i % c.cols >= 4 ? 0 : x; }

TEST(RowLawsTest, FindTheirFaults) {
  const assay_op softmax = ASSAY_SOFTMAX;
  const assay_op log = ASSAY_LOG_SOFTMAX;
  const assay_op lse = ASSAY_LOGSUMEXP;
  const assay_op sigmoid = ASSAY_SIGMOID;
  const assay_op loss = ASSAY_CROSS_ENTROPY;
  const auto minus_inf_is_finite = EachLogit([](double x) { return x == -kInf ? -2 : x; });
  const auto nan_is_lost = EachLogit([](double x) { return std::isnan(x) ? 0 : x; });
  const auto clipped = EachLogit([](double x) { return std::min(x, 20.0); });
  const auto whole = EachLogit([](double x) { return std::floor(x); });
  const auto sentinel_start = EachLogit([](double x) { return x < -1e4 ? -1e4 : x; });
  ExpectFaultsFound(
      Laws(false),
      {
          {"simplex", softmax, "a sum that lost mass", {}, Moved(1.05, 0)},
          {"simplex", softmax, "-0", {}, Each([](const Case&, std::size_t, double x) { return x == 0 ? -0.0 : x; })},
          {"accuracy", softmax, "a factor", {}, Moved(1.05, 0)},
          {"accuracy", lse, "a summand", {}, Moved(1, 0.1)},
          {"exact_shift", softmax, "exponentials clipped for want of a maximum", clipped, {}},
          {"exact_shift", loss, "exponentials clipped for want of a maximum", clipped, {}},
          {"order", softmax, "another formula in the last lane", {}, Each(LastIsZero)},
          {"order", sigmoid, "falls where it should rise", {}, Moved(-1, 1)},
          {"ratio", softmax, "clamped exponential", {}, AtLeast(1e-3)},
          {"permutation", softmax, "dropped tail", {}, Each(LastIsZero)},
          {"permutation", ASSAY_SPARSEMAX_BACKWARD, "dropped tail", {}, Each(LastIsZero)},
          {"duplication", softmax, "dropped tail", {}, Each(LongTailIsZero)},
          {"duplication", lse, "a mean for a sum", {}, Moved(1.25, 0)},
          {"temperature_to_zero", softmax, "T clamped", Temperature([](double t) { return std::max(t, 0.5); }), {}},
          {"subnormal_temperature", softmax, "T clamped", Temperature([](double t) { return std::max(t, 0.5); }), {}},
          {"temperature_to_infinity", lse, "T clamped", Temperature([](double t) { return std::min(t, 9.0); }), {}},
          {"entropy", softmax, "inverted T", Temperature([](double t) { return 1 / t; }), {}},
          {"power_of_two_temperature", sigmoid, "T ignored", Temperature([](double) { return 1; }), {}},
          {"sensitivity", softmax, "logits cut to whole numbers", whole, {}},
          {"sensitivity", lse, "logits cut to whole numbers", whole, {}},
          {"two_classes", softmax, "clamped", {}, AtLeast(0.01)},
          {"two_classes", sigmoid, "clamped", {}, AtLeast(0.01)},
          {"minus_inf_padding", softmax, "-inf made finite", minus_inf_is_finite, {}},
          {"minus_inf_padding", loss, "-inf made finite", minus_inf_is_finite, {}},
          {"masked_is_zero", softmax, "a finite number behind the mask", MasksFilledWith(-5), {}},
          {"masked_is_zero", log, "a lowest number for -inf", {}, AtLeast(-60000)},
          {"masked_content_ignored", softmax, "NaN seen behind the mask", LookBehindTheMask, {}},
          {"masked_equals_compacted", lse, "a finite number behind the mask", MasksFilledWith(-1), {}},
          {"mask_forms_agree", softmax, "a finite number behind the mask", MasksFilledWith(-1), {}},
          {"sentinel_is_no_mask", softmax, "masks filled with a sentinel", MasksFilledWith(-1e4), {}},
          {"sentinel_is_no_mask", lse, "a maximum that starts from a sentinel", sentinel_start, {}},
          {"single_visible", softmax, "rounded away from 1", {}, Moved(0.99, 0)},
          {"single_visible", lse, "rounded away from z", {}, Moved(1, 0.5)},
          {"special_values", softmax, "a lost NaN", nan_is_lost, {}},
          {"special_values", sigmoid, "a lost NaN", nan_is_lost, {}},
          {"empty_row", softmax, "1/n", {}, Each([](const Case&, std::size_t, double x) {
             return std::isnan(x) ? 0.5 : x;
           })},
          {"split_merge", softmax, "a sum not rescaled", {}, Each([](const Case& c, std::size_t i, double x) {
             return i % c.cols < c.cols / 2 ? 0.75 * x : x;
           })},
          {"argmax", log, "flipped", {}, Moved(-1, 0)},
          {"argmax", softmax, "inverted T", Temperature([](double t) { return 1 / t; }), {}},
          {"soft_argmax", softmax, "mass behind the mask", MasksFilledWith(5), {}},
          {"soft_argmax", softmax, "no normalisation", {}, Moved(2, 0)},
          {"never_positive", log, "a lost normalisation", {}, Moved(1, 1)},
          {"exp_of_log", log, "another base", {}, Moved(1.4427, 0)},
          {"log_differences", log, "clamped", {}, AtLeast(-5)},
          {"log_near_zero", log, "log(1 + x)", {}, Moved(1.5, 0)},
          {"lse_bounds", lse, "a sum without its maximum", {}, Moved(1, -1)},
          {"lse_shift", lse, "the maximum added twice", {}, Moved(2, 0)},
          {"lse_convex", lse, "concave", {}, Moved(-1, 0)},
          {"lse_merge", lse, "a lost term", {}, Moved(1, 0.5)},
      },
      150);
  ExpectFaultsFound(Laws(true),
                    {
                        {"absorption", softmax, "a sum that stalls", {}, Moved(1.05, 0)},
                        {"absorption_long", lse, "a count that ends", {}, Moved(1, -0.5)},
                    },
                    4);
}

}  // namespace
}  // namespace assay::properties
