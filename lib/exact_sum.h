// SPDX-License-Identifier: Apache-2.0
//
// A sum of doubles and of products of two doubles without any rounding: a fixed-point number that holds them all
// (Kulisch 1971), 1.1 KiB on the stack. For decisions that rounding must not make.

#pragma once

#include <cstddef>
#include <cstdint>

#include "rounding.h"

namespace assay::internal {

class ExactSum {
 public:
  // Adds times * value, for finite value. The sum of all `times` must stay below 2^48.
  void Add(double value, std::uint64_t times = 1);
  // Adds times * a * b.
  void AddProduct(double a, double b, std::uint64_t times = 1);
  void Negate();
  void Clear();

  // The sum as pair * 2^exponent, relative error below 2^-100; the sign is that of pair.hi, 0 only if the sum is.
  ScalarPair Value(std::int64_t* exponent);

 private:
  __extension__ using Wide = unsigned __int128;

  static constexpr int kDigitBits = 32;
  // From the square of the smallest double, 2^-2148, to 2^48 squares of the largest, with room for a sign.
  static constexpr int kLowestBit = -2176;
  static constexpr std::size_t kDigits = (2176 + 2048 + 96) / kDigitBits;
  // A chunk adds less than 2^33 to a digit, a number less than 2^35.
  static constexpr std::uint64_t kAddsBetweenCarries = std::uint64_t{1} << 27;

  void AddMagnitude(Wide magnitude, std::int64_t exponent, bool negative);
  // Leaves every digit in [0, 2^32), but the last used one, which has the sign.
  void Carry();

  std::int64_t digits_[kDigits] = {};
  std::size_t begin_ = kDigits;  // of the digits that may differ from 0
  std::size_t end_ = 0;
  std::uint64_t adds_ = 0;  // since Carry
};

}  // namespace assay::internal
