// SPDX-License-Identifier: Apache-2.0

#include "properties/approx.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace assay::properties {
namespace {

using Long = std::numeric_limits<long double>;

// Twice the unit roundoff: bounds the relative rounding of one operation, and leaves as much again.
constexpr long double kEpsilon = Long::epsilon();

// An error is a sum or product of a few terms, each rounded: this much more bounds it from above.
constexpr long double kUp = 1 + 16 * kEpsilon;

// 0 times infinity is 0: an exact zero is one whatever it is multiplied by.
long double Times(long double a, long double b) { return a == 0 || b == 0 ? 0 : a * b; }

Approx Rounded(long double value, long double error) { return {value, kUp * (error + kEpsilon * std::fabs(value))}; }

}  // namespace

Approx::Approx(long double value_in, long double error_in) : value(value_in), error(error_in) {
  if (std::isfinite(value)) return;
  value = 0;
  error = Long::infinity();
}

Approx operator-(const Approx& a) { return {-a.value, a.error}; }

Approx operator+(const Approx& a, const Approx& b) { return Rounded(a.value + b.value, a.error + b.error); }

Approx operator-(const Approx& a, const Approx& b) { return a + -b; }

Approx operator*(const Approx& a, const Approx& b) {
  return Rounded(Times(a.value, b.value),
                 Times(std::fabs(a.value), b.error) + Times(std::fabs(b.value), a.error) + Times(a.error, b.error));
}

Approx OverT(const Approx& a, double temperature) {
  if (std::isinf(temperature)) return {};
  return Rounded(a.value / temperature, a.error / temperature);
}

Approx Abs(const Approx& a) { return {std::fabs(a.value), a.error}; }

// |min(a, b) - min(a', b')| <= max(|a - a'|, |b - b'|), and so for max.
Approx Min(const Approx& a, const Approx& b) { return {std::min(a.value, b.value), std::max(a.error, b.error)}; }

Approx Max(const Approx& a, const Approx& b) { return {std::max(a.value, b.value), std::max(a.error, b.error)}; }

// |e^(v + d) - e^v| <= e^v (e^|d| - 1), and at most e^(v + |d|): that where e^v has underflowed or e^|d| overflows.
Approx Exp(const Approx& a) {
  const long double value = std::exp(a.value);
  const long double spread = std::isinf(a.error) ? a.error : std::expm1(a.error);
  const long double rounding = 64 * kEpsilon;
  if (!(value >= Long::min()) || std::isinf(spread)) {
    // The sum in the exponent is off by at most 2^14 kEpsilon where its exponential is neither 0 nor infinite.
    return {value, std::exp(a.value + a.error) * (1 + 0x1p15L * kEpsilon) + Long::denorm_min()};
  }
  return {value, value * (spread + rounding * (1 + spread)) * kUp + Long::denorm_min()};
}

void Sum::Add(const Approx& term) {
  const long double next = sum_ + term.value;
  lost_ += std::fabs(sum_) >= std::fabs(term.value) ? (sum_ - next) + term.value : (term.value - next) + sum_;
  sum_ = next;
  magnitude_ += std::fabs(term.value);
  errors_ += term.error;
  ++count_;
}

// |computed - sum| <= u |sum| + ((n - 1) u)^2 / (1 - (n - 1) u)^2 sum |terms| (Ogita, Rump & Oishi 2005, proposition
// 4.5); kEpsilon = 2 u covers the denominators. Both sums of errors are short by a factor of at most 1 + n u.
Approx Sum::Value() const {
  const long double steps = count_ * kEpsilon;
  const long double error = (errors_ + steps * steps * magnitude_) * (1 + steps);
  return Rounded(sum_ + lost_, error);
}

double ZeroSeverity(const Approx& a) { return NonnegativeSeverity({-std::fabs(a.value), a.error}); }

double NonnegativeSeverity(const Approx& a) {
  if (!(a.value < 0) || std::isinf(a.error)) return 0;
  return a.error == 0 ? kInf : static_cast<double>(-a.value / a.error);
}

Outputs::Outputs(const Case& c, const subjects::SubjectInfo& info, Array out, std::uint64_t repeat)
    : out_(std::move(out)), bounds_(BoundsOf(c, info, repeat)) {}

Approx Outputs::operator[](std::size_t i) const {
  const double got = out_[i];
  if (!std::isfinite(got)) return {0.0L, Long::infinity()};
  return {static_cast<long double>(got), static_cast<long double>(SlackAround(bounds_[i], out_.element(), got))};
}

std::optional<Judgement> Outputs::UnexpectedNan(const Case& c) const {
  for (std::size_t i = 0; i < out_.size(); ++i) {
    if (!std::isnan(out_[i]) || !std::isfinite(bounds_[i].absolute)) continue;
    return ViolatedAt(c, out_, i, "its exact value is a number", 0, kInf);
  }
  return std::nullopt;
}

namespace {

KnownRun Known(Run run, const Case& c, Context& context) {
  if (run.failed) return {std::nullopt, std::move(run.failed)};
  Outputs outputs(c, context.subject.info(), std::move(run.result.out));
  std::optional<Judgement> failed = outputs.UnexpectedNan(c);
  return {std::move(outputs), std::move(failed)};
}

}  // namespace

KnownRun RunKnown(const Case& c, Context& context) { return Known(RunCase(c, context), c, context); }

KnownRun RunKnownDerived(const Case& c, Context& context) { return Known(RunDerived(c, context), c, context); }

}  // namespace assay::properties
