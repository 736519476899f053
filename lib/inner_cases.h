// SPDX-License-Identifier: Apache-2.0
//
// Calls for inner_test.cc, as contiguous rows and as rows that lie side by side.

#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "assay/assay.h"
#include "number.h"
#include "request.h"

namespace assay::internal {

struct Shape {
  std::size_t rows;
  std::size_t cols;
};

// kHuge: beyond the range of every hot path; kCancelling: a bias takes the logits back but for a little.
enum class Values { kUsual, kSpread, kFarDown, kSpecial, kHuge, kCancelling };

// One call's operands, contiguous or with rows side by side (and unused columns between, if padded).
class Operands {
 public:
  Operands(std::int32_t dtype, Shape shape, bool inner, std::size_t padding)
      : dtype_(dtype),
        row_(inner ? 1 : shape.cols),
        col_(inner ? shape.rows + padding : 1),
        size_((inner ? col_ * shape.cols : shape.rows * shape.cols) + shape.rows),
        bytes_(BytesOf(dtype)) {
    for (auto* of : {&first, &second, &bias, &out}) of->assign(size_ * bytes_, 0xA5);
    mask.assign(size_, 0);
  }

  std::size_t At(std::size_t i, std::size_t j) const { return i * row_ + j * col_; }
  void Set(std::vector<std::uint8_t>& of, std::size_t i, std::size_t j, double value) {
    StoreNumber(dtype_, of.data(), static_cast<std::ptrdiff_t>(At(i, j)), value);
  }
  assay_const_matrix In(const std::vector<std::uint8_t>& of) const {
    return {of.data(), static_cast<std::ptrdiff_t>(row_), static_cast<std::ptrdiff_t>(col_)};
  }
  assay_matrix Out(std::vector<std::uint8_t>& of) const {
    return {of.data(), static_cast<std::ptrdiff_t>(row_), static_cast<std::ptrdiff_t>(col_)};
  }

  std::vector<std::uint8_t> first;   // logits, or saved
  std::vector<std::uint8_t> second;  // upstream, or targets
  std::vector<std::uint8_t> bias;
  std::vector<std::uint8_t> out;
  std::vector<std::uint8_t> mask;

 private:
  std::int32_t dtype_;
  std::size_t row_;
  std::size_t col_;
  std::size_t size_;
  std::size_t bytes_;
};

struct Setting {
  assay_op op;
  std::int32_t dtype;
  Shape shape;
  Values values;
  bool masked;
  bool biased;
  bool in_place;
  bool dense_targets;  // of a loss, instead of labels
  double smoothing;    // of a loss
  bool ignoring;       // the label of row 1
  bool with_upstream;  // of a loss: one a row, some of them huge
  assay_reduction reduction;
  double temperature;
};

// A call's choices by its number, each of them with each of the others.
Setting SettingOf(assay_op op, std::int32_t dtype, Shape shape, Values values, unsigned number);

void Fill(const Setting& s, Operands& operands, unsigned seed);

// The call's status; its results are in ResultsOf.
assay_status Run(const assay_subject& subject, const Setting& s, Operands& operands);

// All that is in the buffer that a call's results are written to.
std::vector<std::uint8_t>& ResultsOf(const Setting& s, Operands& operands);

}  // namespace assay::internal
