// SPDX-License-Identifier: Apache-2.0
//
// Calls of a table's functions on buffers of our own, for the tests of the plain subjects: no Case, no guard pages.

#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <random>
#include <string_view>
#include <vector>

#include "assay/assay.h"
#include "subjects/registry.h"
#include "subjects/scalar/call.h"
#include "subjects/scalar/number.h"
#include "subjects/scalar/single.h"

namespace assay::subjects {

// One call, operands dense and row by row; an empty vector is an absent operand.
struct TestCall {
  assay_op op = ASSAY_SOFTMAX;
  assay_dtype dtype = ASSAY_F32;
  std::size_t rows = 1;
  std::size_t cols = 1;
  std::vector<double> logits;
  std::vector<double> bias;
  std::vector<std::uint8_t> mask;
  std::vector<double> saved;
  std::vector<double> upstream;
  std::vector<double> targets;
  std::vector<std::int64_t> labels;
  double temperature = 1;
  double label_smoothing = 0;
  assay_empty_row empty_row = ASSAY_EMPTY_ROW_AUTO;
  assay_reduction reduction = ASSAY_REDUCTION_NONE;
  bool has_ignore_index = false;
  std::int64_t ignore_index = -100;
  // Where the first entry of every buffer of numbers lies, in elements.
  std::size_t offset = 0;
  // Last changes to the arguments, which point at buffers that end 64 elements behind the last entry.
  std::function<void(assay_row_args&)> change = [](assay_row_args&) {};

  std::size_t OutRows() const { return op == ASSAY_CROSS_ENTROPY && reduction != ASSAY_REDUCTION_NONE ? 1 : rows; }
  std::size_t OutCols() const { return op == ASSAY_LOGSUMEXP || op == ASSAY_CROSS_ENTROPY ? 1 : cols; }
};

struct TestResult {
  assay_status status = ASSAY_OK;
  std::vector<double> out;
  bool outside_intact = true;
};

inline std::vector<std::uint64_t> Encode(assay_dtype dtype, const std::vector<double>& values, std::size_t offset) {
  constexpr std::size_t kMargin = 64;
  std::vector<std::uint64_t> buffer(values.size() + offset + kMargin, 0xA5A5A5A5A5A5A5A5);
  for (std::size_t i = 0; i < values.size(); ++i) {
    StoreNumber(dtype, buffer.data(), static_cast<std::ptrdiff_t>(offset + i), values[i]);
  }
  return buffer;
}

inline TestResult CallTable(const assay_subject& table, const TestCall& c) {
  const std::size_t out_size = c.OutRows() * c.OutCols();
  const std::size_t bytes = BytesOf(c.dtype);
  auto logits = Encode(c.dtype, c.logits, c.offset);
  auto bias = Encode(c.dtype, c.bias, c.offset);
  auto saved = Encode(c.dtype, c.saved, c.offset);
  auto upstream = Encode(c.dtype, c.upstream, c.offset);
  auto targets = Encode(c.dtype, c.targets, c.offset);
  std::vector<double> nothing(out_size);
  auto out = Encode(c.dtype, {}, c.offset + out_size);
  const auto before = out;
  const auto cols = static_cast<std::ptrdiff_t>(c.cols);
  const auto matrix = [&](const auto& values, const auto& buffer, std::ptrdiff_t row_stride) {
    const auto* start = reinterpret_cast<const char*>(buffer.data()) + c.offset * bytes;
    return assay_const_matrix{values.empty() ? nullptr : start, row_stride, 1};
  };
  assay_row_args args = {};
  args.struct_size = sizeof args;
  args.rows = c.rows;
  args.cols = c.cols;
  args.temperature = c.temperature;
  args.label_smoothing = c.label_smoothing;
  args.ignore_index = c.ignore_index;
  args.dtype = c.dtype;
  args.empty_row = c.empty_row;
  args.reduction = c.reduction;
  args.has_ignore_index = c.has_ignore_index ? 1 : 0;
  args.logits = matrix(c.logits, logits, cols);
  args.bias = matrix(c.bias, bias, cols);
  args.mask = {c.mask.empty() ? nullptr : c.mask.data(), cols, 1};
  args.saved = matrix(c.saved, saved, cols);
  args.upstream = matrix(c.upstream, upstream, c.op == ASSAY_CROSS_ENTROPY_BACKWARD ? 1 : cols);
  args.targets = matrix(c.targets, targets, cols);
  args.labels = {c.labels.empty() ? nullptr : c.labels.data(), 1, 1};
  auto* first = reinterpret_cast<char*>(out.data()) + c.offset * bytes;
  args.out = {first, static_cast<std::ptrdiff_t>(c.OutCols()), 1};
  c.change(args);

  TestResult result;
  result.status = (table.*KernelOf(c.op)).run(&args);
  const bool dense = args.out.data == first && args.out.col_stride == 1;
  for (std::size_t i = 0; result.status == ASSAY_OK && i < out_size; ++i) {
    const auto row = static_cast<std::ptrdiff_t>(i / c.OutCols());
    const auto col = static_cast<std::ptrdiff_t>(i % c.OutCols());
    result.out.push_back(LoadNumber(c.dtype, args.out.data, row * args.out.row_stride + col * args.out.col_stride));
  }
  if (dense && args.out.row_stride == static_cast<std::ptrdiff_t>(c.OutCols())) {
    const auto* now = reinterpret_cast<const char*>(out.data());
    const auto* then = reinterpret_cast<const char*>(before.data());
    const std::size_t begin = c.offset * bytes;
    const std::size_t end = begin + out_size * bytes;
    for (std::size_t i = 0; i < out.size() * sizeof out[0]; ++i) {
      if ((i < begin || i >= end) && now[i] != then[i]) result.outside_intact = false;
    }
  }
  return result;
}

inline TestResult CallTable(std::string_view name, const TestCall& c) {
  return CallTable(*FindBuiltIn(name)->table, c);
}

// An ordinary call: N(0, 1) logits (or a saved softmax and its upstream), a label each; T = 1.
inline TestCall Benign(assay_op op, assay_dtype dtype, std::size_t rows, std::size_t cols, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  const auto normals = [&] {
    std::vector<double> values(rows * cols);
    for (double& value : values) value = RoundNumber(dtype, normal(random));
    return values;
  };
  TestCall c;
  c.op = op;
  c.dtype = dtype;
  c.rows = rows;
  c.cols = cols;
  c.logits = normals();
  if (IsCrossEntropy(op)) {
    for (std::size_t row = 0; row < rows; ++row) c.labels.push_back(static_cast<std::int64_t>(random() % cols));
  }
  if (IsActivationBackward(op)) {
    TestCall forward = c;
    forward.op = op == ASSAY_SOFTMAX_BACKWARD       ? ASSAY_SOFTMAX
                 : op == ASSAY_LOG_SOFTMAX_BACKWARD ? ASSAY_LOG_SOFTMAX
                                                    : ASSAY_SPARSEMAX;
    c.saved = CallTable("scalar", forward).out;
    c.upstream = normals();
    c.logits.clear();
  }
  return c;
}

}  // namespace assay::subjects
