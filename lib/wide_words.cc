// SPDX-License-Identifier: Apache-2.0

#include "wide_words.h"

#include <bit>
#include <cstring>

namespace assay::internal::wide {
namespace {

std::size_t BytesOfWords(int words) { return static_cast<std::size_t>(words) * sizeof(std::uint64_t); }

// Words up to the highest that is not 0.
int Length(const std::uint64_t* a, int words) {
  while (words > 0 && a[words - 1] == 0) --words;
  return words;
}

// product[0, at + length) += a[0, length) * factor * 2^(64 at); the word at `at + length` is set, not added to.
void AddRow(const std::uint64_t* a, int length, std::uint64_t factor, std::uint64_t* product, int at) {
  std::uint64_t carry = 0;
  for (int j = 0; j < length; ++j) {
    const Word128 sum = Word128{a[j]} * factor + product[at + j] + carry;
    product[at + j] = static_cast<std::uint64_t>(sum);
    carry = static_cast<std::uint64_t>(sum >> 64);
  }
  product[at + length] = carry;
}

}  // namespace

bool Add(std::uint64_t* a, const std::uint64_t* b, int words) {
  bool carry = false;
  for (int i = 0; i < words; ++i) {
    const Word128 sum = Word128{a[i]} + b[i] + (carry ? 1 : 0);
    a[i] = static_cast<std::uint64_t>(sum);
    carry = (sum >> 64) != 0;
  }
  return carry;
}

bool Subtract(std::uint64_t* a, const std::uint64_t* b, int words) {
  bool borrow = false;
  for (int i = 0; i < words; ++i) {
    const Word128 difference = Word128{a[i]} - b[i] - (borrow ? 1 : 0);
    a[i] = static_cast<std::uint64_t>(difference);
    borrow = (difference >> 64) != 0;
  }
  return borrow;
}

std::uint64_t Multiply(std::uint64_t* a, int words, std::uint64_t factor) {
  std::uint64_t carry = 0;
  for (int i = 0; i < words; ++i) {
    const Word128 product = Word128{a[i]} * factor + carry;
    a[i] = static_cast<std::uint64_t>(product);
    carry = static_cast<std::uint64_t>(product >> 64);
  }
  return carry;
}

void Divide(std::uint64_t* a, int words, std::uint64_t divisor) {
  words = Length(a, words);
  if (divisor < std::uint64_t{1} << 32) {
    std::uint64_t rest = 0;
    for (int i = words - 1; i >= 0; --i) {
      const std::uint64_t high = rest << 32 | a[i] >> 32;
      const std::uint64_t low = (high % divisor) << 32 | (a[i] & 0xFFFFFFFF);
      a[i] = (high / divisor) << 32 | low / divisor;
      rest = low % divisor;
    }
    return;
  }
  Word128 rest = 0;
  for (int i = words - 1; i >= 0; --i) {
    rest = (rest << 64) | a[i];
    a[i] = static_cast<std::uint64_t>(rest / divisor);
    rest %= divisor;
  }
}

void ShiftRight(std::uint64_t* a, int words, int bits) {
  const int whole = bits / 64;
  const int part = bits % 64;
  for (int i = 0; i < words; ++i) {
    const std::uint64_t low = i + whole < words ? a[i + whole] : 0;
    const std::uint64_t high = i + whole + 1 < words ? a[i + whole + 1] : 0;
    a[i] = part == 0 ? low : (low >> part) | (high << (64 - part));
  }
}

void ShiftLeft(std::uint64_t* a, int words, int bits) {
  const int whole = bits / 64;
  const int part = bits % 64;
  for (int i = words - 1; i >= 0; --i) {
    const std::uint64_t high = i >= whole ? a[i - whole] : 0;
    const std::uint64_t low = i >= whole + 1 ? a[i - whole - 1] : 0;
    a[i] = part == 0 ? high : (high << part) | (low >> (64 - part));
  }
}

int BitLength(const std::uint64_t* a, int words) {
  const int length = Length(a, words);
  return length == 0 ? 0 : 64 * (length - 1) + static_cast<int>(std::bit_width(a[length - 1]));
}

int Compare(const std::uint64_t* a, const std::uint64_t* b, int words) {
  for (int i = words - 1; i >= 0; --i) {
    if (a[i] != b[i]) return a[i] < b[i] ? -1 : 1;
  }
  return 0;
}

void MultiplyFixed(const std::uint64_t* a, const std::uint64_t* b, int words, std::uint64_t* result) {
  std::uint64_t product[2 * kMaxWords];
  std::memset(product, 0, BytesOfWords(2 * words));
  const int length_a = Length(a, words);
  const int length_b = Length(b, words);
  for (int i = 0; i < length_a; ++i) AddRow(b, length_b, a[i], product, i);
  std::memcpy(result, product + words - 1, BytesOfWords(words));
}

void SquareFixed(const std::uint64_t* a, int words, std::uint64_t* result) {
  std::uint64_t product[2 * kMaxWords];
  std::memset(product, 0, BytesOfWords(2 * words));
  const int length = Length(a, words);
  // The products of different words once; then doubled, and the squares added.
  for (int i = 0; i + 1 < length; ++i) AddRow(a + i + 1, length - i - 1, a[i], product, 2 * i + 1);
  std::uint64_t above = 0;  // the bit that doubling carries
  std::uint64_t carry = 0;
  for (int i = 0; i < length; ++i) {
    std::uint64_t* const at = product + 2 * i;
    const Word128 square = Word128{a[i]} * a[i];
    const Word128 low = Word128{at[0] << 1 | above} + static_cast<std::uint64_t>(square) + carry;
    const Word128 high = Word128{at[1] << 1 | at[0] >> 63} + static_cast<std::uint64_t>(square >> 64) + (low >> 64);
    above = at[1] >> 63;
    at[0] = static_cast<std::uint64_t>(low);
    at[1] = static_cast<std::uint64_t>(high);
    carry = static_cast<std::uint64_t>(high >> 64);
  }
  std::memcpy(result, product + words - 1, BytesOfWords(words));
}

}  // namespace assay::internal::wide
