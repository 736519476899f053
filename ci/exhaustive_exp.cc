// SPDX-License-Identifier: Apache-2.0
//
// The exponential inside each tier, alone, against the bound that its error analysis gives.

#include <cmath>

#include "error_bounds.h"
#include "exhaustive.h"
#include "kernels.h"
#include "oracle/oracle.h"

namespace assay::exhaustive {
namespace {

constexpr std::uint32_t kMinusZero = 0x80000000;
constexpr std::uint32_t kMinus104 = 0xC2D00000;
constexpr std::uint32_t kMinusInfinity = 0xFF800000;

// Relative error of got against exp(x), or a bound on it. Where -2^-54 < x <= 0, exp(x) lies in (1 - 2^-54, 1], so
// that 1 and the double below it are within 2^-53 of it: no arithmetic needed.
double ExpError(double x, double got) {
  if (x > -0x1p-54 && (got == 1 || got == 1 - 0x1p-53)) return x == 0 && got == 1 ? 0 : 0x1p-53;
  return oracle::ExpRelativeError(x, got);
}

std::vector<Ours> Targets() {
  std::vector<Ours> targets;
  for (std::size_t t = 0; t < assay_num_targets(); ++t) targets.push_back({assay_target_name(t), nullptr});
  return targets;
}

// Error of the f32 got against exp(z), in units of what is allowed: kFastExpRelative of exp(z), and half a unit in the
// last place where the result is subnormal. exp in double, within 1 ULP, is exact enough where the error stays 2^-20 of
// the bound below it; the oracle has the last word, and confirms one value in 4096 of those.
double FastExpError(double z, double got, bool confirm) {
  const double e = std::exp(z);
  const double floor = e < 0x1p-126 ? 0x1p-150 : 0;
  const double bound = bounds::kFastExpRelative * e + floor;
  const double share = std::fabs(got - e) / bound;
  if (share < 1 - 0x1p-20 && !confirm) return share;
  if (e < 0x1p-200) return got == 0 ? 0 : HUGE_VAL;  // -inf, too
  return (oracle::ExpRelativeError(z, got) * e) / bound;
}

bool CheckFastExp() {
  const std::vector<Ours> targets = Targets();
  const auto body = [](std::uint32_t first, std::uint32_t count, std::vector<Tally>& tally) {
    std::vector<float> z(count);
    for (std::uint32_t i = 0; i < count; ++i) z[i] = FloatOf(first + i);
    std::vector<std::vector<float>> got(tally.size(), std::vector<float>(count));
    for (std::size_t t = 0; t < tally.size(); ++t) internal::FastExpForTest(t, z.data(), got[t].data(), count);
    for (std::uint32_t i = 0; i < count; ++i) {
      double error = 0;
      for (std::size_t t = 0; t < tally.size(); ++t) {
        if (t == 0 || got[t][i] != got[t - 1][i]) {
          error = FastExpError(static_cast<double>(z[i]), static_cast<double>(got[t][i]), i % 4096 == 0);
        }
        tally[t].See(error <= 1, error, z[i]);
      }
    }
  };
  bool good = true;
  fmt::print("fast tier's exp: bound {:.3f} u, u = 2^-24\n", bounds::kFastExpRelative * 0x1p24);
  const auto below = ForAll("fast tier's exp over every f32 z <= 0", kMinusZero, kMinusInfinity, targets.size(), body);
  good = Print(targets, below, "worst error / bound") && good;
  const auto above = ForAll("fast tier's exp over every f32 in [0, 60]", 0, BitsOf(60), targets.size(), body);
  return Print(targets, above, "worst error / bound") && good;
}

bool CheckExactExp() {
  const std::vector<Ours> targets = Targets();
  const auto body = [](std::uint32_t first, std::uint32_t count, std::vector<Tally>& tally) {
    std::vector<double> x(count);
    for (std::uint32_t i = 0; i < count; ++i) x[i] = static_cast<double>(FloatOf(first + i));
    std::vector<std::vector<double>> got(tally.size(), std::vector<double>(count));
    for (std::size_t t = 0; t < tally.size(); ++t) internal::ExpForTest(t, x.data(), got[t].data(), count);
    for (std::uint32_t i = 0; i < count; ++i) {
      double error = 0;
      for (std::size_t t = 0; t < tally.size(); ++t) {
        if (t == 0 || got[t][i] != got[t - 1][i]) error = ExpError(x[i], got[t][i]);
        tally[t].See(error <= bounds::kExpRelative, error / bounds::kU, FloatOf(first + i));
      }
    }
  };
  const auto tallies =
      ForAll("exact tier's exp over every f32 in [-104, 0]", kMinusZero, kMinus104, targets.size(), body);
  fmt::print("  bound: {:.3f} u, u = 2^-53\n", bounds::kExpRelative / bounds::kU);
  return Print(targets, tallies, "worst relative error in u");
}

}  // namespace

bool CheckExp() {
  const bool exact = CheckExactExp();
  return CheckFastExp() && exact;
}

}  // namespace assay::exhaustive
