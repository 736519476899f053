// SPDX-License-Identifier: Apache-2.0
//
// How far a result is from the truth, and the test hook that makes a tier wrong.

#include <bit>
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

double ErrUlp(double got, const Exact& exact) {
  const bool got_nan = std::isnan(got);
  const bool want_nan = std::isnan(exact.nearest);
  if (got_nan && want_nan) return 0;
  if (got_nan || want_nan || std::isinf(got)) return std::numeric_limits<double>::infinity();
  return std::fabs((got - exact.nearest) / exact.ulp - exact.remainder_ulp);
}

bool IsNearest(float got, const Exact& exact) {
  constexpr std::uint32_t kCanonicalNaN = 0x7FC00000;
  const auto bits = std::bit_cast<std::uint32_t>(got);
  if (std::isnan(exact.nearest)) return bits == kCanonicalNaN;
  return bits == std::bit_cast<std::uint32_t>(static_cast<float>(exact.nearest));
}

double Planted(Tier tier) { return PlantedOf(tier); }

PlantedError::PlantedError(Tier tier, double relative) : tier_(tier) { PlantedOf(tier) = relative; }

PlantedError::~PlantedError() { PlantedOf(tier_) = 0; }

}  // namespace assay::oracle
