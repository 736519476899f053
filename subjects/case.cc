// SPDX-License-Identifier: Apache-2.0
//
// What can be said of a Case without running it.

#include "subjects/case.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>

namespace assay::subjects {
namespace {

template <class T>
bool SameBytes(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

// True where rows of cols + gap floats have a size that fits in ptrdiff_t.
bool Addressable(std::size_t rows, std::size_t cols, std::size_t gap) {
  constexpr std::size_t kMax = std::numeric_limits<std::ptrdiff_t>::max() / sizeof(float);
  std::size_t stride = 0;
  std::size_t total = 0;
  return !__builtin_add_overflow(cols, gap, &stride) && !__builtin_mul_overflow(rows, stride, &total) && total <= kMax;
}

}  // namespace

bool Case::Visible(std::size_t row, std::size_t col) const {
  const std::size_t i = row * cols + col;
  return (!has_mask || mask[i] != 0) && logits[i] != -std::numeric_limits<float>::infinity();
}

bool SameBits(const Case& a, const Case& b) {
  return a.rows == b.rows && a.cols == b.cols && a.logits_gap == b.logits_gap && a.probs_gap == b.probs_gap &&
         a.offset == b.offset && a.guard == b.guard && a.in_place == b.in_place &&
         std::memcmp(&a.temperature, &b.temperature, sizeof a.temperature) == 0 && a.empty_row == b.empty_row &&
         SameBytes(a.logits, b.logits) && a.has_mask == b.has_mask && SameBytes(a.mask, b.mask);
}

Case OneRow(const Case& c, std::size_t row) {
  if (row >= c.rows) throw std::out_of_range("OneRow: the case has no such row");
  Case one = c;
  one.rows = 1;
  const auto first = static_cast<std::ptrdiff_t>(row * c.cols);
  const auto last = first + static_cast<std::ptrdiff_t>(c.cols);
  one.logits.assign(c.logits.begin() + first, c.logits.begin() + last);
  if (c.has_mask) one.mask.assign(c.mask.begin() + first, c.mask.begin() + last);
  return one;
}

void Validate(const Case& c) {
  if (!Addressable(c.rows, c.cols, 0)) throw std::invalid_argument("rows * cols is too large to be addressed");
  if (!Addressable(c.rows, c.cols, c.logits_gap))
    throw std::invalid_argument("logits_gap: rows * (cols + gap) overflows");
  if (!Addressable(c.rows, c.cols, c.probs_gap))
    throw std::invalid_argument("probs_gap: rows * (cols + gap) overflows");
  if (!Addressable(1, 0, c.offset)) throw std::invalid_argument("offset is too large to be addressed");
  const std::size_t size = c.rows * c.cols;
  if (c.logits.size() != size) {
    throw std::invalid_argument("logits holds " + std::to_string(c.logits.size()) + " elements, rows * cols is " +
                                std::to_string(size));
  }
  if (c.mask.size() != (c.has_mask ? size : 0)) {
    throw std::invalid_argument("mask holds " + std::to_string(c.mask.size()) + " elements, expected are " +
                                std::to_string(c.has_mask ? size : 0));
  }
  if (c.empty_row != ASSAY_EMPTY_ROW_AUTO && c.empty_row != ASSAY_EMPTY_ROW_NAN &&
      c.empty_row != ASSAY_EMPTY_ROW_ZERO) {
    throw std::invalid_argument("empty_row holds no value of its enumeration");
  }
  if (c.guard != Guard::kAfter && c.guard != Guard::kBefore) {
    throw std::invalid_argument("guard holds no value of its enumeration");
  }
}

}  // namespace assay::subjects
