// SPDX-License-Identifier: Apache-2.0
//
// Decimal numbers as people print them: rounding, exact quotients, digit by digit comparison. No floating point.

#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace assay::reports {

// `digits` ("-0.4996", at least `decimals` digits after the point) rounded to `decimals`, half away from zero. With
// decimals < 0 the last -decimals digits before the point become 0.
std::string RoundDecimal(std::string_view digits, int decimals);

// True iff digits lies exactly halfway between two numbers of that many decimals: both are then right.
bool IsDecimalTie(std::string_view digits, int decimals);

// The other candidate of a tie: rounded toward zero.
std::string TruncateDecimal(std::string_view digits, int decimals);

// numerator / (sum of terms), exactly, to 40 decimals; literals of at most 6 decimals and 9 digits before the point.
// Throws std::invalid_argument on any other literal and on a zero sum.
std::string Share(std::string_view numerator, std::span<const std::string> terms);

// For each character of `printed`: is it what stands at the same place of `want`? The sign and point count as such.
std::vector<bool> DigitsRight(std::string_view printed, std::string_view want);

}  // namespace assay::reports
