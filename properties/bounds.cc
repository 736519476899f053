// SPDX-License-Identifier: Apache-2.0

#include "properties/bounds.h"

#include <cmath>
#include <limits>

#include "properties/textbook.h"

namespace assay::properties {
namespace {

// Covers the double arithmetic behind terms and textbook errors, a few thousand roundings at most.
constexpr double kOutwards = 1 + 0x1p-30;

}  // namespace

bool ClaimsNearest(const subjects::SubjectInfo& info, const subjects::Case& c) {
  return info.Claim(c.op, c.dtype).kind == ASSAY_CLAIM_CORRECTLY_ROUNDED;
}

std::vector<Bound> BoundsOf(const subjects::Case& c, const subjects::SubjectInfo& info, std::uint64_t repeat) {
  const assay_claim& claim = info.Claim(c.op, c.dtype);
  std::vector<Bound> bounds;
  for (const Analysis& entry : Analyze(c, repeat)) {
    if (entry.fixed) {
      bounds.push_back({0, 0});
    } else if (claim.kind == ASSAY_CLAIM_CORRECTLY_ROUNDED) {
      bounds.push_back({0.5, 0});
    } else if (claim.kind == ASSAY_CLAIM_BOUND) {
      bounds.push_back({claim.max_ulp, claim.terms == 0 ? 0 : claim.terms * entry.terms * kOutwards});
    } else {
      bounds.push_back({0, entry.error * kOutwards});
    }
  }
  return bounds;
}

std::vector<Bound> TextbookBounds(const subjects::Case& c, std::uint64_t repeat) {
  return BoundsOf(c, subjects::SubjectInfo{}, repeat);
}

std::vector<double> TermsOf(const subjects::Case& c, std::uint64_t repeat) {
  std::vector<double> terms;
  for (const Analysis& entry : Analyze(c, repeat)) terms.push_back(entry.terms * kOutwards);
  return terms;
}

// exact = e, g = |got|: |e| <= g + ulps * w + absolute with w = ulp(e). An e in the binade of ulp w is possible where
// its first number 2^(precision - 1) w is not beyond that; from there on w doubles. Where ulps reaches a whole binade
// there is no end to it.
double SlackAround(const Bound& bound, subjects::Element element, double got) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  if (!std::isfinite(got) || std::isinf(bound.absolute)) return kInf;
  if (bound.ulps == 0) return bound.absolute;
  const double g = std::fabs(got);
  // The nearest number to e is in its binade or begins the next one.
  // Half the smallest double is none: rounded up there.
  const auto times = [&](double w) { return (w == 0x1p-1074 ? std::ceil(bound.ulps) : bound.ulps) * w; };
  if (bound.ulps <= 0.5 && bound.absolute == 0) return times(subjects::UlpOf(element, g));
  const subjects::FloatFormat format = subjects::FormatOf(element);
  const double binade = std::ldexp(1.0, format.precision - 1);
  if (bound.ulps >= binade) return kInf;
  double w = subjects::UlpOf(element, std::fmin(g + bound.absolute, format.max_finite));
  while (2 * w * (binade - bound.ulps) <= g + bound.absolute && 2 * w * binade <= format.max_finite) w *= 2;
  return times(w) + bound.absolute;
}

double InUlp(const Bound& bound, const oracle::Exact& exact) { return bound.ulps + bound.absolute / exact.ulp; }

}  // namespace assay::properties
