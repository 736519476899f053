// SPDX-License-Identifier: Apache-2.0
//
// Unsigned integers of several 64-bit words, the least first, and fixed point on them: of `words` words the last is the
// integer part, so that a unit is 2^-(64 (words - 1)). Pointers may be equal unless a comment says otherwise.

#pragma once

#include <cstdint>

namespace assay::internal::wide {

__extension__ using Word128 = unsigned __int128;

// The widest number of the exact tier: 4160 bits below 1. Shares of f64 go down to 2^-1074, and what a decision needs
// beyond its leading bits is what somebody tuned into the row.
inline constexpr int kMaxWords = 66;

// a += b (or -= b), modulo 2^(64 words). Whether it carried (borrowed).
bool Add(std::uint64_t* a, const std::uint64_t* b, int words);
bool Subtract(std::uint64_t* a, const std::uint64_t* b, int words);

// a = a * factor modulo 2^(64 words); the word above.
std::uint64_t Multiply(std::uint64_t* a, int words, std::uint64_t factor);

// a = floor(a / divisor), divisor > 0. Twice as quick below 2^32.
void Divide(std::uint64_t* a, int words, std::uint64_t divisor);

// a = floor(a / 2^bits), or a * 2^bits modulo 2^(64 words).
void ShiftRight(std::uint64_t* a, int words, int bits);
void ShiftLeft(std::uint64_t* a, int words, int bits);

// Bits up to the highest that is set; 0 for 0.
int BitLength(const std::uint64_t* a, int words);
// -1, 0, +1.
int Compare(const std::uint64_t* a, const std::uint64_t* b, int words);

// result = floor(a * b), in fixed point.
void MultiplyFixed(const std::uint64_t* a, const std::uint64_t* b, int words, std::uint64_t* result);
void SquareFixed(const std::uint64_t* a, int words, std::uint64_t* result);

}  // namespace assay::internal::wide
