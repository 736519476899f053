// SPDX-License-Identifier: Apache-2.0
//
// The cases whose results are hashed on every target (hash_test.cc). Made by integer arithmetic alone, so that they are
// the same bytes on any machine; a change here changes every hash.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "assay/assay.h"

namespace assay::internal {

inline constexpr std::size_t kFixedCases = 320;  // of each operation and type

// SplitMix64 (Steele, Lea & Flood 2014).
class Stream {
 public:
  explicit Stream(std::uint64_t state) : state_(state) {}
  std::uint64_t Bits();
  std::uint64_t Below(std::uint64_t n) { return Bits() % n; }
  bool OneIn(std::uint64_t n) { return Below(n) == 0; }

 private:
  std::uint64_t state_;
};

// A call with its buffers: lengths around every number of lanes and a few long ones, the temperatures that have code of
// their own and ordinary ones, masks, bias, rows far apart, columns apart, backwards or outermost, in place; logits
// close together, far apart, tied, over the whole range of the type, and now and then NaN or infinite. Some calls are
// errors (T = 0 of a gradient): their status counts.
class FixedCase {
 public:
  FixedCase(assay_op op, assay_dtype dtype, std::size_t index);
  FixedCase(const FixedCase&) = delete;  // args points into it
  FixedCase& operator=(const FixedCase&) = delete;

  const assay_row_args& args() const { return args_; }
  // All inputs' bytes, one behind the other.
  std::vector<std::uint8_t> inputs() const;
  // What the call wrote into, gaps included.
  const std::vector<std::uint8_t>& out() const { return *out_; }

 private:
  struct Matrix {
    std::vector<std::uint8_t> bytes;
    std::ptrdiff_t first = 0;
    std::ptrdiff_t row_stride = 0;
    std::ptrdiff_t col_stride = 1;
    std::size_t element_bytes = 1;
    void Put(std::size_t i, std::size_t j, std::uint64_t bits);
    const void* Data() const { return bytes.data() + first * static_cast<std::ptrdiff_t>(element_bytes); }
    void* Data() { return bytes.data() + first * static_cast<std::ptrdiff_t>(element_bytes); }
  };

  void LayOut(Matrix& matrix, std::size_t rows, std::size_t cols, std::size_t element_bytes, std::uint8_t fill);
  void Logits();
  void Bias();
  void Mask();
  void Saved();
  void Upstream(std::size_t rows, std::size_t cols);
  void LossOperands();

  assay_op op_;
  assay_dtype dtype_;
  Stream random_;
  assay_row_args args_{};
  Matrix logits_, bias_, mask_, saved_, upstream_, targets_, labels_, own_out_;
  std::vector<std::uint8_t>* out_ = nullptr;
};

}  // namespace assay::internal
