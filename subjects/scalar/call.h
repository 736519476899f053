// SPDX-License-Identifier: Apache-2.0
//
// What every plain subject does around its arithmetic: judging the arguments, and reaching the operands entry by entry
// whatever their type and strides.

#pragma once

#include <cstddef>
#include <cstdint>

#include "assay/assay.h"

namespace assay::subjects {

// What the operation has: the checks follow from it.
bool IsActivationBackward(assay_op op);  // saved and upstream instead of logits
bool IsCrossEntropy(assay_op op);        // forward or backward: labels or targets

// Everything assay.h promises to refuse, in any operation; reads labels and nothing else of the operands.
assay_status Check(const assay_row_args* args, assay_op op);

// Whether the calls's rows or columns are none. What to do then is written at Empty in assay.h; nothing else may run.
inline bool IsEmpty(const assay_row_args& args) { return args.rows == 0 || args.cols == 0; }

// The operands of a checked call. Rows and columns are below 2^63: they are places in memory.
class Call {
 public:
  explicit Call(const assay_row_args& args) : args_(args) {}

  const assay_row_args& args() const { return args_; }
  std::size_t rows() const { return args_.rows; }
  std::size_t cols() const { return args_.cols; }
  double temperature() const { return args_.temperature; }
  assay_dtype dtype() const { return static_cast<assay_dtype>(args_.dtype); }

  double Logit(std::size_t row, std::size_t col) const { return At(args_.logits, row, col); }
  double Bias(std::size_t row, std::size_t col) const {
    return args_.bias.data == nullptr ? 0 : At(args_.bias, row, col);
  }
  bool HasMask() const { return args_.mask.data != nullptr; }
  std::uint8_t MaskByte(std::size_t row, std::size_t col) const;  // nonzero = visible; without a mask 1
  bool Masked(std::size_t row, std::size_t col) const;
  double Saved(std::size_t row, std::size_t col) const { return At(args_.saved, row, col); }
  double Upstream(std::size_t row, std::size_t col) const { return At(args_.upstream, row, col); }
  // Of a loss: of that row, or of all.
  double LossUpstream(std::size_t row) const;
  // The target distribution before smoothing.
  double Target(std::size_t row, std::size_t col) const;
  // Whether the row's label is ignore_index.
  bool Ignored(std::size_t row) const;

  // What a row without a visible entry gives: zeros, or else NaN.
  bool EmptyRowIsZero() const;

  void Set(std::size_t row, std::size_t col, long double value) const;
  void Fill(std::size_t row, long double value) const;
  // What has been written there.
  double Result(std::size_t row, std::size_t col) const;

 private:
  double At(const assay_const_matrix& m, std::size_t row, std::size_t col) const;
  std::int64_t Label(std::size_t row) const;

  const assay_row_args& args_;
};

}  // namespace assay::subjects
