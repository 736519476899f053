// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "properties/laws.h"
#include "properties/laws_testing.h"

namespace assay::properties {
namespace {

using subjects::Array;

TEST(SparsemaxLawsTest, RejectNoSubjectThatIsRightToTheLastBit) {
  OracleSubject right;
  ExpectLawsHold(SparsemaxLaws(), right, 1000);
}

TEST(SparsemaxLawsTest, RejectNoSubjectThatIsRightWithinItsBound) {
  // One number below the nearest, but where the value is a convention, 0 or 1.
  OracleSubject off({}, [](const Case&, Array* out) {
    for (std::size_t i = 0; i < out->size(); ++i) {
      if ((*out)[i] > 0 && (*out)[i] < 1 && std::isfinite((*out)[i])) out->SetBits(i, out->Bits(i) - 1);
    }
  });
  off.Claim({ASSAY_CLAIM_BOUND, 0, 2.5, 0});
  ExpectLawsHold(SparsemaxLaws(), off, 1000);
}

TEST(SparsemaxLawsTest, RejectNoSubjectThatClaimsNothing) {
  OracleSubject modest;
  modest.Claim({ASSAY_CLAIM_NONE, 0, 0, 0});
  ExpectLawsHold(SparsemaxLaws(), modest, 1000);
}

TEST(SparsemaxLawsTest, FitsAreIdempotentValidAndKeepTheOperation) { ExpectFitsAreProjections(SparsemaxLaws(), 400); }

template <class Of>
OracleSubject::Answer Each(Of of) {
  return [of](const Case& c, Array* out) {
    for (std::size_t i = 0; i < out->size(); ++i) out->Set(i, of(c, i, (*out)[i]));
  };
}

TEST(SparsemaxLawsTest, FindTheirFaults) {
  const assay_op op = ASSAY_SPARSEMAX;
  const auto larger = Each([](const Case&, std::size_t, double x) { return 1.01 * x; });
  const auto swapped = [](const Case& c, Array* out) {
    for (std::size_t i = 0; i + 1 < out->size() && c.cols > 1; i += c.cols) {
      const std::uint64_t first = out->Bits(i);
      out->SetBits(i, out->Bits(i + 1));
      out->SetBits(i + 1, first);
    }
  };
  // A threshold that depends on where the scores are, as it does where no maximum is subtracted.
  const auto drifts = Each([](const Case& c, std::size_t i, double x) {
    return std::isfinite(c.logits[i]) ? x * (1 + 1e-3 * std::fabs(c.logits[i])) : x;
  });
  const auto leaks = Each(
      [](const Case& c, std::size_t i, double x) { return x == 0 && c.Visible(i / c.cols, i % c.cols) ? 1e-3 : x; });
  const auto uneven = Each([](const Case&, std::size_t i, double x) { return i % 2 == 0 ? x : 0.99 * x; });
  ExpectFaultsFound(SparsemaxLaws(),
                    {
                        {"sparsemax_simplex", op, "not normalised", {}, larger},
                        {"sparsemax_exact_zeros", op, "mass outside the support", {}, leaks},
                        {"sparsemax_exact_zeros", op, "T forgotten", [](Case* c) { c->temperature = 1; }, {}},
                        {"sparsemax_kkt", op, "shares scaled", {}, larger},
                        {"sparsemax_kkt", op, "T forgotten", [](Case* c) { c->temperature = 1; }, {}},
                        {"sparsemax_shift", op, "no maximum subtracted", {}, drifts},
                        {"sparsemax_ties", op, "tails by another formula", {}, uneven},
                        {"sparsemax_projection", op, "not normalised", {}, larger},
                        {"sparsemax_order", op, "entries mixed up", {}, swapped},
                    },
                    300);
}

}  // namespace
}  // namespace assay::properties
