// SPDX-License-Identifier: Apache-2.0
//
// See decimal.h.

#include "reports/decimal.h"

#include <algorithm>
#include <cstdint>
#include <stdexcept>

namespace assay::reports {
namespace {

constexpr int kShareDecimals = 40;
constexpr std::size_t kLiteralDecimals = 6;
constexpr std::size_t kLiteralIntegerDigits = 9;

struct Parts {
  bool negative = false;
  std::string integer;   // digits before the point
  std::string fraction;  // digits after it
};

Parts Split(std::string_view text) {
  Parts parts;
  if (!text.empty() && text[0] == '-') {
    parts.negative = true;
    text.remove_prefix(1);
  }
  const std::size_t point = text.find('.');
  parts.integer = text.substr(0, point);
  if (point != std::string_view::npos) parts.fraction = text.substr(point + 1);
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (parts.integer.empty() || !std::all_of(parts.integer.begin(), parts.integer.end(), is_digit) ||
      !std::all_of(parts.fraction.begin(), parts.fraction.end(), is_digit)) {
    throw std::invalid_argument("not a plain decimal number: '" + std::string(text) + "'");
  }
  return parts;
}

// Adds one to the last digit of a string of digits.
void Increment(std::string& digits) {
  for (std::size_t i = digits.size(); i-- > 0;) {
    if (digits[i] != '9') {
      ++digits[i];
      return;
    }
    digits[i] = '0';
  }
  digits.insert(digits.begin(), '1');
}

// The digits that are kept, as one string, and those that are dropped.
struct Cut {
  std::string kept;
  std::string dropped;
};

Cut CutAt(const Parts& parts, int decimals) {
  if (decimals > static_cast<int>(parts.fraction.size())) throw std::invalid_argument("RoundDecimal: too few digits");
  const std::string all = parts.integer + parts.fraction;
  const auto keep = static_cast<int>(parts.integer.size()) + decimals;
  if (keep < 0) return {"", std::string(static_cast<std::size_t>(-keep), '0') + all};
  return {all.substr(0, static_cast<std::size_t>(keep)), all.substr(static_cast<std::size_t>(keep))};
}

std::string Compose(bool negative, std::string digits, int decimals) {
  const auto places = static_cast<std::size_t>(std::max(decimals, 0));
  if (decimals < 0) digits.append(static_cast<std::size_t>(-decimals), '0');
  if (digits.size() <= places) digits.insert(0, places + 1 - digits.size(), '0');
  const std::size_t leading = std::min(digits.find_first_not_of('0'), digits.size() - places - 1);
  digits.erase(0, leading);
  const bool is_zero = digits.find_first_not_of('0') == std::string::npos;
  if (places > 0) digits.insert(digits.size() - places, 1, '.');
  return negative && !is_zero ? "-" + digits : digits;
}

std::int64_t Scaled(std::string_view literal) {
  const Parts parts = Split(literal);
  if (parts.fraction.size() > kLiteralDecimals || parts.integer.size() > kLiteralIntegerDigits) {
    throw std::invalid_argument("too long a literal for an exact quotient: '" + std::string(literal) + "'");
  }
  std::string digits = parts.integer + parts.fraction;
  digits.append(kLiteralDecimals - parts.fraction.size(), '0');
  const std::int64_t value = std::stoll(digits);
  return parts.negative ? -value : value;
}

}  // namespace

std::string RoundDecimal(std::string_view digits, int decimals) {
  const Parts parts = Split(digits);
  Cut cut = CutAt(parts, decimals);
  if (!cut.dropped.empty() && cut.dropped[0] >= '5') Increment(cut.kept);
  return Compose(parts.negative, cut.kept, decimals);
}

bool IsDecimalTie(std::string_view digits, int decimals) {
  const Cut cut = CutAt(Split(digits), decimals);
  return !cut.dropped.empty() && cut.dropped[0] == '5' && cut.dropped.find_first_not_of('0', 1) == std::string::npos;
}

std::string TruncateDecimal(std::string_view digits, int decimals) {
  const Parts parts = Split(digits);
  return Compose(parts.negative, CutAt(parts, decimals).kept, decimals);
}

std::string Share(std::string_view numerator, std::span<const std::string> terms) {
  std::int64_t sum = 0;
  for (const std::string& term : terms) sum += Scaled(term);
  const std::int64_t top = Scaled(numerator);
  if (sum == 0) throw std::invalid_argument("linear normalization of terms that add to 0");
  // Long division; the remainder stays below |sum| < 2^59, so ten times it fits. One digit more is taken, and rounded.
  const std::int64_t divisor = sum < 0 ? -sum : sum;
  std::int64_t remainder = top < 0 ? -top : top;
  std::string digits = std::to_string(remainder / divisor) + ".";
  for (int i = 0; i <= kShareDecimals; ++i) {
    remainder = remainder % divisor * 10;
    digits += static_cast<char>('0' + remainder / divisor);
  }
  if ((top < 0) != (sum < 0)) digits.insert(0, 1, '-');
  return RoundDecimal(digits, kShareDecimals);
}

std::vector<bool> DigitsRight(std::string_view printed, std::string_view want) {
  const auto point = [](std::string_view s) { return std::min(s.find('.'), s.size()); };
  const std::size_t printed_point = point(printed);
  const std::size_t want_point = point(want);
  std::vector<bool> right;
  for (std::size_t i = 0; i < printed.size(); ++i) {
    // Places are counted from the point: 23.171 and 123.171 agree in the place of the ones.
    const std::size_t at = i + want_point - printed_point;
    right.push_back(at < want.size() && want[at] == printed[i]);
  }
  return right;
}

}  // namespace assay::reports
