// SPDX-License-Identifier: Apache-2.0
//
// Sigmoid, entry by entry: special values and the exact 1/2, then one of two tiers. Both are transcendental elsewhere,
// above 1/2 where z > 0 and below where z < 0, and strictly inside (0, 1).

#include <cmath>
#include <limits>
#include <optional>

#include "oracle/arb_real.h"
#include "oracle/exact_order.h"
#include "oracle/mpfr_real.h"
#include "oracle/tiers.h"

namespace assay::oracle {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
// Beyond this |z|, the smaller of the sigmoid and its complement is in (0, 2^kTailLog2).
constexpr long double kTail = 0x1p17L;
constexpr std::int64_t kTailLog2 = -90000;

struct Entry {
  Argument argument;
  double temperature;
  Format format;
  int sign;  // of z
};

// The magnitudes where the larger part of (0, 1) is as close to its end as the smaller one.
Interval Tail(int sign) {
  if (sign < 0) return {Dyadic{}, PowerOfTwo(kTailLog2)};
  return {Dyadic{~std::uint64_t{0}, ~std::uint64_t{0}, -128}, PowerOfTwo(0)};
}

std::optional<Exact> RoundWithSign(Interval value, const Entry& entry) {
  const Dyadic half = PowerOfTwo(-1);
  if (entry.sign > 0 && Less(value.lo, half)) value.lo = half;
  if (entry.sign < 0 && Less(half, value.hi)) value.hi = half;
  if (Less(PowerOfTwo(0), value.hi)) value.hi = PowerOfTwo(0);
  return RoundEnclosure(value, false, entry.format);
}

// 1 / (1 + exp(-z)) as on paper. With the notation of referee.cc, |z~ - z| <= 2.1 u A = u E; where u E <= 2^-20,
// exp(-z~) is off by at most 1.01 u (E + 1) of itself, and so is 1 + exp(-z~), plus u, and the quotient, plus u.
template <unsigned kDigits>
std::optional<Exact> RefereeRung(const Entry& entry) {
  using Number = Real<kDigits>;
  const auto& [x, bias] = entry.argument;
  const Number z = Number(x) / Number(entry.temperature) + bias;
  const long precision = Precision(z.backend().data());
  const long double size = std::fabs(static_cast<long double>(x)) / entry.temperature + std::fabs(bias);
  const long double error = 2.2L * size;
  const long double magnitude = std::fabs(mpfr_get_ld(z.backend().data(), MPFR_RNDN));
  if (magnitude > kTail && 4 * error <= std::ldexp(magnitude, static_cast<int>(precision))) {
    return RoundEnclosure(Tail(entry.sign), false, entry.format);
  }
  if (error > std::ldexp(1.0L, static_cast<int>(precision) - 20)) return std::nullopt;
  Number e = exp(-z);
  if (const double planted = Planted(Tier::kReferee); planted != 0) e *= 1 + Number(planted);
  const Number p = 1 / (1 + e);
  static thread_local Enclose enclose;
  return RoundWithSign(enclose.Relative(p.backend().data(), 1.1L * error + 8), entry);
}

Exact Referee(const Entry& entry) {
  FreeCacheAtThreadExit();
  using RungFunction = std::optional<Exact> (*)(const Entry&);
  constexpr RungFunction kLadder[kRungs] = {RefereeRung<40>,  RefereeRung<80>,  RefereeRung<160>,
                                            RefereeRung<320>, RefereeRung<640>, RefereeRung<2560>};
  for (const RungFunction rung : kLadder) {
    if (const auto result = rung(entry)) return *result;
  }
  constexpr long kBits = 8504;
  ThrowUndecided(
      Tier::kReferee, kBits,
      "sigmoid of z = " + Hex(entry.argument.x) + " / " + Hex(entry.temperature) + " + " + Hex(entry.argument.bias));
}

// In balls, through exp(-|z|): e / (1 + e) or 1 / (1 + e).
Exact Bulk(const Entry& entry) {
  FlintCleanupAtThreadExit();
  static thread_local Ball z, t, bias, planted;
  static thread_local Float end;
  constexpr slong kLadder[kRungs] = {96, 192, 384, 768, 2048, 8192};
  const Approximate rough = ApproximateDifference(entry.argument, {}, entry.temperature);
  if (std::fabs(rough.value) - rough.error > kTail) {
    return RoundEnclosure(Tail(entry.sign), false, entry.format).value();
  }
  for (slong precision : kLadder) {
    if (precision == 96 && entry.format == Format::kF64) precision = 128;
    arb_set_d(z, entry.argument.x);
    if (entry.temperature != 1) {
      arb_set_d(t, entry.temperature);
      arb_div(z, z, t, precision);
    }
    if (entry.argument.bias != 0) {
      arb_set_d(bias, entry.argument.bias);
      arb_add(z, z, bias, precision);
    }
    if (entry.sign > 0) arb_neg(z, z);
    if (mag_cmp_2exp_si(arb_radref(static_cast<arb_ptr>(z)), -8) > 0) continue;
    arb_exp(z, z, precision);
    if (const double relative = Planted(Tier::kBulk); relative != 0) {
      arb_set_d(planted, relative);
      arb_add_ui(planted, planted, 1, precision);
      arb_mul(z, z, planted, precision);
    }
    arb_add_ui(t, z, 1, precision);
    if (entry.sign > 0) {
      arb_inv(z, t, precision);
    } else {
      arb_div(z, z, t, precision);
    }
    Interval value;
    if (!ToInterval(z, false, end, value)) continue;
    if (const auto result = RoundWithSign(value, entry)) return *result;
  }
  ThrowUndecided(
      Tier::kBulk, kLadder[kRungs - 1],
      "sigmoid of z = " + Hex(entry.argument.x) + " / " + Hex(entry.temperature) + " + " + Hex(entry.argument.bias));
}

Exact One(Format format) { return RoundEnclosure(Reciprocal(1), false, format).value(); }

Exact SigmoidOf(double x, double bias, const Row& row, Tier tier) {
  if (x == -kInf || bias == -kInf) return ZeroResult(row.format);
  if (std::isnan(x) || std::isnan(bias)) return NaNResult(row.format);
  if (x == kInf || bias == kInf) return One(row.format);
  double temperature = row.temperature;
  if (temperature == 0 && x != 0) return x > 0 ? One(row.format) : ZeroResult(row.format);
  if (temperature == 0 || std::isinf(temperature)) {
    x = 0;
    temperature = 1;
  }
  const Entry entry = {{x, bias}, temperature, row.format, CompareZ({x, bias}, {}, temperature)};
  if (entry.sign == 0) return RoundEnclosure(Reciprocal(2), false, row.format).value();
  return tier == Tier::kReferee ? Referee(entry) : Bulk(entry);
}

}  // namespace

std::vector<Exact> Sigmoid(const Row& row, Tier tier) {
  CheckTemperature(row.temperature);
  CheckSameLength("bias", row.bias.size(), row.logits.size());
  if (!row.mask.empty()) throw std::invalid_argument("oracle: sigmoid has no mask");
  std::vector<Exact> result(row.logits.size());
  for (std::size_t i = 0; i < result.size(); ++i) {
    result[i] = SigmoidOf(row.logits[i], row.bias.empty() ? 0 : row.bias[i], row, tier);
  }
  return result;
}

}  // namespace assay::oracle
