// SPDX-License-Identifier: Apache-2.0
//
// Fixed calls of attention, made by integer arithmetic alone: the same bytes on any machine. For hashes and for tests
// that compare one target, tier or way of calling with another.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "assay/assay.h"
#include "fixed_cases.h"

namespace assay::internal {

inline constexpr std::size_t kFixedAttention = 60;  // of each operation and type

// Sizes around lanes, tiles and chunks; causality, windows, lengths, masks, bias, sinks, softcaps, scales and heads
// that share keys, in turn.
class FixedAttention {
 public:
  FixedAttention(assay_op op, assay_dtype dtype, std::size_t index);
  FixedAttention(const FixedAttention&) = delete;  // args points into it
  FixedAttention& operator=(const FixedAttention&) = delete;

  // Runs the subject's kernel with scratch of the size it asks for, outputs filled with 0xA5 before.
  assay_status Run(const assay_subject& subject);
  assay_attention_args& args() { return args_; }
  // Of out and lse, or of the gradients that the call writes.
  std::vector<std::uint8_t> Outputs() const;

 private:
  struct Tensor {
    std::vector<std::uint8_t> bytes;
    std::ptrdiff_t strides[4] = {};
  };
  using Sizes = std::size_t[4];

  Tensor Make(std::size_t n, std::size_t h, std::size_t i, std::size_t j, std::size_t element_bytes) const;
  // Multiples of 2^-4 up to `most` in size.
  assay_const_tensor Numbers(std::size_t h, std::size_t i, std::size_t j, int most, assay_dtype dtype);
  assay_tensor Output(std::size_t h, std::size_t i, std::size_t j, assay_dtype dtype);
  void Options();

  assay_op op_;
  Stream random_;
  assay_attention_args args_{};
  std::vector<std::unique_ptr<Tensor>> inputs_, outputs_;
  std::vector<std::uint8_t> scratch_;
};

}  // namespace assay::internal
