// SPDX-License-Identifier: Apache-2.0
//
// The text form of floats, by std::to_chars and std::from_chars.

#include "subjects/float_text.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <system_error>
#include <type_traits>

namespace assay::subjects {
namespace {

template <class Float>
using BitsOf = std::conditional_t<sizeof(Float) == 4, std::uint32_t, std::uint64_t>;

constexpr std::string_view kNan = "nan:0x";

template <class Float>
std::string Text(Float value) {
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[40];
  if (std::isnan(value)) {
    const auto bits = std::bit_cast<BitsOf<Float>>(value);
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, bits, 16).ptr;  // never leads with 0: exponent set
    return std::string(kNan) + std::string(buffer, end);
  }
  // As a double, so that a subnormal float reads "0x1p-149". Without a precision, hex is exact.
  const double wide = std::fabs(static_cast<double>(value));
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, wide, std::chars_format::hex).ptr;
  return (std::signbit(value) ? "-0x" : "0x") + std::string(buffer, end);
}

template <class Float>
std::optional<Float> ParseNan(std::string_view digits) {
  BitsOf<Float> bits = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits, 16);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  const Float value = std::bit_cast<Float>(bits);
  return std::isnan(value) ? std::optional(value) : std::nullopt;
}

// Whether hex digits such as "1.8p+1" name a double exactly, from_chars having rounded them to `value`: at most 53 bits
// of them, and above the subnormals (those are taken as we write them, or as C's %a and Python's float.hex() do).
bool NamesExactly(std::string_view digits, double value) {
  if (std::fpclassify(value) == FP_SUBNORMAL) {
    return "0x" + std::string(digits) == FloatText(value) ||
           (digits.substr(0, 2) == "0." && digits.size() <= 21 && digits.ends_with("p-1022"));
  }
  std::string mantissa(digits.substr(0, digits.find('p')));
  if (value == 0) return mantissa.find_first_not_of("0.") == std::string::npos;
  if (mantissa.find('.') != std::string::npos) mantissa.erase(mantissa.find_last_not_of('0') + 1);
  std::erase(mantissa, '.');
  return mantissa.size() <= 13 || (mantissa.size() == 14 && mantissa[0] <= '1');
}

template <class Float>
std::optional<Float> Parse(std::string_view text) {
  constexpr Float kInf = std::numeric_limits<Float>::infinity();
  if (text.starts_with(kNan)) return ParseNan<Float>(text.substr(kNan.size()));
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  if (text == "inf") return negative ? -kInf : kInf;
  if (!text.starts_with("0x")) return std::nullopt;
  text.remove_prefix(2);
  if (text.find_first_not_of("0123456789abcdef.p+-") != text.npos || text.starts_with('-')) return std::nullopt;
  double wide = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), wide, std::chars_format::hex);
  if (error != std::errc() || end != text.data() + text.size() || !NamesExactly(text, wide)) return std::nullopt;
  if (wide > static_cast<double>(std::numeric_limits<Float>::max())) return std::nullopt;
  const auto value = static_cast<Float>(wide);
  if (static_cast<double>(value) != wide) return std::nullopt;
  return negative ? -value : value;
}

template <class Integer>
std::optional<std::uint64_t> ParseInteger(std::string_view text) {
  Integer value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 10);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return static_cast<std::uint64_t>(value);
}

}  // namespace

std::string FloatText(float value) { return Text(value); }
std::string FloatText(double value) { return Text(value); }
std::optional<float> ParseFloat(std::string_view text) { return Parse<float>(text); }
std::optional<double> ParseDouble(std::string_view text) { return Parse<double>(text); }

std::string ElementText(Element element, std::uint64_t bits) {
  if (element == Element::kU8) return std::to_string(bits);
  if (element == Element::kI64) return std::to_string(static_cast<std::int64_t>(bits));
  Array one(element, 1);
  one.SetBits(0, bits);
  const double value = one[0];
  if (!std::isnan(value)) return Text(value);
  char buffer[20];
  return std::string(kNan) + std::string(buffer, std::to_chars(buffer, buffer + sizeof buffer, bits, 16).ptr);
}

std::optional<std::uint64_t> ParseElement(Element element, std::string_view text) {
  if (element == Element::kU8) return ParseInteger<std::uint8_t>(text);
  if (element == Element::kI64) return ParseInteger<std::int64_t>(text);
  Array one(element, 1);
  if (text.starts_with(kNan)) {
    std::uint64_t bits = 0;
    const std::string_view digits = text.substr(kNan.size());
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits, 16);
    if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    one.SetBits(0, bits);
    return one.Bits(0) == bits && std::isnan(one[0]) ? std::optional(bits) : std::nullopt;
  }
  const std::optional<double> value = ParseDouble(text);
  if (!value || RoundTo(element, *value) != *value) return std::nullopt;
  one.Set(0, *value);
  return one.Bits(0);
}

}  // namespace assay::subjects
