// SPDX-License-Identifier: Apache-2.0
//
// With S = sum of exp(z_j - z_r) over the live entries, r the largest, a result is above a midpoint m if and only if
//   softmax       exp(z_i - z_r) > m S
//   log_softmax   exp(z_i - z_r - m) > S
//   logsumexp     S > exp(m - z_r)
//   sigmoid       min(1, exp(z)) > m (1 + exp(-|z|))
// Every exponent is rational. So by Lindemann and Weierstrass both sides are equal only where every exponential in them
// is exp(0): these ties are decided first, in integers. So are, where the terms of S are too small for any width, the
// comparisons that their being positive decides. Everything else ends at some width.

#include "exact_row.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "ordered.h"
#include "wide_order.h"

namespace assay::internal {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr int kFirstWords = 4;
int NextWords(int words) { return words < 32 ? 2 * words : wide::kMaxWords; }

// exp(-kDead) < 2^-1154 is below every midpoint (2^-1075 at least), and 1 - exp(-kDead) above all that are below 1.
constexpr double kDead = 800;
// Above log(2^64).
constexpr double kAboveEverySum = 45;

constexpr wide::Dyadic kZero = {false, 0, 0};

}  // namespace

ExactRow::ExactRow(ConstPlace logits, ConstPlace bias, ConstPlace mask, std::int32_t dtype, std::size_t n,
                   double temperature)
    : logits_(logits),
      bias_(bias),
      mask_(mask),
      dtype_(dtype),
      n_(n),
      only_bias_(temperature == 0 || temperature == kInf),
      only_largest_x_(temperature == 0),
      temperature_(only_bias_ ? 1 : temperature),
      divisor_(wide::DyadicOf(temperature_)) {}

double ExactRow::X(std::size_t i) const {
  return LoadNumber(dtype_, logits_.data, static_cast<std::ptrdiff_t>(i) * logits_.stride);
}

double ExactRow::B(std::size_t i) const {
  return bias_.data == nullptr ? 0 : LoadNumber(dtype_, bias_.data, static_cast<std::ptrdiff_t>(i) * bias_.stride);
}

bool ExactRow::Visible(std::size_t i, double& x, double& b) const {
  if (mask_.data != nullptr) {
    const auto* const mask = static_cast<const std::uint8_t*>(mask_.data);
    if (mask[static_cast<std::ptrdiff_t>(i) * mask_.stride] == 0) return false;
  }
  x = X(i);
  b = B(i);
  return x != -kInf && b != -kInf;
}

bool ExactRow::Read(std::size_t i, Entry& entry) const {
  double x, b;
  if (!Visible(i, x, b) || (only_largest_x_ && x != x_max_)) return false;
  entry = {only_bias_ ? 0 : x, b};
  return true;
}

wide::ProductSum ExactRow::Difference(const Entry& a, const Entry& b, const wide::Dyadic& c) const {
  wide::ProductSum sum;
  sum.Add(wide::DyadicOf(a.x));
  sum.Add(wide::DyadicOf(-b.x));
  sum.Add(wide::DyadicOf(a.b), divisor_);
  sum.Add(wide::DyadicOf(-b.b), divisor_);
  sum.Add(-c, divisor_);
  return sum;
}

ExactRow::Rough ExactRow::RoughDifference(const Entry& a, const Entry& b) const {
  const double quotient = (a.x - b.x) / temperature_;
  const double rest = a.b - b.b;
  // One rounding of each difference, of the quotient (or of a subnormal one, by 2^-1074) and of the sum.
  return {quotient + rest, 0x1p-50 * (std::fabs(quotient) + std::fabs(rest)) + 0x1p-1000};
}

int ExactRow::CompareEntries(const Entry& a, const Entry& b) const {
  if (a.x == b.x && a.b == b.b) return 0;
  const Rough rough = RoughDifference(a, b);  // an overflow makes error infinite or a NaN: neither holds
  if (rough.value > rough.error) return 1;
  if (-rough.value > rough.error) return -1;
  return Difference(a, b, kZero).Finish();
}

int ExactRow::CompareZ(std::size_t i, std::size_t j) const { return CompareEntries(At(i), At(j)); }

void ExactRow::FindLargest() {
  if (found_) return;
  if (only_largest_x_) {
    double x, b;
    x_max_ = -kInf;
    for (std::size_t i = 0; i < n_; ++i) {
      if (Visible(i, x, b) && x > x_max_) x_max_ = x;
    }
  }
  Entry entry;
  for (std::size_t i = 0; i < n_; ++i) {
    if (!Read(i, entry)) continue;
    if (found_ && CompareEntries(entry, reference_) <= 0) continue;
    found_ = true;
    largest_ = i;
    reference_ = entry;
  }
}

std::size_t ExactRow::Largest() {
  FindLargest();
  return largest_;
}

void ExactRow::Sum(int words) {
  if (words <= sum_words_) return;
  FindLargest();
  sum_words_ = words;
  equal_ = 0;
  others_ = 0;
  std::memset(sum_, 0, sizeof(sum_));
  const int fraction_bits = 64 * (words - 1);
  const double below_a_unit = 0.7 * fraction_bits;  // > log 2
  std::uint64_t term[wide::kMaxWords];
  Entry last = {0, 0};
  bool has_last = false;
  Entry entry;
  for (std::size_t i = 0; i < n_; ++i) {
    if (!Read(i, entry)) continue;
    if (entry.x == reference_.x && entry.b == reference_.b) {
      ++equal_;
      continue;
    }
    const Rough rough = RoughDifference(reference_, entry);
    if (rough.value - rough.error > below_a_unit) {
      ++others_;
      continue;
    }
    if (!has_last || entry.x != last.x || entry.b != last.b) {
      wide::ProductSum difference = Difference(reference_, entry, kZero);
      if (difference.Finish() == 0) {
        ++equal_;
        continue;
      }
      const double d = wide::RoughQuotient(difference, divisor_);
      if (d > below_a_unit) {
        ++others_;
        continue;
      }
      // exp(-d) <= 2^-bits: it takes so much fewer digits.
      const int bits = d < 2 ? 0 : static_cast<int>(d * 1.4426) - 2;  // < 1 / log 2
      const int term_words = words - bits / 64 < 2 ? 2 : words - bits / 64;
      wide::Exponential e;
      wide::ExpOfMinus(difference, divisor_, term_words, &e);
      std::memset(term, 0, sizeof(term));
      std::memcpy(term + (words - term_words), e.mantissa, static_cast<std::size_t>(term_words) * sizeof(term[0]));
      wide::ShiftRight(term, words, e.exponent);
      last = entry;
      has_last = true;
    }
    ++others_;
    wide::Add(sum_, term, words);
  }
  sum_[words - 1] += equal_;
}

int ExactRow::CompareShare(const Entry& entry, const wide::Dyadic& midpoint) {
  Sum(kFirstWords);
  wide::ProductSum difference = Difference(reference_, entry, kZero);
  const bool equal = difference.Finish() == 0;
  if (equal) {
    // 1 against midpoint * equal_, then the rest of the sum.
    const wide::Word128 product = wide::Word128{midpoint.mantissa} * equal_;
    const wide::Word128 one = -midpoint.exponent > 127 ? ~wide::Word128{0} : wide::Word128{1} << -midpoint.exponent;
    if (product > one) return -1;
    if (product == one) return others_ > 0 ? -1 : 0;
    if (others_ == 0) return 1;
  }
  if (wide::RoughQuotient(difference, divisor_) > kDead) return -1;
  for (int words = kFirstWords;; words = NextWords(words)) {
    Sum(words);
    wide::Exponential e;
    wide::ExpOfMinus(difference, divisor_, words, &e);
    const wide::Order order = OrderOfShare(e, midpoint, SumAt(words), equal_ + others_);
    if (order.certain || words == wide::kMaxWords) return order.sign < 0 ? -1 : 1;
  }
}

int ExactRow::CompareLog(wide::ProductSum a) {
  Sum(kFirstWords);
  const int sign = a.Finish();
  if (sign < 0) return -1;
  if (sign == 0) return equal_ > 1 || others_ > 0 ? -1 : 0;
  if (wide::RoughQuotient(a, divisor_) > kAboveEverySum) return 1;
  if (equal_ == 1 && others_ == 0) return 1;
  for (int words = kFirstWords;; words = NextWords(words)) {
    Sum(words);
    wide::Exponential e;
    wide::ExpOfMinus(a, divisor_, words, &e);
    const wide::Order order = OrderOfInverse(e, SumAt(words), equal_ + others_);
    if (order.certain || words == wide::kMaxWords) return order.sign < 0 ? -1 : 1;
  }
}

int ExactRow::CompareSigmoid(const Entry& entry, const wide::Dyadic& midpoint) const {
  wide::ProductSum z = Difference(entry, {0, 0}, kZero);
  const int sign = z.Finish();
  if (sign == 0) {
    // 1/2 against a midpoint below 1.
    return static_cast<int>(std::bit_width(midpoint.mantissa)) + midpoint.exponent >= 0 ? -1 : 1;
  }
  if (wide::RoughQuotient(z, divisor_) > kDead) return sign;
  for (int words = kFirstWords;; words = NextWords(words)) {
    wide::Exponential e;
    wide::ExpOfMinus(z, divisor_, words, &e);
    std::uint64_t sum[wide::kMaxWords];
    std::memcpy(sum, e.mantissa, static_cast<std::size_t>(words) * sizeof(std::uint64_t));
    wide::ShiftRight(sum, words, e.exponent);
    sum[words - 1] += 1;
    if (sign > 0) {
      e.exponent = 0;
      std::memset(e.mantissa, 0, sizeof(e.mantissa));
      e.mantissa[words - 1] = 1;
    }
    const wide::Order order = OrderOfShare(e, midpoint, sum, 2);
    if (order.certain || words == wide::kMaxWords) return order.sign < 0 ? -1 : 1;
  }
}

int ExactRow::CompareResult(assay_op op, const Entry& entry, const wide::Dyadic& midpoint) {
  switch (op) {
    case ASSAY_LOG_SOFTMAX:
      return CompareLog(Difference(entry, reference_, midpoint));
    case ASSAY_LOGSUMEXP:
      return -CompareLog(Difference({0, 0}, reference_, -midpoint));
    case ASSAY_SIGMOID:
      return CompareSigmoid(entry, midpoint);
    default:
      return CompareShare(entry, midpoint);
  }
}

double ExactRow::Nearest(assay_op op, std::size_t i, double low, double high) {
  Entry entry = {0, 0};
  if (op == ASSAY_SIGMOID) {
    if (only_largest_x_ && X(i) != 0) return X(i) > 0 ? 1 : 0;
    entry = At(i);
  } else {
    FindLargest();
    if (op != ASSAY_LOGSUMEXP && !Read(i, entry)) return op == ASSAY_LOG_SOFTMAX ? -kInf : 0;
  }
  if (op != ASSAY_LOGSUMEXP) high = std::fmin(high, op == ASSAY_LOG_SOFTMAX ? 0 : 1);
  if (op == ASSAY_SOFTMAX || op == ASSAY_SIGMOID) low = std::fmax(low, 0);
  std::int64_t first = PlaceInOrder(dtype_, low);
  std::int64_t last = PlaceInOrder(dtype_, high);
  while (first < last) {
    const std::int64_t place = std::midpoint(first, last);  // towards first
    const int sign = CompareResult(op, entry, MidpointAbove(dtype_, place));
    if (sign == 0) return NumberAt(dtype_, place % 2 == 0 ? place : place + 1);
    if (sign > 0) {
      first = place + 1;
    } else {
      last = place;
    }
  }
  return NumberAt(dtype_, first);
}

}  // namespace assay::internal
