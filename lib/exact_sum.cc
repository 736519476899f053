// SPDX-License-Identifier: Apache-2.0

#include "exact_sum.h"

#include <algorithm>
#include <bit>

namespace assay::internal {
namespace {

// |value| = mantissa 2^exponent.
struct Parts {
  std::uint64_t mantissa;
  std::int64_t exponent;
  bool negative;
};

Parts PartsOf(double value) {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  const auto field = static_cast<std::int64_t>(bits >> 52 & 0x7FF);
  const std::uint64_t fraction = bits & ((std::uint64_t{1} << 52) - 1);
  if (field == 0) return {fraction, -1074, bits >> 63 != 0};
  return {fraction | std::uint64_t{1} << 52, field - 1075, bits >> 63 != 0};
}

}  // namespace

void ExactSum::AddMagnitude(Wide magnitude, std::int64_t exponent, bool negative) {
  if (magnitude == 0) return;
  const auto place = static_cast<std::size_t>(exponent - kLowestBit);
  const std::size_t first = place / kDigitBits;
  const int shift = static_cast<int>(place % kDigitBits);
  std::size_t i = first;
  for (; magnitude != 0; magnitude >>= kDigitBits, ++i) {
    const std::uint64_t chunk = (static_cast<std::uint64_t>(magnitude) & 0xFFFFFFFFu) << shift;
    const auto low = static_cast<std::int64_t>(chunk & 0xFFFFFFFFu);
    const auto high = static_cast<std::int64_t>(chunk >> kDigitBits);
    digits_[i] += negative ? -low : low;
    digits_[i + 1] += negative ? -high : high;
  }
  begin_ = std::min(begin_, first);
  end_ = std::max(end_, i + 1);
  if (++adds_ == kAddsBetweenCarries) Carry();
}

void ExactSum::Add(double value, std::uint64_t times) {
  const Parts v = PartsOf(value);
  AddMagnitude(Wide{v.mantissa} * times, v.exponent, v.negative);
}

void ExactSum::AddProduct(double a, double b, std::uint64_t times) {
  constexpr int kLowBits = 27;
  const Parts pa = PartsOf(a);
  const Parts pb = PartsOf(b);
  const bool negative = pa.negative != pb.negative;
  const std::int64_t exponent = pa.exponent + pb.exponent;
  const std::uint64_t low = pa.mantissa & ((std::uint64_t{1} << kLowBits) - 1);
  AddMagnitude(Wide{low} * pb.mantissa * times, exponent, negative);
  AddMagnitude(Wide{pa.mantissa >> kLowBits} * pb.mantissa * times, exponent + kLowBits, negative);
}

void ExactSum::Negate() {
  for (std::size_t i = begin_; i < end_; ++i) digits_[i] = -digits_[i];
}

void ExactSum::Clear() {
  for (std::size_t i = begin_; i < end_; ++i) digits_[i] = 0;
  begin_ = kDigits;
  end_ = 0;
  adds_ = 0;
}

void ExactSum::Carry() {
  adds_ = 0;
  for (std::size_t i = begin_; i < end_; ++i) {
    const std::int64_t carry = digits_[i] >> kDigitBits;
    if (i + 1 == end_) {
      if (carry == 0 || carry == -1) return;  // the sign stays here
      ++end_;
    }
    digits_[i] &= 0xFFFFFFFF;
    digits_[i + 1] += carry;
  }
}

ScalarPair ExactSum::Value(std::int64_t* exponent) {
  *exponent = 0;
  Carry();
  const bool negative = begin_ < end_ && digits_[end_ - 1] < 0;
  if (negative) {
    Negate();
    Carry();
  }
  std::size_t top = end_;
  while (top > begin_ && digits_[top - 1] == 0) --top;
  ScalarPair value{0, 0};
  double unit = 1;
  // Five digits have 129 bits at least.
  for (std::size_t i = top; i > begin_ && i + 5 > top; --i, unit *= 0x1p-32) {
    value = internal::Add(value, {static_cast<double>(digits_[i - 1]) * unit, 0});
  }
  if (top > begin_) *exponent = static_cast<std::int64_t>(top - 1) * kDigitBits + kLowestBit;
  if (!negative) return value;
  Negate();
  return {-value.hi, -value.lo};
}

}  // namespace assay::internal
