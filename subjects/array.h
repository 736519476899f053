// SPDX-License-Identifier: Apache-2.0
//
// Numbers of one element type, kept as the bits a subject sees and read as doubles, which hold every one of them
// exactly (labels up to 2^53). One type for every dtype, so that a law is written once.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "assay/assay.h"

namespace assay::subjects {

enum class Element : std::uint8_t { kF32, kF64, kF16, kBF16, kI64, kU8 };  // the first four are assay_dtype's

Element ElementOf(assay_dtype dtype);
const char* ElementName(Element element);  // "f32"
std::size_t BytesOf(Element element);

// The grid of a float type. Numbers are integers times 2^e, e >= min_ulp_log2, with `precision` bits.
struct FloatFormat {
  int precision;     // significant bits, the hidden one included
  int min_ulp_log2;  // log2 of the smallest subnormal
  double max_finite;
  double Roundoff() const;  // u = 2^-precision
};
FloatFormat FormatOf(Element element);  // throws std::invalid_argument for integers

// The nearest number of the type, ties to even; beyond the largest by half an ulp: infinity; NaN: the canonical one.
// No libm, no rounding mode: the same on every machine.
double RoundTo(Element element, double x);

// Unit in the last place of |x| in the type, at least its smallest subnormal; for non-finite x that smallest.
double UlpOf(Element element, double x);

class Array {
 public:
  Array() = default;
  explicit Array(Element element, std::size_t size = 0);  // zeros
  Array(Element element, std::initializer_list<double> values);

  Element element() const { return element_; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  double operator[](std::size_t i) const;  // the value; a NaN as a double NaN of the same sign
  void Set(std::size_t i, double value);   // RoundTo first; integers: truncated
  std::uint64_t Bits(std::size_t i) const;
  void SetBits(std::size_t i, std::uint64_t bits);

  void Resize(std::size_t size);  // new ones are zero
  void PushBack(double value);
  // Keeps the elements for which keep(i) holds, in order.
  template <class Keep>
  void Filter(Keep keep);
  // Elements [first, first + count).
  Array Slice(std::size_t first, std::size_t count) const;
  // Appends elements of the same type.
  void Append(const Array& other);

  const std::byte* data() const { return bytes_.data(); }
  std::byte* data() { return bytes_.data(); }
  std::size_t size_bytes() const { return bytes_.size(); }

  bool operator==(const Array&) const = default;  // bit identity

 private:
  Element element_ = Element::kF32;
  std::size_t size_ = 0;
  std::vector<std::byte> bytes_;
};

template <class Keep>
void Array::Filter(Keep keep) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < size_; ++i) {
    if (keep(i)) SetBits(kept++, Bits(i));
  }
  Resize(kept);
}

// Bit identity of two elements, all NaNs taken as one.
bool SameNumber(const Array& a, std::size_t i, const Array& b, std::size_t j);

// "0x1.8p-1 (0.75)"; a NaN with its bits.
std::string Show(const Array& a, std::size_t i);

}  // namespace assay::subjects
