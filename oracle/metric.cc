// SPDX-License-Identifier: Apache-2.0
//
// How far a result is from the truth, the names of things, and the test hook that makes a tier wrong.

#include <cmath>
#include <limits>

#include "oracle/oracle.h"
#include "oracle/tiers.h"

namespace assay::oracle {
namespace {

thread_local double planted_referee = 0;
thread_local double planted_bulk = 0;

double& PlantedOf(Tier tier) { return tier == Tier::kReferee ? planted_referee : planted_bulk; }

}  // namespace

const char* TierName(Tier tier) { return tier == Tier::kReferee ? "referee" : "bulk"; }

const char* FormatName(Format format) {
  switch (format) {
    case Format::kF32:
      return "f32";
    case Format::kF64:
      return "f64";
    case Format::kF16:
      return "f16";
    case Format::kBF16:
      return "bf16";
  }
  return "unknown format";
}

double ErrUlp(double got, const Exact& exact) {
  if (std::isnan(got) && std::isnan(exact.nearest)) return 0;
  if (!std::isfinite(got) || !std::isfinite(exact.nearest)) {
    return got == exact.nearest ? 0 : std::numeric_limits<double>::infinity();
  }
  return std::fabs((got - exact.nearest) / exact.ulp - exact.remainder_ulp);
}

bool IsNearest(double got, const Exact& exact) {
  if (std::isnan(exact.nearest)) return std::isnan(got);
  return got == exact.nearest && !(got == 0 && std::signbit(got));
}

double Planted(Tier tier) { return PlantedOf(tier); }

PlantedError::PlantedError(Tier tier, double relative) : tier_(tier) { PlantedOf(tier) = relative; }

PlantedError::~PlantedError() { PlantedOf(tier_) = 0; }

}  // namespace assay::oracle
