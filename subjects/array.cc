// SPDX-License-Identifier: Apache-2.0
//
// Numbers of the narrow types, taken apart and put together in integers: no conversion of the machine's is used, so
// that neither its rounding mode nor FTZ/DAZ matters.

#include "subjects/array.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "subjects/float_text.h"

namespace assay::subjects {
namespace {

constexpr int kDoubleFraction = 52;
constexpr int kDoubleBias = 1023;
constexpr std::uint64_t kDoubleExponents = 0x7FF;

// An IEEE interchange format by its two widths.
struct Packing {
  int fraction;
  int exponent;

  constexpr int Bias() const { return (1 << (exponent - 1)) - 1; }
  constexpr int MinUlpLog2() const { return 1 - Bias() - fraction; }
  constexpr std::uint64_t Infinity() const { return ((std::uint64_t{1} << exponent) - 1) << fraction; }
  constexpr std::uint64_t QuietNaN() const { return Infinity() | (std::uint64_t{1} << (fraction - 1)); }
  constexpr std::uint64_t Sign() const { return std::uint64_t{1} << (fraction + exponent); }
};

Packing PackingOf(Element element) {
  switch (element) {
    case Element::kF32:
      return {23, 8};
    case Element::kF64:
      return {kDoubleFraction, 11};
    case Element::kF16:
      return {10, 5};
    case Element::kBF16:
      return {7, 8};
    case Element::kI64:
    case Element::kU8:
      break;
  }
  throw std::invalid_argument(std::string(ElementName(element)) + " is no float type");
}

bool IsFloat(Element element) { return element != Element::kI64 && element != Element::kU8; }

bool IsNaN(Element element, std::uint64_t bits) {
  if (!IsFloat(element)) return false;
  const Packing packing = PackingOf(element);
  return (bits & (packing.Sign() - 1)) > packing.Infinity();
}

double PowerOfTwo(int e) {
  const std::uint64_t bits = e >= 1 - kDoubleBias ? static_cast<std::uint64_t>(e + kDoubleBias) << kDoubleFraction
                                                  : std::uint64_t{1} << (e + kDoubleBias + kDoubleFraction - 1);
  return std::bit_cast<double>(bits);
}

// The number of that packing as a double; NaN keeps its sign alone.
double Widen(const Packing& packing, std::uint64_t bits) {
  const Packing wide = PackingOf(Element::kF64);
  const std::uint64_t sign = (bits & packing.Sign()) != 0 ? wide.Sign() : 0;
  const std::uint64_t magnitude = bits & (packing.Sign() - 1);
  std::uint64_t widened = 0;
  if (magnitude > packing.Infinity()) {
    widened = wide.QuietNaN();
  } else if (magnitude == packing.Infinity()) {
    widened = wide.Infinity();
  } else if (packing.fraction == kDoubleFraction || magnitude == 0) {
    widened = magnitude;
  } else if (const std::uint64_t exponent = magnitude >> packing.fraction; exponent != 0) {
    const std::uint64_t rebiased = static_cast<std::uint64_t>(kDoubleBias - packing.Bias()) << kDoubleFraction;
    widened = (magnitude << (kDoubleFraction - packing.fraction)) + rebiased;
  } else {  // subnormal: every one of these types is normal as a double
    const int top = static_cast<int>(std::bit_width(magnitude)) - 1;
    const auto biased = static_cast<std::uint64_t>(packing.MinUlpLog2() + top + kDoubleBias);
    const std::uint64_t fraction = (magnitude << (kDoubleFraction - top)) & ((std::uint64_t{1} << kDoubleFraction) - 1);
    widened = biased << kDoubleFraction | fraction;
  }
  return std::bit_cast<double>(sign | widened);
}

// The bits of the number of that packing nearest to x, ties to even.
std::uint64_t Narrow(const Packing& packing, double x) {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  const std::uint64_t sign = bits >> 63 != 0 ? packing.Sign() : 0;
  const std::uint64_t biased = (bits >> kDoubleFraction) & kDoubleExponents;
  const std::uint64_t fraction = bits & ((std::uint64_t{1} << kDoubleFraction) - 1);
  if (biased == kDoubleExponents) return fraction != 0 ? packing.QuietNaN() : sign | packing.Infinity();
  if (packing.fraction == kDoubleFraction) return bits;
  if (biased == 0) return sign;  // a double's subnormals are below half of any of their smallest
  const int binade = static_cast<int>(biased) - kDoubleBias;
  if (binade > packing.Bias()) return sign | packing.Infinity();
  const std::uint64_t significand = fraction | std::uint64_t{1} << kDoubleFraction;  // times 2^(binade - 52)
  const int unit = std::max(binade - packing.fraction, packing.MinUlpLog2());
  const int shift = unit - (binade - kDoubleFraction);
  if (shift > kDoubleFraction + 1) return sign;  // below half a unit
  const std::uint64_t half = std::uint64_t{1} << (shift - 1);
  const std::uint64_t rest = significand & (2 * half - 1);
  std::uint64_t units = significand >> shift;
  if (rest > half || (rest == half && (units & 1) != 0)) ++units;
  // The hidden bit of a normal number adds one to the exponent field, and a carry out of the significand another; the
  // largest becomes infinity that way.
  const int field = std::max(binade + packing.Bias() - 1, 0);
  return sign | ((static_cast<std::uint64_t>(field) << packing.fraction) + units);
}

// Toward zero, into the range of the integer; NaN gives 0.
std::uint64_t Truncated(Element element, double value) {
  if (value != value) return 0;
  if (element == Element::kU8) return static_cast<std::uint64_t>(std::clamp(value, 0.0, 255.0));
  if (value >= 0x1p63) return static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (value < -0x1p63) return static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::min());
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(value));
}

}  // namespace

Element ElementOf(assay_dtype dtype) {
  switch (dtype) {
    case ASSAY_F32:
      return Element::kF32;
    case ASSAY_F64:
      return Element::kF64;
    case ASSAY_F16:
      return Element::kF16;
    case ASSAY_BF16:
      return Element::kBF16;
  }
  throw std::invalid_argument("dtype holds no value of its enumeration");
}

const char* ElementName(Element element) {
  constexpr const char* kNames[] = {"f32", "f64", "f16", "bf16", "i64", "u8"};
  return kNames[static_cast<std::size_t>(element)];
}

std::size_t BytesOf(Element element) {
  constexpr std::size_t kBytes[] = {4, 8, 2, 2, 8, 1};
  return kBytes[static_cast<std::size_t>(element)];
}

double FloatFormat::Roundoff() const { return PowerOfTwo(-precision); }

FloatFormat FormatOf(Element element) {
  const Packing packing = PackingOf(element);
  return {packing.fraction + 1, packing.MinUlpLog2(), Widen(packing, packing.Infinity() - 1)};
}

double RoundTo(Element element, double x) {
  const Packing packing = PackingOf(element);
  return Widen(packing, Narrow(packing, x));
}

double UlpOf(Element element, double x) {
  const Packing packing = PackingOf(element);
  const auto biased = static_cast<int>((std::bit_cast<std::uint64_t>(x) >> kDoubleFraction) & kDoubleExponents);
  if (biased == static_cast<int>(kDoubleExponents)) return PowerOfTwo(packing.MinUlpLog2());
  return PowerOfTwo(std::max(std::max(biased, 1) - kDoubleBias - packing.fraction, packing.MinUlpLog2()));
}

Array::Array(Element element, std::size_t size) : element_(element) { Resize(size); }

Array::Array(Element element, std::initializer_list<double> values) : Array(element, values.size()) {
  std::size_t i = 0;
  for (const double value : values) Set(i++, value);
}

double Array::operator[](std::size_t i) const {
  const std::uint64_t bits = Bits(i);
  if (element_ == Element::kU8) return static_cast<double>(bits);
  if (element_ == Element::kI64) return static_cast<double>(static_cast<std::int64_t>(bits));
  return Widen(PackingOf(element_), bits);
}

void Array::Set(std::size_t i, double value) {
  SetBits(i, IsFloat(element_) ? Narrow(PackingOf(element_), value) : Truncated(element_, value));
}

std::uint64_t Array::Bits(std::size_t i) const {
  const std::size_t bytes = BytesOf(element_);
  std::uint64_t bits = 0;
  for (std::size_t k = bytes; k-- > 0;) bits = bits << 8 | static_cast<std::uint64_t>(bytes_[i * bytes + k]);
  return bits;
}

void Array::SetBits(std::size_t i, std::uint64_t bits) {
  const std::size_t bytes = BytesOf(element_);
  for (std::size_t k = 0; k < bytes; ++k, bits >>= 8) bytes_[i * bytes + k] = static_cast<std::byte>(bits & 0xFF);
}

void Array::Resize(std::size_t size) {
  bytes_.resize(size * BytesOf(element_));
  size_ = size;
}

void Array::PushBack(double value) {
  Resize(size_ + 1);
  Set(size_ - 1, value);
}

Array Array::Slice(std::size_t first, std::size_t count) const {
  if (first > size_ || count > size_ - first) throw std::out_of_range("Array::Slice: beyond the end");
  Array slice(element_, count);
  if (count != 0) std::memcpy(slice.data(), data() + first * BytesOf(element_), slice.size_bytes());
  return slice;
}

void Array::Append(const Array& other) {
  if (other.element_ != element_) throw std::invalid_argument("Array::Append: elements of another type");
  const std::vector<std::byte> tail = other.bytes_;  // a copy: other may be this
  bytes_.insert(bytes_.end(), tail.begin(), tail.end());
  size_ = bytes_.size() / BytesOf(element_);
}

bool SameNumber(const Array& a, std::size_t i, const Array& b, std::size_t j) {
  if (a.element() != b.element()) return false;
  const std::uint64_t x = a.Bits(i);
  const std::uint64_t y = b.Bits(j);
  return x == y || (IsNaN(a.element(), x) && IsNaN(b.element(), y));
}

std::string Show(const Array& a, std::size_t i) {
  std::string text = ElementText(a.element(), a.Bits(i));
  const double value = a[i];
  const bool finite = value - value == 0;  // neither infinite nor NaN
  if (!IsFloat(a.element()) || !finite) return text;
  // Nine digits tell f32 apart, seventeen f64.
  return fmt::format("{} ({:.{}g})", text, value, a.element() == Element::kF64 ? 17 : 9);
}

}  // namespace assay::subjects
