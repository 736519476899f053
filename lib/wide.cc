// SPDX-License-Identifier: Apache-2.0
//
// Fixed point: `words` 64-bit words, the least first, the last one the integer part; a unit is 2^-(64 (words - 1)).
//
// Error of Exp, in units: t is cut to 2 units below; each Taylor term by 2, at most 140 terms, so e^-r is off by less
// than 2^9; a squaring of v <= 1 doubles that and adds 2; at most 45 squarings: below 2^55. The sum of n < 2^40 of them
// and the product with a midpoint < 1: below (n + 2) 2^60, which Above allows for.

#include "wide.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace assay::internal {
namespace {

__extension__ using Wide = unsigned __int128;
using Words = std::uint64_t[WideRow::kMaxWords + 2];

// a = floor(a / divisor), `words` long.
void Divide(std::uint64_t* a, int words, std::uint64_t divisor) {
  Wide rest = 0;
  for (int i = words - 1; i >= 0; --i) {
    rest = (rest << 64) | a[i];
    a[i] = static_cast<std::uint64_t>(rest / divisor);
    rest %= divisor;
  }
}

// a += b (or -= b); the result is not negative.
void Add(std::uint64_t* a, const std::uint64_t* b, int words) {
  unsigned char carry = 0;
  for (int i = 0; i < words; ++i) {
    const Wide sum = Wide{a[i]} + b[i] + carry;
    a[i] = static_cast<std::uint64_t>(sum);
    carry = static_cast<unsigned char>(sum >> 64);
  }
}

void Subtract(std::uint64_t* a, const std::uint64_t* b, int words) {
  unsigned char borrow = 0;
  for (int i = 0; i < words; ++i) {
    const Wide difference = Wide{a[i]} - b[i] - borrow;
    a[i] = static_cast<std::uint64_t>(difference);
    borrow = (difference >> 64) != 0;
  }
}

// a = floor(a / 2^bits).
void ShiftRight(std::uint64_t* a, int words, int bits) {
  const int whole = bits / 64;
  const int part = bits % 64;
  for (int i = 0; i < words; ++i) {
    const std::uint64_t low = i + whole < words ? a[i + whole] : 0;
    const std::uint64_t high = i + whole + 1 < words ? a[i + whole + 1] : 0;
    a[i] = part == 0 ? low : (low >> part) | (high << (64 - part));
  }
}

// a += value * 2^shift, the fraction cut off; a is long enough for the result, which is not negative.
void AddScaled(std::uint64_t* a, int words, double value, int shift) {
  if (value == 0) return;
  int exponent;
  const auto mantissa = static_cast<std::uint64_t>(std::ldexp(std::frexp(std::fabs(value), &exponent), 53));
  const int at = exponent - 53 + shift;
  if (at <= -64) return;
  Words term = {};
  if (at < 0) {
    term[0] = mantissa >> -at;
  } else {
    const int word = at / 64;
    const Wide placed = Wide{mantissa} << (at % 64);
    if (word < words) term[word] = static_cast<std::uint64_t>(placed);
    if (word + 1 < words) term[word + 1] = static_cast<std::uint64_t>(placed >> 64);
  }
  if (value > 0) {
    Add(a, term, words);
  } else {
    Subtract(a, term, words);
  }
}

// result = floor(a * b) in fixed point; may be a or b.
void Multiply(const std::uint64_t* a, const std::uint64_t* b, int words, std::uint64_t* result) {
  std::uint64_t product[2 * WideRow::kMaxWords] = {};
  for (int i = 0; i < words; ++i) {
    std::uint64_t carry = 0;
    for (int j = 0; j < words; ++j) {
      const Wide sum = Wide{a[i]} * b[j] + product[i + j] + carry;
      product[i + j] = static_cast<std::uint64_t>(sum);
      carry = static_cast<std::uint64_t>(sum >> 64);
    }
    product[i + words] = carry;
  }
  std::memcpy(result, product + words - 1, static_cast<std::size_t>(words) * sizeof(std::uint64_t));
}

bool IsZero(const std::uint64_t* a, int words) {
  for (int i = 0; i < words; ++i) {
    if (a[i] != 0) return false;
  }
  return true;
}

// exp((x - max) / temperature) in fixed point, x <= max.
void Exp(float x, float max, double temperature, int words, std::uint64_t* result) {
  std::memset(result, 0, static_cast<std::size_t>(words) * sizeof(std::uint64_t));
  const int fraction_bits = 64 * (words - 1);
  // max - x exactly, as two doubles (Knuth 1969, 4.2.2).
  const double a = max;
  const double b = -static_cast<double>(x);
  const double high = a + b;
  const double b_part = high - a;
  const double low = (a - (high - b_part)) + (b - b_part);
  // Beyond this the exponential is below a unit; 0.7 > log 2.
  if (high / temperature > 0.7 * fraction_bits) return;

  // t = (max - x) / T, T = divisor * 2^exponent.
  int exponent;
  const auto divisor = static_cast<std::uint64_t>(std::ldexp(std::frexp(temperature, &exponent), 53));
  exponent -= 53;
  Words t = {};
  AddScaled(t, words + 2, high, fraction_bits - exponent);
  AddScaled(t, words + 2, low, fraction_bits - exponent);
  Divide(t, words + 2, divisor);

  // r = t / 2^squarings < 2^-32.
  const int squarings = 32 + static_cast<int>(std::bit_width(t[words - 1]));
  ShiftRight(t, words, squarings);
  Words term = {};
  term[words - 1] = 1;
  result[words - 1] = 1;
  for (std::uint64_t k = 1; !IsZero(term, words); ++k) {
    Multiply(term, t, words, term);
    Divide(term, words, k);
    if (k % 2 == 1) {
      Subtract(result, term, words);
    } else {
      Add(result, term, words);
    }
  }
  for (int i = 0; i < squarings; ++i) Multiply(result, result, words, result);
}

}  // namespace

void WideRow::Sum() {
  std::memset(sum_, 0, sizeof(sum_));
  std::uint64_t term[kMaxWords];
  for (std::size_t i = 0; i < n_; ++i) {
    if ((mask_ != nullptr && mask_[i] == 0) || logits_[i] == -std::numeric_limits<float>::infinity()) continue;
    Exp(logits_[i], max_, temperature_, words_, term);
    Add(sum_, term, words_);
  }
}

bool WideRow::Above(float x, double midpoint) {
  if (words_ == 0) {
    words_ = kFirstWords;
    Sum();
  }
  int exponent;
  const auto mantissa = static_cast<std::uint64_t>(std::ldexp(std::frexp(midpoint, &exponent), 53));
  for (;;) {
    // midpoint * sum = mantissa * sum / 2^(53 - exponent), exponent <= 1.
    Words limit = {};
    std::uint64_t carry = 0;
    for (int i = 0; i < words_; ++i) {
      const Wide product = Wide{sum_[i]} * mantissa + carry;
      limit[i] = static_cast<std::uint64_t>(product);
      carry = static_cast<std::uint64_t>(product >> 64);
    }
    limit[words_] = carry;
    ShiftRight(limit, words_ + 1, 53 - exponent);

    Words share = {};
    Exp(x, max_, temperature_, words_, share);
    bool above = false;
    for (int i = words_; i >= 0; --i) {
      if (share[i] == limit[i]) continue;
      above = share[i] > limit[i];
      break;
    }
    // |share - limit| against (n + 2) 2^60 units.
    if (above) {
      Subtract(share, limit, words_ + 1);
    } else {
      Subtract(limit, share, words_ + 1);
    }
    const std::uint64_t* const distance = above ? share : limit;
    const Wide error = (Wide{n_} + 2) << 60;
    const bool certain = (Wide{distance[1]} << 64 | distance[0]) > error || !IsZero(distance + 2, words_ - 1);
    if (certain || words_ == kMaxWords) return above;
    words_ = 2 * words_ - 2;  // 6, 10, 18, 34, 66
    Sum();
  }
}

}  // namespace assay::internal
